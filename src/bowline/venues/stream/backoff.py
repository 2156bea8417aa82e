"""The wait before the next attempt: longer after each failure, and different for every connection.

Full jitter over an exponential ceiling (Brooker, "Exponential Backoff And Jitter", 2015), so that
connections that failed together do not return together. The random source is a parameter.
"""

from __future__ import annotations

from random import Random

FIRST_CEILING_S = 1.0
MAX_S = 60.0
#: the shortest wait: venues count attempts
MIN_S = 0.1


class Backoff:
    """The waits of one connection."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.failures = 0

    def next_s(self) -> float:
        """Seconds to wait after one more failure."""
        ceiling = min(MAX_S, FIRST_CEILING_S * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return max(MIN_S, self._random.uniform(0, ceiling))

    def reset(self) -> None:
        """The connection was stable: the next failure is a first one."""
        self.failures = 0
