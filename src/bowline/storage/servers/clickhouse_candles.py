"""The candle store in ClickHouse: a server, or the same engine within this process (chDB).

Canonical is a materialized view from each raw table into one ReplacingMergeTree, and is always
read with FINAL. Its version is `ingested_at` in the high half and `tie_break` in the low one.

There are no transactions here. What must hold is kept by order instead: candles are written before
the record of their import, so a broken import is not known as done and is done again, which
changes nothing. An insert and its materialized view are not atomic either, so `migrate` puts the
raw rows of the last hour that canonical misses into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import clickhouse_connect
import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from msgspec.structs import replace

from bowline.core.errors import BadInput, Conflict
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

_TAIL_NS = 60 * MINUTE_NS

_RAW = """
create table if not exists {db}.{table} (
    market_id UInt16, symbol LowCardinality(String), ts_open Int64,
    open Float64, high Float64, low Float64, close Float64, volume Float64,
    ingested_at Int64, tie_break UInt64, source String
) engine = MergeTree order by (market_id, symbol, ts_open, ingested_at)"""

_CANONICAL = """
create table if not exists {db}.canonical_candles_1m (
    market_id UInt16, symbol LowCardinality(String), ts_open Int64,
    open Float64, high Float64, low Float64, close Float64, volume Float64,
    ingested_at Int64, version UInt128
) engine = ReplacingMergeTree(version) order by (market_id, symbol, ts_open)"""

_FROM_RAW = """
select market_id, symbol, ts_open, open, high, low, close, volume, ingested_at,
    bitShiftLeft(toUInt128(ingested_at), 64) + tie_break as version
from {db}.{table}"""

_VIEW = "create materialized view if not exists {db}.canonical_from_{table}"
_TO_CANONICAL = " to {db}.canonical_candles_1m as "

_NEWEST = "select max(ingested_at) from {db}.{table}"

# no value stands in these texts, only the query they share
_REPAIR = f"""
insert into {{db}}.canonical_candles_1m
select * from ({_FROM_RAW}) as raw
where ingested_at >= {{{{tail:Int64}}}} and (market_id, symbol, ts_open, version) not in (
    select market_id, symbol, ts_open, version from {{db}}.canonical_candles_1m
    where ingested_at >= {{{{tail:Int64}}}}
)"""  # noqa: S608

_TABLES = (
    """create table if not exists {db}.ref_market (
        market_id UInt16, venue String, kind String, taker_fee_pct String
    ) engine = ReplacingMergeTree order by market_id""",
    """create table if not exists {db}.ref_instruments (
        market_id UInt16, symbol String, tick_size String, lot_step String, min_notional String,
        contract_size String, taker_fee_pct String, said_at Int64
    ) engine = ReplacingMergeTree(said_at) order by (market_id, symbol)""",
    """create table if not exists {db}.quarantined_rows (
        market_id UInt16, symbol String, file String, content_hash String, row_number Int64,
        ts_open Int64, reason String, row_values String, refused_at Int64
    ) engine = ReplacingMergeTree
    order by (market_id, symbol, content_hash, refused_at, file, row_number)""",
    """create table if not exists {db}.candle_imports (
        import_key String, market_id UInt16, symbol String, file String, content_hash String,
        format String, first_ns Int64, last_ns Int64, candles Int64, refused Int64,
        ingested_at Int64
    ) engine = ReplacingMergeTree(ingested_at) order by import_key""",
    """create table if not exists {db}.deletions (
        market_id UInt16, symbol String, first_ns Int64, last_ns Int64
    ) engine = MergeTree order by (market_id, symbol)""",
    """create table if not exists {db}.funding_rates (
        market_id UInt16, symbol String, event_ns Int64, interval_ns Int64, rate Float64,
        ingested_at Int64
    ) engine = ReplacingMergeTree(ingested_at) order by (market_id, symbol, event_ns)""",
)

_READ = """
select ts_open, open, high, low, close, volume from {db}.canonical_candles_1m final
where market_id = {{market:UInt16}} and symbol = {{symbol:String}}
    and ts_open >= {{first:Int64}} and ts_open < {{last:Int64}} order by ts_open"""

_ONE = "market_id = {{market:UInt16}} and symbol = {{symbol:String}}"
_WITHIN = f"{_ONE} and ts_open >= {{{{first:Int64}}}} and ts_open < {{{{last:Int64}}}}"
_REACHED = f"{_ONE} and last_ns >= {{{{first:Int64}}}} and first_ns < {{{{last:Int64}}}}"
# done when it returns, not some time later
_DELETE = "alter table {{db}}.{0} delete where {1} settings mutations_sync = 2"
_WISHES = "select market_id, symbol, first_ns, last_ns from {db}.deletions"
_ANY_LEFT = f"select 1 from {{db}}.{{table}} where {_ONE} limit 1"  # noqa: S608
_COUNT = f"select count() from {{db}}.canonical_candles_1m final where {_WITHIN}"  # noqa: S608
_COUNT_FUNDING = f"select count() from {{db}}.funding_rates final where {_ONE}"  # noqa: S608

_HAS_FILLED = f"""
select distinct market_id, symbol from {{db}}.{{table}} where startsWith(source, '{FLAT}')"""  # noqa: S608
_FILLED = f"""
select ts_open from {{db}}.canonical_candles_1m final where {_WITHIN}
    and (ts_open, version) in (
        select ts_open, bitShiftLeft(toUInt128(ingested_at), 64) + tie_break
        from {{db}}.{{table}} where {_ONE} and startsWith(source, '{FLAT}')
    ) order by ts_open"""  # noqa: S608

_NEIGHBOURS = """
select market_id, symbol, ts_open, leadInFrame(ts_open) over (
    partition by market_id, symbol order by ts_open
    rows between unbounded preceding and unbounded following
) as next_open from {db}.canonical_candles_1m final"""

_COVERAGE = f"""
select market_id, symbol, min(ts_open), max(ts_open), count(),
    countIf(next_open - ts_open > {{{{minute:Int64}}}})
