"""The sink of recorded feeds: candles are collected, trades and quotes buffered for the tape.

It is called from the socket's frame callback: it must never wait and never do I/O.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import CandleSeen, QuoteChanged, TradePrinted
from bowline.runtime.ingest.candle_writer import CLOCK_TOLERANCE_NS
from bowline.runtime.ingest.health import Count, IngestHealth
from bowline.runtime.ingest.live import LiveCandles
from bowline.storage.tape import TapeWriter
from bowline.venues import FeedChannel, LocalBook
from bowline.venues.stream import (
    BookInvalid,
    BookValid,
    ConnectionLost,
    FeedEvent,
    FrameUnreadable,
    TopicLive,
    TopicRefused,
    TopicSilent,
)

_log = logging.getLogger(__name__)


class IngestSink:
    """The sink of every recorded market.

    `mark_missing` requests a repair of an instrument; `publish` receives every trade and quote;
    `venue_now_ns` returns the time at an instrument's venue, ns UTC.
    """

    def __init__(
        self,
        candles: LiveCandles,
        tape: TapeWriter,
        health: IngestHealth,
        mark_missing: Callable[[InstrumentId], None],
        publish: Callable[[TradePrinted | QuoteChanged], None],
        venue_now_ns: Callable[[InstrumentId], int],
    ) -> None:
        self._candles = candles
        self._tape = tape
        self._health = health
        self._mark_missing = mark_missing
        self._publish = publish
        self._venue_now_ns = venue_now_ns

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        """Record a tick."""
        self._health.tick(tick.instrument, seen_ns)
        if isinstance(tick, CandleSeen):
            # a future minute would make every minute before it look complete
            if tick.open_ns > self._venue_now_ns(tick.instrument) + CLOCK_TOLERANCE_NS:
                self._health.counts[Count.CANDLES_REFUSED] += 1
                self._health.trouble(f"{tick.instrument.symbol}: the feed sent a future candle")
                return
            self._candles.add(tick)
        else:
            self._tape.buffer(tick, seen_ns)
            self._publish(tick)

    def book(self, local_book: LocalBook, seen_ns: int) -> None:
        """Books are not recorded."""

    def event(self, event: FeedEvent, seen_ns: int) -> None:  # noqa: ARG002 - the log has its own
        """Count and log the event; request a repair where candles may be missing."""
        counts = self._health.counts
        match event:
            case TopicLive(topic):
                more = {"channel": topic.channel.value, "symbol": topic.instrument.symbol}
                _log.info("topic is live", extra=more)
                if topic.channel is FeedChannel.CANDLES:
                    self._mark_missing(topic.instrument)
            case ConnectionLost(url, why, topics, retry_after_s):
                counts[Count.CONNECTIONS_LOST] += 1
                self._health.trouble(
                    f"{url}: {why}", retry_after_s=retry_after_s, topics=len(topics)
                )
            case TopicSilent(topic):
                counts[Count.TOPICS_SILENT] += 1
                self._health.trouble(f"{topic.channel} of {topic.instrument.symbol} is silent")
            case TopicRefused(topic, code, message):
                counts[Count.TOPICS_REFUSED] += 1
                name = f"{topic.channel} of {topic.instrument.symbol}"
                self._health.trouble(f"{name} is refused: {code} {message}".strip())
            case FrameUnreadable(url, message):
                counts[Count.FRAMES_UNREADABLE] += 1
                self._health.trouble(f"{url}: {message}")
            case BookInvalid():
                counts[Count.BOOKS_DOUBTED] += 1
            case BookValid():
                pass
