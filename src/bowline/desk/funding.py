"""What a person may do with funding rates: import files, see what is stored; and what a run is due.

A rate at the wrong hour moves money to the wrong position, so a clock is never guessed; a rate in
the wrong unit moves a hundred times the money, so neither is a unit.

1. Stamps without a zone are moved by the offset the person gives. Stamps a few seconds beside the
   full hour (some venues stamp late by milliseconds) are put on it; any other is a mistake. Rows in
   any order; equal rows count once, unequal ones of one moment contradict each other.
2. The hours each rate is for are told by the steps around it (`desk.funding_intervals`), because
   venues change them. A row off that grid is refused, unless the person says that the venue was
   really late (`off_grid`).
3. A grid that does not start at midnight UTC, from stamps that name no zone, is what a file with a
   local clock looks like: it is refused until the person says the offset.
4. Holes are kept as holes and told. A run over a hole is refused: it would be free of charge there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bowline.core.errors import BadInput
from bowline.core.model.event import FundingFixed
from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.market import CandleFrame, FloatColumn, FundingFrame, IntColumn
from bowline.core.model.values import SECOND_NS, to_decimals
from bowline.desk.candles import parse_market, parse_symbol, utc_text
from bowline.desk.funding_intervals import GRIDS, HOUR_NS, intervals_of
from bowline.storage.candles import Candles, FundingCoverage

if TYPE_CHECKING:
    from bowline.storage.files.funding import FundingFile

#: how far beside the full hour a stamp may be
LATE_NS = 10 * SECOND_NS
#: no venue takes more at once; a file above it is in percent or of something else
MOST_RATE = 0.05
#: half of the rates of a perpetual lie far below it; of a file in percent they lie above
_USUAL_RATE = 0.002
_UNITS = ("fraction", "percent")
_WIDEST_OFFSET_H = 14
_UNIT_HINT = (
    "Rates are expected as fractions: 0.0001 is 0.01 %. State the unit: --unit percent, or"
    " --unit fraction."
)
_OFF_GRID = "If the venue really settled at another hour then, repeat with --off-grid."


class IntervalPeriod(msgspec.Struct, frozen=True):
    """So many rates of one interval, one after the other, the first at `first_ns`."""

    interval_hours: int
    first_ns: int
    rates: int


class FundingOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was stored of a file. `holes` are the missing stretches: last known, next known."""

    file: str
    instrument: InstrumentId
    rates: int
    first_ns: int
    last_ns: int
    stretches: tuple[IntervalPeriod, ...]
    holes: tuple[tuple[int, int], ...]
    notes: tuple[str, ...] = ()


class StoredFunding(msgspec.Struct, frozen=True):
    """What is stored of one instrument, and the intervals its rates are for."""

    coverage: FundingCoverage
    stretches: tuple[IntervalPeriod, ...]
    holes: tuple[tuple[int, int], ...]


def parse_offset(text: str) -> int | None:
    """`+3`, `-5`, `5.5` hours ahead of UTC in ns; nothing is None."""
    if not text:
        return None
    try:
        hours = Decimal(text)
    except InvalidOperation:
        hours = Decimal("NaN")
    if not (hours.is_finite() and abs(hours) <= _WIDEST_OFFSET_H and hours * 4 % 1 == 0):
        raise BadInput(
            f"--utc-offset {text} is not an offset",
            hint="Give the hours the file's clock is ahead of UTC, such as +3, 0 or -5.",
        )
    return int(hours * HOUR_NS)


def import_funding(
    store: Candles,
    path: Path,
    market: str,
    symbol: str,
    offset_ns: int | None,
    *,
    off_grid: bool = False,
    unit: str = "",
) -> FundingOutcome:
    """Store the rates of a file; BadInput, and nothing stored, if a row is not as it should be."""
    found = parse_market(market)
    instrument = InstrumentId(found.market_id, parse_symbol(symbol))
    _refuse_spot(instrument)
    if unit not in {"", *_UNITS}:
        raise BadInput(f"--unit {unit} is not a unit", hint=f"Expected {' or '.join(_UNITS)}.")
    from bowline.storage.files.funding import load_funding_file  # noqa: PLC0415 - as in `desk.setup`

    file = load_funding_file(path, found, instrument.symbol)
    frame, notes = funding_frame(file, instrument, offset_ns, off_grid=off_grid, unit=unit)
    store.write_funding(frame, time.time_ns())
    return FundingOutcome(
        file=str(path),
        instrument=instrument,
        rates=len(frame),
        first_ns=int(frame.event_ns[0]),
        last_ns=int(frame.event_ns[-1]),
        stretches=stretches_of(frame),
        holes=tuple(holes_of(frame)),
        notes=(*file.notes, *notes),
    )


