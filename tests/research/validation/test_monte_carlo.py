"""Paths are functions of the seed, markets made of blocks are markets, and spreads are right."""

from __future__ import annotations

import itertools
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.model.position import RoundTrip
from bowline.research.synthetic import synthetic_minutes
from bowline.research.validation import (
    growth_of,
    resample_candles,
    resample_round_trips,
    shuffle_blocks,
)

BTC = InstrumentId(MarketId(1), "BTCUSDT")


def market(seed: int, minutes: int = 300) -> CandleFrame:
    return synthetic_minutes(BTC, seed=seed, minutes=minutes, start_ns=0)


def draw(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


class Trip:
    """A round trip of which only the profit is looked at."""

    def __init__(self, pnl: str) -> None:
        self.pnl = Decimal(pnl)


def trips(*profits: str) -> list[RoundTrip]:
    return [Trip(each) for each in profits]  # type: ignore[misc]


def test_growth_by_hand() -> None:
    assert growth_of(trips("50", "-75", "0"), 100).tolist() == [1.5, 0.5, 1.0]
    assert not len(growth_of([], 100))


def test_money_that_is_gone_stays_gone() -> None:
    assert growth_of(trips("-120", "50", "100"), 100).tolist() == [0.0, 0.0, 0.0]


def test_round_trips_drawn_again_spread_as_theory_says() -> None:
    """The log of the end is a sum of n draws: mean and deviation are known."""
    growth = np.exp(np.random.default_rng(1).normal(0.001, 0.02, 400))
    paths = resample_round_trips(growth, paths=3000, seed=5)
    ends = np.log1p(paths.returns / 100)
    assert ends.mean() == pytest.approx(np.log(growth).sum(), abs=0.03)
    assert ends.std() == pytest.approx(20 * np.log(growth).std(), rel=0.06)
    assert paths.observed_return_pct == pytest.approx(100 * (growth.prod() - 1))
    assert paths.worse_pct == pytest.approx(50, abs=6)
    assert paths.return_pct.low < paths.return_pct.middle < paths.return_pct.high


def test_the_first_loss_is_a_drawdown() -> None:
    paths = resample_round_trips(np.array([0.9]), paths=3, seed=1)
    assert paths.drawdowns == pytest.approx([10.0] * 3)
    assert paths.losing_pct == 100


def test_a_seed_is_a_path_and_more_paths_begin_with_the_fewer() -> None:
    growth = np.random.default_rng(2).normal(1, 0.05, 50)
    few = resample_round_trips(growth, paths=10, seed=7).returns
    assert (resample_round_trips(growth, paths=30, seed=7).returns[:10] == few).all()
    assert (resample_round_trips(growth, paths=10, seed=8).returns != few).all()


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 400), st.integers(2, 300))
def test_a_made_up_market_is_a_market(seed: int, block: int, minutes: int) -> None:
    candles = market(seed % 97, minutes)
    made = shuffle_blocks(candles, block, draw(seed))
    assert len(made) == len(candles)
    assert (made.open_ns == candles.open_ns).all()
    assert made.close[0] == candles.close[0]
    low, high = np.minimum(made.open, made.close), np.maximum(made.open, made.close)
    assert (made.low > 0).all()
    assert (made.low <= low).all()
    assert (made.high >= high).all()


def test_blocks_keep_their_steps_and_only_those() -> None:
    """Every step of the made-up market is one of the real one's, in runs of the block's length."""
    candles = market(3, 500)
    steps = np.round(np.diff(np.log(candles.close)), 12).tolist()
    made = np.round(np.diff(np.log(shuffle_blocks(candles, 50, draw(1)).close)), 12)
    places = {step: at for at, step in enumerate(steps)}
    found = [places.get(step) for step in made.tolist()]
    assert None not in found
    follows = sum((b - a) % len(steps) == 1 for a, b in itertools.pairwise(found))
    assert follows >= len(found) - 1 - 10


def test_a_trend_that_outlasts_the_block_is_gone() -> None:
    """Buying at the first close and holding earns the same on average; the order is another."""
    candles = market(4, 2000)
    paths = resample_candles(
        candles,
        lambda c: (100 * (c.close[-1] / c.close[0] - 1), 0.0),
        paths=200,
        block=20,
        seed=3,
    )
    drift = np.log(candles.close[-1] / candles.close[0])
    assert np.log1p(paths.returns / 100).mean() == pytest.approx(drift, abs=0.02)
    assert paths.paths == 200
    halves = [shuffle_blocks(candles, 20, draw(seed)).close[1000] for seed in range(5)]
    assert len(set(halves)) == 5


@pytest.mark.parametrize(("minutes", "block"), [(1, 5), (10, 0)])
def test_what_cannot_be_cut_is_refused(minutes: int, block: int) -> None:
    with pytest.raises(ValueError, match="cannot be cut"):
        shuffle_blocks(market(1, minutes), block, draw(1))
