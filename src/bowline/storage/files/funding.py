"""A file of funding rates as it was read: stamps and rates, in the file's own order.

Nothing is judged here but whether there are a stamp and a number in every row. What the stamps mean
is for the importer to say: files exist whose clock is not UTC and does not say so.

1. The first bytes name the container: feather, Parquet, else CSV with a heading.
2. The columns are found by their names. freqtrade keeps the rate in `open` of a candle whose other
   values are 0; a file where they are not is one of prices.
"""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from pyarrow import ipc

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.instrument import Market
from bowline.core.model.market import FloatColumn, IntColumn
from bowline.storage.files.archive import Read, open_gzip, open_member, zip_members
from bowline.storage.files.foreign import foreign_bytes, foreign_text
from bowline.storage.files.hints import FileHints
from bowline.storage.files.row_filter import RowFilter
from bowline.storage.files.sizes import open_parquet, refuse_if_huge, with_plain_texts
from bowline.storage.files.stamps import as_numpy, stamps_to_ns
from bowline.storage.files.text import as_utf8

#: names in small letters without anything between them
_STAMPS = (
    "fundingtime",
    "calctime",
    "fundingratetimestamp",
    "timestamp",
    "datetime",
    "date",
    "time",
)
_RATES = (
    "fundingrate",
    "lastfundingrate",
    "realizedrate",
    "rate",
    "fundingratepercent",
    "fundingratepct",
    "ratepercent",
    "ratepct",
)
_INTERVALS = ("fundingintervalhours", "fundinginterval", "intervalhours")
_INSTRUMENTS = ("symbol", "instrumentname", "instid", "contract", "contractcode")
_KNOWN = (*_STAMPS, *_RATES, *_INTERVALS, *_INSTRUMENTS)
#: intervals that venues use
_HOURS = (1, 2, 4, 8)
#: ten years of hourly rates take 5 MB
_MAX_BYTES = 64 * 1024**2
#: what a file is expected to hold
_WANTED = "funding rates"
_FREQTRADE = {"open", "high", "low", "close"}


class FundingFile(msgspec.Struct, frozen=True, kw_only=True):
    """`zoned`: the stamps say their own zone, or count from 1970 UTC.

    `hours` is what the file says of each row's interval; `percent`: its cells or its heading say
    that the rates are in percent. `notes` say what was left out.
    """

    name: str
    stamp_ns: IntColumn
    rate: FloatColumn
    zoned: bool
    hours: IntColumn | None = None
    percent: bool = False
    notes: tuple[str, ...] = ()


def load_funding_file(path: Path, market: Market | None = None, symbol: str = "") -> FundingFile:
    """Every row of the file, of `symbol` if its rows name instruments.

    BadInput if it is not of funding rates, NotFound if there is none.
    """
    name = str(path)
    try:
        if not path.is_file():
            raise NotFound(f"{path}: there is no such file")
        content = _content(name, path)
    except OSError as error:
        raise BadInput(f"{path}: the file cannot be read: {error.strerror}") from error
    head = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    foreign = foreign_bytes(name, content, _WANTED)
    if foreign is None and head[:1] in (b"{", b"[", b"<"):
        foreign = foreign_text(name, content, _WANTED)
    if foreign is not None:
        raise foreign
    table = _table(name, content)
    try:
        return _read(name, table, RowFilter(name, FileHints(market=market, symbol=symbol)))
    except (pa.ArrowException, KeyError) as error:
        # two columns of one name, or cells of a kind that are neither numbers nor text
        raise BadInput(
            f"{name}: its columns cannot be told apart or read: {str(error)[:200]}",
            hint="Expected a column of stamps and one of rates, each once.",
        ) from error


def _read(name: str, table: pa.Table, others: RowFilter) -> FundingFile:
    columns = {re.sub(r"[^a-z0-9]", "", title.lower()): title for title in table.column_names}
    taken = [columns[each] for each in (*_KNOWN, *_FREQTRADE) if each in columns]
    table = with_plain_texts(name, table.select(taken))
    named = next((columns[each] for each in _INSTRUMENTS if each in columns), None)
    if named is not None and table.num_rows:
        kept = others.kept(table.column(named).cast(pa.string()), None, 0)
        table = table if kept is None else table.filter(pa.array(kept))
    if not table.num_rows:
        left_out = "".join(f": {note}" for note in others.notes())
        raise BadInput(
            f"{name}: the file holds no row{left_out}",
            hint="Is the download complete, and is it of that instrument?",
        )
    read = stamps_to_ns(name, table.column(_column(name, columns, _STAMPS, "a time stamp")))
    rate, percent = _rates(name, table, columns)
    hours = _hours(name, table, columns)
    return FundingFile(
        name=name,
        stamp_ns=read.stamp_ns,
        rate=rate,
        zoned=read.zoned,
        hours=hours,
        percent=percent,
        notes=tuple(others.notes()),
    )


