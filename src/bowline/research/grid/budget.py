"""Limits of a sweep, checked before any of it is computed.

The checks themselves must take neither noticeable time nor memory: the number of variants is a
product of axis lengths and is checked before candles are read; memory is estimated before a plan
makes its chunks.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.market import CandleFrame
from bowline.research.grid.request import GridRequest
from bowline.research.grid.signals import STEP_BYTES
from bowline.research.grid.space import Slot
from bowline.research.grid.topk import COLUMNS

#: rows of the even sample that is kept beside the top
MAX_SAMPLE_ROWS = 100_000
#: packed signals of one thread
BANK_BYTES = 40 << 20
#: limits of one chunk: candles x bases, rows, bases
_CHUNK_CANDLES = 130_000_000
_CHUNK_ROWS = 200_000
_MOST_CHUNK = 8_192
_ROW_BYTES = sum(np.dtype(dtype).itemsize for dtype in COLUMNS.values())
#: axes named in the error for a grid that is too large
_MAX_NAMED = 3


class SweepBudget(Struct, frozen=True):
    """The most variants and memory (bytes) of a sweep; more is refused before it starts."""

    variants: int = 10_000_000
    bytes: int = 2 << 30


DEFAULT_BUDGET = SweepBudget()


def check_variants(request: GridRequest, budget: SweepBudget) -> None:
    """BadInput if the request has more variants than `budget` allows."""
    variants = request.space.variants
    if variants > budget.variants:
        _refuse(request, f"variants: {variants:,}, at most {budget.variants:,}")


def check_memory(request: GridRequest, candles: CandleFrame, budget: SweepBudget) -> None:
    """BadInput if a sweep over `candles` would take more memory than `budget` allows."""
    taken = estimated_bytes(request, candles)
    if taken > budget.bytes:
        _refuse(request, f"memory: {taken >> 20:,} MiB, at most {budget.bytes >> 20:,} MiB")


def estimated_bytes(request: GridRequest, candles: CandleFrame) -> int:
    """Upper estimate of the memory of one thread's work and of the results, in bytes."""
    space = request.space
    rows = chunk_bases(candles, space.lanes) * space.lanes * _ROW_BYTES * 3
    kept_rows = (min(MAX_SAMPLE_ROWS, space.variants) + 4 * request.top) * _ROW_BYTES
    sets = sum(8 * slot.count for slot in request.slots if slot.constraints)
    filtered = sum(8 * each.count for each in space.subsets if each.filtered)
    frames = 3 * 6 * candles.open_ns.nbytes
    return BANK_BYTES + STEP_BYTES + frames + rows + kept_rows + sets + filtered + 8 * space.bases


def chunk_bases(candles: CandleFrame, lanes: int) -> int:
    """The most bases in a chunk, each with `lanes` pairs of stops."""
    by_candles = _CHUNK_CANDLES // max(1, len(candles))
    return max(1, min(by_candles, _CHUNK_ROWS // lanes, _MOST_CHUNK))


def _refuse(request: GridRequest, over: str) -> None:
    sizes = {_of_slot(slot): slot.count for slot in request.slots}
    lanes = request.space.lanes
    sizes[f"stops: {lanes:,} pairs ({_values(len(request.sl_pct), 'sl_pct')} x "
          f"{_values(len(request.tp_pct), 'tp_pct')})"] = lanes  # fmt: skip
    widest = sorted(sizes, key=lambda name: -sizes[name])[:_MAX_NAMED]
    raise BadInput(
        "the grid is over budget",
        problems=(over, *(f"narrow {name}" for name in widest)),
        hint="take larger steps or fewer values, or raise --max-variants and --max-mib",
    )


def _of_slot(slot: Slot) -> str:
    axes = " x ".join(
        _values(len(axis.values), axis.name) for axis in slot.axes if len(axis.values) > 1
    )
    return f"{slot.name}: {slot.count:,} parameter sets" + (f" ({axes})" if axes else "")


def _values(count: int, name: str) -> str:
    return f"{name} {count:,}"
