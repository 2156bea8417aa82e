"""Every command of README and docs/, run in the order of its page, on the data that the page names.

A page is tried in a folder and a home of its own. What it calls by a name that it does not make (a
file, a number, an id) is made here, under that name. What it asks of venues is asked of simulated
ones. What goes on until it is stopped is stopped. What is not run says so in the page.
"""

from __future__ import annotations

import io
import json
import os
import re
import select
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.played import Seat, seated, started
from tests.pages import rooms
from tests.pages.reading import REPO, Export, Printed, Step, code_of, steps_of

OF_BITCOIN = "--market binance:spot --symbol BTCUSDT"
#: nothing runs these but their reader; the list is to stay short
NOT_TESTED = {
    ("docs/howto/jobs.md", "bowline worker --cluster tcp://scheduler.example:8786"),
    ("docs/howto/jobs.md", "bowline jobs resume 1 --here --cluster local"),
    (
        "docs/tutorial/sweep.md",
        f"bowline grid examples/grids/whole_catalogue.yaml {OF_BITCOIN} --html sweep.html",
    ),
}
IMPORT = f"candles import {{}} {OF_BITCOIN}"
DUMPS = IMPORT.format("BTCUSDT-1m-2025-05.zip BTCUSDT-1m-2025-06.zip")
PAPER = "paper spec.yaml --replay --from 2025-06-20"


