"""The compiled kernels: which exist, which this machine can run, and how they are loaded.

It must not fail where none was compiled: the caller then uses the reference loop. One that was
compiled of other sources is StaleExtension.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bowline.core.compiled import StaleExtension
from bowline.core.errors import BadInput

_Whole, _Number, _Pointer = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p

#: from the slowest to the fastest
_BY_ABILITY = ("plain", "avx2", "avx512")
PYTHON = "python"
#: environment variable that selects an instruction set, or `python`, to compare them
VARIABLE = "BOWLINE_KERNEL"


class Task(ctypes.Structure):
    """The struct `Task` of csrc/task.h, which describes each field."""

    _fields_ = [
        ("length", _Whole), ("start", _Whole),
        ("closes", _Pointer), ("inverse", _Pointer),
        ("block_low", _Pointer), ("block_high", _Pointer),
        ("blocks", _Whole), ("block_levels", _Whole), ("ends", _Pointer),
        ("days", _Whole), ("day_ends", _Pointer), ("day_spans", _Pointer),
        ("bank", _Pointer), ("words", _Whole), ("bases", _Whole), ("rows_a_base", _Whole),
        ("base", _Pointer),
        ("fast", _Pointer), ("slow", _Pointer),
        ("average_count", _Whole), ("periods", _Pointer), ("anchors", _Pointer),
        ("edges_from", _Pointer),
        ("sl_count", _Whole), ("tp_count", _Whole), ("lanes", _Whole),
        ("sl_rates", _Pointer), ("tp_rates", _Pointer),
        ("lane_sl", _Pointer), ("lane_tp", _Pointer),
        ("initial_cash", _Number), ("budget", _Number), ("idle", _Number),
        ("quote", _Number), ("safe_share", _Number), ("fee", _Number), ("slippage", _Number),
        ("allows_long", _Whole), ("allows_short", _Whole), ("vectorbt", _Whole),
        ("final_equity", _Pointer), ("max_drawdown", _Pointer), ("sharpe", _Pointer),
        ("held", _Pointer), ("round_trips", _Pointer), ("wins", _Pointer),
        ("daily", _Pointer), ("daily_width", _Whole),
    ]  # fmt: skip


@lru_cache(maxsize=len(_BY_ABILITY))
def _library(name: str) -> ctypes.CDLL | None:
    found = importlib.util.find_spec(f"bowline.research.grid._kernel_{name}")
    if found is None or found.origin is None:
        return None
    try:
        library = ctypes.CDLL(found.origin)
        library.bowline_task_bytes.restype = _Whole
        library.bowline_best_instructions.restype = _Whole
        library.bowline_evaluate.argtypes = [ctypes.POINTER(Task), _Whole, _Whole]
        library.bowline_evaluate.restype = _Whole
        library.bowline_compare.argtypes = [_Pointer, _Pointer, _Pointer, _Whole, _Number, _Pointer]
        library.bowline_compare.restype = None
        size = library.bowline_task_bytes()
    except (OSError, AttributeError) as error:
        # it cannot be loaded, or lacks a function
        raise StaleExtension(found.origin, error) from error
    if size != ctypes.sizeof(Task):
        raise StaleExtension(
            found.origin, f"its task has {size} bytes, expected {ctypes.sizeof(Task)}"
        )
    return library


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """The instruction sets that can be used here, slowest first; `python` is always one of them."""
    plain = _library("plain")
    if plain is None:
        return (PYTHON,)
    able = _BY_ABILITY[: plain.bowline_best_instructions() + 1]
    return (PYTHON, *(name for name in able if _library(name) is not None))


def chosen() -> str:
    """The instruction set to use: the one that the environment names, else the fastest.

    BadInput if the environment names one that is not available.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return available()[-1]
    if named not in available():
        raise BadInput(
            f"{VARIABLE} is {named!r}: expected one of {', '.join(available())}",
            hint=f"unset {VARIABLE} to take the fastest",
        )
    return named


def library(name: str) -> ctypes.CDLL:
    """The kernel for an instruction set of `available`, other than `python`."""
    found = _library(name)
    assert found is not None, name
    return found


def address(array: NDArray[np.generic]) -> int:
    """The address of a C-contiguous array. The caller keeps the array alive."""
    assert array.flags.c_contiguous
    return array.ctypes.data
