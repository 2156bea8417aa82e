"""A journal whose newest entries were cut off is found by what the tables know of its end."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.errors import Unreachable
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.values import SECOND_NS
from bowline.desk import paper, paper_runs
from bowline.desk.journal import journal_path
from bowline.desk.journal_end import kept_end
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.candles import CandleBatch
from bowline.storage.embedded.journal_file import SCHEMA
from bowline.storage.journal import EMPTY_HEAD
from bowline.storage.tables import Tables
from tests.conftest import Say

BTC = InstrumentId(MarketId(1), "BTCUSDT")
START = 1_735_689_600 * SECOND_NS
SPEC = """\
version: 1
timeframe: 5m
instrument: {market: "binance:spot", symbol: BTCUSDT}
direction: long-short
indicators:
  - id: sma_cross
    params: {fast: 2, slow: 7}
sizing: {mode: all_in}
"""


@pytest.fixture
def words(home: Path, tmp_path: Path) -> tuple[str, ...]:
    """What begins a paper run of 600 candles, and takes it up again."""
    minutes = synthetic_minutes(BTC, seed=3, minutes=3_000, start_ns=START)
    wire.open_candles(home).write(
        CandleBatch(source="test", ingested_ns=START, candles=minutes, instrument=Instrument(BTC))
    )
    (tmp_path / "spec.yaml").write_text(SPEC)
    return ("paper", str(tmp_path / "spec.yaml"), "--replay", "--json")


def cut(path: Path, entries: int) -> None:
    """As somebody would who knows the file: the rest is consistent with itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            db.execute(f"DROP TRIGGER {name}")
        kept = db.execute("SELECT seq FROM entries ORDER BY seq LIMIT ?", (entries,)).fetchall()
        last = kept[-1][0] if kept else 0
        db.execute("DELETE FROM entries WHERE seq > ?", (last,))
        db.execute("DELETE FROM snapshots")
        head = db.execute("SELECT hash FROM entries WHERE seq = ?", (last,)).fetchone()
        db.execute(
            "UPDATE meta SET entries = ?, last_seq = ?, head = ?, snapshots = 0, snapshot_seq = 0,"
            " snapshot_head = ?",
            (entries, last, head[0] if head else EMPTY_HEAD, EMPTY_HEAD),
        )
        for statement in SCHEMA:
            if statement.startswith("CREATE TRIGGER"):
                db.execute(statement)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def known(home: Path) -> dict[str, object]:
    with closing(wire.open_tables(home)) as tables:
        return dict(tables.get_run(1).metadata["journal_end"])


def test_the_tables_know_the_end_that_the_journal_has(
    home: Path, say: Say, words: tuple[str, ...]
) -> None:
    code, out, _ = say(*words)
    assert code == 0
    end = known(home)
    assert end["mark"]["head"] == json.loads(out)["head"]
    assert end["mark"]["entries"] == json.loads(out)["entries"]
    # the last of 600 candles of five minutes
    assert end["candle_ns"] == START + 600 * 300 * SECOND_NS
    assert "candles until 2025-01-03 02:00 UTC" in say("runs", "show", "1")[1]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_a_cut_journal_is_refused_by_everything_that_reads_it(
    home: Path, say: Say, words: tuple[str, ...], share: float
) -> None:
    say(*words)
    before = say("backup", "create", "--json")[1]
    path = journal_path(home, 1)
    cut(path, int(known(home)["mark"]["entries"] * share))
    with closing(wire.open_journal(path, read_only=True)) as journal:
        assert journal.verify().damage is None, "by itself it is whole"
    code, out, _ = say("journal", "verify", "--json")
    assert code == 1
    assert "come further" in json.loads(out)["damage"]["what"]
    for asked in (
        ("journal", "verify"),
        ("journal", "replay"),
        ("journal", "tail"),
        ("journal", "export", "--to", str(home / "out.csv")),
        ("backup", "create"),
        ("doctor",),
    ):
        code, out, err = say(*asked)
        assert (code, "come further" in out + err) == (1, True), asked
    assert [each["backup"] for each in json.loads(say("backup", "list", "--json")[1])] == [
        json.loads(before)["backup"]
    ]


def test_an_interrupted_run_is_not_taken_up_over_a_cut_journal(
    home: Path, say: Say, words: tuple[str, ...]
) -> None:
    """It would decide the rest anew as if it had never happened."""
    say(*words)
    with closing(wire.open_tables(home)) as tables:
        tables.add_metadata(1, {"finished": False}, 1)
    path = journal_path(home, 1)
    whole = path.read_bytes()
    cut(path, 40)
    cut_bytes = path.read_bytes()
    code, _, err = say(*words)
    assert (code, "is not whole" in err) == (1, True)
    assert path.read_bytes() == cut_bytes
    for left in Path(path.parent).glob("run-1.db*"):
        left.unlink()
    code, _, err = say(*words)
    assert (code, "is not whole" in err) == (1, True), "a journal that is gone"
    path.write_bytes(whole)
    assert say(*words)[0] == 0


