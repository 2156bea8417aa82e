"""What a sweep may take, held before anything of it is made.

Counting must never take more than a moment or memory of its own, whatever was asked: variants are
products of what the axes have, and are held before candles are read; memory is held before a plan
cuts its chunks.
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

#: rows of a sweep that are kept beside the top, evenly drawn
SAMPLE_MOST = 100_000
#: packed signals that one thread keeps
BANK_BYTES = 40 << 20
#: candles x bases of one chunk, and rows
_CHUNK_CANDLES = 130_000_000
_CHUNK_ROWS = 200_000
_MOST_CHUNK = 8_192
_ROW_BYTES = sum(np.dtype(dtype).itemsize for dtype in COLUMNS.values())
#: axes that are named where a grid is too large
_NAMED = 3


class Budget(Struct, frozen=True):
    """What a sweep may take; more is refused before it starts."""

    variants: int = 10_000_000
    bytes: int = 2 << 30


USUAL_BUDGET = Budget()


def hold_variants(request: GridRequest, budget: Budget) -> None:
    """BadInput if the request has more variants than it may."""
    variants = request.space.variants
    if variants > budget.variants:
        _refuse(request, f"variants: {variants:,}, at most {budget.variants:,}")


def hold_memory(request: GridRequest, candles: CandleFrame, budget: Budget) -> None:
    """BadInput if a sweep over `candles` would take more memory than it may."""
    taken = bytes_taken(request, candles)
    if taken > budget.bytes:
        _refuse(request, f"memory: {taken >> 20:,} MiB, at most {budget.bytes >> 20:,} MiB")


def bytes_taken(request: GridRequest, candles: CandleFrame) -> int:
    """Most memory of one thread's work and of what is kept, beside the interpreter's own."""
    space = request.space
    rows = chunk_bases(candles, space.lanes) * space.lanes * _ROW_BYTES * 3
    kept_rows = (min(SAMPLE_MOST, space.variants) + 4 * request.top) * _ROW_BYTES
    sets = sum(8 * slot.count for slot in request.slots if slot.constraints)
    tied = sum(8 * each.count for each in space.subsets if each.tied)
    frames = 3 * 6 * candles.open_ns.nbytes
    return BANK_BYTES + STEP_BYTES + frames + rows + kept_rows + sets + tied + 8 * space.bases


def chunk_bases(candles: CandleFrame, lanes: int) -> int:
    """How many bases of so many lanes a chunk has at most."""
    by_candles = _CHUNK_CANDLES // max(1, len(candles))
    return max(1, min(by_candles, _CHUNK_ROWS // lanes, _MOST_CHUNK))


def _refuse(request: GridRequest, over: str) -> None:
    sizes = {_of_slot(slot): slot.count for slot in request.slots}
    lanes = request.space.lanes
    sizes[f"stops: {lanes:,} pairs ({_values(len(request.sl_pct), 'sl_pct')} x "
          f"{_values(len(request.tp_pct), 'tp_pct')})"] = lanes  # fmt: skip
    widest = sorted(sizes, key=lambda name: -sizes[name])[:_NAMED]
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
