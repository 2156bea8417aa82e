"""The verdict on a sweep's best row: figures compared with limits, and stated in sentences.

It must never call a result good because a figure is missing: what could not be measured is stated,
and counts as a doubt.

1. Each question has a figure and two limits: from the first on it holds, from the second on it
   fails, between them it is in doubt.
2. With too few days or round trips there is no verdict, whatever the figures are.
3. Any failure of the luck questions (deflated Sharpe ratio, overfitting, decay) makes it luck.
4. If all hold, it holds up. Otherwise it is doubtful.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from msgspec import Struct

from bowline.core.model.market import FloatColumn
from bowline.research.validation.decay import Decay, measure_decay
from bowline.research.validation.overfitting import (
    Overfitting,
    blocks_for,
    cross_validate,
    sampling_error,
)
from bowline.research.validation.plateau import Plateau
from bowline.research.validation.sharpe import (
    DailyReturns,
    annual,
    daily_sharpes,
    deflated_sharpe,
    expected_best_sharpe,
    luck_variance,
    moments_of,
    probabilistic_sharpe,
)
from bowline.research.validation.stress import CostStress

#: below these there is no verdict
FEWEST_DAYS = 20
FEWEST_ROUND_TRIPS = 10


class Conclusion(Enum):
    """The overall result."""

    HOLDS = "holds up"
    DOUBTFUL = "doubtful"
    LUCK = "looks like luck"
    UNKNOWN = "too little to judge"


class Grade(Enum):
    """The answer to one question."""

    HOLDS = "holds"
    DOUBT = "doubt"
    FAILS = "fails"
    UNKNOWN = "unknown"


class Question(Enum):
    """The questions about a sweep's winner."""

    DEFLATED_SHARPE = "deflated Sharpe ratio"
    OVERFITTING = "probability of backtest overfitting"
    DECAY = "Sharpe ratio kept out of sample"
    PLATEAU = "plateau score"
    STRESS = "total return at twice the costs"


#: question -> (limit to hold, limit to fail)
LIMITS = {
    Question.DEFLATED_SHARPE: (0.95, 0.8),
    Question.OVERFITTING: (0.2, 0.5),
    Question.DECAY: (50.0, 0.0),
    Question.PLATEAU: (50.0, 10.0),
    Question.STRESS: (0.0, -10.0),
}
_OF_CHOICES = (Question.OVERFITTING, Question.DECAY, Question.PLATEAU)
_ALONE = "one strategy is no choice: it is asked of a grid"
_ABOUT_LUCK = (Question.DEFLATED_SHARPE, Question.OVERFITTING, Question.DECAY)


class QuestionFinding(Struct, frozen=True):
    """One question: its figure (None if it could not be measured), the answer, and a sentence.

    Units of the figures, in the order of `Question`: confidence 0 to 1, probability 0 to 1,
    percent, percent, percent. `error` is how far the figure may lie from that of the whole grid
    because only a sample was evaluated, else 0.
    """

    question: Question
    figure: float | None
    grade: Grade
    words: str
    error: float = 0.0


class VerdictFigures(Struct, frozen=True):
    """The figures behind a verdict. Sharpe ratios are annual; None could not be measured.

    `luck_sharpe` is what the best of all tries is expected to show without any edge.
    """

    days: int
    round_trips: int
    trials: int
    earlier_trials: int
    sampled: int
    sharpe: float | None
    luck_sharpe: float | None
    probabilistic_sharpe: float | None
    deflated_sharpe: float | None
    pbo: float | None
    pbo_error: float | None
    loss_probability: float | None
    pbo_undefined: float | None
    in_sample_sharpe: float | None
    out_of_sample_sharpe: float | None
    kept_pct: float | None
    rank_correlation: float | None
    plateau_pct: float | None
    neighbours: int
    stressed_return_pct: float | None


class SweepVerdict(Struct, frozen=True):
    """The conclusion, a sentence for it, the findings, and the figures."""

    call: Conclusion
    headline: str
    findings: tuple[QuestionFinding, ...]
    figures: VerdictFigures


