"""What a person may do with candles: import files, see what is stored and what is missing, export.

An import must never leave a part of a file behind: each file is one delivery to the store.

1. A file whose content was imported before, for the same instrument and with the same options, is
   known by its key and adds nothing.
2. A file with a bad row is refused, its bad rows go to the quarantine; with `keep_good` the other
   rows are stored.
3. The instrument is entered in the reference table; what is known of it is kept unless an option
   says otherwise.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bowline.core.errors import BadInput, BowlineError, Conflict, NotFound
from bowline.core.model.instrument import Instrument, InstrumentId, Market, market_by_name
from bowline.core.model.market import CandleFrame, empty_frame
from bowline.core.model.values import DAY_NS, MINUTE_NS, Timeframe
from bowline.storage.absences import Absence, Absences, outside
from bowline.storage.candles import (
    FOREVER_NS,
    MAX_QUARANTINED_ROWS,
    Candles,
    Coverage,
    Delivery,
    Gap,
    ImportRecord,
    RefusedRow,
)

if TYPE_CHECKING:
    from bowline.storage.files import CheckedFile

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9._:/-]{0,39}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Steps(msgspec.Struct, frozen=True):
    """What the person says of the instrument; None leaves what is known."""

    tick_size: Decimal | None = None
    lot_step: Decimal | None = None
    min_notional: Decimal | None = None


class ImportRequest(msgspec.Struct, frozen=True):
    """Where the files' candles belong, and how strict to be."""

    market: Market
    symbol: str
    steps: Steps = Steps()
    keep_good: bool = False
    allow_jumps: bool = False

    @property
    def instrument(self) -> InstrumentId:
        """The key they are stored under."""
        return InstrumentId(self.market.market_id, self.symbol)


class ImportOutcome(msgspec.Struct, frozen=True):
    """What became of one file: `status` is imported, known (nothing added) or refused."""

    file: str
    status: str
    format: str = ""
    candles: int = 0
    refused: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    missing: int = 0
    error: str = ""
    problems: tuple[str, ...] = ()
    hint: str = ""


Progress = Callable[[ImportOutcome], None]


def import_request(
    market: str,
    symbol: str,
    steps: Steps = Steps(),  # noqa: B008 - frozen
    *,
    keep_good: bool = False,
    allow_jumps: bool = False,
) -> ImportRequest:
    """The request in a person's words; BadInput says which word is wrong."""
    return ImportRequest(parse_market(market), parse_symbol(symbol), steps, keep_good, allow_jumps)


def parse_market(name: str) -> Market:
    """The market a person calls `venue:kind`."""
    try:
        return market_by_name(name)
    except ValueError as error:
        raise BadInput(str(error), hint="A market is venue:kind, such as binance:spot.") from error


def parse_symbol(text: str) -> str:
    """A venue's symbol, in capitals."""
    symbol = text.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        raise BadInput(
            f"{text!r} is no symbol", hint="Expected letters and digits, such as BTCUSDT."
        )
    return symbol


def instrument_of(market: str, symbol: str) -> InstrumentId:
    """The instrument a person names by market and symbol."""
    return InstrumentId(parse_market(market).market_id, parse_symbol(symbol))


def parse_timeframe(text: str) -> Timeframe:
    """The timeframe a person names."""
    try:
        return Timeframe.parse(text.strip())
    except ValueError as error:
        raise BadInput(str(error)) from error


def parse_span(start: str, end: str) -> tuple[int, int]:
    """Two moments in ISO form as ns UTC; an empty one is the first or the last there is."""
    start_ns = parse_moment(start) if start else 0
    end_ns = parse_moment(end) if end else FOREVER_NS
    if start_ns >= end_ns:
        raise BadInput(f"{start or 'the start'} is not before {end or 'the end'}")
    return start_ns, end_ns


