"""The health of a recording: event counts, and the lag of each instrument.

It collects what the other parts report and logs problems. Numbers are counted, never estimated.
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

#: a closed candle is late if it is not stored this long after its close
LATE_NS = MINUTE_NS
#: the same problem is logged at most this often
LOG_EVERY_S = 600.0
#: number of problems that are remembered for that
MAX_LOGGED = 1_000
#: a larger offset of the local clock is reported
SKEW_NS = 2 * SECOND_NS


class Count(StrEnum):
    """The events that are counted."""

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
    """One instrument: close time of its newest candle and time of its last tick; 0: none yet."""

    name: str
    candle_ns: int
    tick_ns: int
    candle_lag_s: float | None
    late: bool


class HealthReport(Struct, frozen=True):
    """The state of a recording at `seen_ns`; `trouble` is the last problem.

    `ended`: the recorder has stopped and this is its last report.
    """

    seen_ns: int
    started_ns: int
    counts: dict[str, int]
    instruments: tuple[InstrumentHealth, ...]
    trouble: str = ""
    ended: bool = False

    @property
    def late(self) -> tuple[str, ...]:
        """The instruments whose newest candle is late."""
        return tuple(each.name for each in self.instruments if each.late)


class IngestHealth:
    """Collects counts, lags and problems of a recording."""

    def __init__(
        self,
        instruments: tuple[InstrumentId, ...],
        started_ns: int,
        ahead_ns: Callable[[InstrumentId], int] = lambda _: 0,
    ) -> None:
        self._started_ns = started_ns
        self._ahead_ns = ahead_ns
        self._reported_ahead_ns: dict[str, int] = {}
        self._candle_ns = dict.fromkeys(instruments, 0)
        self._tick_ns = dict.fromkeys(instruments, 0)
        self._trouble = ""
        #: by affected part: the message that was logged last, and when
        self._logged: dict[str, tuple[str, float]] = {}
        self.counts: Counter[Count] = Counter()

    def trouble(self, message: str, *, what: str = "", **more: object) -> None:
        """Report a problem: the health report shows the last one, the log repeats it rarely.

        `what` names the affected part until `resolved` is called for it.
        """
        self._trouble = message
        key, now_s = what or message, time.monotonic()
        before, logged_s = self._logged.pop(key, ("", 0.0))
        if before != message or now_s - logged_s >= LOG_EVERY_S:
            logged_s = now_s
            _log.warning("%s", message, extra=more)
        self._logged[key] = message, logged_s
        if len(self._logged) > MAX_LOGGED:
            del self._logged[next(iter(self._logged))]

    def resolved(self, what: str) -> None:
        """The part `what` works again; logged once if it had a problem."""
        message, _ = self._logged.pop(what, ("", 0.0))
        if message:
            _log.info("%s: works again", what)
        if message and message == self._trouble:
            self._trouble = f"{message} – it works again"

    def clock(self, market: str, ahead_ns: int) -> None:
        """Report the offset of the local clock to a market's when it is large or changes."""
        reported_ns = self._reported_ahead_ns.get(market, 0)
        if abs(ahead_ns - reported_ns) <= SKEW_NS:
            return
        self._reported_ahead_ns[market] = ahead_ns if abs(ahead_ns) > SKEW_NS else 0
        where = "ahead of" if ahead_ns > 0 else "behind"
        if abs(ahead_ns) > SKEW_NS:
            off = f"the local clock is {abs(ahead_ns) / 1e9:,.1f} s {where} {market}'s"
            self.trouble(f"{off}: the venue's time is used; set the clock")
        else:
            _log.info("the local clock is correct again", extra={"market": market})

    def tick(self, instrument: InstrumentId, seen_ns: int) -> None:
        """Count a tick of an instrument."""
        self._tick_ns[instrument] = seen_ns
        self.counts[Count.TICKS] += 1

    def candle(self, instrument: InstrumentId, close_ns: int) -> None:
        """A candle with this close time has been stored."""
        self._candle_ns[instrument] = max(self._candle_ns[instrument], close_ns)

    def late(self, now_ns: int) -> set[InstrumentId]:
        """The instruments whose newest candle is late."""
        return {each for each in self._candle_ns if self._instrument_health(each, now_ns).late}

    def report(self, now_ns: int, *, ended: bool = False) -> HealthReport:
        """The health report at this time."""
        return HealthReport(
            now_ns,
            self._started_ns,
            {count.value: self.counts[count] for count in Count},
            tuple(self._instrument_health(each, now_ns) for each in self._candle_ns),
            self._trouble,
            ended,
        )

    def _instrument_health(self, instrument: InstrumentId, now_ns: int) -> InstrumentHealth:
        candle_ns = self._candle_ns[instrument]
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
