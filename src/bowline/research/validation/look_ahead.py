"""Look-ahead test of a strategy: compare its signals with and without later candles.

Indicators of the catalogue are tested in the repository; a plugin is third-party code and is tested
here, on the candles it is to be used on. Passing is no proof: only the cuts made are tested.

1. Compute the signals of all candles twice: a strategy that keeps state differs already here.
2. Cut the candles after some of the changes of the signal, where look-ahead is most likely to show,
   and at positions drawn from the seed.
3. Compute the signals of the candles before each cut. Each must be unchanged.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.market import CandleFrame, IntColumn
from bowline.core.signals.frame import DirectionColumn, Opinion

DEFAULT_CUTS = 32
_FEWEST_CANDLES = 2


class LookAheadLeak(Struct, frozen=True):
    """A signal that changed: its candle, and how many candles remained before the cut."""

    candle: int
    open_ns: int
    known: int
    with_future: int
    without_future: int


class LookAheadResult(Struct, frozen=True):
    """`cuts` counts the cuts up to the first leak, or all. `leak` is None if there was none.

    `repeats` is False if the same candles gave other signals the second time. `message` is that of
    the guard around plugins, if it found the leak first.
    """

    cuts: int
    repeats: bool
    leak: LookAheadLeak | None
    message: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return self.repeats and self.leak is None and not self.message


def look_ahead(
    opinion: Opinion, candles: CandleFrame, *, cuts: int = DEFAULT_CUTS, seed: int = 0
) -> LookAheadResult:
    """Compare the signals of `opinion` with and without later candles; BadInput if it fails."""
    try:
        whole = opinion.signals(candles).direction
        if not np.array_equal(whole, _directions(opinion, candles)):
            return LookAheadResult(0, repeats=False, leak=None)
        for number, known in enumerate(_cuts(whole, cuts, seed).tolist()):
            again = _directions(opinion, candles.slice(0, known))
            changed = np.flatnonzero(again != whole[:known])
            if len(changed):
                at = int(changed[0])
                leak = LookAheadLeak(
                    at, int(candles.open_ns[at]), known, int(whole[at]), int(again[at])
                )
                return LookAheadResult(number, repeats=True, leak=leak)
    except BadInput as error:
        if "looks ahead" not in error.message:
            raise
        return LookAheadResult(0, repeats=True, leak=None, message=error.message)
    return LookAheadResult(len(_cuts(whole, cuts, seed)), repeats=True, leak=None)


def _directions(opinion: Opinion, candles: CandleFrame) -> DirectionColumn:
    direction = opinion.signals(candles).direction
    if len(direction) != len(candles):
        raise ValueError(f"{len(direction)} signals for {len(candles)} candles")
    return direction


def _cuts(direction: DirectionColumn, cuts: int, seed: int) -> IntColumn:
    """The lengths to test: half of them just after changes of the signal, half anywhere."""
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
