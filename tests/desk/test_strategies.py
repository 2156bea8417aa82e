"""Protects: saved strategies are found, never change, and come back as what was saved."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bowline import wire
from bowline.cli import main
from bowline.core.errors import BadInput, NotFound
from bowline.core.model.policy import FirstSignal
from bowline.core.signals import canonical_json, strategy_id, strategy_name
from bowline.desk.strategies import StrategyDesk
from tests.generators import sample_specs

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
SMA = str(EXAMPLES / "specs/sma_cross.yaml")


@pytest.fixture
def desk(home: Path) -> Any:
    with wire.strategy_desk(home) as opened:
        yield opened


def test_a_strategy_is_saved_once_and_found_by_id_prefix_and_name(desk: StrategyDesk) -> None:
    spec = desk.load(SMA)
    saved, again = desk.create(spec, now_ns=5), desk.create(spec, now_ns=9)
    assert (saved.created, again.created) == (True, False)
    assert again.record == saved.record
    assert saved.record.created_ns == 5
    assert saved.record.spec == canonical_json(spec).decode()
    for word in (strategy_id(spec), strategy_id(spec)[:8], strategy_name(spec)):
        assert desk.load(word) == spec
        assert desk.show(word) == saved.record
    assert desk.saved() == [saved.record]


@pytest.mark.chance
def test_every_spec_comes_back_as_it_was_saved(desk: StrategyDesk) -> None:
    """Through the tables and their text, with every sizing, stop and number."""
    for number, spec in enumerate(sample_specs(48, seed=11)):
        record = desk.create(spec, now_ns=number).record
        assert desk.load(record.id) == spec
        assert strategy_id(desk.load(record.name)) == record.id


def test_a_changed_copy_is_another_strategy(desk: StrategyDesk) -> None:
    first = desk.create(desk.load(SMA), now_ns=1).record
    changed = desk.load(first.name, ["indicators[0].params.fast=12", "stops.sl_pct=2"])
    second = desk.create(changed, now_ns=2).record
    assert second.id != first.id
    assert second.name.startswith("sma_cross-12-50 1h long-short sl2 ")
    assert desk.show(first.id) == first
    with pytest.raises(BadInput) as caught:
        desk.load(first.id, ["indicators[0].params.fast=1000"])
    assert caught.value.problems[0].startswith("indicators[0].params.fast: 1000")


def test_what_is_not_there_is_named(desk: StrategyDesk, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no strategy 'nothing'"):
        desk.load("nothing")
    with pytest.raises(NotFound, match=r"there is no file .*none\.yaml"):
        desk.load(str(tmp_path / "none.yaml"))


def test_a_spec_in_a_file_needs_no_database_and_runs_no_plugin(home: Path) -> None:
    """A backtest of a file must leave nothing behind, and nobody's code runs without need."""

    def never() -> Any:
        raise AssertionError("opened without need")

    with StrategyDesk(never, wire.load_catalogue, never) as desk:
        opinion = desk.opinion(desk.load(SMA))
    assert opinion.warmup == 200
    assert not list(home.iterdir())


