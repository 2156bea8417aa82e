"""Whether a strategy looks ahead: take the future away, ask again, compare.

Indicators of the catalogue are held to it by the tests; a plugin is somebody else's code and is
asked here, on the candles it is to be used on. Passing is no proof: only the cuts are.

1. Ask for the signals of all candles, twice: what keeps a state between two calls differs already.
2. Cut the candles behind some of the changes of the signal, where looking ahead must show, and at
   moments drawn from the seed.
3. Ask for the signals of the candles before the cut. Each must be what it was.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.market import CandleFrame, IntColumn
from bowline.core.signals.frame import DirectionColumn, Opinion

DEFAULT_CUTS = 32
_FEWEST_CANDLES = 2


class Leak(Struct, frozen=True):
    """A signal that changed: the candle it belongs to, and how many candles were left."""

    candle: int
    open_ns: int
    known: int
    with_future: int
    without_future: int


class LookAhead(Struct, frozen=True):
    """`cuts` is how many were made before the first leak, or in all. `leak` None: none was seen.

    `repeats` is False if the same candles gave other signals the second time. `message` is what
    the guard around plugins said, if it found the leak first.
    """

    cuts: int
    repeats: bool
    leak: Leak | None
    message: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return self.repeats and self.leak is None and not self.message


def look_ahead(
    opinion: Opinion, candles: CandleFrame, *, cuts: int = DEFAULT_CUTS, seed: int = 0
) -> LookAhead:
    """Compare what `opinion` says with and without the future. BadInput if it cannot be asked."""
    try:
        whole = opinion.signals(candles).direction
        if not np.array_equal(whole, _directions(opinion, candles)):
            return LookAhead(0, repeats=False, leak=None)
        for number, known in enumerate(_cuts(whole, cuts, seed).tolist()):
            again = _directions(opinion, candles.slice(0, known))
            changed = np.flatnonzero(again != whole[:known])
            if len(changed):
                at = int(changed[0])
                leak = Leak(at, int(candles.open_ns[at]), known, int(whole[at]), int(again[at]))
                return LookAhead(number, repeats=True, leak=leak)
    except BadInput as error:
        if "looks ahead" not in error.message:
            raise
        return LookAhead(0, repeats=True, leak=None, message=error.message)
    return LookAhead(len(_cuts(whole, cuts, seed)), repeats=True, leak=None)


def _directions(opinion: Opinion, candles: CandleFrame) -> DirectionColumn:
    direction = opinion.signals(candles).direction
    if len(direction) != len(candles):
        raise ValueError(f"{len(direction)} signals for {len(candles)} candles")
    return direction


def _cuts(direction: DirectionColumn, cuts: int, seed: int) -> IntColumn:
    """Lengths to ask for again: half of them right behind changes, half anywhere."""
    length = len(direction)
    if length < _FEWEST_CANDLES or cuts < 1:
        return np.empty(0, dtype=np.int64)
    draw = np.random.Generator(np.random.PCG64(seed))
    anywhere = draw.integers(1, length, size=cuts - cuts // 2)
    changes = np.flatnonzero(np.diff(direction)) + 2
    behind = (
        changes[np.linspace(0, len(changes) - 1, cuts // 2).astype(np.int64)]
        if len(changes)
        else draw.integers(1, length, size=cuts // 2)
    )
    return np.unique(np.minimum(np.concatenate((anywhere, behind)), length - 1))