@pytest.mark.parametrize("empty", [True, False])
def test_a_journal_that_is_empty_or_gone_makes_no_backup(
    home: Path, say: Say, words: tuple[str, ...], empty: bool
) -> None:
    say(*words)
    path = journal_path(home, 1)
    for left in path.parent.glob("run-1.db*"):
        left.unlink()
    if empty:
        path.touch()
    code, _, err = say("backup", "create")
    assert code == 1
    assert str(path) in err
    assert "no backup was made" in err
    assert say("runs", "delete", "1", "--yes")[0] == 0
    assert say("backup", "create")[0] == 0


def test_a_run_that_noted_nothing_yet_still_has_begun(
    home: Path, say: Say, words: tuple[str, ...]
) -> None:
    """As one that was killed early, or made by an older Bowline."""
    say(*words)
    with closing(sqlite3.connect(home / "tables.db")) as db:
        db.execute("UPDATE runs SET metadata = json_remove(metadata, '$.journal_end')")
        db.commit()
    assert say("journal", "verify")[0] == 0
    path = journal_path(home, 1)
    path.unlink()
    path.touch()
    assert "it is empty, but its run has started" in say("backup", "create")[2]


def test_a_journal_that_is_longer_than_what_is_known_is_whole(
    home: Path, say: Say, words: tuple[str, ...], tmp_path: Path
) -> None:
    """The tables may be behind: of a run that was killed, and in a backup beside one at work."""
    say(*words)
    entries = known(home)["mark"]["entries"]
    shutil.copy(journal_path(home, 1), tmp_path / "copy.db")
    cut(tmp_path / "copy.db", 100)
    with closing(wire.open_journal(tmp_path / "copy.db", read_only=True)) as early:
        mark = early.mark()
    assert (mark.entries, entries > 100) == (100, True)
    with closing(wire.open_journal(journal_path(home, 1), read_only=True)) as journal:
        assert journal.has(mark)
        assert journal.has(journal.mark())
    with closing(wire.open_journal(tmp_path / "copy.db", read_only=True)) as early:
        assert early.has(mark)
        assert not early.has(type(mark)(101, mark.seq, mark.head))
        assert not early.has(type(mark)(100, mark.seq, "00" * 32))


def test_the_end_is_noted_while_a_run_is_at_work_and_busy_tables_hold_it_up_by_nothing(
    home: Path, say: Say, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[int] = []
    real = paper_runs.note_end

    def busy_once(tables: Tables, run_id: int, end: object, now_ns: int) -> None:
        noted.append(end.mark.entries)
        if len(noted) == 1:
            raise Unreachable("in use")
        real(tables, run_id, end, now_ns)

    monkeypatch.setattr(paper_runs, "note_end", busy_once)
    monkeypatch.setattr(paper, "NOTED_CANDLES", 100)
    assert say(*words)[0] == 0
    assert len(noted) >= 2
    assert noted == sorted(noted)
    assert known(home)["mark"]["entries"] == noted[-1]


@pytest.mark.parametrize("verb", ["add_metadata", "change_state"])
def test_an_end_that_cannot_be_noted_loses_nothing(
    home: Path,
    say: Say,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
) -> None:
    """The tables are locked or their disk is full when the last candle is over."""
    real = getattr(Tables, verb)

    def refuses(tables: Tables, run_id: int, what: object, *more: object) -> object:
        if verb == "change_state" and getattr(what, "value", "") in {"starting", "running"}:
            return real(tables, run_id, what, *more)
        raise Unreachable("the tables: in use by another process", hint="try again")

    with monkeypatch.context() as patched:
        patched.setattr(Tables, verb, refuses)
        code, _, err = say(*words)
    assert code == 1
    assert "in use" in err
    assert "repeat the command to store the state" in err
    code, out, _ = say(*words)
    assert code == 0
    assert json.loads(out)["run"] == 1
    assert json.loads(out)["finished"] is True
    with closing(wire.open_tables(home)) as tables:
        assert kept_end(tables.get_run(1)).mark.head == json.loads(out)["head"]


def test_a_run_whose_disk_is_full_says_so_even_where_that_cannot_be_noted(
    home: Path, say: Say, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise Unreachable("the journal could not be written: its disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("bowline.storage.embedded.sqlite_journal.SqliteJournal.append", full)
        real = Tables.change_state

        def refuses(tables: Tables, run_id: int, to: object, *more: object) -> object:
            if to.value == "failed":
                raise Unreachable("the tables: its disk is full")
            return real(tables, run_id, to, *more)

        patched.setattr(Tables, "change_state", refuses)
        code, _, err = say(*words)
    error = json.loads(err.splitlines()[-1])["error"]
    assert code == 1
    assert error["message"] == "the journal could not be written: its disk is full"
    assert "the state could not be stored either" in error["problems"][0]
    assert say(*words)[0] == 0