def _content(name: str, path: Path) -> bytes:
    """The bytes of a file, or of the one file in a zip or gzip; BadInput if they are too many."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(2)
        file.seek(0)
        if head == b"PK":
            members = zip_members(name, path)
            if len(members) > 1:
                raise BadInput(f"{name}: {len(members)} files in the zip", hint="Take them out.")
            with open_member(name, path, members[0]) as read:
                return _at_most(name, read)
        if head == b"\x1f\x8b":
            with open_gzip(name, file, size) as read:
                return _at_most(name, read)
        return _at_most(name, file.read)


def _at_most(name: str, read: Read) -> bytes:
    pieces, size = [], 0
    while piece := read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > _MAX_BYTES:
            raise BadInput(
                f"{name}: more than {_MAX_BYTES >> 20} MiB, which no file of funding rates is",
                hint="Is it a file of candles or trades?",
            )
    return b"".join(pieces)


def _table(name: str, content: bytes) -> pa.Table:
    source = pa.BufferReader(content)
    try:
        if content[:6] == b"ARROW1":
            refuse_if_huge(name, pa.py_buffer(content))
            return _named(ipc.open_file(source).read_all())
        if content[:4] == b"PAR1":
            return _named(open_parquet(name, pa.py_buffer(content)).read())
        return _csv(name, content)
    except (pa.ArrowException, OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BadInput(
            f"{name}: not a table: {first}",
            hint="Expected feather, Parquet, or CSV with a heading.",
        ) from error


def _named(table: pa.Table) -> pa.Table:
    """The table; ValueError if a column's name is no text."""
    for name in table.column_names:
        assert isinstance(name, str)
    return table


def _csv(name: str, content: bytes) -> pa.Table:
    """A CSV with a heading, whatever separates its cells."""
    text = b"".join(as_utf8(name, BytesIO(content).read)).lstrip(b"\r\n")
    # what is no text is found here, as a ValueError
    heading = text.decode().partition("\n")[0]
    separator = max(",;\t|", key=heading.count)
    return pacsv.read_csv(
        pa.BufferReader(text),
        read_options=pacsv.ReadOptions(use_threads=False),
        parse_options=pacsv.ParseOptions(delimiter=separator),
    )


def _column(name: str, columns: dict[str, str], known: tuple[str, ...], what: str) -> str:
    for each in known:
        if each in columns:
            return columns[each]
    raise BadInput(
        f"{name}: no column is {what}: found {', '.join(columns.values())}",
        hint=f"Expected one of {', '.join(known)}.",
    )


def _rates(name: str, table: pa.Table, columns: dict[str, str]) -> tuple[FloatColumn, bool]:
    """The rates, and whether the file says that they are in percent."""
    if columns.keys() >= _FREQTRADE:
        others = [_floats(name, table, columns[each]) for each in ("high", "low", "close")]
        if any(bool(np.any(each != 0)) for each in others):
            raise BadInput(
                f"{name}: these are prices, not funding rates",
                hint="freqtrade keeps rates in *-funding_rate files, prices in *-mark and others.",
            )
        return _floats(name, table, columns["open"]), False
    title = _column(name, columns, _RATES, "a funding rate")
    percent = "%" in title or "percent" in title.lower() or "pct" in title.lower()
    column = table.column(title)
    if pa.types.is_string(column.type):
        marked = pc.ends_with(pc.utf8_trim_whitespace(column), "%")
        if pc.all(marked).as_py():
            percent = True
            bare = pc.utf8_trim_whitespace(pc.utf8_rtrim(pc.utf8_trim_whitespace(column), "%"))
            table = table.set_column(table.column_names.index(title), title, bare)
    return _floats(name, table, title), percent


def _hours(name: str, table: pa.Table, columns: dict[str, str]) -> IntColumn | None:
    """The interval that the file says of each row; None if it says none."""
    title = next((columns[each] for each in _INTERVALS if each in columns), None)
    if title is None:
        return None
    hours = _floats(name, table, title)
    known = np.isin(hours, _HOURS)
    if not known.all():
        row = int(np.argmin(known))
        raise BadInput(
            f"{name}, row {row + 1}: an interval of {hours[row]:g} hours is none",
            hint=f"Expected {', '.join(map(str, _HOURS))}.",
        )
    return hours.astype(np.int64)


def _floats(name: str, table: pa.Table, title: str) -> FloatColumn:
    try:
        values: FloatColumn = as_numpy(table.column(title).cast(pa.float64()))
    except pa.ArrowInvalid as error:
        raise BadInput(f"{name}: {title} is not all numbers: {error}") from error
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise BadInput(f"{name}, row {bad[0] + 1}: {title} is missing or no number")
    return values
