"""Deletion of candles, funding rates, strategies, runs and jobs.

Nothing in use may be deleted, and nothing may be left half deleted.

1. `plan_...` says what would go and what depends on it. Nothing is changed.
2. `delete_...` looks again, refuses (Conflict) while something uses it, and deletes.
3. A run is deleted under the lock of its journal: first its rows, in one transaction, then the
   files. What a crash leaves of the files goes when the deletion is repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import msgspec

from bowline.core.errors import Conflict, NotFound, Unreachable
from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.desk.candles import expect_stored, name_of, utc_text
from bowline.desk.journal import journal_path
from bowline.storage.candles import FOREVER_NS, Candles
from bowline.storage.jobs import Jobs, StoredJob
from bowline.storage.tables import StoredRun, StrategyRecord, Tables

_NAMED = 10


class DeletionPlan(msgspec.Struct, frozen=True):
    """What would go, by name and count; what depends on it; and what uses it at this moment.

    `name` is what a person types to confirm.
    """

    name: str
    goes: tuple[str, ...]
    depends: tuple[str, ...] = ()
    in_use: tuple[str, ...] = ()
    remedy: str = "Let it finish or stop it first."

    def refuse_in_use(self) -> None:
        """Conflict if something is at work on it."""
        if self.in_use:
            raise Conflict(
                f"{self.name} is in use: {self.in_use[0]}",
                problems=self.in_use,
                hint=self.remedy,
            )


class DeletionStores(msgspec.Struct, frozen=True):
    """The stores of a home, and how to hold what may be at work in it.

    `hold_journal` and `hold_recorder` raise Conflict if another process holds them.
    """

    home: Path
    candles: Candles
    tables: Tables
    jobs: Jobs
    hold_journal: Callable[[Path], AbstractContextManager[object]]
    hold_recorder: Callable[[], AbstractContextManager[object]]


# --- candles and funding ----------------------------------------------------------------------


def plan_candles(
    stores: DeletionStores, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS
) -> DeletionPlan:
    """What deleting candles would take; NotFound if none is stored."""
    entry = expect_stored(stores.candles, instrument)
    whole = start_ns <= entry.first_ns and end_ns > entry.last_ns
    span = f"{utc_text(entry.first_ns)} to {utc_text(entry.last_ns)}"
    goes = [f"{entry.candles:,} one-minute candles, {span}"]
    if not whole:
        last = "their end" if end_ns == FOREVER_NS else utc_text(end_ns)
        goes = [f"those from {utc_text(start_ns)} up to {last} of {goes[0]}"]
    if entry.filled:
        goes.append(f"{entry.filled:,} of them were filled flat")
    goes.append("their import records: the files can be imported again")
    depends, in_use = _users(stores, instrument)
    return DeletionPlan(name_of(instrument), tuple(goes), depends, (*in_use, *_recorder(stores)))


def delete_candles(
    stores: DeletionStores, instrument: InstrumentId, start_ns: int = 0, end_ns: int = FOREVER_NS
) -> int:
    """Delete candles that open in the range, and how many they were; Conflict if in use."""
    plan_candles(stores, instrument, start_ns, end_ns).refuse_in_use()
    return stores.candles.delete(instrument, start_ns, end_ns)


def plan_funding(stores: DeletionStores, instrument: InstrumentId) -> DeletionPlan:
    """What deleting funding rates would take; NotFound if none is stored."""
    stored = stores.candles.funding_coverage()
    for each in stored:
        if each.instrument == instrument:
            span = f"{utc_text(each.first_ns)} to {utc_text(each.last_ns)}"
            depends, in_use = _users(stores, instrument)
            goes = (f"{each.rates:,} funding rates, {span}",)
            return DeletionPlan(name_of(instrument), goes, depends, in_use)
    there = ", ".join(name_of(each.instrument) for each in stored) or "nothing yet"
    raise NotFound(
        f"no funding rates of {name_of(instrument)} are stored", hint=f"Stored: {there}."
    )


def delete_funding(stores: DeletionStores, instrument: InstrumentId) -> int:
    """Delete all rates of an instrument, and how many they were; Conflict if in use."""
    plan_funding(stores, instrument).refuse_in_use()
    return stores.candles.delete_funding(instrument)


def _users(
    stores: DeletionStores, instrument: InstrumentId
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What depends on an instrument's candles, and what is at work on them."""
    depends, in_use = [], []
    for run in stores.tables.list_runs():
        if run.instrument == instrument:
            if _at_work(stores, run):
                in_use.append(f"run {run.id} is using it")
            else:
                depends.append(f"run {run.id} ({run.state.value}): its replay needs them")
    for job in stores.jobs.list():
        if _works_on(job, instrument):
            if not job.state.finished:
                in_use.append(f"job {job.id} is {job.state.value}")
            else:
                depends.append(
                    f"job {job.id} ({job.state.value}): its result is read together with them"
                )
    depends += [
        f"strategy {record.name} refers to it"
        for record in stores.tables.list_strategies()
        if _names(record, instrument)
    ]
    return tuple(depends), tuple(in_use)


