"""The candle store's protocol: every arrival is kept, the database itself says which one counts.

A store holds one-minute candles only; longer ones are rolled up when they are read. It must never
hand out a row twice, a row that was refused, or a longer candle with a minute missing.

1. A delivery (candles, refused rows, the import they came from) is written to the raw table of
   its venue as one.
2. For a minute that arrived more than once the newest `ingested_ns` counts; among equal ones the
   higher `tie_break`, a number made from the values alone. So the order and the repetition of
   arrivals change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.frames import source_of
from bowline.core.model.instrument import MARKETS, Instrument, InstrumentId, MarketId, market_by_id
from bowline.core.model.market import (
    VALUE_COLUMNS,
    CandleFrame,
    FundingFrame,
    IntColumn,
    empty_frame,
)
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.rollup import rollup

#: the end of time: every candle closes before it
FOREVER_NS = 2**63 - 1

#: of one file's refused rows this many are kept one by one; the import's counts are of all
MAX_QUARANTINED_ROWS = 10_000


class RefusedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that did not become a candle. `row` counts from 1 within `file`, headings not counted.

    `values` is the row as text, for a person to look at.
    """

    instrument: InstrumentId
    file: str
    content_hash: str
    row: int
    open_ns: int
    reason: str
    values: str
    refused_ns: int


class ImportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was imported. `key` is what makes a repetition of the import known."""

    key: str
    instrument: InstrumentId
    file: str
    content_hash: str
    format: str
    first_ns: int
    last_ns: int
    candles: int
    refused: int
    ingested_ns: int


#: what the source of a minute begins with that was filled because nothing traded in it
FLAT = "flat:"


class CandleBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What is written as one: all of it or nothing (a store without transactions: see there).

    `filled` are minutes without a trade, which are counted apart for ever.
    """

    source: str
    ingested_ns: int
    candles: CandleFrame | None = None
    instrument: Instrument | None = None
    refused: tuple[RefusedRow, ...] = ()
    record: ImportRecord | None = None
    filled: CandleFrame | None = None

    def frames(self) -> tuple[tuple[str, CandleFrame], ...]:
        """Candles and filled minutes, each under its source; ValueError if they cannot be kept."""
        said = ((self.source, self.candles), (f"{FLAT}{self.source}", self.filled))
        return tuple((source, checked_candles(each)) for source, each in said if each is not None)


class Coverage(msgspec.Struct, frozen=True):
    """What is stored of one instrument; `gaps` counts the ranges missing between first and last.

    `filled` of the candles are minutes in which nothing traded, filled flat by choice.
    """

    instrument: InstrumentId
    first_ns: int
    last_ns: int
    candles: int
    gaps: int
    filled: int = 0


class Gap(msgspec.Struct, frozen=True):
    """Minutes missing between two stored candles: from `start_ns` up to `end_ns`, not included."""

    instrument: InstrumentId
    start_ns: int
    end_ns: int
    reason: str

    @property
    def missing(self) -> int:
        """How many one-minute candles."""
        return (self.end_ns - self.start_ns) // MINUTE_NS


class FundingCoverage(msgspec.Struct, frozen=True):
    """Funding rates stored of one instrument."""

    instrument: InstrumentId
    first_ns: int
    last_ns: int
    rates: int


class Candles(Protocol):
    """A candle store. Every method may raise Conflict (in use too long) or Damaged."""

    def migrate(self) -> None:
        """Make the tables that are not there, and mend what a crash left undone. Repeatable."""

    def write(self, batch: CandleBatch) -> None:
        """Keep a delivery durably. ValueError unless its candles are one-minute candles."""

    def read(
        self,
        instrument: InstrumentId,
        timeframe: Timeframe,
        start_ns: int = 0,
        end_ns: int = FOREVER_NS,
    ) -> CandleFrame:
        """The candles that lie wholly within: opened at or after start, closed at or before end.

        An instrument that is not stored gives an empty frame.
        """

    def coverage(self) -> tuple[Coverage, ...]:
        """What is stored, by instrument."""

    def filled(
        self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS
    ) -> IntColumn:
        """When the minutes of the range open that are filled flat, oldest first (int64 ns)."""

    def delete(self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS) -> int:
        """Forget the candles that open in the range, and how many they were; all or nothing.

        Imports that reach into the range are forgotten too, so that their files are not known any
        more; with nothing left of the instrument, all that is known of it but its funding.
        """

    def delete_funding(self, instrument: InstrumentId) -> int:
        """Forget the funding rates of an instrument, and how many they were."""

    def gaps(self, instrument: InstrumentId) -> tuple[Gap, ...]:
        """The missing minutes between the first and the last stored candle, oldest first."""

    def quarantine(self, instrument: InstrumentId | None = None) -> tuple[RefusedRow, ...]:
        """The refused rows, by file and row."""

    def imports(self, key: str | None = None) -> tuple[ImportRecord, ...]:
        """The files that were imported, oldest first; with `key`, that one or none."""

    def write_funding(self, funding: FundingFrame, ingested_ns: int) -> None:
        """Keep funding rates durably; one for a moment that is known already takes its place."""

    def read_funding(
        self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS
    ) -> FundingFrame:
        """The rates that were due at or after start and at or before end."""

    def funding_coverage(self) -> tuple[FundingCoverage, ...]:
        """What is stored of funding, by instrument."""

    def instruments(self) -> tuple[Instrument, ...]:
        """The reference table, by key."""

    def instrument(self, instrument: InstrumentId) -> Instrument | None:
        """One of the reference table."""


