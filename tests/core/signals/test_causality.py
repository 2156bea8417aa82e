"""The future changes nothing: f(x[:k])[-1] == f(x)[k-1], bit for bit, for every entry and output.

A backtest computes an indicator once over everything, a live run again at each close. This is what
makes the two the same, and look-ahead impossible.
"""

from __future__ import annotations

import numpy as np
import pytest

from bowline.core.signals import compute, signal
from tests.chance import seeded
from tests.core.signals.candles_for_signals import bitcoin, catalogue, drawn, ids

CANDLES = 700
DRAWS = 5
CUTS = 200  # for each draw: 1,000 for each entry


@pytest.mark.chance
@pytest.mark.slow
@pytest.mark.parametrize("name", ids())
def test_a_value_depends_on_nothing_after_its_candle(name, shared_data):
    frame = bitcoin(shared_data, CANDLES)
    indicator, rng = catalogue().get(name), seeded(name)
    for draw in range(DRAWS):
        params = drawn(indicator, rng) if draw else indicator.resolve({})[0]
        whole = compute(indicator, params, frame)
        for cut in rng.sample(range(1, CANDLES + 1), CUTS):
            part = compute(indicator, params, frame.slice(0, cut))
            for output, series in whole.items():
                now, later = part[output][-1], series[cut - 1]
                assert now.tobytes() == later.tobytes(), (output, params, cut, now, later)


@pytest.mark.chance
@pytest.mark.parametrize("name", ids())
def test_a_whole_history_is_the_beginning_of_a_longer_one(name, shared_data):
    """Not only the last value: nothing that was said is ever taken back."""
    frame = bitcoin(shared_data, CANDLES)
    indicator, rng = catalogue().get(name), seeded(name)
    params = drawn(indicator, rng)
    cut = rng.randint(CANDLES // 2, CANDLES - 1)
    whole, part = (compute(indicator, params, each) for each in (frame, frame.slice(0, cut)))
    for output, series in whole.items():
        assert np.array_equal(series[:cut], part[output], equal_nan=True), output
    if indicator.rule is not None:
        directions = signal(indicator, params, frame.slice(0, cut))
        assert np.array_equal(signal(indicator, params, frame)[:cut], directions)
