"""Protects: edges are what B1 says, and a run can read nothing past the candle just closed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.intent import Signal
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import MINUTE_NS, Direction, Timeframe
from bowline.core.signals.frame import History, SignalFrame, frame_of

INSTRUMENT = InstrumentId(MarketId(1), "BTCUSDT")
directions = st.lists(st.sampled_from([-1, 0, 1]), max_size=60)


def candles_of(closes: list[float], first: int = 0) -> CandleFrame:
    """One-minute candles with these closes, the first one opening at minute `first`."""
    close = np.array(closes, dtype=np.float64)
    open_ns = (np.arange(len(closes), dtype=np.int64) + first) * MINUTE_NS
    return CandleFrame(INSTRUMENT, Timeframe.M1, open_ns, close, close, close, close, close)


class Sign(Struct, frozen=True):
    """An opinion that reads its direction from the close: causal and trivially predictable."""

    warmup: int = 0

    def signals(self, candles: CandleFrame) -> SignalFrame:
        """LONG above 100, SHORT below; the first that means something is that of `warmup`."""
        return frame_of(np.sign(candles.close - 100).astype(np.int8), first=self.warmup)


class Hindsight(Struct, frozen=True):
    """An opinion that looks at the last candle there is: the mistake History must catch."""

    warmup: int = 0

    def signals(self, candles: CandleFrame) -> SignalFrame:
        """Every candle is judged by the last one."""
        last = candles.close[-1] if len(candles) else 100.0
        return frame_of(np.full(len(candles), np.sign(last - 100), dtype=np.int8))


@given(directions)
def test_an_edge_is_a_direction_that_is_new_at_this_candle(values: list[int]) -> None:
    """B1: an entry needs a direction it had not one candle before; NEUTRAL is no edge."""
    frame = frame_of(np.array(values, dtype=np.int8))
    before = 0
    for value, edge in zip(values, frame.edge.tolist(), strict=True):
        assert edge == (value if value not in (0, before) else 0)
        before = value


@pytest.mark.parametrize(
    "column", [np.array([2], np.int8), np.array([1.0]), np.zeros((2, 2), np.int8)]
)
def test_a_column_that_is_not_directions_is_refused(column: np.ndarray) -> None:
    """Nothing but -1, 0 and 1 in int8 may reach the engine."""
    with pytest.raises(ValueError, match="direction"):
        frame_of(column)


@given(directions, st.integers(0, 60), st.integers(0, 8))
def test_history_in_two_parts_is_the_history_in_one(
    values: list[int], cut: int, first: int
) -> None:
    """Live extends, a backtest knows it all: both must give the same signals."""
    closes = [100.0 + value for value in values]
    cut = min(cut, len(values))
    whole = History(Sign(first), candles_of(closes))
    parts = History(Sign(first), candles_of(closes[:cut]))
    seen: list[Signal] = []
    for minute in range(len(values)):
        if minute == cut:
            parts.extend(candles_of(closes[cut:], first=cut))
        seen.append(parts.close(minute * MINUTE_NS))
        assert whole.close(minute * MINUTE_NS) is seen[-1]
    assert [int(signal.direction) for signal in seen] == values
    assert [signal.first for signal in seen] == [at <= first for at in range(len(values))]


def test_close_refuses_a_candle_that_is_not_the_next_one() -> None:
    """A missing, repeated or unknown candle is a bug and must never shift the signals by one."""
    history = History(Sign(), candles_of([101.0, 99.0]))
    with pytest.raises(ValueError, match="next candle opens at 0"):
        history.close(MINUTE_NS)
    assert history.close(0) == Signal(Direction.LONG, Direction.LONG, first=True)
    with pytest.raises(ValueError, match="next candle opens"):
        history.close(0)
    history.close(MINUTE_NS)
    with pytest.raises(ValueError, match="extend the history first"):
        history.close(2 * MINUTE_NS)


def test_skipping_keeps_the_edges_of_the_whole_history() -> None:
    """A restart inside a LONG stretch must not make a fresh edge of it."""
    history = History(Sign(), candles_of([101.0, 101.0, 99.0]))
    history.skip_to(MINUTE_NS)
    assert history.closed == 1
    assert history.close(MINUTE_NS) == Signal(Direction.LONG, Direction.NEUTRAL)
    history.skip_to(0)
    assert history.close(2 * MINUTE_NS) == Signal(Direction.SHORT, Direction.SHORT)


def test_a_first_signal_that_moves_is_a_changed_past() -> None:
    """What a run made of it is done; a history that says otherwise later must not go on."""

    class Late(Sign):
        def signals(self, candles: CandleFrame) -> SignalFrame:
            """Its first signal is that of the last candle there is."""
            return frame_of(np.ones(len(candles), dtype=np.int8), first=len(candles) - 1)

    history = History(Late(), candles_of([101.0, 101.0]))
    with pytest.raises(BadInput, match="changed its signal of the candle that opened at 60000"):
        history.extend(candles_of([101.0], first=2))


def test_an_opinion_that_changes_its_past_is_refused() -> None:
    """Idea 5: a signal is a function of the candles up to its own, so the past cannot change."""
    history = History(Hindsight(), candles_of([101.0, 101.0]))
    with pytest.raises(BadInput, match="changed its signal"):
        history.extend(candles_of([99.0], first=2))