class Evidence(Struct, frozen=True):
    """The inputs of a verdict.

    `winner` are the daily returns of the judged row, `sample` those of variants selected
    independently of their result (variants, days). `trials` counts every variant of this sweep,
    `earlier_trials` those tried on the same candles before.
    """

    winner: FloatColumn
    sample: DailyReturns
    trials: int
    earlier_trials: int
    round_trips: int
    plateau: Plateau | None = None
    stress: CostStress | None = None


def make_verdict(evidence: Evidence) -> SweepVerdict:
    """The verdict. Deterministic: nothing is drawn."""
    figures = _measure(evidence)
    findings = tuple(_find(question, figures) for question in Question)
    call = _call(figures, findings)
    return SweepVerdict(call, _headline(call, figures, findings), findings, figures)


def _measure(evidence: Evidence) -> VerdictFigures:
    days = len(evidence.winner)
    tries = evidence.trials + evidence.earlier_trials
    shape = moments_of(evidence.winner) if days > 1 else None
    known = shape is not None
    variance = luck_variance(daily_sharpes(evidence.sample), days) if known else 0.0
    crossed, decay, error = _on_the_sample(evidence.sample, evidence.trials)
    return VerdictFigures(
        days=days,
        round_trips=evidence.round_trips,
        trials=evidence.trials,
        earlier_trials=evidence.earlier_trials,
        sampled=len(evidence.sample),
        sharpe=annual(shape.sharpe) if shape else None,
        luck_sharpe=annual(expected_best_sharpe(tries, variance)) if known else None,
        probabilistic_sharpe=probabilistic_sharpe(shape) if shape else None,
        deflated_sharpe=deflated_sharpe(shape, tries, variance) if shape else None,
        pbo=crossed.pbo if crossed else None,
        pbo_error=error,
        loss_probability=crossed.loss_probability if crossed else None,
        pbo_undefined=crossed.undefined if crossed else None,
        in_sample_sharpe=_annual(decay.winner_in_sample) if decay else None,
        out_of_sample_sharpe=_annual(decay.winner_out_of_sample) if decay else None,
        kept_pct=decay.kept_pct if decay else None,
        rank_correlation=decay.rank_correlation if decay else None,
        plateau_pct=evidence.plateau.score_pct if evidence.plateau else None,
        neighbours=evidence.plateau.neighbours if evidence.plateau else 0,
        stressed_return_pct=evidence.stress.stressed_return_pct if evidence.stress else None,
    )


def _annual(daily_sharpe: float | None) -> float | None:
    return None if daily_sharpe is None else annual(daily_sharpe)


def _on_the_sample(
    sample: DailyReturns, trials: int
) -> tuple[Overfitting | None, Decay | None, float | None]:
    """Overfitting and decay over the sampled variants that traded; None if there are too few.

    The last value is the error of the overfitting figure if the sample has not all variants.
    """
    moving = sample[np.any(sample != 0, axis=1)]
    blocks = blocks_for(sample.shape[1], len(moving))
    if not blocks or len(moving) < 2:  # noqa: PLR2004 - a choice needs two variants
        return None, None, None
    error = sampling_error(moving, blocks) if len(sample) < trials else 0.0
    return cross_validate(moving, blocks), measure_decay(moving), error


def _find(question: Question, figures: VerdictFigures) -> QuestionFinding:
    figure = _figure(question, figures)
    if figure is None:
        alone = figures.sampled == 1 and question in _OF_CHOICES
        words = _ALONE if alone else _UNMEASURED[question]
        return QuestionFinding(question, None, Grade.UNKNOWN, words)
    error = (figures.pbo_error or 0.0) if question is Question.OVERFITTING else 0.0
    grade = _grade(question, figure, error)
    return QuestionFinding(question, figure, grade, _words(question, figures), error)


def _figure(question: Question, figures: VerdictFigures) -> float | None:
    match question:
        case Question.DEFLATED_SHARPE:
            return figures.deflated_sharpe
        case Question.OVERFITTING:
            return figures.pbo
        case Question.DECAY:
            return figures.kept_pct
        case Question.PLATEAU:
            return figures.plateau_pct
        case Question.STRESS:
            return figures.stressed_return_pct


