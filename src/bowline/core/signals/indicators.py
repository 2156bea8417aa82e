"""Computes series and signals of catalogue entries over candles.

A value at candle t must not depend on anything after t, nor on how many candles follow: a test
checks every formula here and in `formulas` for that, bit for bit.

1. Run the steps of the entry in order; each adds its results to the outputs.
2. Whole-number results are 0 during warm-up: those candles become NaN.
3. Values that are not finite become NaN, so that no infinity reaches a rule.
4. An output has no value where the entry states that it is 0/0. This is applied last, because a NaN
   would stay in the running sums of later steps and averages for ever.
5. An output that is a difference is 0 where it is the rounding of what it is a difference of.
6. A signal is LONG where only the long side of the rule holds, SHORT where only the short side
   does, NEUTRAL where both hold or anything in the rule is NaN. Two numbers that differ by the
   rounding of what they were computed from are equal; a rule is given the outputs before step 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bowline.core.model.market import CandleFrame
from bowline.core.model.values import DAY_NS, Timeframe
from bowline.core.rounding import largest_so_far, without_rounding
from bowline.core.signals import expressions, ta_lib
from bowline.core.signals.entry import DAY, INPUTS, Indicator, Rule, Step, Value
from bowline.core.signals.formulas import FORMULAS
from bowline.core.signals.formulas.undefined import GUARDS

Series = NDArray[np.float64]
BoolColumn = NDArray[np.bool_]


class RuleSides(NamedTuple):
    """A rule on each candle: whether each side is known to hold, and whether that is known."""

    long: BoolColumn
    short: BoolColumn
    known: BoolColumn


def warmup(
    indicator: Indicator, params: Mapping[str, Value], timeframe: Timeframe = Timeframe.M1
) -> int:
    """Candles before the first value, for resolved `params`.

    Exact for all entries but those that wait for a UTC day (`day` in their warm-up): for those it
    is the maximum at this timeframe, or without a timeframe the maximum at any.
    """
    known = {**params, DAY: DAY_NS // timeframe.ns}
    return int(expressions.calculate(expressions.parse(indicator.warmup), known))


def compute(
    indicator: Indicator, params: Mapping[str, Value], frame: CandleFrame
) -> dict[str, Series]:
    """Every output for resolved `params`: `len(frame)` values each, NaN during warm-up."""
    outputs = _outputs(indicator, params, frame)
    values = {name: getattr(frame, name) for name in indicator.inputs} | {**params, **outputs}
    sizes = scales(indicator, values, len(frame))
    return {
        name: without_rounding(series, sizes[name]) if name in sizes else series
        for name, series in outputs.items()
    }


def _outputs(
    indicator: Indicator, params: Mapping[str, Value], frame: CandleFrame
) -> dict[str, Series]:
    known: dict[str, Any] = {**ta_lib.AVERAGES, **params}
    for name, value in params.items():
        # TA-Lib takes a kind of average as a number (MA_Type)
        known[name] = ta_lib.AVERAGES.get(value, value) if isinstance(value, str) else value
    known |= {name: getattr(frame, name) for name in INPUTS}
    names = iter(indicator.outputs)
    outputs: dict[str, Series] = {}
    with np.errstate(all="ignore"):
        for step in indicator.steps:
            for result in run_step(step, known):
                series = np.where(np.isfinite(result), result, np.nan)
                if result.dtype.kind == "i":
                    series[: warmup(indicator, params, frame.timeframe)] = np.nan
                name = next(names)
                known[name] = outputs[name] = series
        return without_undefined(indicator, outputs, lambda step: run_step(step, known))


def without_undefined(
    indicator: Indicator,
    outputs: dict[str, Series],
    run: Callable[[Step], tuple[NDArray[Any], ...]],
) -> dict[str, Series]:
    """The outputs with NaN where they are 0/0; `run` returns the results of a step."""
    guards = {name: run(step)[0] for name, step in indicator.undefined.items()}
    return {
        name: np.where(guards[name], np.nan, series) if name in guards else series
        for name, series in outputs.items()
    }


def scales(
    indicator: Indicator, values: Mapping[str, Any], length: int
) -> dict[str, expressions.Column]:
    """For each output with a scale, its size up to each candle; `values` has every name."""
    made = {text: scale_of(text, values, length) for text in set(indicator.scale.values())}
    return {name: made[text] for name, text in indicator.scale.items()}


def scale_of(text: str, values: Mapping[str, Any], length: int) -> expressions.Column:
    """The largest size so far of the expression `text`, at each candle."""
    size = expressions.calculate(expressions.parse(text), values)
    return largest_so_far(np.broadcast_to(np.asarray(size, dtype=np.float64), length))


def signal(
    indicator: Indicator, params: Mapping[str, Value], frame: CandleFrame
) -> NDArray[np.int8]:
    """The Direction at each candle, for resolved `params`; ValueError without a rule."""
    long, short, _ = sides(indicator, params, frame)
    return (long & ~short).astype(np.int8) - (short & ~long).astype(np.int8)


def sides(indicator: Indicator, params: Mapping[str, Value], frame: CandleFrame) -> RuleSides:
    """Where the long side and the short side of the rule are known to hold.

    Both hold on a candle where the rule contradicts itself. ValueError without a rule.
    """
    rule = indicator.rule
    if rule is None:
        raise ValueError(f"indicator {indicator.id} has no rule: {indicator.no_rule}")
    values = {name: getattr(frame, name) for name in indicator.inputs}
    values |= {**params, **_outputs(indicator, params, frame)}
    return evaluate_sides(rule, values, len(frame), scales(indicator, values, len(frame)))


def evaluate_sides(
    rule: Rule, values: Mapping[str, Any], length: int, scales: Mapping[str, expressions.Column]
) -> RuleSides:
    """As `sides`, from the values and scales of every name in the rule."""
    known = np.ones(length, dtype=np.bool_)
    holds = []
    for text in (rule.long, rule.short):
        if not text:
            holds.append(np.zeros(length, dtype=np.bool_))
            continue
        verdicts = expressions.evaluate(expressions.parse(text), values, length, scales)
        holds.append(verdicts.holds)
        known = known & verdicts.known
    return RuleSides(holds[0] & known, holds[1] & known, known)


def first_row(known: BoolColumn) -> int:
    """The first row that is known; the length if there is none."""
    return int(known.argmax()) if known.any() else len(known)


def run_step(step: Step, known: Mapping[str, Any]) -> tuple[NDArray[Any], ...]:
    """The results of one call, with the values of its argument names from `known`."""
    arguments = [known[each] if isinstance(each, str) else each for each in step.arguments]
    library, _, name = step.formula.rpartition(".")
    if library:
        return ta_lib.run(name, *arguments)
    return (GUARDS.get(name) or FORMULAS[name])(*arguments)
