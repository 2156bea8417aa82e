"""In-sample against out of sample: how much of a result remains on days that were not chosen on.

The later days must never take part in the choice.

1. The first 70 % of the days are in-sample, the rest out of sample.
2. The winner is the variant with the best Sharpe ratio in-sample (the first of equals).
3. `kept_pct` is the winner's ratio out of sample in percent of that in-sample.
4. The rank correlation over all variants: do those that rank high in-sample rank high after it?
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from bowline.core.model.market import FloatColumn
from bowline.core.rounding import ROUNDING
from bowline.research.validation.sharpe import DailyReturns, daily_sharpes

IN_SAMPLE_SHARE = 0.7
_TOP_SHARE = 0.1
_FEWEST = 2


class Decay(Struct, frozen=True):
    """Sharpe ratios are daily; None is an undefined figure.

    `in_sample` and `out_of_sample` have one ratio per variant, 0 where it did nothing; `winner` is
    a row of them. `top_out_of_sample` is the median ratio out of sample of the best tenth
    in-sample, `rank_correlation` is Spearman's over all variants. `kept_pct` is None unless the
    winner gained in-sample.
    """

    winner: int
    days_in_sample: int
    days_out_of_sample: int
    winner_in_sample: float
    winner_out_of_sample: float | None
    kept_pct: float | None
    top_out_of_sample: float
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
    inside = np.nan_to_num(daily_sharpes(returns[:, :split]), nan=0.0)
    later = daily_sharpes(returns[:, split:])
    outside = np.nan_to_num(later, nan=0.0)
    winner = int(inside.argmax())
    undefined = bool(np.isnan(later[winner]) and returns[winner, split:].any())
    before, after = float(inside[winner]), None if undefined else float(outside[winner])
    top = np.argsort(-inside, kind="stable")[: max(1, round(len(inside) * _TOP_SHARE))]
    return Decay(
        winner=winner,
        days_in_sample=split,
        days_out_of_sample=days - split,
        winner_in_sample=before,
        winner_out_of_sample=after,
        kept_pct=100 * after / before if after is not None and before > ROUNDING else None,
        top_out_of_sample=float(np.median(outside[top])),
        rank_correlation=rank_correlation(inside, outside),
        in_sample=inside,
        out_of_sample=outside,
    )


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
