"""Where ticks go: closed candles aside, trades and quotes on the tape, all of it counted.

It is called inside the frame's own callback: it must never wait, and never do I/O.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import CandleSeen, QuoteChanged, TradePrinted
from bowline.runtime.ingest.health import Count, IngestHealth
from bowline.runtime.ingest.intake import AHEAD_NS
from bowline.runtime.ingest.live import LiveCandles
from bowline.storage.tape import TapeWriter
from bowline.venues import BookKeeper, Channel
from bowline.venues.stream import (
    BookInvalid,
    BookValid,
    ConnectionLost,
    FrameUnreadable,
    Notice,
    TopicLive,
    TopicRefused,
    TopicSilent,
)

_log = logging.getLogger(__name__)


class IngestSink:
    """The sink of every market that is recorded. `owe` asks for a repair of an instrument.

    `venue_now_ns` is the time at an instrument's venue, as far as it is known.
    """

    def __init__(
        self,
        candles: LiveCandles,
        tape: TapeWriter,
        health: IngestHealth,
        owe: Callable[[InstrumentId], None],
        heard: Callable[[TradePrinted | QuoteChanged], None],
        venue_now_ns: Callable[[InstrumentId], int],
    ) -> None:
        self._candles = candles
        self._tape = tape
        self._health = health
        self._owe = owe
        self._heard = heard
        self._venue_now_ns = venue_now_ns

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        """Take a tick."""
        self._health.tick(tick.instrument, seen_ns)
        if isinstance(tick, CandleSeen):
            # a minute that is still to come would make every one before it look settled
            if tick.open_ns > self._venue_now_ns(tick.instrument) + AHEAD_NS:
                self._health.counts[Count.CANDLES_REFUSED] += 1
                self._health.trouble(f"{tick.instrument.symbol} tells a minute that is to come")
                return
            self._candles.see(tick)
        else:
            self._tape.buffer(tick, seen_ns)
            self._heard(tick)

    def book(self, keeper: BookKeeper, seen_ns: int) -> None:
        """Books are not recorded here."""

    def notice(self, notice: Notice, seen_ns: int) -> None:  # noqa: ARG002 - the log has its own
        """Count it, log it, and ask for what it may have cost."""
        counts = self._health.counts
        match notice:
            case TopicLive(topic):
                more = {"channel": topic.channel.value, "symbol": topic.instrument.symbol}
                _log.info("topic is live", extra=more)
                if topic.channel is Channel.CANDLES:
                    self._owe(topic.instrument)
            case ConnectionLost(url, why, topics, again_after_s):
                counts[Count.CONNECTIONS_LOST] += 1
                self._health.trouble(
                    f"{url}: {why}", again_after_s=again_after_s, topics=len(topics)
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
