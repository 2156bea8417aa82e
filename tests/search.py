"""`make search`: every test that draws, again and again with fresh draws, for as long as asked.

1. Pytest lists the files that hold such tests: properties and models of Hypothesis, and what
   carries the mark `chance` (`tests/chance.py`).
2. The files are shuffled and run one by one, each in a process of its own and with a number of its
   own, from which all draws follow: `BOWLINE_TEST_SEED`, Hypothesis' seed and the hash seed.
3. A failure is run once more by the command that is printed with it, so that it is known whether
   the draws make it or the moment. Then the search goes on.
4. When the time is over or Ctrl-C comes, what still runs is ended and does not count.

It ends with 1 if anything failed. It changes no file: a failure becomes an `@example` by hand.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
#: a file that needs longer hangs
LIMIT_S = 1_200.0
#: lines of a failure that are shown: the example and what repeats it stand last
SHOWN = 60
_PYTEST = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rN", "--no-header")


class Recorder:
    """A plugin that keeps what came of each test, and what a failure said."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failures: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failures[report.nodeid] = report.longreprtext
        if report.when == "call" or report.skipped:
            self.outcomes[report.outcome] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failures[report.nodeid] = report.longreprtext


def run_one(target: str, number: int, told: Path) -> int:
    """In the child: run `target` and write what came of it to `told`."""
    recorder = Recorder()
    code = pytest.main([*_PYTEST, f"--hypothesis-seed={number}", target], plugins=[recorder])
    told.write_text(json.dumps([recorder.outcomes, recorder.failures]))
    return int(code)


def drawing_files() -> list[str]:
    """The files that hold a test which draws."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *_PYTEST, "--collect-only", "-q"],  # a line a file
        cwd=REPO, env=os.environ | {"BOWLINE_TEST_SEED": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"the tests cannot be listed:\n{done.stdout[-3000:]}{done.stderr}")
    lines = (line.partition(": ") for line in done.stdout.splitlines())
    return sorted(file for file, _, count in lines if file.endswith(".py") and count.isdigit())


def command(target: str, number: int) -> str:
    """What a person types to see it again."""
    words = ("-m", "pytest", "-p", "no:cacheprovider", f"--hypothesis-seed={number}", target)
    return f"PYTHONHASHSEED={number} BOWLINE_TEST_SEED={number} {shlex.join(('python', *words))}"


class Child:
    """A process with one file or one test, in a group of its own: it ends with all it began."""

    def __init__(self, target: str, number: int, folder: Path) -> None:
        self.target, self.number = target, number
        self.began_s = time.monotonic()
        self.told = folder / f"{number}-{secrets.token_hex(4)}.json"
        self.said = self.told.with_suffix(".txt").open("w+")
        env = os.environ | {"BOWLINE_TEST_SEED": str(number), "PYTHONHASHSEED": str(number)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.search", "--one", target, str(number), str(self.told)],
            cwd=REPO, env=env, stdin=subprocess.DEVNULL, stdout=self.said,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def is_over(self) -> bool:
        if self.process.poll() is None and time.monotonic() - self.began_s < LIMIT_S:
            return False
        self.end()
        return True

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def result(self) -> tuple[Counter[str], dict[str, str]]:
        """How many tests came to what, and what each failure said."""
        with self.said as said:
            said.seek(0)
            text = said.read()
        if self.told.is_file():
            outcomes, failures = json.loads(self.told.read_text())
            return Counter(outcomes), failures
        how = f"ended with {self.process.returncode}"
        if time.monotonic() - self.began_s >= LIMIT_S:
            how = f"still ran after {LIMIT_S:.0f} s"
        return Counter(), {self.target: f"{text}\nits process {how}"}


@dataclass
class Search:
    """What is asked for, and what was found so far."""

    seconds: float
    jobs: int
    first: int
    folder: Path
    began_s: float = field(default_factory=time.monotonic)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, int]] = field(default_factory=list)
    files: int = 0
    running: list[Child] = field(default_factory=list)

    def run(self, files: list[str]) -> None:
        """Start children while there is time, and take up what they found."""
        waiting: list[str] = []
        rounds = started = 0
        while time.monotonic() < self.began_s + self.seconds:
            while len(self.running) < self.jobs:
                if not waiting:
                    rounds += 1
                    waiting = random.Random(self.first + rounds).sample(files, len(files))
                self.running.append(Child(waiting.pop(), self.first + started, self.folder))
                started += 1
            for child in [each for each in self.running if each.is_over()]:
                self.running.remove(child)
                self._take(child, f"round {rounds}, {len(files) - len(waiting)} of {len(files)}")
            time.sleep(0.1)

    def _take(self, child: Child, place: str) -> None:
        outcomes, failures = child.result()
        self.files += 1
        self.outcomes += outcomes
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        took_s = time.monotonic() - child.began_s
        now_s = time.monotonic() - self.began_s
        print(f"[{now_s:6.0f} s] {place}: {child.target}: {counts} in {took_s:.0f} s", flush=True)
        for target, text in failures.items():
            self.failures.append((target, child.number))
            lines = text.splitlines()[-SHOWN:]
            print("\n".join(["", f"FAILED {target}", *(f"    {line}" for line in lines)]))
            print(f"  repeat it: {command(target, child.number)}", flush=True)
            print(f"  run once more: {self._again(target, child.number)}\n", flush=True)

    def _again(self, target: str, number: int) -> str:
        child = Child(target, number, self.folder)
        self.running.append(child)
        while not child.is_over():
            time.sleep(0.1)
        self.running.remove(child)
        return "it fails again" if child.result()[1] else "it passes: the moment made it, too"

    def end(self) -> int:
        """End what runs, say what was found; the exit code."""
        for child in self.running:
            child.end()
            child.said.close()
        took_s = time.monotonic() - self.began_s
        counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(self.outcomes.items()))
        print(f"\n{took_s:.0f} s, {self.files} files run: {counts or 'nothing came to its end'}")
        print(f"numbers {self.first} and following: make search SEED={self.first}")
        for target, number in self.failures:
            print(f"FAILED {command(target, number)}")
        print("no failure" if self.outcomes and not self.failures else "see above", flush=True)
        return 0 if self.outcomes and not self.failures else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="make search", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--seed", type=int, help="the first number; drawn if not given")
    parser.add_argument("--only", default="", help="files whose path has this in it")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        target, number, told = asked.one
        return run_one(target, int(number), Path(told))
    os.nice(10)
    for each in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore the first
        signal.signal(each, signal.default_int_handler)
    files = [each for each in drawing_files() if asked.only in each]
    if not files or asked.jobs < 1:
        parser.error(f"no file that draws has {asked.only!r} in its path, or no job may run")
    # a hash seed has 32 bits; a few million numbers follow the first
    first = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    print(f"{len(files)} files draw; {asked.seconds:.0f} s, {asked.jobs} at a time, from {first}")
    with tempfile.TemporaryDirectory(prefix="bowline-search-") as folder:
        search = Search(asked.seconds, asked.jobs, first, Path(folder))
        try:
            search.run(files)
        except KeyboardInterrupt:
            print("\nstopped")
        return search.end()


if __name__ == "__main__":
    sys.exit(main())
