"""Imports are whole or not at all and known when repeated; a refusal says file, row and reason."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bowline.core.errors import BadInput, BowlineError, Conflict, NotFound
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.desk import candle_import as importing
from bowline.desk import candles as desk
from bowline.desk.output_files import Output
from bowline.desk.steps import Steps
from bowline.storage.absences import AbsenceStore
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine
from bowline.storage.files import read_candle_file
from tests.candle_files import (
    BROKEN,
    SPOT,
    START_NS,
    csv_bytes,
    feather_bytes,
    made_frame,
    made_rows,
    table_of,
    with_cell,
    zip_bytes,
)

REQUEST = importing.import_request("binance:spot", "btcusdt")


@pytest.fixture
def store(tmp_path: Path) -> DuckDBCandles:
    return opened(tmp_path / "store" / "candles.duckdb")


def opened(path: Path) -> DuckDBCandles:
    store = DuckDBCandles(path)
    store.migrate()
    return store


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def imported(
    store: DuckDBCandles, path: Path, request: importing.ImportRequest = REQUEST
) -> importing.ImportOutcome:
    return importing.import_files(store, [path], request)[0]


def is_empty(store: DuckDBCandles) -> bool:
    return not (store.coverage() or store.imports() or store.instruments())


@pytest.fixture
def absences(tmp_path: Path) -> Iterator[AbsenceStore]:
    engine = migrated_sqlite_engine(tmp_path / "tables.db")
    yield AbsenceStore(engine)
    engine.dispose()


def test_a_gap_says_which_part_of_it_the_venue_does_not_have(
    store: DuckDBCandles, absences: AbsenceStore, tmp_path: Path
) -> None:
    rows = made_rows(30)
    imported(store, written(tmp_path, "a.csv", csv_bytes([*rows[:5], *rows[25:]])))
    (gap,) = desk.find_gaps(store, absences)
    second_ns = gap.start_ns + 4 * MINUTE_NS
    absences.record(SPOT, second_ns, second_ns + 3 * MINUTE_NS, 1)
    found = desk.find_gaps(store, absences, SPOT)
    assert [(part.reason, part.missing) for part in found] == [
        ("unknown", 4), ("venue_has_none", 3), ("unknown", 13),
    ]  # fmt: skip


def test_an_import_says_what_it_took(
    store: DuckDBCandles, absences: AbsenceStore, tmp_path: Path
) -> None:
    rows = made_rows()
    outcome = imported(store, written(tmp_path, "a.csv", csv_bytes([*rows[:20], *rows[25:]])))
    assert (outcome.status, outcome.candles, outcome.missing, outcome.refused) == (
        "imported", 55, 5, 0,
    )  # fmt: skip
    assert outcome.format == "csv, header, millisecond stamps"
    assert (outcome.first_ns, outcome.last_ns) == (START_NS, START_NS + 59 * MINUTE_NS)
    frame = store.read(SPOT, Timeframe.M1)
    assert len(frame) == 55
    assert [gap.missing for gap in desk.find_gaps(store, absences)] == [5]


def test_the_same_file_again_adds_nothing(store: DuckDBCandles, tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", csv_bytes(made_rows()))
    imported(store, path)
    before = store.imports()
    moved = path.rename(tmp_path / "other name.csv")
    assert imported(store, moved).status == "known"
    assert store.imports() == before
    other = importing.import_request("bybit:spot", "BTCUSDT")
    assert imported(store, moved, other).status == "imported"


def test_what_is_known_of_an_instrument_is_kept(store: DuckDBCandles, tmp_path: Path) -> None:
    first = written(tmp_path, "a.csv", csv_bytes(made_rows()))
    second = written(tmp_path, "b.csv", csv_bytes(made_rows(seed=2)))
    imported(store, first)
    known = store.instrument(SPOT)
    assert known
    assert (known.tick_size, known.taker_fee_pct) == (0, Decimal("0.075"))
    steps = Steps(tick_size=Decimal("0.01"), min_notional=Decimal(5))
    assert (
        imported(store, first, importing.import_request("binance:spot", "BTCUSDT", steps)).status
        == "known"
    )
    imported(
        store,
        second,
        importing.import_request("binance:spot", "BTCUSDT", Steps(lot_step=Decimal("0.00001"))),
    )
    known = store.instrument(SPOT)
    assert known
    assert (known.tick_size, known.lot_step, known.min_notional) == (
        Decimal("0.01"), Decimal("0.00001"), 5,
    )  # fmt: skip


def test_every_broken_file_is_refused_and_nothing_of_it_is_stored(
    store: DuckDBCandles, tmp_path: Path
) -> None:
    assert len(BROKEN) >= 30
    paths = [written(tmp_path, broken.name, broken.content()) for broken in BROKEN]
    outcomes = importing.import_files(store, paths, REQUEST)
    for broken, path, outcome in zip(BROKEN, paths, outcomes, strict=True):
        assert outcome.status == "refused", broken.name
        assert str(path) in outcome.error
        assert broken.words in outcome.error
        assert broken.row is None or f"row {broken.row}:" in outcome.error
    assert is_empty(store)
    kept = {Path(row.file).name: row for row in store.quarantine()}
    assert kept["nan_price.csv"].row == 17
    assert "close=nan" in kept["nan_price.csv"].values
    assert "b.csv" in kept


def test_the_hostile_file_is_refused_with_row_and_reason(
    store: DuckDBCandles, shared_data: Path
) -> None:
    path = shared_data / "hostile" / "bybit_testnet_BTCUSDT_1m.parquet"
    outcome = imported(store, path)
    assert outcome.status == "refused"
    assert f"{path}, row 26432: price jumps" in outcome.error
    assert is_empty(store)
    brave = importing.import_request("bybit:spot", "BTCUSDT", allow_jumps=True)
    assert imported(store, path, brave).candles == 105_076


def test_good_rows_are_kept_when_asked_for_and_the_rest_is_quarantined(
    store: DuckDBCandles, absences: AbsenceStore, tmp_path: Path
) -> None:
    rows = made_rows()
    rows[6][3] = -1
    rows[30][4] = "nan"
    path = written(tmp_path, "a.csv", csv_bytes(rows))
    assert imported(store, path).status == "refused"
    outcome = imported(
        store, path, importing.import_request("binance:spot", "BTCUSDT", keep_good=True)
    )
    assert (outcome.status, outcome.candles, outcome.refused) == ("imported", 58, 2)
    assert [row.row for row in store.quarantine()] == [7, 31]
    assert [gap.reason for gap in desk.find_gaps(store, absences)] == ["quarantined", "quarantined"]
    assert not np.isnan(store.read(SPOT, Timeframe.M1).close).any()


def test_a_file_without_a_good_row_is_refused_even_then(
    store: DuckDBCandles, tmp_path: Path
) -> None:
    rows = [[row[0], -1, *row[2:]] for row in made_rows()]
    request = importing.import_request("binance:spot", "BTCUSDT", keep_good=True)
    assert imported(store, written(tmp_path, "a.csv", csv_bytes(rows)), request).status == "refused"
    assert is_empty(store)


def test_a_file_under_a_wrong_symbol_does_not_replace_what_is_right(
    store: DuckDBCandles, shared_data: Path
) -> None:
    folder = shared_data / "candles"
    imported(store, folder / "binance_usdm_BTCUSDT_1m_2025-05-25_2025-06-24.feather")
    before = store.read(SPOT, Timeframe.M1).content_hash()
    outcome = imported(store, folder / "binance_usdm_SOLUSDT_1m_2025-05-25_2025-06-24.feather")
    assert outcome.status == "refused"
    assert "row 1: price is far from what is stored" in outcome.error
    assert "right market and symbol" in outcome.hint
    assert store.read(SPOT, Timeframe.M1).content_hash() == before


def test_a_zip_is_one_import(store: DuckDBCandles, tmp_path: Path) -> None:
    rows = made_rows()
    members = {"b.csv": csv_bytes(rows[30:]), "a.csv": csv_bytes(rows[:35])}
    outcome = imported(store, written(tmp_path, "a.zip", zip_bytes(members)))
    assert (outcome.candles, outcome.missing) == (60, 0)
    assert len(store.imports()) == 1


def test_members_of_a_zip_that_contradict_each_other_are_refused(
    store: DuckDBCandles, tmp_path: Path
) -> None:
    rows = made_rows()
    other = [[*row[:5], 0.5] for row in rows[30:]]
    members = {"a.csv": csv_bytes(rows[:35]), "b.csv": csv_bytes(other)}
    outcome = imported(store, written(tmp_path, "a.zip", zip_bytes(members)))
    assert "a.csv, row 31: another row for the same open time" in outcome.error
    assert is_empty(store)


def test_a_candle_that_was_still_open_is_refused(store: DuckDBCandles, tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv", csv_bytes(made_rows()))
    last_close_ns = START_NS + 60 * MINUTE_NS
    for now_ns, status in ((last_close_ns - 1, "refused"), (last_close_ns, "imported")):
        outcomes = importing.import_files(store, [path], REQUEST, now_ns=lambda now=now_ns: now)
        assert outcomes[0].status == status


def test_real_overlapping_files_join_without_a_seam(
    store: DuckDBCandles, shared_data: Path
) -> None:
    paths = sorted((shared_data / "candles").glob("binance_usdm_BTCUSDT_1m_*"))
    request = importing.import_request("binance:futures", "BTCUSDT")
    assert {o.status for o in importing.import_files(store, paths[::-1], request)} == {"imported"}
    entry = desk.list_candles(store)[0]
    assert (entry.candles, entry.gaps) == (83_857, 1)


def test_all_real_minutes_import_cleanly(store: DuckDBCandles, shared_data: Path) -> None:
    paths = sorted((shared_data / "candles").glob("*_1m_*"))
    assert len(paths) >= 9
    for number, path in enumerate(paths):
        request = importing.import_request("binance:spot", f"S{number}")
        assert imported(store, path, request).status == "imported"
    assert all(entry.gaps == 0 for entry in desk.list_candles(store))


def test_five_minutes_from_the_store_are_the_exchange_s_own(
    store: DuckDBCandles, shared_data: Path
) -> None:
    """Published no. 7: 26,141 of 26,141 buckets equal in open, high, low, close and volume."""
    folder = shared_data / "candles"
    imported(store, next(folder.glob("binance_spot_BTCUSDT_1m_*")))
    ours = desk.read_candles(store, SPOT, Timeframe.M5)
    theirs = read_candle_file(next(folder.glob("binance_spot_BTCUSDT_5m_*")))
    assert len(theirs) == 26_141
    assert ours.open_ns.tolist() == theirs.open_ns.tolist()
    for name in ("open", "high", "low", "close"):
        assert (getattr(ours, name) == getattr(theirs, name)).all()
    # the exchange adds in decimals of eight places, we in doubles
    assert (np.round(ours.volume, 8) == np.round(theirs.volume, 8)).all()


def test_reading_what_is_not_there_says_what_is(
    store: DuckDBCandles, absences: AbsenceStore, tmp_path: Path
) -> None:
    imported(store, written(tmp_path, "a.csv", csv_bytes(made_rows())))
    with pytest.raises(NotFound) as caught:
        desk.read_candles(store, InstrumentId(MarketId(3), "ETHUSDT"), Timeframe.M1)
    assert "binance:spot:BTCUSDT" in caught.value.hint
    with pytest.raises(NotFound, match="no complete 1d candle"):
        desk.read_candles(store, SPOT, Timeframe.D1)
    with pytest.raises(NotFound):
        desk.find_gaps(store, absences, InstrumentId(MarketId(3), "ETHUSDT"))


def test_an_export_is_whole_and_replaces_nothing_unasked(tmp_path: Path) -> None:
    frame = made_frame(50)
    path = tmp_path / "BTCUSDT.csv"
    desk.export_candles(frame, Output(path))
    with pytest.raises(Conflict, match="exists by now"):
        desk.export_candles(frame, Output(path))
    desk.export_candles(frame.slice(0, 10), Output(path, force=True))
    assert len(read_candle_file(path)) == 10
    with pytest.raises(BadInput, match=r"cannot export to a\.xls"):
        desk.check_export(tmp_path / "a.xls")
    with pytest.raises(BadInput, match="cannot write"):
        desk.export_candles(frame, Output(tmp_path / "no folder" / "a.csv"))
    assert [p.name for p in tmp_path.iterdir()] == ["BTCUSDT.csv"]


@pytest.mark.parametrize(
    "call",
    [
        lambda: desk.parse_market("binance"),
        lambda: desk.parse_symbol("BTC USDT"),
        lambda: desk.parse_timeframe("7m"),
        lambda: desk.parse_moment("yesterday"),
        lambda: desk.parse_span("2024-02-01", "2024-01-01"),
    ],
)
def test_words_that_mean_nothing_are_refused_with_what_is_allowed(call: object) -> None:
    with pytest.raises(BadInput) as caught:
        call()
    assert caught.value.message


def test_moments_are_utc_to_the_nanosecond() -> None:
    assert desk.parse_moment("2024-01-31T23:30") == START_NS
    assert desk.parse_moment("2024-02-01T02:30:00.000001+03:00") == START_NS + 1000
    assert desk.utc_text(START_NS) == "2024-01-31 23:30"


# --- other processes, and the end of this one -------------------------------------------------


def bowline(home: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BOWLINE_")}
    return subprocess.Popen(
        [sys.executable, "-c", "from bowline.cli import main; main()", *map(str, arguments)],
        env={**environment, "BOWLINE_HOME": str(home)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def import_command(home: Path, paths: list[Path], *options: str) -> subprocess.Popen[str]:
    where = ("--market", "binance:spot", "--symbol", "BTCUSDT")
    return bowline(home, "candles", "import", *paths, *where, *options)


def test_the_command_refuses_broken_files_with_exit_code_1(tmp_path: Path) -> None:
    paths = [written(tmp_path, broken.name, broken.content()) for broken in BROKEN]
    good = written(tmp_path, "good.csv", csv_bytes(made_rows()))
    process = import_command(tmp_path / "home", [*paths, good], "--json")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    files = json.loads(out)["files"]
    assert [file["status"] for file in files] == ["refused"] * len(paths) + ["imported"]
    error = json.loads(err.splitlines()[-1])["error"]
    for path in paths:
        assert any(str(path) in problem for problem in error["problems"])
    alone = import_command(tmp_path / "home", [written(tmp_path, "x", with_cell(17, "low", -1))])
    _, err = alone.communicate(timeout=60)
    assert alone.returncode == 1
    assert f"error: {tmp_path / 'x'}, row 17: a price is zero or negative" in err
    assert "hint: " in err
    assert "Traceback" not in err
    shown = bowline(tmp_path / "home", "candles", "quarantine", "--json")
    out, _ = shown.communicate(timeout=60)
    rows = {(Path(row["file"]).name, row["row"]): row["reason"] for row in json.loads(out)}
    assert rows["x", 17] == "a price is zero or negative"


def test_the_commands_list_gaps_and_export_speak_json(tmp_path: Path) -> None:
    home = tmp_path / "home"
    rows = made_rows(130)
    path = written(tmp_path, "a.csv", csv_bytes([*rows[:10], *rows[11:]]))
    import_command(home, [path], "--tick-size", "0.01").communicate(timeout=60)
    where = ("--market", "binance:spot", "--symbol", "btcusdt")
    out, _ = bowline(home, "candles", "list", "--json").communicate(timeout=60)
    assert [(e["name"], e["candles"], e["gaps"]) for e in json.loads(out)] == [
        ("binance:spot:BTCUSDT", 129, 1)
    ]
    out, _ = bowline(home, "candles", "gaps", *where, "--json").communicate(timeout=60)
    assert [(e["missing"], e["reason"]) for e in json.loads(out)] == [(1, "unknown")]
    target = tmp_path / "out.csv"
    export = ("candles", "export", target, *where, "--timeframe", "5m", "--json")
    _, err = bowline(home, *export).communicate(timeout=60)
    assert "--allow-gaps" in json.loads(err)["error"]["hint"], "1 of 26 is more than 0.5 %"
    assert not target.exists()
    export = (*export, "--allow-gaps")
    out, _ = bowline(home, *export).communicate(timeout=60)
    assert json.loads(out)["candles"] == len(read_candle_file(target)) == 25
    assert json.loads(out)["completeness"]["lost"] == 1
    again = bowline(home, *export)
    _, err = again.communicate(timeout=60)
    assert again.returncode == 1
    assert json.loads(err)["error"]["kind"] == "Conflict"


def day_files(folder: Path, count: int) -> list[Path]:
    """Files of 200 minutes each, behind each other."""
    frame = made_frame(count * 200)
    return [
        written(
            folder, f"{n:03}.feather", feather_bytes(table_of(frame.slice(n * 200, n * 200 + 200)))
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_an_import_broken_off_leaves_whole_files_and_goes_on_when_repeated(
    tmp_path: Path, ending: signal.Signals
) -> None:
    home, paths = tmp_path / "home", day_files(tmp_path, 10)
    process = import_command(home, paths)
    for _ in range(3):
        process.stderr.readline()
    process.send_signal(ending)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert ending == signal.SIGKILL or "repeat the command to continue" in err
    assert "Traceback" not in err
    store = opened(home / "candles.duckdb")
    records = store.imports()
    assert 3 <= len(records) < len(paths)
    assert len(store.read(SPOT, Timeframe.M1)) == 200 * len(records)
    outcomes = importing.import_files(store, paths, REQUEST)
    assert [o.status for o in outcomes].count("known") == len(records)
    whole = store.read(SPOT, Timeframe.M1)
    assert whole.content_hash() == made_frame(10 * 200).content_hash()


def test_two_processes_use_the_store_at_once(tmp_path: Path) -> None:
    home, paths = tmp_path / "home", day_files(tmp_path, 6)
    processes = [import_command(home, paths[half::2]) for half in (0, 1)]
    store = DuckDBCandles(home / "candles.duckdb")
    seen = [0]
    while any(process.poll() is None for process in processes):
        if (home / "candles.duckdb").exists():
            seen.append(_stored(store))
        time.sleep(0.01)
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    assert seen == sorted(seen), "what was stored once stays stored"
    assert store.read(SPOT, Timeframe.M1).content_hash() == made_frame(1200).content_hash()
    assert len(store.imports()) == 6


def _stored(store: DuckDBCandles) -> int:
    try:
        store.migrate()
        return len(store.read(SPOT, Timeframe.M1))
    except BowlineError as error:
        raise AssertionError(f"a reader was refused: {error.message}") from error
