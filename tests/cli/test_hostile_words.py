"""Every word of every command, given what no one should give it: refused in words.

The commands and their words are read from the tree of commands. Numbers are in `test_usage`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bowline import cli
from tests.cli.commands import command_lines
from tests.cli.test_file_sweeps import GRID, candles  # noqa: F401 - a fixture
from tests.cli.test_walk import SPEC

#: one of each kind: an empty list, a number below all, a moment that is none, signs that a terminal
#: acts on beside letters that it may not have, and more than anything is long
TEXTS = (",", "-1", "99999-13-45", "\x1b[31m[b]→🦀\n", "x" * 5_000)
PATHS = ("", "folder", "binary", "empty", "/proc/self/mem", "x" * 300, "binary/under", "-")
GIVEN = {
    "spec": "spec.yaml", "grid": "grid.yaml", "files": "candles.csv", "market": "binance:spot",
    "symbol": "BTCUSDT", "indicator": "rsi", "into": "new-folder", "to": "out.csv", "what": "1",
    "params": "period=3",
}  # fmt: skip
FILES = {"portfolio": "portfolio.yaml", "funding": "funding.csv", "candles": "out.csv"}
#: what a command needs, besides its arguments
NEEDED = {
    ("candles",): ("market", "symbol"),
    ("funding",): ("market", "symbol"),
    ("instruments",): ("market",),
    ("tape", "replay"): ("market", "symbol"),
    ("tape", "prune"): ("keep_days",),
    ("journal", "export"): ("to",),
    ("backup", "restore"): ("into",),
}
#: what may not be given: it has no value that a command takes, or it is another test's
NUMBERS = {int, float, bool}

COMMANDS = [line for line in command_lines() if line.words and line.path]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A home with candles and a strategy, beside files of every kind."""
    from bowline.core.model.instrument import InstrumentId, MarketId
    from bowline.research.synthetic import synthetic_minutes
    from bowline.storage.files import write_candle_file

    folder = tmp_path_factory.mktemp("prepared")
    minutes = synthetic_minutes(
        InstrumentId(MarketId(1), "BTCUSDT"), seed=3, minutes=900, start_ns=1_735_689_600 * 10**9
    )
    write_candle_file(minutes, folder / "candles.csv", ".csv")
    (folder / "spec.yaml").write_text(SPEC)
    (folder / "grid.yaml").write_text(GRID)
    (folder / "portfolio.yaml").write_text(
        "version: 1\nruns:\n  - {strategy: spec.yaml, candles: candles.csv, share_pct: 50}\n"
    )
    (folder / "funding.csv").write_text("timestamp,rate\n1735689600000,0.0001\n")
    (folder / "binary").write_bytes(bytes(range(256)) * 8)
    (folder / "empty").write_bytes(b"")
    (folder / "folder").mkdir()
    return folder


@pytest.fixture
def beside(prepared, tmp_path, monkeypatch):
    """The working folder: a copy of what was prepared; no venue answers."""
    folder = tmp_path / "work"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BOWLINE_VENUES_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\x00")))
    return folder


def _value(line, word):
    if word.kind in NUMBERS:
        return "1"
    if word.parameter == "file":
        return FILES[line.path[0]]
    return GIVEN.get(word.parameter, "x")


def _spelled(word, value):
    if word.is_argument:
        return [value]
    return [f"{word.spellings[0]}={value}"]


def _words(line, hostile, value):
    """The whole command line, with `value` for one word and what is right for the rest."""
    needed = {*NEEDED.get(line.path[:1], ()), *NEEDED.get(line.path, ())}
    options, arguments = [], []
    for word in line.words:
        if word is not hostile and not word.is_argument and word.parameter not in needed:
            continue
        said = _spelled(word, value if word is hostile else _value(line, word))
        (arguments if word.is_argument else options).extend(said)
    if line.path == ("paper",):
        options.append("--replay")
    return [*line.path, "--json", *options, "--", *arguments]


def _hostile_words(line):
    for word in line.words:
        if word.kind not in NUMBERS:
            for value in PATHS if "Path" in str(word.kind) else TEXTS:
                yield word, value


@pytest.mark.slow
@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: " ".join(line.path))
def test_no_word_makes_a_command_fall_over(say, beside, line) -> None:
    for word, value in _hostile_words(line):
        Path("out.csv").unlink(missing_ok=True)
        words = _words(line, word, value)
        code, printed, errors = say(*words)
        shown = [each[:80] for each in words]
        assert code in {0, 1, 2}, (shown, errors[-2_000:])
        assert "Traceback" not in printed + errors, shown
        if code and not printed:
            said = json.loads(errors.splitlines()[-1])["error"]
            assert said["message"], shown
            assert said["hint"], shown


def test_a_word_that_is_no_text_is_refused_at_the_door(say) -> None:
    """A name in another encoding than the machine's: no store, terminal or JSON could hold it."""
    for line in COMMANDS:
        code, printed, errors = say(*line.path, "--json", "\udcff.csv")
        assert (code, printed) == (2, "")
        said = json.loads(errors)["error"]
        assert said["message"].startswith("\\udcff.csv is not text")
        assert "LANG" in said["hint"]


def test_what_a_terminal_acts_on_is_shown_and_not_obeyed(say) -> None:
    code, _, errors = say("strategy", "trust", "\x1b[31mred")
    assert (code, "\x1b" in errors, "�[31mred" in errors) == (1, False, True)


@pytest.mark.parametrize("name", ["list", "show wave_trend"])
def test_a_terminal_without_the_letters_gets_their_codes(home, name) -> None:
    """In a process of its own, as the streams belong to the test's."""
    del home
    main = [sys.executable, "-c", "from bowline.cli import main; main()"]
    done = subprocess.run(
        [*main, "indicators", *name.split()], capture_output=True, check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "LANG": "C"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    done.stdout.decode("ascii")


@pytest.mark.parametrize(
    ("number", "word"),
    [(28, "free some space"), (13, "permissions"), (36, "shorter"), (98, "port")],
)
def test_what_the_machine_refuses_is_said_without_a_traceback(
    say, monkeypatch, number, word
) -> None:
    """ENOSPC, EACCES, ENAMETOOLONG, EADDRINUSE: errno(3), wherever they come up."""

    def refuse(*_args, **_options):
        raise OSError(number, os.strerror(number), "there")

    monkeypatch.setattr("bowline.wire.home", refuse)
    code, _, errors = say("runs", "list", "--json")
    said = json.loads(errors)["error"]
    assert (code, said["message"]) == (1, f"there: {os.strerror(number)}")
    assert word in said["hint"]


def test_a_bug_of_the_same_family_stays_one(say, monkeypatch) -> None:
    def refuse(*_args, **_options):
        raise FileNotFoundError(2, "No such file or directory", "there")

    monkeypatch.setattr("bowline.wire.home", refuse)
    assert say("runs", "list")[0] == cli.EXIT_BUG
