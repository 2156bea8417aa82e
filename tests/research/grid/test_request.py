"""A grid request is narrowed and never widened, and says every mistake with its place."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bowline.core.errors import BadInput
from bowline.desk.setup import RunOptions
from bowline.desk.spec_text import read_spec_file
from bowline.desk.sweeps import SweepOptions, prepare_sweep
from bowline.research.grid import SweepBudget, parse_grid, plan_grid
from bowline.storage.candles import Candles
from tests.generators import catalogue
from tests.research.grids import START_NS, minutes, raw_grid, request

REPO = Path(__file__).resolve().parents[3]


def values(raw: object, indicator: str = "sma", name: str = "period") -> tuple[object, ...]:
    slot = request(indicators=[{"id": indicator, "params": {name: raw}}], choose=1).slots[0]
    return next(axis.values for axis in slot.axes if axis.name == name)


def problems(**changes: Any) -> str:
    with pytest.raises(BadInput) as caught:
        request(**changes)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (14, (14,)),
        ([10, 50, 20], (10, 50, 20)),
        ({"start": 10, "stop": 50, "step": 20}, (10, 30, 50)),
        ({"start": 998}, (998, 999, 1000)),
        ({"points": 3, "start": 10, "stop": 20}, (10, 15, 20)),
        ({"points": 4, "start": 5, "stop": 40}, (5, 10, 20, 40)),
    ],
)
def test_an_axis_has_the_values_its_words_mean(raw: object, expected: tuple[int, ...]) -> None:
    assert values(raw) == expected


def test_fractions_are_steps_of_the_catalogue_and_no_sums_of_floats() -> None:
    found = values({"start": Decimal("0.1"), "stop": Decimal("0.5")}, "bbands", "deviations")
    assert found == (0.1, 0.2, 0.3, 0.4, 0.5)


def test_the_catalogues_whole_range_is_what_the_catalogue_allows() -> None:
    assert values("catalogue") == tuple(range(2, 1001))
    slot = request(indicators=[{"id": "donchian", "params": "catalogue"}], choose=1).slots[0]
    assert slot.count == 499


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([1, 5], "indicators[0].params.period: 1 is not allowed: expected int from 2 to 1000"),
        ({"start": 1, "stop": 5}, "not within what is allowed: int from 2 to 1000"),
        ({"start": 5, "stop": 1001}, "not within what is allowed"),
        ({"step": Decimal("0.5")}, "not a multiple of 1"),
        ({"points": 0}, "points 0"),
        ({"form": 3}, "expected a value"),
        ([5, 5], "5 is given twice"),
        ([], "expected a value"),
        ("all", "has the wrong type"),
    ],
)
def test_an_axis_is_never_widened_past_the_hard_bounds(raw: object, said: str) -> None:
    assert said in problems(indicators=[{"id": "sma", "params": {"period": raw}}], choose=1)


def test_every_mistake_is_told_at_once() -> None:
    said = problems(
        timeframe="7m",
        indicators=[{"id": "sma_kross"}, {"id": "atr"}, {"id": "sma", "params": {"size": 3}}],
        stops={"sl_pct": [0, 200]},
        rank_by="luck",
        top=0,
        kepe={},
        choose=1,
    )
    for part in (
        "timeframe: '7m'", "indicators[0].id: there is no indicator", "sma_cross",
        "indicators[1].id: atr gives no signal", "indicators[2].params.size: no such field",
        "stops.sl_pct: 0 is not allowed", "stops.sl_pct: 200", "rank_by: luck", "top: 0",
        "kepe: no such field: did you mean keep?",
    ):  # fmt: skip
        assert part in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"choose": "1..3"}, "choose: expected"),
        ({"choose": "many"}, "choose: expected"),
        ({"constraints": ["sma_cross_fast <"]}, "ends too early"),
        ({"constraints": ["sma_cross_fast + 1"]}, "must be a comparison"),
        ({"constraints": ["fast < 3"]}, "'fast' is not a parameter"),
        ({"limits": {"cooldown_candles": 3}}, "a sweep does not support limits"),
        ({"fills": "intrabar"}, "fills: intrabar: a sweep does not support it"),
        ({"funding": True}, "funding: true: a sweep does not support it"),
        ({"sizing": {"mode": "risk_pct", "risk_pct": 1}}, "risk_pct}: a sweep does not support"),
        (
            {
                "margin": {"leverage": 3},
                "instrument": {"market": "binance:linear", "symbol": "BTCUSDT"},
            },
            "margin: a sweep does not support it",
        ),
        ({"indicators": [{"id": "sma"}, {"id": "sma"}]}, "is used twice: give it a"),
        (
            {
                "indicators": [{"id": "sma_cross", "params": {"fast": 50, "slow": [20, 30]}}],
                "choose": 1,
            },
            "no set satisfies fast < slow",
        ),
        ({"keep": {"max_drawdown_pct": -1}}, "keep.max_drawdown_pct: -1 is not allowed"),
        ({"keep": {"loss_window": {"days": 0, "loss_pct": 5}}}, "keep.loss_window.days: 0 is not"),
        ({"keep": {"min_round_trips": Decimal("2.5")}}, "keep.min_round_trips: 2.5 is not a whole"),
        ({"keep": {"loss_window": {"days": 3}}}, "keep.loss_window.loss_pct: missing"),
        ({"direction": "short-only", "stops": {"tp_pct": 150}}, "a short can gain no more"),
        ({"indicators": {"catalogue": {"groups": ["luck"]}}, "choose": 1}, "groups: luck"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], said: str) -> None:
    assert said in problems(**changes)


def test_a_whole_catalogue_is_every_indicator_with_a_rule() -> None:
    found = request(indicators={"catalogue": {"points": 2, "groups": ["trend"]}}, choose=1)
    ids = {e.id for e in catalogue().entries if e.group == "trend" and e.rule is not None}
    assert {slot.name for slot in found.slots} == ids
    everything = request(indicators={"catalogue": {}}, choose=1)
    assert len(everything.slots) == sum(e.rule is not None for e in catalogue().entries)


def test_the_hash_is_of_the_meaning_and_of_all_of_it() -> None:
    one = request().hash()
    turned = parse_grid(dict(reversed(list(raw_grid().items()))), catalogue())
    assert turned.hash() == one
    spelled = {"id": "rsi_middle", "params": {"period": {"start": 7, "stop": 14, "step": 7}}}
    assert request(indicators=[raw_grid()["indicators"][0], spelled]).hash() == one
    changes: list[dict[str, Any]] = [
        {"direction": "long-only"}, {"timeframe": "5m"}, {"top": 11}, {"shortlist": 7},
        {"rank_by": "sharpe"}, {"choose": 2}, {"stops": {}}, {"costs": {"fee_pct": 0}},
        {"constraints": ["sma_cross_fast > 5"]}, {"keep": {"min_round_trips": 3}},
        {"sizing": {"mode": "fixed_quote", "quote": 100}},
    ]  # fmt: skip
    hashes = {request(**change).hash() for change in changes}
    assert len(hashes | {one}) == len(changes) + 1


def test_over_budget_is_refused_with_the_numbers_before_anything_runs() -> None:
    candles = minutes(300)
    with pytest.raises(BadInput) as caught:
        plan_grid(request(), candles, START_NS, budget=SweepBudget(variants=100))
    said = "\n".join(caught.value.problems)
    # 8 crosses hold fast < slow, 2 middles, 16 pairs of them; 4 pairs of stops
    assert "variants: 104, at most 100" in said
    assert "narrow sma_cross: 8 parameter sets" in said
    with pytest.raises(BadInput, match="over budget"):
        plan_grid(request(), candles, START_NS, budget=SweepBudget(bytes=1 << 20))


def test_what_is_far_too_large_is_refused_before_a_candle_is_read() -> None:
    """Eight crosses of every fast below every slow: counted, never planned."""
    kinds = ("sma", "ema", "wma", "rma", "dema", "tema", "hma", "vwma")
    asked = request(
        indicators=[{"id": f"{kind}_cross", "params": "catalogue"} for kind in kinds],
        choose=8,
        stops={},
    )
    (fast, slow) = (len(axis.values) for axis in asked.slots[0].axes)
    assert asked.space.variants > 10**30

    def never(*_: object) -> Candles:
        raise AssertionError("the store was opened")

    with pytest.raises(BadInput, match="over budget") as caught:
        prepare_sweep(asked, RunOptions(), SweepOptions(), never)
    said = "\n".join(caught.value.problems)
    assert f"variants: {asked.space.variants:,}, at most 10,000,000" in said
    assert f"sma_cross: {asked.slots[0].count:,} parameter sets (fast {fast} x slow {slow})" in said


def test_an_axis_of_stops_is_counted_and_not_paired() -> None:
    many = {"start": Decimal("0.01"), "stop": 90, "step": Decimal("0.01")}
    asked = request(stops={"sl_pct": many, "tp_pct": many})
    with pytest.raises(BadInput, match="over budget") as caught:
        plan_grid(asked, minutes(300), START_NS)
    assert "stops: 81,000,000 pairs (sl_pct 9,000 x tp_pct 9,000)" in "\n".join(
        caught.value.problems
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"choose": "9" * 5000}, "choose: expected a number"),
        ({"choose": "²"}, "choose: expected a number"),
        ({"choose": True}, "choose: expected a number"),
        ({"choose": {"least": True, "most": 2}}, "choose: expected a number"),
        ({"top": True}, "top: true is not a whole number"),
        ({"top": Decimal("1e29")}, "top: 1E+29 is not a whole number"),
        ({"stops": {"sl_pct": True}}, "stops.sl_pct: true is not allowed"),
        ({"stops": {"sl_pct": float("nan")}}, "stops.sl_pct: nan is not allowed"),
        (
            {"stops": {"sl_pct": {"start": 1, "stop": 9, "step": Decimal("1e-9999999")}}},
            "not a range",
        ),
        ({"stops": {"sl_pct": {"start": 1, "stop": 9, "step": Decimal("1e-20")}}}, "100000 values"),
        ({"indicators": {"catalogue": {"groups": 5}}, "choose": 1}, "expected a list of names"),
        (
            {"indicators": {"catalogue": {"without": [[1]]}}, "choose": 1},
            "expected a list of names",
        ),
        ({"constraints": ["sma_cross_fast < 3"] * 41}, "constraints: 41 of them: at most 40"),
        ({"constraints": ["(" * 140 + "1" + ")" * 140 + " < 3"]}, "nested deeper than 30 levels"),
        ({"constraints": ["sma_cross_fast < " + "9" * 200]}, "more than 15 digits"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_hostile_is_refused_with_its_field(changes: dict[str, Any], said: str) -> None:
    assert said in problems(**changes)


@pytest.mark.parametrize(
    "value",
    [Decimal("1e9999999"), Decimal("1e-9999999"), 10**5000, float("inf"), float("nan"), True],
    ids=("power", "small power", "digits", "inf", "nan", "truth"),
)
def test_a_number_beyond_any_that_is_meant_is_no_parameter(value: object) -> None:
    for raw in (value, [value], {"start": value}, {"stop": value}, {"step": value}):
        said = problems(indicators=[{"id": "sma", "params": {"period": raw}}], choose=1)
        assert said.startswith("indicators[0].params.period: ")


def test_slots_that_constraints_must_be_tried_on_are_bounded_together() -> None:
    said = problems(
        indicators=[
            {"id": "schaff", "name": f"s{at}", "params": {"points": 7}} for at in range(200)
        ],
        choose=1,
    )
    assert "at most 20,000,000 over all slots with constraints" in said


def test_twins_are_counted_without_being_written_out() -> None:
    said = problems(
        indicators=[
            {"id": "sma_cross", "name": f"s{at}", "params": "catalogue"} for at in range(3)
        ],
        choose=2,
    )
    assert "an indicator used twice" in said


def test_values_of_all_axes_are_bounded_together() -> None:
    said = problems(
        indicators=[{"id": "sma", "name": f"s{at}", "params": "catalogue"} for at in range(150)],
        choose=1,
    )
    assert said.count("more than 100,000 values on all axes") == 1


def test_limits_of_the_settings_are_refused_too() -> None:
    from bowline.core.model.policy import Limits
    from bowline.core.signals import SpecDefaults

    with pytest.raises(BadInput, match="which a sweep does not support"):
        plan_grid(
            request(),
            minutes(300),
            START_NS,
            defaults=SpecDefaults(limits=Limits(cooldown_candles=1)),
        )


@pytest.mark.parametrize("path", sorted((REPO / "examples" / "grids").glob("*.yaml")), ids=str)
def test_the_examples_are_grids(path: Path) -> None:
    assert parse_grid(read_spec_file(path), catalogue()).space.variants > 100
