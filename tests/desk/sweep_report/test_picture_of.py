"""The picture of a real sweep says of every variant what plan, kernel and verdict say of it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bowline import wire
from bowline.core.model.values import Timeframe
from bowline.core.report.equity import daily_equity
from bowline.desk.sweep_report import Tone, picture_of, sweep_page
from bowline.research import Grid, sweep
from bowline.research.validation import assess_sweep
from tests.core.report.runs import frame

GRID = {
    "version": 1,
    "timeframe": "1h",
    "direction": "long-short",
    "sizing": {"mode": "all_in"},
    "indicators": [
        {
            "id": "sma_cross",
            "params": {
                "fast": {"start": 4, "stop": 12, "step": 4},
                "slow": {"start": 8, "stop": 40, "step": 4},
            },
            "constraints": ["fast * 2 <= slow"],
        },
        {"id": "rsi_middle", "params": {"period": [7, 14]}},
    ],
    "choose": "1..2",
    "stops": {"sl_pct": ["off", 2], "tp_pct": ["off", 3, 6]},
    "top": 20,
}


@pytest.fixture(scope="module")
def result():
    steps = np.random.default_rng(7).normal(0, 0.01, 24 * 60)
    candles = frame(100 * np.exp(np.cumsum(steps)), Timeframe.H1)
    return sweep(Grid(GRID, wire.load_catalogue()), candles)


@pytest.fixture(scope="module")
def verdict(result):
    return assess_sweep(result)


@pytest.fixture(scope="module")
def picture(result, verdict):
    return picture_of(result, verdict, source="made up")


def test_every_variant_is_there_once_with_the_figures_of_the_kernel(picture, result):
    plan, figures = result.plan, picture.figures
    assert figures.variant.tolist() == list(range(plan.variants))
    outcome = plan.evaluate(np.arange(plan.space.bases), plan.stops)
    for name in ("total_return_pct", "max_drawdown_pct", "sharpe", "round_trips"):
        assert np.array_equal(getattr(figures, name), getattr(outcome, name), equal_nan=True)


def test_the_page_says_how_fills_were_made_and_that_spot_shorts_are_synthetic(picture, result):
    facts = dict(picture.facts)
    assert facts["Fills"] == "at the close of each 1h candle"
    assert result.plan.request.template.direction.value == "long-short"
    assert "synthetic" in facts["Shorts"], "the candles are of a spot market"


def test_the_parameters_of_every_variant_are_those_of_its_strategy(picture, result):
    plan = result.plan
    words = {"sl_pct": "SL %", "tp_pct": "TP %"}
    slots = {f"{s.name}_{a.name}": f"{s.name} {a.name}" for s in plan.request.slots for a in s.axes}
    always = {axis.name for axis in picture.axes}
    for variant in range(plan.variants):
        told = {
            axis.name: axis.values[axis.codes[variant]]
            for axis in picture.axes
            if axis.codes[variant] >= 0
        }
        meant = {
            (words | slots)[name]: "off" if value is None else str(value)
            for name, value in plan.params(variant).items()
        }
        assert told == {name: text for name, text in meant.items() if name in always}
    assert any((axis.codes < 0).any() for axis in picture.axes)


def test_the_top_is_the_result_s_and_its_curves_end_where_its_equity_does(picture, result):
    assert picture.figures.variant[picture.top].tolist() == result.top.variant.tolist()
    ends = [curve[-1] for curve in picture.equity]
    assert ends == pytest.approx(result.top.final_equity.tolist(), rel=1e-9)
    assert {curve[0] for curve in picture.equity} == {10_000.0}


def test_first_and_last_days_are_the_sharpe_ratios_of_the_report_s_days(picture, result):
    row = picture.top[0]
    report = result.core_run(1).report
    decided = report.record.candles
    equity = daily_equity(decided, report.curves.equity, 10_000.0)
    returns = np.diff(equity) / equity[:-1]
    split = round(len(returns) * 0.7)
    for column, part in (("first_days", returns[:split]), ("last_days", returns[split:])):
        sharpe = part.mean() / part.std(ddof=1) * np.sqrt(365)
        assert getattr(picture.split, column)[row] == pytest.approx(sharpe, rel=1e-9)


def test_the_page_says_the_verdict_the_hashes_and_buy_and_hold(picture, result, verdict):
    page = sweep_page(picture)
    text = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert verdict.headline in text
    for finding in verdict.findings:
        assert finding.words in text
    for known in (result.hashes.grid_request, result.hashes.engine_params, result.hashes.data):
        assert known in text
    assert f"Charts show all {result.plan.variants:,} variants" in text
    held = result.metrics[0].benchmark_return_pct
    assert held in [each.value for each in picture.thresholds]
    assert picture.judgement.tone in (Tone.BAD, Tone.DOUBT, Tone.GOOD)


@pytest.mark.parametrize(
    ("changes", "hours"),
    [
        ({"keep": {"min_round_trips": 100_000}}, 24 * 30),  # no row is left for the top
        ({"indicators": [{"id": "rsi_middle", "params": {"period": 7}}], "choose": "1"}, 24 * 30),
        ({}, 50),  # too few days for a split
    ],
)
def test_a_sweep_of_little_is_still_a_page(changes, hours):
    grid = Grid(GRID | {"stops": {}} | changes, wire.load_catalogue())
    result = sweep(grid, frame(100 + 5 * np.sin(np.arange(hours) / 9.0), Timeframe.H1))
    picture = picture_of(result, assess_sweep(result))
    text = re.sub(r"<script.*?</script>", "", sweep_page(picture), flags=re.DOTALL)
    assert len(picture.top) == len(result)
    assert len(picture.figures.variant) == result.plan.variants
    assert not re.search(r">[+-]?(nan|NaN|inf|None)\b", text)


def test_a_title_is_a_title_whatever_the_number_of_indicators():
    every = {"catalogue": {"groups": ["cross", "average"]}}
    asked = {**GRID, "indicators": every, "choose": 1, "stops": {}, "top": 3}
    steps = np.random.default_rng(3).normal(0, 0.01, 24 * 60)
    candles = frame(100 * np.exp(np.cumsum(steps)), Timeframe.H1)
    swept = sweep(Grid(asked, wire.load_catalogue()), candles, check=False)
    picture = picture_of(swept, assess_sweep(swept), job=12)
    slots = [slot.name for slot in swept.plan.request.slots]
    assert len(slots) > 20
    assert picture.title == f"Sweep of {', '.join(slots[:3])} and {len(slots) - 3} more"
    assert ("Indicators", ", ".join(slots)) in picture.facts
    assert picture.save_command == "bowline grid save 12"
    assert picture.alike == tuple(swept.top.alike.tolist())


def test_the_figure_that_ranks_is_drawn_of_every_variant(result):
    asked = {**GRID, "rank_by": "win_rate_pct"}
    swept = sweep(Grid(asked, wire.load_catalogue()), result.plan.candles, check=False)
    picture = picture_of(swept, assess_sweep(swept))
    plan = swept.plan
    outcome = plan.evaluate(np.arange(plan.space.bases), plan.stops)
    with np.errstate(invalid="ignore"):
        expected = 100 * outcome.wins / outcome.round_trips
    assert picture.ranked.title == "Win rate"
    assert np.allclose(picture.ranked.values, expected, equal_nan=True)
