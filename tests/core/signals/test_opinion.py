"""Protects: the final signal is the AND of all rules, conflicts counted, warm-up long enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.signals import (
    MIN_WARMUP,
    Catalogue,
    Strategies,
    opinion_of,
    parse_spec,
    signal,
)
from tests.generators import catalogue, sample_specs

NO_PLUGINS = Strategies()


def walk(n: int, seed: int = 1, timeframe: Timeframe = Timeframe.M1) -> CandleFrame:
    """Candles of a random walk."""
    chance = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(chance.normal(0, 0.01, n)))
    opened = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(opened, close) * (1 + chance.random(n) / 100)
    low = np.minimum(opened, close) * (1 - chance.random(n) / 100)
    open_ns = np.arange(n, dtype=np.int64) * timeframe.minutes * MINUTE_NS
    instrument = InstrumentId(MarketId(1), "BTCUSDT")
    volume = chance.random(n) * 10
    return CandleFrame(instrument, timeframe, open_ns, opened, high, low, close, volume)


def raw_of(*indicators: dict[str, Any], timeframe: str = "1m") -> dict[str, Any]:
    return {
        "version": 1,
        "timeframe": timeframe,
        "direction": "long-short",
        "indicators": list(indicators),
        "sizing": {"mode": "all_in"},
    }


def test_a_cross_says_what_two_averages_say() -> None:
    """Against averages computed here, one window at a time."""
    candles = walk(400)
    raw = raw_of({"id": "sma_cross", "params": {"fast": 5, "slow": 20}})
    frame = opinion_of(parse_spec(raw, catalogue(), NO_PLUGINS), catalogue(), NO_PLUGINS).signals(
        candles
    )
    close = candles.close
    for t in range(len(candles)):
        expected = 0
        if t >= 19:
            fast, slow = close[t - 4 : t + 1].mean(), close[t - 19 : t + 1].mean()
            expected = 1 if fast > slow else -1
        assert frame.direction[t] == expected


@pytest.mark.chance
def test_all_rules_must_agree() -> None:
    """LONG only where each one alone is LONG, SHORT likewise, everything else is NEUTRAL."""
    candles = walk(3000)
    seen = set()
    for spec in sample_specs(40, seed=3):
        frame = opinion_of(spec, catalogue(), NO_PLUGINS).signals(candles)
        alone = [signal(catalogue().get(u.id), dict(u.params), candles) for u in spec.rules]
        expected = [
            each[0] if len(set(each)) == 1 else 0 for each in zip(*alone, strict=True)
        ]  # fmt: skip
        assert frame.direction.tolist() == expected
        seen |= {(len(alone), direction) for direction in expected}
    assert {(count, direction) for count in (1, 2) for direction in (-1, 0, 1)} <= seen


def test_conflicts_are_neutral_and_counted() -> None:
    """A rule whose two sides hold at once says nothing, and the run can say how often."""
    entry: dict[str, Any] = {
        "id": "torn", "version": 1, "title": "Torn", "group": "average", "inputs": ["close"],
        "params": {"period": "int 3 from 2 to 9 step 1"}, "outputs": ["average"],
        "warmup": "period - 1", "compute": [["talib.SMA", "close", "period"]],
        "formula": "none", "source": "book: none",
        "rule": {"long": "close > average", "short": "close > average or close < average"},
    }  # fmt: skip
    torn = Catalogue.build({"indicators": [entry]})
    candles = walk(50)
    spec = parse_spec(raw_of({"id": "torn"}), torn, NO_PLUGINS)
    frame = opinion_of(spec, torn, NO_PLUGINS).signals(candles)
    above = [
        t for t in range(2, 50) if candles.close[t] > candles.close[t - 2 : t + 1].mean() + 1e-9
    ]
    assert above
    assert frame.conflicting_signals == len(above)
    assert not frame.direction[above].any()
    assert set(frame.direction.tolist()) == {0, -1}


def entry_of(name: str, long: str, short: str) -> dict[str, Any]:
    """An average of three closes with a rule of one's own."""
    return {
        "id": name, "version": 1, "title": name, "group": "average", "inputs": ["close"],
        "params": {"period": "int 3 from 2 to 9 step 1"}, "outputs": ["average"],
        "warmup": "period - 1", "compute": [["talib.SMA", "close", "period"]],
        "formula": "none", "source": "book: none", "rule": {"long": long, "short": short},
    }  # fmt: skip


