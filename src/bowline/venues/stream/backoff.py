"""How long to wait before the next attempt: longer after each failure, never the same for two.

Full jitter over an exponential ceiling (Brooker, "Exponential Backoff And Jitter", 2015), so that
many connections which fell together do not come back together. It draws from what it is handed.
"""

from __future__ import annotations

from random import Random

FIRST_CEILING_S = 1.0
CAP_S = 60.0
#: even the luckiest draw waits this long: a venue counts attempts
LEAST_S = 0.1


class Backoff:
    """The waits of one connection."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.failures = 0

    def next_s(self) -> float:
        """Seconds to wait after one more failure."""
        ceiling = min(CAP_S, FIRST_CEILING_S * 2.0 ** min(self.failures, 10))
        self.failures += 1
        return max(LEAST_S, self._random.uniform(0, ceiling))

    def worked(self) -> None:
        """The connection held: the next failure is a first one."""
        self.failures = 0
