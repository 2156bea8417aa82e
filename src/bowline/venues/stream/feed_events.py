"""Events of a public feed besides its ticks: the state of connections, topics and books."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import CandleSeen, QuoteChanged, TradePrinted
from bowline.venues.feed_codec import FeedTopic
from bowline.venues.local_book import LocalBook


class ConnectionLost(Struct, frozen=True, tag=True):
    """The connection of these topics ended; ticks are missing until each topic is live again."""

    url: str
    why: str
    topics: tuple[FeedTopic, ...]
    retry_after_s: float


class TopicLive(Struct, frozen=True, tag=True):
    """Ticks arrive, for the first time or again."""

    topic: FeedTopic


class TopicSilent(Struct, frozen=True, tag=True):
    """No tick within the timeout; the topic is requested again."""

    topic: FeedTopic


class TopicRefused(Struct, frozen=True, tag=True):
    """The venue refused the subscription; it is requested again at growing intervals."""

    topic: FeedTopic
    code: str
    message: str


class FrameUnreadable(Struct, frozen=True, tag=True):
    """A frame does not match the venue's documentation; its content is missing."""

    url: str
    message: str


class BookInvalid(Struct, frozen=True, tag=True):
    """The book of an instrument must not be used from now on."""

    instrument: InstrumentId
    reason: str


class BookValid(Struct, frozen=True, tag=True):
    """The book of an instrument is valid from now on."""

    instrument: InstrumentId


FeedEvent = (
    ConnectionLost
    | TopicLive
    | TopicSilent
    | TopicRefused
    | FrameUnreadable
    | BookInvalid
    | BookValid
)


class FeedSink(Protocol):
    """What receives a feed. Every method is called inside the socket's frame callback."""

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        """A trade, quote or candle. While a connection is replaced a candle may arrive twice."""

    def book(self, local_book: LocalBook, seen_ns: int) -> None:
        """A valid book changed."""

    def event(self, event: FeedEvent, seen_ns: int) -> None:
        """The state of the feed changed."""