@pytest.mark.parametrize("order", [("torn", "bull"), ("bull", "torn")])
def test_a_rule_that_contradicts_itself_vetoes_what_the_others_say(order: tuple[str, ...]) -> None:
    """LONG and SHORT at once is no LONG beside another's LONG, and no conflict of all either."""
    made = Catalogue.build(
        {
            "indicators": [
                entry_of("torn", "average > 0", "average > 0 and close > 0"),
                entry_of("bull", "average > 0", "average < 0"),
                entry_of("bear", "average < 0", "average > 0"),
            ]
        }
    )
    candles = walk(50)
    for others in (order, tuple("bear" if name == "bull" else name for name in order)):
        spec = parse_spec(raw_of(*({"id": name} for name in others)), made, NO_PLUGINS)
        frame = opinion_of(spec, made, NO_PLUGINS).signals(candles)
        assert not frame.direction.any()
        assert frame.conflicting_signals == 0
    alone = parse_spec(raw_of({"id": "bull"}), made, NO_PLUGINS)
    assert opinion_of(alone, made, NO_PLUGINS).signals(candles).direction[2:].all()


@pytest.mark.parametrize(
    ("long", "short"), [("average > 0", "close > 0"), ("close > 0", "average > 0")]
)
def test_a_side_counts_only_where_the_other_is_known(long: str, short: str) -> None:
    """While the average warms up one side holds and the other is NaN: that is no opinion."""
    made = Catalogue.build({"indicators": [entry_of("half", long, short)]})
    entry, candles = made.get("half"), walk(30)
    directions = signal(entry, {"period": 9}, candles)
    # eight candles without an average, then both sides hold at once
    assert not directions.any()
    sided = Catalogue.build({"indicators": [entry_of("half", long, short.replace(">", "<"))]})
    directions = signal(sided.get("half"), {"period": 9}, candles)
    assert directions.tolist() == [0] * 8 + [1] * 22


@pytest.mark.parametrize(
    ("indicators", "expected"),
    [
        ([{"id": "sma_cross"}], MIN_WARMUP),
        ([{"id": "sma_cross", "params": {"slow": 800}}], 799),
        ([{"id": "rsi"}, {"id": "sma", "params": {"period": 301}}], 300),
    ],
)
def test_warm_up_is_the_longest_of_all_and_never_under_200(
    indicators: list[dict[str, Any]], expected: int
) -> None:
    spec = parse_spec(raw_of(*indicators), catalogue(), NO_PLUGINS)
    assert opinion_of(spec, catalogue(), NO_PLUGINS).warmup == expected


@pytest.mark.parametrize(
    ("rules", "first"),
    [
        ([("sma_cross", {"fast": 5, "slow": 20})], 19),
        # a change of 14 closes needs 15 of them
        ([("rsi", {"period": 14})], 14),
        ([("rsi", {"period": 14}), ("sma_cross", {"fast": 5, "slow": 20})], 19),
        ([("rsi", {"period": 30}), ("sma_cross", {"fast": 5, "slow": 20})], 30),
    ],
)  # fmt: skip
def test_the_first_signal_is_that_of_the_last_rule_to_have_a_value(rules, first) -> None:
    """Also where it is NEUTRAL, and the same however many candles follow; none before it is."""
    raw = raw_of(*({"id": name, "params": params} for name, params in rules))
    opinion = opinion_of(parse_spec(raw, catalogue(), NO_PLUGINS), catalogue(), NO_PLUGINS)
    for length in (first + 1, 400):
        assert opinion.signals(walk(length)).first == first
    assert opinion.signals(walk(first)).first == first
