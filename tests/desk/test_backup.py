"""A backup is whole or none, is found damaged by one bit, and gives back what was there."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from msgspec.structs import replace

from bowline import wire
from bowline.core.errors import BadInput, BowlineError, Conflict, Damaged
from bowline.core.model.values import MINUTE_NS
from bowline.desk.backup import find_backups, verify
from bowline.desk.backup_manifest import (
    FORMAT,
    MANIFEST,
    read_manifest,
    write_manifest,
)
from bowline.desk.journal import journal_path
from bowline.desk.restore import restore
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.candles import CandleBatch
from tests.chance import seeded
from tests.conftest import Say
from tests.desk.homes import BTC, ENTRIES, FILES, PLUGIN, START, backup, entries, kept, quiet

__all__ = ["kept"]


def test_what_is_restored_is_what_was_there(
    kept: Path, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every store, asked through the command line before and after, says the same."""
    questions = [
        ("candles", "list", "--json"),
        ("journal", "verify", "--run", "1", "--json"),
        ("journal", "verify", "--run", "2", "--json"),
        ("strategy", "list", "--json"),
    ]
    before = [say(*words) for words in questions]
    assert [code for code, _, _ in before] == [0, 0, 0, 0]
    code, out, _ = say("backup", "create", "--to", str(tmp_path / "safe"), "--json")
    made = json.loads(out)
    assert code == 0
    assert {file["path"] for file in made["files"]} == FILES
    heads = {end["path"]: end["head"] for end in made["journals"]}
    assert heads["journals/run-1.db"] == json.loads(before[1][1])["head"]
    code, out, _ = say("backup", "list", "--in", str(tmp_path / "safe"), "--json")
    (listed,) = json.loads(out)
    assert listed["backup"] == made["backup"]
    name = Path(made["backup"]).name
    where = ("--in", str(tmp_path / "safe"))
    code, out, _ = say("backup", "verify", name, *where)
    assert (code, "5 files" in out) == (0, True)
    shutil.rmtree(kept)
    new = tmp_path / "new home"
    # a backup is found by its folder too
    code, out, _ = say("backup", "restore", made["backup"], "--into", str(new))
    assert code == 0
    assert f"BOWLINE_HOME='{new}'" in out
    monkeypatch.setenv("BOWLINE_HOME", str(new))
    assert [say(*words) for words in questions] == before
    assert (new / "strategies" / "mine.py").read_text() == PLUGIN
    found = {p.relative_to(new).as_posix() for p in new.rglob("*") if p.is_file()}
    assert found - {"journals/run-1.db-shm"} == FILES
    with closing(wire.open_journal(journal_path(new, 1))) as journal:
        journal.append(entries(ENTRIES + 1, 1))
        assert journal.verify().damage is None
    minutes = synthetic_minutes(BTC, seed=1, minutes=10, start_ns=START + 10**5 * MINUTE_NS)
    wire.open_candles(new).write(CandleBatch(source="test", ingested_ns=START, candles=minutes))


def test_only_its_owner_can_read_a_backup_and_what_comes_of_it(kept: Path, tmp_path: Path) -> None:
    path = backup(kept).path
    restore(path, tmp_path / "new", wire.file_lock, quiet)
    assert path.stat().st_mode & 0o077 == 0
    made = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
    assert {each.stat().st_mode & 0o077 for each in made} == {0}


APPENDS = """
import sys
from pathlib import Path
from bowline import wire
from bowline.core.model.event import SendLost
from bowline.core.model.values import AccountId
from bowline.core.model.values import OrderId
from bowline.storage.journal import Entry
journal = wire.open_journal(Path(sys.argv[1]))
seq = journal.last_seq
while True:
    seq += 3
    lost = SendLost(seq, AccountId("a"), OrderId(seq), "v")
    journal.append([Entry(seq + n, lost) for n in range(3)])
    seq += 2
    if seq % 10 == 0:
        print(seq, flush=True)
"""


