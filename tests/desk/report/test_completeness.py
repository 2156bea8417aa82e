"""What is missing is said exactly, however little it is."""

from __future__ import annotations

import numpy as np
import pytest

from bowline.core.completeness import measure
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import Timeframe
from bowline.core.rollup import rollup
from bowline.desk.report import completeness_document, completeness_lines
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


def test_what_fills_no_longer_candle_is_said_beside_what_is_missing():
    minutes = frame(np.full(150, 100.0), Timeframe.M1)
    assert minutes.open_ns[0] % Timeframe.H1.ns == 0
    hours = measure(rollup(minutes.slice(29, 150), Timeframe.H1))
    lines = completeness_lines(hours)
    assert lines[0] == "none of 60 1m candles is missing"
    counts = "61 1m candles at the ends are in no whole 1h candle and not used: "
    assert lines[1:] == (counts + "31 before the first, 30 after the last",)
    found = completeness_document(hours)
    assert (found["unused_before"], found["unused_after"]) == (31, 30)
    one = measure(rollup(minutes.slice(0, 121), Timeframe.H1))
    assert completeness_lines(one)[1] == (
        "1 1m candle at the ends is in no whole 1h candle and not used: 1 after the last"
    )