def _works_on(job: StoredJob, instrument: InstrumentId) -> bool:
    try:
        asked = msgspec.json.decode(job.payload, type=_Payload)
    except msgspec.DecodeError:
        return False
    market = market_by_id(instrument.market_id).name
    return not asked.file and (asked.market, asked.symbol) == (market, instrument.symbol)


class _Payload(msgspec.Struct):
    """Of a job's payload (`SweepPayload`), what says which candles it works on."""

    market: str = ""
    symbol: str = ""
    file: str = ""


def _names(record: StrategyRecord, instrument: InstrumentId) -> bool:
    market = market_by_id(instrument.market_id).name
    named = msgspec.json.decode(record.spec, type=_Named).instrument
    return named == {"market": market, "symbol": instrument.symbol}


class _Named(msgspec.Struct):
    """Of a spec, its instrument."""

    instrument: dict[str, str] | None = None


def _recorder(stores: DeletionStores) -> Iterator[str]:
    try:
        with stores.hold_recorder():
            return
    except Unreachable:
        # a disk that takes no lock is not somebody at work
        raise
    except Conflict:
        yield "bowline ingest is recording into this store"


# --- runs, strategies, jobs -------------------------------------------------------------------


def plan_run(stores: DeletionStores, run_id: int) -> DeletionPlan:
    """What deleting a run would take; NotFound if there is none, and no file of it either."""
    files = _files(stores.home, run_id)
    try:
        run = stores.tables.get_run(run_id)
    except NotFound:
        if not files:
            raise
        # its rows are gone, and a crash kept its files
        return DeletionPlan(f"run-{run_id}", tuple(map(str, files)))
    goes = (f"the {run.kind} run {run_id} and its state history", *(f"{each}" for each in files))
    in_use = (f"run {run_id} is running",) if _at_work(stores, run) else ()
    depends = () if not files else ("backups with its journal are removed by rotation later",)
    return DeletionPlan(f"run-{run_id}", goes, depends, in_use)


def delete_run(stores: DeletionStores, run_id: int) -> None:
    """Delete a run and its journal; Conflict if a process is at work on it."""
    plan_run(stores, run_id).refuse_in_use()
    path = journal_path(stores.home, run_id)
    with ExitStack() as held:
        if path.parent.is_dir():
            held.enter_context(stores.hold_journal(path))
        try:
            stores.tables.delete_run(run_id)
        except NotFound:
            if not _files(stores.home, run_id):
                raise
        for each in _files(stores.home, run_id):
            if not each.name.endswith(".lock"):
                each.unlink(missing_ok=True)
    for each in _files(stores.home, run_id):
        each.unlink(missing_ok=True)


def plan_strategy(stores: DeletionStores, word: str) -> DeletionPlan:
    """What deleting a strategy would take; its runs must go first."""
    record = stores.tables.get_strategy(word)
    runs = stores.tables.runs_of(record.id)
    in_use = tuple(
        f"run {run.id} ({run.state.value}) was made of it: bowline runs delete {run.id}"
        for run in runs[:_NAMED]
    )
    if len(runs) > _NAMED:
        in_use += (f"and {len(runs) - _NAMED} more runs",)
    goes = (f"strategy {record.name} ({record.id[:12]})",)
    return DeletionPlan(
        record.name, goes, (), in_use, "Delete the runs that were made of it first."
    )


def delete_strategy(stores: DeletionStores, word: str) -> None:
    """Delete a strategy; Conflict if runs were made of it, which must stay explainable."""
    plan_strategy(stores, word).refuse_in_use()
    stores.tables.delete_strategy(stores.tables.get_strategy(word).id)


def plan_job(stores: DeletionStores, job_id: int) -> DeletionPlan:
    """What deleting a job would take."""
    job = stores.jobs.get(job_id)
    goes = (f"job {job_id} ({job.state.value}): {job.title}", "its chunks and its result")
    kept = ("strategies saved from its rows and the count of trials are kept",)
    waits = f"it is {job.state.value}: bowline jobs cancel {job_id}"
    in_use = () if job.state.finished else (waits,)
    return DeletionPlan(f"job-{job_id}", goes, kept, in_use)


def delete_job(stores: DeletionStores, job_id: int) -> None:
    """Delete a job; Conflict if it waits or a worker holds it."""
    stores.jobs.delete(job_id, time.time_ns())


def _at_work(stores: DeletionStores, run: StoredRun) -> bool:
    """Whether a process holds its journal: a state may be of one that died."""
    path = journal_path(stores.home, run.id)
    if not path.parent.is_dir():
        return False
    try:
        with stores.hold_journal(path):
            return False
    except Unreachable:
        raise
    except Conflict:
        return True


def _files(home: Path, run_id: int) -> list[Path]:
    """The journal of a run and what lies beside it under its name."""
    return sorted((home / "journals").glob(f"run-{run_id}.*"))
