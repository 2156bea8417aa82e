"""Where nothing moves and nothing is traded no entry has an opinion, and none has a huge number.

Every entry of the catalogue is asked, whatever is in it. What rounding leaves in a running sum or
an average is no value, and 0/0 is none either: by one rule, whichever library the formula is from.
"""

from __future__ import annotations

import numpy as np
import pytest

from bowline.core.signals import compute, signal, warmup
from tests.chance import generator, seeded
from tests.core.signals.candles_for_signals import (
    bitcoin,
    candles,
    catalogue,
    drawn,
    halted,
    ids,
)

PRICES = [1.1, 0.1046, 0.3, 1e-8, 7.77e-5, 100.0, 65_000.37, 1e6]
RULES = [name for name in ids() if catalogue().get(name).rule is not None]

#: what these say in a still market is the last that happened, however long ago, by definition: a
#: stop that trails the price holds until the price has come to it, an average of all candles since
#: the anchor has no end, and Chande's average does not move where there is no momentum
KEEPS = {"supertrend", "atr_stop", "sar_extended", "vwap_anchored", "vidya"}
#: candles after which every other default is within rounding of the price: Wilder's average of 50
#: takes (49/50)^n < 1e-12, n = 1,370 at the most
SETTLED = 1_400


def still(price: float, volume: np.ndarray | float, count: int = 1_200):
    column = np.full(count, price)
    return candles(column, np.broadcast_to(np.asarray(volume, dtype=np.float64), count).copy())


def largest(outputs) -> float:
    return max(float(np.nanmax(np.abs(each), initial=0.0)) for each in outputs.values())


@pytest.mark.chance
@pytest.mark.parametrize("price", PRICES)
@pytest.mark.parametrize("volume", ["constant", "none", "other"])
def test_a_price_that_never_moves_has_no_opinion_and_no_huge_number(price, volume):
    volumes = {
        "constant": 5.0,
        "none": 0.0,
        "other": generator(1).uniform(0.1, 9, 1_200),
    }
    frame, rng = still(price, volumes[volume]), seeded(price)
    for entry in catalogue().entries:
        for params in (entry.defaults(), drawn(entry, rng)):
            outputs = compute(entry, params, frame)
            # a cumulative volume is the largest that can be: 1,200 candles of at most 9
            assert largest(outputs) <= max(11_000, 11_000 * price), (entry.id, params)
            if entry.rule is not None:
                assert not signal(entry, params, frame).any(), (entry.id, params)


@pytest.mark.parametrize("price", PRICES)
@pytest.mark.parametrize("traded", [0.0, 3.0])
def test_a_market_that_stopped_moving_ends_without_an_opinion(price, traded):
    """600 candles of noise, then 3,000 of one price, with and without volume."""
    frame = halted(price, before=600, still=3_000, after=0, traded=traded)
    noise = halted(price, before=600, still=0, after=0, traded=traded)
    for entry in catalogue().entries:
        params = entry.defaults()
        outputs = compute(entry, params, frame)
        before = compute(entry, params, noise)
        for name, series in outputs.items():
            assert not np.isinf(series).any(), (entry.id, name)
            usual = float(np.nanmax(np.abs(before[name]), initial=0.0))
            most = float(np.nanmax(np.abs(series[600:]), initial=0.0))
            assert most <= 20 * usual, (entry.id, name)
        if entry.rule is None or entry.id in KEEPS:
            continue
        assert not signal(entry, params, frame)[600 + SETTLED :].any(), entry.id


@pytest.mark.parametrize(("price", "period"), [(1.1, 5), (65_000.37, 20), (0.1046, 1_000)])
@pytest.mark.parametrize("name", ["trima", "linear_regression", "time_series_forecast"])
def test_an_average_of_one_price_is_that_price_however_long_it_stands(name, price, period):
    """Running sums that are rounded the same way each time drift 6e-12 off in 20,000 candles."""
    frame = halted(price, before=1_500, still=20_000, after=0, traded=0.0, seed=3)
    averages, directions = values(name, frame, period=period)
    alone = 1_500 + period
    assert np.array_equal(averages["average"][alone:], frame.close[alone:])
    assert not directions[alone:].any()