# --- the same through the command -------------------------------------------------------------


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def bowline(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """`bowline strategy` in this process: another one would take a second to import everything."""

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bowline", "strategy", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return run


def document(done: Done) -> Any:
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_whole_walk_by_command(bowline: Callable[..., Done], tmp_path: Path) -> None:
    """create, list, show, clone, for machines and for people; show gives a spec to work on."""
    made = document(bowline("create", SMA, "--json"))
    assert made["created"] is True
    assert document(bowline("create", SMA, "--json")) == made | {"created": False}
    prefix = made["id"][:10]
    shown = document(bowline("show", prefix, "--json"))
    assert shown["spec"]["indicators"][0]["params"] == {"fast": 10, "slow": 50}
    printed = bowline("clone", prefix, "--set", "stops.sl_pct=1.5", "--print")
    (tmp_path / "changed.yaml").write_text(printed.out)
    cloned = document(bowline("clone", prefix, "--set", "stops.sl_pct=1.50", "--json"))
    assert cloned["created"] is True
    assert (
        document(bowline("create", str(tmp_path / "changed.yaml"), "--json"))["id"] == cloned["id"]
    )
    assert [each["id"] for each in document(bowline("list", "--json"))] == [
        made["id"],
        cloned["id"],
    ]
    assert made["name"] in bowline("show", prefix).out
    assert made["id"][:12] in bowline("list").out


#: as it lay in the tables before there was a choice of the first signal; its id was this
FORMER = (
    '{"direction":"long-short","indicators":[{"id":"sma_cross","params":{"fast":10,"slow":50},'
    '"version":1}],"sizing":{"mode":"all_in"},"stops":{"sl_pct":1.5,"tp_pct":3},'
    '"timeframe":"1h","version":1}'
)
FORMER_ID = "66d7960f4d6038e4"


def test_what_was_saved_before_the_choice_keeps_its_meaning_and_its_id(
    bowline: Callable[..., Done], home: Path, tmp_path: Path
) -> None:
    """Loaded, shown, printed, cloned and read back from what was shown: it enters on the first."""
    former_id = hashlib.sha256(FORMER.encode()).hexdigest()
    assert former_id.startswith(FORMER_ID)
    with closing(wire.open_tables(home)) as tables:
        tables.save_strategy(former_id, "former", "local", FORMER, 5)
    with wire.strategy_desk(home) as desk:
        spec = desk.load("former")
        assert spec.first_signal is FirstSignal.ENTER
        assert strategy_id(spec) == former_id
        # the same words in a file of today wait
        assert desk.read(json.loads(FORMER)).first_signal is FirstSignal.WAIT
        assert strategy_id(desk.read(json.loads(FORMER))) != former_id
    shown = (
        bowline("show", "former").out,
        json.dumps(document(bowline("show", "former", "--json"))["spec"]),
        json.dumps(document(bowline("list", "--json"))[0]["spec"]),
        bowline("clone", "former", "--print").out,
        json.dumps(document(bowline("clone", "former", "--print", "--json"))),
    )
    for number, text in enumerate(shown):
        assert "first_signal" in text
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        again = document(bowline("create", str(path), "--json"))
        assert again == {"id": former_id, "name": "former", "created": False}
    cloned = document(bowline("clone", "former", "--set", "stops.sl_pct=2", "--json"))["id"]
    assert document(bowline("show", cloned, "--json"))["spec"]["first_signal"] == "enter"
    waits = document(bowline("clone", "former", "--set", "first_signal=wait", "--json"))["id"]
    assert document(bowline("show", waits, "--json"))["spec"]["first_signal"] == "wait"
    refused = bowline("clone", "former", "--set", "first_signal=late")
    assert "first_signal: 'late': did you mean wait? expected one of wait, enter" in refused.err


def test_a_bad_spec_ends_with_every_mistake_and_exit_code_1(
    bowline: Callable[..., Done], tmp_path: Path
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("version: 1\ntimeframe: 1hour\ndirection: long\nindicators: [{id: sma}]\n")
    done = bowline("create", str(path))
    assert done.code == 1
    assert not done.out
    for words in ("the spec has 3 mistakes", "- timeframe: '1hour'", "- direction:", "- sizing:"):
        assert words in done.err
    path.write_text("version: 1\n  timeframe: [")
    failed = bowline("create", str(path), "--json")
    assert failed.code == 1
    assert "line 2" in json.loads(failed.err)["error"]["message"]


def test_plugins_by_command(bowline: Callable[..., Done], home: Path) -> None:
    """Refused, trusted, listed, used; then changed and refused again, its strategy still shown."""
    folder = home / "strategies"
    folder.mkdir()
    plugin = folder / "breakout.py"
    plugin.write_text((EXAMPLES / "strategies/breakout.py").read_text())
    spec = str(EXAMPLES / "specs/breakout_plugin.yaml")
    assert "see `bowline strategy plugins`" in bowline("create", spec).err
    assert "is not trusted" in document(bowline("plugins", "--json"))["not_loaded"][0]["message"]
    assert "is not trusted" in bowline("plugins").err
    trusted = document(bowline("trust", "breakout.py", "--json"))
    listed = document(bowline("plugins", "--json"))["plugins"]
    assert [(each["id"], each["code"]) for each in listed] == [("breakout", trusted["sha256"])]
    assert "breakout" in bowline("plugins").out
    made = document(bowline("create", spec, "--json"))
    plugin.write_text(plugin.read_text() + "# changed\n")
    document(bowline("trust", str(plugin), "--json"))
    refused = bowline("clone", made["id"], "--set", "strategy.params.period=10")
    assert "changed code is another strategy" in refused.err
    again = document(bowline("clone", made["id"], "--set", "strategy.code=null", "--json"))
    assert again["id"] != made["id"]
    assert (
        document(bowline("show", made["id"], "--json"))["spec"]["strategy"]["code"]
        == trusted["sha256"]
    )
