"""Protects: a plugin's signals are used only if they are whole, causal and its own to give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.market import CandleFrame
from bowline.core.signals import (
    MIN_WARMUP,
    History,
    Kind,
    Parameter,
    PluginFailure,
    RegisteredStrategy,
    Strategies,
    Strategy,
    Value,
    opinion_of,
    parse_spec,
    register,
    strategy_id,
)
from tests.core.signals.test_opinion import walk
from tests.generators import catalogue

PERIOD = Parameter("period", Kind.INT, 3, minimum=1, maximum=400, step=1)


class Rising(Strategy):
    """LONG after a rise over `period` candles, SHORT after a fall."""

    id = "rising"
    title = "Rising or falling"
    parameters = (PERIOD, Parameter("level", Kind.FLOAT, 0.5, minimum=0, maximum=1, step=0.1))

    def problems(self, params: Mapping[str, Value]) -> list[str]:
        return ["period: must be odd"] if int(params["period"]) % 2 == 0 else []

    def warmup(self, params: Mapping[str, Value]) -> int:
        return int(params["period"])

    def signals(self, candles: CandleFrame, params: Mapping[str, Value]) -> np.ndarray:
        period = int(params["period"])
        direction = np.zeros(len(candles), dtype=np.int64)
        direction[period:] = np.sign(candles.close[period:] - candles.close[:-period])
        return direction


def registered(plugin: object = Rising, code: str = "c0de") -> RegisteredStrategy:
    return register(plugin, "rising.py", code, __file__)


def raw_of(plugin_id: str = "rising", **strategy: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "timeframe": "1m",
        "direction": "long-short",
        "strategy": {"id": plugin_id, **strategy},
        "sizing": {"mode": "all_in"},
    }


def signals_of(plugin: object, n: int = 300) -> Any:
    strategies = Strategies([registered(plugin)])
    raw = raw_of(plugin.id)  # type: ignore[attr-defined]
    spec = parse_spec(raw, catalogue(), strategies)
    return opinion_of(spec, catalogue(), strategies).signals(walk(n))


def test_a_plugin_speaks_through_the_same_frame_as_indicators() -> None:
    strategies = Strategies([registered()])
    spec = parse_spec(raw_of(params={"period": 5}), catalogue(), strategies)
    opinion, candles = opinion_of(spec, catalogue(), strategies), walk(300)
    history = History(opinion, candles)
    close = candles.close
    for t in range(300):
        expected = 0 if t < 5 else int(np.sign(close[t] - close[t - 5]))
        assert history.close(int(candles.open_ns[t])).direction == expected


def test_warm_up_is_what_it_asks_for_and_never_under_200() -> None:
    strategies = Strategies([registered()])
    for period, expected in ((5, MIN_WARMUP), (399, 399)):
        spec = parse_spec(raw_of(params={"period": period}), catalogue(), strategies)
        assert opinion_of(spec, catalogue(), strategies).warmup == expected


def test_its_first_signal_comes_after_the_warm_up_that_it_asks_for_itself() -> None:
    """Not after the 200 candles that every run waits for if there are so many."""
    strategies = Strategies([registered()])
    for period in (5, 399):
        spec = parse_spec(raw_of(params={"period": period}), catalogue(), strategies)
        frame = opinion_of(spec, catalogue(), strategies).signals(walk(300))
        assert frame.first == period


def test_its_parameters_are_checked_like_an_indicators() -> None:
    """Bounds by Bowline, what must hold between them by the plugin, all with the path."""
    raw = raw_of(params={"period": 401, "perod": 1})
    with pytest.raises(BadInput) as caught:
        parse_spec(raw, catalogue(), Strategies([registered()]))
    assert [line.partition(":")[0] for line in caught.value.problems] == [
        "strategy.params.perod",
        "strategy.params.period",
    ]
    with pytest.raises(BadInput) as caught:
        parse_spec(raw_of(params={"period": 4}), catalogue(), Strategies([registered()]))
    assert caught.value.problems == ("strategy.params.period: must be odd",)


def test_changed_code_is_another_strategy() -> None:
    """And a spec that was saved with other code is refused, never run with this one."""
    old, new = Strategies([registered(code="01d")]), Strategies([registered(code="4e3")])
    before = parse_spec(raw_of(), catalogue(), old)
    after = parse_spec(raw_of(), catalogue(), new)
    assert strategy_id(before) != strategy_id(after)
    with pytest.raises(BadInput) as caught:
        parse_spec(raw_of(code="01d"), catalogue(), new)
    assert caught.value.problems[0].startswith("strategy.code: '01d'")
    with pytest.raises(ValueError, match="different code"):
        opinion_of(before, catalogue(), new)


class Hindsight(Rising):
    """Knows the next close."""

    id = "hindsight"

    def signals(self, candles: CandleFrame, params: Mapping[str, Value]) -> np.ndarray:
        return np.sign(np.diff(candles.close, append=candles.close[-1])).astype(np.int8)


class Average(Rising):
    """Compares with the average of all candles: it knows the future in a gentler way."""

    id = "average"

    def signals(self, candles: CandleFrame, params: Mapping[str, Value]) -> np.ndarray:
        return np.sign(candles.close - candles.close.mean()).astype(np.int8)


class Seldom(Rising):
    """One change of mind in all the candles, made one candle too early."""

    id = "seldom"

    def signals(self, candles: CandleFrame, params: Mapping[str, Value]) -> np.ndarray:
        direction = np.zeros(len(candles), dtype=np.int8)
        direction[177:] = 1
        if len(candles) < 179:
            direction[:] = 0
        return direction


@pytest.mark.parametrize("plugin", [Hindsight, Average, Seldom])
def test_a_plugin_that_looks_ahead_is_refused(plugin: type[Strategy]) -> None:
    """Idea 5: look-ahead cannot be written, not in a plugin either."""
    with pytest.raises(BadInput, match="looks ahead"):
        signals_of(plugin)


def with_signals(answer: Any) -> type[Strategy]:
    class Odd(Rising):
        id = "odd"

        def signals(self, candles: CandleFrame, params: Mapping[str, Value]) -> Any:
            return answer(candles)

    return Odd


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda c: np.zeros(len(c) - 1, dtype=np.int8), "returned 299 signals for 300 candles"),
        (lambda c: np.zeros(len(c)), "returned float64"),
        (lambda c: np.zeros((len(c), 1), dtype=np.int8), "returned int8"),
        (lambda c: [0] * len(c), "returned <class 'list'>"),
        (lambda _: None, "returned <class 'NoneType'>"),
        (lambda c: np.full(len(c), 2, dtype=np.int8), "expected -1, 0 and 1"),
        (lambda c: np.full(len(c), 2**40, dtype=np.int64), "expected -1, 0 and 1"),
        (lambda c: c.close.sort(), "read-only"),
        (lambda _: 1 / 0, r"test_strategy.py line \d+: ZeroDivisionError: division by zero"),
        (lambda _: exec("raise SystemExit(3)"), "SystemExit: 3"),
    ],
)
def test_signals_that_are_not_directions_are_refused(answer: Any, message: str) -> None:
    """Each a BadInput that names the plugin: somebody else's mistake is no bug of ours."""
    with pytest.raises(BadInput, match=message) as caught:
        signals_of(with_signals(answer))
    assert "rising.py" in caught.value.message


