"""A restore is whole or none, however often it is killed, and brings no trust along."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from bowline import wire
from bowline.core.errors import BadInput, Conflict
from bowline.desk.backup_manifest import StoredFile, read_manifest, write_manifest
from bowline.desk.restore import restore, unfinished
from tests.conftest import Say
from tests.desk.homes import FILES, backup, kept, quiet

__all__ = ["kept"]


def test_nothing_is_restored_over_anything(kept: Path, tmp_path: Path) -> None:
    path = backup(kept).path
    living = {each: each.stat().st_mtime_ns for each in kept.rglob("*")}
    with pytest.raises(Conflict, match="is not empty, and a restore never overwrites"):
        restore(path, kept, wire.file_lock, quiet)
    (tmp_path / "file").write_text("here")
    with pytest.raises(BadInput, match="is not a folder"):
        restore(path, tmp_path / "file", wire.file_lock, quiet)
    assert {each: each.stat().st_mtime_ns for each in kept.rglob("*")} == living
    late = tmp_path / "late"

    def somebody_comes(_name: str, _size: int) -> None:
        (late / "tables.db").write_text("a home of somebody")

    with pytest.raises(Conflict):
        restore(path, late, wire.file_lock, somebody_comes)
    assert [each.name for each in late.iterdir()] == ["tables.db"]
    assert (late / "tables.db").read_text() == "a home of somebody"


RESTORES = """
import os, signal, sys
from pathlib import Path
from bowline import wire
from bowline.desk import restore
at, path, into = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
real = Path.rename
def rename(*words):
    global at
    at -= 1
    if at == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*words)
Path.rename = rename
restore.restore(path, into, wire.file_lock, lambda *_: None)
print(1000 - at)
"""


def test_a_restore_that_is_killed_between_any_two_renames_is_told_and_goes_on(
    kept: Path, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a home must not be taken for one: nothing but a restore may touch it."""
    path = backup(kept).path
    other = backup(kept).path

    def run(at: int, into: Path) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", RESTORES, str(at), str(path), str(into)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    steps = int(run(1000, tmp_path / "whole").stdout)
    assert steps == 5, "the folder of all, then tables, candles, journals, strategies"
    for at in range(1, steps + 1):
        into = tmp_path / f"cut off at {at}"
        assert run(at, into).returncode == -signal.SIGKILL
        there = sorted(into.rglob("*"))
        monkeypatch.setenv("BOWLINE_HOME", str(into))
        code, out, _ = say("doctor", "--json")
        (failed,) = (c for c in json.loads(out)["checks"] if c["state"] == "FAIL")
        assert (code, failed["name"]) == (1, "home")
        assert "cut off" in failed["finding"]
        assert "backup restore" in failed["hint"]
        for words in (("runs", "list"), ("candles", "list"), ("backup", "create")):
            code, _, err = say(*words)
            assert (code, "cut off" in err) == (1, True), words
        assert sorted(into.rglob("*")) == there, "a command touched half a home"
        if at > 1:
            with pytest.raises(Conflict, match="another backup"):
                restore(other, into, wire.file_lock, quiet)
        code, _, err = say("backup", "restore", str(path), "--into", str(into))
        assert (code, err) == (0, "")
        assert unfinished(into) is None
        found = {p.relative_to(into).as_posix() for p in into.rglob("*") if p.is_file()}
        assert found == FILES
        assert say("doctor", "--json")[0] == 0


def test_two_restores_into_one_folder_are_a_conflict(kept: Path, tmp_path: Path) -> None:
    path, into = backup(kept).path, tmp_path / "new"

    def meanwhile(_name: str, _size: int) -> None:
        with pytest.raises(Conflict, match="another restore"):
            restore(path, into, wire.file_lock, quiet)

    restore(path, into, wire.file_lock, meanwhile)
    assert {p.relative_to(into).as_posix() for p in into.rglob("*") if p.is_file()} == FILES


def test_what_came_into_half_a_home_is_not_written_over(kept: Path, tmp_path: Path) -> None:
    path, into = backup(kept).path, tmp_path / "new"
    (into / f".restored-{read_manifest(path).created_ns}").mkdir(parents=True)
    (into / f".restored-{read_manifest(path).created_ns}" / "tables.db").write_text("restored")
    (into / "tables.db").write_text("of somebody")
    with pytest.raises(Conflict, match="was created while"):
        restore(path, into, wire.file_lock, quiet)
    assert (into / "tables.db").read_text() == "of somebody"


HOSTILE = """
from pathlib import Path
Path({mark!r}).touch()
"""


@pytest.mark.parametrize("name", ["trusted_strategies.json", "Trusted_Strategies.json"])
def test_a_restore_brings_no_trust_along_whatever_the_backup_says(
    kept: Path, say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever can write to a backup, its seals included, still cannot have code run by us."""
    into, mark = tmp_path / "new", tmp_path / "the code was run"
    code = HOSTILE.format(mark=str(mark)).encode()
    made = backup(kept)
    assert not [each for each in made.manifest.files if "trust" in each.path]
    (made.path / "strategies" / "mine.py").write_bytes(code)
    plugin = str((into / "strategies" / "mine.py").resolve())
    trust = json.dumps({plugin: hashlib.sha256(code).hexdigest()}).encode()
    (made.path / name).write_bytes(trust)
    files = [each for each in made.manifest.files if each.path != "strategies/mine.py"]
    for path, content in (("strategies/mine.py", code), (name, trust)):
        files.append(StoredFile(path, len(content), hashlib.sha256(content).hexdigest()))
    write_manifest(replace(made.manifest, files=tuple(files), sha256=""), made.path)
    exit_code, out, _ = say("backup", "restore", str(made.path), "--into", str(into), "--json")
    assert exit_code == 0
    assert json.loads(out)["untrusted"] == ["strategies/mine.py"]
    monkeypatch.setenv("BOWLINE_HOME", str(into))
    for words in (("strategy", "plugins"), ("strategy", "list"), ("doctor",)):
        say(*words)
    assert not mark.exists()
    assert "not trusted" in "".join(map(str, say("strategy", "plugins")))
