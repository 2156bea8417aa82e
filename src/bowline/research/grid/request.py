"""A grid request: what to sweep, checked and hashed, its variants numbered.

Variants are never materialized here: they are counted and decoded (`space`). The hash of a request
covers its meaning: every value written out, without comments and order of keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.signals import MIN_WARMUP, StrategySpec, content_of, expressions
from bowline.research.grid.space import Slot, Space, Subset
from bowline.research.grid.topk import RowBounds

MAX_TOP = 10_000

Stop = Decimal | None


class GridRequest(Struct, frozen=True, dict=True):
    """A checked request. `template` is a strategy without rules and stops.

    `least` to `most` slots must agree at once. `shortlist` is how many bases go from stage A to
    stage B; 0 is all of them (exhaustive).
    """

    template: StrategySpec
    slots: tuple[Slot, ...]
    least: int
    most: int
    constraints: tuple[str, ...]
    sl_pct: tuple[Stop, ...]
    tp_pct: tuple[Stop, ...]
    rank_by: str
    top: int
    shortlist: int
    keep: RowBounds

    @cached_property
    def space(self) -> Space:
        """All variants, numbered."""
        subsets = tuple(
            Subset(chosen, self._constraints_of(chosen))
            for size in range(self.least, self.most + 1)
            for chosen in combinations(self.slots, size)
        )
        return Space(subsets, len(self.sl_pct) * len(self.tp_pct))

    @cached_property
    def warmup(self) -> int:
        """Candles before the first decision that the slowest variant needs."""
        asked = [MIN_WARMUP]
        for slot in self.slots:
            if slot.count:
                numbers = np.arange(slot.count, dtype=np.int64)
                asked.append(int(slot.warmups(numbers, self.template.timeframe).max()))
        return max(asked)

    @cached_property
    def lanes(self) -> tuple[tuple[Stop, Stop], ...]:
        """The stops of each lane: loss and profit, in percent; None is off."""
        return tuple((sl, tp) for sl in self.sl_pct for tp in self.tp_pct)

    def document(self) -> dict[str, Any]:
        """The request as plain values, every value of every axis written out."""
        said = content_of(msgspec.structs.replace(self.template, rules=()))
        return said | {
            "indicators": [
                {
                    "name": slot.name,
                    "id": slot.indicator.id,
                    "version": slot.indicator.version,
                    "axes": {axis.name: axis.values for axis in slot.axes},
                    "constraints": slot.constraints,
                }
                for slot in self.slots
            ],
            "choose": {"least": self.least, "most": self.most},
            "constraints": self.constraints,
            "stops": {
                "sl_pct": [_plain(each) for each in self.sl_pct],
                "tp_pct": [_plain(each) for each in self.tp_pct],
            },
            "rank_by": self.rank_by,
            "top": self.top,
            "shortlist": self.shortlist,
            "keep": msgspec.to_builtins(self.keep),
        }

    def hash(self) -> str:
        """SHA-256 of `document`, in hex."""
        text = msgspec.json.encode(self.document(), order="sorted")
        return hashlib.sha256(text).hexdigest()

    def exhaustive(self) -> GridRequest:
        """The same request without a shortlist."""
        return msgspec.structs.replace(self, shortlist=0)

    def ranked(self, top: int) -> GridRequest:
        """The same request with `top` best rows; BadInput if that is out of range."""
        if not 1 <= top <= MAX_TOP:
            raise BadInput(f"top {top} is not allowed", hint=f"expected 1 to {MAX_TOP}")
        return msgspec.structs.replace(self, top=top)

    def _constraints_of(self, chosen: Sequence[Slot]) -> tuple[str, ...]:
        if not self.constraints:
            return ()
        known = frozenset[str]().union(*(self._parameters[slot.name] for slot in chosen))
        return tuple(text for text in self.constraints if self._names_in[text] <= known)

    @cached_property
    def _parameters(self) -> dict[str, frozenset[str]]:
        return {s.name: frozenset(f"{s.name}_{axis.name}" for axis in s.axes) for s in self.slots}

    @cached_property
    def _names_in(self) -> dict[str, frozenset[str]]:
        return {text: expressions.names(expressions.parse(text)) for text in self.constraints}


def _plain(value: Stop) -> float | None:
    return None if value is None else float(value)
