"""What a venue's answer means for money: nothing happened, try later, or nobody knows.

Every failure of a call to a venue is exactly one of these. `Unknown` must be raised wherever the
request may have been carried out, and a timeout after sending is never anything else.
"""

from __future__ import annotations

from bowline.core.errors import BowlineError


class VenueError(BowlineError):
    """A venue's failure. `code` is the venue's own, empty where it gave none."""

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Rejected(VenueError):
    """Final: the venue did not do it and will not, however often it is asked."""


class TooOld(Rejected):
    """What was asked for is older than the venue tells: nobody will ever have it from there."""


class Retryable(VenueError):
    """The venue did not do it, and may if asked again `after_s` seconds from now."""

    def __init__(self, message: str, *, after_s: float, code: str = "", hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.after_s = after_s


class UnreadableReply(Retryable):
    """A reply to a question that is not what the venue documents: nobody knows what it says."""


class Unknown(VenueError):
    """It may have happened. Never send it again before the fence; look it up."""
