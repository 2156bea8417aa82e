"""A worker brings jobs to the result they always come to, and bad ones do not take it along."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count

import msgspec
import pytest

from bowline.core.errors import BadInput, Conflict, Unreachable
from bowline.core.model.job import JobState
from bowline.research.jobs import LocalExecutor, WorkerContext, run_leased, work, worker_name
from bowline.research.jobs.worker import is_gone
from bowline.storage.jobs import JobProgress, JobRequest, Jobs, LeaseLost, StoredJob
from tests.databases import open_engine
from tests.research.jobs.scores import FIRST, SECOND, Plan, Scores, expected

LONG = 10**9
PLAN = Plan()


def asked(plan: Plan = PLAN) -> JobRequest:
    payload = msgspec.json.encode(plan).decode()
    return JobRequest("scores", "some", payload, "f" * 64, "d" * 64, 400)


def open_stage(job: StoredJob) -> Scores:
    return Scores(msgspec.json.decode(job.payload, type=Plan))


@pytest.fixture
def store(database_url: str) -> Iterator[Jobs]:
    made = Jobs(open_engine(database_url))
    yield made
    made.close()


def bench(store: Jobs, **changes: object) -> WorkerContext:
    ticks = count(1)
    plain = WorkerContext(store, open_stage, LocalExecutor(), clock=lambda: next(ticks))
    return plain._replace(**changes)


def test_a_job_is_done_and_says_how_far_it_is(store: Jobs) -> None:
    job = store.submit(asked(), 1)
    heard: list[JobProgress] = []
    made = bench(store, report=lambda _job, progress: heard.append(progress))
    assert work(made, "w", once=True, lease_ns=LONG) == 1
    assert store.get(job.id).state is JobState.DONE
    assert store.result(job.id) == expected(PLAN)
    assert [(each.stage, each.chunks_done) for each in heard] == [
        *((FIRST, n) for n in range(1, 9)), *((SECOND, n) for n in range(1, 5)),
    ]  # fmt: skip
    assert [each.variants_done for each in heard[:8]] == list(range(50, 401, 50))
    assert heard[7].variants == 400
    bests = [each.best for each in heard[:8]]
    assert bests == sorted(bests)
    assert heard[-1].best == max(each.best for each in heard)
    assert heard[-1].best_is.startswith("variant ")
    assert heard[3].variants_per_s > 0
    assert heard[3].eta_s == pytest.approx((400 - 200) / heard[3].variants_per_s)
    assert store.get(job.id).progress == heard[-1]


@pytest.mark.parametrize("threads", [2, 5])
def test_any_number_of_threads_comes_to_the_same(store: Jobs, tmp_path, threads: int) -> None:
    log = tmp_path / "computed"
    job = store.submit(asked(Plan(log=str(log))), 1)
    work(bench(store, executor=LocalExecutor(threads)), "w", once=True, lease_ns=LONG)
    assert store.result(job.id) == expected(PLAN)
    assert len(log.read_text().splitlines()) == 12


def test_several_jobs_are_done_one_after_the_other(store: Jobs) -> None:
    plans = [Plan(seed=n) for n in range(5)]
    ids = [store.submit(asked(plan), 1).id for plan in plans]
    assert work(bench(store), "w", once=True, lease_ns=LONG) == 5
    assert [store.result(job_id) for job_id in ids] == [expected(plan) for plan in plans]


def test_a_cancelled_job_stops_within_a_chunk_and_goes_on_where_it_was(store: Jobs) -> None:
    job = store.submit(asked(), 1)
    computed: list[tuple[str, int]] = []

    def opened(at: int) -> object:
        def opener(job: StoredJob) -> Scores:
            stage = open_stage(job)

            def before(name: str, chunk: int) -> None:
                computed.append((name, chunk))
                if len(computed) == at:
                    store.cancel(job.id, 5)

            stage.before = before
            return stage

        return opener

    for at in (3, 10):
        work(bench(store, open_stage=opened(at)), "w", once=True, lease_ns=LONG)
        assert store.get(job.id).state is JobState.CANCELLED
        assert len(computed) == at
        store.resume(job.id, 6)
    work(bench(store, open_stage=opened(0)), "w", once=True, lease_ns=LONG)
    assert store.result(job.id) == expected(PLAN)
    assert len(computed) == len(set(computed)) == 12


def test_a_worker_that_is_stopped_gives_its_job_back(store: Jobs) -> None:
    job = store.submit(asked(), 1)
    heard: list[JobProgress] = []
    made = bench(
        store, report=lambda _job, each: heard.append(each), stopping=lambda: len(heard) >= 3
    )
    work(made, "w", lease_ns=LONG)
    waiting = store.get(job.id)
    assert (waiting.state, waiting.attempts, waiting.lease_owner) == (JobState.QUEUED, 0, None)
    assert store.chunks_done(job.id, 0) == {0, 1, 2}
    work(bench(store), "w", once=True, lease_ns=LONG)
    assert store.result(job.id) == expected(PLAN)


def test_progress_goes_on_from_where_it_was(store: Jobs) -> None:
    store.submit(asked(), 1)
    heard: list[JobProgress] = []
    made = bench(
        store, report=lambda _job, each: heard.append(each), stopping=lambda: len(heard) == 3
    )
    work(made, "w", lease_ns=LONG)
    work(made._replace(stopping=lambda: False), "w", once=True, lease_ns=LONG)
    assert [each.chunks_done for each in heard[:8]] == list(range(1, 9))
    assert heard[7].variants_done == 400
    assert heard[3].best is not None
    assert heard[2].best is not None
    assert heard[3].best >= heard[2].best


def test_a_poison_job_is_parked_with_its_error_and_the_others_are_done(
    store: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = store.submit(asked(), 1), store.submit(asked(Plan(seed=2)), 1)

    def opener(job: StoredJob) -> Scores:
        stage = open_stage(job)

        def before(_name: str, chunk: int) -> None:
            if job.id == bad.id and chunk == 4:
                raise ZeroDivisionError("chunk 4")

        stage.before = before
        return stage

    with caplog.at_level(logging.INFO):
        assert work(bench(store, open_stage=opener), "w", once=True, lease_ns=LONG) == 4
    parked = store.get(bad.id)
    assert (parked.state, parked.error) == (JobState.PARKED, "ZeroDivisionError: chunk 4")
    assert store.result(good.id) == expected(Plan(seed=2))
    assert f"job {bad.id} failed and is parked" in caplog.text
    store.resume(bad.id, 9)
    work(bench(store), "w", once=True, lease_ns=LONG)
    assert store.result(bad.id) == expected(PLAN)


def test_what_a_person_must_mend_is_tried_once_and_what_is_in_use_again(store: Jobs) -> None:
    missing, busy = store.submit(asked(), 1), store.submit(asked(), 1)

    def opener(job: StoredJob) -> Scores:
        if job.id == missing.id:
            raise BadInput("the candles changed", problems=("a hash",), hint="submit it again")
        raise Conflict("the candle file is in use")

    assert work(bench(store, open_stage=opener), "w", once=True, lease_ns=LONG) == 1 + 3
    assert store.get(missing.id).state is JobState.PARKED
    assert store.get(missing.id).error == "the candles changed; a hash; submit it again"
    assert store.get(busy.id).error == "the candle file is in use"


def test_a_worker_whose_lease_was_taken_keeps_off(store: Jobs) -> None:
    """Frozen in a chunk until another worker is through: it writes nothing and goes on living."""
    job = store.submit(asked(), 1)
    quick = bench(store)

    def opener(job: StoredJob) -> Scores:
        stage = open_stage(job)

        def before(name: str, chunk: int) -> None:
            if (name, chunk) == (FIRST, 2):
                # as after a long sleep: the lease has lapsed, and the other clock knows it
                late = quick._replace(clock=lambda: 10 * LONG)
                assert work(late, "other", once=True, lease_ns=LONG) == 1

        stage.before = before
        return stage

    slow = bench(store, open_stage=opener)
    lease = store.lease("slow", 1, LONG)
    assert lease is not None
    with pytest.raises(LeaseLost):
        run_leased(slow, lease)
    assert store.result(job.id) == expected(PLAN)
    assert work(slow, "slow", once=True, lease_ns=LONG) == 0


def test_a_lease_is_kept_while_a_chunk_takes_its_time(store: Jobs) -> None:
    """The heart beats in real time: a chunk that outlasts a lease does not lose the job."""
    import time

    store.submit(asked(Plan(chunks=1)), 1)
    tries: list[object] = []
    short = 1_000_000_000

    def opener(job: StoredJob) -> Scores:
        stage = open_stage(job)

        def before(name: str, _chunk: int) -> None:
            if name == FIRST:
                for _ in range(8):
                    time.sleep(0.2)
                    tries.append(store.lease("thief", time.time_ns(), short))

        stage.before = before
        return stage

    made = bench(store, open_stage=opener, clock=time.time_ns)
    assert work(made, "w", once=True, lease_ns=short) == 1
    assert tries == [None] * 8
    assert store.get(1).state is JobState.DONE


def test_a_database_that_is_away_for_a_while_costs_time_and_nothing_else(store: Jobs) -> None:
    job = store.submit(asked(), 1)
    real_lease, rests = store.lease, []

    def away(*_: object) -> None:
        if len(rests) < 2:
            raise Unreachable("no answer")
        return real_lease(*_)

    store.lease = away  # type: ignore[method-assign]
    made = bench(store, stopping=lambda: store.get(job.id).state is JobState.DONE)
    work(made, "w", lease_ns=LONG, rest=rests.append)
    assert rests == [1.0, 1.0]
    assert store.result(job.id) == expected(PLAN)


def test_a_job_that_lost_its_database_is_waited_for(store: Jobs) -> None:
    """`--once` must not end well with its own job unfinished: the lease has to lapse first."""
    store.submit(asked(), 1)
    real_save, clock, saved = store.save_chunk, [1], []

    def breaking(*args: object) -> JobState:
        saved.append(args[2])
        if len(saved) == 3:
            raise Unreachable("the session died")
        return real_save(*args)  # type: ignore[arg-type]

    def rest(seconds: float) -> None:
        clock[0] += int(seconds * 10**9)

    store.save_chunk = breaking  # type: ignore[method-assign]
    made = bench(store, clock=lambda: clock[0])
    lease_ns = 5 * 10**9
    assert work(made, "w", once=True, lease_ns=lease_ns, rest=rest) == 2
    assert clock[0] > lease_ns
    assert store.result(1) == expected(PLAN)


@pytest.mark.parametrize("held", [True, False], ids=["with a job of its own", "before any"])
def test_a_database_that_stays_away_ends_a_worker_that_has_one_round(
    store: Jobs, *, held: bool
) -> None:
    store.submit(asked(), 1)
    clock, real_lease = [1], store.lease

    def away(*_: object) -> None:
        raise Unreachable("no answer")

    def leased_once(*args: object) -> object:
        store.lease = away  # type: ignore[method-assign]
        return real_lease(*args)  # type: ignore[arg-type]

    def rest(seconds: float) -> None:
        clock[0] += int(seconds * 10**9)

    store.lease = leased_once if held else away  # type: ignore[method-assign]
    store.save_chunk = away  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        work(bench(store, clock=lambda: clock[0]), "w", once=True, lease_ns=5 * 10**9, rest=rest)
    assert (clock[0] > 10 * 10**9) is held


def test_two_workers_side_by_side_compute_nothing_twice(database_url: str, tmp_path) -> None:
    log = tmp_path / "computed"
    setup = Jobs(open_engine(database_url))
    plans = [Plan(seed=n, log=str(log)) for n in range(10)]
    ids = [setup.submit(asked(plan), 1).id for plan in plans]

    def one(name: str) -> None:
        own = Jobs(open_engine(database_url))
        work(WorkerContext(own, open_stage, LocalExecutor()), name, once=True)
        own.close()

    workers = [threading.Thread(target=one, args=(f"w{n}",)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [setup.result(job_id) for job_id in ids] == [expected(plan) for plan in plans]
    assert len(log.read_text().splitlines()) == 10 * 12
    setup.close()


def test_a_process_that_ended_is_known_to_be_gone() -> None:
    assert not is_gone(worker_name())
    assert worker_name() != worker_name()
    code = "from bowline.research.jobs import worker_name; print(worker_name())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert is_gone(other.stdout.strip())
    assert not is_gone(f"elsewhere/{os.getpid()}/00")
