"""Runs for the user: list and show them; and how a run is resumed or created.

States change along `RUN_TRANSITIONS` only, and each change is stored with its reason.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from bowline.core.model.run import RUN_TRANSITIONS, RunState
from bowline.desk.journal import journal_path
from bowline.storage.tables import RunEvent, RunRequest, StoredRun, Tables

#: metadata: whether a run saw its last candle
FINISHED = "finished"


class RunView(Struct, frozen=True):
    """A run, the name of its strategy, its state history, and its journal if it has one."""

    run: StoredRun
    strategy: str
    events: list[RunEvent]
    may_become: tuple[RunState, ...]
    journal: Path | None


def list_runs(tables: Tables, limit: int) -> list[tuple[StoredRun, str]]:
    """The newest runs, each with its strategy's name, newest first."""
    names = {record.id: record.name for record in tables.list_strategies()}
    return [(run, names[run.strategy_id]) for run in tables.list_runs(limit=limit)]


def show_run(tables: Tables, home: Path, run_id: int) -> RunView:
    """Everything about one run; NotFound if there is none."""
    run = tables.get_run(run_id)
    path = journal_path(home, run_id)
    return RunView(
        run=run,
        strategy=tables.get_strategy(run.strategy_id).name,
        events=tables.run_events(run_id),
        may_become=RUN_TRANSITIONS[run.state],
        journal=path if path.is_file() else None,
    )


def take_up(tables: Tables, asked: RunRequest, now_ns: int, *, fresh: bool = False) -> StoredRun:
    """The newest run of the same request if it has not seen its last candle, or a new one.

    With `fresh` it is always a new one. Whoever is at work on an unfinished run holds its journal.
    """
    newest = None if fresh else tables.latest_of(asked.request_hash)
    if newest is None or newest.metadata.get(FINISHED):
        return tables.new_run(asked, now_ns)
    return newest


def mark_running(tables: Tables, run_id: int, reason: str, now_ns: int) -> StoredRun:
    """Note that a run is at work. One that seems to be at work already lost its process."""
    state = tables.get_run(run_id).state
    if not (state.finished or state is RunState.STARTING):
        tables.change_state(
            run_id, RunState.FAILED, "its process ended without recording a stop", now_ns
        )
        state = RunState.FAILED
    if state.finished:
        tables.change_state(run_id, RunState.STARTING, reason, now_ns)
    return tables.change_state(run_id, RunState.RUNNING, reason, now_ns)


def mark_stopped(tables: Tables, run_id: int, reason: str, now_ns: int) -> StoredRun:
    """Note that a run was brought to its end; Conflict if it was not at work."""
    if tables.get_run(run_id).state is not RunState.STOPPING:
        tables.change_state(run_id, RunState.STOPPING, reason, now_ns)
    return tables.change_state(run_id, RunState.STOPPED, reason, now_ns)
