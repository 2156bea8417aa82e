"""The contract of every candle store: what arrived is kept, and one rule says what counts.

Whatever the order and the repetition of arrivals, the canonical candles are the same, in every
store bit for bit.
"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bowline.core.errors import BadInput, Conflict
from bowline.core.model.instrument import FILE_MARKET, Instrument, InstrumentId, MarketId
from bowline.core.model.market import CandleFrame, FundingFrame
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.rollup import rollup
from bowline.storage.candles import (
    CandleBatch,
    Candles,
    FundingCoverage,
    ImportRecord,
    RefusedRow,
    raw_tables,
)
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from tests.candle_files import SPOT, START_NS, Opener, fresh, made_frame
from tests.chance import seeded

PERP = InstrumentId(MarketId(2), "BTCUSDT")


def write(store: Candles, frame: CandleFrame, ingested_ns: int = 1) -> None:
    store.write(CandleBatch(source="test", ingested_ns=ingested_ns, candles=frame))


def test_what_is_written_is_read_bit_for_bit(store: Candles, instrument: InstrumentId) -> None:
    frame = made_frame(500, instrument=instrument)
    write(store, frame)
    assert store.read(instrument, Timeframe.M1).content_hash() == frame.content_hash()


def test_what_is_stored_outlives_the_store(opener: Opener, instrument: InstrumentId) -> None:
    frame = made_frame(5, instrument=instrument)
    write(opener(), frame)
    assert opener().read(instrument, Timeframe.M1).content_hash() == frame.content_hash()


def test_what_is_not_stored_is_an_empty_frame(store: Candles, instrument: InstrumentId) -> None:
    frame = store.read(instrument, Timeframe.H1)
    assert len(frame) == 0
    assert (frame.instrument, frame.timeframe) == (instrument, Timeframe.H1)


def test_instruments_are_kept_apart(store: Candles, instrument: InstrumentId) -> None:
    other = InstrumentId(PERP.market_id, instrument.symbol)
    write(store, made_frame(5, instrument=instrument))
    write(store, made_frame(7, seed=2, instrument=other))
    assert len(store.read(instrument, Timeframe.M1)) == 5
    assert len(store.read(other, Timeframe.M1)) == 7


@pytest.mark.chance
@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M5, Timeframe.H1])
def test_a_range_gives_the_candles_that_lie_wholly_within(
    store: Candles, instrument: InstrumentId, timeframe: Timeframe
) -> None:
    write(store, made_frame(300, instrument=instrument))
    whole = store.read(instrument, timeframe)
    chance = seeded(3)
    for _ in range(8):
        start_ns, end_ns = sorted(START_NS + chance.randrange(400 * MINUTE_NS) for _ in range(2))
        part = store.read(instrument, timeframe, start_ns, end_ns)
        within = (whole.open_ns >= start_ns) & (whole.close_ns <= end_ns)
        assert part.open_ns.tolist() == whole.open_ns[within].tolist()


def test_longer_candles_are_the_rollup_of_what_is_stored(
    store: Candles, instrument: InstrumentId
) -> None:
    frame = made_frame(1000, instrument=instrument)
    write(store, frame.slice(0, 500))
    write(store, frame.slice(501, 1000))
    minutes = store.read(instrument, Timeframe.M1)
    assert len(minutes) == 999
    for timeframe in (Timeframe.M3, Timeframe.M15, Timeframe.H4):
        got, expected = store.read(instrument, timeframe), rollup(minutes, timeframe)
        assert got.content_hash() == expected.content_hash()


def test_a_late_minute_completes_its_bucket(store: Candles, instrument: InstrumentId) -> None:
    frame = made_frame(60, instrument=instrument)
    write(store, frame.slice(0, 33))
    write(store, frame.slice(34, 60))
    assert len(store.read(instrument, Timeframe.M30)) == 1
    write(store, frame.slice(33, 34))
    assert len(store.read(instrument, Timeframe.M30)) == 2


def test_the_newest_arrival_counts(store: Candles, instrument: InstrumentId) -> None:
    first, second = (made_frame(10, seed=seed, instrument=instrument) for seed in (1, 2))
    write(store, second, ingested_ns=20)
    write(store, first, ingested_ns=10)
    assert store.read(instrument, Timeframe.M1).content_hash() == second.content_hash()
    write(store, first, ingested_ns=30)
    assert store.read(instrument, Timeframe.M1).content_hash() == first.content_hash()


arrivals = st.lists(
    st.tuples(
        st.integers(1, 4),  # ingested: often at the same moment
        st.integers(0, 3),  # which values
        st.integers(0, 8),  # from this minute
        st.integers(1, 8),  # so many minutes
    ),
    min_size=1,
    max_size=5,
)


@given(arrivals=arrivals, seed=st.integers(0, 2**16))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_order_and_repetition_of_arrivals_change_nothing(
    store: Candles, arrivals: list[tuple[int, int, int, int]], seed: int
) -> None:
    chance = random.Random(seed)
    again = [*arrivals, *chance.choices(arrivals, k=2)]
    chance.shuffle(again)
    hashes = [_canonical(store, order) for order in (arrivals, again)]
    assert hashes[0] == hashes[1]
    newest: dict[int, set[tuple[int, int]]] = {}
    for ingested, values, start, count in arrivals:
        for minute in range(start, start + count):
            newest.setdefault(minute, set()).add((ingested, values))
    stamps, closes = hashes[0][:2]
    assert stamps == tuple(START_NS + minute * MINUTE_NS for minute in sorted(newest))
    for minute, close in zip(sorted(newest), closes, strict=True):
        latest = max(ingested for ingested, _ in newest[minute])
        allowed = [values for ingested, values in newest[minute] if ingested == latest]
        assert close in [_version(values).close[minute] for values in allowed]


@pytest.mark.chance
def test_thousands_of_minutes_each_with_its_own_order_of_arrivals(store: Candles) -> None:
    chance = seeded(11)
    cuts = [sorted(chance.sample(range(5000), 2)) for _ in range(16)]
    arrivals = [(chance.randrange(1, 6), n % 5, *cut) for n, cut in enumerate(cuts)]
    again = [*arrivals, *chance.choices(arrivals, k=6)]
    chance.shuffle(again)
    found = []
    for order in (arrivals, again):
        instrument = fresh()
        for ingested_ns, seed, start, stop in order:
            frame = made_frame(5000, seed=seed, instrument=instrument)
            write(store, frame.slice(start, stop), ingested_ns)
        found.append(msgspec.structs.replace(store.read(instrument, Timeframe.M1), instrument=SPOT))
    assert len(found[0]) > 4000
    assert found[0].content_hash() == found[1].content_hash()


def _version(values: int) -> CandleFrame:
    return made_frame(20, seed=values)


def _canonical(store: Candles, arrivals: list[tuple[int, int, int, int]]) -> tuple[object, ...]:
    instrument = fresh()
    for ingested, values, start, count in arrivals:
        frame = made_frame(20, seed=values, instrument=instrument).slice(start, start + count)
        write(store, frame, ingested)
    frame = store.read(instrument, Timeframe.M1)
    columns = (frame.open_ns, frame.close, frame.open, frame.high, frame.low, frame.volume)
    return tuple(tuple(column.tolist()) for column in columns)


def test_both_stores_choose_the_same_of_simultaneous_arrivals(
    chdb_client: object, tmp_path: Path
) -> None:
    from bowline.storage.servers.clickhouse_candles import ClickHouseCandles

    stores = [DuckDBCandles(tmp_path / "c.duckdb"), ClickHouseCandles(chdb_client, "both")]
    found = []
    for store in stores:
        store.migrate()
        for seed in (3, 1, 2):
            write(store, made_frame(200, seed=seed), ingested_ns=5)
        found.append(store.read(SPOT, Timeframe.M1))
    assert found[0].content_hash() == found[1].content_hash()
    closes = [made_frame(200, seed=seed).close for seed in (1, 2, 3)]
    assert {
        int(np.argmax([c[row] == found[0].close[row] for c in closes])) for row in range(200)
    } == {0, 1, 2}, "the choice must not lean to one arrival"


def test_only_minutes_of_a_known_market_are_stored(store: Candles) -> None:
    five = made_frame(5, start_ns=1_704_067_200 * 10**9, timeframe=Timeframe.M5)
    with pytest.raises(ValueError, match="only 1m"):
        write(store, five)
    of_file = InstrumentId(FILE_MARKET.market_id, "x")
    with pytest.raises(ValueError, match="nothing is stored"):
        write(store, made_frame(5, instrument=of_file))


def test_a_delivery_of_nothing_changes_nothing(store: Candles, instrument: InstrumentId) -> None:
    before = store.coverage()
    store.write(CandleBatch(source="test", ingested_ns=1))
    write(store, made_frame(5, instrument=instrument).slice(2, 2))
    assert store.coverage() == before


def test_coverage_and_gaps_say_what_is_there_and_what_is_missing(
    store: Candles, instrument: InstrumentId
) -> None:
    frame = made_frame(100, instrument=instrument)
    for start, stop in ((0, 10), (11, 50), (90, 100)):
        write(store, frame.slice(start, stop))
    entry = next(e for e in store.coverage() if e.instrument == instrument)
    assert (entry.candles, entry.gaps) == (59, 2)
    assert (entry.first_ns, entry.last_ns) == (START_NS, START_NS + 99 * MINUTE_NS)
    gaps = store.gaps(instrument)
    assert [(g.start_ns, g.missing, g.reason) for g in gaps] == [
        (START_NS + 10 * MINUTE_NS, 1, "unknown"),
        (START_NS + 50 * MINUTE_NS, 40, "unknown"),
    ]
    write(store, frame.slice(10, 11))
    assert [g.missing for g in store.gaps(instrument)] == [40]


def test_a_gap_where_a_row_was_refused_says_so(store: Candles, instrument: InstrumentId) -> None:
    frame = made_frame(20, instrument=instrument)
    for start, stop in ((0, 5), (6, 10), (11, 20)):
        write(store, frame.slice(start, stop))
    store.write(
        CandleBatch(
            source="test", ingested_ns=9, refused=(refused(instrument, row=6, refused_ns=9),)
        )
    )
    assert [g.reason for g in store.gaps(instrument)] == ["quarantined", "unknown"]


def refused(instrument: InstrumentId, row: int, refused_ns: int) -> RefusedRow:
    open_ns = START_NS + (row - 1) * MINUTE_NS
    return RefusedRow(
        instrument=instrument,
        file="a.csv",
        content_hash="ab" * 32,
        row=row,
        open_ns=open_ns,
        reason="why",
        values="1 2 3",
        refused_ns=refused_ns,
    )


def test_the_last_verdict_on_a_file_replaces_the_one_before(
    store: Candles, instrument: InstrumentId
) -> None:
    first = tuple(refused(instrument, row, 1) for row in (3, 1, 2))
    store.write(CandleBatch(source="test", ingested_ns=1, refused=first))
    assert store.quarantine(instrument) == tuple(sorted(first, key=lambda r: r.row))
    second = (refused(instrument, 2, 2),)
    store.write(CandleBatch(source="test", ingested_ns=2, refused=second))
    assert store.quarantine(instrument) == second
    assert set(second) <= set(store.quarantine())
    assert store.quarantine(fresh()) == ()


def test_imports_are_found_by_their_key(store: Candles, instrument: InstrumentId) -> None:
    records = [
        ImportRecord(
            key=f"{instrument.symbol}-{n}",
            instrument=instrument,
            file="f",
            content_hash="h",
            format="csv",
            first_ns=1,
            last_ns=2,
            candles=3,
            refused=0,
            ingested_ns=10 - n,
        )
        for n in range(3)
    ]
    for record in (*records, records[0]):
        store.write(CandleBatch(source="test", ingested_ns=1, record=record))
    assert store.imports(records[1].key) == (records[1],)
    assert store.imports("none") == ()
    assert [r for r in store.imports() if r in records] == records[::-1]


def test_the_reference_table_is_exact_and_keeps_the_last_word(
    store: Candles, instrument: InstrumentId
) -> None:
    assert store.instrument(instrument) is None
    for step in ("0.1", "0.000000000000000001"):
        said = Instrument(
            instrument,
            tick_size=Decimal(step),
            lot_step=Decimal("1E-8"),
            min_notional=Decimal(5),
            contract_size=Decimal("0.01"),
            taker_fee_pct=Decimal("0.075"),
        )
        store.write(
            CandleBatch(source="test", ingested_ns=1 if step == "0.1" else 2, instrument=said)
        )
        assert store.instrument(instrument) == said
    assert [i for i in store.instruments() if i.id == instrument] == [said]


def test_migrating_again_changes_nothing(opener: Opener, instrument: InstrumentId) -> None:
    store = opener()
    write(store, made_frame(5, instrument=instrument))
    before = store.coverage()
    store.migrate()
    assert store.coverage() == before


def test_every_venue_has_its_raw_table() -> None:
    assert {"raw_binance_klines_1m", "raw_bybit_klines_1m", "raw_okx_klines_1m"} <= set(
        raw_tables()
    )
    assert len(raw_tables()) == 8


def test_raw_keeps_every_arrival_and_canonical_is_made_by_the_database(
    chdb_client: object, tmp_path: Path
) -> None:
    import duckdb

    from bowline.storage.servers.clickhouse_candles import ClickHouseCandles

    path = tmp_path / "c.duckdb"
    for store in (DuckDBCandles(path), ClickHouseCandles(chdb_client, "arrivals")):
        store.migrate()
        for ingested_ns in (1, 2, 3):
            write(store, made_frame(10, seed=ingested_ns), ingested_ns)
    raw = "select count(*), count(distinct ingested_at) from {}raw_binance_klines_1m"
    canonical = "select count(*), max(ingested_at) from {}canonical_candles_1m{}"
    with duckdb.connect(path, read_only=True) as db:
        assert db.execute(raw.format("")).fetchall() == [(30, 3)]
        assert db.execute(canonical.format("", "")).fetchall() == [(10, 3)]
    query = chdb_client.query
    assert list(query(raw.format("arrivals.")).result_rows) == [(30, 3)]
    assert list(query(canonical.format("arrivals.", " final")).result_rows) == [(10, 3)]


def test_clickhouse_mends_what_a_crash_between_insert_and_view_left_out(
    chdb_client: object,
) -> None:
    """The insert and its materialized view are not atomic: raw may have what canonical misses."""
    from bowline.storage.servers.clickhouse_candles import ClickHouseCandles

    store = ClickHouseCandles(chdb_client, "crashed")
    store.migrate()
    write(store, made_frame(10, seed=1), ingested_ns=START_NS)
    chdb_client.command("drop view crashed.canonical_from_raw_binance_klines_1m")
    late = made_frame(10, seed=2)
    write(store, late, ingested_ns=START_NS + 1)
    assert store.read(SPOT, Timeframe.M1).content_hash() != late.content_hash()
    store.migrate()
    assert store.read(SPOT, Timeframe.M1).content_hash() == late.content_hash()


def test_a_clickhouse_server_that_is_not_there_is_said_without_the_password(
    chdb_client: object,
) -> None:
    from bowline.storage.servers.clickhouse_candles import connect_clickhouse
    from tests.clickhouse_over_http import PASSWORD, ClickHouseOverHttp

    with ClickHouseOverHttp(chdb_client) as server:
        wrong = server.url.replace(PASSWORD, "secret-guess")
        with pytest.raises(Conflict) as refused:
            connect_clickhouse(wrong)
        store = connect_clickhouse(server.url)
        store.migrate()
    said = [str(refused.value), refused.value.hint]
    for call in (
        lambda: store.read(SPOT, Timeframe.M1),
        store.coverage,
        store.migrate,
        lambda: write(store, made_frame(5)),
        lambda: connect_clickhouse(server.url),
    ):
        with pytest.raises(Conflict) as caught:
            call()
        said += [str(caught.value), caught.value.hint]
    for text in said:
        assert "secret-guess" not in text
        assert PASSWORD not in text
        assert "p@ss-word" not in text
    with pytest.raises(BadInput, match="no database name"):
        connect_clickhouse("clickhouse://localhost/a;drop")


def test_funding_is_kept_once_a_moment_and_read_by_range(
    store: Candles, instrument: InstrumentId
) -> None:
    """A rate that arrives again replaces the one there was; ranges include both their ends."""
    hour = 60 * MINUTE_NS
    event_ns = START_NS + 8 * hour * np.arange(5, dtype=np.int64)
    interval_ns = np.full(5, 8 * hour, dtype=np.int64)
    rate = np.array([0.0001, -0.00012359, 5.91350109139e-05, 0.1 + 0.2, 0.0])
    assert len(store.read_funding(instrument)) == 0
    first = FundingFrame(instrument, event_ns, interval_ns, rate)
    store.write_funding(first, 1)
    store.write_funding(
        FundingFrame(instrument, event_ns[1:2], interval_ns[1:2], np.array([0.5])), 2
    )
    found = store.read_funding(instrument)
    assert found.event_ns.tolist() == event_ns.tolist()
    assert found.interval_ns.tolist() == interval_ns.tolist()
    assert found.rate.tolist() == [0.0001, 0.5, *rate[2:].tolist()]
    part = store.read_funding(instrument, int(event_ns[1]), int(event_ns[3]))
    assert part.event_ns.tolist() == event_ns[1:4].tolist()
    mine = [each for each in store.funding_coverage() if each.instrument == instrument]
    assert mine == [FundingCoverage(instrument, int(event_ns[0]), int(event_ns[4]), 5)]
