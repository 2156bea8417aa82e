"""What was recorded is what is read: whole, once, in order, through crashes, joins and pruning."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from bowline.core.errors import Damaged
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import DAY_NS, SECOND_NS, Side
from bowline.core.venue import QuoteChanged, TradePrinted
from bowline.storage.tape import Tape, TapeCoverage, TapeKind, TapeTick, TapeWriter, day_of
from bowline.storage.tape import parts as parts_module

NOON = 1_763_726_400 * SECOND_NS
BTC, ODD = InstrumentId(MarketId(4), "BTCUSDT"), InstrumentId(MarketId(9), "1000/ODD=X%")

prices = st.floats(1e-9, 1e9, allow_nan=False)
instruments = st.sampled_from([BTC, ODD])
moments = st.integers(NOON - DAY_NS, NOON + DAY_NS)
trades = st.builds(
    TradePrinted, instruments, moments, prices, prices, st.sampled_from(Side), st.text(max_size=8)
)
quotes = st.builds(QuoteChanged, instruments, moments, prices, prices, prices, prices)


def everything(root: Path, instrument: InstrumentId) -> list[tuple[int, TapeTick]]:
    return list(Tape(root).replay(instrument, 0, 2**62))


@given(st.lists(st.one_of(trades, quotes), max_size=40), st.integers(1, 7), st.booleans())
def test_what_was_written_is_replayed_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, ticks: list[TapeTick], part_rows: int, join: bool
) -> None:
    root = tmp_path_factory.mktemp("tape")
    writer = TapeWriter(root, part_rows=part_rows)
    for at, tick in enumerate(ticks):
        writer.write(tick, NOON + at * SECOND_NS)
    writer.flush()
    if join:
        Tape(root).join_before("9999-01-01")
    assert sum(each.ticks for each in Tape(root).coverage()) == len(ticks)
    for instrument in (BTC, ODD):
        written = [
            (NOON + at * SECOND_NS, tick)
            for at, tick in enumerate(ticks)
            if tick.instrument == instrument
        ]
        by_day = sorted(written, key=lambda each: (day_of(each[1].event_ns), each[0]))
        assert everything(root, instrument) == by_day


def _trade(at: int, event_ns: int = NOON) -> TradePrinted:
    return TradePrinted(BTC, event_ns + at, 100.0 + at, 1.0, Side.BUY, str(at))


def test_a_buffer_is_written_in_time_and_not_before(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path, every_s=10)
    for second in range(10):
        writer.write(_trade(second), NOON + second * SECOND_NS)
    assert not list(tmp_path.rglob("*.parquet"))
    writer.write(_trade(10), NOON + 10 * SECOND_NS)
    assert len(everything(tmp_path, BTC)) == 11


def test_a_crash_while_writing_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = TapeWriter(tmp_path)
    writer.write(_trade(0), NOON)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        writer.flush()
    assert everything(tmp_path, BTC) == []
    assert next(Tape(tmp_path).coverage()).ticks == 0


def test_a_crash_between_join_and_clearing_up_shows_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = TapeWriter(tmp_path, part_rows=2)
    for at in range(6):
        writer.write(_trade(at), NOON + at)
    whole = everything(tmp_path, BTC)
    monkeypatch.setattr(Path, "unlink", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        Tape(tmp_path).join_before("9999-01-01")
    assert everything(tmp_path, BTC) == whole, "parts and their join lie side by side"
    monkeypatch.undo()
    writer.write(_trade(6), NOON + 6)
    writer.flush()
    assert len(everything(tmp_path, BTC)) == 7, "a late tick is read beside the join"
    Tape(tmp_path).join_before("9999-01-01")
    (coverage,) = Tape(tmp_path).coverage()
    assert (coverage.ticks, coverage.files) == (7, 1)
    assert len(everything(tmp_path, BTC)) == 7


def test_pruning_takes_whole_days_and_says_which(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path)
    for day in range(3):
        writer.write(_trade(day, NOON + day * DAY_NS), NOON)
    writer.flush()
    (gone,) = Tape(tmp_path).prune(day_of(NOON + DAY_NS))
    assert gone[0].day == day_of(NOON)
    assert gone[1] > 0
    assert [tick.trade_id for _, tick in everything(tmp_path, BTC)] == ["1", "2"]
    assert not list(tmp_path.rglob(f"date={day_of(NOON)}"))


def test_a_corrupt_file_is_reported_as_damaged(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path)
    for at in range(1_000):
        writer.write(_trade(at), NOON + at)
    writer.flush()
    (file,) = tmp_path.rglob("*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0x55
    file.write_bytes(content)
    with pytest.raises(Damaged):
        everything(tmp_path, BTC)


def test_another_program_reads_the_tape_by_its_partitions(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path)
    for at in range(5):
        writer.write(_trade(at), NOON + at)
    writer.flush()
    query = f"""select symbol, market, count(*), max(price)
        from read_parquet('{tmp_path}/trades/**/*.parquet', hive_partitioning = true)
        group by 1, 2"""
    assert duckdb.sql(query).fetchall() == [("BTCUSDT", "bybit-linear", 5, 104.0)]


def test_the_schema_is_what_files_on_disk_already_have(tmp_path: Path) -> None:
    """A renamed column would strand every recording ever made."""
    writer = TapeWriter(tmp_path)
    writer.write(_trade(0), NOON)
    writer.write(QuoteChanged(BTC, NOON, 1.0, 2.0, 3.0, 4.0), NOON)
    writer.flush()
    columns = {
        kind: parquet.read_schema(next((tmp_path / kind.value).rglob("*.parquet"))).names
        for kind in TapeKind
    }
    assert columns == {
        TapeKind.TRADES: ["event_ns", "seen_ns", "price", "size", "taker", "trade_id"],
        TapeKind.QUOTES: ["event_ns", "seen_ns", "bid", "bid_size", "ask", "ask_size"],
    }
    assert parts_module.day_files(tmp_path) == []


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


@pytest.mark.parametrize("joined", [False, True])
def test_a_damaged_file_is_named_and_never_read_as_something_else(
    tmp_path: Path, joined: bool
) -> None:
    """Cut anywhere, and every fifth byte changed: pages, list of columns, its end."""
    writer = TapeWriter(tmp_path)
    for at in range(50):
        writer.write(_trade(at), NOON + at)
    writer.flush()
    if joined:
        writer.write(_trade(51), NOON + 51)
        writer.flush()
        Tape(tmp_path).join_before("9999-01-01")
    true = everything(tmp_path, BTC)
    (file,) = tmp_path.rglob("*.parquet")
    content = file.read_bytes()
    damaged = [content[: len(content) * part // 20] for part in range(20)]
    damaged += [_flipped(content, at) for at in range(0, len(content), 5)]
    refused = []
    for each in damaged:
        file.write_bytes(each)
        for read in (lambda: list(Tape(tmp_path).coverage()), lambda: everything(tmp_path, BTC)):
            try:
                found = read()
            except Damaged as error:
                refused.append(error.message)
            else:
                assert found == true or isinstance(found[0], TapeCoverage)
    assert len(refused) > len(damaged) / 2
    assert all(str(file) in message for message in refused)


def test_a_damaged_day_keeps_no_other_from_being_joined_and_is_told(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path)
    for day in range(3):
        for part in range(2):
            writer.write(_trade(part, NOON + day * DAY_NS), NOON + day * DAY_NS + part)
            writer.flush()
    first = min(tmp_path.rglob("*.parquet"))
    first.write_bytes(b"PAR1 no more")
    with pytest.raises(Damaged, match=first.name):
        Tape(tmp_path).join_before("9999-01-01")
    assert len(list(tmp_path.rglob("day.parquet"))) == 2
