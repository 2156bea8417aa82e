"""In-sample against out of sample: how much of a result remains on days that were not chosen on.

The later days must never take part in the choice.

1. The first 70 % of the days are in-sample, the rest out of sample.
2. The winner is the variant with the best Sharpe ratio in-sample (the first of equals). Where days
   do not vary there is none: they rank above every ratio if they gain, below every ratio if they
   lose, and as 0 if nothing was done (`ranking_ratios`).
3. `kept_pct` is the winner's ratio out of sample in percent of that in-sample.
4. The rank correlation over all variants: do those that rank high in-sample rank high after it?
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from bowline.core.model.market import FloatColumn
from bowline.core.rounding import ROUNDING
from bowline.research.validation.sharpe import DailyReturns, ranking_ratios, where_defined

IN_SAMPLE_SHARE = 0.7
_TOP_SHARE = 0.1
_FEWEST = 2


class Decay(Struct, frozen=True):
    """Sharpe ratios are daily; None is an undefined figure.

    `in_sample` and `out_of_sample` have one ratio per variant, 0 where it did nothing and NaN where
    its days do not vary; `winner` is a row of them. `top_out_of_sample` is the median ratio out of
    sample of the best tenth in-sample, `rank_correlation` is Spearman's over all variants.
    `kept_pct` is None unless the winner gained in-sample.
    """

    winner: int
    days_in_sample: int
    days_out_of_sample: int
    winner_in_sample: float | None
    winner_out_of_sample: float | None
    kept_pct: float | None
    top_out_of_sample: float | None
    rank_correlation: float | None
    in_sample: FloatColumn
    out_of_sample: FloatColumn


def measure_decay(returns: DailyReturns, share: float = IN_SAMPLE_SHARE) -> Decay:
    """Split `returns` (variants, days) at `share` of the days.

    ValueError for under 2 days on a side.
    """
    days = returns.shape[1]
    split = round(days * share)
    if not len(returns) or split < _FEWEST or days - split < _FEWEST:
        raise ValueError(f"{returns.shape} returns cannot be split at {share}")
    inside, outside = _ranked(returns[:, :split]), _ranked(returns[:, split:])
    winner = int(inside.argmax())
    before, after = _known(inside[winner]), _known(outside[winner])
    kept = None
    if after is not None and before is not None and before > ROUNDING:
        kept = 100 * after / before
    top = np.argsort(-inside, kind="stable")[: max(1, round(len(inside) * _TOP_SHARE))]
    return Decay(
        winner=winner,
        days_in_sample=split,
        days_out_of_sample=days - split,
        winner_in_sample=before,
        winner_out_of_sample=after,
        kept_pct=kept,
        top_out_of_sample=_known(np.median(outside[top])),
        rank_correlation=rank_correlation(inside, outside),
        in_sample=where_defined(inside),
        out_of_sample=where_defined(outside),
    )


def _ranked(returns: DailyReturns) -> FloatColumn:
    return ranking_ratios(returns.mean(axis=1), returns.std(axis=1, ddof=1))


def _known(ratio: float | np.float64) -> float | None:
    return float(ratio) if np.isfinite(ratio) else None


def rank_correlation(x: FloatColumn, y: FloatColumn) -> float | None:
    """Spearman's rank correlation, equals sharing their rank; None if either column is constant."""
    if len(x) < _FEWEST:
        return None
    a, b = _ranks(x), _ranks(y)
    a -= a.mean()
    b -= b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else None


def _ranks(values: FloatColumn) -> FloatColumn:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]
