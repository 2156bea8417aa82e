"""A finished sweep and its verdict as a picture: columns, curves, thresholds and words.

It must choose what is drawn without regard to results, the top apart, and say what it left out.

1. SweepRows are the sweep's even sample, its top, and the even sample that the verdict looked at.
2. Parameters are decoded column by column from the numbers; those that never vary are facts.
3. Equity curves and the split are made of daily returns, which the kernel computes again for the
   top and the verdict's sample; the signals of these are still known to the plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np

from bowline.core.model.instrument import Instrument
from bowline.core.model.values import to_float
from bowline.desk.report import (
    duration_text,
    exact_text,
    first_signal_text,
    signed_pct,
    synthetic_text,
    time_text,
)
from bowline.desk.sweep_report.picture import (
    ABSENT,
    Axis,
    Figures,
    PageVerdict,
    Ranked,
    Split,
    SweepPicture,
    Threshold,
    Tone,
    VerdictCheck,
)
from bowline.desk.sweep_text import MOST_NAMED, missing_lines, slots_text, warmup_lines
from bowline.research.grid import GridPlan, Outcome, SweepResult, SweepRows, instruction_set
from bowline.research.grid.topk import concatenate, rows_of
from bowline.research.validation import (
    Conclusion,
    Grade,
    Question,
    QuestionFinding,
    SweepVerdict,
    annual,
    daily_returns,
    measure_decay,
    sampled_variants,
)

_FEWEST_DAYS = 4

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Columns = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

#: figures that a page has only where they rank: title, unit, whether more is better
_RANKED_BY = {
    "return_over_drawdown": ("Return / drawdown", "", 1),
    "final_equity": ("Final equity", "", 1),
    "win_rate_pct": ("Win rate", " %", 1),
    "exposure_pct": ("Exposure", " %", -1),
}
_NAMES = {
    Question.DEFLATED_SHARPE: "Deflated Sharpe",
    Question.OVERFITTING: "Overfitting",
    Question.DECAY: "Kept out of sample",
    Question.PLATEAU: "Plateau",
    Question.STRESS: "Costs × 2",
}
_TONES = {
    Grade.HOLDS: Tone.GOOD,
    Grade.DOUBT: Tone.DOUBT,
    Grade.FAILS: Tone.BAD,
    Grade.UNKNOWN: Tone.PLAIN,
    Conclusion.HOLDS: Tone.GOOD,
    Conclusion.DOUBTFUL: Tone.DOUBT,
    Conclusion.LUCK: Tone.BAD,
    Conclusion.UNKNOWN: Tone.DOUBT,
}


def picture_of(
    result: SweepResult,
    verdict: SweepVerdict,
    *,
    source: str = "",
    threads: int = 1,
    job: int | None = None,
) -> SweepPicture:
    """The picture of a sweep that `verdict` judged.

    `source` says where its candles came from, `job` whose result it is, from which rows are saved.
    """
    plan = result.plan
    judged = sampled_variants(plan)
    figures_of = _rows_drawn(result, judged)
    figures = Figures(
        variant=figures_of.variant,
        total_return_pct=figures_of.total_return_pct,
        max_drawdown_pct=figures_of.max_drawdown_pct,
        sharpe=figures_of.sharpe,
        round_trips=figures_of.round_trips.astype(np.int64),
    )
    top = np.searchsorted(figures.variant, result.top.variant)
    axes = axes_of(plan, figures.variant)
    equity, split = _days(plan, result.top.variant, judged, figures.variant, threads)
    return SweepPicture(
        title=f"Sweep of {slots_text(plan.request)}",
        about=_about(plan),
        judgement=_judgement(verdict),
        variants=plan.variants,
        figures=figures,
        axes=tuple(axis for axis in axes if not _fixed(axis)),
        top=top,
        equity=equity,
        ranked_by=plan.request.rank_by.removesuffix("_pct").replace("_", " "),
        split=split,
        thresholds=tuple(_thresholds(result, verdict)),
        warnings=tuple(_warnings(result)),
        facts=tuple(_facts(result, verdict, [axis for axis in axes if _fixed(axis)], source)),
        ranked=_ranked(plan, figures_of),
        alike=tuple(result.top.alike.tolist()),
        save_command="" if job is None else f"bowline grid save {job}",
    )


def axes_of(plan: GridPlan, variants: Numbers) -> tuple[Axis, ...]:
    """Every parameter of the request, with the place of each variant's value on its axis."""
    space, request = plan.space, plan.request
    bases, lanes = np.divmod(variants, space.lanes)
    codes = {
        (slot.name, axis.name): np.full(len(variants), ABSENT, dtype=np.int64)
        for slot in request.slots
        for axis in slot.axes
    }
    for places, subset, sets in space.split(bases):
        for at, slot in enumerate(subset.slots):
            rest = sets[:, at] if slot.valid is None else slot.valid[sets[:, at]]
            for axis in reversed(slot.axes):
                rest, codes[slot.name, axis.name][places] = np.divmod(rest, len(axis.values))
    loss, profit = np.divmod(lanes, len(request.tp_pct))
    rules = [
        Axis(f"{slot.name} {axis.name}", _texts(axis.values), codes[slot.name, axis.name])
        for slot in request.slots
        for axis in slot.axes
    ]
    return (
        *rules,
        Axis("SL %", _texts(request.sl_pct), loss),
        Axis("TP %", _texts(request.tp_pct), profit),
    )


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple("off" if value is None else _text(value) for value in values)


