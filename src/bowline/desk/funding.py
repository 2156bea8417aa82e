"""What a person may do with funding rates: import files, see what is stored; and what a run is due.

A rate at the wrong hour moves money to the wrong position, so a clock is never guessed.

1. Stamps without a zone are moved by the offset the person gives. Stamps a few seconds beside the
   full hour (some venues stamp late by milliseconds) are put on it; any other is a mistake.
2. The grid is the step most rows have: 1, 2, 4 or 8 hours. Every row must lie on it, unless the
   person says that the venue was really late (`off_grid`).
3. A grid that does not start at midnight UTC, from stamps that name no zone, is what a file with a
   local clock looks like: it is refused until the person says the offset.
4. Holes are kept as holes and told. A run over a hole is refused: it would be free of charge there.
"""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bowline.core.errors import BadInput
from bowline.core.model.event import FundingFixed
from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.market import CandleFrame, FundingFrame, IntColumn
from bowline.core.model.values import MINUTE_NS, SECOND_NS, to_decimals
from bowline.desk.candles import parse_market, parse_symbol, utc_text
from bowline.storage.candles import Candles, FundingCoverage

if TYPE_CHECKING:
    from bowline.storage.files.funding import FundingFile

HOUR_NS = 60 * MINUTE_NS
#: hours between two fundings that venues use
GRIDS = (1, 2, 4, 8)
#: how far beside the full hour a stamp may be
LATE_NS = 10 * SECOND_NS
#: no venue takes more at once; a file above it is in percent or of something else
MOST_RATE = 0.05
_WIDEST_OFFSET_H = 14
_OFF_GRID = "If the venue really settled at another hour then, repeat with --off-grid."


class FundingOutcome(msgspec.Struct, frozen=True):
    """What was stored of a file. `holes` are the missing stretches: last known, next known."""

    file: str
    instrument: InstrumentId
    rates: int
    first_ns: int
    last_ns: int
    interval_hours: int
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
            f"--utc-offset {text} is no offset",
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
) -> FundingOutcome:
    """Store the rates of a file; BadInput, and nothing stored, if a row is not as it should be."""
    instrument = InstrumentId(parse_market(market).market_id, parse_symbol(symbol))
    _refuse_spot(instrument)
    from bowline.storage.files.funding import load_funding_file  # noqa: PLC0415 - as in `desk.setup`

    frame = funding_frame(load_funding_file(path), instrument, offset_ns, off_grid=off_grid)
    store.write_funding(frame, time.time_ns())
    steps = np.flatnonzero(np.diff(frame.event_ns) > frame.interval_ns[1:])
    holes = tuple((int(frame.event_ns[at]), int(frame.event_ns[at + 1])) for at in steps)
    return FundingOutcome(
        file=str(path),
        instrument=instrument,
        rates=len(frame),
        first_ns=int(frame.event_ns[0]),
        last_ns=int(frame.event_ns[-1]),
        interval_hours=int(np.median(frame.interval_ns)) // HOUR_NS,
        holes=holes,
    )


def list_funding(store: Candles) -> tuple[FundingCoverage, ...]:
    """What is stored, by instrument."""
    return store.funding_coverage()


def funding_frame(
    file: FundingFile, instrument: InstrumentId, offset_ns: int | None, *, off_grid: bool = False
) -> FundingFrame:
    """The rows of a file as rates at their moments in UTC; BadInput says what is wrong."""
    if file.zoned and offset_ns:
        raise BadInput(
            f"{file.name}: its stamps say their own zone", hint="Leave --utc-offset out."
        )
    stamps = file.stamp_ns - (offset_ns or 0)
    event_ns = (stamps + HOUR_NS // 2) // HOUR_NS * HOUR_NS
    _first_bad(file, np.abs(stamps - event_ns) > LATE_NS, "is not on a full hour")
    _first_bad(
        file, np.diff(event_ns, prepend=event_ns[0] - 1) <= 0, "does not come after the last"
    )
    _first_bad(file, np.abs(file.rate) > MOST_RATE, f"is a rate of more than {MOST_RATE}")
    interval = _grid(file, event_ns)
    phases, counts = np.unique(event_ns % interval, return_counts=True)
    phase = int(phases[np.argmax(counts)])
    beside = event_ns % interval != phase
    if not off_grid:
        _first_bad(file, beside, f"is not on the {interval // HOUR_NS}h grid", _OFF_GRID)
    if phase and not file.zoned and offset_ns is None:
        raise BadInput(
            f"{file.name}: rates are {phase // HOUR_NS} h beside the {interval // HOUR_NS}h grid "
            "of UTC, and the stamps name no zone",
            hint="Say how far the file's clock is ahead: --utc-offset +3, or 0 if it is UTC.",
        )
    intervals = np.full(len(event_ns), interval, dtype=np.int64)
    # a late rate is for more than the usual time, and the one after it for less
    late = np.flatnonzero((beside[1:] | beside[:-1]) & (np.diff(event_ns) < 2 * interval)) + 1
    intervals[late] = np.diff(event_ns)[late - 1]
    return FundingFrame(instrument, event_ns, intervals, file.rate)


def _grid(file: FundingFile, event_ns: IntColumn) -> int:
    steps, counts = np.unique(np.diff(event_ns), return_counts=True)
    usual = int(steps[np.argmax(counts)]) if len(steps) else 0
    if usual not in {hours * HOUR_NS for hours in GRIDS}:
        grids = ", ".join(f"{hours}h" for hours in GRIDS)
        raise BadInput(
            f"{file.name}: rates are usually {usual / HOUR_NS:g} h apart",
            hint=f"Expected two rows or more, {grids} apart.",
        )
    return usual


def _first_bad(
    file: FundingFile,
    bad: np.ndarray,
    what: str,
    hint: str = "Nothing was taken from the file.",
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
            f"{market.name} {instrument.symbol} has no funding: only perpetuals have",
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
    covered = start_ns
    columns = zip(rates.event_ns.tolist(), rates.interval_ns.tolist(), strict=True)
    for event_ns, interval_ns in columns:
        if event_ns - interval_ns > covered:
            raise _hole(rates.instrument, covered, event_ns)
        covered = event_ns
    longest = int(rates.interval_ns[-1]) if len(rates) else HOUR_NS
    if end_ns - covered >= longest:
        raise _hole(rates.instrument, covered, end_ns)


def _hole(instrument: InstrumentId, from_ns: int, to_ns: int) -> BadInput:
    market = market_by_id(instrument.market_id).name
    return BadInput(
        f"no funding rates of {market} {instrument.symbol} are stored between "
        f"{utc_text(from_ns)} and {utc_text(to_ns)}",
        hint=f"import them: bowline funding import FILE --market {market} "
        f"--symbol {instrument.symbol}; or choose another span, or leave funding out of the spec",
    )
