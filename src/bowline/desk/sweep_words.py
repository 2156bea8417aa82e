"""The best rows of a sweep in words, for a table.

Nothing here may compute a figure: it only says them. A figure that does not exist is `n/a`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bowline.core.signals import strategy_name
from bowline.desk.report import number_text
from bowline.research.grid import SweepResult

#: figure, heading, digits
_FIGURES = (
    ("total_return_pct", "return %", 2),
    ("max_drawdown_pct", "max. drawdown %", 2),
    ("sharpe", "sharpe", 2),
    ("round_trips", "round trips", 0),
    ("win_rate_pct", "win rate %", 1),
)
#: headings of those that are shown only where rows are ranked by them
_RANKED_BY = {
    "return_over_drawdown": "return / drawdown",
    "final_equity": "final equity",
    "exposure_pct": "exposure %",
}


def columns_of(result: SweepResult) -> tuple[str, ...]:
    """The headings; the figure by which rows are ranked is always among them."""
    return ("row", *(heading for _, heading, _ in _shown(result)), "strategy")


def row_texts(result: SweepResult, most: int) -> Iterator[tuple[str, ...]]:
    """Up to `most` rows, best first, a text under each heading."""
    columns = [(result.top.figure(name), digits) for name, _, digits in _shown(result)]
    for place in range(min(most, len(result))):
        figures = (number_text(float(column[place]), digits) for column, digits in columns)
        spec = result.plan.spec(int(result.top.variant[place]))
        yield (str(place + 1), *figures, strategy_name(spec))


def _shown(result: SweepResult) -> tuple[tuple[str, str, int], ...]:
    rank_by = result.plan.request.rank_by
    if rank_by in _RANKED_BY:
        return (*_FIGURES, (rank_by, _RANKED_BY[rank_by], 2))
    return _FIGURES