@pytest.mark.parametrize("name", sorted(KEEPS))
def test_what_keeps_its_opinion_keeps_one(name):
    entry = catalogue().get(name)
    frame = halted(1.1, before=600, still=3_000, after=0, traded=0.0)
    kept = signal(entry, entry.defaults(), frame)[600 + 200 :]
    assert len(set(kept.tolist())) == 1


@pytest.mark.parametrize("name", ids())
def test_a_halt_leaves_nothing_in_what_comes_after(name):
    """Noise, no trade for 150 candles, noise: no infinity, and a value for every later candle."""
    entry = catalogue().get(name)
    frame = halted(0.1046, before=400, still=150, after=900, traded=0.0)
    for output, series in compute(entry, entry.defaults(), frame).items():
        assert not np.isinf(series).any(), output
        assert np.isfinite(series[-400:]).all(), output


@pytest.mark.parametrize("name", ids())
@pytest.mark.parametrize(("price_bits", "volume_bits"), [(-40, 0), (0, -40), (20, 20)])
def test_no_guard_depends_on_the_size_of_the_price(name, price_bits, volume_bits, shared_data):
    """A power of two changes no digit: what is not 0 at 100,000 is not 0 at 1e-7."""
    entry, frame = catalogue().get(name), bitcoin(shared_data, 700)
    columns = {each: getattr(frame, each) for each in ("open", "high", "low", "close", "volume")}
    scaled = {
        each: column * 2.0 ** (volume_bits if each == "volume" else price_bits)
        for each, column in columns.items()
    }
    other = type(frame)(frame.instrument, frame.timeframe, open_ns=frame.open_ns, **scaled)
    for output, series in compute(entry, entry.defaults(), frame).items():
        theirs = compute(entry, entry.defaults(), other)[output]
        assert np.array_equal(np.isfinite(series), np.isfinite(theirs)), output
    if entry.rule is not None:
        directions = signal(entry, entry.defaults(), frame)
        assert np.array_equal(signal(entry, entry.defaults(), other), directions)


COUNT = 1_500
#: of these a value may come to 0 by halves: it is small and no rounding
COMES_TO_0 = {"fisher"}


def regular(kind: str, price: float, volume: float) -> tuple[object, object]:
    """A market of which many values are exactly 0, and noise of the same size."""
    at, rng = np.arange(COUNT), generator(11)
    noise = halted(price, before=COUNT, still=0, after=0, traded=0.0).close
    closes = {
        "steady volume": noise,
        "one price": np.full(COUNT, price),
        "two prices": np.where(at % 2, price, 1.25 * price),
        "four prices": price * np.array([1.1, 1.2, 1.3, 1.2])[at % 4],
        "a line": price * (1 + at / 1_000),
        "equal returns": price * 1.001**at,
        "steps": np.round(price * (1 + np.cumsum(rng.integers(-1, 2, COUNT)) / 1_000), 10),
    }
    busy = volume * rng.uniform(1, 9, COUNT)
    volumes = np.full(COUNT, volume) if kind in {"steady volume", "a line"} else busy
    reach = 0.001 if kind == "steady volume" else 0.0
    made = candles(closes[kind], volumes, reach=reach)
    return made, candles(noise, busy, reach=generator(12).uniform(0, 0.003, COUNT))


@pytest.mark.parametrize(("price", "volume"), [(1.1, 0.1), (65_000.37, 1e5 / 3), (7.77e-5, 5.3)])
@pytest.mark.parametrize(
    "kind",
    [
        "steady volume", "one price", "two prices", "four prices", "a line", "equal returns",
        "steps",
    ],
)  # fmt: skip
def test_what_is_0_is_0_and_not_what_rounding_leaves(kind, price, volume):
    """Of no entry is any value a millionth of a millionth of the usual size, but for 0."""
    frame, noise = regular(kind, price, volume)
    for entry in catalogue().entries:
        usual = compute(entry, entry.defaults(), noise)
        for output, series in compute(entry, entry.defaults(), frame).items():
            size = float(np.nanmax(np.abs(usual[output]), initial=0.0))
            left = (series != 0) & (np.abs(series) < 1e-12 * size)
            assert entry.id in COMES_TO_0 or not left.any(), (entry.id, output, series[left][:3])


