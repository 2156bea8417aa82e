"""The face of the grid kernel: many variants of one market at once.

It decides which compiled kernel runs, cuts the work between threads, and must give the same bytes
whatever the number of threads. Where no kernel was compiled, the clear loop runs, and says so.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bowline.research.grid import fallback
from bowline.research.grid.tape import Outcome, Rows, Rules, SignalBank, Tape

Stops = NDArray[np.float64]


def instruction_set() -> str:
    """What runs: "avx512", "avx2", "plain", or "python" where nothing could be compiled."""
    return "python"


def evaluate(
    tape: Tape, bank: SignalBank, base: Rows, stops: Stops, rules: Rules, *, threads: int = 1
) -> Outcome:
    """Every base signal with every pair of stops: row i * len(stops) + j is base i, stops j.

    `base` (n, k): rows of the bank that must all agree. `stops` (m, 2): sl_pct and tp_pct, NaN is
    off. Raises ValueError where shapes, row numbers or lengths do not fit each other.
    """
    del threads
    return fallback.evaluate(tape, bank, base, stops, rules)


def evaluate_daily(
    tape: Tape, bank: SignalBank, base: Rows, stops: Stops, rules: Rules, *, threads: int = 1
) -> NDArray[np.float64]:
    """(variants, days + 1): the initial cash, then the last equity of each UTC day.

    The rows are those of `evaluate`; the columns are those of the report's daily equity.
    """
    del threads
    return fallback.evaluate_daily(tape, bank, base, stops, rules)
