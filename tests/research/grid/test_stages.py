"""A shortlist says what it may have cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.research.grid import Merge, plan_grid, run_chunks
from bowline.research.grid.stages import PROBES, StageFacts, draw_probes, spearman
from tests.research.grids import START_NS, minutes, request


@given(st.sets(st.integers(0, 1500), min_size=1), st.integers(1501, 4000))
def test_probes_are_others_than_the_shortlist_and_evenly_drawn(listed, bases) -> None:
    shortlist = np.array(sorted(listed), dtype=np.int64)
    probes = draw_probes(shortlist, bases)
    left = np.setdiff1d(np.arange(bases), shortlist)
    count = min(PROBES, len(left))
    assert probes.tolist() == left[np.arange(count) * len(left) // count].tolist()


def test_spearman_is_the_textbooks() -> None:
    # Spearman's rho of the ten pairs of Myers and Well, Research Design, on IQ and television
    hours = np.array([7.0, 0, 27, 50, 28, 29, 20, 12, 6, 17])
    points = np.array([106.0, 86, 100, 101, 99, 103, 97, 113, 112, 110])
    assert spearman(hours, points) == pytest.approx(-29 / 165)
    # ties take the mean of their ranks: 1.5, 1.5, 3 against 1, 2, 3
    assert spearman(np.array([1.0, 1, 2]), np.array([1.0, 2, 3])) == pytest.approx(3**0.5 / 2)
    assert spearman(np.ones(4), np.arange(4.0)) is None


def test_a_shortlist_that_lost_the_winner_says_so() -> None:
    candles = minutes(3_000, seed=8)
    full = run_chunks(plan := plan_grid(request(shortlist=0), candles, START_NS), Merge(plan))
    assert full.stage_facts() is None
    short = run_chunks(plan := plan_grid(request(shortlist=3), candles, START_NS), Merge(plan))
    facts = short.stage_facts()
    assert facts is not None
    assert (facts.bases, facts.shortlist, facts.probes) == (26, 3, 23)
    # all others are probes here, so what was missed is known: the true top against that of three
    least = short.top.total_return_pct[-1]
    missed = {
        int(v) // plan.space.lanes
        for v, r in zip(full.top.variant, full.top.total_return_pct, strict=True)
        if r > least and int(v) // plan.space.lanes not in set(short.shortlist.tolist())
    }
    assert facts.probes_in_top >= len(missed)
    assert facts.is_unreliable is bool(facts.probes_in_top or (facts.rank_correlation or 1) < 0.7)


def test_the_words_warn_when_they_must() -> None:
    sound = StageFacts(1000, 100, 500, 0.95, 0)
    assert not sound.is_unreliable
    assert "none of 500" in sound.words()
    assert "--exhaustive" in StageFacts(1000, 100, 500, 0.95, 2).words()
    weak = StageFacts(1000, 100, 500, 0.2, 0)
    assert weak.is_unreliable
    assert "may have lost the winner" in weak.words()
