"""The candle store in one DuckDB file: no server, opened for a moment and closed again.

DuckDB lets one process write at a time. So no connection may ever be held between two calls: other
processes use the file in between, and a call waits for its turn until the busy timeout. What is
canonical is a view over the raw tables, so it is never behind them.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from msgspec.structs import replace
from numpy.typing import NDArray

from bowline.core.errors import BowlineError, Conflict, Damaged, Unreachable
from bowline.core.model.instrument import (
    MARKETS,
    Instrument,
    InstrumentId,
    MarketId,
    instrument_with,
)
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame, FundingFrame, IntColumn
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.storage.candles import (
    FLAT,
    FOREVER_NS,
    CandleBatch,
    Coverage,
    FundingCoverage,
    Gap,
    ImportRecord,
    RefusedRow,
    frame_of,
    funding_of,
    gaps_between,
    import_record_of,
    minute_range,
    raw_table,
    raw_tables,
    refused_row_of,
    tie_break,
)
from bowline.storage.embedded.disk import disk_trouble
from bowline.storage.embedded.folder import make_folder

_RETRY_S = 0.02

#: how DuckDB says that the file is not as it was written: every block has a checksum
_DAMAGE = ("Corrupt", "not a valid DuckDB", "Could not read enough bytes")
#: another process has it; another thread has it in the other mode, or is just opening or closing it
_BUSY = ("Could not set lock", "different configuration", "already attached")
#: a disk that takes nothing, wherever in a transaction it was met
_DISK = tuple(
    os.strerror(code)
    for code in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES)
)
_DISK_TYPES = (duckdb.IOException, duckdb.OutOfMemoryException)
_DAMAGE_TYPES = (duckdb.SerializationException, duckdb.FatalException, duckdb.InternalException)

#: one higher with every change of the tables or of MARKETS below
_VERSION = 2

_RAW = """
create table if not exists {table} (
    market_id integer not null, symbol varchar not null, ts_open bigint not null,
    open double not null, high double not null, low double not null, close double not null,
    volume double not null,
    ingested_at bigint not null, tie_break ubigint not null, source varchar not null
)"""

_INSERT = """
insert into {table}
select ?, ?, ts_open, open, high, low, close, volume, ?, tie_break, ? from arrivals"""

_CANONICAL_OF_VENUE = """
select market_id, symbol, ts_open, open, high, low, close, volume, ingested_at from {table}
qualify row_number() over (
    partition by market_id, symbol, ts_open order by ingested_at desc, tie_break desc
) = 1"""

# within one table: an arrival is known by its minute and its moment
_FILLED = f"""
select ts_open from ({_CANONICAL_OF_VENUE}) as canonical
where market_id = $1 and symbol = $2 and ts_open >= $3 and ts_open < $4
    and (ts_open, ingested_at) in (
        select ts_open, ingested_at from {{table}}
        where market_id = $1 and symbol = $2 and starts_with(source, '{FLAT}')
    ) order by ts_open"""  # noqa: S608 - our own names

_ARRIVED_FLAT = " union all ".join(
    f"select market_id, symbol, ts_open, ingested_at from {table}"  # noqa: S608
    f" where starts_with(source, '{FLAT}')"
    for table in raw_tables()
)
_ALL_FILLED = f"""
select market_id, symbol, count(*) from canonical_candles_1m
where (market_id, symbol, ts_open, ingested_at) in ({_ARRIVED_FLAT})
group by market_id, symbol"""  # noqa: S608

_TABLES = """
create table if not exists candle_schema (version integer not null);
create table if not exists ref_market (
    market_id integer primary key, venue varchar not null, kind varchar not null,
    taker_fee_pct varchar not null
);
create table if not exists ref_instruments (
    market_id integer not null, symbol varchar not null, tick_size varchar not null,
    lot_step varchar not null, min_notional varchar not null, contract_size varchar not null,
    taker_fee_pct varchar not null, primary key (market_id, symbol)
);
create table if not exists quarantined_rows (
    market_id integer not null, symbol varchar not null, file varchar not null,
    content_hash varchar not null, row_number bigint not null, ts_open bigint not null,
    reason varchar not null, row_values varchar not null, refused_at bigint not null
);
create table if not exists candle_imports (
    import_key varchar primary key, market_id integer not null, symbol varchar not null,
    file varchar not null, content_hash varchar not null, format varchar not null,
    first_ns bigint not null, last_ns bigint not null, candles bigint not null,
    refused bigint not null, ingested_at bigint not null
);
create table if not exists funding_rates (
    market_id integer not null, symbol varchar not null, event_ns bigint not null,
    interval_ns bigint not null, rate double not null, ingested_at bigint not null,
    primary key (market_id, symbol, event_ns)
);
"""


class DuckDBCandles:
    """`Candles` in the DuckDB file at `path`."""

    def __init__(self, path: Path, *, busy_timeout_s: int = 30) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def migrate(self) -> None:
        """Make the tables and the canonical view, unless this version of them is there."""
        version = self._version() if self._path.exists() else 0
        if version == _VERSION:
            return
        if version > _VERSION:
            raise Conflict(
                f"candle store {self._path} was made by a newer version of Bowline",
                hint="Install that version, or set BOWLINE_CANDLES to another file.",
            )
        make_folder(self._path.parent)
        canonical = " union all ".join(_CANONICAL_OF_VENUE.format(table=t) for t in raw_tables())
        with self._transaction() as db:
            for table in raw_tables():
                db.execute(_RAW.format(table=table))
            db.execute(f"create or replace view canonical_candles_1m as {canonical}")
            db.execute(_TABLES)
            db.executemany(
                "insert or replace into ref_market values (?, ?, ?, ?)",
                [(m.market_id, m.venue, m.kind, str(m.taker_fee_pct)) for m in MARKETS],
            )
            db.execute("delete from candle_schema")
            db.execute("insert into candle_schema values (?)", [_VERSION])

    def write(self, batch: CandleBatch) -> None:
        """Write everything in one transaction."""
        frames = batch.frames()
        with self._transaction() as db:
            for source, frame in frames:
                _insert_candles(db, frame, source, batch.ingested_ns)
            if batch.instrument is not None:
                _insert_instrument(db, batch.instrument)
            if batch.refused:
                _insert_refused(db, batch.refused)
            if batch.record is not None:
                _insert_record(db, batch.record)

    def read(
        self,
        instrument: InstrumentId,
        timeframe: Timeframe,
        start_ns: int = 0,
        end_ns: int = FOREVER_NS,
    ) -> CandleFrame:
        """Canonical minutes, rolled up."""
        first, last = minute_range(timeframe, start_ns, end_ns)
        query = """
            select ts_open, open, high, low, close, volume from canonical_candles_1m
            where market_id = ? and symbol = ? and ts_open >= ? and ts_open < ? order by ts_open"""
        with self._connection(read_only=True) as db:
            columns = db.execute(query, [*_key(instrument), first, last]).fetchnumpy()
        return frame_of(instrument, timeframe, columns)

    def coverage(self) -> tuple[Coverage, ...]:
        """First, last, count and gaps of every instrument."""
        query = """
            select market_id, symbol, min(ts_open), max(ts_open), count(*),
                count(*) filter (next_open - ts_open > ?)
            from (
                select market_id, symbol, ts_open,
                    lead(ts_open) over (partition by market_id, symbol order by ts_open) next_open
                from canonical_candles_1m
            ) group by market_id, symbol order by market_id, symbol"""
        rows = self._rows(query, [MINUTE_NS])
        flat = {_instrument_id(row): int(row[2]) for row in self._rows(_ALL_FILLED, [])}
        found = (Coverage(_instrument_id(row), *row[2:]) for row in rows)
        return tuple(replace(each, filled=flat.get(each.instrument, 0)) for each in found)

    def filled(
        self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS
    ) -> IntColumn:
        """Those whose arrival that counts was filled."""
        query = _FILLED.format(table=raw_table(instrument.market_id))
        rows = self._rows(query, [*_key(instrument), start_ns, end_ns])
        return np.array([row[0] for row in rows], dtype=np.int64)

    def delete(self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS) -> int:
        """All of it in one transaction."""
        one = "market_id = ? and symbol = ?"
        key, span = _key(instrument), [start_ns, end_ns]
        raw = raw_table(instrument.market_id)
        with self._transaction() as db:
            within = f"{one} and ts_open >= ? and ts_open < ?"
            count = f"select count(distinct ts_open) from {raw} where {within}"  # noqa: S608 - our own names
            deleted = _scalar(db, count, [*key, *span])
            db.execute(f"delete from {raw} where {within}", [*key, *span])  # noqa: S608
            db.execute(f"delete from quarantined_rows where {within}", [*key, *span])  # noqa: S608
            reached = f"{one} and last_ns >= ? and first_ns < ?"
            db.execute(f"delete from candle_imports where {reached}", [*key, *span])  # noqa: S608
            if not _scalar(db, f"select count(*) from {raw} where {one}", key):  # noqa: S608
                db.execute(f"delete from quarantined_rows where {one}", key)  # noqa: S608
                db.execute(f"delete from ref_instruments where {one}", key)  # noqa: S608
        return deleted

    def delete_funding(self, instrument: InstrumentId) -> int:
        """In one transaction."""
        query = "delete from funding_rates where market_id = ? and symbol = ? returning event_ns"
        with self._transaction() as db:
            return len(db.execute(query, _key(instrument)).fetchall())

    def gaps(self, instrument: InstrumentId) -> tuple[Gap, ...]:
        """Missing ranges between neighbours."""
        query = """
            select ts_open + ?, next_open from (
                select ts_open, lead(ts_open) over (order by ts_open) next_open
                from canonical_candles_1m where market_id = ? and symbol = ?
            ) where next_open - ts_open > ? order by ts_open"""
        rows = self._rows(query, [MINUTE_NS, *_key(instrument), MINUTE_NS])
        return gaps_between(instrument, rows, self.quarantine(instrument))

    def quarantine(self, instrument: InstrumentId | None = None) -> tuple[RefusedRow, ...]:
        """Refused rows."""
        query = """
            select * from quarantined_rows where $1 is null or (market_id = $1 and symbol = $2)
            order by file, content_hash, row_number"""
        rows = self._rows(query, _key(instrument) if instrument else [None, None])
        return tuple(refused_row_of(row) for row in rows)

    def imports(self, key: str | None = None) -> tuple[ImportRecord, ...]:
        """Imported files."""
        query = """
            select * from candle_imports where $1 is null or import_key = $1
            order by ingested_at, import_key"""
        rows = self._rows(query, [key])
        return tuple(import_record_of(row) for row in rows)

    def write_funding(self, funding: FundingFrame, ingested_ns: int) -> None:
        """All of them in one transaction."""
        if not len(funding):
            return
        columns = [each.tolist() for each in (funding.event_ns, funding.interval_ns, funding.rate)]
        with self._transaction() as db:
            db.execute(
                "insert or replace into funding_rates select ?, ?, unnest(?::bigint[]),"
                " unnest(?::bigint[]), unnest(?::double[]), ?",
                [*_key(funding.instrument), *columns, ingested_ns],
            )

    def read_funding(
        self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS
    ) -> FundingFrame:
        """Those of the range."""
        query = """
            select event_ns, interval_ns, rate from funding_rates
            where market_id = ? and symbol = ? and event_ns between ? and ? order by event_ns"""
        return funding_of(instrument, self._rows(query, [*_key(instrument), start_ns, end_ns]))

    def funding_coverage(self) -> tuple[FundingCoverage, ...]:
        """First, last and count of every instrument."""
        query = """
            select market_id, symbol, min(event_ns), max(event_ns), count(*) from funding_rates
            group by market_id, symbol order by market_id, symbol"""
        return tuple(
            FundingCoverage(_instrument_id(row), *row[2:]) for row in self._rows(query, [])
        )

    def instruments(self) -> tuple[Instrument, ...]:
        """All of the reference table."""
        rows = self._rows("select * from ref_instruments order by market_id, symbol", [])
        return tuple(instrument_with(_instrument_id(row), row[2:7]) for row in rows)

    def instrument(self, instrument: InstrumentId) -> Instrument | None:
        """One of the reference table."""
        return next((i for i in self.instruments() if i.id == instrument), None)

    def copy_to(self, target: Path) -> None:
        """Write all that is stored now to a new DuckDB file; Damaged if a block does not hold.

        Readers go on; a writer waits for its turn, about a second for two million candles.
        """
        place = str(target).replace("'", "''")
        with self._connection(read_only=True) as db:
            source = str(db.execute("select current_database()").fetchall()[0][0])
            db.execute(f"attach '{place}' as the_copy (read_write)")
            # every block is read on the way, and its checksum compared
            db.execute('copy from database "{}" to the_copy'.format(source.replace('"', '""')))
            db.execute("detach the_copy")

    def compact(self) -> None:
        """Fold the write-ahead log into the file and give back what is free at its end.

        In place: a file that is put in the place of this one would lose what a process writes that
        had just opened this one.
        """
        with self._connection(read_only=False) as db:
            db.execute("force checkpoint")

    def _version(self) -> int:
        known = "select count(*) from duckdb_tables() where table_name = 'candle_schema'"
        with self._connection(read_only=True) as db:
            if not _scalar(db, known):
                return 0
            return _scalar(db, "select coalesce(max(version), 0) from candle_schema")

    def _rows(self, query: str, parameters: list[object]) -> list[tuple[Any, ...]]:
        with self._connection(read_only=True) as db:
            return db.execute(query, parameters).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._connection(read_only=False) as db:
            db.begin()
            yield db
            db.commit()

    @contextmanager
    def _connection(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        db = self._wait_for_connection(read_only=read_only)
        try:
            yield db
        except duckdb.Error as error:
            mendable = self._mendable(error)
            if mendable is None:
                raise
            raise mendable from error
        finally:
            db.close()

    def _wait_for_connection(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                return duckdb.connect(self._path, read_only=read_only)
            except duckdb.Error as error:
                if not _is_busy(error):
                    raise (self._mendable(error) or error) from error
                if time.monotonic() > deadline:
                    raise Conflict(
                        f"candle store {self._path} is in use by another process"
                        f" for more than {self._busy_timeout_s} s",
                        hint="End the other process, or try again when it is done.",
                    ) from error
            time.sleep(_RETRY_S)

    def _mendable(self, error: duckdb.Error) -> BowlineError | None:
        """What the person can do about it; None if the fault is in this program."""
        said = f"candle store {self._path}: {str(error).splitlines()[0]}"
        refused = any(sign in str(error) for sign in _DISK)
        damaged = any(sign in str(error) for sign in _DAMAGE) or isinstance(error, _DAMAGE_TYPES)
        if damaged and not refused:
            hint = "Restore it from a backup, or move it away and import again."
            return Damaged(said, hint=hint)
        if refused or isinstance(error, _DISK_TYPES):
            cause = disk_trouble(Path(self._path))
            place = f"candle store {self._path}"
            return Unreachable(
                f"{place} cannot be reached or changed now: {cause}" if cause else said,
                hint="Check the folder, its permissions and free space; this step stored nothing.",
            )
        return None


def _is_busy(error: duckdb.Error) -> bool:
    text = str(error)
    return any(sign in text for sign in _BUSY)


def _scalar(db: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> int:
    row = db.execute(query, list(parameters)).fetchone()
    assert row is not None, "an aggregate always has one row"
    return int(row[0])


def _key(instrument: InstrumentId) -> list[object]:
    return [instrument.market_id, instrument.symbol]


def _instrument_id(row: tuple[Any, ...]) -> InstrumentId:
    return InstrumentId(MarketId(row[0]), row[1])


def _insert_candles(
    db: duckdb.DuckDBPyConnection, frame: CandleFrame, source: str, ingested_ns: int
) -> None:
    values = {name: getattr(frame, name) for name in VALUE_COLUMNS}
    columns = {"ts_open": frame.open_ns, **values, "tie_break": tie_break(frame)}
    arrays = [_as_arrow(column) for column in columns.values()]
    db.register("arrivals", pa.Table.from_arrays(arrays, names=list(columns)))
    db.execute(
        _INSERT.format(table=raw_table(frame.instrument.market_id)),
        [*_key(frame.instrument), ingested_ns, source],
    )
    db.unregister("arrivals")


def _as_arrow(column: NDArray[Any]) -> pa.Array:
    """The same memory as an Arrow array; Arrow's own way imports pandas where it is installed."""
    column = np.ascontiguousarray(column)
    kind = pa.from_numpy_dtype(column.dtype)
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column)])


