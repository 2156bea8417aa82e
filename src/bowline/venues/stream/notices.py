"""What a feed tells besides ticks: what came alive, fell silent or is not believed any more."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import CandleSeen, QuoteChanged, TradePrinted
from bowline.venues.books import BookKeeper
from bowline.venues.feed import Topic


class ConnectionLost(Struct, frozen=True, tag=True):
    """Every topic of a connection has a hole from here on until it is live again."""

    url: str
    why: str
    topics: tuple[Topic, ...]
    again_after_s: float


class TopicLive(Struct, frozen=True, tag=True):
    """Ticks come, for the first time or again."""

    topic: Topic


class TopicSilent(Struct, frozen=True, tag=True):
    """A topic owes a tick and is asked for again."""

    topic: Topic


class TopicRefused(Struct, frozen=True, tag=True):
    """The venue will not serve it; it is asked again now and then."""

    topic: Topic
    code: str
    message: str


class FrameUnreadable(Struct, frozen=True, tag=True):
    """A frame was not what the venue documents. What it would have said is missing."""

    url: str
    message: str


class BookInvalid(Struct, frozen=True, tag=True):
    """The book of an instrument must not be used from here on."""

    instrument: InstrumentId
    reason: str


class BookValid(Struct, frozen=True, tag=True):
    """The book of an instrument is whole again."""

    instrument: InstrumentId


Notice = (
    ConnectionLost
    | TopicLive
    | TopicSilent
    | TopicRefused
    | FrameUnreadable
    | BookInvalid
    | BookValid
)


class FeedSink(Protocol):
    """Whoever listens to a feed. Everything is called inside the frame's own callback."""

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        """A tick that is no book's. While a connection is relieved a candle may come twice."""

    def book(self, keeper: BookKeeper, seen_ns: int) -> None:
        """A book has changed and is valid."""

    def notice(self, notice: Notice, seen_ns: int) -> None:
        """Something about the feed itself."""
