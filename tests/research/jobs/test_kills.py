"""A sweep that is killed at any moment comes to the same bytes, and loses one chunk at most.

The job is a real sweep in three stages. Half the kills are counted in statements to the database,
before one, after it or at a commit: nothing else that a worker does outlasts it. The others come by
the clock, in the middle of whatever it does; some of these hit a process that computes for it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from bowline.core.model.job import JobState
from bowline.research.grid import plan_grid
from bowline.research.jobs import LocalExecutor, Stage, StagePackage, WorkerContext, sweeps, work
from bowline.storage.jobs import JobRequest, Jobs, StoredJob
from tests.chance import seeded
from tests.databases import database, open_engine
from tests.research.grids import MIDDLE, START_NS, minutes, request

#: over both databases; a night's work is BOWLINE_TEST_KILLS=500
KILLS = int(os.environ.get("BOWLINE_TEST_KILLS", "20"))
#: every so many kills, the job is killed a second time while it is taken up again
TWICE_EVERY = 5
#: every so many, threads compute for the worker, and the fourth of so many processes of its own
THREADS_EVERY, PROCESSES_EVERY = 3, 25
#: so long that no heart beats meanwhile: its statements would come at moments of their own
LEASE_NS = 60 * 10**9
CANDLES = minutes(3_000)
CROSS = {"id": "sma_cross", "params": {"fast": [3, 5, 8, 12, 20], "slow": [30, 40, 60, 90]}}
#: 4,092 variants; 11 chunks without stops, 11 with them, 2 of rows that are run again
GRID = request(
    indicators=[CROSS, MIDDLE],
    stops={"sl_pct": ["off", 0.1, 0.2, 0.3, 0.4, 0.5], "tp_pct": ["off", *range(1, 11)]},
    shortlist=30,
    top=20,
)
#: the SQL of the statements, made once for all processes
CACHE: dict[object, object] = {}
ASKED = JobRequest("sweep", "some", "", "f", "d", 4_092)


def sweep_stage() -> Stage:
    return sweeps.first_stage(plan_grid(GRID, CANDLES, START_NS, chunk_bases=6))


class Watched:
    """A stage that leaves a line in a file for every chunk it computes."""

    def __init__(self, stage: Stage, log: str) -> None:
        self._stage, self._log = stage, log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, name)

    def run_chunk(self, chunk: int, threads: int) -> bytes:
        summarize(self._log, self._stage.name, chunk)
        return self._stage.run_chunk(chunk, threads)

    def finish(self, results: Iterator[bytes]) -> Watched | bytes:
        step = self._stage.finish(results)
        return step if isinstance(step, bytes) else Watched(step, self._log)

    def package(self) -> StagePackage:
        package = self._stage.package()
        sent = msgspec.msgpack.encode((self._log, self._stage.name, package.request))
        return package._replace(opener=open_watched, request=sent)


def summarize(log: str, stage: str, chunk: int) -> None:
    with Path(log).open("ab", buffering=0) as file:
        file.write(f"{stage}:{chunk}:{os.getpid()}\n".encode())


def open_watched(sent: bytes, candles: bytes) -> Callable[[int, int], bytes]:
    """What a watched stage is elsewhere."""
    log, stage, asked = msgspec.msgpack.decode(sent, type=tuple[str, str, bytes])
    run_chunk = sweeps.open_chunks(asked, candles)

    def watched(chunk: int, threads: int) -> bytes:
        summarize(log, stage, chunk)
        return run_chunk(chunk, threads)

    return watched


def jobs(url: str) -> Jobs:
    return Jobs(open_engine(url).execution_options(compiled_cache=CACHE))


def worked_on(
    url: str, log: str, now_ns: int, threads: int = 1, moment: int = 0, *, after: bool = False
) -> None:
    """Work on what there is at `now_ns`, killed around the `moment`-th statement if it is not 0."""
    engine = open_engine(url)
    left = moment

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if moment:
        sa.event.listen(engine, f"{'after' if after else 'before'}_cursor_execute", count)
        # a commit is one more moment, and the most delicate one
        sa.event.listen(engine, "commit", count)
    store = Jobs(engine.execution_options(compiled_cache=CACHE))

    def open_stage(_: StoredJob) -> Watched:
        return Watched(sweep_stage(), log)

    bench = WorkerContext(store, open_stage, LocalExecutor(threads), clock=lambda: now_ns)
    work(bench, f"worker at {now_ns}", once=True, lease_ns=LEASE_NS)
    store.close()


def in_child(task: Callable[[], object], blow: Callable[[int], None] | None = None) -> int:
    """How a process of its own ended that did `task`, and that `blow` was given the number of."""
    child = os.fork()
    if child == 0:
        try:
            task()
            os._exit(0)
        finally:
            os._exit(1)
    if blow is not None:
        blow(child)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_after(seconds: float, process: int) -> None:
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)


def kill_one_of(chance: random.Random, log: str, worker: int) -> None:
    """Kill the worker, or one that computes for it, once the last stage is begun."""
    last = f"{sweeps._RecheckStage.name}:"
    while not Path(log).exists() or last not in Path(log).read_text():
        assert os.waitid(os.P_PID, worker, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        time.sleep(0.002)
    time.sleep(chance.random() * 0.03)
    helping = int(Path(log).read_text().split()[-1].rsplit(":", 1)[1])
    try:
        os.kill(chance.choice([worker, helping]), signal.SIGKILL)
    except ProcessLookupError:
        os.kill(worker, signal.SIGKILL)


def undisturbed(url: str, log: str) -> tuple[bytes, int, float]:
    """What the job comes to, how many moments a worker has, and how many seconds it takes."""
    engine = open_engine(url)
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1

    store = Jobs(engine)
    job = store.submit(ASKED, 0)
    for each in ("before_cursor_execute", "commit"):
        sa.event.listen(engine, each, count)
    bench = WorkerContext(
        store, lambda _: Watched(sweep_stage(), log), LocalExecutor(), clock=lambda: 1
    )
    work(bench, "w", once=True, lease_ns=LEASE_NS)
    moments, began = seen, time.monotonic()
    store.submit(ASKED, 0)
    work(bench, "w", once=True, lease_ns=LEASE_NS)
    seconds = time.monotonic() - began
    result = store.result(job.id)
    store.close()
    return result, moments, seconds


@pytest.mark.chance
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_sweep_killed_at_any_moment_comes_to_the_same(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    chance, killed, number = seeded(KILLS), 0, 0
    with database(kind, tmp_path) as url:
        result, moments, seconds = undisturbed(url, str(tmp_path / "undisturbed"))
        assert moments > 80
        while killed < KILLS // 2:
            number += 1
            log = str(tmp_path / f"computed-{number}")
            processes = number % PROCESSES_EVERY == 4
            threads = 2 if processes or number % THREADS_EVERY == 0 else 1
            monkeypatch.setattr(sweeps, "_PROCESSES_FROM_S", 0.0 if processes else 1e9)
            store = jobs(url)
            job = store.submit(ASKED, 0)
            store.close()
            now_ns, blows = 1, 2 if number % TWICE_EVERY == 0 and not processes else 1
            for _ in range(blows):
                left, blow = 0, None
                if processes:
                    blow = partial(kill_one_of, chance, log)
                elif chance.random() < 0.5:
                    left = chance.randrange(1, moments // blows)
                else:
                    blow = partial(kill_after, chance.random() * seconds / blows)
                work_on = partial(
                    worked_on, url, log, now_ns, threads, left, after=chance.random() < 0.5
                )
                ended = in_child(work_on, blow)
                # it may have been done by then; one that lost a process takes its job up again
                assert ended in {-signal.SIGKILL, 0}
                killed += processes or ended != 0
                now_ns += 2 * LEASE_NS
            assert in_child(partial(worked_on, url, log, now_ns)) == 0
            store = jobs(url)
            assert store.get(job.id).state is JobState.DONE
            assert store.result(job.id) == result
            store.close()
            computed = Counter(
                line.rsplit(":", 1)[0] for line in Path(log).read_text().splitlines()
            )
            assert len(computed) == 24
            # two wait for each process
            at_work = 4 if processes else threads
            assert sum(computed.values()) - len(computed) <= blows * at_work
