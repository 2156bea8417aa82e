"""The space of a grid: slots, subsets and stops, numbered without materializing any of them.

A variant is a number that is decoded on demand. It must mean the same strategy for ever: the order
here is part of the meaning of a saved row.

1. A slot is an indicator with an axis per parameter; its sets are counted in mixed radix, the last
   parameter fastest. Sets that break a constraint have no number.
2. A subset is a choice of slots that must all agree, ordered by size, then as in the request. Its
   bases are counted in mixed radix over its slots, the last slot fastest.
3. A base is numbered through all subsets in order. Variant = base x lanes + lane, where a lane is
   a pair of stops: the stop loss slow, the take profit fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.core.model.values import DAY_NS, Timeframe
from bowline.core.signals import expressions
from bowline.core.signals.catalogue import Indicator, Value
from bowline.core.signals.entry import DAY

IndexColumn = NDArray[np.int64]

#: positions examined at once when constraints are applied: limits memory
_BLOCK = 1 << 20


class GridAxis(Struct, frozen=True):
    """One parameter and its values."""

    name: str
    values: tuple[Value, ...]

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return not isinstance(self.values[0], str)


class Slot(Struct, frozen=True, dict=True):
    """An indicator and its axes, in the catalogue's order of parameters."""

    name: str
    indicator: Indicator
    axes: tuple[GridAxis, ...]
    constraints: tuple[str, ...]

    @cached_property
    def positions(self) -> int:
        """Points of the axes, before constraints."""
        return prod(len(axis.values) for axis in self.axes)

    @cached_property
    def valid(self) -> IndexColumn | None:
        """The points that satisfy every constraint, ascending; None if all do."""
        trees = [expressions.parse(text) for text in self.constraints]
        return None if not trees else _satisfying(trees, self.positions, self.columns)

    @cached_property
    def count(self) -> int:
        """The number of parameter sets."""
        return self.positions if self.valid is None else len(self.valid)

    def columns(self, positions: IndexColumn) -> dict[str, NDArray[Any]]:
        """The numeric parameters at these points, by name."""
        found: dict[str, NDArray[Any]] = {}
        rest = positions
        for axis in reversed(self.axes):
            rest, digit = np.divmod(rest, len(axis.values))
            if axis.numeric:
                found[axis.name] = np.asarray(axis.values)[digit]
        return found

    def params(self, number: int) -> dict[str, Value]:
        """Every parameter of one set."""
        digits = self.digits(number)
        return {
            axis.name: axis.values[digit] for axis, digit in zip(self.axes, digits, strict=True)
        }

    def digits(self, number: int) -> list[int]:
        """The position of one set on each axis."""
        rest = number if self.valid is None else int(self.valid[number])
        digits = []
        for axis in reversed(self.axes):
            rest, digit = divmod(rest, len(axis.values))
            digits.append(digit)
        return digits[::-1]

    def set_columns(self, numbers: IndexColumn) -> dict[str, NDArray[Any]]:
        """The numeric parameters of these sets, by name."""
        return self.columns(numbers if self.valid is None else self.valid[numbers])

    def warmups(self, numbers: IndexColumn, timeframe: Timeframe) -> IndexColumn:
        """Candles before the first value of each of these sets."""
        known = {**self.set_columns(numbers), DAY: DAY_NS // timeframe.ns}
        found = expressions.calculate(expressions.parse(self.indicator.warmup), known)
        return np.broadcast_to(np.asarray(found).astype(np.int64), numbers.shape)


class Subset(Struct, frozen=True, dict=True):
    """Slots that must all agree. `constraints` name parameters as `slot_parameter`."""

    slots: tuple[Slot, ...]
    constraints: tuple[str, ...]

    @cached_property
    def positions(self) -> int:
        """Combinations of one set per slot, before constraints."""
        return prod(slot.count for slot in self.slots)

    @cached_property
    def valid(self) -> IndexColumn | None:
        """The combinations that satisfy every constraint and do not use equal rules.

        None if all do.
        """
        if not self.filtered:
            return None
        trees = [expressions.parse(text) for text in self.constraints]
        found = _satisfying(trees, self.positions, self._columns)
        return found[self._rules_differ(found)] if self._has_equal_indicators else found

    @property
    def filtered(self) -> bool:
        """Whether some combinations are excluded, so that all must be examined to count them."""
        return bool(self.constraints) or self._has_equal_indicators

    @cached_property
    def _has_equal_indicators(self) -> bool:
        return len({slot.indicator.id for slot in self.slots}) < len(self.slots)

    @cached_property
    def count(self) -> int:
        """The number of bases."""
        return self.positions if self.valid is None else len(self.valid)

    def sets(self, bases: IndexColumn) -> IndexColumn:
        """The set number of each of these bases in each slot: (bases, slots)."""
        rest = bases if self.valid is None else self.valid[bases]
        return self._digits(rest)

    def _digits(self, rest: IndexColumn) -> IndexColumn:
        digits = np.empty((len(rest), len(self.slots)), dtype=np.int64)
        for at in range(len(self.slots) - 1, -1, -1):
            rest, digits[:, at] = np.divmod(rest, self.slots[at].count)
        return digits

    def _columns(self, positions: IndexColumn) -> dict[str, NDArray[Any]]:
        digits = self._digits(positions)
        return {
            f"{slot.name}_{name}": column
            for at, slot in enumerate(self.slots)
            for name, column in slot.set_columns(digits[:, at]).items()
        }

    def _rules_differ(self, positions: IndexColumn) -> NDArray[np.bool_]:
        """False where two slots of one indicator have equal parameters: the same rule twice."""
        digits = self._digits(positions)
        keep = np.ones(len(positions), dtype=np.bool_)
        for at, one in enumerate(self.slots):
            for before in range(at):
                other = self.slots[before]
                if one.indicator.id != other.indicator.id:
                    continue
                twin = _equal_sets(other, one)
                keep &= twin[digits[:, before]] != digits[:, at]
        return keep


class Space(Struct, frozen=True, dict=True):
    """All bases of a request, numbered from 0 through all subsets."""

    subsets: tuple[Subset, ...]
    lanes: int

    @cached_property
    def ends(self) -> IndexColumn:
        """The number after the last base of each subset."""
        return np.cumsum([subset.count for subset in self.subsets], dtype=np.int64)

    @cached_property
    def bases(self) -> int:
        """The number of bases."""
        # Python integers: a request may have more variants than 64 bits can count
        return sum(subset.count for subset in self.subsets)

    @property
    def variants(self) -> int:
        """The number of variants."""
        return self.bases * self.lanes

    def split(self, bases: IndexColumn) -> Iterator[tuple[NDArray[np.intp], Subset, IndexColumn]]:
        """For each subset among these bases: their positions in `bases`, the subset, their sets."""
        subset_of = np.searchsorted(self.ends, bases, side="right")
        for number in np.unique(subset_of):
            places = np.flatnonzero(subset_of == number)
            subset = self.subsets[number]
            begin = int(self.ends[number]) - subset.count
            yield places, subset, subset.sets(bases[places] - begin)

    def rules(self, base: int) -> list[tuple[Slot, dict[str, Value]]]:
        """The slots of one base with their parameters; IndexError if there is no such base."""
        if not 0 <= base < self.bases:
            raise IndexError(f"there is no base {base}: {self.bases} of them")
        _, subset, sets = next(self.split(np.array([base], dtype=np.int64)))
        pairs = zip(subset.slots, sets[0].tolist(), strict=True)
        return [(slot, slot.params(number)) for slot, number in pairs]


def _equal_sets(slot: Slot, other: Slot) -> IndexColumn:
    """For each set of `slot` the number of the equal set of `other`, -1 if there is none."""
    rest = np.arange(slot.positions, dtype=np.int64) if slot.valid is None else slot.valid
    position, found, stride = np.zeros_like(rest), np.ones(len(rest), dtype=np.bool_), 1
    for mine, its in zip(reversed(slot.axes), reversed(other.axes), strict=True):
        rest, digit = np.divmod(rest, len(mine.values))
        places = {value: place for place, value in enumerate(its.values)}
        place = np.array([places.get(value, -1) for value in mine.values])[digit]
        found &= place >= 0
        position += place * stride
        stride *= len(its.values)
    if other.valid is None:
        return np.where(found, position, -1)
    number = np.searchsorted(other.valid, position)
    known = other.valid[np.minimum(number, other.count - 1)] == position
    return np.where(found & known, number, -1)


def _satisfying(
    trees: list[expressions.Node],
    positions: int,
    columns_of: Any,  # noqa: ANN401 - a method that gives named columns
) -> IndexColumn:
    kept = []
    for start in range(0, positions, _BLOCK):
        block = np.arange(start, min(positions, start + _BLOCK), dtype=np.int64)
        known: Mapping[str, NDArray[Any]] = columns_of(block)
        holds = np.ones(len(block), dtype=np.bool_)
        for tree in trees:
            holds &= expressions.evaluate(tree, known, len(block)).holds
        kept.append(block[holds])
    return np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)
