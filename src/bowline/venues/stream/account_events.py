"""What an account stream delivers: reports, and events about the stream itself."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.protocol import UnreadableRow
from bowline.venues.stream.feed_events import FrameUnreadable


class StreamLive(Struct, frozen=True, tag=True):
    """Logged in and subscribed: everything from here on is delivered."""


class StreamLost(Struct, frozen=True, tag=True):
    """The connection ended; until the stream is live again only REST is polled."""

    why: str
    retry_after_s: float


class KeyRefused(Struct, frozen=True, tag=True):
    """The venue refused the API key, with its code and message."""

    code: str
    message: str


class StreamMissed(Struct, frozen=True, tag=True):
    """REST returned what the stream did not deliver in time; the stream is opened again."""

    report: OrderReport | FillReport


class OrderStateUnknown(Struct, frozen=True, tag=True):
    """The state of an order is not known: an undocumented status, or an unreadable row.

    REST is polled.
    """

    report: OrderReport


class RowUnreadable(Struct, frozen=True, tag=True):
    """A row of a REST reply does not match the venue's documentation; reported once.

    What it concerns keeps its last known state and is never taken for absent.
    """

    row: UnreadableRow


class RestFailed(Struct, frozen=True, tag=True):
    """A poll of REST failed; it is repeated."""

    message: str


class RestPolled(Struct, frozen=True, tag=True):
    """A poll of REST is complete; everything new was reported."""


AccountEvent = (
    StreamLive
    | StreamLost
    | KeyRefused
    | StreamMissed
    | OrderStateUnknown
    | RowUnreadable
    | RestFailed
    | RestPolled
    | FrameUnreadable
)


class AccountSink(Protocol):
    """What receives an account stream. A fill arrives once; an order never goes backwards."""

    def report(
        self, report: OrderReport | FillReport | Balance | PositionReport, seen_ns: int
    ) -> None:
        """A report of the account; `seen_ns`: when it was received."""

    def event(self, event: AccountEvent, seen_ns: int) -> None:
        """The state of the stream changed."""