from ({_NEIGHBOURS}) group by market_id, symbol order by market_id, symbol"""  # noqa: S608

_GAPS = f"""
select ts_open + {{{{minute:Int64}}}}, next_open from (
    {_NEIGHBOURS} where market_id = {{{{market:UInt16}}}} and symbol = {{{{symbol:String}}}}
) where next_open - ts_open > {{{{minute:Int64}}}} order by ts_open"""  # noqa: S608

# the last verdict on a file replaces what was said of it before
_QUARANTINE = """
select * from {db}.quarantined_rows final
where (market_id, symbol, content_hash, refused_at) in (
    select market_id, symbol, content_hash, max(refused_at) from {db}.quarantined_rows
    group by market_id, symbol, content_hash
) and ({{market:UInt16}} = 0 or (market_id = {{market:UInt16}} and symbol = {{symbol:String}}))
order by file, content_hash, row_number"""

_IMPORTS = """
select * from {db}.candle_imports final
where {{key:String}} = '' or import_key = {{key:String}} order by ingested_at, import_key"""

_FUNDING = """
select event_ns, interval_ns, rate from {db}.funding_rates final
where market_id = {{market:UInt16}} and symbol = {{symbol:String}}
    and event_ns between {{first:Int64}} and {{last:Int64}} order by event_ns"""

_FUNDING_COVERAGE = """
select market_id, symbol, min(event_ns), max(event_ns), count() from {db}.funding_rates final
group by market_id, symbol order by market_id, symbol"""

_INSTRUMENTS = """
select market_id, symbol, tick_size, lot_step, min_notional, contract_size, taker_fee_pct
from {db}.ref_instruments final order by market_id, symbol"""


def connect_clickhouse(url: str) -> ClickHouseCandles:
    """The store at `clickhouse://user:password@host:port/database` or `chdb:///folder`.

    BadInput if the URL names no such place, Conflict if it cannot be reached or is in use.
    """
    parts = urlsplit(url)
    # shown to people: never with the password
    place = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    database = "bowline"
    secure = parts.scheme == "clickhouses"
    if parts.scheme in {"clickhouse", "clickhouses"}:
        # the database may not exist yet, so the connection must not name it
        database = parts.path.strip("/") or database
        url = urlunsplit(parts._replace(scheme="clickhouse", path=""))
    if not database.isidentifier():
        raise BadInput(f"{place}: {database!r} is no database name", hint="Use letters and digits.")
    try:
        options: dict[str, Any] = {"secure": True} if secure else {}
        client = clickhouse_connect.get_client(dsn=url, **options)
    except ClickHouseError as error:
        raise Conflict(
            f"candle store {place} cannot be opened: {_last_line(error)}",
            hint="Is the server running, and is the chDB folder used by another process?",
        ) from error
    return ClickHouseCandles(client, database)


class ClickHouseCandles:
    """`Candles` in one database of a ClickHouse engine."""

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._database = database

    def migrate(self) -> None:
        """Make database, tables and views, and put into canonical what a crash kept out of it."""
        self._command("create database if not exists {db}")
        self._command(_CANONICAL)
        for table in raw_tables():
            self._command(_RAW, table)
            self._command(_VIEW + _TO_CANONICAL + _FROM_RAW, table)
        for statement in _TABLES:
            self._command(statement)
        rows = [(m.market_id, m.venue, m.kind, str(m.taker_fee_pct)) for m in MARKETS]
        self._insert("ref_market", rows)
        self._finish_deletions()
        for table in raw_tables():
            self._repair(table)

    def write(self, batch: CandleBatch) -> None:
        """Write candles first and the record of their import last."""
        for source, frame in batch.frames():
            self._insert_candles(frame, source, batch.ingested_ns)
        if batch.instrument is not None:
            self._insert_instrument(batch.instrument, batch.ingested_ns)
        self._insert("quarantined_rows", [_refused_row(row) for row in batch.refused])
        if batch.record is not None:
            self._insert("candle_imports", [_record_row(batch.record)])

    def read(
        self,
        instrument: InstrumentId,
        timeframe: Timeframe,
        start_ns: int = 0,
        end_ns: int = FOREVER_NS,
    ) -> CandleFrame:
        """Canonical minutes, rolled up."""
        first, last = minute_range(timeframe, start_ns, end_ns)
        parameters = {**_key(instrument), "first": first, "last": last}
        try:
            table = self._client.query_arrow(self._sql(_READ), parameters=parameters)
        except OperationalError as error:
            raise _unreachable(error) from error
        columns = {name: table.column(name).to_numpy() for name in ("ts_open", *VALUE_COLUMNS)}
        return frame_of(instrument, timeframe, columns)

    def coverage(self) -> tuple[Coverage, ...]:
        """First, last, count and gaps of every instrument."""
        rows = self._rows(_COVERAGE, {"minute": MINUTE_NS})
        found = (Coverage(_instrument_id(row), *row[2:]) for row in rows)
        flat = {
            _instrument_id(row)
            for table in raw_tables()
            for row in self._rows(_HAS_FILLED, {}, table)
        }
        return tuple(
            replace(each, filled=len(self.filled(each.instrument)))
            if each.instrument in flat
            else each
            for each in found
        )

    def filled(
        self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS
    ) -> IntColumn:
        """Those whose arrival that counts was filled."""
        parameters = {**_key(instrument), "first": start_ns, "last": end_ns}
        rows = self._rows(_FILLED, parameters, raw_table(instrument.market_id))
        return np.array([row[0] for row in rows], dtype=np.int64)

    def delete(self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS) -> int:
        """The wish is noted first, so that what a crash leaves of it is finished by `migrate`."""
        parameters = {**_key(instrument), "first": start_ns, "last": end_ns}
        count = int(self._rows(_COUNT, parameters)[0][0])
        self._insert("deletions", [(*_key(instrument).values(), start_ns, end_ns)])
        self._finish_deletions()
        return count

    def delete_funding(self, instrument: InstrumentId) -> int:
        """In one statement."""
        count = int(self._rows(_COUNT_FUNDING, _key(instrument))[0][0])
        self._command(_DELETE.format("funding_rates", _ONE), parameters=_key(instrument))
        return count

    def gaps(self, instrument: InstrumentId) -> tuple[Gap, ...]:
        """Missing ranges between neighbours."""
        rows = self._rows(_GAPS, {**_key(instrument), "minute": MINUTE_NS})
        ranges = [(int(start), int(end)) for start, end in rows]
        return gaps_between(instrument, ranges, self.quarantine(instrument))

    def quarantine(self, instrument: InstrumentId | None = None) -> tuple[RefusedRow, ...]:
        """Refused rows."""
        key = _key(instrument) if instrument else {"market": 0, "symbol": ""}
        rows = self._rows(_QUARANTINE, key)
        return tuple(refused_row_of(row) for row in rows)

    def imports(self, key: str | None = None) -> tuple[ImportRecord, ...]:
        """Imported files."""
        rows = self._rows(_IMPORTS, {"key": key or ""})
        return tuple(import_record_of(row) for row in rows)

    def write_funding(self, funding: FundingFrame, ingested_ns: int) -> None:
        """All of them in one insert."""
        key = (funding.instrument.market_id, funding.instrument.symbol)
        columns = [each.tolist() for each in (funding.event_ns, funding.interval_ns, funding.rate)]
        rows = [(*key, *row, ingested_ns) for row in zip(*columns, strict=True)]
        self._insert("funding_rates", rows)

    def read_funding(
        self, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS
    ) -> FundingFrame:
        """Those of the range."""
        rows = self._rows(_FUNDING, {**_key(instrument), "first": start_ns, "last": end_ns})
        return funding_of(instrument, rows)

    def funding_coverage(self) -> tuple[FundingCoverage, ...]:
        """First, last and count of every instrument."""
        rows = self._rows(_FUNDING_COVERAGE, {})
        return tuple(FundingCoverage(_instrument_id(row), *row[2:]) for row in rows)

    def instruments(self) -> tuple[Instrument, ...]:
        """All of the reference table."""
        return tuple(
            instrument_with(_instrument_id(row), row[2:7]) for row in self._rows(_INSTRUMENTS, {})
        )

    def instrument(self, instrument: InstrumentId) -> Instrument | None:
        """One of the reference table."""
        return next((i for i in self.instruments() if i.id == instrument), None)

    def _finish_deletions(self) -> None:
        """Imports first, so that no file is known of which a candle is gone; the wish last."""
        for market, symbol, first, last in self._rows(_WISHES, {}):
            key = {"market": market, "symbol": symbol}
            span = {**key, "first": first, "last": last}
            raw = raw_table(MarketId(market))
            self._command(_DELETE.format("candle_imports", _REACHED), parameters=span)
            # raw before canonical: `_repair` makes the one from the other
            for table in (raw, "canonical_candles_1m", "quarantined_rows"):
                self._command(_DELETE.format(table, _WITHIN), parameters=span)
            if not self._rows(_ANY_LEFT, key, raw):
                for table in ("quarantined_rows", "ref_instruments"):
                    self._command(_DELETE.format(table, _ONE), parameters=key)
            wish = f"{_ONE} and first_ns = {{{{first:Int64}}}} and last_ns = {{{{last:Int64}}}}"
            self._command(_DELETE.format("deletions", wish), parameters=span)

    def _repair(self, table: str) -> None:
        newest = self._rows(_NEWEST, {}, table)[0][0]
        self._command(_REPAIR, table, {"tail": int(newest) - _TAIL_NS})

    def _insert_candles(self, frame: CandleFrame, source: str, ingested_ns: int) -> None:
        count = len(frame)
        symbol = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(count, dtype=np.int8)), pa.array([frame.instrument.symbol])
        )
        origin = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(count, dtype=np.int8)), pa.array([source])
        )
        arrivals = pa.table(
            {
                "market_id": np.full(count, frame.instrument.market_id, dtype=np.uint16),
                "symbol": symbol,
                "ts_open": frame.open_ns,
                **{name: getattr(frame, name) for name in VALUE_COLUMNS},
                "ingested_at": np.full(count, ingested_ns, dtype=np.int64),
                "tie_break": tie_break(frame),
                "source": origin.dictionary_decode(),
            }
        )
        table = f"{self._database}.{raw_table(frame.instrument.market_id)}"
        try:
            self._client.insert_arrow(table, arrivals)
        except OperationalError as error:
            raise _unreachable(error) from error

    def _insert_instrument(self, instrument: Instrument, said_ns: int) -> None:
        steps = (
            instrument.tick_size,
            instrument.lot_step,
            instrument.min_notional,
            instrument.contract_size,
            instrument.taker_fee_pct,
        )
        key = (instrument.id.market_id, instrument.id.symbol)
        self._insert("ref_instruments", [(*key, *(str(step) for step in steps), said_ns)])

    def _insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        if not rows:
            return
        try:
            self._client.insert(table, rows, database=self._database)
        except OperationalError as error:
            raise _unreachable(error) from error

    def _rows(
        self, query: str, parameters: dict[str, object], table: str = ""
    ) -> Sequence[Sequence[Any]]:
        try:
            rows = self._client.query(self._sql(query, table), parameters=parameters).result_rows
        except OperationalError as error:
            raise _unreachable(error) from error
        return list(rows)

    def _command(
        self, statement: str, table: str = "", parameters: dict[str, object] | None = None
    ) -> None:
        try:
            self._client.command(self._sql(statement, table), parameters=parameters)
        except OperationalError as error:
            raise _unreachable(error) from error

    def _sql(self, statement: str, table: str = "") -> str:
        return statement.format(db=self._database, table=table)


def _unreachable(error: ClickHouseError) -> Conflict:
    return Conflict(
        f"the candle store does not answer: {_last_line(error)}",
        hint="Check the ClickHouse server; an import that was broken off can be repeated.",
    )


def _last_line(error: ClickHouseError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _key(instrument: InstrumentId) -> dict[str, object]:
    return {"market": instrument.market_id, "symbol": instrument.symbol}


def _instrument_id(row: Sequence[Any]) -> InstrumentId:
    return InstrumentId(MarketId(row[0]), row[1])


def _refused_row(row: RefusedRow) -> tuple[object, ...]:
    return (
        row.instrument.market_id,
        row.instrument.symbol,
        row.file,
        row.content_hash,
        row.row,
        row.open_ns,
        row.reason,
        row.values,
        row.refused_ns,
    )


def _record_row(record: ImportRecord) -> tuple[object, ...]:
    return (
        record.key,
        record.instrument.market_id,
        record.instrument.symbol,
        record.file,
        record.content_hash,
        record.format,
        record.first_ns,
        record.last_ns,
        record.candles,
        record.refused,
        record.ingested_ns,
    )