def _text(value: object) -> str:
    return exact_text(value) if isinstance(value, Decimal) else str(value)


def _fixed(axis: Axis) -> bool:
    """Whether every variant has the same."""
    return len(axis.values) == 1 and not (axis.codes == ABSENT).any()


def _rows_drawn(result: SweepResult, judged: Numbers) -> SweepRows:
    """Sample, top and what the verdict looked at, each variant once, rising."""
    found = concatenate(
        (result.sample, result.top, rows_of(judged, _evaluated(result.plan, judged)))
    )
    _, first = np.unique(found.variant, return_index=True)
    return found.take(first)


def _ranked(plan: GridPlan, rows: SweepRows) -> Ranked | None:
    """The figure that ranks, if it is none of those that are always drawn."""
    rank_by = plan.request.rank_by
    if rank_by not in _RANKED_BY:
        return None
    return Ranked(*_RANKED_BY[rank_by], rows.figure(rank_by))


def _evaluated(plan: GridPlan, variants: Numbers) -> Outcome:
    """The outcome of these variants, a lane of stops at a time."""
    bases, lanes = np.divmod(variants, plan.space.lanes)
    order = np.argsort(lanes, kind="stable")
    parts = [
        plan.evaluate(bases[lanes == lane], plan.stops[lane : lane + 1])
        for lane in np.unique(lanes).tolist()
    ]
    back = np.argsort(order, kind="stable")
    names = Outcome.__struct_fields__
    return Outcome(*(np.concatenate([getattr(each, n) for each in parts])[back] for n in names))


def _days(
    plan: GridPlan, best: Numbers, judged: Numbers, drawn: Numbers, threads: int
) -> tuple[tuple[Columns, ...], Split | None]:
    """The curves of `best`, and these and `judged` before and after the verdict's moment."""
    seen = np.union1d(judged, best)
    returns = daily_returns(plan, seen, threads=threads)
    cash = to_float(plan.rules.initial_cash)
    growth = np.cumprod(1 + returns[np.searchsorted(seen, best)], axis=1)
    curves = tuple(cash * np.concatenate(([1.0], each)) for each in growth)
    if returns.shape[1] < _FEWEST_DAYS:
        return curves, None
    decay = measure_decay(returns)
    before, after = np.full((2, len(drawn)), np.nan)
    rows = np.searchsorted(drawn, seen)
    before[rows], after[rows] = annual(1) * decay.in_sample, annual(1) * decay.out_of_sample
    return curves, Split("Sharpe ratio", percent=False, first_days=before, last_days=after)


def _judgement(verdict: SweepVerdict) -> PageVerdict:
    checks = tuple(
        VerdictCheck(_NAMES[f.question], _figure(f), f.words, _TONES[f.grade])
        for f in verdict.findings
    )
    return PageVerdict(verdict.headline, _TONES[verdict.call], checks)