class Room(NamedTuple):
    """What a page takes for granted: files, words in place of its own, commands before it."""

    files: tuple[Callable[[Path], None], ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    before: tuple[str, ...] = ()
    venues: bool = False
    #: commands that are tried in place of one of the page: what Ctrl-C leaves, for one
    instead: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: commands that end with 1, as the page says
    fails: tuple[str, ...] = ()


def spec(name: str, instrument: str = "") -> Callable[[Path], None]:
    """An example spec under this name."""

    def write(folder: Path) -> None:
        text = (REPO / "examples/specs/sma_cross.yaml").read_text()
        (folder / name).write_text(text + instrument)

    return write


def block(page: str, name: str, language: str = "yaml") -> Callable[[Path], None]:
    """The first block of a page in this language, as a file."""
    return lambda folder: (folder / name).write_text(code_of(page, language)[0]) and None


def grid(folder: Path) -> None:
    """A small grid, on the instrument of the page."""
    text = (REPO / "examples/grids/sma_cross.yaml").read_text()
    (folder / "GRID.yaml").write_text(text + INSTRUMENT)


def portfolio(folder: Path) -> None:
    """Two runs on one wallet."""
    (folder / "portfolio.yaml").write_text(
        "version: 1\nruns:\n  - {strategy: spec.yaml}\n  - {strategy: spec.yaml, timeframe: 4h}\n"
    )


def plugin(folder: Path) -> None:
    """The plugin of the page where the page says that it is put."""
    there = Path(os.environ["BOWLINE_HOME"]) / "strategies"
    there.mkdir(parents=True)
    page = "docs/howto/write-a-strategy-plugin.md"
    (there / "exhaustion.py").write_text(code_of(page, "python")[0])
    block(page, "spec.yaml")(folder)


def catalogue_of_perpetuals(folder: Path) -> None:
    """What the page's portfolio is of, and its two strategies."""
    rooms.write_perpetuals(folder)
    spec("trend.yaml")(folder)
    spec("fade.yaml")(folder)
    block("docs/howto/portfolio.md", "three.yaml")(folder)


def real_candles(folder: Path) -> None:
    """Bitcoin on Binance spot, 20 May to 18 August 2025, read in place."""
    shared = Path(os.environ["TEST_SHARED_DATA"])
    name = "binance_spot_BTCUSDT_1m_2025-05-20_2025-08-18.feather"
    (folder / "real.feather").symlink_to(shared / "candles" / name)


def secret(folder: Path) -> None:
    """A store in a file that only its owner reads."""
    path = folder / ".bowline-store"
    path.write_text(f"duckdb:///{folder}/candles.duckdb")
    path.chmod(0o600)


INSTRUMENT = 'instrument: {market: "binance:spot", symbol: BTCUSDT}\n'
SPEC = spec("spec.yaml", INSTRUMENT)
DUMP_FILES = rooms.write_dumps
ROOMS = {
    "README.md": Room(
        (DUMP_FILES, SPEC, portfolio, lambda folder: rooms.write_days(folder / "BTC-daily.csv")),
        (("JOB", "1"), ("ROW", "1")),
        venues=True,
    ),
    "docs/howto/back-up-and-restore.md": Room((DUMP_FILES, SPEC), before=(DUMPS, PAPER)),
    "docs/howto/check-a-venue.md": Room(venues=True),
    "docs/howto/import-candles.md": Room(
        (DUMP_FILES, lambda folder: rooms.write_thin(folder / "XBTUSD_1.csv"))
    ),
    "docs/howto/import-funding-rates.md": Room((rooms.write_funding,)),
    "docs/howto/ingest.md": Room(venues=True, fails=("ingest --status",)),
    "docs/howto/jobs.md": Room(
        (DUMP_FILES, grid),
        before=(DUMPS,),
        instead=(
            ("grid GRID.yaml", ("jobs submit GRID.yaml", "jobs cancel 1")),
            ("jobs cancel 1", ("jobs submit GRID.yaml", "jobs cancel 3")),
            ("jobs resume 1", ("jobs resume 3",)),
        ),
    ),
    "docs/howto/keep-secrets.md": Room((secret,)),
    "docs/howto/portfolio.md": Room(
        (catalogue_of_perpetuals,),
        before=tuple(
            f"candles import {symbol}.parquet --market binance:linear --symbol {symbol}"
            for symbol in ("BTCUSDT", "SOLUSDT", "ADAUSDT")
        ),
    ),
    "docs/howto/run-on-paper.md": Room((DUMP_FILES, SPEC), (("3", "1"),), (DUMPS,)),
    "docs/howto/simex.md": Room(),
    "docs/howto/sweep.md": Room(
        (DUMP_FILES, grid),
        (("3", "1"),),
        (DUMPS, "jobs submit GRID.yaml", "jobs cancel 1"),
    ),
    "docs/howto/write-a-strategy-plugin.md": Room((plugin,)),
    "docs/reference/journal.md": Room((DUMP_FILES, SPEC), (("3", "1"),), (DUMPS, PAPER)),
    "docs/reference/spec.md": Room((block("docs/reference/spec.md", "SPEC.yaml"),)),
    "docs/reference/validation.md": Room(
        (DUMP_FILES, SPEC, grid), (("7", "1"), ("60", "12"), ("20", "6")), (DUMPS,)
    ),
    "docs/tutorial/first-walk.md": Room(
        (DUMP_FILES, block("docs/tutorial/first-walk.md", "spec.yaml"))
    ),
    "docs/tutorial/sweep.md": Room((real_candles,), before=(IMPORT.format("real.feather"),)),
}
REAL = {"docs/tutorial/sweep.md"}
PAGES = ["README.md", *(str(each.relative_to(REPO)) for each in REPO.glob("docs/**/*.md"))]


@pytest.fixture(scope="module")
def seat():
    """Simulated venues, as the pages say to start them."""
    with seated("--venues", "bybit,okx,binance", "--symbols", "BTCUSDT,ETHUSDT") as found:
        yield found


def test_every_page_with_a_command_is_tried_and_few_commands_are_not() -> None:
    steps = {page: [each for each in steps_of(page) if isinstance(each, Step)] for page in PAGES}
    assert {page for page, found in steps.items() if found} | REAL == set(ROOMS)
    untested = {
        (page, f"bowline {step.words}")
        for page, found in steps.items()
        for step in found
        if step.not_tested
    }
    assert untested == NOT_TESTED
    assert sum(map(len, steps.values())) > 100


@pytest.mark.slow
@pytest.mark.parametrize("page", ROOMS)
def test_a_page_comes_out_as_printed(page, say, tmp_path, monkeypatch, request) -> None:
    room = ROOMS[page]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "examples").symlink_to(REPO / "examples")
    if page in REAL:
        monkeypatch.setenv("TEST_SHARED_DATA", str(request.getfixturevalue("shared_data")))
    reader = Reader(page, room, say, tmp_path, monkeypatch)
    if room.venues:
        reader.sit_down(request.getfixturevalue("seat"))
    for write in room.files:
        write(tmp_path)
    for words in room.before:
        reader.run(words, 0)
    for step in steps_of(page):
        reader.take(step)


