"""Probabilistic and deflated Sharpe ratio: published examples, and what noise may get away with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.report import daily_ratios
from bowline.research.validation import (
    ReturnMoments,
    annual,
    daily_sharpes,
    deflated_sharpe,
    expected_best_sharpe,
    luck_variance,
    moments_of,
    probabilistic_sharpe,
)


def test_the_worked_example_of_the_deflated_sharpe_ratio() -> None:
    """Bailey and López de Prado 2014.

    100 tries, annual ratio 2.5 over 1,250 days of 250 a year, skewness -3, kurtosis 10, variance of
    the tries' annual ratios 0.5.
    """
    shape = ReturnMoments(days=1250, sharpe=2.5 / math.sqrt(250), skewness=-3, kurtosis=10)
    assert expected_best_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(shape, 100, 0.5 / 250) == pytest.approx(0.9004, abs=5e-5)


def test_the_worked_example_of_the_probabilistic_sharpe_ratio() -> None:
    """Bailey and López de Prado 2012: 24 months at 0.458, normal and as they were."""
    assert probabilistic_sharpe(ReturnMoments(24, 0.458, 0, 3)) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(ReturnMoments(24, 0.458, -2.448, 10.164)) == pytest.approx(
        0.913, abs=5e-4
    )


@pytest.mark.parametrize(("tries", "mean"), [(10, 1.5388), (100, 2.5076), (1000, 3.2414)])
def test_the_best_of_many_tries_is_where_order_statistics_put_it(tries: int, mean: float) -> None:
    """The mean of the largest of N standard normal values, from published tables."""
    assert expected_best_sharpe(tries, 1) == pytest.approx(mean, rel=0.025)


def test_one_try_needs_no_deflation() -> None:
    shape = ReturnMoments(365, 0.1, 0.2, 4)
    assert deflated_sharpe(shape, 1, 0.5) == probabilistic_sharpe(shape)


@given(st.integers(0, 2**32), st.integers(2, 60))
def test_the_daily_ratio_is_the_reports(seed: int, days: int) -> None:
    returns = np.random.default_rng(seed).normal(0.001, 0.02, days)
    daily = 1000 * np.cumprod(np.concatenate(([1.0], 1 + returns)))
    theirs = daily_ratios(daily).sharpe
    assert theirs is not None
    assert annual(float(daily_sharpes(returns[np.newaxis])[0])) == pytest.approx(theirs, rel=1e-9)


def test_what_never_varies_has_no_ratio() -> None:
    rows = np.array([[0.0] * 9, [0.01] * 9, [0.1] * 8 + [0.2]])
    assert np.isnan(daily_sharpes(rows)).tolist() == [True, True, False]
    assert moments_of(rows[1]) is None
    assert np.isnan(daily_sharpes(rows[:, :1])).all()


def test_the_shape_of_known_returns() -> None:
    """Nine zeros and a one: skewness (1 - 2p) / sqrt(pq), kurtosis 1 / pq - 3, p = 0.1."""
    shape = moments_of(np.array([0.0] * 9 + [1.0]))
    assert shape is not None
    assert shape.skewness == pytest.approx(0.8 / 0.3)
    assert shape.kurtosis == pytest.approx(1 / 0.09 - 3)
    assert shape.days == 10


@given(st.floats(-0.5, 0.5), st.floats(-3, 3), st.floats(0, 30), st.floats(-0.5, 0.5))
def test_a_confidence_is_one_and_falls_as_the_bar_rises(
    sharpe: float, skewness: float, more: float, bar: float
) -> None:
    shape = ReturnMoments(100, sharpe, skewness, 1 + skewness**2 + more)
    lower, higher = probabilistic_sharpe(shape, bar), probabilistic_sharpe(shape, bar + 0.1)
    assert 0 <= higher <= lower <= 1


def best_of_noise(seed: int, shared: float, *, wild: bool) -> float:
    """The deflated ratio of the best of 60 tries without an edge that share part of their luck."""
    rng = np.random.default_rng(seed)
    days = 250

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_t(4, shape) if wild else rng.normal(size=shape)

    returns = math.sqrt(shared) * draw(1, days) + math.sqrt(1 - shared) * draw(60, days)
    sharpes = daily_sharpes(returns)
    shape = moments_of(returns[int(sharpes.argmax())])
    assert shape is not None
    return deflated_sharpe(shape, len(returns), luck_variance(sharpes, days))


@pytest.mark.parametrize(("shared", "most"), [(0.0, 0.02), (0.5, 0.05), (0.95, 0.05)])
@pytest.mark.parametrize("wild", [False, True])
def test_noise_is_rejected_at_least_95_times_in_100(shared: float, most: float, wild: bool) -> None:
    """However much the variants of a grid resemble each other, and with fat tails.

    Variants that are nearly one are one try, which noise passes 5 times in 100: hence the allowance
    of three deviations of a count of 400.
    """
    accepted = sum(best_of_noise(seed, shared, wild=wild) > 0.95 for seed in range(400))
    assert accepted <= 400 * most + 3 * math.sqrt(400 * most * (1 - most))


def test_hopeless_variants_do_not_condemn_the_good_one() -> None:
    """Their differences are true, not luck: the bar for the best must stay where luck puts it."""
    rng = np.random.default_rng(3)
    returns = rng.normal(0, 0.01, (200, 730))
    returns[:100] -= 0.02
    returns[150] += 0.0025
    sharpes = daily_sharpes(returns)
    assert np.nanargmax(sharpes) == 150
    shape = moments_of(returns[150])
    assert shape is not None
    assert deflated_sharpe(shape, 200, luck_variance(sharpes, 730)) > 0.95
    assert deflated_sharpe(shape, 200, float(sharpes.var(ddof=1))) < 0.05


def test_more_tries_lower_the_confidence() -> None:
    shape = ReturnMoments(365, 0.2, 0, 3)
    confidences = [deflated_sharpe(shape, tries, 1 / 364) for tries in (1, 10, 1000, 10**7)]
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[0] > 0.99
    assert confidences[-1] < 0.5


def test_the_spread_of_few_tries_is_that_of_a_sample() -> None:
    """0.1, 0.2 and 0.3 deviate by 0.1 (ddof 1), squared 0.01; over 51 days luck alone is 0.02."""
    ratios = np.array([0.1, np.nan, 0.2, 0.3])
    assert luck_variance(ratios, 51) == pytest.approx(0.01, rel=1e-12)
    assert luck_variance(ratios, 201) == 1 / 200


def test_the_luck_of_tries_without_a_ratio_is_that_of_one() -> None:
    assert luck_variance(np.array([np.nan, 0.3]), 101) == 1 / 100
