"""Strategies never change, runs move only along their table, and nothing is lost or rounded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from msgspec.structs import replace

from bowline.core.errors import BadInput, BowlineError, Conflict, NotFound
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.run import RUN_TRANSITIONS, RunState
from bowline.core.model.values import RunId, StrategyId, Timeframe
from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine
from bowline.storage.tables import RunEvent, RunRequest, Tables

TREND = StrategyId("ab" * 32)
OTHER = StrategyId("abcd" + "0" * 60)
ASKED = RunRequest(
    kind="paper-replay",
    strategy_id=TREND,
    instrument=InstrumentId(MarketId(1), "BTCUSDT"),
    timeframe=Timeframe.M5,
    initial_cash=Decimal("1000.10"),
    request='{"speed":"max"}',
    request_hash="f" * 64,
    metadata={"warm_up": {"rule": "numeric_max_param_v1", "candles": 50}},
)


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    store = Tables(migrated_sqlite_engine(tmp_path / "tables.db"))
    yield store
    store.close()


@pytest.fixture
def saved(tables: Tables) -> Tables:
    tables.save_strategy(TREND, "btc-trend", "local", '{"a":1}', 7)
    return tables


def test_a_strategy_is_found_by_id_name_and_the_beginning_of_its_id(saved: Tables) -> None:
    record = saved.get_strategy(TREND)
    assert (record.id, record.name, record.owner, record.spec, record.created_ns) == (
        TREND, "btc-trend", "local", '{"a":1}', 7,
    )  # fmt: skip
    assert saved.get_strategy("btc-trend") == record
    assert saved.get_strategy("abab") == saved.get_strategy("ABAB") == record
    for word in ("", "%", "_b", "zz", "trend"):
        with pytest.raises(NotFound, match="no strategy"):
            saved.get_strategy(word)


def test_an_ambiguous_beginning_names_the_candidates(saved: Tables) -> None:
    saved.save_strategy(OTHER, "eth-trend", "local", '{"a":2}', 8)
    with pytest.raises(BadInput) as error:
        saved.get_strategy("ab")
    assert len(error.value.problems) == 2
    assert "eth-trend" in error.value.problems[1]


def test_a_name_wins_over_the_beginning_of_an_id(saved: Tables) -> None:
    saved.save_strategy(OTHER, "abab", "local", '{"a":2}', 8)
    assert saved.get_strategy("abab").id == OTHER


def test_saving_again_changes_nothing_and_a_name_is_never_given_twice(saved: Tables) -> None:
    first = saved.get_strategy(TREND)
    assert saved.save_strategy(TREND, "another-name", "other", "{}", 99) == first
    with pytest.raises(Conflict, match="other content"):
        saved.save_strategy(OTHER, "btc-trend", "local", '{"a":2}', 8)
    assert saved.list_strategies() == [first]


def test_a_strategy_with_runs_cannot_be_deleted(saved: Tables) -> None:
    saved.save_strategy(OTHER, "eth-trend", "local", '{"a":2}', 8)
    saved.new_run(ASKED, 10)
    with pytest.raises(Conflict, match="1 runs"):
        saved.delete_strategy(TREND)
    saved.delete_strategy(OTHER)
    assert [record.id for record in saved.list_strategies()] == [TREND]
    with pytest.raises(NotFound):
        saved.delete_strategy(OTHER)


def test_a_run_comes_back_as_it_was_asked_for(saved: Tables) -> None:
    run = saved.new_run(ASKED, 10)
    assert saved.get_run(run.id) == run
    for name in RunRequest.__struct_fields__:
        assert getattr(run, name) == getattr(ASKED, name)
    assert str(run.initial_cash) == "1000.10"
    assert (run.id, run.state, run.created_ns, run.updated_ns) == (1, RunState.STARTING, 10, 10)
    assert saved.run_events(1) == [RunEvent(1, None, RunState.STARTING, "created", 10)]


def test_a_run_of_an_unknown_strategy_is_refused(tables: Tables) -> None:
    with pytest.raises(NotFound, match="no strategy"):
        tables.new_run(ASKED, 10)
    assert tables.list_runs() == []


def test_an_unknown_run_is_not_found(saved: Tables) -> None:
    for verb in (saved.get_run, saved.run_events):
        with pytest.raises(NotFound, match="no run 9"):
            verb(9)
    with pytest.raises(NotFound, match="no run 9"):
        saved.change_state(9, RunState.RUNNING, "", 1)


def test_runs_are_listed_newest_first_and_by_kind(saved: Tables) -> None:
    assert saved.list_runs() == []
    for kind in ("paper-replay", "paper-live", "paper-replay"):
        saved.new_run(replace(ASKED, kind=kind), 10)
    assert [run.id for run in saved.list_runs()] == [3, 2, 1]
    assert [run.id for run in saved.list_runs("paper-replay", limit=1)] == [3]
    assert [run.id for run in saved.list_runs("paper-live")] == [2]


def test_the_newest_run_of_the_same_request_is_found_again(saved: Tables) -> None:
    saved.new_run(replace(ASKED, request_hash="0" * 64), 10)
    assert saved.latest_of(ASKED.request_hash) is None
    saved.new_run(ASKED, 10)
    newest = saved.new_run(ASKED, 11)
    saved.new_run(replace(ASKED, request_hash="1" * 64), 12)
    assert saved.latest_of(ASKED.request_hash) == newest


def test_metadata_grows_and_the_rest_of_the_run_stays(saved: Tables) -> None:
    run = saved.new_run(ASKED, 10)
    grown = saved.add_metadata(run.id, {"tape_hash": "x", "candles": [1, 2]}, 20)
    assert grown.metadata == {**ASKED.metadata, "tape_hash": "x", "candles": [1, 2]}
    assert replace(grown, metadata=run.metadata, updated_ns=10) == run


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each of two connections makes runs and moves them; no id is given twice, no move is lost."""
    first = Tables(migrated_sqlite_engine(tmp_path / "tables.db"))
    first.save_strategy(TREND, "btc-trend", "local", "{}", 1)
    errors: list[Exception] = []

    def work() -> None:
        try:
            store = Tables(migrated_sqlite_engine(tmp_path / "tables.db"))
            for _ in range(10):
                run = store.new_run(ASKED, 1)
                store.change_state(run.id, RunState.RUNNING, "", 2)
            store.close()
        except (BowlineError, sa.exc.SQLAlchemyError) as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    runs = first.list_runs()
    assert [run.id for run in runs] == list(range(30, 0, -1))
    assert {run.state for run in runs} == {RunState.RUNNING}
    first.close()


