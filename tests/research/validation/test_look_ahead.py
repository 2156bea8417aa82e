"""The look-ahead test catches each way of looking ahead that we know, and lets the honest pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from bowline.core.errors import BadInput
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.signals.frame import SignalFrame, frame_of
from bowline.research.synthetic import synthetic_minutes
from bowline.research.validation import look_ahead

CANDLES = synthetic_minutes(InstrumentId(MarketId(1), "BTCUSDT"), seed=9, minutes=4000, start_ns=0)


class Thinker:
    """An opinion made of one function of the closes; it has none of the guard around plugins."""

    warmup = 0

    def __init__(self, think: Callable[[np.ndarray], np.ndarray]) -> None:
        self._think = think

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(np.sign(self._think(candles.close)).astype(np.int8))


def behind(close: np.ndarray) -> np.ndarray:
    return np.concatenate((np.zeros(min(5, len(close))), close[5:] - close[:-5]))


def ahead(close: np.ndarray) -> np.ndarray:
    return np.concatenate((close[1:] - close[:-1], [0.0]))


def against_the_mean_of_all(close: np.ndarray) -> np.ndarray:
    return close - close.mean()


def centred(close: np.ndarray) -> np.ndarray:
    sums = np.cumsum(np.pad(close, (51, 50), mode="edge"))
    return close - (sums[101:] - sums[:-101]) / 101


def rarely_ahead(close: np.ndarray) -> np.ndarray:
    """Only the last candle before a jump knows of it."""
    jump = np.concatenate((np.abs(np.diff(close)) > 60, [False]))
    return np.where(jump, 1.0, 0.0)


def test_the_honest_pass() -> None:
    found = look_ahead(Thinker(behind), CANDLES)
    assert found.clean
    assert found.cuts >= 25


@pytest.mark.parametrize("think", [ahead, against_the_mean_of_all, centred, rarely_ahead])
def test_each_way_of_looking_ahead_is_caught(think: Callable[[np.ndarray], np.ndarray]) -> None:
    found = look_ahead(Thinker(think), CANDLES)
    assert not found.clean
    assert found.leak is not None
    assert found.leak.candle < found.leak.known
    assert found.leak.open_ns == CANDLES.open_ns[found.leak.candle]
    assert found.leak.with_future != found.leak.without_future


def test_a_state_kept_between_calls_is_caught() -> None:
    calls = iter((1.0, -1.0, 1.0, -1.0))
    assert not look_ahead(Thinker(lambda close: behind(close) * next(calls)), CANDLES).repeats


def test_what_the_guard_of_plugins_says_first_is_kept_and_other_mistakes_are_not_swallowed() -> (
    None
):
    class Guarded(Thinker):
        def signals(self, candles: CandleFrame) -> SignalFrame:
            raise BadInput(self._think)  # type: ignore[arg-type]

    found = look_ahead(Guarded("p.py: x looks ahead: its signal"), CANDLES)  # type: ignore[arg-type]
    assert not found.clean
    assert "looks ahead" in found.message
    with pytest.raises(BadInput, match="division by zero"):
        look_ahead(Guarded("p.py line 3: division by zero"), CANDLES)  # type: ignore[arg-type]


def test_the_seed_chooses_the_cuts() -> None:
    assert look_ahead(Thinker(ahead), CANDLES, seed=1) == look_ahead(
        Thinker(ahead), CANDLES, seed=1
    )
    assert look_ahead(Thinker(behind), CANDLES.slice(0, 1)).clean
