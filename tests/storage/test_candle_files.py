"""Candle files of every kind read alike, say what they are, and refuse what they are not."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.instrument import FILE_MARKET, InstrumentId
from bowline.core.model.market import VALUE_COLUMNS
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.rollup import rollup
from bowline.storage.files import load_file, read_candle_file, write_candle_file
from tests.candle_files import (
    BROKEN,
    HEADER,
    START_NS,
    Broken,
    csv_bytes,
    feather_bytes,
    kline_rows,
    made_frame,
    made_rows,
    parquet_bytes,
    table_of,
    zip_bytes,
)

KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)
ROWS = made_rows()
MICRO = made_rows(unit_ns=1000)


def _dated(form: str) -> bytes:
    stamps = (START_NS + np.arange(60) * MINUTE_NS).astype("datetime64[ns]").astype("datetime64[s]")
    return csv_bytes(
        [[form.format(*str(s).split("T")), *row[1:]] for s, row in zip(stamps, ROWS, strict=True)]
    )


def _json() -> bytes:
    rows = ",".join("[" + ",".join(str(cell) for cell in row) + "]" for row in ROWS)
    return f" [{rows}]\n".encode()


KINDS: dict[str, tuple[bytes, str]] = {
    "headless ms": (
        csv_bytes(kline_rows(ROWS), None),
        "binance kline csv, no header, millisecond stamps",
    ),
    "headless µs": (
        csv_bytes(kline_rows(MICRO, 1000), None),
        "binance kline csv, no header, microsecond stamps",
    ),
    "klines with header": (
        csv_bytes(kline_rows(ROWS), tuple(KLINES.split(","))),
        "binance kline csv, header, millisecond stamps",
    ),
    "seconds": (csv_bytes(made_rows(unit_ns=10**9)), "csv, header, second stamps"),
    "nanoseconds": (csv_bytes(made_rows(unit_ns=1)), "csv, header, nanosecond stamps"),
    "six columns": (csv_bytes(ROWS, None), "csv, no header, millisecond stamps"),
    "bybit": (
        csv_bytes([[*row, 123.4] for row in ROWS], None),
        "csv of 7 columns (such as bybit's), no header, millisecond stamps",
    ),
    "bybit with header, newest first": (
        csv_bytes([[*row, 1] for row in ROWS[::-1]], ("startTime", *HEADER[1:], "turnover")),
        "csv, header, millisecond stamps",
    ),
    "whole floats": (
        csv_bytes([[f"{row[0]}.0", *row[1:]] for row in ROWS]),
        "csv, header, millisecond stamps",
    ),
    "dates with zone": (_dated("{} {}+00:00"), "csv, header, dated stamps"),
    "iso dates": (_dated("{}T{}Z"), "csv, header, dated stamps"),
    "dates without zone": (
        _dated("{} {}"),
        "csv, header, dated stamps without a zone taken as UTC",
    ),
    "bom, capitals, blank lines, CRLF": (
        b"\xef\xbb\xbf"
        + csv_bytes(ROWS, ("Open Time", "Open", "High", "Low", "Close", "Volume")).replace(
            b"\n", b"\r\n"
        )
        + b"\r\n\r\n",
        "csv, header, millisecond stamps",
    ),
    "an index of pandas without a name": (
        csv_bytes(ROWS, ("", *HEADER[1:])),
        "csv, header, millisecond stamps",
    ),
    "identical rows": (csv_bytes([*ROWS, *ROWS[:7]]), "csv, header, millisecond stamps"),
    "freqtrade json": (_json(), "freqtrade json, millisecond stamps"),
    "feather": (feather_bytes(table_of(made_frame())), "feather, dated stamps"),
    "parquet": (parquet_bytes(table_of(made_frame())), "parquet, dated stamps"),
    "gzip": (gzip.compress(csv_bytes(ROWS)), "csv, header, millisecond stamps"),
    "zip": (
        zip_bytes({"x/": b"", "a.csv": csv_bytes(ROWS), "a.csv.CHECKSUM": b"00"}),
        "zip of 1 file: csv, header, millisecond stamps",
    ),
    "zip of two units": (
        zip_bytes({"b.csv": csv_bytes(MICRO[30:]), "a.csv": csv_bytes(ROWS[:31])}),
        "zip of 2 files: csv, header, millisecond stamps and csv, header, microsecond stamps",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_alike_and_says_what_it_is(kind: str, tmp_path: Path) -> None:
    content, words = KINDS[kind]
    path = tmp_path / "BTCUSDT"  # no suffix: the bytes decide
    path.write_bytes(content)
    expected = made_frame(instrument=InstrumentId(FILE_MARKET.market_id, "BTCUSDT"))
    assert load_file(path).format == words
    assert read_candle_file(path).content_hash() == expected.content_hash()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_every_broken_file_is_refused_with_file_row_and_reason(
    broken: Broken, tmp_path: Path
) -> None:
    path = tmp_path / broken.name
    path.write_bytes(broken.content())
    with pytest.raises(BadInput) as caught:
        read_candle_file(path, Timeframe.M1)
    said = caught.value.message
    if broken.name == "five_minutes.csv":
        assert "from which no 1m candles" in said
        return
    assert broken.words in said
    assert str(path) in said
    if broken.row is not None:
        assert f"row {broken.row}:" in said


@settings(max_examples=40)
@given(st.binary(max_size=400), st.integers(0, 300), st.integers(0, 300))
def test_damage_anywhere_is_refused_or_harmless_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, start: int, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    for content, _ in KINDS.values():
        cut = start * len(content) // 300
        path.write_bytes(content[:cut] + noise + content[cut + length :])
        try:
            frame = read_candle_file(path, allow_jumps=True)
        except BadInput:
            continue
        assert (frame.low > 0).all()


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        read_candle_file(tmp_path / "none.csv")


def test_a_real_flash_crash_is_read_when_jumps_are_allowed(tmp_path: Path) -> None:
    rows = made_rows()
    rows[30][3] = 10.0  # the low: -90 % within a minute
    path = tmp_path / "crash.csv"
    path.write_bytes(csv_bytes(rows))
    with pytest.raises(BadInput, match="row 31: price jumps"):
        read_candle_file(path)
    assert len(read_candle_file(path, allow_jumps=True)) == 60


def test_a_longer_timeframe_is_rolled_up_and_a_shorter_one_refused(tmp_path: Path) -> None:
    five = made_frame(40, start_ns=1_704_067_200 * 10**9, timeframe=Timeframe.M5)
    path = tmp_path / "five.parquet"
    path.write_bytes(parquet_bytes(table_of(five)))
    hours = read_candle_file(path, Timeframe.H1)
    assert hours.close.tolist() == rollup(five, Timeframe.H1).close.tolist()
    assert len(hours) == 3
    for wrong in (Timeframe.M1, Timeframe.M3):
        with pytest.raises(BadInput, match="holds 5m candles"):
            read_candle_file(path, wrong)
    with pytest.raises(BadInput, match="fill no 1d candle"):
        read_candle_file(path, Timeframe.D1)


def test_a_single_candle_needs_to_be_told_its_timeframe(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_bytes(csv_bytes(ROWS[:1]))
    with pytest.raises(BadInput, match="does not say its timeframe"):
        read_candle_file(path)
    assert len(read_candle_file(path, Timeframe.M1)) == 1


def test_a_market_without_empty_minutes_is_still_of_one_minute(tmp_path: Path) -> None:
    """Some venues leave out minutes without a trade: most steps are then longer than a minute."""
    chance = np.random.default_rng(5)
    rows = [row for row in made_rows(2000) if chance.random() < 0.4]
    path = tmp_path / "thin.csv"
    path.write_bytes(csv_bytes(rows))
    frame = read_candle_file(path)
    assert (frame.timeframe, len(frame)) == (Timeframe.M1, len(rows))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_written_reads_back_bit_for_bit(suffix: str, tmp_path: Path) -> None:
    frame = made_frame(300, instrument=InstrumentId(FILE_MARKET.market_id, "out"))
    path = tmp_path / f"out{suffix}"
    write_candle_file(frame, path, suffix)
    assert read_candle_file(path).content_hash() == frame.content_hash()


def test_years_of_days_and_leap_days_stay_aligned(tmp_path: Path) -> None:
    days = made_frame(3000, start_ns=1_400_025_600 * 10**9, timeframe=Timeframe.D1)
    dates = days.open_ns.astype("datetime64[ns]").astype("datetime64[D]").astype(str)
    values = [getattr(days, name).tolist() for name in VALUE_COLUMNS]
    rows = [list(row) for row in zip(dates.tolist(), *values, strict=True)]
    path = tmp_path / "days.csv"
    path.write_bytes(csv_bytes(rows, ("Date", *HEADER[1:])))
    frame = read_candle_file(path)
    assert frame.timeframe is Timeframe.D1
    assert (frame.open_ns == days.open_ns).all()


def test_numbers_of_other_widths_are_exact(tmp_path: Path) -> None:
    """Integers, decimals and single floats in a table become the doubles nearest to them."""
    frame = made_frame(20)
    table = pa.table(
        {
            "time": pa.array(frame.open_ns // 10**9, pa.int32()),
            "o": pa.array([100] * 20, pa.int16()),
            "h": pa.array([101] * 20, pa.decimal128(12, 4)),
            "l": pa.array([99.5] * 20, pa.float32()),
            "c": pa.array([100] * 20, pa.uint8()),
            "v": pa.array([7] * 20, pa.int64()),
        }
    )
    path = tmp_path / "widths.parquet"
    path.write_bytes(parquet_bytes(table))
    read = read_candle_file(path)
    assert (read.open_ns == frame.open_ns).all()
    assert (read.high[0], read.low[0], read.close[0], read.volume[0]) == (101, 99.5, 100, 7)


def test_every_real_file_reads_as_what_its_name_says(shared_data: Path) -> None:
    paths = sorted((shared_data / "candles").iterdir())
    assert len(paths) >= 20
    for path in paths:
        frame = read_candle_file(path)
        assert f"_{frame.timeframe.value}_" in path.name


def test_the_daily_file_of_another_kind_of_exchange_reads(shared_data: Path) -> None:
    frame = read_candle_file(shared_data / "macro" / "BTC-USD_yahoo_daily_2014_2026.csv")
    assert (frame.timeframe, len(frame)) == (Timeframe.D1, 4328)
    # the columns stand in another order there: close comes first
    assert (frame.open[0], frame.close[0]) == (465.864013671875, 457.3340148925781)