def list_funding(store: Candles) -> tuple[StoredFunding, ...]:
    """What is stored, by instrument."""
    found = []
    for each in store.funding_coverage():
        frame = store.read_funding(each.instrument)
        found.append(StoredFunding(each, stretches_of(frame), tuple(holes_of(frame))))
    return tuple(found)


def stretches_of(frame: FundingFrame) -> tuple[IntervalPeriod, ...]:
    """The intervals of the rates, each as long as it held."""
    starts = np.flatnonzero(np.diff(frame.interval_ns, prepend=0))
    counts = np.diff(starts, append=len(frame))
    return tuple(
        IntervalPeriod(int(frame.interval_ns[at]) // HOUR_NS, int(frame.event_ns[at]), int(count))
        for at, count in zip(starts, counts, strict=True)
    )


def holes_of(frame: FundingFrame, from_ns: int | None = None) -> Iterator[tuple[int, int]]:
    """Where rates are missing: last known, next known. From `from_ns` on, if it is given.

    A rate may come by the interval before it or by its own: between them one changed to the other.
    """
    covered, before_ns = from_ns, 0
    for event_ns, interval_ns in zip(
        frame.event_ns.tolist(), frame.interval_ns.tolist(), strict=True
    ):
        if covered is not None and event_ns - max(interval_ns, before_ns) > covered:
            yield covered, event_ns
        covered, before_ns = event_ns, interval_ns


def funding_frame(
    file: FundingFile,
    instrument: InstrumentId,
    offset_ns: int | None,
    *,
    off_grid: bool = False,
    unit: str = "",
) -> tuple[FundingFrame, tuple[str, ...]]:
    """The rows of a file as rates at their moments in UTC, and what was done to them.

    BadInput says what is wrong.
    """
    if file.zoned and offset_ns:
        raise BadInput(f"{file.name}: its times have a zone of their own", hint="omit --utc-offset")
    stamps = file.stamp_ns - (offset_ns or 0)
    event_ns = (stamps + HOUR_NS // 2) // HOUR_NS * HOUR_NS
    _first_bad(file, np.abs(stamps - event_ns) > LATE_NS, "is not on a full hour")
    rate, percent = _as_fractions(file, unit)
    order, notes = _one_row_a_moment(file, event_ns)
    event_ns, rate = event_ns[order], rate[order]
    said = None if file.hours is None else file.hours[order]
    found = intervals_of(event_ns, said)
    if found is None:
        raise _no_interval(file, event_ns)
    if not off_grid:
        late = np.zeros(len(file.rate), dtype=np.bool_)
        late[order[found.off_grid]] = True
        around = int(np.median(found.interval_ns)) // HOUR_NS
        _first_bad(file, late, f"is not on the {around}h grid", _OFF_GRID)
    _refuse_local_clock(file, event_ns, found.interval_ns, offset_ns)
    return FundingFrame(instrument, event_ns, found.interval_ns, rate), (*percent, *notes)


def _as_fractions(file: FundingFile, unit: str) -> tuple[FloatColumn, tuple[str, ...]]:
    """The rates as fractions; BadInput where they may be either and nobody said."""
    known = unit or ("percent" if file.percent else "")
    rate = file.rate / 100 if known == "percent" else file.rate
    _first_bad(file, np.abs(rate) > MOST_RATE, f"is a rate of more than {MOST_RATE}", _UNIT_HINT)
    usual = float(np.median(np.abs(rate)))
    if not known and usual > _USUAL_RATE:
        raise BadInput(
            f"{file.name}: half of the rates are above {usual:.4g}: in percent that is usual, as a"
            f" fraction it is {usual * 100:.3g} % every few hours",
            hint=_UNIT_HINT,
        )
    return rate, ("rates in percent taken as such",) if known == "percent" else ()


def _one_row_a_moment(file: FundingFile, event_ns: IntColumn) -> tuple[IntColumn, tuple[str, ...]]:
    """The rows in order of time, each moment once."""
    order = np.argsort(event_ns, kind="stable")
    again = np.diff(event_ns[order], prepend=event_ns[order[0]] - 1) == 0
    unlike = np.zeros(len(order), dtype=np.bool_)
    unlike[1:] = again[1:] & (np.diff(file.rate[order]) != 0)
    contradicted = np.zeros(len(order), dtype=np.bool_)
    contradicted[order[unlike]] = True
    _first_bad(file, contradicted, "contradicts another row of the same moment")
    notes = [f"{np.count_nonzero(again):,} repeated rows left out"] if again.any() else []
    if bool((np.diff(order) < 0).any()):
        notes.append("rows put in order of time")
    return order[~again], tuple(notes)


def _no_interval(file: FundingFile, event_ns: IntColumn) -> BadInput:
    steps = np.diff(event_ns)
    usual = float(np.median(steps)) / HOUR_NS if len(steps) else 0
    grids = ", ".join(f"{hours}h" for hours in GRIDS)
    return BadInput(
        f"{file.name}: rates are usually {usual:g} h apart",
        hint=f"Expected two rows or more, {grids} apart.",
    )


def _refuse_local_clock(
    file: FundingFile, event_ns: IntColumn, interval_ns: IntColumn, offset_ns: int | None
) -> None:
    """BadInput if stamps without a zone lie beside the grid of UTC, and no offset was said."""
    if file.zoned or offset_ns is not None:
        return
    longest = int(interval_ns.max())
    phases, counts = np.unique(
        event_ns[interval_ns == longest] % longest // HOUR_NS, return_counts=True
    )
    phase = int(phases[np.argmax(counts)])
    if phase:
        raise BadInput(
            f"{file.name}: rates are {phase} h beside the {longest // HOUR_NS}h grid "
            "of UTC, and the times have no zone",
            hint="state how far the clock of the file is ahead of UTC: --utc-offset +3, or 0",
        )


def _first_bad(
    file: FundingFile,
    bad: np.ndarray,
    what: str,
    hint: str = "Nothing was imported.",
) -> None:
    at = int(np.argmax(bad))
    if bad[at]:
        stamp = utc_text(int(file.stamp_ns[at]))
        count = int(np.count_nonzero(bad))
        raise BadInput(
            f"{file.name}, row {at + 1}: {stamp} {file.rate[at]:.10g} {what} ({count} such rows)",
            hint=hint,
        )


def _refuse_spot(instrument: InstrumentId) -> None:
    market = market_by_id(instrument.market_id)
    if market.kind != "linear":
        raise BadInput(
            f"{market.name} {instrument.symbol} has no funding: only perpetuals do",
            hint="Name a linear market, such as binance:linear.",
        )


def due_funding(
    store: Candles, instrument: InstrumentId, start_ns: int, marks: CandleFrame
) -> tuple[FundingFixed, ...]:
    """What is due after `start_ns` and by the last close of `marks`, oldest first.

    The mark price is the last close of `marks` by then. BadInput if rates are missing in between.
    """
    _refuse_spot(instrument)
    end_ns = int(marks.close_ns[-1])
    rates = store.read_funding(instrument, start_ns + 1, end_ns)
    _refuse_holes(rates, start_ns, end_ns)
    at = marks.close_ns.searchsorted(rates.event_ns, side="right") - 1
    # before the first candle there is no price, and nothing that could be held
    known = at >= 0
    prices = to_decimals(marks.close[at[known]].tolist())
    facts = zip(
        rates.event_ns[known].tolist(),
        to_decimals(rates.rate[known].tolist()),
        prices,
        strict=True,
    )
    return tuple(FundingFixed(event_ns, instrument, rate, mark) for event_ns, rate, mark in facts)


def _refuse_holes(rates: FundingFrame, start_ns: int, end_ns: int) -> None:
    for before_ns, after_ns in holes_of(rates, start_ns):
        raise _hole(rates.instrument, before_ns, after_ns)
    covered = int(rates.event_ns[-1]) if len(rates) else start_ns
    longest = int(rates.interval_ns[-1]) if len(rates) else HOUR_NS
    # one due at the very end is paid if it is stored, and not asked for: a month's file of rates
    # ends before the moment at which a month's candles do
    if end_ns - covered > longest:
        raise _hole(rates.instrument, covered, end_ns)


def _hole(instrument: InstrumentId, from_ns: int, to_ns: int) -> BadInput:
    market = market_by_id(instrument.market_id).name
    return BadInput(
        f"no funding rates of {market} {instrument.symbol} are stored between "
        f"{utc_text(from_ns)} and {utc_text(to_ns)}",
        hint=f"import them: bowline funding import FILE --market {market} "
        f"--symbol {instrument.symbol}; or choose another span, or remove funding from the spec",
    )
