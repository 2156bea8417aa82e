"""What a command writes for a person: never over what is there, never over what it reads, whole."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from bowline.core.errors import BadInput, BowlineError, Conflict
from bowline.desk.output_files import Output, check_outputs
from tests.cli.commands import command_lines
from tests.cli.test_file_sweeps import GRID, candles  # noqa: F401 - a fixture
from tests.cli.test_walk import SPEC

#: paths that are read, and folders of backups; a new option that is neither must be in COMMANDS
READ = {"candles", "faults", "file", "files", "grid"}
FOLDERS = {("backup", "create", "to"), ("backup", "restore", "into")}
PORTFOLIO = "version: 1\nruns:\n  - {strategy: SPEC, candles: CANDLES, share_pct: 50}\n"


@pytest.fixture
def files(say, tmp_path, candles):  # noqa: F811
    """Everything that commands which write can read; job 1 waits for a worker."""
    made = {"SPEC": tmp_path / "spec.yaml", "GRID": tmp_path / "grid.yaml", "CANDLES": candles}
    made["SPEC"].write_text(SPEC)
    made["GRID"].write_text(GRID)
    made["PORTFOLIO"] = tmp_path / "portfolio.yaml"
    text = PORTFOLIO.replace("SPEC", str(made["SPEC"])).replace("CANDLES", str(candles))
    made["PORTFOLIO"].write_text(text)
    code, _, errors = say("jobs", "submit", str(made["GRID"]), "--candles", str(candles))
    assert code == 0, errors
    return made


#: each command that writes: its words, without the file to write
COMMANDS = {
    ("backtest", "--html"): ("backtest", "SPEC", "--candles", "CANDLES"),
    ("backtest", "--trades"): ("backtest", "SPEC", "--candles", "CANDLES"),
    ("portfolio", "--html"): ("portfolio", "PORTFOLIO"),
    ("portfolio", "--trades"): ("portfolio", "PORTFOLIO"),
    ("grid run", "--html"): ("grid", "run", "GRID", "--candles", "CANDLES"),
    ("jobs show", "--html"): ("jobs", "show", "1"),
    ("jobs resume", "--html"): ("jobs", "resume", "1", "--here"),
    ("walk-forward", "--equity"): ("walk-forward", "GRID", "--candles", "CANDLES"),
    ("paper", "--html"): ("paper", "SPEC", "--replay"),
    ("journal export", "--to"): ("journal", "export"),
    ("indicators compute", "--csv"): ("indicators", "compute", "rsi", "--candles", "CANDLES"),
    ("candles export", ""): (
        "candles",
        "export",
        "--market",
        "binance:spot",
        "--symbol",
        "BTCUSDT",
    ),
}
NAMES = {"--to": "out.csv", "": "out.csv"}


def test_every_command_that_writes_a_file_is_tried_here() -> None:
    found = {
        (" ".join(line.path), word.spellings[0] if word.spellings else "")
        for line in command_lines()
        for word in line.words or ()
        if word.kind is Path
        and word.parameter not in READ
        and (*line.path, word.parameter) not in FOLDERS
        and not (line.path[0] == "backup" and word.parameter == "folder")
    }
    assert found | {("candles export", "")} == set(COMMANDS)


def _words(files, words, option, path):
    filled = [str(files.get(word, word)) for word in words]
    return (*filled, *([option] if option else []), str(path))


@pytest.mark.parametrize(("command", "option"), COMMANDS)
def test_what_is_there_stays_and_nothing_is_begun(say, tmp_path, files, command, option) -> None:
    out = tmp_path / NAMES.get(option, "out.html")
    out.write_text("a person's own")
    words = _words(files, COMMANDS[command, option], option, out)
    code, printed, errors = say(*words, "--json")
    assert (code, printed) == (1, "")
    said = json.loads(errors)["error"]
    assert (said["kind"], "exists already" in said["message"]) == ("Conflict", True)
    assert "--force" in said["hint"]
    assert out.read_text() == "a person's own"


@pytest.mark.parametrize(("command", "option"), COMMANDS)
def test_a_folder_and_a_place_that_is_none_are_refused_at_once(
    say, tmp_path, files, command, option
) -> None:
    name = NAMES.get(option, "out.html")
    (tmp_path / name).mkdir()
    for path in (tmp_path / name, tmp_path / "absent" / name, tmp_path / "spec.yaml" / name):
        code, printed, errors = say(*_words(files, COMMANDS[command, option], option, path))
        assert (code, printed) == (1, "")
        assert str(path) in errors
        assert "hint: " in errors
        assert "variants over" not in errors
    assert not list((tmp_path / name).iterdir())


@pytest.mark.parametrize(("command", "option"), COMMANDS)
def test_a_file_that_the_command_reads_stays_even_when_forced(say, files, command, option) -> None:
    words = COMMANDS[command, option]
    read = [word for word in words if word in files]
    if "PORTFOLIO" in read:
        read = list(files)
        read.remove("GRID")
    for name in read:
        before = files[name].read_bytes()
        code, _, errors = say(*_words(files, words, option, files[name]), "--force")
        assert (code, "is read by this command" in errors) == (1, True)
        assert files[name].read_bytes() == before


def test_forced_it_is_replaced_and_without_leaves_nothing_beside(say, tmp_path, files) -> None:
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    words = ("backtest", str(files["SPEC"]), "--candles", str(files["CANDLES"]))
    asked = (*words, "--html", str(page), "--trades", str(table))
    assert say(*asked)[0] == 0
    first = page.read_bytes(), table.read_bytes()
    page.write_text("old")
    table.write_text("old")
    table.chmod(0o600)
    code, _, errors = say(*asked, "--force")
    assert (code, errors.count("written to")) == (0, 2)
    assert (page.read_bytes(), table.read_bytes()) == first
    assert table.stat().st_mode & 0o777 == 0o600
    assert not [each for each in tmp_path.iterdir() if each.suffix == ".part"]


def test_two_files_by_one_name_are_refused(say, tmp_path, files) -> None:
    words = ("backtest", str(files["SPEC"]), "--candles", str(files["CANDLES"]))
    out = str(tmp_path / "out")
    code, _, errors = say(*words, "--html", out, "--trades", out)
    assert (code, "is the file of --html too" in errors) == (1, True)
    code, _, errors = say(*words, "--html", "--trades", out)
    assert code in {1, 2}
    assert not os.path.lexists(out)


def test_what_bowline_keeps_is_never_replaced(say, home, files) -> None:
    assert say("strategy", "create", str(files["SPEC"]))[0] == 0
    tables = home / "tables.db"
    before = tables.read_bytes()
    words = ("backtest", str(files["SPEC"]), "--candles", str(files["CANDLES"]))
    code, _, errors = say(*words, "--html", str(tables), "--force")
    assert (code, "Bowline keeps" in errors) == (1, True)
    assert tables.read_bytes() == before


def test_a_link_is_followed_and_a_pipe_is_written_to(tmp_path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    with Output(link).draft() as path:
        path.write_text("x")
    assert (target.read_text(), link.is_symlink()) == ("x", True)
    with pytest.raises(Conflict):
        Output(link).check()
    Output(tmp_path / "absent-again").check()
    device = Output(Path("/dev/null"))
    device.check()
    with device.draft() as path:
        path.write_text("gone")


def _write(out, text, then) -> None:
    with out.draft() as path:
        path.write_text(text)
        then()


def _raise(error) -> None:
    raise error


def test_a_failure_leaves_the_old_file_and_nothing_new(tmp_path) -> None:
    out = Output(tmp_path / "out", force=True)
    out.path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        _write(out, "half", lambda: _raise(ZeroDivisionError()))
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(BadInput, match="No space left"):
        _write(out, "half", lambda: _raise(full))
    assert out.path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out.path]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path) -> None:
    out = Output(tmp_path / "out")
    out.check()
    with pytest.raises(Conflict, match="exists by now"):
        _write(out, "ours", lambda: out.path.write_text("theirs"))
    assert out.path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [out.path]


@pytest.mark.parametrize("name", ["x" * 300, "loop/out"])
def test_names_that_cannot_be_are_said(tmp_path, name) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(BowlineError):
        check_outputs({"--html": tmp_path / name}, (), tmp_path / "home", force=False)
