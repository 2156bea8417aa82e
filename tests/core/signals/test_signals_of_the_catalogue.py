"""Every entry on candles of all kinds: while it warms up, in a dead market, and by its rule."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bowline.core.signals import compute, signal, warmup
from bowline.core.signals.entry import Rule
from tests.chance import seeded
from tests.core.signals.candles_for_signals import (
    bitcoin,
    catalogue,
    daily,
    drawn,
    ids,
    made_up,
    quotes,
)

RULES = [name for name in ids() if catalogue().get(name).rule is not None]

#: patterns that need gaps or shapes which none of these candles has: direction never seen
RARE = {
    "cdl_3starsinsouth": {1},
    "cdl_abandonedbaby": {1, -1},
    "cdl_breakaway": {1, -1},
    "cdl_counterattack": {-1},
    "cdl_kicking": {1, -1},
    "cdl_kickingbylength": {1, -1},
    "cdl_mathold": {1},
}
#: their warm-up is the most there can be: they wait for a day, which may begin at once
WAITING_FOR_A_DAY = {"pivot_points", "vwap_session"}
PRICES = ("open", "high", "low", "close")


@pytest.fixture
def markets(shared_data):
    return (
        bitcoin(shared_data, 25_000),
        quotes(shared_data),
        daily(shared_data / "ref/backtesting_py/GOOG.csv"),
        daily(shared_data / "macro/BTC-USD_yahoo_daily_2014_2026.csv"),
    )


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_only_what_it_can_and_says_all_of_it(name, markets):
    entry = catalogue().get(name)
    seen = set()
    for frame in markets:
        directions = signal(entry, entry.defaults(), frame)
        assert directions.dtype == np.int8
        assert len(directions) == len(frame)
        seen |= set(np.unique(directions).tolist())
    sides = {1: entry.rule.long, -1: entry.rule.short}
    can = {direction for direction, text in sides.items() if text}
    assert seen - {0} == can - RARE.get(name, set())


def test_every_rule_has_two_sides_but_those_of_one_sided_patterns():
    one_sided = [n for n in RULES if not all(msgspec.structs.astuple(catalogue().get(n).rule))]
    assert {catalogue().get(name).group for name in one_sided} == {"pattern"}
    assert len(one_sided) == 31


@pytest.mark.chance
@pytest.mark.parametrize("name", ids())
def test_the_first_value_comes_when_the_warm_up_says(name, shared_data):
    frame, entry = bitcoin(shared_data, 1_500), catalogue().get(name)
    rng = seeded(name)
    for params in (entry.defaults(), *(drawn(entry, rng) for _ in range(4))):
        wait = warmup(entry, params, frame.timeframe)
        outputs = compute(entry, params, frame)
        assert tuple(outputs) == entry.outputs
        firsts = [int(np.argmax(np.isfinite(each))) for each in outputs.values()]
        if name in WAITING_FOR_A_DAY:
            assert max(firsts) <= wait
        elif wait < len(frame):
            assert max(firsts) == wait, (params, firsts)


@pytest.mark.parametrize("name", sorted(WAITING_FOR_A_DAY))
def test_who_waits_for_a_day_waits_no_longer_than_said(name, shared_data):
    """The worst case: the candles begin just after midnight."""
    entry = catalogue().get(name)
    frame = bitcoin(shared_data, 1_500, start=1)
    wait = warmup(entry, entry.defaults(), frame.timeframe)
    for series in compute(entry, entry.defaults(), frame).values():
        assert int(np.argmax(np.isfinite(series))) == wait
    assert warmup(entry, entry.defaults()) > wait, "without a timeframe, that of 1m candles"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_a_short_frame_gives_columns_of_its_length(count, shared_data):
    frame = bitcoin(shared_data, 1_100).slice(0, count)
    for entry in catalogue().entries:
        for series in compute(entry, entry.defaults(), frame).values():
            assert len(series) == count
        if entry.rule is not None:
            assert len(signal(entry, entry.defaults(), frame)) == count


@pytest.mark.parametrize("name", ids())
def test_the_hard_bounds_themselves_can_be_computed(name, shared_data):
    frame, entry = bitcoin(shared_data, 1_100), catalogue().get(name)
    for parameter in entry.params:
        ends = parameter.choices or (parameter.minimum, parameter.maximum)
        for value in ends:
            params, problems = entry.resolve({parameter.name: value})
            if not problems:
                compute(entry, params, frame)


def _dead(frame, start, stop):
    """The same candles, but from `start` to `stop` nothing is traded and the price stands still."""
    columns = {name: getattr(frame, name).copy() for name in (*PRICES, "volume")}
    price = frame.open[start]
    for name in PRICES:
        columns[name][start:stop] = price
    columns["volume"][start:stop] = 0
    return msgspec.structs.replace(frame, **columns)


@pytest.mark.parametrize(("start", "stop"), [(0, 700), (900, 1_300)])
def test_a_dead_market_leaves_nothing_behind(start, stop, shared_data):
    """A NaN or an infinity inside a running sum would stay in it for ever."""
    frame = _dead(bitcoin(shared_data, 2_600), start, stop)
    for entry in catalogue().entries:
        for output, series in compute(entry, entry.defaults(), frame).items():
            assert not np.isinf(series).any(), (entry.id, output)
            assert np.isfinite(series[-400:]).all(), (entry.id, output)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_comes_to_rest_in_a_market_that_stands_still(name, shared_data):
    """The last bits of an average must not change its mind, for a fee each time."""
    frame, entry = _dead(bitcoin(shared_data, 2_000), 900, 1_900), catalogue().get(name)
    still = signal(entry, entry.defaults(), frame)[1_150:1_900]
    # a rule of days may turn with the day, averages of averages take their time to settle
    assert np.count_nonzero(np.diff(still)) <= 4


@pytest.mark.parametrize("flat", [True, False])
def test_without_volume_and_movement_nothing_breaks(flat):
    frame = made_up(600, flat=flat, volume=False)
    for entry in catalogue().entries:
        for output, series in compute(entry, entry.defaults(), frame).items():
            assert not np.isinf(series).any(), (entry.id, output)
        if entry.rule is not None:
            assert set(np.unique(signal(entry, entry.defaults(), frame))) <= {-1, 0, 1}


def test_a_volume_weighted_price_has_no_opinion_before_anything_is_traded():
    frame = made_up(600, volume=False)
    for name in ("vwap_anchored", "vwap_rolling", "vwap_session", "vwma"):
        entry = catalogue().get(name)
        assert not signal(entry, entry.defaults(), frame).any(), name


def test_a_rule_that_contradicts_itself_is_neutral_where_it_does():
    sma = catalogue().get("sma")
    both = msgspec.structs.replace(sma, rule=Rule("close > 0 * average", "close > average"))
    frame = made_up(300)
    average = compute(sma, sma.defaults(), frame)["average"]
    expected = np.where(np.isfinite(average) & ~(frame.close > average), 1, 0)
    assert signal(both, sma.defaults(), frame).tolist() == expected.tolist()


def test_an_entry_without_a_rule_has_no_signal():
    atr = catalogue().get("atr")
    with pytest.raises(ValueError, match="no rule"):
        signal(atr, atr.defaults(), made_up(50))


def test_the_sma_cross_rule_is_the_published_one(shared_data):
    """Fast above slow is LONG, below is SHORT, and nothing before both are there."""
    frame = daily(shared_data / "macro/BTC-USD_yahoo_daily_2014_2026.csv")
    cross = catalogue().get("sma_cross")
    directions = signal(cross, {"fast": 10, "slow": 50}, frame)
    for t in (48, 49, 60, 500, 2_000, 4_000):
        fast, slow = frame.close[max(0, t - 9) : t + 1].mean(), frame.close[max(0, t - 49) : t + 1]
        expected = 0 if len(slow) < 50 else int(np.sign(fast - slow.mean()))
        assert directions[t] == expected
