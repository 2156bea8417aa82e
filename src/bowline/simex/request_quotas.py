"""A venue's limits on requests: sliding windows of weight, counted for each bucket and caller.

Each dialect tells the state of a quota in its own headers and refuses with its own error. Nothing
here reads a clock: the time is passed in.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from bowline.core.model.values import SECOND_NS


class RequestQuota(Struct, frozen=True):
    """`limit` units of weight in any `window_s` seconds; `shared`: all callers count as one."""

    limit: int
    window_s: float = 1.0
    shared: bool = False


class QuotaUsage(Struct, frozen=True):
    """A quota after a request. `reset_ns`: when the oldest weight leaves the window."""

    quota: RequestQuota
    used: int
    reset_ns: int
    exceeded: bool

    @property
    def remaining(self) -> int:
        """Weight that may still be consumed in this window."""
        return max(0, self.quota.limit - self.used)


class QuotaCounter:
    """Sliding windows, one for each bucket and caller."""

    def __init__(self, quotas: dict[str, RequestQuota]) -> None:
        self._quotas = quotas
        self._consumed: dict[tuple[str, str], deque[tuple[int, int]]] = {}

    def consume(self, bucket: str, caller: str, weight: int, now_ns: int) -> QuotaUsage:
        """Take `weight` out of the bucket; beyond its limit nothing is taken.

        A bucket without a quota is unlimited.
        """
        quota = self._quotas.get(bucket, RequestQuota(1_000_000_000))
        window_ns = int(quota.window_s * SECOND_NS)
        recent = self._consumed.setdefault((bucket, "" if quota.shared else caller), deque())
        while recent and recent[0][0] <= now_ns - window_ns:
            recent.popleft()
        used = sum(each for _, each in recent)
        exceeded = used + weight > quota.limit
        if not exceeded:
            recent.append((now_ns, weight))
            used += weight
        reset_ns = (recent[0][0] if recent else now_ns) + window_ns
        return QuotaUsage(quota, used, reset_ns, exceeded)
