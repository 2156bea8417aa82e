"""Candles and candle files made up for tests: sound ones, and thirty broken in one way each."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import zipfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import feather, parquet

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.storage.candles import Candles

SPOT = InstrumentId(MarketId(1), "BTCUSDT")
#: 2024-01-31 23:30 UTC: the files cross a day and a month
START_NS = 1_706_743_800 * 10**9
HEADER = ("open_time", "open", "high", "low", "close", "volume")

Row = list[object]
#: opens one and the same candle store as often as asked
Opener = Callable[[], Candles]
_names = itertools.count()


def fresh() -> InstrumentId:
    """An instrument that no other test has stored anything under."""
    return InstrumentId(MarketId(1), f"T{next(_names)}")


def made_frame(
    count: int = 60,
    *,
    seed: int = 1,
    start_ns: int = START_NS,
    instrument: InstrumentId = SPOT,
    timeframe: Timeframe = Timeframe.M1,
) -> CandleFrame:
    """A random walk without gaps, in prices of two decimals."""
    chance = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(chance.normal(0, 0.001, count))), 2)
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.round(np.maximum(open_, close) + chance.random(count), 2)
    low = np.round(np.minimum(open_, close) - chance.random(count), 2)
    volume = np.round(chance.random(count) * 10, 3)
    open_ns = start_ns + np.arange(count, dtype=np.int64) * timeframe.ns
    return CandleFrame(instrument, timeframe, open_ns, open_, high, low, close, volume)


def made_rows(count: int = 60, *, unit_ns: int = 10**6, seed: int = 1) -> list[Row]:
    """The rows of such a frame: stamp in units of `unit_ns`, open, high, low, close, volume."""
    frame = made_frame(count, seed=seed)
    values = [getattr(frame, name).tolist() for name in VALUE_COLUMNS]
    return [list(row) for row in zip((frame.open_ns // unit_ns).tolist(), *values, strict=True)]


def csv_bytes(rows: list[Row], header: tuple[str, ...] | None = HEADER) -> bytes:
    """The rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def kline_rows(rows: list[Row], unit_ns: int = 10**6) -> list[Row]:
    """The rows in the twelve columns of Binance's dumps."""
    minute = MINUTE_NS // unit_ns
    return [[*row, int(row[0]) + minute - 1, 1000.5, 7, 0.5, 50.25, 0] for row in rows]


def table_of(frame: CandleFrame) -> pa.Table:
    """As freqtrade writes it: `date` and the values."""
    stamps = pa.array(frame.open_ns).cast(pa.timestamp("ns", "UTC"))
    values = {name: getattr(frame, name) for name in VALUE_COLUMNS}
    return pa.table({"date": stamps, **values})


def feather_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    feather.write_feather(table, sink)
    return sink.getvalue()


def parquet_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table, sink)
    return sink.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return sink.getvalue()


def with_cell(row: int, column: str, value: object) -> bytes:
    """A sound CSV with one cell replaced; `row` counts from 1."""
    rows = made_rows()
    rows[row - 1][HEADER.index(column)] = value
    return csv_bytes(rows)


class Broken(NamedTuple):
    """A file that must be refused: its bytes, words of the message, and the row it must name."""

    name: str
    content: Callable[[], bytes]
    words: str
    row: int | None = None


def _conflicting() -> bytes:
    rows = made_rows()
    again = [*rows[19][:5], 99.0]
    return csv_bytes([*rows[:20], again, *rows[20:]])


def _mixed_units() -> bytes:
    rows = made_rows()
    for row in rows[30:]:
        row[0] = int(row[0]) * 1000
    return csv_bytes(rows)


def _changing_step() -> bytes:
    rows = made_rows(60)
    rest = [[int(row[0]) + (index + 1) * 240_000, *row[1:]] for index, row in enumerate(rows)]
    return csv_bytes([*rows, *[[r[0] + 3_600_000, *r[1:]] for r in rest]])


def _shifted(by: int) -> bytes:
    return csv_bytes([[int(row[0]) + by, *row[1:]] for row in made_rows()])


def _stepped(minutes: int) -> bytes:
    rows = made_rows()
    first = int(rows[0][0])
    return csv_bytes([[first + n * minutes * 60_000, *row[1:]] for n, row in enumerate(rows)])


def _line(row: int, text: str) -> bytes:
    lines = csv_bytes(made_rows()).decode().splitlines()
    lines[row] = text
    return "\n".join(lines).encode()


def _future() -> bytes:
    rows = made_rows()
    rows[-1][0] = 4_102_444_800_000
    return csv_bytes(rows)


def _text_table() -> pa.Table:
    table = table_of(made_frame())
    return table.set_column(1, "open", pa.array([str(x) for x in table["open"].to_pylist()]))


def _null_table() -> pa.Table:
    table = table_of(made_frame())
    closes = table["close"].to_pylist()
    closes[11] = None
    return table.set_column(4, "close", pa.array(closes, pa.float64()))


