"""How the recording goes: a count of everything that happened, and how far behind each one is.

It is a fold of what it is told, and it logs what goes wrong. A number here is what was seen, never
an estimate.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.values import MINUTE_NS, SECOND_NS

_log = logging.getLogger(__name__)

#: a closed candle is late when it is not here this long after its close
LATE_NS = MINUTE_NS
#: the same trouble is a line of the log this often
AGAIN_S = 600.0
#: different troubles that are remembered for that
MOST_TOLD = 1_000
#: a local clock that is off by more than this is told
SKEW_NS = 2 * SECOND_NS


class Count(StrEnum):
    """What is counted."""

    TICKS = "ticks"
    CANDLES_LIVE = "candles_live"
    CANDLES_REPAIRED = "candles_repaired"
    CANDLES_REFUSED = "candles_refused"
    CANDLES_LOOKED_AT = "candles_looked_at"
    CANDLES_RESTATED = "candles_restated"
    CONNECTIONS_LOST = "connections_lost"
    TOPICS_SILENT = "topics_silent"
    TOPICS_REFUSED = "topics_refused"
    FRAMES_UNREADABLE = "frames_unreadable"
    BOOKS_DOUBTED = "books_doubted"
    REPAIRS_FAILED = "repairs_failed"
    LISTINGS_SYNCED = "listings_synced"


class InstrumentHealth(Struct, frozen=True):
    """One instrument: when its newest candle ended and its last tick came; 0: none yet."""

    name: str
    candle_ns: int
    tick_ns: int
    candle_lag_s: float | None
    late: bool


class HealthReport(Struct, frozen=True):
    """Everything at one moment; `trouble` is the last thing that went wrong, in words.

    `ended`: the recorder has stopped, and this is its last word.
    """

    seen_ns: int
    started_ns: int
    counts: dict[str, int]
    instruments: tuple[InstrumentHealth, ...]
    trouble: str = ""
    ended: bool = False

    @property
    def late(self) -> tuple[str, ...]:
        """The instruments whose candles do not grow."""
        return tuple(each.name for each in self.instruments if each.late)


class IngestHealth:
    """What is known of the recording so far."""

    def __init__(
        self,
        instruments: tuple[InstrumentId, ...],
        started_ns: int,
        ahead_ns: Callable[[InstrumentId], int] = lambda _: 0,
    ) -> None:
        self._started_ns = started_ns
        self._ahead_ns = ahead_ns
        self._told_ahead_ns: dict[str, int] = {}
        self._candle_ns = dict.fromkeys(instruments, 0)
        self._tick_ns = dict.fromkeys(instruments, 0)
        self._trouble = ""
        #: by what is out of order: the words that the log has of it, and since when
        self._told: dict[str, tuple[str, float]] = {}
        self.counts: Counter[Count] = Counter()

    def trouble(self, words: str, *, what: str = "", **more: object) -> None:
        """Something went wrong: the report has the last, the log each once in ten minutes.

        `what` names what is out of order until it is `mended`, however it is said.
        """
        self._trouble = words
        key, now_s = what or words, time.monotonic()
        before, told_s = self._told.pop(key, ("", 0.0))
        if before != words or now_s - told_s >= AGAIN_S:
            told_s = now_s
            _log.warning("%s", words, extra=more)
        self._told[key] = words, told_s
        if len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]

    def mended(self, what: str) -> None:
        """What was out of order works again; told once, and nothing if it was in order."""
        words, _ = self._told.pop(what, ("", 0.0))
        if words:
            _log.info("%s: works again", what)
        if words and words == self._trouble:
            self._trouble = f"{words} – it works again"

    def clock(self, market: str, ahead_ns: int) -> None:
        """How far the local clock is ahead of a market's; told when it is much, or changes."""
        told_ns = self._told_ahead_ns.get(market, 0)
        if abs(ahead_ns - told_ns) <= SKEW_NS:
            return
        self._told_ahead_ns[market] = ahead_ns if abs(ahead_ns) > SKEW_NS else 0
        where = "ahead of" if ahead_ns > 0 else "behind"
        if abs(ahead_ns) > SKEW_NS:
            off = f"the local clock is {abs(ahead_ns) / 1e9:,.1f} s {where} {market}'s"
            self.trouble(f"{off}: the venue's time counts; set the clock")
        else:
            _log.info("the local clock is right again", extra={"market": market})

    def tick(self, instrument: InstrumentId, seen_ns: int) -> None:
        """Something came of an instrument."""
        self._tick_ns[instrument] = seen_ns
        self.counts[Count.TICKS] += 1

    def candle(self, instrument: InstrumentId, close_ns: int) -> None:
        """A candle that ended then is stored."""
        self._candle_ns[instrument] = max(self._candle_ns[instrument], close_ns)

    def late(self, now_ns: int) -> set[InstrumentId]:
        """The instruments whose candles do not grow."""
        return {each for each in self._candle_ns if self._of(each, now_ns).late}

    def report(self, now_ns: int, *, ended: bool = False) -> HealthReport:
        """All of it at this moment."""
        return HealthReport(
            now_ns,
            self._started_ns,
            {count.value: self.counts[count] for count in Count},
            tuple(self._of(each, now_ns) for each in self._candle_ns),
            self._trouble,
            ended,
        )

    def _of(self, instrument: InstrumentId, now_ns: int) -> InstrumentHealth:
        candle_ns = self._candle_ns[instrument]
        # the newest that can be closed ended with the last full minute
        ahead_ns = self._ahead_ns(instrument)
        now_ns -= ahead_ns
        lag_ns = now_ns - max(candle_ns, self._started_ns - ahead_ns)
        return InstrumentHealth(
            Instrument(instrument).key,
            candle_ns,
            self._tick_ns[instrument],
            round((now_ns - candle_ns) / 1e9, 1) if candle_ns else None,
            late=lag_ns > MINUTE_NS + LATE_NS,
        )
