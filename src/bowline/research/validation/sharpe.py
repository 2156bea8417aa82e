"""How much of a Sharpe ratio is luck: probabilistic and deflated Sharpe ratio.

Every Sharpe ratio here is daily (mean / sample deviation of daily returns) and never annualised;
only `annual` converts one into the figure of the report. Nothing here may draw a random number.

With SR measured over T days of skewness g3 and kurtosis g4 (3 for a normal distribution):
1. Probabilistic (Bailey and López de Prado 2012): the confidence that the true ratio is above b,
   PSR(b) = Phi((SR - b) * sqrt(T - 1) / sqrt(1 - g3 * SR + (g4 - 1) / 4 * SR^2)).
2. The best of N tries without any edge is expected at (the false strategy theorem)
   SR0 = sqrt(V) * ((1 - c) * Phi^-1(1 - 1/N) + c * Phi^-1(1 - 1/(N e))), c Euler's constant,
   V the variance of the ratios over the tries.
3. Deflated (Bailey and López de Prado 2014): DSR = PSR(SR0).

V is the spread of the ratios by luck alone. Tries without an edge spread by no more than
1 / (T - 1). A larger spread comes from true differences (variants that lose their money to fees,
others with an edge), which are not luck. So `luck_variance` never exceeds 1 / (T - 1): otherwise a
hundred hopeless variants in a grid would condemn the good one beside them.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.core.model.market import FloatColumn
from bowline.core.report.metrics import DAYS_A_YEAR
from bowline.core.rounding import has_spread, is_negligible

#: rows are variants, columns are days: daily returns as fractions
DailyReturns = NDArray[np.float64]

EULER = 0.5772156649015329
_NORMAL = NormalDist()
_FEWEST_DAYS = 2


class ReturnMoments(Struct, frozen=True):
    """Moments of one variant's daily returns. `kurtosis` is 3 for a normal distribution."""

    days: int
    sharpe: float
    skewness: float
    kurtosis: float


def daily_sharpes(returns: DailyReturns) -> FloatColumn:
    """The daily Sharpe ratio of each row; NaN if the returns do not vary, or for under 2 days.

    Mean / sample deviation (ddof 1), risk-free rate 0: times sqrt(365) it is the report's.
    """
    days = returns.shape[1]
    if days < _FEWEST_DAYS:
        return np.full(len(returns), np.nan)
    mean = returns.mean(axis=1)
    deviation = returns.std(axis=1, ddof=1)
    ratio = np.full(len(returns), np.nan)
    np.divide(mean, deviation, out=ratio, where=has_spread(deviation, mean))
    return ratio


def ranking_ratios(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> DailyReturns:
    """What Sharpe ratios are ranked by: the ratio where it is defined, else its limit.

    Returns that do not vary have no ratio: where they gain they rank above every ratio (infinity),
    where they lose below every ratio, and days of nothing rank as 0. Equals rank alike.
    """
    still = ~has_spread(deviation, mean)
    ratio = np.zeros(mean.shape)
    np.divide(mean, deviation, out=ratio, where=~still)
    limits = np.where(is_negligible(mean, 1.0), 0.0, np.copysign(np.inf, mean))
    keys: DailyReturns = np.where(still, limits, ratio)
    return keys


def where_defined(ratios: FloatColumn) -> FloatColumn:
    """The ratios among those that are ranked by; NaN where there is none."""
    return np.where(np.isinf(ratios), np.nan, ratios)


def annual(daily_sharpe: float) -> float:
    """The annual ratio, as in the report: times sqrt(365)."""
    return daily_sharpe * math.sqrt(DAYS_A_YEAR)


def moments_of(returns: FloatColumn) -> ReturnMoments | None:
    """The moments of one variant's daily returns; None if they do not vary."""
    sharpe = float(daily_sharpes(returns[np.newaxis])[0])
    if math.isnan(sharpe):
        return None
    off = returns - returns.mean()
    square = float(np.mean(off**2))
    return ReturnMoments(
        days=len(returns),
        sharpe=sharpe,
        skewness=float(np.mean(off**3)) / square**1.5,
        kurtosis=float(np.mean(off**4)) / square**2,
    )


def probabilistic_sharpe(shape: ReturnMoments, benchmark: float = 0.0) -> float:
    """The confidence, 0 to 1, that the true daily Sharpe ratio is above `benchmark` (daily)."""
    sr = shape.sharpe
    # never negative: kurtosis >= 1 + skewness^2, so it is at least (1 - skewness * sr / 2)^2
    spread = 1 - shape.skewness * sr + (shape.kurtosis - 1) / 4 * sr**2
    if spread <= 0:
        return 1.0 if sr > benchmark else 0.0
    return _NORMAL.cdf((sr - benchmark) * math.sqrt(shape.days - 1) / math.sqrt(spread))


def expected_best_sharpe(trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of `trials` tries is expected to show by luck alone.

    `variance` is that of the ratios over the tries; the result is in the same period as its root.
    """
    if trials <= 1:
        return 0.0
    once = -_NORMAL.inv_cdf(1 / trials)
    further = -_NORMAL.inv_cdf(1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER) * once + EULER * further)


def luck_variance(sharpes: FloatColumn, days: int) -> float:
    """Variance (ddof 1) of the daily Sharpe ratios over the tries, without NaN.

    Capped at that of luck. The cap is 1 / (days - 1), the variance of a ratio measured over `days`
    without an edge; it is also the result if fewer than two tries have a ratio.
    """
    luck = 1 / (days - 1)
    known = sharpes[~np.isnan(sharpes)]
    if len(known) < _FEWEST_DAYS:
        return luck
    return min(luck, float(known.var(ddof=1)))


def deflated_sharpe(shape: ReturnMoments, trials: int, variance: float) -> float:
    """The confidence, 0 to 1, that a variant chosen as the best of `trials` has any edge at all.

    `variance` is that of daily Sharpe ratios over the tries, see `luck_variance`.
    """
    return probabilistic_sharpe(shape, expected_best_sharpe(trials, variance))
