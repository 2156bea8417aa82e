"""What an account's stream tells: reports, and what has become of the stream itself."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.protocol import UnreadableRow
from bowline.venues.stream.notices import FrameUnreadable


class StreamLive(Struct, frozen=True, tag=True):
    """The venue knows us and tells everything from here on."""


class StreamLost(Struct, frozen=True, tag=True):
    """The stream has a hole from here on until it is live again; REST is asked meanwhile."""

    why: str
    again_after_s: float


class KeyRefused(Struct, frozen=True, tag=True):
    """The venue does not take the key; with its code and words."""

    code: str
    message: str


class StreamMissed(Struct, frozen=True, tag=True):
    """REST told what the stream should have told and did not: it is deaf, and is opened anew."""

    report: OrderReport | FillReport


class OrderInDoubt(Struct, frozen=True, tag=True):
    """Nobody here knows the state of an order: a word that is new, or a row that is unreadable.

    REST is asked.
    """

    report: OrderReport


class RowUnreadable(Struct, frozen=True, tag=True):
    """A row of what REST told is not what the venue documents; told once, and never taken for gone.

    What it is about stays as it was known until then.
    """

    row: UnreadableRow


class RestSilent(Struct, frozen=True, tag=True):
    """The second source could not be asked; it is asked again."""

    message: str


class RestAsked(Struct, frozen=True, tag=True):
    """The second source has been asked of everything, and what was new has been told."""


AccountNotice = (
    StreamLive
    | StreamLost
    | KeyRefused
    | StreamMissed
    | OrderInDoubt
    | RowUnreadable
    | RestSilent
    | RestAsked
    | FrameUnreadable
)


class AccountSink(Protocol):
    """Whoever listens to an account. A fill is told once, an order never goes backwards."""

    def report(
        self, report: OrderReport | FillReport | Balance | PositionReport, seen_ns: int
    ) -> None:
        """Something of the account, when it was seen here."""

    def notice(self, notice: AccountNotice, seen_ns: int) -> None:
        """Something about the stream itself."""
