"""Hostile files: bombs, damage and noise are refused within bounds, never with a traceback."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from bowline.core.errors import BowlineError
from bowline.storage.files import load_file, read_candle_file
from bowline.storage.files.archive import MAX_MEMBERS
from bowline.storage.files.funding import load_funding_file
from tests.candle_files import csv_bytes, made_rows, zip_bytes
from tests.storage.test_file_layouts import READ

_MIB = 1024**2
ROW = b"1735689600000,100,100,100,100,1\n"


def refused(path: Path) -> str:
    with pytest.raises(BowlineError) as caught:
        load_file(path)
    assert caught.value.hint or caught.value.problems
    return caught.value.message


def bomb_zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as f:
        for _ in range(300):
            f.write(ROW * (_MIB // len(ROW)))
    return sink.getvalue()


def bomb_gzip(piece: bytes) -> bytes:
    sink = io.BytesIO()
    with gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=9) as file:
        for _ in range(300):
            file.write(piece * (_MIB // len(piece)))
    return sink.getvalue()


def table(rows: int) -> pa.Table:
    names = ("open", "high", "low", "close", "volume")
    zeros = {name: pa.array(np.zeros(rows, dtype=np.float32)) for name in names}
    return pa.table({"date": pa.array(np.zeros(rows, dtype=np.int64)), **zeros})


def bomb_feather() -> bytes:
    sink = io.BytesIO()
    feather.write_feather(table(13_000_000), sink, compression="zstd")
    return sink.getvalue()


def bomb_parquet() -> bytes:
    sink = io.BytesIO()
    parquet.write_table(table(13_000_000), sink)
    return sink.getvalue()


def numbers(rows: int) -> dict[str, pa.Array]:
    return {
        name: pa.array(np.ones(rows, dtype=np.float32))
        for name in ("open", "high", "low", "close", "volume")
    }


def bomb_of_one_text() -> bytes:
    """Every row has the same text of 100 kB, which the file holds once."""
    text = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(4_000, dtype=np.int32)), pa.array(["2025-01-01" + " " * 100_000])
    )
    sink = io.BytesIO()
    parquet.write_table(pa.table({"date": text, **numbers(4_000)}), sink, store_schema=False)
    return sink.getvalue()


def bomb_of_like_texts() -> bytes:
    """Every row tells how its text of 100 kB differs from the one before: not at all."""
    texts = pa.array(["2025-01-01" + " " * 100_000] * 4_000, pa.large_string())
    sink = io.BytesIO()
    parquet.write_table(
        pa.table({"date": texts, **numbers(4_000)}), sink,
        use_dictionary=False, column_encoding={"date": "DELTA_BYTE_ARRAY"}, store_schema=False,
    )  # fmt: skip
    return sink.getvalue()


def bomb_of_one_dictionary() -> bytes:
    """A column of ten rows refers to a hundred million values."""
    values = pa.array(np.zeros(100_000_000, dtype=np.float32))
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(10, dtype=np.int32)), values)
    sink = io.BytesIO()
    feather.write_feather(
        pa.table(numbers(10) | {"date": pa.array(np.arange(10)), "open": column}), sink, "zstd"
    )
    return sink.getvalue()


BOMBS = {
    "zip": bomb_zip,
    "gzip of rows": lambda: bomb_gzip(ROW),
    "gzip of one line": lambda: bomb_gzip(b"1"),
    "gzip of blank lines": lambda: bomb_gzip(b"\n"),
    "feather": bomb_feather,
    "parquet": bomb_parquet,
    "parquet of one text": bomb_of_one_text,
    "parquet of like texts": bomb_of_like_texts,
    "feather of one dictionary": bomb_of_one_dictionary,
    "a line without an end": lambda: b"time,open,high,low,close,volume\n" + b"1" * (40 * _MIB),
}
_LIMITED = """\
import resource, sys
from pathlib import Path
from bowline.core.errors import BowlineError
from bowline.storage.files import load_file
from bowline.storage.files.funding import load_funding_file
path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for read in (load_file, load_funding_file):
    try:
        read(path)
    except BowlineError as error:
        print(error.message)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_in_a_fraction_of_what_it_unpacks_to(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[kind]())
    out = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(out) == 3
    # each unpacks to 300 MiB or more; of rows, 64 MiB are read before they are too many
    assert int(out[-1]) < 250


