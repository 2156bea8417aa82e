"""How many requests a venue takes in how much time: counted, and told in its own headers.

It is told the time and reads no clock.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from bowline.core.model.values import SECOND_NS


class Budget(Struct, frozen=True):
    """`limit` units of weight in any `window_s` seconds; `shared`: whoever asks, signed or not."""

    limit: int
    window_s: float = 1.0
    shared: bool = False


class Spent(Struct, frozen=True):
    """How a budget stands after a request. `reset_ns`: when the window will be free again."""

    budget: Budget
    used: int
    reset_ns: int
    exceeded: bool

    @property
    def left(self) -> int:
        """Weight that may still be spent in this window."""
        return max(0, self.budget.limit - self.used)


class Meter:
    """Sliding windows, one for each (bucket, who)."""

    def __init__(self, budgets: dict[str, Budget]) -> None:
        self._budgets = budgets
        self._spent: dict[tuple[str, str], deque[tuple[int, int]]] = {}

    def spend(self, bucket: str, who: str, weight: int, now_ns: int) -> Spent:
        """Take `weight` out of the bucket; beyond its limit nothing is taken.

        A bucket without a budget has no end.
        """
        budget = self._budgets.get(bucket, Budget(1_000_000_000))
        window_ns = int(budget.window_s * SECOND_NS)
        recent = self._spent.setdefault((bucket, "" if budget.shared else who), deque())
        while recent and recent[0][0] <= now_ns - window_ns:
            recent.popleft()
        used = sum(each for _, each in recent)
        exceeded = used + weight > budget.limit
        if not exceeded:
            recent.append((now_ns, weight))
            used += weight
        reset_ns = (recent[0][0] if recent else now_ns) + window_ns
        return Spent(budget, used, reset_ns, exceeded)
