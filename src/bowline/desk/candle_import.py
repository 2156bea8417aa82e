"""Files of candles into the store.

An import must never leave a part of a file behind: each file is one delivery to the store.

1. A file whose content was imported before, for the same instrument and with the same options, is
   known by its key and adds nothing.
2. A file with a bad row is refused, its bad rows go to the quarantine; with `keep_good` the other
   rows are stored.
3. The instrument is entered in the reference table; what is known of it is kept unless an option
   says otherwise.
4. With `fill_flat` the minutes that are missing within the file are filled, see `desk.fill_flat`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from bowline.core.errors import BadInput, BowlineError, NotFound
from bowline.core.model.instrument import Instrument, InstrumentId, Market
from bowline.core.model.market import CandleFrame, empty_frame
from bowline.core.model.values import DAY_NS, MINUTE_NS, ONE, Timeframe
from bowline.desk.candles import parse_market, parse_symbol
from bowline.desk.fill_flat import FillResult, fill_flat
from bowline.desk.steps import Steps
from bowline.storage.candles import (
    MAX_QUARANTINED_ROWS,
    CandleBatch,
    Candles,
    ImportRecord,
    RefusedRow,
)

if TYPE_CHECKING:
    from bowline.storage.files import CheckedFile, FileHints


class FileOptions(msgspec.Struct, frozen=True):
    """What the person says of the files; empty and None are not said, and nothing is guessed.

    `columns` gives a role its heading or number, `offset_ns` is how far a local clock is ahead.
    """

    timeframe: Timeframe | None = None
    offset_ns: int | None = None
    columns: dict[str, str] = {}
    decimal: str = ""
    any_instrument: bool = False


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files' candles belong, and how strict to be.

    `listed` is what the venue says of the instrument, if it was asked. `fill_longest` is the
    longest hole, in minutes, that is filled flat; None fills none.
    """

    market: Market
    symbol: str
    steps: Steps = Steps()
    words: FileOptions = FileOptions()
    keep_good: bool = False
    allow_jumps: bool = False
    fill_longest: int | None = None
    listed: Instrument | None = None

    @property
    def instrument(self) -> InstrumentId:
        """The key they are stored under."""
        return InstrumentId(self.market.market_id, self.symbol)


class ImportOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one file: `status` is imported, known (nothing added) or refused."""

    file: str
    status: str
    format: str = ""
    candles: int = 0
    refused: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    missing: int = 0
    filled: FillResult | None = None
    notes: tuple[str, ...] = ()
    error: str = ""
    problems: tuple[str, ...] = ()
    hint: str = ""


ImportProgress = Callable[[ImportOutcome], None]


def import_request(
    market: str,
    symbol: str,
    steps: Steps = Steps(),  # noqa: B008 - frozen
    words: FileOptions = FileOptions(),  # noqa: B008 - frozen
    *,
    keep_good: bool = False,
    allow_jumps: bool = False,
    fill_longest: int | None = None,
) -> ImportRequest:
    """The request in a person's words; BadInput says which word is wrong."""
    found, name = parse_market(market), parse_symbol(symbol)
    _refuse_coin_margined(found, name)
    return ImportRequest(
        market=found,
        symbol=name,
        steps=steps,
        words=words,
        keep_good=keep_good,
        allow_jumps=allow_jumps,
        fill_longest=fill_longest,
    )


def parse_columns(texts: Sequence[str]) -> dict[str, str]:
    """`volume=Vol BTC` and the like as a mapping of roles; BadInput for a role that is none."""
    from bowline.storage.files import NAMED_ROLES  # noqa: PLC0415 - as in `desk.setup`

    found = {}
    for text in texts:
        role, sign, heading = text.partition("=")
        if not (sign and heading.strip()) or role.strip().lower() not in NAMED_ROLES:
            raise BadInput(
                f"--column {text} names no column",
                hint=f"Expected one of {', '.join(NAMED_ROLES)} and a heading or a number from 1:"
                " --column volume=Vol.",
            )
        found[role.strip().lower()] = heading.strip()
    return found


def _refuse_coin_margined(market: Market, symbol: str) -> None:
    """Contracts of USD that are settled in the coin: their volume is no base units."""
    plain = symbol.removesuffix("-SWAP").removesuffix("_PERP")
    marked = plain != symbol or symbol.replace("-", "_").rpartition("_")[2].isdecimal()
    coin = plain.rstrip("0123456789").rstrip("-_").replace("-", "").replace("_", "")
    if market.kind != "spot" and marked and coin.endswith("USD") and not coin.endswith(_DOLLARS):
        raise BadInput(
            f"{symbol} is a contract of US dollars settled in its coin, and {market.name} holds"
            " contracts settled in their quote",
            hint="Only spot and quote-settled perpetuals are stored, such as BTCUSDT.",
        )


#: coins whose names end as the dollar's
_DOLLARS = ("BUSD", "FDUSD", "TUSD", "PYUSD")