def _figure(finding: QuestionFinding) -> str:
    if finding.figure is None:
        return "n/a"
    match finding.question:
        case Question.DEFLATED_SHARPE:
            return f"{finding.figure:.2f}"
        case Question.OVERFITTING:
            error = f" ± {100 * finding.error:.0f}" if finding.error else ""
            return f"{100 * finding.figure:.0f}{error} %"
        case Question.STRESS:
            return signed_pct(finding.figure)
        case _:
            return f"{finding.figure:,.0f} %"


def _thresholds(result: SweepResult, verdict: SweepVerdict) -> Iterable[Threshold]:
    luck = verdict.figures.luck_sharpe
    if luck is not None:
        tries = verdict.figures.trials + verdict.figures.earlier_trials
        yield Threshold("sharpe", luck, f"the luckiest of {tries:,} without an edge: {luck:.2f}")
    if result.metrics:
        held = result.metrics[0].benchmark_return_pct
        yield Threshold("total_return_pct", held, f"buy and hold {signed_pct(held)}")


def _warnings(result: SweepResult) -> Iterable[str]:
    if result.stages is not None and result.stages.is_unreliable:
        yield _sentence(result.stages.words())
    if result.plan.completeness.missing:
        yield _sentence("; ".join(missing_lines(result)))
    for note in result.notes:
        yield _sentence(note)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def _about(plan: GridPlan) -> str:
    candles, template = plan.candles, plan.request.template
    begins, ends = int(candles.open_ns[plan.start]), int(candles.close_ns[-1])
    return " · ".join((
        Instrument(candles.instrument).key,
        template.timeframe.value,
        f"{time_text(begins)} – {time_text(ends)} UTC",
        duration_text(ends - begins),
    ))  # fmt: skip


def _facts(
    result: SweepResult, verdict: SweepVerdict, fixed: Iterable[Axis], source: str
) -> Iterable[tuple[str, str]]:
    plan, timings = result.plan, result.timings
    rules, judged = plan.rules, verdict.figures
    yield "Variants", f"{plan.variants:,}, {result.evaluated:,} evaluations"
    yield "Ranked", f"{result.kept:,} by {plan.request.rank_by}, within the bounds of the grid"
    if result.stages is not None:
        yield "Stages", result.stages.words()
    if said := ", ".join(f"{axis.name} {axis.values[0]}" for axis in fixed):
        yield "Always", said
    yield "Direction", rules.direction.value
    yield "First signal", first_signal_text(rules.first_signal)
    costs = (exact_text(rules.costs.fee_pct), exact_text(rules.costs.slippage_pct))
    yield "Costs", f"fee {costs[0]} % of the notional and slippage {costs[1]} % on every fill"
    yield "Fills", f"at the close of each {plan.request.template.timeframe.value} candle"
    if shorts := synthetic_text(plan.candles.instrument, rules.direction):
        yield "Shorts", shorts
    yield "Initial cash", exact_text(rules.initial_cash)
    yield "Candles", f"{len(plan.candles) - plan.start:,} decided, {plan.start:,} to warm up"
    for line in warmup_lines(result):
        yield "Warm-up", line
    yield "Missing candles", "; ".join(missing_lines(result))
    if source:
        yield "Source", source
    if len(plan.request.slots) > MOST_NAMED:
        yield "Indicators", ", ".join(slot.name for slot in plan.request.slots)
    drawn = "evenly drawn" if judged.sampled < judged.trials else "all"
    yield "Judged by", f"{judged.sampled:,} variants ({drawn}) over {judged.days:,} days"
    if judged.earlier_trials:
        yield "Tried before", f"{judged.earlier_trials:,} variants on the same candles"
    checked = f"{len(result.metrics):,} rows run again by the core in {timings.again_s:.1f} s"
    speed = f"{timings.candle_rows_per_s / 1e6:,.0f} M candles × variants a second"
    yield "Time", f"{timings.sweep_s:.1f} s, {speed} ({instruction_set()}); {checked}"
    yield "Request", f"sha256 {result.hashes.grid_request}"
    yield "Engine", f"sha256 {result.hashes.engine_params}"
    yield "Market", f"sha256 {result.hashes.data}"