def parse_moment(text: str) -> int:
    """A date or a moment in ISO form as ns UTC; without a zone it is taken as UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{text!r} is no moment", hint="Expected a form such as 2024-01-31 or 2024-01-31T23:59."
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND * 1_000


def import_files(
    store: Candles,
    paths: Sequence[Path],
    request: ImportRequest,
    progress: Progress = lambda _: None,
    *,
    now_ns: Callable[[], int] = time.time_ns,
) -> tuple[ImportOutcome, ...]:
    """Import one file after the other; a refused one does not keep the next from being tried."""
    outcomes = []
    for path in paths:
        try:
            outcome = _import_file(store, path, request, now_ns())
        except (BadInput, NotFound) as error:
            outcome = _refused(path, error)
        progress(outcome)
        outcomes.append(outcome)
    return tuple(outcomes)


def _import_file(store: Candles, path: Path, request: ImportRequest, now_ns: int) -> ImportOutcome:
    from bowline.storage.files import check_file, load_file  # noqa: PLC0415 - as in `desk.setup`

    file = load_file(path)
    key = _import_key(file.content_hash, request)
    if known := store.imports(key):
        if request.steps != Steps():
            store.write(Delivery("import", now_ns, instrument=_register(store, request)))
        return _outcome(path, "known", known[0], 0)
    checked = check_file(file, now_ns, allow_jumps=request.allow_jumps)
    _expect_minutes(path, checked)
    if not request.allow_jumps:
        checked = checked.beside(_stored_beside(store, checked, request.instrument))
    refused = _refused_rows(checked, request.instrument, now_ns)
    good = checked.inspection.good
    if refused and not (request.keep_good and len(good)):
        store.write(Delivery("import", now_ns, refused=refused))
        raise checked.refusal()
    frame = checked.frame(request.instrument)
    record = ImportRecord(
        key,
        request.instrument,
        str(path),
        file.content_hash,
        file.format,
        int(frame.open_ns[0]),
        int(frame.open_ns[-1]),
        len(frame),
        len(checked.inspection.bad),
        now_ns,
    )
    source = f"file:{file.content_hash[:16]}"
    instrument = _register(store, request)
    store.write(Delivery(source, now_ns, frame, instrument, refused, record))
    return _outcome(path, "imported", record, _missing(frame))


def _import_key(content_hash: str, request: ImportRequest) -> str:
    instrument = request.instrument
    options = f"{request.keep_good:d}{request.allow_jumps:d}"
    text = f"{content_hash}:{instrument.market_id}:{instrument.symbol}:{options}"
    return hashlib.sha256(text.encode()).hexdigest()


def _expect_minutes(path: Path, checked: CheckedFile) -> None:
    if checked.timeframe is not Timeframe.M1:
        name = checked.timeframe.value
        raise BadInput(
            f"{path}: holds {name} candles, and only 1m candles are stored:"
            " every longer one is made from them",
            hint="Import a 1m file, or use this one without storing it:"
            f" bowline backtest SPEC --candles FILE --timeframe {name}",
        )


def _stored_beside(store: Candles, checked: CheckedFile, instrument: InstrumentId) -> CandleFrame:
    stamps = checked.file.columns.open_ns[checked.inspection.good]
    if not len(stamps):
        return empty_frame(instrument, Timeframe.M1)
    first_ns, last_ns = int(stamps.min()) - DAY_NS, int(stamps.max()) + DAY_NS
    return store.read(instrument, Timeframe.M1, max(first_ns, 0), last_ns)


def _refused_rows(
    checked: CheckedFile, instrument: InstrumentId, now_ns: int
) -> tuple[RefusedRow, ...]:
    return tuple(
        RefusedRow(
            instrument,
            bad.file,
            checked.file.content_hash,
            bad.row,
            bad.open_ns,
            bad.reason,
            bad.values,
            now_ns,
        )
        for bad in checked.bad_rows(MAX_QUARANTINED_ROWS)
    )


def _register(store: Candles, request: ImportRequest) -> Instrument:
    known = store.instrument(request.instrument) or Instrument(
        request.instrument, taker_fee_pct=request.market.taker_fee_pct
    )
    said = {
        name: step
        for name, step in msgspec.structs.asdict(request.steps).items()
        if step is not None
    }
    try:
        return msgspec.structs.replace(known, **said)
    except ValueError as error:
        raise BadInput(str(error)) from error


def _missing(frame: CandleFrame) -> int:
    span = int(frame.open_ns[-1] - frame.open_ns[0]) // MINUTE_NS + 1
    return span - len(frame)


def _outcome(path: Path, status: str, record: ImportRecord, missing: int) -> ImportOutcome:
    return ImportOutcome(
        str(path),
        status,
        record.format,
        record.candles,
        record.refused,
        record.first_ns,
        record.last_ns,
        missing,
    )


def _refused(path: Path, error: BowlineError) -> ImportOutcome:
    return ImportOutcome(
        str(path), "refused", error=error.message, problems=error.problems, hint=error.hint
    )


def list_candles(store: Candles) -> tuple[Coverage, ...]:
    """What is stored, by instrument."""
    return store.coverage()


def find_gaps(
    store: Candles, absences: Absences, instrument: InstrumentId | None = None
) -> tuple[Gap, ...]:
    """What is missing and why, of one instrument or of all; NotFound if the one is not stored."""
    if instrument is not None:
        _expect_stored(store, instrument)
    wanted = [instrument] if instrument else [each.instrument for each in store.coverage()]
    return tuple(
        part
        for each in wanted
        for known in [absences.of(each)]
        for gap in store.gaps(each)
        for part in _reasoned(gap, known)
    )


def _reasoned(gap: Gap, known: Sequence[Absence]) -> Iterator[Gap]:
    """The gap, cut where the venue was asked and had nothing; what was refused stays refused."""
    if gap.reason != "unknown":
        yield gap
        return
    absent = [(each.start_ns, each.end_ns) for each in known]
    rest = [(start, end, gap.reason) for start, end in outside(gap.start_ns, gap.end_ns, absent)]
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
        entry = _expect_stored(store, instrument)
        raise NotFound(
            f"no full {timeframe.value} candle of {name_of(instrument)} in that range",
            hint=f"Stored is {utc_text(entry.first_ns)} to {utc_text(entry.last_ns)}.",
        )
    return frame


def export_candles(frame: CandleFrame, path: Path, *, force: bool = False) -> None:
    """Write candles to a CSV or Parquet file, whole or not at all; Conflict if it is there."""
    if path.exists() and not force:
        raise Conflict(f"{path} exists already", hint="Choose another name, or add --force.")
    from bowline.storage.files import write_candle_file  # noqa: PLC0415 - as in `desk.setup`

    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write_candle_file(frame, draft, path.suffix)
        draft.replace(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


def name_of(instrument: InstrumentId) -> str:
    """`venue:kind:symbol`, for people."""
    return Instrument(instrument).key


def utc_text(moment_ns: int) -> str:
    """A moment to the minute, for people: 2024-01-31 23:59."""
    return str(np.datetime64(moment_ns, "ns").astype("datetime64[m]")).replace("T", " ")


def _expect_stored(store: Candles, instrument: InstrumentId) -> Coverage:
    coverage = store.coverage()
    for entry in coverage:
        if entry.instrument == instrument:
            return entry
    stored = ", ".join(name_of(entry.instrument) for entry in coverage) or "nothing yet"
    raise NotFound(
        f"no candles of {name_of(instrument)} are stored",
        hint=f"Stored: {stored}. Add some: bowline candles import FILE --market M --symbol S",
    )
