"""What is missing is said exactly, however little it is."""

from __future__ import annotations

import numpy as np
import pytest

from bowline.core.completeness import measure
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import Timeframe
from bowline.desk.report import completeness_lines
from tests.core.report.runs import frame


def minutes_without(count: int, gone: set[int]) -> CandleFrame:
    whole = frame(np.full(count, 100.0), Timeframe.M1)
    kept = np.array([at for at in range(count) if at not in gone])
    columns = ("open_ns", "open", "high", "low", "close", "volume")
    taken = {name: getattr(whole, name)[kept] for name in columns}
    return CandleFrame(whole.instrument, whole.timeframe, **taken)


@pytest.mark.parametrize(
    ("count", "gone", "said"),
    [
        (20_000, {700}, "1 of 20,000 1m candles is missing (below 0.01 %), "),
        (20_000, {700, 701, 900}, "3 of 20,000 1m candles are missing (0.02 %), "),
        (10_000, {700}, "1 of 10,000 1m candles is missing (0.01 %), "),
    ],
)
def test_a_share_that_is_there_is_not_said_as_nothing(count, gone, said):
    (line,) = completeness_lines(measure(minutes_without(count, gone)))
    assert line.startswith(said)
