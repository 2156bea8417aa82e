"""Signals of a sweep: each distinct indicator with its parameters is computed once, and packed.

The signals must equal those of `core.signals`, bit for bit, because rows are run again by the core.
Memory stays within the given budgets.

1. A signal is a function of the candles since the anchor, and the anchor of a run lies as many
   candles before its start as the run's warm-up requires. So a signal is identified by slot, set
   and anchor, and variants of different warm-ups share one only if their anchors are equal.
2. Indicators that share a step (such as the fast average of many crosses) share its result.
3. Packed signals stay in the bank until it is full; then only those that are needed next stay.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowline.core.model.market import CandleFrame
from bowline.core.rounding import ROUNDING
from bowline.core.signals import expressions, indicators, ta_lib
from bowline.core.signals.catalogue import Indicator, Step, Value
from bowline.core.signals.entry import INPUTS
from bowline.core.signals.frame import DirectionColumn
from bowline.research.grid.kernel_types import WORD_BITS, SignalBank
from bowline.research.grid.library import PYTHON, address, chosen, library
from bowline.research.grid.space import Slot

#: series kept for other parameter sets: bytes, and number where candles are few (sets that share
#: series follow each other, so more would not be reused)
STEP_BYTES = 32 << 20
_MOST_STEPS = 10
#: rows of a bank where candles are few: more than a thread's part of a chunk needs
_MOST_ROWS = 800

#: candles compared at once: intermediate results stay in the processor's cache
_TILE = 16_384
#: candles searched at once for the first value, which is usually near the start
_SEARCH_ROWS = 512

Key = tuple[str, int, int]
Column = NDArray[np.float64]


class SignalSource:
    """Signals of one set of candles on demand; used by one thread."""

    def __init__(self, candles: CandleFrame, bank_bytes: int) -> None:
        self._candles = candles
        length = max(1, len(candles))
        self._most_rows = max(1, min(_MOST_ROWS, bank_bytes // (2 * -(-length // WORD_BITS) * 8)))
        self._step_bytes = min(STEP_BYTES, _MOST_STEPS * length * 8)
        self._series: OrderedDict[tuple[Any, ...], tuple[NDArray[Any], ...]] = OrderedDict()
        self._held = 0
        self._frames: dict[int, tuple[CandleFrame, dict[str, Any]]] = {}
        self._input_scales: dict[tuple[int, str], Column] = {}
        self._rows: dict[Key, int] = {}
        self.bank = SignalBank(len(candles), self._most_rows)

    def rows(self, wanted: Mapping[Key, Slot]) -> dict[Key, int]:
        """The bank's row of each (slot name, set, anchor); valid until the next call."""
        new = [key for key in wanted if key not in self._rows]
        if len(self.bank) + len(new) > self._most_rows:
            still = sorted((row, key) for key, row in self._rows.items() if key in wanted)
            self.bank.keep([row for row, _ in still])
            self._rows = {key: row for row, (_, key) in enumerate(still)}
        for key in _locality_order(new, wanted):
            slot = wanted[key]
            self._rows[key] = self.bank.add(*self.signal(slot, slot.params(key[1]), key[2]))
        return {key: self._rows[key] for key in wanted}

    def signal(
        self, slot: Slot, params: Mapping[str, Value], anchor: int
    ) -> tuple[DirectionColumn, int]:
        """The signal of every candle, NEUTRAL before the anchor.

        And the index of the first signal.
        """
        frame, inputs = self._since(anchor)
        indicator = slot.indicator
        values = {name: inputs[name] for name in indicator.inputs}
        values |= {**params, **self._outputs(indicator, params, frame, inputs)}
        scales = self._scales(indicator, values, anchor)
        column = np.zeros(len(self._candles), dtype=np.int8)
        pair = opposites(indicator)
        if pair is not None:
            above, below = pair
            scale = expressions.widest(scales, pair)
            _compare(values[above], values[below], scale, column[anchor:])
            return column, anchor + _first_of_both(values[above], values[below])
        assert indicator.rule is not None, f"{indicator.id} has no rule"
        long, short, known = indicators.evaluate_sides(indicator.rule, values, len(frame), scales)
        np.subtract(long & ~short, short & ~long, out=column[anchor:], dtype=np.int8)
        return column, anchor + indicators.first_row(known)

    def _scales(
        self, indicator: Indicator, values: Mapping[str, Any], anchor: int
    ) -> dict[str, Column]:
        """As `indicators.scales`.

        Scales that depend on inputs alone are computed once per anchor.
        """
        frame, _ = self._since(anchor)
        made = {}
        for name, text in indicator.scale.items():
            if expressions.names(expressions.parse(text)) <= {*INPUTS}:
                key = anchor, text
                if key not in self._input_scales:
                    found = indicators.scale_of(text, values, len(frame))
                    self._input_scales[key] = found
                made[name] = self._input_scales[key]
            else:
                made[name] = indicators.scale_of(text, values, len(frame))
        return made

    def _since(self, anchor: int) -> tuple[CandleFrame, dict[str, Any]]:
        found = self._frames.get(anchor)
        if found is None:
            frame = self._candles.slice(anchor, len(self._candles))
            found = self._frames[anchor] = frame, {n: getattr(frame, n) for n in INPUTS}
        return found

    def _outputs(
        self,
        indicator: Indicator,
        params: Mapping[str, Value],
        frame: CandleFrame,
        inputs: Mapping[str, Any],
    ) -> dict[str, NDArray[Any]]:
        known: dict[str, Any] = {**ta_lib.AVERAGES, **params}
        for name, value in params.items():
            known[name] = ta_lib.AVERAGES.get(value, value) if isinstance(value, str) else value
        known |= inputs
        #: how the column behind a name was computed, for the key of a kept result
        made: dict[str, Any] = {name: known[name] for name in params} | {n: n for n in INPUTS}
        names = iter(indicator.outputs)
        outputs: dict[str, NDArray[Any]] = {}

        def key_of(step: Step) -> tuple[Any, ...]:
            told = (
                made.get(each, each) if isinstance(each, str) else each for each in step.arguments
            )
            return len(frame), step.formula, *told

        for step in indicator.steps:
            key = key_of(step)
            for at, result in enumerate(self._step(key, step, known)):
                series, wait = result, 0
                if result.dtype.kind == "i":
                    wait = indicators.warmup(indicator, params, frame.timeframe)
                    series = result.astype(np.float64)
                    series[:wait] = np.nan
                name = next(names)
                known[name] = outputs[name] = series
                made[name] = (key, at, wait)
        return indicators.without_undefined(
            indicator, outputs, lambda step: self._step(key_of(step), step, known)
        )

    def _step(
        self, key: tuple[Any, ...], step: Step, known: Mapping[str, Any]
    ) -> tuple[NDArray[Any], ...]:
        found = self._series.get(key)
        if found is not None:
            self._series.move_to_end(key)
            return found
        with np.errstate(all="ignore"):
            results = tuple(_finite(each) for each in indicators.run_step(step, known))
        self._series[key] = results
        self._held += sum(each.nbytes for each in results)
        while self._held > self._step_bytes and len(self._series) > 1:
            _, gone = self._series.popitem(last=False)
            self._held -= sum(each.nbytes for each in gone)
        return results