def _insert_instrument(db: duckdb.DuckDBPyConnection, instrument: Instrument) -> None:
    steps = (
        instrument.tick_size,
        instrument.lot_step,
        instrument.min_notional,
        instrument.contract_size,
        instrument.taker_fee_pct,
    )
    db.execute(
        "insert or replace into ref_instruments values (?, ?, ?, ?, ?, ?, ?)",
        [*_key(instrument.id), *(str(step) for step in steps)],
    )


def _insert_refused(db: duckdb.DuckDBPyConnection, refused: tuple[RefusedRow, ...]) -> None:
    first = refused[0]
    # the same content once more replaces what was said of it before
    db.execute(
        "delete from quarantined_rows where market_id = ? and symbol = ?"
        " and list_contains(?::varchar[], content_hash)",
        [*_key(first.instrument), sorted({row.content_hash for row in refused})],
    )
    columns = (
        [row.file for row in refused],
        [row.content_hash for row in refused],
        [row.row for row in refused],
        [row.open_ns for row in refused],
        [row.reason for row in refused],
        [row.values for row in refused],
    )
    db.execute(
        "insert into quarantined_rows"
        " select ?, ?, unnest(?::varchar[]), unnest(?::varchar[]), unnest(?::bigint[]),"
        " unnest(?::bigint[]), unnest(?::varchar[]), unnest(?::varchar[]), ?",
        [*_key(first.instrument), *columns, first.refused_ns],
    )


def _insert_record(db: duckdb.DuckDBPyConnection, record: ImportRecord) -> None:
    db.execute(
        "insert or replace into candle_imports values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            record.key,
            *_key(record.instrument),
            record.file,
            record.content_hash,
            record.format,
            record.first_ns,
            record.last_ns,
            record.candles,
            record.refused,
            record.ingested_ns,
        ],
    )
