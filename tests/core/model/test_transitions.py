"""The lives of runs and jobs: every state has its row, every state is reached, no end is a trap.

The legal steps stand here once more, from what the pages on runs and jobs say; orders have a table
of their own in `test_order_life.py`.
"""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from pkgutil import iter_modules

import pytest

from bowline.core import model
from bowline.core.model.job import JOB_TRANSITIONS, JobState, leads_to
from bowline.core.model.run import RUN_TRANSITIONS, RunState

RUNS = {
    # killed at the start, it fails; told to stop before it began, it stops
    "starting": "running stopping failed",
    "running": "stopping failed",
    # a stop may be withdrawn
    "stopping": "stopped running failed",
    # only a person starts it again
    "stopped": "starting",
    "failed": "starting",
}
JOBS = {
    "queued": "running cancelled",
    # to another worker when its own is gone, and back into the queue when that gives it up
    "running": "running queued cancelling parked done",
    # the last chunk may be done before the wish to cancel is seen
    "cancelling": "cancelled done",
    # `resume` puts them back, what is done stays done
    "cancelled": "queued",
    "parked": "queued",
    "done": "",
}


@pytest.mark.parametrize(
    ("table", "states", "expected"),
    [(RUN_TRANSITIONS, RunState, RUNS), (JOB_TRANSITIONS, JobState, JOBS)],
)
def test_every_state_leads_where_the_design_says(table, states, expected) -> None:
    told = {state.value: {each.value for each in ends} for state, ends in table.items()}
    assert told == {state: set(ends.split()) for state, ends in expected.items()}
    assert {state.value for state in states} == expected.keys()


@pytest.mark.parametrize(
    ("table", "begin"), [(RUN_TRANSITIONS, RunState.STARTING), (JOB_TRANSITIONS, JobState.QUEUED)]
)
def test_every_state_is_reached_from_the_first(table, begin) -> None:
    reached, waiting = {begin}, [begin]
    while waiting:
        new = set(table[waiting.pop()]) - reached
        reached |= new
        waiting += new
    assert reached == set(type(begin))


@pytest.mark.parametrize("state", JobState)
def test_what_leads_to_a_state_is_what_the_table_says_backwards(state) -> None:
    assert {each.value for each in leads_to(state)} == {
        before for before, ends in JOBS.items() if state.value in ends.split()
    }


def test_only_states_that_nobody_works_on_are_finished() -> None:
    assert {each.value for each in RunState if each.finished} == {"stopped", "failed"}
    assert {each.value for each in JobState if each.finished} == {"cancelled", "parked", "done"}


def test_every_table_of_transitions_has_a_row_for_every_state() -> None:
    """Of all there are in the model, also of those that are added later."""
    found = 0
    for each in iter_modules(model.__path__):
        module = import_module(f"bowline.core.model.{each.name}")
        for name, table in vars(module).items():
            if name.endswith("TRANSITIONS") and isinstance(table, dict):
                found += 1
                (kind,) = {type(state) for state in table}
                assert issubclass(kind, Enum)
                assert list(table) == list(kind), name
    assert found >= 3