def test_a_backup_beside_a_writing_process_holds_a_verified_prefix(kept: Path) -> None:
    path = journal_path(kept, 3)
    writer = subprocess.Popen(
        [sys.executable, "-c", APPENDS, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline()
        made = []
        for _ in range(3):
            made.append(backup(kept))
            assert writer.stdout.readline(), "the writer was held up"
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    with closing(wire.open_journal(path, read_only=True)) as journal:
        at_the_end = [entry.seq for entry in journal.entries()]
    lengths = []
    for each in made:
        (end,) = (e for e in each.manifest.journals if e.path == "journals/run-3.db")
        with closing(wire.open_journal(each.path / end.path, read_only=True)) as copy:
            found = [entry.seq for entry in copy.entries()]
            assert (copy.head, copy.verify().damage) == (end.head, None)
        assert found == at_the_end[: len(found)]
        assert len(found) == end.entries
        assert len(found) % 3 == 0, "a part of a commit"
        lengths.append(len(found))
    assert 0 < lengths[0] < lengths[1] < lengths[2] < len(at_the_end)


KILLED = """
import os, signal, sys
from pathlib import Path
from bowline import wire
from bowline.desk import backup
at = int(sys.argv[1])
def count(*_):
    global at
    at -= 1
    if at == 0:
        os.kill(os.getpid(), signal.SIGKILL)
def counted(name, module):
    real = getattr(module, name)
    def call(*words, **more):
        # what an earlier kill left is cleared first: that is no step of this backup
        if not (name == "rmtree" and ".part-" in str(words[0])):
            count()
        return real(*words, **more)
    setattr(module, name, call)
counted("fsync", os)
counted("rename", Path)
counted("rmtree", backup.shutil)
home = wire.home()
backup.create(wire.stores_to_copy(home), home / "backups", 1, count)
print(1000 - at)
"""


def test_a_backup_that_is_killed_counts_for_nothing_and_costs_nothing(kept: Path) -> None:
    """SIGKILL in the copying, the syncing, before the name is given, and in the rotation."""
    first = backup(kept).path

    def run(at: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", KILLED, str(at)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    steps = int(run(1000).stdout)
    assert steps > 12
    for at in (3, steps - 3, steps - 2, steps):
        before = [each.path for each in find_backups(kept / "backups")]
        assert run(at).returncode == -signal.SIGKILL
        after = find_backups(kept / "backups")
        assert after
        assert [verify(each.path, quiet)[1] for each in after] == [()] * len(after)
        # the rename, then what is gone, are the last steps: only then it counts
        assert ([each.path for each in after] == before) == (at < steps - 2)
    last = backup(kept, keep=1).path
    assert [path.name for path in (kept / "backups").iterdir() if path.is_dir()] == [last.name]
    assert not first.exists()


def test_the_newest_are_kept_and_nothing_else_is_touched(kept: Path, tmp_path: Path) -> None:
    folder = tmp_path / "safe"
    folder.mkdir()
    (folder / "notes").mkdir()
    made = [backup(kept, keep=3, folder=folder) for _ in range(5)]
    paths = [each.path for each in made]
    assert [each.path for each in find_backups(folder)] == paths[:1:-1]
    assert [each.removed for each in made] == [(), (), (), (paths[0],), (paths[1],)]
    # one with a broken manifest is no backup: it does not push out a whole one, and it stays
    (paths[3] / MANIFEST).write_bytes(b"{}")
    latest = backup(kept, keep=2, folder=folder)
    assert latest.removed == (paths[2],)
    assert [(each.path, bool(each.problem)) for each in find_backups(folder)] == [
        (latest.path, False), (paths[4], False), (paths[3], True),
    ]  # fmt: skip
    assert (folder / "notes").is_dir()


def test_backups_of_a_clock_that_was_ahead_push_out_none_of_today(
    kept: Path, tmp_path: Path
) -> None:
    """Nobody knows when they were made: they stay, and they are told until they are removed."""
    folder = tmp_path / "safe"
    ahead = [
        backup(kept, keep=9, folder=folder).path.rename(folder / f"2999010{day}T000000.000000Z")
        for day in (1, 2)
    ]
    made = [backup(kept, keep=2, folder=folder) for _ in range(3)]
    assert [each.removed for each in made] == [(), (), (made[0].path,)]
    assert {each.ahead for each in made} == {tuple(ahead[::-1])}
    assert [each.path for each in find_backups(folder)] == [
        *ahead[::-1], made[2].path, made[1].path,
    ]  # fmt: skip


@pytest.mark.chance
def test_one_flipped_bit_in_any_file_is_found(kept: Path, tmp_path: Path) -> None:
    made = backup(kept)
    chance = seeded(1)
    for file in made.manifest.files:
        path = made.path / file.path
        sound = path.read_bytes()
        at = chance.randrange(len(sound))
        path.write_bytes(flipped(sound, at, chance.randrange(8)))
        assert [line.partition(":")[0] for line in verify(made.path, quiet)[1]] == [file.path]
        with pytest.raises(Damaged) as error:
            restore(made.path, tmp_path / "new", wire.file_lock, quiet)
        assert file.path in error.value.problems[0]
        assert not list((tmp_path / "new").iterdir())
        path.write_bytes(sound)
    (made.path / "tables.db").unlink()
    (made.path / "candles.duckdb").write_bytes(b"")
    problems = " ".join(verify(made.path, quiet)[1])
    assert "tables.db: No such file" in problems
    assert "candles.duckdb: 0 bytes" in problems


@pytest.mark.chance
def test_one_flipped_bit_anywhere_in_the_manifest_is_found(kept: Path) -> None:
    made = backup(kept)
    path = made.path / MANIFEST
    sound = path.read_bytes()
    chance = seeded(2)
    for at in chance.sample(range(len(sound)), 300):
        path.write_bytes(flipped(sound, at, chance.randrange(8)))
        with pytest.raises((Damaged, Conflict)):
            read_manifest(made.path)
    path.write_bytes(sound)
    assert read_manifest(made.path) == made.manifest


def flipped(content: bytes, at: int, bit: int) -> bytes:
    return content[:at] + bytes([content[at] ^ (1 << bit)]) + content[at + 1 :]


@pytest.mark.parametrize("name", ["tables.db", "candles.duckdb", "journals/run-2.db"])
def test_a_damaged_store_makes_no_backup_and_pushes_out_none(kept: Path, name: str) -> None:
    good = backup(kept)
    path = kept / name
    sound = path.read_bytes()
    # where there is something: zeros are what an unused page has
    path.write_bytes(sound[:4096] + b"\xff" * (len(sound) - 4096))
    with pytest.raises(Damaged, match=path.name):
        backup(kept, keep=1)
    assert [each.path for each in find_backups(kept / "backups")] == [good.path]
    assert {each.name for each in (kept / "backups").iterdir()} == {".lock", good.path.name}


def test_a_journal_whose_chain_is_broken_makes_no_backup(kept: Path) -> None:
    """SQLite finds the file sound: only the journal's own check knows better."""
    with closing(sqlite3.connect(journal_path(kept, 2))) as db:
        db.execute("DROP TRIGGER entries_update")
        db.execute("UPDATE entries SET payload = replace(payload, 'v-7\"', 'v-8\"')")
        db.commit()
    with pytest.raises(Damaged, match=r"run-2\.db is damaged at seq 7"):
        backup(kept)
    assert not find_backups(kept / "backups")


def test_a_run_that_has_just_begun_is_no_damage(kept: Path) -> None:
    journal_path(kept, 9).touch()
    assert {file.path for file in backup(kept).manifest.files} == FILES


def test_vacuum_gives_room_back_and_loses_nothing(kept: Path, say: Say) -> None:
    with closing(sqlite3.connect(kept / "tables.db")) as db:
        db.execute("CREATE TABLE big (text TEXT)")
        db.execute("INSERT INTO big VALUES (?)", ("x" * 1_000_000,))
        db.execute("DROP TABLE big")
        db.commit()
    with duckdb.connect(kept / "candles.duckdb") as candles:
        candles.execute("pragma disable_checkpoint_on_shutdown")
        candles.execute("create table big as select random() x from range(500000)")
        candles.execute("checkpoint")
        candles.execute("drop table big")
    before = say("candles", "list", "--json"), say("strategy", "list", "--json")
    journal = journal_path(kept, 1).read_bytes()
    code, out, _ = say("backup", "vacuum", "--json")
    assert code == 0
    sizes = {each["store"]: each for each in json.loads(out)}
    assert set(sizes) == {"tables.db", "candles.duckdb"}
    for name, least in (("tables.db", 1_000_000), ("candles.duckdb", 2_000_000)):
        freed = sizes[name]["before_bytes"] - sizes[name]["after_bytes"]
        assert freed > least, name
        assert (kept / name).stat().st_size == sizes[name]["after_bytes"]
    assert (say("candles", "list", "--json"), say("strategy", "list", "--json")) == before
    assert journal_path(kept, 1).read_bytes() == journal
    assert "never rewritten" in say("backup", "vacuum")[1]


def test_two_backups_at_once_are_a_conflict(kept: Path) -> None:
    stores = wire.stores_to_copy(kept)
    backup(kept)
    with (
        stores.locked(kept / "backups" / ".lock", "held"),
        pytest.raises(Conflict, match=r"another backup into .* is running"),
    ):
        backup(kept)


def test_a_manifest_cannot_lead_out_of_its_folder(kept: Path, tmp_path: Path) -> None:
    made = backup(kept)
    first, *rest = made.manifest.files
    hostile = replace(made.manifest, files=(replace(first, path="../../x"), *rest), sha256="")
    write_manifest(hostile, made.path)
    with pytest.raises(Damaged, match="outside"):
        restore(made.path, tmp_path / "new", wire.file_lock, quiet)


def test_a_backup_of_a_newer_bowline_is_refused(kept: Path) -> None:
    made = backup(kept)
    path = made.path / MANIFEST
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(Conflict, match="format 99"):
        verify(made.path, quiet)


def test_candles_on_a_server_are_said_to_be_left_out(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOWLINE_CANDLES", "clickhouse://user:hidden@host/db")
    manifest = backup(kept).manifest
    assert "server" in manifest.left_out[0]
    assert "hidden" not in (str(manifest) + repr(wire.stores_to_compact(kept)))
    assert {file.path for file in manifest.files} == FILES - {"candles.duckdb"}


def test_what_lies_elsewhere_by_setting_is_in_the_backup(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "it's elsewhere.duckdb"
    (kept / "candles.duckdb").rename(elsewhere)
    (kept / "strategies").rename(tmp_path / "plugins")
    monkeypatch.setenv("BOWLINE_CANDLES", f"duckdb://{elsewhere}")
    monkeypatch.setenv("BOWLINE_STRATEGIES", str(tmp_path / "plugins"))
    assert {file.path for file in backup(kept).manifest.files} == FILES
    with pytest.raises(BadInput, match="strategies folder"):
        backup(kept, folder=tmp_path / "plugins" / "backups")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create",), "there is nothing in"),
        (("create", "--to", "/dev/null/x"), "/dev/null"),
        (("verify", "20200101T000000.000000Z"), "there is no backup 20200101T000000.000000Z"),
        (("restore", "nothing", "--into", "new"), "`bowline backup create` makes one"),
    ],
)
def test_wrong_words_end_in_a_message(
    say: Say, words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = say("backup", *words)
    assert (code, out) == (1, "")
    assert said in err
    assert "hint:" in err
    assert say("backup", "list", "--json")[1].strip() == "[]"


def test_a_full_disk_is_said_and_leaves_nothing(kept: Path) -> None:
    """The real limit of the system on a file's size stands in for a full disk."""
    import resource

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(BowlineError) as error:
            backup(kept)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert isinstance(error.value, Conflict)
    assert "space" in error.value.hint
    assert {each.name for each in (kept / "backups").iterdir()} == {".lock"}
