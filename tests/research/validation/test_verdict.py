"""The judge: noise is never believed, a planted edge is, and what was not measured is a doubt."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowline.research.validation import (
    Conclusion,
    CostStress,
    Evidence,
    Grade,
    Plateau,
    Question,
    SweepVerdict,
    daily_sharpes,
    make_verdict,
)
from bowline.research.validation.verdict import LIMITS, _grade

BROAD = Plateau(6, 50.0, 45.0, 30.0, 100.0, 90.0)
CHEAP = CostStress(2, 50.0, 30.0)


def verdict_on(returns: np.ndarray, **more: object) -> SweepVerdict:
    """The verdict on the best of these variants by Sharpe ratio; what is not said favours it."""
    best = returns[int(np.nanargmax(daily_sharpes(returns)))]
    said = {"plateau": BROAD, "stress": CHEAP, "earlier_trials": 0, "round_trips": 80} | more
    return make_verdict(Evidence(winner=best, sample=returns, **({"trials": len(returns)} | said)))


def noise(seed: int, variants: int = 60, days: int = 63) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (variants, days))


def test_noise_is_never_believed_and_nearly_always_called_luck() -> None:
    calls = Counter(verdict_on(noise(seed)).call for seed in range(40))
    assert calls[Conclusion.HOLDS] == 0
    assert calls[Conclusion.LUCK] >= 36


def test_a_planted_edge_holds_up() -> None:
    for seed in range(4):
        returns = noise(seed, days=500)
        returns[10:14] += 0.004
        verdict = verdict_on(returns)
        assert verdict.call is Conclusion.HOLDS, verdict.headline
        assert all(finding.grade is Grade.HOLDS for finding in verdict.findings)


def test_planted_overfitting_is_called_so() -> None:
    """Variants that shine on some days and pay it back on others."""
    for seed in range(10):
        returns = noise(seed)
        returns -= returns.mean(axis=1, keepdims=True)
        verdict = verdict_on(returns)
        assert verdict.call is Conclusion.LUCK
        grades = {finding.question: finding.grade for finding in verdict.findings}
        assert grades[Question.OVERFITTING] is Grade.FAILS
        assert "overfitting" in verdict.headline


def test_tries_made_before_count_against_it() -> None:
    returns = noise(4, days=500)
    returns[10] += 0.0035
    assert verdict_on(returns).call is Conclusion.HOLDS
    burdened = verdict_on(returns, earlier_trials=10**12)
    assert burdened.figures.deflated_sharpe is not None
    assert burdened.figures.deflated_sharpe < 0.95
    assert burdened.call is not Conclusion.HOLDS
    assert "1,000,000,000,060 tries" in burdened.headline


@pytest.mark.parametrize(
    ("more", "question"),
    [
        ({"plateau": None}, Question.PLATEAU),
        ({"plateau": Plateau(4, 50, -1, -3, 0, 0)}, Question.PLATEAU),
        ({"stress": None}, Question.STRESS),
        ({"stress": CostStress(2, 50, -5)}, Question.STRESS),
    ],
)
def test_one_weak_or_unmeasured_answer_is_a_doubt(more: dict, question: Question) -> None:
    returns = noise(4, days=500)
    returns[10] += 0.004
    verdict = verdict_on(returns, **more)
    assert verdict.call is Conclusion.DOUBTFUL
    assert question.value in verdict.headline


@pytest.mark.parametrize(("days", "trips"), [(19, 80), (63, 9)])
def test_too_little_is_said_to_be_too_little(days: int, trips: int) -> None:
    returns = noise(1, days=days) + 0.05
    verdict = verdict_on(returns, round_trips=trips)
    assert verdict.call is Conclusion.UNKNOWN
    assert f"{days} days and {trips} round trips" in verdict.headline


def test_a_sweep_that_ranked_nothing_has_a_verdict_too() -> None:
    verdict = make_verdict(Evidence(np.empty(0), np.zeros((3, 40)), 3, 0, 0))
    assert verdict.call is Conclusion.UNKNOWN
    assert all(finding.figure is None for finding in verdict.findings)


def test_one_strategy_is_asked_what_can_be_asked_of_it() -> None:
    daily = noise(2, 1, 400)[0] + 0.004
    verdict = make_verdict(Evidence(daily, daily[np.newaxis], 1, 0, 50, stress=CHEAP))
    assert verdict.call is Conclusion.DOUBTFUL
    assert verdict.figures.luck_sharpe == 0
    assert verdict.figures.deflated_sharpe == verdict.figures.probabilistic_sharpe
    assert [f.words for f in verdict.findings].count("one strategy is no choice: it is asked of a "
                                                     "grid") == 3  # fmt: skip


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 70))
def test_any_returns_have_a_verdict_in_words(seed: int, variants: int, days: int) -> None:
    """Flat rows, ruined rows, rows of one day: no figure is NaN, no sentence says so."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, 0.02, (variants, days)) * rng.integers(0, 2, (variants, 1))
    returns[::3, days // 2 :] = 0
    returns[0, -1] = -1
    verdict = make_verdict(Evidence(returns[0], returns, variants, 5, 20, BROAD, CHEAP))
    assert verdict.headline
    for finding in verdict.findings:
        assert finding.words
        assert "nan" not in finding.words
        assert finding.figure is None or np.isfinite(finding.figure)


def test_a_gain_that_does_not_vary_is_undefined_in_words_and_not_a_ratio_of_0() -> None:
    returns = noise(3, 12, 120)
    returns[5] = 0.001
    verdict = make_verdict(Evidence(returns[5], returns, 12, 0, 50, BROAD, CHEAP))
    findings = {each.question: each for each in verdict.findings}
    assert (verdict.figures.pbo, verdict.figures.pbo_undefined) == (0, 1)
    assert "100 % of the time its Sharpe ratio is undefined" in findings[Question.OVERFITTING].words
    assert (verdict.figures.in_sample_sharpe, verdict.figures.kept_pct) == (None, None)
    assert findings[Question.DECAY].grade is Grade.UNKNOWN
    assert "undefined" in findings[Question.DECAY].words
    usual = verdict_on(noise(3, 12, 120))
    assert usual.figures.pbo_undefined == 0
    assert not any("undefined" in each.words for each in usual.findings)


def test_the_reference_page_says_the_limits_that_hold() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "reference" / "validation.md"
    said = {}
    for line in page.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[2][:1] in "≥≤":
            said[cells[0]] = tuple(float(cell[1:].replace("−", "-")) for cell in cells[2:])
    assert said == {question.value: limits for question, limits in LIMITS.items()}


def test_of_all_variants_the_figure_has_no_error_and_of_a_sample_it_says_it() -> None:
    returns = noise(3, 300)
    whole = verdict_on(returns)
    (found,) = (each for each in whole.findings if each.question is Question.OVERFITTING)
    assert (found.error, whole.figures.pbo_error) == (0, 0)
    assert "of all 300 variants" in found.words
    sampled = verdict_on(returns, trials=5_000)
    (found,) = (each for each in sampled.findings if each.question is Question.OVERFITTING)
    assert found.figure == whole.figures.pbo
    assert found.error == sampled.figures.pbo_error > 0
    assert "of 300 evenly drawn variants" in found.words
    assert "points more or less" in found.words


@pytest.mark.parametrize(
    ("figure", "error", "grade"),
    [
        (0.20, 0.0, Grade.HOLDS),
        (0.18, 0.03, Grade.DOUBT),
        (0.50, 0.0, Grade.FAILS),
        (0.52, 0.03, Grade.DOUBT),
        (0.53, 0.03, Grade.FAILS),
    ],
)
def test_a_limit_is_passed_only_with_the_error_against_it(
    figure: float, error: float, grade: Grade
) -> None:
    assert _grade(Question.OVERFITTING, figure, error) is grade
    # more of the others is better: the error counts the other way
    assert _grade(Question.DECAY, 52, 3) is Grade.DOUBT