def _json(row: int, text: str) -> bytes:
    rows = [f"[{','.join(str(cell) for cell in row)}]" for row in made_rows()]
    rows[row - 1] = text
    return f"[{','.join(rows)}]".encode()


_SOUND = csv_bytes(made_rows())
_PAGE = b"<!DOCTYPE html><html><title>404 Not Found</title></html>"

BROKEN: tuple[Broken, ...] = (
    Broken("nan_price.csv", lambda: with_cell(17, "close", "NaN"), "not a finite number", 17),
    Broken("empty_cell.csv", lambda: with_cell(18, "open", ""), "missing", 18),
    Broken("infinite.csv", lambda: with_cell(3, "high", "inf"), "not a finite number", 3),
    Broken("negative_price.csv", lambda: with_cell(9, "low", -1), "zero or negative", 9),
    Broken("zero_price.csv", lambda: with_cell(10, "low", 0), "zero or negative", 10),
    Broken("high_below_low.csv", lambda: with_cell(21, "high", 1), "high is below low", 21),
    Broken("low_above_close.csv", lambda: with_cell(5, "low", 100.2), "low is above", 5),
    Broken("high_below_close.csv", lambda: with_cell(6, "high", 99.0), "high is below", 6),
    Broken("negative_volume.csv", lambda: with_cell(60, "volume", -0.001), "is negative", 60),
    Broken("spike.csv", lambda: with_cell(31, "high", 1000), "price jumps", 31),
    Broken(
        "off_by_a_second.csv",
        lambda: with_cell(40, "open_time", START_NS // 10**6 + 39 * 60_000 + 1000),
        "not the start of a candle",
        40,
    ),
    Broken("all_shifted.csv", lambda: _shifted(30_000), "not the start of a candle", 1),
    Broken("future.csv", _future, "not closed yet", 60),
    Broken("conflicting_rows.csv", _conflicting, "another row for the same open time", 20),
    Broken("mixed_units.csv", _mixed_units, "microseconds, the rows before it in milliseconds", 31),
    Broken("unknown_unit.csv", lambda: with_cell(7, "open_time", 12345), "no known unit", 7),
    Broken("missing_stamp.csv", lambda: with_cell(8, "open_time", ""), "time stamp is missing", 8),
    Broken("text_stamp.csv", lambda: with_cell(12, "open_time", "noon"), "'noon' is not", 12),
    Broken("text_price.csv", lambda: with_cell(13, "close", "1.234,5"), "is not a number", 13),
    Broken("short_row.csv", lambda: _line(14, "1706743800000,1,2"), "3 columns, expected 6", 14),
    Broken("long_row.csv", lambda: _line(15, "1,2,3,4,5,6,7"), "7 columns, expected 6", 15),
    Broken("five_minutes.csv", lambda: _stepped(5), "holds 5m candles"),
    Broken("seven_minutes.csv", lambda: _stepped(7), "no known timeframe", 2),
    Broken("changing_step.csv", _changing_step, "from here on candles are 300 s apart", 60),
    Broken("no_volume.csv", lambda: csv_bytes([r[:5] for r in made_rows()], HEADER[:5]), "columns"),
    Broken("two_closes.csv", lambda: csv_bytes(made_rows(), (*HEADER[:5], "close")), "columns"),
    Broken("headless.csv", lambda: csv_bytes([r[:5] for r in made_rows()], None), "header", 1),
    Broken("only_header.csv", lambda: csv_bytes([]), "no candle"),
    Broken("empty.csv", lambda: b"", "empty"),
    Broken("error_page.csv", lambda: _PAGE, "web page", 1),
    Broken("truncated.zip", lambda: zip_bytes({"a.csv": _SOUND})[:-40], "truncated"),
    Broken("nothing_in_it.zip", lambda: zip_bytes({"a.csv.CHECKSUM": b"1"}), "no file of candles"),
    Broken(
        "bad_member.zip",
        lambda: zip_bytes({"a.csv": csv_bytes(made_rows()), "b.csv": with_cell(4, "low", -1)}),
        "b.csv, row 4: a price is zero or negative",
        4,
    ),
    Broken("truncated.csv.gz", lambda: gzip.compress(csv_bytes(made_rows()))[:-20], "truncated"),
    Broken("truncated.feather", lambda: feather_bytes(table_of(made_frame()))[:-100], "cannot be"),
    Broken("text.feather", lambda: feather_bytes(_text_table()), "column open holds string", 1),
    Broken("null.feather", lambda: feather_bytes(_null_table()), "missing", 12),
    Broken("truncated.parquet", lambda: parquet_bytes(table_of(made_frame()))[:-9], "cannot be"),
    Broken("null.json", lambda: _json(16, "[1706744700000,null,2,1,1,1]"), "null", 16),
    Broken("truncated.json", lambda: _json(16, "[1")[:-30], "truncated"),
    Broken("object.json", lambda: b'{"code":-1121,"msg":"Invalid symbol."}', "error of a server"),
)  # fmt: skip