class Reader:
    """Somebody who does what a page says, word by word."""

    def __init__(self, page, room, say, folder, monkeypatch) -> None:
        self._page, self._say, self._folder, self._env = page, say, folder, monkeypatch
        self._room, self._words = room, dict(room.words)
        #: the id of what was saved last
        self._saved = ""
        self._printed = ""
        self._tested = False

    def sit_down(self, seat: Seat) -> None:
        """Ask simulated venues from here on."""
        for name, value in seat.settings("bybit").items():
            self._env.setenv(name, value)
        self._words["PORT"] = seat.url.rpartition(":")[2]

    def take(self, step: Step | Export | Printed) -> None:
        """Do what comes next."""
        if isinstance(step, Export):
            self._export(step)
        elif isinstance(step, Printed):
            if self._tested:
                self._compare(step)
        elif step.not_tested:
            self._tested = False
        elif step.until_stopped:
            self._stop(step)
        else:
            if step.piped:
                content = (self._folder / step.piped).read_bytes()
                self._env.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
            for words in dict(self._room.instead).get(step.words, (step.words,)):
                self.run(words, step.line)
            if step.written:
                (self._folder / step.written).write_text(self._printed)

    def run(self, text: str, line: int) -> None:
        """Run a command here; it must end as the page says."""
        words = self._meant(text)
        code, out, errors = self._say(*words)
        where = f"{self._page}:{line}: {shlex.join(words)}"
        assert code == (text in self._room.fails), f"{where}\n{out}{errors}"
        self._printed, self._tested = out, True
        if words[0] in {"strategy", "grid"} and (found := re.search(r"\b[0-9a-f]{64}\b", out)):
            self._saved = found[0]

    def _stop(self, step: Step) -> None:
        """Run a command in a process of its own until it has said something, then Ctrl-C."""
        words = self._meant(step.words)
        with started(*words) as process:
            select.select([process.stdout, process.stderr], [], [], 6)
            # what it says first may come before it hears signals
            select.select([], [], [], 0.5)
            if words[0] == "ingest":
                self._wait_for_ticks()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        where = f"{self._page}:{step.line}: {shlex.join(words)}"
        assert process.returncode in {0, 130}, f"{where}\n{errors}"
        assert "Traceback" not in errors, f"{where}\n{errors}"

    def _wait_for_ticks(self) -> None:
        """A person looks at a recording before ending it: there is something of each instrument."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            _, out, _ = self._say("ingest", "--status", "--json")
            told = json.loads(out)["report"]["instruments"] if "tick_ns" in out else []
            if told and all(each["tick_ns"] for each in told):
                return
            select.select([], [], [], 0.2)
        pytest.fail("nothing was recorded within a minute")

    def _export(self, step: Export) -> None:
        for name, value in step.values:
            if "..." in value:
                continue
            (meant,) = self._meant(value)
            self._env.setenv(name, meant)

    def _meant(self, text: str) -> list[str]:
        """The words, with what they stand for in place of what they do not name."""
        words = []
        for said in shlex.split(text):
            word = self._words.get(said, said)
            word = re.sub(r"\bPORT\b", self._words.get("PORT", "PORT"), word)
            word = re.sub(r"^(~|/tmp|/mnt)(?=/)", str(self._folder), word)
            word = re.sub(r"^ID(_OR_NAME)?$", self._saved, word)
            word = re.sub(r"^\d{8}T\d{6}\.\d{6}Z$", lambda _: self._backup(), word)
            words += sorted(map(str, Path().glob(word))) if "*" in word else [word]
        return words

    def _backup(self) -> str:
        """The name of the newest backup on the other disk."""
        return max(each.name for each in (self._folder / "other-disk/bowline").iterdir())

    def _compare(self, printed: Printed) -> None:
        """Each line of the page stands in what was printed; spaces and line ends do not count."""
        came = " ".join(self._printed.split())
        for number, line in enumerate(printed.lines, start=printed.line):
            wanted = " ".join(re.sub(r"\d+\.\d s\b", "", line).split())
            assert wanted in came, f"{self._page}:{number}: {line}\ncame:\n{self._printed}"
