"""The catalogue: what is in it, that it takes no wrong value, that it says every mistake."""

from __future__ import annotations

import copy
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.errors import BadInput, NotFound
from bowline.core.signals import Catalogue, Kind
from tests.core.signals.candles_for_signals import catalogue, ids

ENTRY = {
    "id": "cross",
    "version": 1,
    "title": "A cross",
    "group": "cross",
    "inputs": ["close"],
    "params": {
        "fast": "int 10 from 2 to 500 step 1",
        "slow": "int 50 from 3 to 1000 step 1",
        "share": "float 0.5 from 0.1 to 0.9 step 0.1",
        "kind": "choice sma of sma, ema",
    },
    "constraints": ["fast < slow"],
    "outputs": ["one", "two"],
    "warmup": "slow - 1",
    "compute": [["talib.SMA", "close", "fast"], ["talib.SMA", "close", "slow"]],
    "formula": "two averages",
    "source": "https://example.org/cross",
    "rule": {"long": "one > two", "short": "one < two"},
}


def build(**changes):
    entry = {**copy.deepcopy(ENTRY), **changes}
    return Catalogue.build({"indicators": [{k: v for k, v in entry.items() if v is not None}]})


def problems(**changes):
    with pytest.raises(BadInput) as caught:
        build(**changes)
    return caught.value.problems


def test_there_are_at_least_120_entries_and_80_rules():
    entries = catalogue().entries
    assert len(entries) >= 120
    assert sum(entry.rule is not None for entry in entries) >= 80


def test_all_61_candlestick_patterns_are_there():
    assert sum(entry.group == "pattern" for entry in catalogue().entries) == 61


@pytest.mark.parametrize("name", ids())
def test_an_entry_says_what_a_person_needs(name):
    entry = catalogue().get(name)
    assert entry.title
    assert entry.formula
    assert entry.outputs
    assert entry.source.startswith(("https://", "book: "))
    assert (entry.rule is None) == bool(entry.no_rule), "a rule, or why there is none"
    assert entry.resolve({}) == (entry.defaults(), [])


def test_a_name_that_is_not_there_gets_names_that_look_like_it():
    with pytest.raises(NotFound) as caught:
        catalogue().get("sma_crss")
    assert "sma_cross" in caught.value.hint


@pytest.mark.parametrize(
    ("given_params", "said"),
    [
        ({"fast": 1}, "int from 2 to 500 step 1"),
        ({"fast": 501}, "int from 2 to 500 step 1"),
        ({"fast": 10.5}, "int from 2 to 500 step 1"),
        ({"fast": "10"}, "int from 2 to 500 step 1"),
        ({"fast": True}, "int from 2 to 500 step 1"),
        ({"fast": None}, "int from 2 to 500 step 1"),
        ({"fast": float("nan")}, "int from 2 to 500 step 1"),
        ({"fast": Decimal("NaN")}, "int from 2 to 500 step 1"),
        ({"share": 0.25}, "float from 0.1 to 0.9 step 0.1"),
        ({"share": float("inf")}, "float from 0.1 to 0.9 step 0.1"),
        ({"kind": "wma"}, "one of sma, ema"),
        ({"kind": 0}, "one of sma, ema"),
        ({"quick": 3}, "expected fast, slow, share, kind"),
        ({"fast": 60, "slow": 50}, "fast < slow"),
        ({"fast": 50}, "fast < slow"),
    ],
)
def test_a_wrong_value_is_refused_and_told_what_is_allowed(given_params, said):
    _, messages = build().get("cross").resolve(given_params)
    assert len(messages) == 1
    assert said in messages[0]
    assert next(iter(given_params)) in messages[0]


def test_every_mistake_has_its_own_message():
    _, messages = build().get("cross").resolve({"fast": 0, "slow": "x", "more": 1})
    assert len(messages) == 3


@pytest.mark.parametrize("value", [12, 12.0, Decimal(12)])
def test_a_whole_number_in_any_form_is_an_int(value):
    params, messages = build().get("cross").resolve({"fast": value, "share": Decimal("0.3")})
    assert messages == []
    assert (params["fast"], type(params["fast"])) == (12, int)
    assert params["share"] == 0.3


