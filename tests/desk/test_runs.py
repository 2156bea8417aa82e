"""`bowline runs` shows which runs there are and the life of one; a killed run is taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bowline.core.errors import Conflict
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.run import RunState
from bowline.core.model.values import StrategyId, Timeframe
from bowline.desk.journal import journal_path
from bowline.desk.runs import FINISHED, mark_running, mark_stopped, take_up
from bowline.storage.tables import RunRequest, Tables
from bowline.wire import open_journal, open_tables
from tests.conftest import Say

TREND = StrategyId("ab" * 32)
ASKED = RunRequest(
    kind="paper-replay",
    strategy_id=TREND,
    instrument=InstrumentId(MarketId(2), "BTCUSDT"),
    timeframe=Timeframe.M5,
    initial_cash=Decimal("1000.10"),
    request='{"speed":"max"}',
    request_hash="f" * 64,
    metadata={"warm_up": {"rule": "numeric_max_param_v1", "candles": 50}},
)
#: 2024-01-31 12:00 UTC
NOON = 1_706_702_400_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def tables(home: Path) -> Iterator[Tables]:
    store = open_tables(home)
    store.save_strategy(TREND, "btc-trend", "local", "{}", NOON)
    yield store
    store.close()


def test_a_killed_or_interrupted_run_is_taken_up_and_a_finished_one_is_not(tables: Tables) -> None:
    run = take_up(tables, ASKED, NOON)
    mark_running(tables, run.id, "begun", NOON)
    assert take_up(tables, ASKED, NOON + 1).id == run.id
    mark_running(tables, run.id, "taken up", NOON + 2)
    mark_stopped(tables, run.id, "interrupted", NOON + 3)
    assert take_up(tables, ASKED, NOON + 4).id == run.id
    assert take_up(tables, ASKED, NOON + 5, fresh=True).id == run.id + 1
    tables.add_metadata(run.id + 1, {FINISHED: True}, NOON + 6)
    assert take_up(tables, ASKED, NOON + 7).id == run.id + 2
    assert [(e.to_state.value, e.reason) for e in tables.run_events(run.id)][1:] == [
        ("running", "begun"), ("failed", "its process ended without recording a stop"),
        ("starting", "taken up"), ("running", "taken up"),
        ("stopping", "interrupted"), ("stopped", "interrupted"),
    ]  # fmt: skip


def test_a_run_killed_while_it_stopped_can_be_stopped_or_go_on(tables: Tables) -> None:
    for end in (mark_stopped, mark_running):
        run = take_up(tables, ASKED, NOON, fresh=True)
        mark_running(tables, run.id, "begun", NOON)
        tables.change_state(run.id, RunState.STOPPING, "asked", NOON)
        assert end(tables, run.id, "", NOON).state in {RunState.STOPPED, RunState.RUNNING}


def test_a_finished_run_cannot_be_stopped_again(tables: Tables) -> None:
    run = take_up(tables, ASKED, NOON)
    mark_running(tables, run.id, "begun", NOON)
    mark_stopped(tables, run.id, "done", NOON)
    with pytest.raises(Conflict, match="run 1 is stopped: it cannot become stopping"):
        mark_stopped(tables, run.id, "done", NOON)


def test_the_list_names_the_strategy(say: Say, tables: Tables) -> None:
    assert json.loads(say("runs", "list", "--json")[1]) == []
    tables.new_run(ASKED, NOON)
    mark_running(tables, tables.new_run(ASKED, NOON + SECOND).id, "begun", NOON)
    code, out, _ = say("runs", "list")
    head, newest, oldest = out.splitlines()
    assert code == 0
    assert head.split()[:4] == ["run", "kind", "state", "strategy"]
    assert newest.split() == [
        "2", "paper-replay", "running", "btc-trend", "binance:linear:BTCUSDT", "5m", "2024-01-31",
        "12:00:01",
    ]  # fmt: skip
    assert oldest.split()[:3] == ["1", "paper-replay", "starting"]
    (only,) = json.loads(say("runs", "list", "-n", "1", "--json")[1])
    assert (only["id"], only["strategy"], only["state"]) == (2, "btc-trend", "running")
    assert only["initial_cash"] == "1000.10"
    assert only["request"] == {"speed": "max"}


def test_show_tells_the_whole_life(say: Say, tables: Tables, home: Path) -> None:
    run = tables.new_run(ASKED, NOON)
    mark_running(tables, run.id, "warmed up", NOON + SECOND)
    open_journal(journal_path(home, run.id)).close()
    code, out, _ = say("runs", "show", "1")
    assert code == 0
    for words in (
        "btc-trend (abababababab)", "binance:linear:BTCUSDT 5m", "1,000.1",
        "run-1.db", "numeric_max_param_v1", "2024-01-31 12:00:01", "warmed up",
    ):  # fmt: skip
        assert words in out
    shown = json.loads(say("runs", "show", "1", "--json")[1])
    assert [event["to_state"] for event in shown["events"]] == ["starting", "running"]
    assert shown["may_become"] == ["stopping", "failed"]
    assert shown["metadata"] == ASKED.metadata
    assert shown["journal"] == str(journal_path(home, 1))


def test_an_unknown_run_is_said_to_be_unknown(say: Say, tables: Tables) -> None:
    code, _, err = say("runs", "show", "5")
    assert code == 1
    assert "there is no run 5" in err
    assert "bowline runs list" in err
