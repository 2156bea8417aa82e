"""The errors of a call to a venue: not done, not done yet, or the outcome is unknown.

Every failure of a call to a venue is exactly one of these. `Unknown` must be raised wherever the
request may have been carried out; a timeout after sending is never anything else.
"""

from __future__ import annotations

from bowline.core.errors import BowlineError


class VenueError(BowlineError):
    """A venue's failure. `code` is the venue's own, empty where it gave none."""

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Rejected(VenueError):
    """Final: the venue did not do it and will not, however often the request is repeated."""


class TooOld(Rejected):
    """The requested data is older than what the venue serves."""


class Retryable(VenueError):
    """The venue did not do it, and may if the request is repeated after `after_s` seconds."""

    def __init__(self, message: str, *, after_s: float, code: str = "", hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.after_s = after_s


class UnreadableReply(Retryable):
    """A reply to a read that does not match the venue's documentation."""


class Unknown(VenueError):
    """It may have happened. Never send it again before the fence; look the order up."""
