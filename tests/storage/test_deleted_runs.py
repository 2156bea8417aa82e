"""A deleted run is gone with its life, in either database, and its number is never given again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bowline.core.errors import NotFound
from bowline.core.model.run import RunState
from bowline.storage.tables import Tables
from tests.databases import open_engine
from tests.storage.test_tables import ASKED, TREND


@pytest.fixture
def tables(database_url: str) -> Iterator[Tables]:
    made = Tables(open_engine(database_url))
    made.save_strategy(TREND, "btc-trend", "local", '{"a":1}', 7)
    yield made
    made.close()


def test_a_deleted_run_leaves_the_others_and_frees_its_strategy(tables: Tables) -> None:
    first, second = tables.new_run(ASKED, 10), tables.new_run(ASKED, 11)
    tables.change_state(first.id, RunState.RUNNING, "begun", 12)
    assert [run.id for run in tables.runs_of(TREND)] == [second.id, first.id]
    tables.delete_run(first.id)
    for gone in (tables.get_run, tables.run_events, tables.delete_run):
        with pytest.raises(NotFound):
            gone(first.id)
    assert len(tables.run_events(second.id)) == 1
    tables.delete_run(second.id)
    assert tables.runs_of(TREND) == []
    assert tables.new_run(ASKED, 20).id > second.id
