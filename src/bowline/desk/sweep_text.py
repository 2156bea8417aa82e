"""The best rows of a sweep as text, for a table.

Nothing here may compute a figure: it only says them. A figure that does not exist is `n/a`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bowline.core.completeness import Completeness
from bowline.core.report import with_gap_effects
from bowline.core.signals import strategy_name
from bowline.desk.report import (
    completeness_document,
    completeness_lines,
    number_text,
    synthetic_text,
)
from bowline.research.grid import GridRequest, SweepResult, candles_without_signal

#: rows that are named one by one
_NAMED = 10
#: indicators that are named in a title
MOST_NAMED = 3
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


def slots_text(request: GridRequest) -> str:
    """The indicators of a grid by name, or the first of them and how many more there are."""
    names = [slot.name for slot in request.slots]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def columns_of(result: SweepResult) -> tuple[str, ...]:
    """The headings; the figure by which rows are ranked is always among them."""
    held = ("held through a gap",) if any(result.held_across) else ()
    return ("row", *(heading for _, heading, _ in _shown(result)), "alike", *held, "strategy")


def row_texts(result: SweepResult, most: int) -> Iterator[tuple[str, ...]]:
    """Up to `most` rows, best first, a text under each heading."""
    columns = [(result.top.figure(name), digits) for name, _, digits in _shown(result)]
    for place in range(min(most, len(result))):
        figures = (number_text(float(column[place]), digits) for column, digits in columns)
        spec = result.plan.spec(int(result.top.variant[place]))
        held = (str(result.held_across[place]),) if any(result.held_across) else ()
        alike = f"{int(result.top.alike[place]):,}"
        yield (str(place + 1), *figures, alike, *held, strategy_name(spec))


def missing_lines(result: SweepResult) -> tuple[str, ...]:
    """What was missing of its candles, and which rows rest on a position held through a gap."""
    return (*completeness_lines(_found(result)), *_held_lines(result))


def missing_document(result: SweepResult) -> dict[str, Any]:
    """The same for machines."""
    document = completeness_document(_found(result))
    rows = [row for row, count in enumerate(result.held_across, start=1) if count]
    return document | {"rows_held_across_gaps": rows, "in_words": missing_lines(result)}


def _found(result: SweepResult) -> Completeness:
    plan = result.plan
    return with_gap_effects(plan.completeness, int(plan.candles.open_ns[plan.start]))


def _held_lines(result: SweepResult) -> Iterator[str]:
    rows = [row for row, count in enumerate(result.held_across, start=1) if count]
    if not rows:
        return
    named = ", ".join(str(row) for row in rows[:_NAMED]) + (" …" if len(rows) > _NAMED else "")
    best = "the best row rests" if rows[0] == 1 else "some rows rest"
    yield (
        f"{best} on a position held through a gap, where no stop was checked: {len(rows):,} of "
        f"{len(result):,} rows do (row {named})"
    )


def notes_of(result: SweepResult) -> Iterator[str]:
    """What has to be said beneath the table, a sentence each."""
    if result.stages is not None:
        yield result.stages.words()
    shared = int((result.top.alike > 1).sum())
    if shared:
        yield (
            f"{shared:,} of {len(result):,} rows stand for several variants with equal "
            "figures (column alike): the simplest is shown and saved"
        )
    if len(result) and not np.isfinite(result.top.figure(result.plan.request.rank_by)).any():
        yield f"no row has a {result.plan.request.rank_by}: rows are ordered by return"
    plan = result.plan
    if shorts := synthetic_text(plan.candles.instrument, plan.request.template.direction):
        yield shorts
    yield from missing_lines(result)
    yield from warmup_lines(result)
    yield from result.notes


def warmup_lines(result: SweepResult) -> Iterator[str]:
    """Which rows have no signal on their first candles, because the history before is short."""
    plan = result.plan
    counts = [candles_without_signal(plan, int(variant)) for variant in result.top.variant]
    rows = [row for row, count in enumerate(counts, start=1) if count]
    if not rows:
        return
    first = f"the first {max(counts):,} of {len(plan.candles) - plan.start:,} candles"
    some = f"{len(rows):,} of {len(result):,} rows"
    yield (
        f"{some} have no signal on up to {first}: not every rule has a value by then; candles of "
        f"history before it: {plan.start:,}"
    )


def _shown(result: SweepResult) -> tuple[tuple[str, str, int], ...]:
    rank_by = result.plan.request.rank_by
    if rank_by in _RANKED_BY:
        return (*_FIGURES, (rank_by, _RANKED_BY[rank_by], 2))
    return _FIGURES
