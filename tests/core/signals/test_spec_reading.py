"""Protects: a bad spec is refused with one line for every mistake, and a good one never is."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.errors import BadInput
from bowline.core.signals import Strategies, parse_spec
from tests.generators import catalogue, raw_specs

GOOD: dict[str, Any] = {
    "version": 1,
    "timeframe": "15m",
    "instrument": {"market": "binance:spot", "symbol": "BTCUSDT"},
    "direction": "long-short",
    "indicators": [{"id": "sma_cross", "params": {"fast": 10, "slow": 50}}, {"id": "rsi"}],
    "stops": {"sl_pct": Decimal("1.5"), "tp_pct": 3},
    "sizing": {"mode": "strategy_compound_profit_lock", "safe_profit_pct": 50, "budget_quote": 9},
    "costs": {"fee_pct": Decimal("0.1"), "slippage_pct": 0},
    "limits": {"daily_loss_pct": 5, "cooldown_candles": 3},
}

#: path in GOOD, a wrong value, and what the one line must say
MISTAKES: list[tuple[tuple[Any, ...], Any, tuple[str, ...]]] = [
    (("version",), 2, ("version: 2", "expected 1")),
    (("version",), True, ("version: true",)),
    (("timeframe",), "7m", ("timeframe: '7m'", "1m, 3m, 5m")),
    (("timeframe",), None, ("timeframe: missing",)),
    (("direction",), "long", ("direction: 'long'", "did you mean long-only?")),
    (("direction",), ["long-only"], ("direction: a list",)),
    (("direktion",), 1, ("direktion: no such field", "did you mean direction?")),
    (("instrument",), "BTCUSDT", ("instrument: 'BTCUSDT' is not a mapping",)),
    (("instrument", "market"), "nyse:spot", ("instrument.market: 'nyse:spot'", "binance:spot")),
    (("instrument", "symbol"), "btcusdt", ("instrument.symbol: 'btcusdt'", "BTCUSDT")),
    (("instrument", "symbol"), "../x", ("instrument.symbol: '../x'",)),
    (("instrument", "ticker"), "X", ("instrument.ticker: no such field", "market, symbol")),
    (("indicators",), [], ("indicators: an empty list: expected a list such as",)),
    (("indicators",), None, ("indicators: missing",)),
    (("strategy",), {"id": "x"}, ("indicators: both are given",)),
    (("indicators", 0), "sma", ("indicators[0]: 'sma' is not a mapping",)),
    (("indicators", 0, "id"), "sma_crss", ("indicators[0].id:", "did you mean sma_cross")),
    (("indicators", 0, "id"), 7, ("indicators[0].id: 7: expected a name",)),
    (("indicators", 1), {"id": "atr"}, ("indicators[1].id: atr gives no signal, because it",)),
    (("indicators", 0, "version"), 99, ("indicators[0].version: 99", "is at version 1")),
    (("indicators", 0, "params"), [10], ("indicators[0].params: a list is not a mapping",)),
    (("indicators", 0, "params", "fast"), 501, ("indicators[0].params.fast: 501", "2 to 500")),
    (("indicators", 0, "params", "fast"), Decimal("1.5"), ("indicators[0].params.fast: 1.5",)),
    (("indicators", 0, "params", "fast"), True, ("indicators[0].params.fast: true",)),
    (("indicators", 0, "params", "fast"), [1], ("indicators[0].params.fast: a list",)),
    (("indicators", 0, "params", "fast"), 60, ("fast=60, slow=50", "fast < slow")),
    (("indicators", 0, "params", "slwo"), 5, ("indicators[0].params.slwo:", "fast, slow")),
    (("indicators", 1), {"id": "sma_cross"}, ("indicators[1]: is given twice",)),
    (("indicators", 1), {"id": "rsi", "name": "x"}, ("indicators[1].name: no such field",)),
    (("stops", "sl_pct"), 100, ("stops.sl_pct: 100", "above 0 and below 100")),
    (("stops", "sl_pct"), 0, ("stops.sl_pct: 0",)),
    (("stops", "sl_pct"), "1.5%", ("stops.sl_pct: '1.5%' is not a number",)),
    (("stops", "tp_pct"), 1001, ("stops.tp_pct: 1001", "up to 1000")),
    (("stops", "tp_pct"), float("nan"), ("stops.tp_pct: nan is not a number",)),
    (("stops", "sl"), 1, ("stops.sl: no such field: did you mean sl_pct?",)),
    (("stops", "sl_pct"), Decimal("1.0000000000001"), ("stops.sl_pct:", "12 digits after")),
    (("sizing",), None, ("sizing: missing", "all_in")),
    (("sizing",), "all_in", ("sizing: 'all_in' is not a mapping",)),
    (("sizing", "mode"), "all-in", ("sizing.mode: 'all-in': did you mean all_in?",)),
    (("sizing", "safe_profit_pct"), 101, ("sizing.safe_profit_pct: 101", "0 to 100")),
    (("sizing", "safe_profit_pct"), None, ("sizing.safe_profit_pct: missing",)),
    (("sizing", "budget_quote"), 0, ("sizing.budget_quote: 0", "above 0")),
    (("sizing", "budget_quote"), 10**13, ("sizing.budget_quote: 10000000000000",)),
    (("sizing", "quote"), 5, ("sizing.quote: no such field",)),
    (("costs", "fee_pct"), 6, ("costs.fee_pct: 6", "0 to 5")),
    (("costs", "fee_pct"), -1, ("costs.fee_pct: -1",)),
    (("costs", "slippage_pct"), Decimal("Infinity"), ("costs.slippage_pct: Infinity",)),
    (("limits", "daily_loss_pct"), 101, ("limits.daily_loss_pct: 101",)),
    (("limits", "cooldown_candles"), Decimal("1.5"), ("limits.cooldown_candles: 1.5", "whole")),
    (("limits", "cooldown_candles"), 10**6, ("limits.cooldown_candles: 1000000",)),
    (("limits", "cooldown_candles"), 10**5000, ("limits.cooldown_candles: a number of too",)),
    (("limits",), [5], ("limits: a list is not a mapping",)),
    (("sizing",), {"mode": "risk_pct"}, ("sizing.risk_pct: missing", "above 0 and up to 100")),
    (("margin",), {"leverage": 3}, ("margin: binance:spot has no leverage", "only perpetuals")),
    (("margin",), {"leverage": 126}, ("margin.leverage: 126", "from 1 to 125")),
    (("margin",), {"maintenance_pct": 1}, ("margin.maintenance_pct:", "expected margin.leverage")),
]  # fmt: skip


def broken(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    raw = copy.deepcopy(GOOD)
    place: Any = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return raw


def problems_of(raw: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(BadInput) as caught:
        parse_spec(raw, catalogue(), Strategies())
    return caught.value.problems


@pytest.mark.parametrize(("path", "value", "words"), MISTAKES, ids=[m[2][0] for m in MISTAKES])
def test_one_mistake_is_one_line(path: tuple[Any, ...], value: Any, words: tuple[str, ...]) -> None:
    """The path of the field, what was found, what was allowed: and nothing but that mistake."""
    problems = problems_of(broken(path, value))
    assert len(problems) == 1, problems
    for word in words:
        assert word in problems[0]


def test_the_good_spec_is_good() -> None:
    """Else every test above would find a mistake that is not the one it made."""
    parse_spec(GOOD, catalogue(), Strategies())


@pytest.mark.parametrize("pair", list(itertools.combinations(range(len(MISTAKES)), 2))[::17])
def test_two_mistakes_are_two_lines(pair: tuple[int, int]) -> None:
    """One mistake must not hide another, unless they are made in the same place."""
    first, second = (MISTAKES[at] for at in pair)
    if first[0][0] == second[0][0] or {first[0][0], second[0][0]} == {"indicators", "strategy"}:
        return
    raw = broken(first[0], first[1])
    raw |= {second[0][0]: broken(second[0], second[1])[second[0][0]]}
    problems = "\n".join(problems_of(raw))
    assert first[2][0] in problems
    assert second[2][0] in problems


def test_a_short_cannot_gain_all_of_its_price() -> None:
    """A take profit of 100 % and more on a short would never be reached."""
    raw = broken(("stops", "tp_pct"), 100) | {"direction": "short-only"}
    assert "stops.tp_pct: 100 is not allowed" in problems_of(raw)[0]
    parse_spec(raw | {"direction": "long-only"}, catalogue(), Strategies())


def test_sizing_by_risk_needs_a_stop_to_lose_it_at() -> None:
    raw = broken(("sizing",), {"mode": "risk_pct", "risk_pct": 1})
    parse_spec(raw, catalogue(), Strategies())
    (problem,) = problems_of(raw | {"stops": {"tp_pct": 3}})
    assert problem.startswith("stops.sl_pct: missing: risk_pct sizes")


def test_an_entry_must_have_more_behind_it_than_it_needs_to_stay() -> None:
    raw = broken(("instrument", "market"), "binance:linear")
    (problem,) = problems_of(raw | {"margin": {"leverage": 10, "maintenance_pct": 10}})
    assert problem.startswith("margin.maintenance_pct: 10 at leverage 10: expected less than 10")
    parse_spec(raw | {"margin": {"leverage": 10, "maintenance_pct": 9}}, catalogue(), Strategies())


@pytest.mark.parametrize("raw", [{}, [], None, "text", 5])
def test_what_is_no_spec_at_all_is_refused(raw: Any) -> None:
    assert problems_of(raw)


@given(raw_specs())
def test_every_generated_spec_is_good(raw: dict[str, Any]) -> None:
    parse_spec(raw, catalogue(), Strategies())


PLAIN_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=5)
    | st.sampled_from(["1m", "long-only", "all_in", "sma", "binance:spot"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*GOOD, "id", "params", "mode", "sl_pct"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "strategy"]), PLAIN_VALUES))
def test_no_raw_value_is_anything_but_a_spec_or_a_bad_input(raw: dict[str, Any]) -> None:
    """Whatever YAML may hold: never a traceback."""
    problems: tuple[str, ...] = ("none",)
    try:
        parse_spec(GOOD | raw, catalogue(), Strategies())
    except BadInput as error:
        problems = error.problems
    assert problems