@given(st.integers(0, 8))
def test_every_step_of_a_float_is_allowed(steps):
    _, messages = build().get("cross").resolve({"share": 0.1 + steps * 0.1})
    assert messages == []


@given(st.data())
def test_a_value_is_taken_exactly_when_it_is_on_the_grid(data):
    entry = catalogue().get(data.draw(st.sampled_from([i for i in ids() if "cdl" not in i])))
    numbers = [each for each in entry.params if each.kind is Kind.INT]
    for each in numbers:
        value = data.draw(st.integers(-5, 2_000))
        taken, problem = each.take(value)
        allowed = each.minimum <= value <= each.maximum
        assert (taken is not None, problem == "") == (allowed, allowed)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"id": "Cross"}, ".id"),
        ({"version": 0}, ".version"),
        ({"version": "1"}, ".version"),
        ({"title": ""}, ".title"),
        ({"group": "magic"}, ".group"),
        ({"inputs": "close"}, ".inputs"),
        ({"inputs": ["price"]}, ".inputs"),
        ({"inputs": ["close", "volume"]}, ".inputs"),
        ({"outputs": []}, ".outputs"),
        ({"outputs": ["one", "one"]}, ".one"),
        ({"outputs": ["fast", "two"]}, ".fast"),
        ({"source": "somewhere"}, ".source"),
        ({"colour": "red"}, ".colour"),
        ({"params": []}, ".params"),
        ({"params": {"fast": "int 10", "slow": "int 50 from 3 to 99 step 1"}}, ".params.fast"),
        ({"params": {**ENTRY["params"], "fast": "int 1 from 2 to 9 step 1"}}, ".fast.default"),
        ({"params": {**ENTRY["params"], "fast": "int 5 from 9 to 2 step 1"}}, ".fast.min"),
        ({"params": {**ENTRY["params"], "fast": "int 5 from 2 to 9 step 0"}}, ".fast.step"),
        ({"params": {**ENTRY["params"], "fast": "int 5 from 2 to 9 step 0.5"}}, ".params.fast"),
        ({"params": {**ENTRY["params"], "kind": "choice wma of sma, ema"}}, ".kind.default"),
        ({"constraints": ["fast < high"]}, ".constraints"),
        ({"constraints": ["fast + slow"]}, ".constraints"),
        ({"constraints": ["fast < prev(slow)"]}, ".constraints"),
        ({"warmup": "slow <"}, ".warmup"),
        ({"warmup": "close"}, ".warmup"),
        ({"compute": []}, ".compute"),
        ({"compute": [["talib.NONESUCH", "close"]]}, ".compute[0]"),
        ({"compute": [["nonesuch", "close"]]}, ".compute[0]"),
        ({"compute": [["talib.SMA", "clse", "fast"]]}, ".compute[0]"),
        ({"rule": None}, ".rule"),
        ({"rule": {}}, ".rule"),
        ({"rule": {"lng": "one > two"}}, ".rule"),
        ({"rule": {"long": "one >"}}, ".rule.long"),
        ({"rule": {"long": "one + two"}}, ".rule.long"),
        ({"rule": {"short": "one > three"}}, ".rule.short"),
        ({"rule": {"long": "close > 1"}}, ".rule"),
        ({"no_rule": "both at once"}, ".no_rule"),
        ({"undefined": "no_moves"}, ".undefined.one"),
        ({"undefined": ["nonesuch", "close", "fast"]}, ".undefined.two"),
        ({"undefined": {"one": ["talib.SMA", "close", "fast"]}}, ".undefined.one"),
        ({"undefined": {"three": ["no_moves", "close", "fast"]}}, ".undefined"),
        ({"undefined": {"one": ["no_moves", "clse", "fast"]}}, ".undefined.one"),
        ({"scale": "clse"}, ".scale.one"),
        ({"scale": "close > 1"}, ".scale.one"),
        ({"scale": "prev(close)"}, ".scale.one"),
        ({"scale": {"three": "close"}}, ".scale"),
    ],
)
def test_a_mistake_in_an_entry_is_found_with_the_path_of_its_field(changes, where):
    assert any(where in each and "(" in each for each in problems(**changes)), problems(**changes)