def test_texts_that_are_kept_once_are_read_as_any_others(tmp_path: Path) -> None:
    """As pandas writes categories, and every writer of Parquet its texts."""
    stamps = ["2025-01-01 00:00", "2025-01-01 00:01", "2025-01-01 00:02"]
    plain = {"date": pa.array(stamps), "symbol": pa.array(["BTCUSDT"] * 3), **numbers(3)}
    kept = {name: each.dictionary_encode() for name, each in plain.items() if name in "date symbol"}
    path = tmp_path / "candles"
    for write in (feather.write_feather, parquet.write_table):
        for columns in (plain, plain | kept):
            write(pa.table(columns), path)
            read = load_file(path)
            assert read.columns.open_ns.tolist() == [
                1_735_689_600_000_000_000 + minute * 60_000_000_000 for minute in range(3)
            ]


def json_rows(count: int) -> list[str]:
    return [f"[{1_735_689_600_000 + 60_000 * at}, 1, 1, 1, 1, {at}]" for at in range(count)]


def test_json_takes_no_more_memory_than_its_columns(tmp_path: Path) -> None:
    """As objects these rows take 300 MiB, their text 60, and their columns 60."""
    path = tmp_path / "candles.json"
    path.write_text(f"[{', '.join(json_rows(1_300_000))}]")
    out = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert int(out[-1]) < 280


@pytest.mark.parametrize("between", [",", ", ", "\n ,\n"])
def test_long_json_is_read_row_by_row(tmp_path: Path, between: str) -> None:
    """Longer than what is decoded at once: no row is lost, and a fault is told with its row."""
    rows, path = json_rows(120_000), tmp_path / "candles.json"
    path.write_text(f" [ {between.join(rows)} ] " + " " * 3_000_000)
    read = load_file(path).columns
    assert read.volume.tolist() == list(range(120_000))
    assert set(np.diff(read.open_ns).tolist()) == {60_000_000_000}
    for at, wrong, said in (
        (110_000, "[1735689600000, 1, 1, 1, 1]", "row 110001"),
        (110_000, '[1735689600000, 1, 1, "x", 1, 1]', "row 110001"),
        (20, "", "malformed"),
        (110_000, "", "malformed"),
        (110_000, "[[", "row 110001"),
        (119_999, "", "malformed"),
        (119_999, "1", "row 120000"),
    ):
        path.write_text(f"[{between.join([*rows[:at], wrong, *rows[at + 1 :]])}]")
        assert said in refused(path), (at, wrong)
    path.write_text(f"[{between.join(rows)}] []")
    assert "malformed" in refused(path)


def test_archives_within_archives_and_locked_ones_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "archive"
    inner = zip_bytes({"a.csv": csv_bytes(made_rows())})
    for content, said in (
        (zip_bytes({"in.zip": inner}), "a zip within a zip"),
        (zip_bytes({"in.gz": gzip.compress(ROW)}), "a gzip within a zip"),
        (gzip.compress(inner), "a zip within a gzip"),
        (gzip.compress(gzip.compress(ROW)), "a gzip within a gzip"),
        (zip_bytes({f"{n}.csv": ROW for n in range(MAX_MEMBERS + 1)}), "5,001 files"),
    ):
        path.write_bytes(content)
        assert said in refused(path)
    locked = bytearray(inner)
    # the flag of encryption, in the member's own header and in the directory (APPNOTE 4.4.4)
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(locked))
    assert "is encrypted" in refused(path)


def test_names_in_an_archive_reach_no_file_and_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    path.write_bytes(zip_bytes({"../../escape\x1b[31m.csv": b"no candles at all"}))
    said = refused(path)
    assert "\x1b" not in said
    assert "escape?[31m.csv" in said
    assert [each.name for each in tmp_path.iterdir()] == ["archive.zip"]


_CONTENTS = [text if isinstance(text, bytes) else text.encode() for text in READ.values()]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(_CONTENTS), st.binary(max_size=99), st.integers(0, 100), st.integers(0, 99))
def test_noise_in_any_layout_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, noise: bytes, start: int, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise"
    cut = start * len(content) // 100
    path.write_bytes(content[:cut] + noise + content[cut + length :])
    for read in (lambda: read_candle_file(path, allow_jumps=True), lambda: load_funding_file(path)):
        try:
            read()
        except BowlineError:
            continue


_CELL = st.text("0123456789.,:;-/ \t\"'TZ%#\r\n\x00é", max_size=12)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(_CELL, min_size=1, max_size=9), max_size=8), st.sampled_from(",;\t|"))
def test_any_cells_are_refused_or_candles(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], separator: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "cells"
    body = "\n".join(separator.join(row) for row in rows)
    for head in ("", separator.join(("date", "time", "open", "high", "low", "close", "volume"))):
        path.write_text(f"{head}\n{body}", newline="")
        try:
            frame = read_candle_file(path, allow_jumps=True)
        except BowlineError:
            continue
        assert (frame.low > 0).all()
