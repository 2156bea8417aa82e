"""Cross-validation by brute force, on noise, on a planted edge and on planted overfitting."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowline.research.validation import blocks_for, cross_validate, sampling_error


def noise(seed: int, variants: int, days: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (variants, days))


def brute_force(returns: np.ndarray, blocks: int) -> list[float]:
    """The logits, written as in the paper: no sums of sums, no matrix product."""
    days = returns.shape[1]
    cuts = [b * days // blocks for b in range(blocks + 1)]
    parts = [range(cuts[b], cuts[b + 1]) for b in range(blocks)]
    logits = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = [d for b in chosen for d in parts[b]]
        outside = [d for b in range(blocks) if b not in chosen for d in parts[b]]

        def ratio(row: np.ndarray, on: list[int]) -> float:
            values = row[on].tolist()
            return statistics.fmean(values) / statistics.stdev(values)

        before = [ratio(row, inside) for row in returns]
        after = [ratio(row, outside) for row in returns]
        own = after[before.index(max(before))]
        rank = sum(a < own for a in after) + (sum(a == own for a in after) + 1) / 2
        share = rank / (len(after) + 1)
        logits.append(math.log(share / (1 - share)))
    return logits


@pytest.mark.parametrize(("variants", "days", "blocks"), [(7, 40, 6), (2, 16, 8), (12, 37, 4)])
def test_it_is_the_papers_procedure(variants: int, days: int, blocks: int) -> None:
    returns = noise(variants, variants, days)
    found = cross_validate(returns, blocks)
    expected = brute_force(returns, blocks)
    assert found.logits == pytest.approx(expected, abs=1e-12)
    assert found.pbo == sum(logit <= 0 for logit in expected) / len(expected)


def test_noise_overfits_half_of_the_time() -> None:
    found = [cross_validate(noise(seed, 50, 250), 10).pbo for seed in range(120)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_a_real_edge_is_not_called_overfitting() -> None:
    for seed in range(10):
        returns = noise(seed, 60, 365)
        returns[7] += 0.004
        assert cross_validate(returns, 12).pbo < 0.05


def test_winners_that_pay_it_back_are_overfitting() -> None:
    """Each variant comes to nothing over all days: what shines in one half failed in the other."""
    for seed in range(10):
        returns = noise(seed, 60, 360)
        returns -= returns.mean(axis=1, keepdims=True)
        found = cross_validate(returns, 12)
        assert found.pbo > 0.98
        assert found.slope is not None
        assert found.slope < -0.8
        assert found.loss_probability > 0.98


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.floats(1e-6, 1e6))
def test_neither_the_order_of_variants_nor_the_stake_matters(seed: int, stake: float) -> None:
    returns = noise(seed, 11, 48)
    order = np.random.default_rng(seed).permutation(11)
    first, other = cross_validate(returns, 8), cross_validate(returns[order] * stake, 8)
    assert first.logits == pytest.approx(other.logits)
    assert first.out_of_sample == pytest.approx(other.out_of_sample, rel=1e-6)


def test_the_same_twins_change_nothing() -> None:
    """Equals share their mean rank: duplicates of every variant leave every rank where it was."""
    returns = noise(5, 9, 64)
    twice = np.repeat(returns, 3, axis=0)
    once, thrice = cross_validate(returns, 8), cross_validate(twice, 8)
    assert thrice.pbo == once.pbo


def test_an_unvarying_gain_has_no_ratio_and_ranks_above_every_one() -> None:
    """As its limit does: a gain that varies by a ten thousandth of itself has a ratio of 10,000."""
    draw = np.random.default_rng(3)
    for gain, found in ((0.002, 0.0), (-0.002, None)):
        returns = noise(8, 12, 64)
        returns[4] = gain
        nearly = returns.copy()
        nearly[4] += draw.normal(0, 1e-4 * abs(gain), 64)
        exact, limit = cross_validate(returns, 8), cross_validate(nearly, 8)
        assert exact.logits.tolist() == limit.logits.tolist()
        assert (exact.pbo, exact.loss_probability) == (limit.pbo, limit.loss_probability)
        if found is not None:
            assert (exact.pbo, exact.undefined, exact.slope) == (found, 1.0, None)
            assert np.isnan(exact.in_sample).all()
            assert np.isnan(exact.out_of_sample).all()
        else:
            assert exact.undefined == 0, "it is never the best"
            assert exact.in_sample.tolist() == limit.in_sample.tolist()


def test_of_a_gain_that_begins_to_vary_the_ratio_is_undefined_on_some_halves() -> None:
    returns = noise(2, 6, 64)
    returns[2] = 0.01
    returns[2, 40:] += np.random.default_rng(1).normal(0, 0.02, 24)
    found = cross_validate(returns, 8)
    # of 8 blocks 5 do not vary: 2 * C(5, 4) of C(8, 4) halves are of those alone, in or out
    assert found.undefined == 10 / 70
    assert int(np.isnan(found.in_sample).sum()) == int(np.isnan(found.out_of_sample).sum()) == 5
    assert found.slope is not None


def test_days_of_nothing_rank_between_gains_and_losses() -> None:
    """In a half without a trade there is a ratio of 0 by convention: better than what lost."""
    returns = np.vstack((np.zeros(64), noise(1, 1, 64) - 0.02, noise(2, 1, 64) + 0.02))
    found = cross_validate(returns, 8)
    assert found.pbo == found.undefined == 0
    worse = cross_validate(returns[:2], 8)
    assert worse.in_sample.tolist() == [0.0] * 70
    assert worse.pbo == 0


def test_many_variants_are_done_in_parts_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    returns = noise(1, 40, 120)
    whole = cross_validate(returns, 10)
    monkeypatch.setattr("bowline.research.validation.overfitting._AT_ONCE", 7 * 40)
    parts = cross_validate(returns, 10)
    # a product of another shape may round its last digit differently
    assert parts.logits == pytest.approx(whole.logits)
    assert parts.in_sample == pytest.approx(whole.in_sample, rel=1e-12)


@pytest.mark.parametrize(
    ("days", "blocks"), [(0, 0), (15, 0), (16, 4), (23, 4), (24, 6), (63, 14), (64, 16), (900, 16)]
)
def test_blocks_are_even_and_long_enough(days: int, blocks: int) -> None:
    assert blocks_for(days) == blocks


@pytest.mark.parametrize(("shape", "blocks"), [((1, 40), 4), ((5, 7), 4), ((5, 40), 5)])
def test_what_cannot_be_cut_is_refused(shape: tuple[int, int], blocks: int) -> None:
    with pytest.raises(ValueError, match="cannot be cut into"):
        cross_validate(np.ones(shape), blocks)


def grid_like(seed: int, variants: int, days: int = 180) -> np.ndarray:
    """Neighbours move alike, as those of a grid do: a few sources of return, mixed smoothly."""
    draw = np.random.default_rng(seed)
    mixed = np.cumsum(draw.normal(0, 1, (variants, 12)), axis=0)
    mixed /= mixed.std(axis=0)
    sources = draw.normal(0, 0.01, (12, days))
    return np.asarray(mixed @ sources / 3.5 + draw.normal(0, 0.002, (variants, days)))


def test_what_a_sample_says_lies_about_as_far_off_as_it_says_itself() -> None:
    """Root mean square over made-up grids of 1,000: sample against grid, and what it told."""
    off, told = [], []
    for seed in range(12):
        grid = grid_like(seed, 1_000)
        sample = grid[np.random.default_rng(seed).permutation(1_000)[:250]]
        off.append(cross_validate(sample, 10).pbo - cross_validate(grid, 10).pbo)
        told.append(sampling_error(sample, 16))
    rms = [float(np.sqrt(np.mean(np.square(each)))) for each in (off, told)]
    assert rms[0] / 3 < rms[1] < rms[0] * 3
    assert rms[1] > 0.02


def test_the_error_is_the_same_again_and_none_where_there_is_nothing_to_halve() -> None:
    grid = grid_like(1, 300)
    assert sampling_error(grid, 16) == sampling_error(grid, 16)
    assert sampling_error(grid[:3], 16) == 0


def test_of_many_variants_fewer_blocks_are_cut() -> None:
    assert (blocks_for(900, 2_000), blocks_for(900, 2_001), blocks_for(23, 2_001)) == (16, 12, 4)