#: an average by volume at each candle is that of one candle, whose close is also that of the next
BY_VOLUME = ("vwma", "vwma_cross", "vwap_rolling")


@pytest.mark.parametrize("name", BY_VOLUME)
@pytest.mark.parametrize("traded", [5.3, 0.0007, 2e-6])
def test_an_average_of_a_market_that_moves_has_nothing_of_what_has_left_it(name, traded):
    """Volumes of 9e5, then one trade in 40 candles: its price is the average until the next."""
    count, gone, every = 2_000, 400, 40
    volume = np.zeros(count)
    volume[:gone] = generator(3).uniform(1e4, 9e5, gone)
    volume[gone::every] = traded
    close = np.round(50 * np.exp(np.cumsum(generator(4).normal(0, 0.02, count))), 4)
    frame = candles(close, volume, reach=0.0, open_=close)
    params = {"fast": 10, "slow": 30} if name == "vwma_cross" else {"period": 30}
    averages, directions = values(name, frame, **params)
    for average in averages.values():
        for at in range(gone + every, count):
            last = at - (at - gone) % every
            if np.isfinite(average[at]):
                assert average[at] == pytest.approx(close[last], rel=1e-15), at
    if name == "vwma_cross":
        assert not directions[gone + every :].any(), "both averages are of the same candle"
    else:
        assert not directions[gone + every :: every].any(), "it is its own average"


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("vwma", "average"), ("vwap_rolling", "vwap"), ("cmf", "cmf"), ("mfi", "mfi"),
        ("relative_volume", "relative_volume"), ("volume_average", "average"),
        ("ease_of_movement", "ease"),
    ],
)  # fmt: skip
def test_a_window_of_volumes_says_the_same_whatever_was_before_it(name, output):
    """Volumes fall by 1e9: what is asked for of the last candles alone is what all of them say."""
    steps = generator(6).normal(0, 0.01, 900)
    volume = generator(7).uniform(1, 9, 900)
    volume[:400] *= 1e9
    close = np.round(100 * np.exp(np.cumsum(steps)), 4)
    frame = candles(close, volume, reach=generator(8).uniform(0, 0.003, 900))
    entry = catalogue().get(name)
    whole = compute(entry, entry.defaults(), frame)[output]
    alone = compute(entry, entry.defaults(), frame.slice(450, 900))[output]
    size = float(np.nanmax(np.abs(alone)))
    assert np.isfinite(alone[50:]).all()
    np.testing.assert_allclose(whole[500:], alone[50:], rtol=0, atol=1e-12 * size)


# ---- the same, worked out by hand


def values(name, frame, **params):
    entry = catalogue().get(name)
    resolved, problems = entry.resolve(params)
    assert problems == []
    return compute(entry, resolved, frame), signal(entry, resolved, frame) if entry.rule else None


def test_an_average_by_volume_has_no_value_where_there_was_none():
    """0.7 and 0.3 leave 5.6e-17 in a running sum of floats once both are gone."""
    close = np.array([1.1, 1.2, 1.3, 1.3, 1.3, 1.3, 1.3])
    frame = candles(close, np.array([0.1, 0.7, 0.3, 0.0, 0.0, 0.0, 0.0]))
    averages, directions = values("vwma", frame, period=2)
    expected = [np.nan, (0.11 + 0.84) / 0.8, (0.84 + 0.39) / 1.0, 1.3, np.nan, np.nan, np.nan]
    np.testing.assert_allclose(averages["average"], expected, rtol=1e-12)
    assert directions.tolist() == [0, 1, 1, 0, 0, 0, 0]
    flow, directions = values("cmf", frame, period=2)
    assert np.isnan(flow["cmf"][4:]).all()
    assert not directions[4:].any()
    assert np.isnan(values("relative_volume", frame, period=2)[0]["relative_volume"][5:]).all()
    assert np.isnan(values("vwap_rolling", frame, period=2)[0]["vwap"][4:]).all()
    assert np.isnan(values("market_facilitation", frame)[0]["facilitation"][3:]).all()


