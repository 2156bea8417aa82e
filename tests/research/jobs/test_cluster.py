"""A cluster comes to the same bytes; a worker that is killed costs its task and nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from bowline.core.errors import BadInput, Conflict
from bowline.core.model.job import JobState
from bowline.research.jobs import WorkerContext, work
from bowline.research.jobs import cluster as module
from bowline.research.jobs.cluster import DaskExecutor, open_cluster
from bowline.storage.jobs import JobRequest, Jobs, StoredJob
from tests.databases import database, open_engine
from tests.research.jobs.scores import Plan, Scores, Slow, expected

pytestmark = [
    pytest.mark.slow,
    # a killed process leaves its sockets to whoever finds them
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    with open_cluster("local", 2) as made:
        yield made


def test_a_killed_worker_costs_its_task_only(cluster: DaskExecutor, tmp_path: Path) -> None:
    """Over the tables, as `bowline worker --cluster` works, and one process shot in the middle."""
    log = tmp_path / "computed"
    plan = Plan(chunks=24, log=str(log))
    with database("sqlite", tmp_path) as url:
        store = Jobs(open_engine(url))
        job = store.submit(
            JobRequest("scores", "some", msgspec.json.encode(plan).decode(), "f", "d", 1), 1
        )

        def shoot() -> None:
            while not log.exists() or len(log.read_text().splitlines()) < 6:
                time.sleep(0.05)
            victim = int(log.read_text().splitlines()[-1].rsplit(":", 1)[1])
            os.kill(victim, signal.SIGKILL)

        hunter = threading.Thread(target=shoot)
        hunter.start()

        def opener(job: StoredJob) -> Slow:
            return Slow(msgspec.json.decode(job.payload, type=Plan))

        work(WorkerContext(store, opener, cluster), "w", once=True)
        hunter.join()
        assert store.get(job.id).state is JobState.DONE
        assert store.get(job.id).attempts == 1
        assert store.result(job.id) == expected(plan)
        store.close()
    lines = log.read_text().splitlines()
    computed = Counter(line.rsplit(":", 1)[0] for line in lines)
    assert len(computed) == 24 + 4
    # a task is a second: three of these chunks, and what had just been computed of it
    assert sum(computed.values()) - len(computed) <= 4
    assert len({line.rsplit(":", 1)[1] for line in lines}) == 3  # two workers, and the new one
    opened = Counter((tmp_path / "computed.opened").read_text().splitlines())
    assert set(opened.values()) == {1}  # once a stage in each process, however many chunks


def test_what_workers_were_sent_is_taken_away_again(cluster: DaskExecutor) -> None:
    stage = Scores(Plan(chunks=6))
    results = dict(cluster.run(stage, range(6)))
    assert sorted(results) == list(range(6))
    assert all(results[chunk] == stage.run_chunk(chunk, 1) for chunk in results)
    kept = cluster._client.run(lambda: list(module._RECEIVED.values()))
    assert all(each == [b"tape" * 1000] for each in kept.values())  # the candles, once
    cluster.clear()
    assert all(not each for each in cluster._client.run(lambda: list(module._RECEIVED)).values())


def test_giving_up_cancels_what_was_not_begun(cluster: DaskExecutor) -> None:
    results = cluster.run(Scores(Plan(chunks=500)), range(500))
    next(results)
    results.close()
    for _ in range(100):
        if not any(cluster._client.processing().values()):
            return
        time.sleep(0.1)
    pytest.fail("the cluster still works on what nobody waits for")


def test_tasks_become_as_long_as_they_should_be() -> None:
    assert module._next_size(5.0) == 1
    assert module._next_size(0.25) == 4
    assert module._next_size(0.0) == module.MOST_CHUNKS


def test_a_cluster_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="is not a cluster"), open_cluster("everywhere"):
        pass
    monkeypatch.setattr(module, "_CONNECT", "1s")
    with (
        pytest.raises(Conflict, match="no Dask scheduler answers"),
        open_cluster("tcp://127.0.0.1:9"),
    ):
        pass