def test_the_plugins_array_stays_the_plugins() -> None:
    """It may keep and change what it gave: the run has its own copy."""
    kept = np.zeros(300, dtype=np.int8)

    def answer(candles: CandleFrame) -> np.ndarray:
        return kept[: len(candles)]

    frame = signals_of(with_signals(answer))
    kept[:] = 1
    assert not frame.direction.any()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"id": "Not An Id"}, "id: 'Not An Id'"),
        ({"id": None}, "id: None"),
        ({"version": 0}, "version: 0"),
        ({"version": True}, "version: True"),
        ({"title": " "}, "title: ' '"),
        ({"parameters": [PERIOD]}, "parameters: ["),
        ({"parameters": (PERIOD, PERIOD)}, "a name is used twice"),
        ({"parameters": (Parameter("period", Kind.INT, 3),)}, "needs a minimum"),
        (
            {"parameters": (Parameter("p", Kind.INT, 9, minimum=1, maximum=5, step=1),)},
            "parameters.p.default: p: 9 is not allowed",
        ),
    ],
)
def test_a_plugin_must_say_what_it_is(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(BadInput) as caught:
        registered(type("Broken", (Rising,), fields))
    assert len(caught.value.problems) == 1
    assert word in caught.value.problems[0]


def test_a_class_that_is_no_strategy_is_refused() -> None:
    with pytest.raises(BadInput, match="is not a Strategy"):
        registered(dict)
    with pytest.raises(BadInput, match="TypeError: Can't instantiate abstract class"):
        registered(type("Half", (Strategy,), {"id": "half", "title": "Half"}))


def test_an_id_belongs_to_the_first_that_has_it() -> None:
    """A second plugin must not take over the strategies of the first, and must not go unseen."""
    first, second = registered(code="01d"), registered(code="4e3")
    strategies = Strategies([first, second], [PluginFailure("x.py", "is not trusted")])
    assert strategies.get("rising") is first
    assert [failure.origin for failure in strategies.failures] == ["x.py", "rising.py"]
    with pytest.raises(NotFound, match="'risng'") as caught:
        strategies.get("risng")
    assert caught.value.hint.startswith("did you mean rising?; 2 not loaded")