amounts = st.decimals(
    min_value=Decimal("-1e19"), max_value=Decimal("1e19"), places=18, allow_nan=False
)


@settings(max_examples=20)
@given(st.lists(amounts, min_size=1, max_size=20))
def test_an_amount_keeps_every_digit(values: list[Decimal]) -> None:
    with TemporaryDirectory() as folder:
        store = Tables(migrated_sqlite_engine(Path(folder, "tables.db")))
        store.save_strategy(TREND, "btc-trend", "local", "{}", 1)
        made = [store.new_run(replace(ASKED, initial_cash=value), 1) for value in values]
        assert [store.get_run(run.id).initial_cash for run in made] == values
        store.close()


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e-19", "1e20", "-1e20"])
def test_an_amount_no_store_could_keep_is_refused(saved: Tables, text: str) -> None:
    with pytest.raises(BadInput, match="cannot be kept exactly"):
        saved.new_run(replace(ASKED, initial_cash=Decimal(text)), 1)
    assert saved.list_runs() == []


def test_every_state_is_in_the_table_and_a_refusal_names_what_is_allowed(saved: Tables) -> None:
    assert set(RUN_TRANSITIONS) == set(RunState)
    run = saved.new_run(ASKED, 10)
    with pytest.raises(Conflict, match="run 1 is starting: it cannot become stopped") as error:
        saved.change_state(run.id, RunState.STOPPED, "", 11)
    assert error.value.hint == "from starting a run can become running or stopping or failed"
    assert len(saved.run_events(run.id)) == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Conflict, match="cannot be made"):
        Tables(migrated_sqlite_engine(tmp_path / "file" / "home" / "tables.db"))


class RunsInTheStore(RuleBasedStateMachine):
    """Whatever is tried in whatever order, the store agrees with a model that only has the rules.

    The rules are written out here once more, so that a change of the table is noticed.
    """

    runs = Bundle("runs")
    allowed: ClassVar = {
        "starting": {"running", "stopping", "failed"},
        "running": {"stopping", "failed"},
        "stopping": {"stopped", "running", "failed"},
        "stopped": {"starting"},
        "failed": {"starting"},
    }

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name, "tables.db")
        self.store = Tables(migrated_sqlite_engine(self.path))
        self.store.save_strategy(TREND, "btc-trend", "local", "{}", 1)
        self.lives: dict[int, list[str]] = {}
        self.hashes: dict[int, str] = {}
        self.now = 0

    @rule(target=runs, request_hash=st.sampled_from("pq"))
    def make(self, request_hash: str) -> object:
        self.now += 1
        run = self.store.new_run(replace(ASKED, request_hash=request_hash), self.now)
        assert run.id == len(self.lives) + 1
        self.lives[run.id] = ["starting"]
        self.hashes[run.id] = request_hash
        return multiple(run.id)

    @rule(run_id=runs, to=st.sampled_from(RunState))
    def move(self, run_id: RunId, to: RunState) -> None:
        self.now += 1
        life = self.lives[run_id]
        if to.value in self.allowed[life[-1]]:
            assert self.store.change_state(run_id, to, "asked", self.now).updated_ns == self.now
            life.append(to.value)
        else:
            with pytest.raises(Conflict):
                self.store.change_state(run_id, to, "asked", self.now)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Tables(migrated_sqlite_engine(self.path))

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "store"):
            return
        assert {run.id: run.state.value for run in self.store.list_runs()} == {
            run_id: life[-1] for run_id, life in self.lives.items()
        }
        for run_id, life in self.lives.items():
            events = self.store.run_events(run_id)
            assert [event.to_state.value for event in events] == life
            assert [event.from_state and event.from_state.value for event in events] == [
                None,
                *life[:-1],
            ]
            assert [event.seq for event in events] == list(range(1, len(life) + 1))
        for request_hash in "pq":
            found = self.store.latest_of(request_hash)
            same = [run_id for run_id in self.lives if self.hashes[run_id] == request_hash]
            assert (found.id if found else None) == max(same, default=None)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


TestRunsInTheStore = RunsInTheStore.TestCase
TestRunsInTheStore.settings = settings(max_examples=10, stateful_step_count=15, deadline=None)
