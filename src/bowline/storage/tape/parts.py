"""The files of the tape: parts that are written atomically, joined into one file per finished day.

    <root>/trades/date=2026-11-21/market=bybit-linear/symbol=BTCUSDT/part-<first seen ns>.parquet

A file is written under a temporary name, synced to disk and renamed. A joined file names the parts
that it contains, so that a crash before they are deleted neither loses nor repeats a tick.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

import pyarrow as pa
from pyarrow import parquet

from bowline.core.errors import Conflict, Damaged, Unreachable
from bowline.core.model.instrument import InstrumentId, market_by_id, market_by_name
from bowline.storage.embedded.disk import disk_trouble
from bowline.storage.embedded.folder import make_folder
from bowline.storage.tape.rows import SCHEMAS, TapeDay, TapeKind

_TEMPORARY = ".writing"
_JOINED = "day.parquet"
_NAMES = b"joined_parts"
_READING = {"partitioning": None, "page_checksum_verification": True}


def day_folder(root: Path, tape_day: TapeDay) -> Path:
    """The folder of a day's parts; its names are Hive partitions that other programs can read."""
    market = market_by_id(tape_day.instrument.market_id).name.replace(":", "-")
    symbol = quote(tape_day.instrument.symbol, safe="")
    days = root / tape_day.kind.value / f"date={tape_day.day}"
    return days / f"market={market}" / f"symbol={symbol}"


def iter_days(root: Path) -> Iterator[tuple[TapeDay, Path]]:
    """Every recorded day of every instrument and kind, with its folder, in order."""
    for kind in TapeKind:
        for folder in sorted((root / kind.value).glob("date=*/market=*/symbol=*")):
            day, market, symbol = (part.partition("=")[2] for part in folder.parts[-3:])
            market_id = market_by_name(market.replace("-", ":")).market_id
            yield TapeDay(day, kind, InstrumentId(market_id, unquote(symbol))), folder


def write_part(folder: Path, table: pa.Table, first_seen_ns: int) -> Path:
    """Write a part atomically; returns its path. Raises Unreachable if the disk refuses it."""
    make_folder(folder)
    place = folder / f"part-{first_seen_ns:019d}.parquet"
    number = 0
    while place.exists():
        number += 1
        place = folder / f"part-{first_seen_ns:019d}-{number}.parquet"
    _write(table, place)
    return place


def day_files(folder: Path) -> list[Path]:
    """The files that together hold each tick of the day once, oldest first."""
    joined = folder / _JOINED
    parts = sorted(folder.glob("part-*.parquet"))
    if not joined.exists():
        return parts
    within = _names_in(joined)
    return [joined, *(part for part in parts if part.name not in within)]


def read_day(folder: Path, kind: TapeKind) -> pa.Table:
    """All ticks of a day in the order they were seen. Raises Damaged for a corrupt file."""
    tables = []
    for file in day_files(folder):
        with _reporting_damage(file):
            part = parquet.read_table(file, **_READING, schema=SCHEMAS[kind])
            part.validate(full=True)
            # Parquet pages have checksums, the list of columns has none: a corrupt column name
            # there leaves the expected column without values
            whole = part.num_rows == parquet.read_metadata(file).num_rows
            if not whole or any(column.null_count for column in part.columns):
                raise pa.ArrowInvalid("values are missing")
            tables.append(part)
    table = pa.concat_tables(tables) if tables else SCHEMAS[kind].empty_table()
    return table.sort_by("seen_ns")


def join_day(folder: Path, kind: TapeKind) -> int:
    """Join a finished day's parts into one file; returns their number. Safe to repeat."""
    parts = sorted(folder.glob("part-*.parquet"))
    joined = folder / _JOINED
    if len(day_files(folder)) > 1:
        table = read_day(folder, kind)
        names = ",".join(part.name for part in parts).encode()
        _write(table.replace_schema_metadata({_NAMES: names}), joined)
    elif not joined.exists():
        return 0
    for part in parts:
        part.unlink()
    for left in folder.glob(f"*{_TEMPORARY}"):
        left.unlink()
    return len(parts)


def rows_of(file: Path) -> int:
    """The number of ticks in a file. Raises Damaged for a corrupt file."""
    with _reporting_damage(file):
        return int(parquet.read_metadata(file).num_rows)


def remove_day(folder: Path) -> int:
    """Delete a day's files and folders that become empty; returns the number of bytes freed.

    Raises Conflict if a file cannot be deleted.
    """
    try:
        return _remove(folder)
    except OSError as error:
        raise Conflict(
            f"{error.filename or folder} cannot be deleted: {error.strerror}",
            hint="check the folder and its permissions",
        ) from error


def _remove(folder: Path) -> int:
    freed = 0
    for file in folder.iterdir():
        freed += file.stat().st_size
        file.unlink()
    for empty in (folder, folder.parent, folder.parent.parent):
        if any(empty.iterdir()):
            break
        empty.rmdir()
    return freed


def _names_in(joined: Path) -> set[str]:
    with _reporting_damage(joined):
        metadata = parquet.read_schema(joined).metadata or {}
        return set(metadata.get(_NAMES, b"").decode().split(","))


@contextmanager
def _reporting_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise Damaged(
            f"{file} cannot be read: {error}",
            hint="move the file away; trades and quotes cannot be downloaded again",
        ) from error


def _write(table: pa.Table, place: Path) -> None:
    temporary = place.with_suffix(_TEMPORARY)
    try:
        _write_whole(table, temporary, place)
    except OSError as error:
        # an incomplete file would occupy space that the next attempt needs
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        cause = disk_trouble(place) or error.strerror or str(error)
        raise Unreachable(
            f"{place} cannot be written: {cause}",
            hint="free disk space: `bowline tape prune` deletes old days",
        ) from error


def _write_whole(table: pa.Table, temporary: Path, place: Path) -> None:
    with temporary.open("wb") as file:
        parquet.write_table(table, file, compression="zstd", write_page_checksum=True)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(place)
    descriptor = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
