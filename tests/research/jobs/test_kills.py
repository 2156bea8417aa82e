"""A job whose worker is killed at any moment comes to the same bytes, and loses one chunk at most.

Between two statements to the database nothing happens that outlasts the process, so the moments
are counted in statements: each kill is before a statement, or after it and before the next.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from bowline.core.model.job import JobState
from bowline.research.jobs import Bench, Threads, work
from bowline.storage.jobs import JobRequest, Jobs, StoredJob
from tests.databases import database, open_engine
from tests.research.jobs.scores import Plan, Scores, expected

KILLS = 500
#: the kills are shared out, so that they can be tried side by side
SHARES = 4
#: so long that no heart beats meanwhile: its statements would come at moments of their own
LEASE_NS = 60 * 10**9
PLAN = Plan(chunks=4, chunk_size=40, chunks_again=2)
#: the SQL of the statements, made once for all processes
CACHE: dict[object, object] = {}


def asked(plan: Plan) -> JobRequest:
    return JobRequest("scores", "some", msgspec.json.encode(plan).decode(), "f", "d", 200)


def open_stage(job: StoredJob) -> Scores:
    return Scores(msgspec.json.decode(job.payload, type=Plan))


def in_child(task: Callable[[], object]) -> int:
    """How a process of its own ended that did `task`."""
    child = os.fork()
    if child == 0:
        try:
            task()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def worked_on(url: str, now_ns: int, kill_at: int = 0, *, after: bool = False) -> None:
    """Work on what there is at the moment `now_ns`, killed around the `kill_at`-th statement."""
    engine = open_engine(url)
    left = kill_at

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if kill_at:
        moment = "after_cursor_execute" if after else "before_cursor_execute"
        sa.event.listen(engine, moment, count)
        # a commit is one more moment, and the most delicate one
        sa.event.listen(engine, "commit", count)
    store = Jobs(engine.execution_options(compiled_cache=CACHE))
    bench = Bench(store, open_stage, Threads(), clock=lambda: now_ns)
    work(bench, f"worker at {now_ns}", once=True, lease_ns=LEASE_NS)
    store.close()


def statements(url: str) -> int:
    """How many moments a job has that nobody disturbs."""
    engine = open_engine(url)
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1

    for each in ("before_cursor_execute", "commit"):
        sa.event.listen(engine, each, count)
    store = Jobs(engine.execution_options(compiled_cache=CACHE))
    store.submit(asked(PLAN), 0)
    seen = 0
    work(Bench(store, open_stage, Threads(), clock=lambda: 1), "w", once=True, lease_ns=LEASE_NS)
    store.close()
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_job_killed_at_any_moment_comes_to_the_same(kind: str, share: int, tmp_path: Path):
    """500 SIGKILLs over both databases, every fifth job killed twice: 500 same results."""
    chance = random.Random(share)
    with database(kind, tmp_path) as url:
        moments = statements(url)
        assert moments > 30
        for number in range(share, KILLS // 2, SHARES):
            log = tmp_path / f"computed-{number}"
            plan = msgspec.structs.replace(PLAN, seed=number, log=str(log))
            store = Jobs(open_engine(url).execution_options(compiled_cache=CACHE))
            job = store.submit(asked(plan), 0)
            store.close()
            kills = 2 if number % 5 == 0 else 1
            now_ns = 1
            for _ in range(kills):
                moment, after = (
                    chance.randrange(1, moments - (kills - 1) * moments // 2),
                    chance.random() < 0.5,
                )
                ended = in_child(lambda: worked_on(url, now_ns, moment, after=after))  # noqa: B023
                assert ended == -signal.SIGKILL
                now_ns += 2 * LEASE_NS
            assert in_child(lambda: worked_on(url, now_ns)) == 0  # noqa: B023
            store = Jobs(open_engine(url).execution_options(compiled_cache=CACHE))
            assert store.get(job.id).state is JobState.DONE
            assert store.result(job.id) == expected(plan)
            store.close()
            computed = Counter(line.rsplit(":", 1)[0] for line in log.read_text().splitlines())
            assert len(computed) == PLAN.chunks + PLAN.chunks_again
            assert sum(computed.values()) - len(computed) <= kills