@pytest.mark.parametrize("traded", [5.3, 0.0007, 2e-6])
@pytest.mark.parametrize("name", ["vwma", "vwma_cross", "vwap_rolling"])
def test_a_still_price_is_its_average_by_volume_however_little_is_traded(name, traded):
    """Volumes of 9e5 that have left a running sum leave 1e-10 in it: a part of a volume of 5.3."""
    count, gone = 600, 300
    volume = np.full(count, traded)
    volume[:gone] = generator(3).uniform(1e4, 9e5, gone)
    close = np.full(count, 0.050928)
    close[:gone] = np.round(0.05 * np.exp(np.cumsum(generator(4).normal(0, 0.02, gone))), 6)
    averages, directions = values(name, candles(close, volume, reach=0.0))
    for average in averages.values():
        np.testing.assert_allclose(average[gone + 50 :], 0.050928, rtol=4e-16)
    assert not directions[gone + 50 :].any()


def test_the_average_of_no_volume_is_0():
    volume = np.append(generator(5).uniform(0.1, 9e5, 300), np.zeros(100))
    averages, _ = values("volume_average", candles(np.full(400, 1.1), volume), period=20)
    assert not averages["average"][320:].any()


def test_a_wave_trend_that_never_moved_is_0():
    outputs, _ = values("wave_trend", still(1.1, 5.0, 260))
    line = outputs["wave"]
    assert np.isfinite(line).any()
    assert not line[np.isfinite(line)].any()


@pytest.mark.parametrize("price", [1.1, 0.1046])
def test_oscillators_agree_that_0_by_0_is_no_value(price):
    """Their windows hold nothing but the halt: none of them is oversold, and none overbought."""
    frame = halted(price, before=100, still=400, after=20, traded=0.0)
    for name in (
        "mfi", "ultimate", "williams_r", "stochastic", "stochastic_fast", "stochastic_rsi",
        "stochastic_rsi_fast", "kdj", "cci", "cmo", "imi", "bop", "vortex", "z_score",
        "bbands_percent", "psychological", "percent_rank", "relative_vigor",
    ):  # fmt: skip
        entry = catalogue().get(name)
        outputs, directions = values(name, frame)
        window = max(120, warmup(entry, entry.defaults(), frame.timeframe))
        halt = slice(100 + window, 500)
        assert not directions[halt].any(), name
        output = next(iter(outputs.values()))
        assert np.isnan(output[halt]).all(), name


@pytest.mark.parametrize("period", [5, 14])
def test_williams_r_is_the_fast_stochastic_less_100_wherever_either_is_known(period):
    frame = halted(0.1046, before=100, still=60, after=100, traded=0.0)
    ours, _ = values("williams_r", frame, period=period)
    theirs, _ = values("stochastic_fast", frame, window=period, smooth_d=1)
    assert np.isnan(ours["williams_r"][100 + period : 160]).all()
    np.testing.assert_allclose(
        ours["williams_r"], theirs["percent_k"] - 100, rtol=0, atol=1e-9, equal_nan=True
    )


def test_a_stochastic_that_is_smoothed_over_0_by_0_has_no_value():
    """Two candles after the halt its %K is there again; an average of three still lacks one."""
    frame = halted(1.1, before=100, still=60, after=100, traded=0.0)
    fast, _ = values("stochastic_fast", frame, window=5, smooth_d=3)
    assert np.isfinite(fast["percent_k"][160:]).all()
    assert np.isnan(fast["percent_d"][160:162]).all()
    assert fast["percent_d"][162] == pytest.approx(fast["percent_k"][160:163].mean(), rel=1e-9)


def test_the_middle_of_a_channel_depends_on_its_own_period_alone():
    frame = halted(100.0, before=300, still=0, after=0, traded=0.0)
    for name in ("keltner_typical", "keltner", "starc"):
        middles = [
            values(name, frame, period=10, atr_period=atr_period)[0]["middle"]
            for atr_period in (1, 10, 50)
        ]
        for middle in middles[1:]:
            assert np.array_equal(middle, middles[0], equal_nan=True), name
    price, average = (frame.high + frame.low + frame.close) / 3, 0.0
    middle = values("keltner_typical", frame, period=10, atr_period=50)[0]["middle"]
    average = price[:10].mean()
    for t in range(10, 60):
        average += (price[t] - average) * 2 / 11
        assert middle[t] == pytest.approx(average, rel=1e-12)
