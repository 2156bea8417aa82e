"""The numbers: against results that strangers published, against TA-Lib itself, against loops.

Skender's Stock.Indicators is another author's code in another language; its results on 502 daily
candles are in the shared data.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from talib import RSI, abstract

from bowline.core.model.values import DAY_NS
from bowline.core.signals import Kind, compute, warmup
from bowline.core.signals.formulas.parts import window_sum
from tests.core.signals.candles_for_signals import (
    bitcoin,
    catalogue,
    daily,
    ids,
    made_up,
    quotes,
    reference,
)


def values(name, frame, **params):
    resolved, problems = catalogue().get(name).resolve(params)
    assert problems == []
    return compute(catalogue().get(name), resolved, frame)


# The 20 sets confirmed in PUBLISHED.md no. 6: the last 100 rows, to 2e-11.
CONFIRMED = [
    ("sma", {"period": 20}, {"average": ("sma", "sma")}),
    ("ema", {"period": 20}, {"average": ("ema", "ema")}),
    ("rsi", {"period": 14}, {"rsi": ("rsi", "rsi")}),
    ("macd", {}, {"macd": ("macd", "macd"), "signal_line": ("macd", "signal"),
                  "histogram": ("macd", "histogram")}),
    ("bbands", {}, {"upper": ("bb", "upperBand"), "middle": ("bb", "sma"),
                    "lower": ("bb", "lowerBand")}),
    ("atr", {"period": 14}, {"atr": ("atr", "atr")}),
    ("adx", {"period": 14}, {"adx": ("adx", "adx"), "plus_di": ("adx", "pdi"),
                             "minus_di": ("adx", "mdi")}),
    ("cci", {"period": 20}, {"cci": ("cci", "cci")}),
    ("mfi", {"period": 14}, {"mfi": ("mfi", "mfi")}),
    ("stochastic", {"window": 14, "smooth_k": 3, "smooth_d": 3},
     {"percent_k": ("stoch", "oscillator"), "percent_d": ("stoch", "signal")}),
    ("kama", {"period": 10}, {"average": ("kama", "kama")}),
    ("tema", {"period": 20}, {"average": ("tema", "tema")}),
    ("dema", {"period": 14}, {"average": ("dema", "dema")}),
    ("wma", {"period": 14}, {"average": ("wma", "wma")}),
    ("roc", {"period": 14}, {"roc": ("roc", "roc")}),
    ("trix", {"period": 14}, {"trix": ("trix", "trix")}),
    ("hma", {"period": 14}, {"average": ("hma", "hma")}),
    ("t3", {"period": 5, "factor": 0.7}, {"average": ("t3", "t3")}),
    ("stdev", {"period": 14}, {"stdev": ("stdev", "stdDev")}),
    ("aroon", {"period": 25}, {"aroon_up": ("aroon", "aroonUp"),
                               "aroon_down": ("aroon", "aroonDown")}),
    ("rma", {"period": 20}, {"average": ("smma", "smma")}),
]  # fmt: skip

# Not confirmed there; our definitions and theirs agree on every row that both have.
AGREED = [
    ("supertrend", {"period": 10, "multiplier": 3}, {"supertrend": ("supertrend", "superTrend")}),
    ("keltner", {}, {"upper": ("keltner", "upperBand"), "middle": ("keltner", "centerline"),
                     "lower": ("keltner", "lowerBand")}),
    ("donchian", {"period": 20}, {"upper": ("donchian", "upperBand"),
                                  "middle": ("donchian", "centerline"),
                                  "lower": ("donchian", "lowerBand")}),
    ("ichimoku", {}, {"conversion_line": ("ichimoku", "tenkanSen"),
                      "base_line": ("ichimoku", "kijunSen"),
                      "span_a": ("ichimoku", "senkouSpanA"),
                      "span_b": ("ichimoku", "senkouSpanB")}),
    ("stochastic_rsi", {"period": 14, "window": 14, "smooth_k": 1, "smooth_d": 3},
     {"stoch_rsi": ("stoch-rsi", "stochRsi"), "signal_line": ("stoch-rsi", "signal")}),
    ("choppiness", {"period": 14}, {"choppiness": ("chop", "chop")}),
    ("cmf", {"period": 20}, {"cmf": ("cmf", "cmf")}),
    ("cmo", {"period": 14}, {"cmo": ("cmo", "cmo")}),
    ("vwap_anchored", {}, {"vwap": ("vwap", "vwap")}),
    ("vwma", {"period": 14}, {"average": ("vwma", "vwma")}),
    ("atr_stop", {"period": 21, "multiplier": 3}, {"stop": ("atr-stop", "atrStop")}),
    ("heikin_ashi", {}, {"ha_open": ("heikinashi", "open"), "ha_high": ("heikinashi", "high"),
                         "ha_low": ("heikinashi", "low"), "ha_close": ("heikinashi", "close")}),
    ("natr", {"period": 14}, {"natr": ("atr", "atrp")}),
    ("efficiency_ratio", {"period": 10}, {"efficiency": ("kama", "er")}),
    ("momentum", {"period": 14}, {"momentum": ("roc", "momentum")}),
    ("bbands_percent", {}, {"percent_b": ("bb", "percentB"), "bandwidth": ("bb", "width")}),
    ("z_score", {"period": 14}, {"z_score": ("stdev", "zScore")}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "params", "fields"), CONFIRMED, ids=lambda x: str(x)[:20])
def test_the_confirmed_reference_sets(name, params, fields, shared_data):
    ours = values(name, quotes(shared_data), **params)
    for output, (file, field) in fields.items():
        theirs = reference(shared_data, file, field)[-100:]
        assert np.isfinite(theirs).all()
        np.testing.assert_allclose(ours[output][-100:], theirs, rtol=0, atol=2e-11)


@pytest.mark.parametrize(("name", "params", "fields"), AGREED, ids=lambda x: str(x)[:20])
def test_more_reference_sets_on_every_row(name, params, fields, shared_data):
    ours = values(name, quotes(shared_data), **params)
    for output, (file, field) in fields.items():
        theirs = reference(shared_data, file, field)
        both = np.isfinite(ours[output]) & np.isfinite(theirs)
        assert both.sum() > 400
        # nothing but a few candles of warm-up may be on one side only
        assert abs(int(np.isfinite(ours[output]).sum()) - int(np.isfinite(theirs).sum())) <= 2
        np.testing.assert_allclose(ours[output][both], theirs[both], rtol=1e-9, atol=1e-9)


def test_the_parabolic_stop_agrees_once_it_has_turned(shared_data):
    """TA-Lib takes its first direction from two candles, the reference waits for a reversal.

    On a candle that turns and makes a new extreme TA-Lib keeps the stop outside that candle too.
    """
    ours, theirs = values("sar", quotes(shared_data))["sar"], reference(shared_data, "psar", "sar")
    differ = np.flatnonzero(np.abs(ours - theirs) > 1e-9)
    turns = np.flatnonzero(reference(shared_data, "psar", "isReversal") == 1)
    assert set(differ[differ >= turns[1]]) <= set(turns)
    np.testing.assert_allclose(ours[-100:], theirs[-100:], rtol=0, atol=2e-11)


def test_on_balance_volume_differs_by_the_first_volume(shared_data):
    frame = quotes(shared_data)
    ours, theirs = values("obv", frame)["obv"], reference(shared_data, "obv", "obv")
    assert np.array_equal(ours - 96_708_880, theirs)


def test_the_deviation_channel_agrees_where_the_redrawn_one_ends(shared_data):
    """The reference draws one line over each 20 candles; its end is what ours has there."""
    ours = values("stdev_channel", quotes(shared_data), period=20, deviations=2)
    ends = np.arange(501, 20, -20)
    for output, field in (
        ("middle", "centerline"), ("upper", "upperChannel"), ("lower", "lowerChannel"),
    ):  # fmt: skip
        theirs = reference(shared_data, "stdev-channels", field)
        np.testing.assert_allclose(ours[output][ends], theirs[ends], rtol=1e-9)


#: TA-Lib's names for our parameters, where an entry is one TA-Lib function
_KEYWORDS = {
    "period": "timeperiod", "fast": "fastperiod", "slow": "slowperiod", "signal": "signalperiod",
    "penetration": "penetration", "acceleration": "acceleration", "maximum": "maximum",
    "multiplier": "multiplier", "factor": "vfactor", "left": "leftbars", "right": "rightbars",
    "fast_limit": "fastlimit", "slow_limit": "slowlimit", "first": "firstperiod",
    "second": "secondperiod", "short": "timeperiod1", "middle": "timeperiod2",
    "long": "timeperiod3", "percent": "percentile", "rate": "rocperiod",
    "smooth_k": "slowk_period", "smooth_d": "slowd_period", "window": "fastk_period",
    "deviation_period": "stddevperiod",
}  # fmt: skip
_OTHER_KEYWORDS = {
    "bbands": {"deviations": ("nbdevup", "nbdevdn")},
    "bbands_breakout": {"deviations": ("nbdevup", "nbdevdn")},
    "stochastic_fast": {"smooth_d": ("fastd_period",)},
    "stochastic_rsi_fast": {"smooth_d": ("fastd_period",)},
    "coppock": {"long": ("roc2period",), "short": ("roc1period",), "smoothing": ("wmaperiod",)},
    "mass_index": {"period": ("fastperiod",), "window": ("slowperiod",)},
    "sar_extended": {
        "long_acceleration": ("accelerationinitlong", "accelerationlong"),
        "long_maximum": ("accelerationmaxlong",),
        "short_acceleration": ("accelerationinitshort", "accelerationshort"),
        "short_maximum": ("accelerationmaxshort",),
    },
    "macd_extended": {"average": ("fastmatype", "slowmatype", "signalmatype")},
    "apo": {"average": ("matype",)},
}
_KINDS = {"sma": 0, "ema": 1, "wma": 2}


def one_function(name):
    steps = catalogue().get(name).steps
    return len(steps) == 1 and steps[0].formula.startswith("talib.")


#: parameters of the rule, which the function does not know
_MARKS = {"oversold", "overbought", "mark", "low_mark", "high_mark"}


def other_than_the_default(entry):
    """Parameters that all differ from their defaults and from each other."""
    asked = {}
    for place, parameter in enumerate(entry.params):
        if parameter.name not in _MARKS and parameter.kind is Kind.INT:
            asked[parameter.name] = min(parameter.default + place + 1, parameter.maximum)
        elif parameter.kind is Kind.CHOICE:
            asked[parameter.name] = parameter.choices[-1]
    params, problems = entry.resolve(asked)
    assert problems == []
    return params


def by_keyword(entry, params):
    keywords = {"percentile": 50.0} if entry.id == "median" else {}
    for name, value in params.items():
        if name not in _MARKS:
            called = _OTHER_KEYWORDS.get(entry.id, {}).get(name) or (_KEYWORDS[name],)
            keywords |= {each: _KINDS.get(value, value) for each in called}
    return keywords


@pytest.mark.parametrize("name", [name for name in ids() if one_function(name)])
def test_a_ta_lib_entry_is_that_function_called_by_keyword(name, shared_data):
    """By name here, by place in the catalogue: an argument in the wrong place cannot agree."""
    entry, frame = catalogue().get(name), bitcoin(shared_data, 800)
    params = other_than_the_default(entry)
    columns = {each: getattr(frame, each) for each in ("open", "high", "low", "close", "volume")}
    if name == "volume_average":
        columns["close"] = frame.volume
    function = abstract.Function(entry.steps[0].formula.removeprefix("talib."))
    theirs = function(columns, **by_keyword(entry, params))
    theirs = theirs if isinstance(theirs, list | tuple) else [theirs]
    start = warmup(entry, params, frame.timeframe)
    ours = compute(entry, params, frame)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours.values(), theirs, strict=True):
        assert np.isfinite(mine[start:]).any()
        theirs_from = np.asarray(other, dtype=np.float64)[start:]
        # what is rounding of its scale, the price or 100 at the most, is 0 here
        rounded = (mine[start:] == 0) & (np.abs(theirs_from) <= 1e-12 * frame.high.max())
        np.testing.assert_array_equal(mine[start:], np.where(rounded, 0.0, theirs_from))


@pytest.mark.parametrize(
    ("name", "function", "output"),
    [
        ("vwma", "VWMA", "average"), ("cmf", "CMF", "cmf"), ("mfi", "MFI", "mfi"),
        ("relative_volume", "RVOL", "relative_volume"), ("volume_average", "SMA", "average"),
    ],
)  # fmt: skip
def test_sums_of_a_window_are_those_of_ta_lib_where_volumes_are_of_one_size(
    name, function, output, shared_data
):
    """Its running sums hold what has left them too, which is nothing where sizes are alike."""
    frame, entry = bitcoin(shared_data, 800), catalogue().get(name)
    columns = {each: getattr(frame, each) for each in ("open", "high", "low", "close", "volume")}
    if name == "volume_average":
        columns["close"] = frame.volume
    for period in (2, 13, 50):
        theirs = np.asarray(abstract.Function(function)(columns, timeperiod=period))
        resolved, _ = entry.resolve({"period": period})
        ours = compute(entry, resolved, frame)[output]
        assert np.isfinite(ours[period:]).all()
        np.testing.assert_allclose(ours[period:], theirs[period:], rtol=1e-10, atol=1e-10)


def test_the_sum_of_a_window_is_that_of_its_values_alone():
    series = np.random.default_rng(2).uniform(-1, 1, 300)
    series[3] = np.nan
    for window in (1, 2, 7, 299, 300, 301):
        found = window_sum(series, window)
        for at in range(300):
            part = series[max(0, at - window + 1) : at + 1]
            expected = math.fsum(part) if len(part) == window else np.nan
            assert found[at] == pytest.approx(expected, abs=1e-13, nan_ok=True), (window, at)
    small = np.append(np.full(50, 1e15), np.full(50, 1e-5))
    assert window_sum(small, 10)[99] == pytest.approx(1e-4, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "function"),
    [("trima", "TRIMA"), ("linear_regression", "LINEARREG"), ("time_series_forecast", "TSF")],
)
@pytest.mark.parametrize("period", [2, 5, 20, 300])
def test_an_average_that_knows_a_still_window_is_ta_libs_elsewhere(
    name, function, period, shared_data
):
    frame = bitcoin(shared_data, 1_500)
    ours = values(name, frame, period=period)["average"]
    theirs = abstract.Function(function)({"close": frame.close}, timeperiod=period)
    still = ours != theirs
    for t in np.flatnonzero(still & np.isfinite(ours)):
        assert set(frame.close[t - period + 1 : t + 1].tolist()) == {ours[t]}
    assert np.count_nonzero(np.isfinite(ours) & ~still) > 1_000


# ---- our own formulas, against the same thing said as a loop ----


@pytest.fixture
def frame(shared_data):
    return bitcoin(shared_data, 900, start=100)


def test_the_arnaud_legoux_average_as_a_loop(frame):
    ours = values("alma", frame, period=9, offset=0.85, sigma=6)["average"]
    weights = [math.exp(-((i - 0.85 * 8) ** 2) / (2 * (9 / 6) ** 2)) for i in range(9)]
    for t in range(8, 300):
        window = frame.close[t - 8 : t + 1]
        expected = sum(w * x for w, x in zip(weights, window, strict=True)) / sum(weights)
        assert ours[t] == pytest.approx(expected, rel=1e-12)


def test_donchian_leaves_the_current_candle_out_so_that_it_can_break_out(frame):
    ours = values("donchian", frame, period=20)
    for t in range(20, 300):
        assert ours["upper"][t] == frame.high[t - 20 : t].max()
        assert ours["lower"][t] == frame.low[t - 20 : t].min()
    assert (frame.close > ours["upper"]).any()


def test_ichimoku_looks_at_nothing_ahead(frame):
    ours = values("ichimoku", frame)
    for t in range(100, 200):
        then = slice(t - 26 - 51, t - 26 + 1)
        middle = (frame.high[then].max() + frame.low[then].min()) / 2
        assert ours["span_b"][t] == pytest.approx(middle, rel=1e-12)


def test_the_chandelier_and_kroll_stops_as_loops(frame):
    atr = values("atr", frame, period=10)["atr"]
    stop = values("chandelier_exit", frame, period=10, multiplier=2)
    kroll = values("chande_kroll", frame, period=10, multiplier=2, smoothing=5)
    for t in range(40, 200):
        top, bottom = frame.high[t - 9 : t + 1].max(), frame.low[t - 9 : t + 1].min()
        assert stop["long_stop"][t] == pytest.approx(top - 2 * atr[t], rel=1e-12)
        assert stop["short_stop"][t] == pytest.approx(bottom + 2 * atr[t], rel=1e-12)
        assert kroll["long_stop"][t] == stop["long_stop"][t - 4 : t + 1].max()
        assert kroll["short_stop"][t] == stop["short_stop"][t - 4 : t + 1].min()


def test_the_session_vwap_starts_again_at_midnight_utc(frame):
    """`frame` begins in the middle of a day: that day gives nothing."""
    ours = values("vwap_session", frame)["vwap"]
    typical = (frame.high + frame.low + frame.close) / 3
    day = frame.open_ns // DAY_NS
    assert np.isnan(ours[day == day[0]]).all()
    for today in np.unique(day)[1:]:
        rows = np.flatnonzero(day == today)
        for t in rows[:: len(rows) // 5]:
            part = slice(rows[0], t + 1)
            expected = np.dot(typical[part], frame.volume[part]) / frame.volume[part].sum()
            assert ours[t] == pytest.approx(expected, rel=1e-12)


def test_pivot_points_are_those_of_the_whole_day_before(frame):
    ours = {kind: values("pivot_points", frame, kind=kind) for kind in (
        "classic", "fibonacci", "camarilla", "woodie",
    )}  # fmt: skip
    day = frame.open_ns // DAY_NS
    days = np.unique(day)
    assert np.isnan(ours["classic"]["pivot"][day <= days[1]]).all(), "the first day is not whole"
    before, rows = day == days[1], np.flatnonzero(day == days[2])
    top, bottom = frame.high[before].max(), frame.low[before].min()
    close = frame.close[before][-1]
    pivot, reach = (top + bottom + close) / 3, top - bottom
    for t in (rows[0], rows[-1]):
        classic = {name: series[t] for name, series in ours["classic"].items()}
        assert classic == pytest.approx({
            "pivot": pivot,
            "resistance_1": 2 * pivot - bottom, "support_1": 2 * pivot - top,
            "resistance_2": pivot + reach, "support_2": pivot - reach,
            "resistance_3": top + 2 * (pivot - bottom), "support_3": bottom - 2 * (top - pivot),
        })  # fmt: skip
        assert ours["woodie"]["pivot"][t] == pytest.approx((top + bottom + 2 * close) / 4)
        assert ours["fibonacci"]["resistance_1"][t] == pytest.approx(pivot + 0.382 * reach)
        assert ours["camarilla"]["support_3"][t] == pytest.approx(close - 1.1 / 4 * reach)


def test_a_day_that_is_missing_gives_no_pivots():
    whole = made_up(288 * 4)
    kept = np.r_[0:288, 576:1152]
    columns = ("open_ns", "open", "high", "low", "close", "volume")
    gap = msgspec.structs.replace(whole, **{c: getattr(whole, c)[kept] for c in columns})
    pivot = values("pivot_points", gap)["pivot"]
    assert np.isnan(pivot[288:576]).all()
    assert np.isfinite(pivot[576:]).all()


def test_volatilities_of_a_known_walk():
    """A walk whose steps have a standard deviation of 0.4 % is found to have about that."""
    walk = made_up(5_000)
    for name in ("historical_volatility", "garman_klass", "parkinson"):
        mean = float(np.nanmean(values(name, walk, period=200)["volatility"]))
        assert 0.25 < mean < 0.55, name


def test_the_know_sure_thing_as_a_loop(frame):
    ours = values("kst", frame)["kst"]

    def smoothed_rate(t, period, window):
        candles = range(t - window + 1, t + 1)
        return sum(100 * (frame.close[i] / frame.close[i - period] - 1) for i in candles) / window

    for t in (60, 200, 500):
        expected = (smoothed_rate(t, 10, 10) + 2 * smoothed_rate(t, 15, 10)
                    + 3 * smoothed_rate(t, 20, 10) + 4 * smoothed_rate(t, 30, 15))  # fmt: skip
        assert ours[t] == pytest.approx(expected, rel=1e-9)


def test_the_fisher_transform_stays_where_its_logarithm_exists():
    rising = made_up(300)
    line = np.linspace(100, 200, 300)
    straight = msgspec.structs.replace(rising, open=line, high=line, low=line, close=line)
    ours = values("fisher", straight)["fisher"]
    assert np.isfinite(ours[9:]).all()
    assert ours[-1] > 3


def test_connors_rsi_is_the_mean_of_its_three_parts(frame):
    ours = values("connors_rsi", frame, period=3, streak_period=2, rank_period=50)["connors_rsi"]
    change = np.diff(frame.close, prepend=frame.close[0])
    streak = np.zeros(len(frame))
    for t in range(1, len(frame)):
        sign = np.sign(change[t])
        streak[t] = streak[t - 1] + sign if sign * streak[t - 1] > 0 else sign
    rate = change[1:] / frame.close[:-1]
    for t in (100, 400, 800):
        rank = 100 * (rate[t - 51 : t - 1] < rate[t - 1]).mean()
        expected = (RSI(frame.close, 3)[t] + RSI(streak, 2)[t] + rank) / 3
        assert ours[t] == pytest.approx(expected, rel=1e-9)


def test_daily_prices_of_a_decade_give_finite_numbers_everywhere(shared_data):
    """GOOG from 2004: other prices, other gaps, volumes of a stock."""
    frame = daily(shared_data / "ref/backtesting_py/GOOG.csv")
    for entry in catalogue().entries:
        params = entry.defaults()
        start = warmup(entry, params, frame.timeframe)
        for output, series in compute(entry, params, frame).items():
            assert np.isfinite(series[start:]).all(), (entry.id, output)