def test_all_mistakes_of_all_entries_are_said_at_once():
    broken = [{**ENTRY, "version": 0, "title": ""}, {**ENTRY, "group": "x"}, "text"]
    with pytest.raises(BadInput) as caught:
        Catalogue.build({"indicators": broken})
    found = caught.value.problems
    assert [each.split(" ")[0].split(":")[0] for each in found] == [
        "indicators[0]", "indicators[0]", "indicators[1]", "indicators[1]", "indicators[2]",
    ]  # fmt: skip
    assert any("used by an earlier entry" in each for each in found)


def test_an_environment_may_narrow_and_disable():
    own = build().narrow(
        {
            "indicators": {
                "cross": {
                    "params": {
                        "fast": {"min": 5, "max": 20, "step": 5, "default": 15},
                        "kind": {"choices": ["sma"]},
                    }
                }
            }
        }
    )
    entry = own.get("cross")
    assert entry.defaults()["fast"] == 15
    assert entry.resolve({"fast": 20})[1] == []
    assert entry.resolve({"fast": 25})[1]
    assert entry.resolve({"fast": 12})[1]
    assert entry.resolve({"kind": "ema"})[1]
    assert build().narrow({"indicators": {"cross": {"enabled": False}}}).ids() == ()


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": "no"},
        {"titel": "x"},
        {"params": {"quick": {"min": 3}}},
        {"params": {"fast": {"min": 1}}},
        {"params": {"fast": {"max": 501}}},
        {"params": {"fast": {"min": 20}}},
        {"params": {"fast": {"min": 20, "max": 10, "default": 15}}},
        {"params": {"fast": {"step": 0.5}}},
        {"params": {"fast": {"step": 0}}},
        {"params": {"fast": {"step": -1}}},
        {"params": {"fast": {"choices": [3]}}},
        {"params": {"share": {"step": 0.15}}},
        {"params": {"kind": {"choices": ["sma", "wma"]}}},
        {"params": {"kind": {"choices": []}}},
        {"params": {"kind": {"choices": ["ema"]}}},
        {"params": {"fast": {"default": 60}}},
        {"params": [1]},
    ],
)
def test_an_environment_may_not_widen_or_invent(change):
    with pytest.raises(BadInput) as caught:
        build().narrow({"indicators": {"cross": change}})
    assert all(each.startswith("indicators.cross") for each in caught.value.problems)


def test_an_environment_may_not_add_an_entry():
    with pytest.raises(BadInput) as caught:
        build().narrow({"indicators": {"crss": {}}, "more": 1})
    assert caught.value.problems
    with pytest.raises(BadInput, match="bounds has 1 mistake") as caught:
        build().narrow({"indicators": {"crss": {}}})
    assert "no such entry" in caught.value.problems[0]


@given(st.data())
def test_what_a_narrowed_entry_takes_the_packaged_one_takes_too(data):
    bounds = data.draw(
        st.fixed_dictionaries(
            {}, optional={name: st.integers(-3, 600) for name in ("min", "max", "step", "default")}
        )
    )
    try:
        own = build().narrow({"indicators": {"cross": {"params": {"fast": bounds}}}})
    except BadInput:
        return
    value = data.draw(st.integers(-3, 600))
    if not own.get("cross").resolve({"fast": value, "slow": 1000})[1]:
        assert build().get("cross").resolve({"fast": value, "slow": 1000})[1] == []


def test_an_entry_as_json_has_the_words_of_a_form():
    entry = msgspec.json.decode(msgspec.json.encode(catalogue().get("bbands")))
    period = entry["params"][0]
    assert period == {
        "name": "period", "type": "int", "default": 20, "min": 2, "max": 500, "step": 1,
    }  # fmt: skip
    assert entry["rule"] == {"long": "close < lower", "short": "close > upper"}
