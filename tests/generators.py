"""Specs made up for tests: by hypothesis, or as one fixed list that covers every combination.

Raw specs are what a person could write; a spec is what `parse_spec` makes of one. Every direction,
sizing mode, combination of stops, 1 to 3 indicators of the catalogue that have a rule; with or
without margin where it can be had.
"""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from bowline.core.model.instrument import MARKETS
from bowline.core.signals import Catalogue, Indicator, Kind, Strategies, StrategySpec, parse_spec
from bowline.core.signals.catalogue import Parameter
from bowline.wire import load_catalogue
from tests.chance import seeded

TIMEFRAMES = ("1m", "5m", "15m", "1h")
DIRECTIONS = ("long-only", "short-only", "long-short")
SIZING_MODES = ("all_in", "fixed_quote", "strategy_compound", "strategy_compound_profit_lock")
#: what a sweep's kernel knows, and what only the core does
ALL_SIZING_MODES = (*SIZING_MODES, "risk_pct")
FIRST_SIGNALS = ("enter", "wait")
STOP_FIELDS = ((), ("sl_pct",), ("tp_pct",), ("sl_pct", "tp_pct"))
#: steps between two values of a parameter that are tried around its default
_NEAR = 2


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The packaged catalogue, read once."""
    return load_catalogue()


@lru_cache(maxsize=1)
def ruled() -> tuple[Indicator, ...]:
    """The indicators that give a signal."""
    return tuple(entry for entry in catalogue().entries if entry.rule is not None)


@st.composite
def raw_specs(draw: st.DrawFn) -> dict[str, Any]:
    """A valid spec as a person could write it."""
    chance = random.Random(draw(st.integers(0, 2**32 - 1)))
    raw = _raw(
        chance,
        draw(st.sampled_from(DIRECTIONS)),
        draw(st.sampled_from(ALL_SIZING_MODES)),
        draw(st.sampled_from(STOP_FIELDS)),
        draw(st.sampled_from(TIMEFRAMES)),
    )
    if first := draw(st.sampled_from((None, *FIRST_SIGNALS))):
        raw["first_signal"] = first
    if draw(st.booleans()):
        raw["margin"] = {
            "leverage": draw(st.integers(2, 20)),
            "maintenance_pct": draw(_amounts(0, 4)),
        }
    if draw(st.booleans()):
        raw["costs"] = {"fee_pct": draw(_amounts(0, 5)), "slippage_pct": draw(_amounts(0, 5))}
    if draw(st.booleans()):
        raw["limits"] = {
            "daily_loss_pct": draw(_amounts(0, 100)),
            "cooldown_candles": draw(st.integers(0, 50)),
        }
    if draw(st.booleans()):
        lends = [each for each in MARKETS if each.kind == "linear" or "margin" not in raw]
        market = draw(st.sampled_from(lends)).name
        raw["instrument"] = {"market": market, "symbol": draw(st.sampled_from(["BTCUSDT", "ADA"]))}
    return raw


@st.composite
def specs(draw: st.DrawFn) -> StrategySpec:
    """A valid spec."""
    return parse_spec(draw(raw_specs()), catalogue(), Strategies())


def sample_specs(n: int, seed: int, first_signal: str = "enter") -> list[StrategySpec]:
    """The same `n` specs for the same seed; 48 of them hold every direction, sizing and stop.

    They enter on the first signal, as every spec did when results of these were first written down.
    """
    chance = seeded(seed)
    combinations = list(itertools.product(DIRECTIONS, SIZING_MODES, STOP_FIELDS))
    chance.shuffle(combinations)
    made = []
    for number, combination in zip(range(n), itertools.cycle(combinations), strict=False):
        raw = _raw(chance, *combination, TIMEFRAMES[number % len(TIMEFRAMES)])
        if number % 3 == 0:
            raw["limits"] = {"daily_loss_pct": chance.choice([0, 2]), "cooldown_candles": 5}
        if number % 4 == 0:
            raw["costs"] = {"fee_pct": chance.choice([0, Decimal("0.04")]), "slippage_pct": 0}
        raw["first_signal"] = first_signal
        made.append(parse_spec(raw, catalogue(), Strategies()))
    return made


def margin_specs(n: int, seed: int) -> list[StrategySpec]:
    """The same `n` specs for the same seed, with leverage, every sizing and way to fill stops."""
    chance = seeded(seed)
    combinations = list(itertools.product(DIRECTIONS, ALL_SIZING_MODES, STOP_FIELDS))
    chance.shuffle(combinations)
    made = []
    for number, combination in zip(range(n), itertools.cycle(combinations), strict=False):
        raw = _raw(chance, *combination, TIMEFRAMES[number % len(TIMEFRAMES)])
        raw["margin"] = {"leverage": chance.choice([2, 5, Decimal("12.5"), 40])}
        raw["fills"] = ("close", "intrabar")[number % 2]
        made.append(parse_spec(raw, catalogue(), Strategies()))
    return made


def _raw(
    chance: random.Random, direction: str, mode: str, stops: tuple[str, ...], timeframe: str
) -> dict[str, Any]:
    # three indicators seldom agree: most specs have one or two, so that there is something to see
    entries = chance.sample(ruled(), chance.choice([1, 1, 1, 2, 2, 3]))
    sizing: dict[str, Any] = {"mode": mode}
    if mode == "fixed_quote":
        sizing["quote"] = chance.choice([100, Decimal("2500.50"), 20_000])
    if mode == "strategy_compound_profit_lock":
        sizing["safe_profit_pct"] = chance.choice([0, Decimal("12.5"), 50, 100])
    if mode.startswith("strategy_compound") and chance.random() < 0.5:
        sizing["budget_quote"] = chance.choice([500, Decimal("1234.56")])
    raw: dict[str, Any] = {
        "version": 1,
        "timeframe": timeframe,
        "direction": direction,
        "indicators": [{"id": each.id, "params": _params(chance, each)} for each in entries],
        "sizing": sizing,
    }
    if mode == "risk_pct":
        sizing["risk_pct"] = chance.choice([Decimal("0.5"), 1, 5])
        stops = tuple(dict.fromkeys(("sl_pct", *stops)))
    if stops:
        raw["stops"] = {name: Decimal(chance.randint(2, 50)) / 10 for name in stops}
    return raw


def _params(chance: random.Random, entry: Indicator) -> dict[str, Any]:
    """Values around the defaults that the entry's own constraints allow."""
    for _ in range(20):
        params = {each.name: _value(chance, each) for each in entry.params}
        if not entry.resolve(params)[1]:
            return params
    return entry.defaults()


def _value(chance: random.Random, parameter: Parameter) -> int | float | str:
    if parameter.kind is Kind.CHOICE:
        return chance.choice(parameter.choices)
    lowest = max(parameter.minimum, parameter.default / _NEAR)
    highest = min(parameter.maximum, parameter.default * _NEAR)
    step = Decimal(str(parameter.step))
    first = Decimal(str(parameter.minimum))
    low = -((first - Decimal(str(lowest))) // step)
    high = max(low, (Decimal(str(highest)) - first) // step)
    value = first + step * chance.randint(int(low), int(high))
    return int(value) if parameter.kind is Kind.INT else float(value)


def _amounts(least: int, most: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(least, most, allow_nan=False, allow_infinity=False, places=3)
