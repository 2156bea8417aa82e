"""The binding: it starts without pandas, and lives beside an ordinary `import talib`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from bowline.core.signals import ta_lib

_RUN = """
import sys
import numpy as np
{before}
from bowline.core.signals import ta_lib
rsi = ta_lib.run("RSI", np.linspace(1, 2, 30) ** 2, 14)[0]
doji = ta_lib.run("CDLDOJI", *[np.ones(30)] * 4)[0]
{after}
assert rsi[-1] == 100 and doji[-1] == 100, (rsi, doji)
print(*sorted({{"talib", "pandas", "polars"}} & set(sys.modules)))
"""


def _modules_after(before="", after=""):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", _RUN.format(before=before, after=after)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")
def test_neither_the_package_nor_pandas_is_imported():
    assert _modules_after() == []


def test_an_import_of_the_package_before_or_after_does_no_harm():
    check = "import talib; assert talib.RSI(np.linspace(1, 2, 30) ** 2, 14)[-1] == 100"
    assert "talib" in _modules_after(before=check)
    assert "talib" in _modules_after(after=check)


def test_pandas_stays_importable():
    assert "pandas" in _modules_after(after="import pandas")


def test_no_run_changes_a_setting_that_others_see():
    assert ta_lib._library()._ta_get_unstable_period("EMA") == 0


def test_a_column_that_is_not_contiguous_is_read_right():
    wide = np.arange(60.0).reshape(30, 2) ** 2
    mine = ta_lib.run("SMA", wide[:, 0], 5)[0]
    assert np.array_equal(mine, ta_lib.run("SMA", wide[:, 0].copy(), 5)[0], equal_nan=True)


def test_only_functions_of_the_library_are_there():
    assert ta_lib.has("RSI")
    assert not ta_lib.has("NONESUCH")
    assert not ta_lib.has("Function")


_TOGETHER = """
import importlib.machinery
import sys
import threading
import time
import numpy as np
from bowline.core.signals import ta_lib

loads, came, wrong = [], threading.Barrier(8), []
load = importlib.machinery.ExtensionFileLoader.exec_module

def slowly(self, module):
    loads.append(module)
    time.sleep(0.1)
    load(self, module)

ta_lib.ExtensionFileLoader.exec_module = slowly

def ask():
    came.wait()
    try:
        assert ta_lib.run("CDLDOJI", *[np.ones(30)] * 4)[0][-1] == 100
    except BaseException as error:
        wrong.append(error)

threads = [threading.Thread(target=ask) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
names = [module.__name__ for module in loads]
assert not wrong and names.count("_ta_lib") == 1, (wrong, names)
assert not {"pandas", "polars"} & {name for name in sys.modules if sys.modules[name] is None}
"""


def test_threads_that_ask_at_once_wait_for_one_to_load_it():
    subprocess.run([sys.executable, "-c", _TOGETHER], check=True)
