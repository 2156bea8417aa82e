"""Stored candles for the user: list, find gaps, export; and parsing of markets, symbols and times.

Files are imported by `desk.candle_import`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import numpy as np

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.instrument import (
    Instrument,
    InstrumentId,
    Market,
    market_by_name,
)
from bowline.core.model.market import CandleFrame, IntColumn
from bowline.core.model.values import Timeframe
from bowline.core.symbols import symbol_of
from bowline.desk.output_files import Output
from bowline.storage.absences import AbsenceStore, AbsentRange, subtract_ranges
from bowline.storage.candles import FOREVER_NS, Candles, Coverage, Gap, RefusedRow

#: what candles are written as, told by the ending of a name
EXPORTS = (".csv", ".parquet")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_market(name: str) -> Market:
    """The market a person calls `venue:kind`."""
    try:
        return market_by_name(name)
    except ValueError as error:
        raise BadInput(str(error), hint="expected venue:kind, such as binance:spot") from error


def parse_symbol(text: str) -> str:
    """A venue's symbol, in capitals."""
    try:
        return symbol_of(text)
    except ValueError as error:
        raise BadInput(
            str(error), hint="expected the symbol of the venue, such as BTCUSDT"
        ) from error


def instrument_of(market: str, symbol: str) -> InstrumentId:
    """The instrument a person names by market and symbol."""
    return InstrumentId(parse_market(market).market_id, parse_symbol(symbol))


def parse_timeframe(text: str) -> Timeframe:
    """The timeframe a person names."""
    try:
        return Timeframe.parse(text.strip())
    except ValueError as error:
        message, _, expected = str(error).partition(": ")
        raise BadInput(message, hint=expected) from error


def parse_span(start: str, end: str) -> tuple[int, int]:
    """Two moments in ISO form as ns UTC; an empty one is the first or the last there is."""
    start_ns = parse_start(start) if start else 0
    end_ns = parse_moment(end) if end else FOREVER_NS
    if start_ns >= end_ns:
        raise BadInput(f"{start or 'the start'} is not before {end or 'the end'}")
    return start_ns, end_ns


def parse_start(text: str, option: str = "--from") -> int:
    """The moment from which on something is wanted; BadInput if it has not come yet."""
    start_ns = parse_moment(text)
    if start_ns > time.time_ns():
        raise BadInput(
            f"{option} {text.strip()} is in the future: there is no data after it",
            hint="check the year",
        )
    return start_ns


def parse_moment(text: str) -> int:
    """A date or a moment in ISO form as ns UTC; without a zone it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not a time", hint="expected a form such as 2024-01-31 or 2024-01-31T23:59"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def list_candles(store: Candles) -> tuple[Coverage, ...]:
    """What is stored, by instrument."""
    return store.coverage()


def find_gaps(
    store: Candles, absences: AbsenceStore, instrument: InstrumentId | None = None
) -> tuple[Gap, ...]:
    """What is missing and why, of one instrument or of all; NotFound if the one is not stored."""
    if instrument is not None:
        expect_stored(store, instrument)
    wanted = [instrument] if instrument else [each.instrument for each in store.coverage()]
    return tuple(
        part
        for each in wanted
        for known in [absences.ranges(each)]
        for gap in store.gaps(each)
        for part in _reasoned(gap, known)
    )


def _reasoned(gap: Gap, known: Sequence[AbsentRange]) -> Iterator[Gap]:
    """The gap, cut where the venue was asked and had nothing; what was refused stays refused."""
    if gap.reason != "unknown":
        yield gap
        return
    absent = [(each.start_ns, each.end_ns) for each in known]
    rest = [
        (start, end, gap.reason) for start, end in subtract_ranges(gap.start_ns, gap.end_ns, absent)
    ]
    inside = [
        (max(start, gap.start_ns), min(end, gap.end_ns), "venue_has_none")
        for start, end in absent
        if start < gap.end_ns and end > gap.start_ns
    ]
    for start_ns, end_ns, reason in sorted(rest + inside):
        yield Gap(gap.instrument, start_ns, end_ns, reason)


def refused_rows(store: Candles, instrument: InstrumentId | None = None) -> tuple[RefusedRow, ...]:
    """The rows that did not become candles, of one instrument or of all."""
    return store.quarantine(instrument)


def read_candles(
    store: Candles,
    instrument: InstrumentId,
    timeframe: Timeframe,
    start_ns: int = 0,
    end_ns: int = FOREVER_NS,
) -> CandleFrame:
    """Stored candles wholly within start and end; NotFound if there is none, and what there is."""
    frame = store.read(instrument, timeframe, start_ns, end_ns)
    if not len(frame):
        entry = expect_stored(store, instrument)
        raise NotFound(
            f"no complete {timeframe.value} candle of {name_of(instrument)} in that range",
            hint=f"Stored is {utc_text(entry.first_ns)} to {utc_text(entry.last_ns)}.",
        )
    return frame


def filled_minutes(store: Candles, frame: CandleFrame) -> IntColumn:
    """How many minutes of each candle are filled flat: nothing traded in them."""
    if not len(frame):
        return np.zeros(0, dtype=np.int64)
    span = int(frame.open_ns[0]), int(frame.close_ns[-1])
    filled = store.filled(frame.instrument, *span)
    counts = filled.searchsorted(frame.close_ns) - filled.searchsorted(frame.open_ns)
    return counts.astype(np.int64)


def check_export(path: Path) -> None:
    """BadInput if a name does not end with a format that candles are written in."""
    if path.suffix.lower() not in EXPORTS:
        raise BadInput(
            f"cannot export to {path.name}", hint=f"the name must end with {', '.join(EXPORTS)}"
        )


def export_candles(frame: CandleFrame, out: Output, filled: IntColumn | None = None) -> None:
    """Write candles to a CSV or Parquet file. Raises BowlineError if it cannot be written there.

    `filled` is what `filled_minutes` says of them.
    """
    from bowline.storage.files import write_candle_file  # noqa: PLC0415 - as in `desk.setup`

    with out.draft() as draft:
        write_candle_file(frame, draft, out.path.suffix.lower(), filled)


def name_of(instrument: InstrumentId) -> str:
    """`venue:kind:symbol`, for people."""
    return Instrument(instrument).key


def utc_text(moment_ns: int) -> str:
    """A moment to the minute, for people: 2024-01-31 23:59."""
    return str(np.datetime64(moment_ns, "ns").astype("datetime64[m]")).replace("T", " ")


def expect_stored(store: Candles, instrument: InstrumentId) -> Coverage:
    """What is stored of an instrument; NotFound says what else is, and what is spelled like it."""
    coverage = store.coverage()
    for entry in coverage:
        if entry.instrument == instrument:
            return entry
    names = [name_of(entry.instrument) for entry in coverage]
    raise NotFound(
        f"no candles of {name_of(instrument)} are stored",
        hint=f"{did_you_mean(name_of(instrument), names)}Stored: {named(names)}."
        " Add some: bowline candles import FILE --market M --symbol S",
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question that names similar names, and a space; empty without one."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.8)
    return f"Did you mean {' or '.join(near)}? " if near else ""


def named(names: Sequence[str], most: int = 20) -> str:
    """Names in a line, the first of them if they are many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more or "nothing yet"
