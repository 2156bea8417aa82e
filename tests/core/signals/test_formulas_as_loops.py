"""Our own formulas against their publications, said again as plain loops over single candles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bowline.core.signals import compute
from tests.core.signals.candles_for_signals import bitcoin, candles, catalogue


@pytest.fixture
def frame(shared_data):
    return bitcoin(shared_data, 700, start=100)


def values(name, frame, **params):
    resolved, problems = catalogue().get(name).resolve(params)
    assert problems == []
    return compute(catalogue().get(name), resolved, frame)


def smoothed(column, period, weight):
    """From the mean of the first `period` values on: level += (value - level) * weight."""
    known = np.flatnonzero(np.isfinite(column))
    result = np.full(len(column), np.nan)
    start = known[0] + period - 1
    level = result[start] = sum(column[known[0] : start + 1]) / period
    for t in range(start + 1, len(column)):
        level += (column[t] - level) * weight
        result[t] = level
    return result


def ema(column, period):
    return smoothed(column, period, 2 / (period + 1))


def agree(ours, theirs, start):
    assert np.isfinite(theirs[start:]).all()
    np.testing.assert_allclose(ours[start:], theirs[start:], rtol=1e-9, atol=1e-9)


def test_the_alligator_is_drawn_8_5_and_3_candles_ahead(frame):
    """Williams, Trading Chaos (1995): smoothed averages of 13, 8 and 5, of the middle."""
    ours, middle = values("alligator", frame), (frame.high + frame.low) / 2
    for line, period, ahead in (("jaw_line", 13, 8), ("teeth_line", 8, 5), ("lips_line", 5, 3)):
        average = smoothed(middle, period, 1 / period)
        theirs = np.concatenate((np.full(ahead, np.nan), average[:-ahead]))
        agree(ours[line], theirs, period - 1 + ahead)
        assert np.isnan(ours[line][: period - 1 + ahead]).all()


def test_the_klinger_oscillator(frame):
    """Volume force: trend by high + low + close, range over the range added up while it lasts."""
    ours = values("klinger", frame)
    force, trend, total = [math.nan], 0, 0.0
    for t in range(1, len(frame)):
        now, before = (frame.high[i] + frame.low[i] + frame.close[i] for i in (t, t - 1))
        reach, reach_before = (frame.high[i] - frame.low[i] for i in (t, t - 1))
        turned = 1 if now > before else -1 if now < before else trend
        total = total + reach if turned == trend else reach_before + reach
        trend = turned
        force.append(frame.volume[t] * abs(2 * reach / total - 1) * trend * 100)
    line = ema(np.array(force), 34) - ema(np.array(force), 55)
    agree(ours["klinger"], line, 55)
    agree(ours["signal_line"], ema(line, 13), 67)


def test_the_fisher_transform(frame):
    """Ehlers, Using the Fisher Transform (Stocks & Commodities, November 2002)."""
    ours, middle = values("fisher", frame), (frame.high + frame.low) / 2
    theirs, level, line = np.full(len(frame), np.nan), 0.0, 0.0
    for t in range(9, len(frame)):
        low, high = min(middle[t - 9 : t + 1]), max(middle[t - 9 : t + 1])
        level = 0.33 * 2 * ((middle[t] - low) / (high - low) - 0.5) + 0.67 * level
        level = max(-0.999, min(0.999, level))
        line = theirs[t] = 0.5 * math.log((1 + level) / (1 - level)) + 0.5 * line
    agree(ours["fisher"], theirs, 9)
    agree(ours["trigger"], np.concatenate(([np.nan], theirs[:-1])), 10)


def test_the_price_momentum_oscillator(frame):
    """Swenlin smooths by 2 / period, not 2 / (period + 1): rates of 35 and 20, signal EMA of 10."""
    ours = values("price_momentum", frame)
    rate = np.full(len(frame), np.nan)
    rate[1:] = 100 * (frame.close[1:] / frame.close[:-1] - 1)
    line = smoothed(10 * smoothed(rate, 35, 2 / 35), 20, 2 / 20)
    agree(ours["pmo"], line, 54)
    agree(ours["signal_line"], ema(line, 10), 63)


def test_the_wave_trend(frame):
    """LazyBear's script: ci = (ap - esa) / (0.015 * d), wt1 = ema(ci, 21), wt2 = sma(wt1, 4)."""
    ours, price = values("wave_trend", frame), (frame.high + frame.low + frame.close) / 3
    centre = ema(price, 10)
    line = ema((price - centre) / (0.015 * ema(np.abs(price - centre), 10)), 21)
    agree(ours["wave"], line, 38)
    mean = sum(line[3 - back : len(line) - back] for back in range(4)) / 4
    agree(ours["signal_line"][3:], mean, 38)


def test_the_relative_vigor_index(frame):
    """Ehlers, Relative Vigor Index (Stocks & Commodities, January 2002): weights 1, 2, 2, 1."""
    ours = values("relative_vigor", frame)

    def weighted(column, t):
        return (column[t] + 2 * column[t - 1] + 2 * column[t - 2] + column[t - 3]) / 6

    body, reach = frame.close - frame.open, frame.high - frame.low
    theirs = np.full(len(frame), np.nan)
    for t in range(12, len(frame)):
        rows = range(t - 9, t + 1)
        theirs[t] = sum(weighted(body, i) for i in rows) / sum(weighted(reach, i) for i in rows)
    agree(ours["vigor"], theirs, 12)
    for t in (15, 100, 600):
        assert ours["signal_line"][t] == pytest.approx(weighted(theirs, t), rel=1e-9)


def test_only_a_candle_in_which_nothing_moved_has_no_klinger_force():
    """A range around the same typical price has the force of the trend; a flat candle has none."""
    close = np.array([10.0, 11.0, 11.0, 11.0, 11.0])
    reach = np.array([0.1, 0.1, 0.1, 0.1, 0.0])
    frame = candles(close, np.full(5, 2.0), open_=close, reach=reach)
    line = values("klinger", frame, fast=2, slow=3, signal=2)["klinger"]
    # ranges 2, 2.2, 2.2, 2.2, 0; the first two add up: 2.2/4.2, then /6.4, /8.6; the last is none
    force = [math.nan, *(200 * abs(4.4 / total - 1) for total in (4.2, 6.4, 8.6)), 0.0]
    column = np.array(force)
    agree(line, ema(column, 2) - ema(column, 3), 3)
