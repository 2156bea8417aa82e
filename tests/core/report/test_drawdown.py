"""Drawdown is measured from the highest close so far, and an episode lasts until it is back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.report import drawdown_curve, find_drawdowns

curves = st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60).map(np.array)


def episodes(equity, initial_cash=100.0):
    depth = drawdown_curve(np.array(equity, dtype=float), initial_cash)
    return find_drawdowns(depth, 10 + np.arange(len(equity)), 9)


def test_an_episode_runs_from_the_peak_to_the_recovery():
    fall, rest = episodes([100, 120, 90, 60, 119, 120, 130, 117])

    assert (fall.peak_ns, fall.trough_ns, fall.end_ns) == (11, 13, 15)
    assert (fall.depth_pct, fall.recovered, fall.duration_ns) == (50.0, True, 4)
    assert (rest.peak_ns, rest.end_ns, rest.recovered) == (16, 17, False)
    assert rest.depth_pct == pytest.approx(10.0)


def test_the_initial_cash_is_the_first_peak():
    (fall,) = episodes([80, 90])

    assert (fall.peak_ns, fall.depth_pct, fall.recovered) == (9, pytest.approx(20.0), False)


def test_a_run_that_never_falls_has_no_episode_and_rounding_is_no_fall():
    assert episodes([100, 100, 101, 101, 105]) == ()
    assert episodes([100, np.nextafter(100, 0), 100]) == ()


@given(curves)
def test_depth_is_a_share_of_the_peak_and_the_deepest_is_the_definition(equity):
    depth = drawdown_curve(equity, 100.0)
    worst = max(
        100 * (1 - low / high)
        for i, high in enumerate([100.0, *equity])
        for low in [high, *equity[i:]]
    )

    assert ((depth >= 0) & (depth < 100)).all()
    assert depth.max() == pytest.approx(worst, abs=1e-9)
    assert max((d.depth_pct for d in episodes(equity)), default=0.0) == depth.max()


@given(curves, st.floats(0.001, 1000))
def test_depth_does_not_depend_on_the_size_of_the_account(equity, scale):
    assert drawdown_curve(equity * scale, 100.0 * scale) == pytest.approx(
        drawdown_curve(equity, 100.0), abs=1e-9
    )


@given(curves)
def test_episodes_do_not_overlap_and_cover_every_candle_below_its_peak(equity):
    depth = drawdown_curve(equity, 100.0)
    found = episodes(equity)
    inside = {ns for d in found for ns in range(d.peak_ns + 1, d.end_ns + (not d.recovered))}

    assert inside == {10 + i for i in np.flatnonzero(depth > 0).tolist()}
    assert all(a.recovered and a.end_ns <= b.peak_ns for a, b in pairwise(found))