def import_files(
    store: Candles,
    paths: Sequence[Path],
    request: ImportRequest,
    progress: ImportProgress = lambda _: None,
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

    file = load_file(path, _hints(store, request))
    key = _import_key(file.content_hash, request)
    if known := store.imports(key):
        if request.steps != Steps():
            store.write(
                CandleBatch(
                    source="import", ingested_ns=now_ns, instrument=_register(store, request)
                )
            )
        return _outcome(path, "known", known[0], _fill(store, request, known[0], now_ns))
    checked = check_file(
        file, now_ns, timeframe=request.words.timeframe, allow_jumps=request.allow_jumps
    )
    _expect_minutes(path, checked)
    if not request.allow_jumps:
        checked = checked.beside(_stored_beside(store, checked, request.instrument))
    refused = _refused_rows(checked, request.instrument, now_ns)
    good = checked.inspection.good
    if refused and not (request.keep_good and len(good)):
        store.write(CandleBatch(source="import", ingested_ns=now_ns, refused=refused))
        raise checked.refusal()
    frame = checked.frame(request.instrument)
    record = ImportRecord(
        key=key,
        instrument=request.instrument,
        file=str(path),
        content_hash=file.content_hash,
        format=file.format,
        first_ns=int(frame.open_ns[0]),
        last_ns=int(frame.open_ns[-1]),
        candles=len(frame),
        refused=len(checked.inspection.bad),
        ingested_ns=now_ns,
    )
    traded, filled = _parted(checked, frame)
    source = f"file:{file.content_hash[:16]}"
    store.write(
        CandleBatch(
            source=source,
            ingested_ns=now_ns,
            candles=traded,
            instrument=_register(store, request),
            refused=refused,
            record=record,
            filled=filled,
        )
    )
    outcome = _outcome(path, "imported", record, _fill(store, request, record, now_ns))
    return msgspec.structs.replace(outcome, missing=_missing(frame), notes=_notes(checked, filled))


def _hints(store: Candles, request: ImportRequest) -> FileHints:
    """What is known of the files before they are read."""
    from bowline.storage.files import FileHints  # noqa: PLC0415 - as in `desk.setup`

    words, said = request.words, request.steps.contract_size
    return FileHints(
        market=request.market,
        symbol="" if words.any_instrument else request.symbol,
        offset_ns=words.offset_ns,
        contract_size=said or _contract_size(store, request),
        volume_in_contracts=said is not None,
        columns=words.columns,
        decimal=words.decimal,
    )


def _contract_size(store: Candles, request: ImportRequest) -> Decimal | None:
    """Base units a contract as the venue says; None where nobody asked it."""
    if request.listed is not None:
        return request.listed.contract_size
    known = store.instrument(request.instrument)
    # what is not known is kept as 1
    return None if known is None or known.contract_size == ONE else known.contract_size


def _parted(
    checked: CheckedFile, frame: CandleFrame
) -> tuple[CandleFrame | None, CandleFrame | None]:
    """The candles of a file that traded, and those it says were filled without a trade."""
    marks = checked.file.filled
    if marks is None:
        return frame, None
    filled = marks[checked.inspection.good]
    parts = [frame.take(np.flatnonzero(each)) for each in (~filled, filled)]
    traded, flat = (part if len(part) else None for part in parts)
    return traded, flat


def _notes(checked: CheckedFile, filled: CandleFrame | None) -> tuple[str, ...]:
    kept = () if filled is None else (f"{len(filled):,} filled minutes are kept as filled",)
    return (*checked.file.notes, *kept)


def _fill(
    store: Candles, request: ImportRequest, record: ImportRecord, now_ns: int
) -> FillResult | None:
    if request.fill_longest is None:
        return None
    end_ns = record.last_ns + MINUTE_NS
    span = (record.first_ns, end_ns)
    return fill_flat(store, request.instrument, *span, longest=request.fill_longest, now_ns=now_ns)


def _import_key(content_hash: str, request: ImportRequest) -> str:
    instrument = request.instrument
    options = f"{request.keep_good:d}{request.allow_jumps:d}"
    said = (request.words, request.steps.contract_size)
    if said != (FileOptions(), None):
        options += msgspec.json.encode(said, order="sorted").decode()
    text = f"{content_hash}:{instrument.market_id}:{instrument.symbol}:{options}"
    return hashlib.sha256(text.encode()).hexdigest()


def _expect_minutes(path: Path, checked: CheckedFile) -> None:
    if checked.timeframe is not Timeframe.M1:
        name = checked.timeframe.value
        raise BadInput(
            f"{path}: holds {name} candles, and only 1m candles are stored:"
            " every longer one is made from them",
            hint="Import a 1m file, or use this one without storing it:"
            f" bowline backtest SPEC --candles FILE --timeframe {name}."
            " If they are 1m candles with gaps, add --timeframe 1m.",
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
            instrument=instrument,
            file=bad.file,
            content_hash=checked.file.content_hash,
            row=bad.row,
            open_ns=bad.open_ns,
            reason=bad.reason,
            values=bad.values,
            refused_ns=now_ns,
        )
        for bad in checked.bad_rows(MAX_QUARANTINED_ROWS)
    )


def _register(store: Candles, request: ImportRequest) -> Instrument:
    known = (
        store.instrument(request.instrument)
        or request.listed
        or Instrument(request.instrument, taker_fee_pct=request.market.taker_fee_pct)
    )
    return request.steps.over(known)


def _missing(frame: CandleFrame) -> int:
    span = int(frame.open_ns[-1] - frame.open_ns[0]) // MINUTE_NS + 1
    return span - len(frame)


def _outcome(
    path: Path, status: str, record: ImportRecord, filled: FillResult | None
) -> ImportOutcome:
    return ImportOutcome(
        file=str(path),
        status=status,
        format=record.format,
        candles=record.candles,
        refused=record.refused,
        first_ns=record.first_ns,
        last_ns=record.last_ns,
        filled=filled,
    )


def _refused(path: Path, error: BowlineError) -> ImportOutcome:
    return ImportOutcome(
        file=str(path),
        status="refused",
        error=error.message,
        problems=error.problems,
        hint=error.hint,
    )
