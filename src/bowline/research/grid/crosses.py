"""Bases that are a single cross of two simple moving averages of the close.

The kernel computes their signals itself, tile by tile, without a column of either average. The
result must equal that of computing and comparing columns, bit for bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bowline.core.signals.catalogue import Indicator
from bowline.research.grid.signals import opposites
from bowline.research.grid.space import IndexColumn, Slot

_AVERAGE = "talib.SMA"


def crosses_of(
    slots: tuple[Slot, ...], sets: IndexColumn, anchors: IndexColumn
) -> IndexColumn | None:
    """Periods and anchor of each base as `kernel.evaluate_crosses` takes them.

    None for other rules. `sets` (bases, slots) and `anchors` (bases,) are those of a subset of
    `slots`.
    """
    if len(slots) > 1:
        return None
    periods = _periods(slots[0].indicator)
    if periods is None:
        return None
    known = slots[0].set_columns(sets[:, 0])
    columns: list[NDArray[np.int64]] = [
        np.broadcast_to(known[name], anchors.shape).astype(np.int64) for name in periods
    ]
    return np.stack((*columns, anchors), axis=1)


def _periods(indicator: Indicator) -> tuple[str, str] | None:
    """The parameters that are the period of the average above and of the one below."""
    pair = opposites(indicator)
    if pair is None or len(indicator.steps) != len(indicator.outputs):
        return None
    if indicator.undefined or indicator.scale:
        return None
    made = dict(zip(indicator.outputs, indicator.steps, strict=True))
    found = []
    for name in pair:
        step = made.get(name)
        if step is None or step.formula != _AVERAGE or step.arguments[0] != "close":
            return None
        period = step.arguments[1]
        if not isinstance(period, str):
            return None
        found.append(period)
    return found[0], found[1]
