"""The binding to TA-Lib's C functions, without pandas and polars.

It must never change a global setting of the library (unstable periods, candle settings): results
would then depend on earlier calls.

`import talib` wraps every function for pandas and polars and imports both if they are installed, as
does the extension module itself: a second at start-up for containers that are never used here. So
the extension is loaded from its file, with both names hidden during the load, and under a name
without a package: inside the package `import numpy` would try `talib.numpy` first, which runs
`talib`. The first caller loads it; concurrent callers wait.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MODULE = "_ta_lib"
#: the name that it enters in sys.modules, and under which `import talib` finds it
_OWN_NAME = "talib._ta_lib"
_HIDDEN = ("pandas", "polars")
_LOADING = Lock()

#: TA-Lib's MA_Type, https://ta-lib.github.io/ta-lib-python/func.html
AVERAGES = {
    "sma": 0, "ema": 1, "wma": 2, "dema": 3, "tema": 4, "trima": 5,
    "kama": 6, "t3": 8, "hma": 9, "zlema": 12, "rma": 13,
}  # fmt: skip


def has(function: str) -> bool:
    """Whether TA-Lib has this function."""
    return function.isupper() and callable(getattr(_library(), function, None))


def run(function: str, *arguments: Any) -> tuple[NDArray[Any], ...]:  # noqa: ANN401 - inputs, options
    """The outputs of `function` for its inputs (float64, one length) and then its options in order.

    Leading candles without a value are NaN, or 0 if the function returns whole numbers.
    """
    columns = [np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    result = getattr(_library(), function)(*columns)
    return result if isinstance(result, tuple) else (result,)


def _library() -> ModuleType:
    # the cache alone would let two threads load it at once, each hiding names from the other
    with _LOADING:
        return _load()


@lru_cache(maxsize=1)
def _load() -> ModuleType:
    loaded = sys.modules.get(_OWN_NAME)
    if loaded is not None:
        return loaded
    path = _extension_path()
    loader = ExtensionFileLoader(_MODULE, str(path))
    spec = importlib.util.spec_from_file_location(_MODULE, path, loader=loader)
    if spec is None:
        raise ImportError(f"TA-Lib's extension {path} cannot be loaded")
    with _hidden(_HIDDEN):
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    # as talib/__init__ does: without it the candlestick patterns have no settings
    module._ta_initialize()  # noqa: SLF001
    return module


def _extension_path() -> Path:
    # find_spec locates a top-level package without running it
    package = importlib.util.find_spec("talib")
    if package is None or not package.submodule_search_locations:
        raise ImportError("TA-Lib is not installed: pip install ta-lib")
    for folder in package.submodule_search_locations:
        for suffix in EXTENSION_SUFFIXES:
            path = Path(folder) / f"_ta_lib{suffix}"
            if path.exists():
                return path
    raise ImportError(
        f"no TA-Lib extension for this Python in {package.submodule_search_locations}"
    )


@contextmanager
def _hidden(modules: tuple[str, ...]) -> Iterator[None]:
    """Make imports of these modules fail as if they were not installed (None in sys.modules)."""
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
