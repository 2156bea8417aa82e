"""Chunks that hold the interpreter's lock have processes of their own, and leave none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bowline.core.errors import Conflict
from bowline.research.grid.recheck import RowDisagrees
from bowline.research.jobs import LocalExecutor, StagePackage
from tests.research.jobs.scores import Plan, Scores, Slow


class Locked(Slow):
    """Scores whose chunks hold the lock, and take so long that each process gets some."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.holds_lock = True


class Broken(Locked):
    """Whose chunks go wrong, each in its way."""

    def package(self) -> StagePackage:
        return super().package()._replace(opener=open_broken)


def open_broken(request: bytes, candles: bytes) -> Callable[[int, int], bytes]:
    """Chunk 0 ends its process, every other one disagrees."""
    del request, candles

    def run_chunk(chunk: int, threads: int) -> bytes:
        if not chunk:
            os._exit(9)
        raise RowDisagrees("row 1", problems=("return: 1, 2",), hint=f"with {threads} thread")

    return run_chunk


def processes_of(log: Path) -> set[int]:
    return {int(line.rsplit(":", 1)[1]) for line in log.read_text().splitlines()}


def test_they_give_what_threads_give_from_more_than_one_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    plan = Plan(seed=3, chunks=8, log=str(log))
    found = dict(LocalExecutor(2).run(Locked(plan), range(1, 8)))

    others = processes_of(log)
    assert os.getpid() not in others
    assert len(others) == 2
    assert found == dict(LocalExecutor(2).run(Scores(plan), range(1, 8)))


def test_a_row_that_disagrees_says_so_here() -> None:
    with pytest.raises(RowDisagrees) as caught:
        list(LocalExecutor(2).run(Broken(Plan()), [1]))
    assert caught.value.problems == ("return: 1, 2",)
    assert caught.value.hint == "with 1 thread"


def test_a_process_that_is_killed_is_told_of_and_the_job_can_be_resumed() -> None:
    with pytest.raises(Conflict, match="was killed"):
        list(LocalExecutor(2).run(Broken(Plan()), [0]))


def test_whoever_stops_half_way_leaves_no_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with closing(
        LocalExecutor(2).run(Locked(Plan(chunks=500, log=str(log))), range(500))
    ) as results:
        next(results)

    assert len(log.read_text().splitlines()) < 10
    for process in processes_of(log):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


PARENT = """
import sys
import time
from bowline.research.jobs import LocalExecutor
from tests.research.jobs.scores import Plan
from tests.research.jobs.test_processes import Locked
if __name__ == "__main__":
    stage = Locked(Plan(chunks=6, log=sys.argv[1]))
    for number, _ in enumerate(LocalExecutor(2).run(stage, range(6))):
        print(number, flush=True)
        if number == 5:
            time.sleep(60)
"""


def test_ctrl_c_is_for_the_parent_alone_and_a_killed_parent_leaves_no_process(
    tmp_path: Path,
) -> None:
    log, script = tmp_path / "log", tmp_path / "parent.py"
    script.write_text(textwrap.dedent(PARENT))
    words = [sys.executable, str(script), str(log)]
    env = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=env, start_new_session=True) as parent:
        assert parent.stdout is not None
        for _ in range(6):
            parent.stdout.readline()
        children = processes_of(log)
        assert len(children) == 2
        for child in children:
            os.kill(child, signal.SIGINT)
        time.sleep(0.3)
        for child in children:
            os.kill(child, 0)
        parent.kill()
    until = time.monotonic() + 10
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < until, "a process outlived its parent"
        time.sleep(0.05)
