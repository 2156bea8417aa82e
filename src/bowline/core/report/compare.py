"""The differences between two runs of one strategy.

Candles, sides and prices must be equal, money within a tolerance. A fill that only one run has must
never be ignored.
"""

from __future__ import annotations

from itertools import zip_longest

from msgspec import Struct

from bowline.core.model.values import to_float
from bowline.core.report.record import Execution, RunRecord

#: relative difference of quantities and fees that is rounding
MONEY_TOLERANCE = 1e-9


class Difference(Struct, frozen=True):
    """One fill that differs; None on a side without such a fill."""

    number: int
    what: str
    left: Execution | None
    right: Execution | None


def differences(left: RunRecord, right: RunRecord) -> tuple[Difference, ...]:
    """Every fill in which `left` and `right` differ, numbered from 1."""
    found = []
    pairs = zip_longest(left.executions, right.executions)
    for number, (mine, theirs) in enumerate(pairs, start=1):
        what = _difference(mine, theirs)
        if what:
            found.append(Difference(number, what, mine, theirs))
    return tuple(found)


def _difference(left: Execution | None, right: Execution | None) -> str:
    if left is None or right is None:
        return "missing on the left" if left is None else "missing on the right"
    mine, theirs = left.fill, right.fill
    exact = (
        ("time", mine.event_ns, theirs.event_ns),
        ("side", mine.side, theirs.side),
        ("price", mine.price, theirs.price),
        ("reason", left.reason, right.reason),
        ("instrument", mine.instrument, theirs.instrument),
    )
    for name, a, b in exact:
        if a != b:
            return name
    for name, x, y in (("quantity", mine.quantity, theirs.quantity), ("fee", mine.fee, theirs.fee)):
        if abs(to_float(x - y)) > MONEY_TOLERANCE * max(abs(to_float(x)), abs(to_float(y))):
            return name
    return ""