def raw_table(market_id: MarketId) -> str:
    """The table that keeps every arrival from this market's venue."""
    return f"raw_{market_by_id(market_id).venue}_klines_1m"


def raw_tables() -> tuple[str, ...]:
    """The raw tables of all venues."""
    return tuple(sorted({raw_table(market.market_id) for market in MARKETS}))


def tie_break(frame: CandleFrame) -> NDArray[np.uint64]:
    """A number a row, made from its values alone: which of two simultaneous arrivals counts."""
    mixed = np.zeros(len(frame), dtype=np.uint64)
    for name in VALUE_COLUMNS:
        mixed ^= getattr(frame, name).view(np.uint64)
        # the multiplier and the fold of the SplitMix64 generator: every bit reaches every other
        mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def checked_candles(frame: CandleFrame) -> CandleFrame:
    """The candles, which must be of one minute and of a market that can be stored."""
    if frame.timeframe is not Timeframe.M1:
        raise ValueError(f"only 1m candles are stored, got {frame.timeframe.value}")
    if frame.instrument.market_id not in {market.market_id for market in MARKETS}:
        raise ValueError(f"nothing is stored under market {frame.instrument.market_id}")
    return frame


def minute_range(timeframe: Timeframe, start_ns: int, end_ns: int) -> tuple[int, int]:
    """The open times of the minutes that make up the buckets wholly within start and end."""
    first = -(-start_ns // timeframe.ns) * timeframe.ns
    return first, max(first, end_ns // timeframe.ns * timeframe.ns)


def frame_of(
    instrument: InstrumentId, timeframe: Timeframe, columns: dict[str, NDArray[np.generic]]
) -> CandleFrame:
    """Stored minutes (`ts_open` and the values) as candles of `timeframe`."""
    open_ns = np.ascontiguousarray(columns["ts_open"], dtype=np.int64)
    if not len(open_ns):
        return empty_frame(instrument, timeframe)
    values: dict[str, Any] = {
        name: np.ascontiguousarray(columns[name], dtype=np.float64) for name in VALUE_COLUMNS
    }
    minutes = CandleFrame(instrument, Timeframe.M1, open_ns, **values)
    return rollup(_without_filled(minutes), timeframe)


def _without_filled(minutes: CandleFrame) -> CandleFrame:
    """The same; where every minute has volume it is known that none was filled."""
    source = source_of(minutes)
    if source is None or not bool((minutes.volume > 0).all()):
        return minutes
    none = np.empty(0, dtype=np.int64)
    return msgspec.structs.replace(minutes, source=msgspec.structs.replace(source, filled_ns=none))


def funding_of(instrument: InstrumentId, rows: Sequence[Sequence[int | float]]) -> FundingFrame:
    """Stored rows of moment, interval and rate, in order of time."""
    event_ns = np.array([row[0] for row in rows], dtype=np.int64)
    interval_ns = np.array([row[1] for row in rows], dtype=np.int64)
    rate = np.array([row[2] for row in rows], dtype=np.float64)
    return FundingFrame(instrument, event_ns, interval_ns, rate)


def gaps_between(
    instrument: InstrumentId, ranges: list[tuple[int, int]], refused: tuple[RefusedRow, ...]
) -> tuple[Gap, ...]:
    """Gaps from missing ranges; a range that a refused row falls into says so."""
    refused_ns = np.sort(np.array([row.open_ns for row in refused], dtype=np.int64))
    found = []
    for start_ns, end_ns in ranges:
        first = int(np.searchsorted(refused_ns, start_ns))
        hit = first < len(refused_ns) and refused_ns[first] < end_ns
        found.append(Gap(instrument, start_ns, end_ns, "quarantined" if hit else "unknown"))
    return tuple(found)


def refused_row_of(row: Sequence[Any]) -> RefusedRow:
    """A row of the quarantine's table, in the order of its columns: the instrument takes two."""
    names = [name for name in RefusedRow.__struct_fields__ if name != "instrument"]
    instrument = InstrumentId(MarketId(row[0]), row[1])
    return RefusedRow(instrument=instrument, **dict(zip(names, row[2:], strict=True)))


def import_record_of(row: Sequence[Any]) -> ImportRecord:
    """A row of the table of imports, in the order of its columns: key, instrument, the rest."""
    names = [name for name in ImportRecord.__struct_fields__ if name not in {"key", "instrument"}]
    instrument = InstrumentId(MarketId(row[1]), row[2])
    return ImportRecord(key=row[0], instrument=instrument, **dict(zip(names, row[3:], strict=True)))
