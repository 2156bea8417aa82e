"""What was found about a result, as one document for machines and as rows for a table.

Nothing here may compute a figure: it only says them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from bowline.core.model.policy import FirstSignal
from bowline.core.model.values import DAY_NS
from bowline.core.signals import strategy_name
from bowline.desk.report import completeness_document
from bowline.desk.report.text import NOTHING, first_signal_text, number_text, time_text
from bowline.desk.validation import Validation
from bowline.research.validation import (
    FEWEST_DAYS,
    FEWEST_ROUND_TRIPS,
    FoldResult,
    LookAheadResult,
    Question,
    QuestionFinding,
    ResampledPaths,
    SweepVerdict,
    WalkForward,
)

_SHARES = (Question.DEFLATED_SHARPE, Question.OVERFITTING)


def validation_document(found: Validation) -> dict[str, Any]:
    """All of it as plain values; curves one value a day."""
    return {
        "strategy": found.strategy,
        "first_signal": found.first_signal.value,
        "verdict": found.verdict,
        "round_trips": _paths_document(found.round_trips),
        "markets": _paths_document(found.markets),
        "look_ahead": found.look_ahead,
        "walk_forward": {name: walk_document(walk) for name, walk in found.walks.items()},
        "notes": found.notes,
        "completeness": None
        if found.completeness is None
        else completeness_document(found.completeness),
    }


def walk_document(walk: WalkForward) -> dict[str, Any]:
    """A walk: its figures, its folds, and the joined equity at the last close of each day."""
    day = (walk.close_ns - 1) // DAY_NS
    last = np.flatnonzero(np.diff(day, append=day[-1] + 1))
    return {
        "first_signal": _first_signal(walk).value,
        "return_pct": walk.return_pct,
        "max_drawdown_pct": walk.max_drawdown_pct,
        "sharpe": walk.sharpe,
        "round_trips": walk.round_trips,
        "efficiency_pct": walk.efficiency_pct,
        "days": _days(walk),
        "too_little": _is_too_little(walk),
        "legs": [
            {
                "from_ns": int(fold.record.candles.open_ns[0]),
                "to_ns": int(fold.record.candles.close_ns[-1]),
                "variant": fold.choice.variant,
                "strategy": strategy_name(fold.choice.spec),
                "in_sample_return_pct": fold.choice.return_pct,
                "in_sample_sharpe": fold.choice.sharpe,
                "return_pct": fold.return_pct,
                "round_trips": fold.round_trips,
                "lost": fold.completeness.lost,
                "held_across_gaps": held_through(fold),
            }
            for fold in walk.folds
        ],
        "equity": [
            {"close_ns": int(walk.close_ns[at]), "equity": float(walk.equity[at])}
            for at in last.tolist()
        ],
    }


def verdict_rows(verdict: SweepVerdict) -> Iterator[tuple[str, str, str, str]]:
    """Question, figure, answer, in words."""
    for finding in verdict.findings:
        yield finding.question.value, figure_text(finding), finding.grade.value, finding.words


def figure_text(finding: QuestionFinding) -> str:
    """`0.93`, `41 %`, or `n/a`."""
    if finding.figure is None:
        return NOTHING
    if finding.question in _SHARES:
        error = f" ± {finding.error:.2f}" if finding.error else ""
        return f"{finding.figure:.2f}{error}"
    return f"{finding.figure:,.1f} %"


def paths_rows(found: Validation) -> Iterator[tuple[str, ...]]:
    """What was drawn again, how often; low, middle and high return; drawdown; share that lost."""
    for name, paths in (
        ("round trips, resampled", found.round_trips),
        ("candles, resampled in blocks", found.markets),
    ):
        if paths is not None:
            spread, depth = paths.return_pct, paths.max_drawdown_pct
            yield (
                name,
                f"{paths.paths:,}",
                number_text(paths.observed_return_pct, 1),
                " … ".join(number_text(x, 1) for x in (spread.low, spread.middle, spread.high)),
                " … ".join(number_text(x, 1) for x in (depth.middle, depth.high)),
                number_text(paths.losing_pct, 0),
                number_text(paths.worse_pct, 0),
            )


def walk_rows(walk: WalkForward) -> Iterator[tuple[str, ...]]:
    """When it was tested, what was chosen, how it did before and in the test."""
    for fold in walk.folds:
        candles = fold.record.candles
        yield (
            f"{time_text(int(candles.open_ns[0]))} to {time_text(int(candles.close_ns[-1]))}",
            strategy_name(fold.choice.spec),
            number_text(fold.choice.return_pct, 1),
            number_text(fold.return_pct, 1),
            str(fold.round_trips),
            f"{fold.completeness.lost:,}" + (f", {gaps}" if (gaps := _gap_words(fold)) else ""),
        )


def held_through(fold: FoldResult) -> int:
    """How many positions of the test were held through a gap in its candles."""
    across = fold.completeness.across
    return 0 if across is None else len(across.round_trips) + across.open_position


def _gap_words(fold: FoldResult) -> str:
    held = held_through(fold)
    return f"{held} held through a gap" if held else ""


def walk_text(walk: WalkForward) -> str:
    """The whole walk in one sentence."""
    sharpe = number_text(walk.sharpe)
    kept = "the chosen variants did not gain in-sample"
    if walk.efficiency_pct is not None:
        share = f"{walk.efficiency_pct:.0f} %" if walk.efficiency_pct > 0 else "nothing"
        kept = f"{share} of the daily gain in-sample was kept"
    gained, fell = number_text(walk.return_pct, 1), number_text(walk.max_drawdown_pct, 1)
    return (
        f"out of sample: return {gained} %, max. drawdown {fell} %, Sharpe ratio {sharpe}, "
        f"{walk.round_trips} round trips; {kept}; {first_signal_text(_first_signal(walk))}"
        f"{_too_little(walk)}"
    )


def _days(walk: WalkForward) -> int:
    """The days of all tests together, in whole."""
    tested = [fold.record.candles for fold in walk.folds]
    return sum(int(each.close_ns[-1] - each.open_ns[0]) for each in tested) // DAY_NS


def _is_too_little(walk: WalkForward) -> bool:
    return _days(walk) < FEWEST_DAYS or walk.round_trips < FEWEST_ROUND_TRIPS


def _too_little(walk: WalkForward) -> str:
    """That the tests are too short for their figures to mean anything; as a verdict says it."""
    if not _is_too_little(walk):
        return ""
    return (
        f". Too little to judge: {_days(walk)} days and {walk.round_trips} round trips; at least "
        f"{FEWEST_DAYS} and {FEWEST_ROUND_TRIPS} are needed."
    )


def _first_signal(walk: WalkForward) -> FirstSignal:
    """Of every fold: they are rows of one grid."""
    return walk.folds[0].record.run.policy.first_signal


def look_ahead_text(found: LookAheadResult) -> str:
    """What the look-ahead test saw, in one sentence."""
    if found.message:
        return f"looks ahead: {found.message}"
    if not found.repeats:
        return "a second pass over the same candles gave other signals: the strategy keeps a state"
    if (leak := found.leak) is not None:
        return (
            f"looks ahead: the signal of the candle that opened at {time_text(leak.open_ns)} is "
            f"{leak.without_future:+d} with {leak.known} candles known and {leak.with_future:+d} "
            "with all of them"
        )
    return f"no look-ahead seen in {found.cuts} cuts"


def _paths_document(paths: ResampledPaths | None) -> dict[str, Any] | None:
    if paths is None:
        return None
    document: dict[str, Any] = msgspec.structs.asdict(paths)
    for name in ("returns", "drawdowns"):
        del document[name]
    return document
