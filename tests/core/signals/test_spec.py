"""Protects: equal content has one id, any change another, and what is run is what was written."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.errors import BadInput
from bowline.core.model.instrument import FILE_MARKET, InstrumentId, MarketId, market_by_name
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    FirstSignal,
    Limits,
    Policy,
    Stops,
)
from bowline.core.model.values import Timeframe
from bowline.core.signals import (
    SpecDefaults,
    Strategies,
    StrategySpec,
    canonical_json,
    document_of,
    instrument_of,
    parse_spec,
    policy_of,
    strategy_id,
    strategy_name,
)
from tests.generators import (
    DIRECTIONS,
    FIRST_SIGNALS,
    SIZING_MODES,
    catalogue,
    raw_specs,
    sample_specs,
    specs,
)

NO_PLUGINS = Strategies()
PLAIN: dict[str, Any] = {
    "version": 1,
    "timeframe": "1h",
    "direction": "long-short",
    "indicators": [{"id": "sma_cross", "params": {"fast": 10, "slow": 50}}],
    "stops": {"sl_pct": 1.5, "tp_pct": 3.0},
    "sizing": {"mode": "all_in"},
}


def spec_of(raw: Mapping[str, Any]) -> StrategySpec:
    return parse_spec(raw, catalogue(), NO_PLUGINS)


def respelled(value: Any, chance: random.Random) -> Any:
    """The same value with keys in another order and numbers spelt in another way."""
    match value:
        case dict():
            keys = list(value)
            chance.shuffle(keys)
            return {key: respelled(value[key], chance) for key in keys}
        case list():
            return [respelled(each, chance) for each in value]
        case bool() | str() | None:
            return value
    exact = Decimal(str(value))
    spellings = [exact, Decimal(f"{exact}0" if "." in str(exact) else f"{exact}.00")]
    spellings.append(Decimal(f"{exact:E}"))
    if exact == int(exact):
        spellings.append(int(exact))
    if Decimal(repr(float(exact))) == exact:
        spellings.append(float(exact))
    return chance.choice(spellings)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    match value:
        case dict():
            return [leaf for key in value for leaf in leaves(value[key], (*path, key))]
        case list():
            return [leaf for at, each in enumerate(value) for leaf in leaves(each, (*path, at))]
    return [path]


def changed(raw: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(raw) if isinstance(raw, dict) else list(raw)
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def test_the_plain_spec_says_what_it_says() -> None:
    """Every field ends where it belongs, exactly, with defaults written out."""
    spec = spec_of(PLAIN)
    assert spec.timeframe is Timeframe.H1
    assert spec.stops == Stops(Decimal("1.5"), Decimal(3))
    assert canonical_json(spec) == (
        b'{"direction":"long-short","first_signal":"wait","indicators":[{"id":"sma_cross",'
        b'"params":{"fast":10,"slow":50},"version":1}],'
        b'"sizing":{"mode":"all_in"},"stops":{"sl_pct":1.5,"tp_pct":3},'
        b'"timeframe":"1h","version":1}'
    )


def test_ids_and_names_never_change() -> None:
    """Saved strategies are found by these for ever: a change here orphans all of them."""
    text = (
        b'{"direction":"long-short","first_signal":"wait","indicators":[{"id":"sma_cross",'
        b'"params":{"fast":10,"slow":50},"version":1}],'
        b'"sizing":{"mode":"all_in"},"stops":{"sl_pct":1.5,"tp_pct":3},'
        b'"timeframe":"1h","version":1}'
    )
    saved = spec_of(PLAIN | {"first_signal": "enter"})
    for spec, content, head in (
        (spec_of(PLAIN), text, "4bada445a6db5a21"),
        # what was saved before there was a choice of the first signal does not name it
        (saved, text.replace(b'"first_signal":"wait",', b""), "66d7960f4d6038e4"),
    ):
        assert canonical_json(spec) == content
        assert strategy_id(spec) == hashlib.sha256(content).hexdigest()
        assert strategy_id(spec).startswith(head)
        assert strategy_name(spec) == f"sma_cross-10-50 1h long-short sl1.5 tp3 {head[:8]}"


def test_leverage_one_is_the_same_strategy_as_no_word_of_margin() -> None:
    assert spec_of(PLAIN | {"margin": {"leverage": 1}}) == spec_of(PLAIN)


@given(raw_specs(), st.integers())
def test_any_key_order_and_number_spelling_is_the_same_strategy(
    raw: dict[str, Any], seed: int
) -> None:
    spec, other = spec_of(raw), spec_of(respelled(raw, random.Random(seed)))
    assert other == spec
    assert strategy_id(other) == strategy_id(spec)
    assert strategy_name(other) == strategy_name(spec)


@given(specs())
def test_the_canonical_text_reads_back_as_the_same_spec(spec: StrategySpec) -> None:
    text = canonical_json(spec)
    numbers: list[str] = []

    def exact(number: str) -> Decimal:
        numbers.append(number)
        return Decimal(number)

    # whoever reads what is saved says what it leaves out: see `desk.strategies.document_in`
    again = spec_of({"first_signal": "enter"} | json.loads(text, parse_float=exact))
    assert again == spec
    assert canonical_json(again) == text
    assert not [number for number in numbers if "e" in number.lower() or number.endswith("0")]


@given(specs(), st.integers(0, 10_000))
def test_any_changed_value_is_another_strategy(spec: StrategySpec, pick: int) -> None:
    """Every leaf of the document counts: change one to anything else that is allowed."""
    document = document_of(spec)
    paths = [path for path in leaves(document) if path != ("version",)]
    path = paths[pick % len(paths)]
    value: Any = document
    for key in path:
        value = value[key]
    others: list[Any] = [*DIRECTIONS, "1m", "2h", *SIZING_MODES, "binance:spot", "okx:linear", "X"]
    others += FIRST_SIGNALS
    if isinstance(value, int | Decimal):
        others = [value + 1, value - 1, value + Decimal("0.5"), value / 2]
    tried = 0
    for other in others:
        if other == value:
            continue
        try:
            changed_spec = spec_of(changed(document, path, other))
        except BadInput:
            continue
        tried += 1
        assert strategy_id(changed_spec) != strategy_id(spec)
        assert strategy_name(changed_spec) != strategy_name(spec)
    if path[-1] in ("sl_pct", "timeframe", "cooldown_candles", "symbol", "first_signal"):
        assert tried, f"nothing else is allowed at {path}"


def test_rules_in_another_order_are_the_same_strategy() -> None:
    """All of them must agree, so the order cannot matter, and a hash must not say it does."""
    both = [{"id": "rsi"}, {"id": "sma_cross"}]
    assert spec_of({**PLAIN, "indicators": both}) == spec_of({**PLAIN, "indicators": both[::-1]})


@pytest.mark.parametrize("value", [0.1, Decimal("0.1"), Decimal("0.100")])
def test_a_number_is_the_one_that_was_written(value: object) -> None:
    """0.1 is Decimal('0.1') and never what a float made of it."""
    spec = spec_of({**PLAIN, "costs": {"fee_pct": value, "slippage_pct": value}})
    assert spec.costs.fee_pct == Decimal("0.1")
    assert spec.costs.slippage_pct == Decimal("0.1")


def test_costs_left_out_are_those_of_the_market() -> None:
    spec = spec_of(PLAIN)
    slippage = Decimal("0.01")
    for market, fee in (("binance:spot", "0.075"), ("bybit:linear", "0.1")):
        policy = policy_of(spec, market_by_name(market))
        assert policy == Policy(
            DirectionMode.LONG_SHORT,
            Stops(Decimal("1.5"), Decimal(3)),
            AllIn(),
            Costs(Decimal(fee), slippage),
            Limits(),
            first_signal=FirstSignal.WAIT,
        )
    free = spec_of({**PLAIN, "costs": {"fee_pct": 0, "slippage_pct": 0}})
    assert policy_of(free, FILE_MARKET).costs == Costs(Decimal(0), Decimal(0))


def test_what_a_spec_leaves_open_is_what_the_settings_say() -> None:
    """And what it says stays, a zero too: off is an answer, not a gap."""
    settings = SpecDefaults(Decimal("0.2"), Decimal("0.3"), Limits(Decimal(4), 5))
    market = market_by_name("binance:spot")
    open_spec = policy_of(spec_of(PLAIN), market, settings)
    assert open_spec.costs == Costs(Decimal("0.2"), Decimal("0.3"))
    assert open_spec.limits == Limits(Decimal(4), 5)
    zeros = {"daily_loss_pct": 0, "cooldown_candles": 0}
    costs = {"fee_pct": 0, "slippage_pct": 0}
    closed = policy_of(spec_of({**PLAIN, "limits": zeros, "costs": costs}), market, settings)
    assert closed.costs == Costs(Decimal(0), Decimal(0))
    assert closed.limits == Limits()
    assert strategy_id(spec_of({**PLAIN, "limits": zeros})) != strategy_id(spec_of(PLAIN))


def test_an_instrument_is_the_commands_or_the_specs_or_an_error() -> None:
    nameless = spec_of(PLAIN)
    named = spec_of({**PLAIN, "instrument": {"market": "binance:spot", "symbol": "BTCUSDT"}})
    assert instrument_of(named) == InstrumentId(MarketId(1), "BTCUSDT")
    assert instrument_of(named, symbol="ADAUSDT") == InstrumentId(MarketId(1), "ADAUSDT")
    assert instrument_of(nameless, "binance:futures", "X") == InstrumentId(MarketId(2), "X")
    with pytest.raises(BadInput, match="--market and --symbol are not given"):
        instrument_of(nameless)
    with pytest.raises(BadInput, match="--symbol is not given"):
        instrument_of(nameless, "binance:spot")
    with pytest.raises(BadInput, match="unknown market 'nyse'"):
        instrument_of(named, "nyse")


def test_the_sample_is_fixed_and_covers_every_combination() -> None:
    """The parity tests stand on it: the same seed must give the same specs on every machine."""
    sample = sample_specs(50, seed=7)
    assert sample == sample_specs(50, seed=7)
    combinations = {(s.direction, type(s.sizing), s.stops.sl_pct is None, s.stops.tp_pct is None)
                    for s in sample}  # fmt: skip
    assert len(combinations) == 3 * 4 * 4
    assert len({s.timeframe for s in sample}) == 4
    assert {len(s.rules) for s in sample} == {1, 2, 3}
