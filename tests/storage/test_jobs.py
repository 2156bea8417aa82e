"""A job has one holder, a lost lease writes nothing, and no job is lost, over both databases."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from bowline.core.errors import BadInput, Conflict, NotFound, Unreachable
from bowline.core.model.job import JOB_TRANSITIONS, MAX_ATTEMPTS, JobState
from bowline.storage import migrations
from bowline.storage.jobs import JobProgress, JobRequest, Jobs, Lease, LeaseLost
from bowline.storage.migrations.steps import to_revision
from bowline.storage.schema import metadata
from bowline.storage.servers.postgres_tables import postgres_engine, unmigrated_engine
from tests.databases import open_engine, postgres_database

LONG = 1000
ASKED = JobRequest("grid", "sma 5m", '{"a":1}', "f" * 64, "d" * 64, 100)
SOME = JobProgress(stage="A", chunks_done=1, chunks=4, variants_done=25, variants=100, best=1.5)


@pytest.fixture
def store(database_url: str) -> Iterator[Jobs]:
    made = Jobs(open_engine(database_url))
    yield made
    made.close()


def leased(store: Jobs, owner: str, now_ns: int, job_id: int | None = None) -> Lease:
    lease = store.lease(owner, now_ns, LONG, job_id)
    assert lease is not None
    return lease


def test_a_job_goes_from_the_queue_to_its_result(store: Jobs) -> None:
    job = store.submit(ASKED, 5)
    assert (job.state, job.attempts, job.created_ns) == (JobState.QUEUED, 0, 5)
    assert store.get(job.id) == job
    lease = leased(store, "one", 10)
    assert lease.job == store.get(job.id)
    assert (lease.job.state, lease.job.lease_owner, lease.job.lease_until_ns) == (
        JobState.RUNNING, "one", 10 + LONG,
    )  # fmt: skip
    blob = bytes(range(256))
    for chunk in (2, 0, 1):
        assert store.save_chunk(lease, 0, chunk, blob + bytes([chunk]), SOME, 20) is (
            JobState.RUNNING
        )
    assert store.chunks_done(job.id, 0) == {0, 1, 2}
    assert store.chunks_done(job.id, 1) == frozenset()
    assert list(store.chunk_results(job.id, 0)) == [blob + bytes([n]) for n in range(3)]
    assert store.get(job.id).progress == SOME
    assert store.get(job.id).heartbeat_ns == 20
    with pytest.raises(NotFound, match="has no result: it is running"):
        store.result(job.id)
    store.finish(lease, blob, 30)
    done = store.get(job.id)
    assert (done.state, done.lease_owner, done.updated_ns) == (JobState.DONE, None, 30)
    assert store.result(job.id) == blob
    assert store.chunks_done(job.id, 0) == frozenset()
    assert store.lease("two", 10**9, LONG) is None


def test_the_oldest_waiting_job_comes_first_and_lists_are_newest_first(store: Jobs) -> None:
    ids = [store.submit(replace(ASKED, title=str(n)), n).id for n in range(3)]
    assert [job.id for job in store.list()] == ids[::-1]
    assert [job.id for job in store.list(1)] == [ids[2]]
    assert leased(store, "one", 9, ids[1]).job.id == ids[1]
    assert [leased(store, "one", 9).job.id for _ in range(2)] == [ids[0], ids[2]]
    assert store.lease("one", 9, LONG) is None
    with pytest.raises(NotFound, match="no job 99"):
        store.get(99)


def test_a_worker_that_lost_its_lease_can_write_nothing(store: Jobs) -> None:
    job = store.submit(ASKED, 1)
    old = leased(store, "one", 10)
    assert store.lease("two", 10 + LONG, LONG) is None  # not lapsed yet
    new = leased(store, "two", 11 + LONG)
    assert (new.job.id, new.number) == (job.id, old.number + 1)
    before = store.get(job.id)
    for write in (
        lambda: store.save_chunk(old, 0, 0, b"late", SOME, 12 + LONG),
        lambda: store.renew(old, 12 + LONG),
        lambda: store.finish(old, b"late", 12 + LONG),
        lambda: store.release(old, 12 + LONG),
        lambda: store.fail(old, "late", 12 + LONG),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert store.get(job.id) == before
    assert store.chunks_done(job.id, 0) == frozenset()
    store.finish(new, b"right", 13 + LONG)
    with pytest.raises(LeaseLost, match="done now"):
        store.renew(new, 14 + LONG)
    assert store.result(job.id) == b"right"


def test_a_lapsed_lease_that_nobody_took_is_still_good(store: Jobs) -> None:
    """A machine that slept goes on with its own job, if nobody needed it meanwhile."""
    job = store.submit(ASKED, 1)
    lease = leased(store, "one", 10)
    store.save_chunk(lease, 0, 0, b"x", SOME, 10 * LONG)
    assert store.get(job.id).lease_until_ns == 11 * LONG


def test_a_job_of_ones_own_is_held_from_its_first_moment(store: Jobs) -> None:
    lease = store.submit_and_lease(ASKED, "me", 10, LONG)
    assert store.lease("thief", 11, LONG) is None
    store.save_chunk(lease, 0, 0, b"x", SOME, 12)
    store.finish(lease, b"y", 13)
    assert store.result(lease.job.id) == b"y"


def test_a_job_that_fails_three_times_at_one_chunk_is_parked_with_its_error(store: Jobs) -> None:
    job = store.submit(ASKED, 1)
    lease = leased(store, "one", 10)
    store.save_chunk(lease, 0, 0, b"x", SOME, 11)
    assert store.fail(lease, "ZeroDivisionError: 1", 12) is JobState.QUEUED
    assert store.get(job.id).error == "ZeroDivisionError: 1"
    assert store.fail(leased(store, "two", 13), "2", 14) is JobState.QUEUED
    assert store.fail(leased(store, "one", 15), "ZeroDivisionError: 3", 16) is JobState.PARKED
    parked = store.get(job.id)
    assert (parked.state, parked.attempts) == (JobState.PARKED, MAX_ATTEMPTS)
    assert parked.error == "ZeroDivisionError: 3"
    assert store.lease("two", 10**9, LONG) is None
    again = store.resume(job.id, 20)
    assert (again.state, again.attempts, again.error) == (JobState.QUEUED, 0, None)
    assert store.chunks_done(job.id, 0) == {0}  # nothing of it was lost


def test_a_job_that_kills_its_workers_is_parked_too(store: Jobs) -> None:
    job = store.submit(ASKED, 1)
    for attempt in range(MAX_ATTEMPTS):
        leased(store, f"victim {attempt}", 10 + attempt * 2 * LONG)
    assert store.lease("one more", 10 + 10 * LONG, LONG) is None
    parked = store.get(job.id)
    assert parked.state is JobState.PARKED
    assert parked.error is not None
    assert "vanished 3 times" in parked.error
    assert parked.error.endswith("victim 2")


def test_progress_makes_attempts_good_again(store: Jobs) -> None:
    """A long job may lose many workers: only a chunk that never gets done is poison."""
    job = store.submit(ASKED, 1)
    for turn in range(3 * MAX_ATTEMPTS):
        lease = leased(store, "w", 10 + turn * 2 * LONG)
        store.save_chunk(lease, 0, turn, b"x", SOME, 11 + turn * 2 * LONG)
    assert store.get(job.id).attempts == 1


def test_what_a_person_must_mend_is_parked_at_once(store: Jobs) -> None:
    store.submit(ASKED, 1)
    assert store.fail(leased(store, "w", 2), "no candles", 3, for_good=True) is JobState.PARKED


def test_giving_a_job_back_is_no_attempt(store: Jobs) -> None:
    job = store.submit(ASKED, 1)
    for turn in range(2 * MAX_ATTEMPTS):
        store.release(leased(store, "w", 10 + turn), 10 + turn)
    assert (store.get(job.id).state, store.get(job.id).attempts) == (JobState.QUEUED, 0)


def test_cancelling_waits_for_the_holder_and_only_for_one_that_lives(store: Jobs) -> None:
    waiting, held, orphan = (store.submit(ASKED, n).id for n in range(3))
    lease, _ = leased(store, "w", 10, held), leased(store, "gone", 10, orphan)
    assert store.cancel(waiting, 11).state is JobState.CANCELLED
    assert store.cancel(held, 11).state is JobState.CANCELLING
    assert store.cancel(held, 11).state is JobState.CANCELLING
    assert store.renew(lease, 12) is JobState.CANCELLING
    assert store.save_chunk(lease, 0, 0, b"x", SOME, 12) is JobState.CANCELLING
    assert store.lease("thief", 13, LONG) is None
    store.release(lease, 13)
    assert store.get(held).state is JobState.CANCELLED
    assert store.cancel(orphan, 20 + LONG).state is JobState.CANCELLED
    with pytest.raises(Conflict, match="is cancelled: it cannot become cancelled"):
        store.cancel(waiting, 14)
    assert store.resume(held, 15).state is JobState.QUEUED
    assert store.chunks_done(held, 0) == {0}


def test_a_wish_to_cancel_outlives_the_worker(store: Jobs) -> None:
    job = store.submit(ASKED, 1).id
    leased(store, "gone", 10)
    store.cancel(job, 11)
    assert store.lease("w", 12 + LONG, LONG) is None
    assert store.get(job).state is JobState.CANCELLED


def test_a_job_at_work_is_not_resumed_unless_its_holder_is_known_to_be_gone(store: Jobs) -> None:
    job = store.submit(ASKED, 1).id
    leased(store, "w", 10)
    with pytest.raises(Conflict, match="w works on it"):
        store.resume(job, 11)
    assert store.resume(job, 11, holder_is_gone=True).state is JobState.QUEUED
    leased(store, "w", 12)
    assert store.resume(job, 13 + LONG).state is JobState.QUEUED
    with pytest.raises(Conflict, match="is queued: it cannot become queued"):
        store.resume(job, 14 + LONG)


def test_no_job_is_ever_held_twice(database_url: str) -> None:
    """Eight workers over sixty jobs, each on a connection of its own: sixty holders."""
    Jobs(open_engine(database_url)).close()
    setup = Jobs(open_engine(database_url))
    ids = [setup.submit(ASKED, n).id for n in range(60)]
    held: Counter[int] = Counter()
    guard = threading.Lock()

    def take(owner: str) -> None:
        store = Jobs(open_engine(database_url))
        while (lease := store.lease(owner, 100, LONG)) is not None:
            store.save_chunk(lease, 0, 0, owner.encode(), SOME, 101)
            with guard:
                held[lease.job.id] += 1
        store.close()

    workers = [threading.Thread(target=take, args=(f"w{n}",)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert held == dict.fromkeys(ids, 1)
    for job in setup.list():
        assert [job.lease_owner] == [each.decode() for each in setup.chunk_results(job.id, 0)]
    setup.close()


def test_a_database_that_does_not_answer_says_so(database_url: str) -> None:
    engine = open_engine(database_url)
    store = Jobs(engine)

    gone = engine.dialect.loaded_dbapi.OperationalError("gone")
    gone.sqlite_errorcode = sqlite3.SQLITE_IOERR

    def refuse(*_: object) -> None:
        raise gone

    sa.event.listen(engine, "do_execute", refuse)
    with pytest.raises(Unreachable, match="cannot be reached"):
        store.list()
    with pytest.raises(Unreachable):
        store.submit(ASKED, 1)
    store.close()


def test_postgresql_gets_the_same_tables_by_the_same_steps() -> None:
    """Up, down and up again, to what the code works with; two that start at once both find them."""
    with postgres_database() as url:
        engines: list[sa.Engine] = []
        openers = [
            threading.Thread(target=lambda: engines.append(postgres_engine(url))) for _ in range(3)
        ]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join()
        assert len(engines) == 3
        engine = engines[0]
        with engine.connect() as db:
            context = MigrationContext.configure(db, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
        with engine.begin() as db:
            to_revision(db, "base")
            assert set(sa.inspect(db).get_table_names()) == {"alembic_version"}
        migrations.migrate(engine)
        with engine.begin() as db:
            assert {"jobs", "job_chunks", "runs"} <= set(sa.inspect(db).get_table_names())
        for each in engines:
            each.dispose()


def test_a_database_that_cannot_be_used_is_refused_in_words() -> None:
    with postgres_database() as url:
        place = sa.make_url(url)
        nowhere = place.set(port=1).render_as_string(hide_password=False)
        with pytest.raises(Conflict, match="cannot be reached") as error:
            postgres_engine(nowhere.replace("@", ":hunter2@"))
        assert "BOWLINE_DATABASE" in error.value.hint
        assert "hunter2" not in f"{error.value.message}{error.value.hint}"
        missing = place.set(database="no_such").render_as_string(hide_password=False)
        with pytest.raises(Conflict, match='"no_such" does not exist'):
            postgres_engine(missing)
        with pytest.raises(BadInput, match="options that mean nothing") as bad:
            unmigrated_engine(f"{url}?sslmode=perhaps")
        assert "verify-full" in bad.value.hint


@settings(max_examples=30, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
class LivesOfJobs(RuleBasedStateMachine):
    """Any order of verbs by three workers and a person keeps to the table and to one holder."""

    @initialize()
    def begin(self) -> None:
        engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
        metadata.create_all(engine)
        self.store = Jobs(engine)
        self.now = 0
        self.leases: dict[str, Lease] = {}
        self.last: dict[int, JobState] = {}

    def seen(self) -> None:
        for job in self.store.list():
            before = self.last.get(job.id)
            assert before in (None, job.state) or job.state in self.reachable(before)
            self.last[job.id] = job.state

    @staticmethod
    def reachable(state: JobState) -> set[JobState]:
        """In one verb: cancelling and what it ends in may both happen within it."""
        near = set(JOB_TRANSITIONS[state])
        return near | {far for each in near for far in JOB_TRANSITIONS[each]}

    @rule()
    def submit(self) -> None:
        if len(self.last) < 4:
            self.store.submit(ASKED, self.now)

    @rule(passed=st.integers(1, LONG))
    def wait(self, passed: int) -> None:
        self.now += passed

    @rule(owner=st.sampled_from("abc"))
    def take(self, owner: str) -> None:
        if lease := self.store.lease(owner, self.now, LONG):
            holders = [o for o, held in self.leases.items() if held.job.id == lease.job.id]
            for other in holders:
                with pytest.raises(LeaseLost):
                    self.store.renew(self.leases.pop(other), self.now)
            self.leases[owner] = lease

    @rule(owner=st.sampled_from("abc"), end=st.sampled_from(["chunk", "give", "fail", "finish"]))
    def write(self, owner: str, end: str) -> None:
        if owner not in self.leases:
            return
        lease = self.leases[owner]
        done = self.store.chunks_done(lease.job.id, 0)
        try:
            if end == "chunk":
                self.store.save_chunk(lease, 0, len(done), b"", SOME, self.now)
                return
            if end == "give":
                self.store.release(lease, self.now)
            elif end == "fail":
                self.store.fail(lease, "bad", self.now)
            else:
                self.store.finish(lease, b"result", self.now)
        except LeaseLost:
            assert self.store.get(lease.job.id).lease_number != lease.number or (
                self.store.get(lease.job.id).lease_owner is None
            )
        del self.leases[owner]

    @rule(job_id=st.integers(1, 4), verb=st.sampled_from(["cancel", "resume"]))
    def person(self, job_id: int, verb: str) -> None:
        try:
            getattr(self.store, verb)(job_id, self.now)
        except (Conflict, NotFound):
            return

    @invariant()
    def one_holder_and_one_life(self) -> None:
        self.seen()
        for job in self.store.list():
            held = job.state in (JobState.RUNNING, JobState.CANCELLING)
            assert (job.lease_owner is not None) == held
            assert 0 <= job.attempts <= MAX_ATTEMPTS
            assert (job.state is JobState.PARKED) <= (job.error is not None)
            if job.state is JobState.DONE:
                assert self.store.result(job.id) == b"result"

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()


TestLivesOfJobs = LivesOfJobs.TestCase


def test_a_job_is_deleted_with_all_that_is_kept_of_it_and_never_from_under_a_worker(
    store: Jobs,
) -> None:
    job, other = store.submit(ASKED, 1), store.submit(ASKED, 2)
    with pytest.raises(Conflict, match="is queued"):
        store.delete(job.id, 3)
    lease = leased(store, "a", 10, job.id)
    with pytest.raises(Conflict, match="a works on it"):
        store.delete(job.id, 11)
    store.finish(lease, b"result", 20)
    store.delete(job.id, 21)
    with pytest.raises(NotFound):
        store.get(job.id)
    assert [each.id for each in store.list()] == [other.id]
    # its number is never given again
    assert store.submit(ASKED, 30).id > other.id