def _grade(question: Question, figure: float, error: float) -> Grade:
    """The grade of a figure; a limit is passed only if it is passed by more than the error."""
    holds, fails = LIMITS[question]
    sign = 1 if holds > fails else -1
    if sign * figure - error >= sign * holds:
        return Grade.HOLDS
    return Grade.DOUBT if sign * figure + error > sign * fails else Grade.FAILS


_UNMEASURED = {
    Question.DEFLATED_SHARPE: "the winner's daily returns do not vary: it has no Sharpe ratio",
    Question.OVERFITTING: "cross-validation needs 16 days and two variants that traded",
    Question.DECAY: (
        "no variant gained on the first days, or the best one's days do not vary (its Sharpe ratio "
        "is undefined), or there are too few days"
    ),
    Question.PLATEAU: "the winner has no neighbours in this grid, or did not gain",
    Question.STRESS: "twice the costs were not tried",
}


def _words(question: Question, f: VerdictFigures) -> str:
    match question:
        case Question.DEFLATED_SHARPE:
            return (
                f"Sharpe ratio {f.sharpe:.2f}; luck alone shows about {f.luck_sharpe:.2f} in the "
                f"best of {f.trials + f.earlier_trials:,} tries over {f.days} days"
            )
        case Question.OVERFITTING:
            return (
                f"chosen on one half of the days, the best of {_sampled(f)} fell into the lower "
                f"half on the other {_share(f.pbo)} of the time and lost money "
                f"{_share(f.loss_probability)}{_undefined(f)}{_error(f)}"
            )
        case Question.DECAY:
            return (
                f"of {_sampled(f)}, the best on the first 70 % of the days had a Sharpe ratio of "
                f"{f.in_sample_sharpe:.2f} there and {f.out_of_sample_sharpe:.2f} on the days after"
            )
        case Question.PLATEAU:
            return f"its {f.neighbours} neighbours keep {f.plateau_pct:.0f} % of its return"
        case Question.STRESS:
            return f"with fees and slippage doubled it returns {f.stressed_return_pct:.1f} %"


def _sampled(f: VerdictFigures) -> str:
    if f.sampled < f.trials:
        return f"{f.sampled:,} evenly drawn variants"
    return f"all {f.sampled:,} variants"


def _error(f: VerdictFigures) -> str:
    if f.sampled >= f.trials:
        return ""
    points = 100 * (f.pbo_error or 0)
    return f"; half of these variants would say {points:.0f} points more or less"


def _undefined(f: VerdictFigures) -> str:
    if not f.pbo_undefined:
        return ""
    return (
        f"; {_share(f.pbo_undefined)} of the time its Sharpe ratio is undefined on one of the "
        "halves, because its days there do not vary: above every ratio if they gain, below if they "
        "lose"
    )


def _share(value: float | None) -> str:
    return f"{100 * (value or 0):.0f} %"


def _call(figures: VerdictFigures, findings: tuple[QuestionFinding, ...]) -> Conclusion:
    if figures.days < FEWEST_DAYS or figures.round_trips < FEWEST_ROUND_TRIPS:
        return Conclusion.UNKNOWN
    if any(f.grade is Grade.FAILS and f.question in _ABOUT_LUCK for f in findings):
        return Conclusion.LUCK
    return (
        Conclusion.HOLDS if all(f.grade is Grade.HOLDS for f in findings) else Conclusion.DOUBTFUL
    )


def _headline(
    call: Conclusion, figures: VerdictFigures, findings: tuple[QuestionFinding, ...]
) -> str:
    tries = f"the best of {figures.trials + figures.earlier_trials:,} tries"
    weak = [f.question.value for f in findings if f.grade is not Grade.HOLDS]
    match call:
        case Conclusion.HOLDS:
            return f"Holds up: {tries} is more than luck explains, and it survives every question."
        case Conclusion.LUCK:
            failed = [f.question.value for f in findings if f.grade is Grade.FAILS]
            return f"Looks like luck: {tries} fails on {_listed(failed)}. Do not trade it."
        case Conclusion.DOUBTFUL:
            return f"Doubtful: {tries} leaves questions open ({_listed(weak)})."
        case Conclusion.UNKNOWN:
            return (
                f"Too little to judge: {figures.days} days and {figures.round_trips} round trips; "
                f"at least {FEWEST_DAYS} and {FEWEST_ROUND_TRIPS} are needed. Give it more candles."
            )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
