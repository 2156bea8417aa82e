"""Where tests get their chance from: one fixed choice in every run, fresh ones in a search.

`make test` makes the same choices on every machine: Hypothesis is derandomized (`conftest.py`), the
hash seed is set (`Makefile`), and every generator of a test's own comes from here. `make search`
sets `BOWLINE_TEST_SEED`: then everything made here, and everything Hypothesis draws, depends on it.
A test that draws from here carries the mark `chance`, so that a search runs it. What holds for one
choice only, as a figure that was written down, takes a generator of its own and no mark.
"""

from __future__ import annotations

import os
import random

import numpy as np

#: the number of a search; empty in every other run
SEARCH = os.environ.get("BOWLINE_TEST_SEED", "")


def seeded(seed: float | str) -> random.Random:
    """The generator of this seed, another one for each number of a search."""
    return random.Random(f"{seed} {SEARCH}" if SEARCH else seed)


def generator(seed: int) -> np.random.Generator:
    """The same for arrays."""
    return np.random.default_rng([seed, int(SEARCH)] if SEARCH else seed)