def _locality_order(keys: list[Key], slots: Mapping[Key, Slot]) -> list[Key]:
    """The keys by anchor and slot, with sets that share parameter values near each other.

    The order is Morton's curve: the bits of a set's positions on its axes, interleaved from the
    highest on, so that blocks of any size stay together. Positions count from the lowest one
    requested.
    """
    digits = {key: slots[key].digits(key[1]) for key in keys}
    least: dict[str, list[int]] = {}
    for (name, *_), places in digits.items():
        least[name] = [min(pair) for pair in zip(least.get(name, places), places, strict=True)]

    def order(key: Key) -> tuple[int, str, int]:
        name, _, anchor = key
        places = [one - low for one, low in zip(digits[key], least[name], strict=True)]
        along = 0
        for bit in range(max(places, default=0).bit_length() - 1, -1, -1):
            for place in places:
                along = along << 1 | (place >> bit & 1)
        return anchor, name, along

    return sorted(keys, key=order)


def _finite(result: NDArray[Any]) -> NDArray[Any]:
    """The result with NaN for values that are not finite; whole numbers unchanged."""
    if result.dtype.kind == "i" or not np.isinf(result).any():
        return result
    return np.where(np.isinf(result), np.nan, result)


def opposites(indicator: Indicator) -> tuple[str, str] | None:
    """The two columns of a rule that is LONG where one is above the other and SHORT below it."""
    rule = indicator.rule
    if rule is None or not (rule.long and rule.short):
        return None
    match expressions.parse(rule.long), expressions.parse(rule.short):
        case (
            expressions.ComparisonNode(
                ">" | "<" as sign, expressions.NameNode(a), expressions.NameNode(b)
            ),
            expressions.ComparisonNode(
                ">" | "<" as other, expressions.NameNode(c), expressions.NameNode(d)
            ),
        ) if sign != other and (a, b) == (c, d):
            columns = {*indicator.inputs, *indicator.outputs}
            return None if {a, b} - columns else (a, b) if sign == ">" else (b, a)
    return None


def _first_of_both(one: Column, other: Column) -> int:
    """The first row at which both columns have a value; the length if there is none."""
    for start in range(0, len(one), _SEARCH_ROWS):
        part = slice(start, start + _SEARCH_ROWS)
        known = np.isfinite(one[part]) & np.isfinite(other[part])
        if known.any():
            return start + indicators.first_row(known)
    return len(one)


def _compare(one: Column, other: Column, scale: Column | None, direction: DirectionColumn) -> None:
    """1 where `one` is above `other`, -1 where below, 0 where they differ by rounding only.

    `scale` is the size of the numbers that both were computed from, if larger than their own. A NaN
    or an infinity compares as neither.
    """
    if chosen() != PYTHON:
        one, other = np.ascontiguousarray(one), np.ascontiguousarray(other)
        compare = library(chosen()).bowline_compare
        scales = None if scale is None else address(scale)
        compare(address(one), address(other), scales, len(one), ROUNDING, address(direction))
        return
    size = min(_TILE, len(one))
    apart, rounding, above, below = np.empty(size), np.empty(size), *np.empty((2, size), np.bool_)
    with np.errstate(all="ignore"):
        for start in range(0, len(one), _TILE):
            a, b = one[start : start + _TILE], other[start : start + _TILE]
            n = len(a)
            difference, bound = apart[:n], rounding[:n]
            np.abs(a, out=difference)
            np.abs(b, out=bound)
            np.maximum(difference, bound, out=bound)
            if scale is not None:
                np.maximum(bound, scale[start : start + _TILE], out=bound)
            np.multiply(bound, ROUNDING, out=bound)
            np.subtract(a, b, out=difference)
            np.greater(difference, bound, out=above[:n])
            np.negative(bound, out=bound)
            np.less(difference, bound, out=below[:n])
            np.subtract(
                above[:n].view(np.int8), below[:n].view(np.int8), out=direction[start : start + n]
            )
