"""A longer candle is made of all its parts or not at all, and is what recomputing it gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.market import CandleFrame, empty_frame
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.rollup import rollup
from tests.candle_files import made_frame

LONGER = [timeframe for timeframe in Timeframe if timeframe.minutes <= 240]


def naive(parts: CandleFrame, timeframe: Timeframe) -> list[tuple[float, ...]]:
    """The rule word by word, one candle at a time."""
    buckets: dict[int, list[int]] = {}
    for row, open_ns in enumerate(parts.open_ns.tolist()):
        buckets.setdefault(open_ns // timeframe.ns * timeframe.ns, []).append(row)
    size = timeframe.ns // parts.timeframe.ns
    candles = []
    for start, rows in buckets.items():
        if len(rows) == size:
            volume = 0.0
            for row in rows:
                volume += float(parts.volume[row])
            candles.append(
                (
                    start,
                    parts.open[rows[0]],
                    max(parts.high[rows]),
                    min(parts.low[rows]),
                    parts.close[rows[-1]],
                    volume,
                )
            )
    return candles


def rows_of(frame: CandleFrame) -> list[tuple[float, ...]]:
    columns = (frame.open_ns, frame.open, frame.high, frame.low, frame.close, frame.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def without(frame: CandleFrame, missing: set[int]) -> CandleFrame:
    keep = np.array([row for row in range(len(frame)) if row not in missing], dtype=np.int64)
    values = [
        getattr(frame, name)[keep] for name in ("open_ns", "open", "high", "low", "close", "volume")
    ]
    return CandleFrame(frame.instrument, frame.timeframe, *values)


@given(
    st.sampled_from(LONGER),
    st.integers(1, 700),
    st.sets(st.integers(0, 699), max_size=6),
    st.integers(0, 300),
)
def test_equal_to_the_rule_word_by_word(
    timeframe: Timeframe, count: int, missing: set[int], offset: int
) -> None:
    whole = made_frame(count, start_ns=1_700_000_040 * 10**9 + offset * MINUTE_NS)
    minutes = without(whole, missing)
    assert rows_of(rollup(minutes, timeframe)) == naive(minutes, timeframe)


@given(st.integers(0, 239))
def test_a_bucket_with_one_minute_missing_is_not_published(gone: int) -> None:
    day_ns = 1_704_067_200 * 10**9
    minutes = made_frame(480, start_ns=day_ns)
    assert rollup(minutes, Timeframe.H4).open_ns.tolist() == [day_ns, day_ns + Timeframe.H4.ns]
    holed = rollup(without(minutes, {gone}), Timeframe.H4)
    assert holed.open_ns.tolist() == [day_ns + Timeframe.H4.ns]


def test_by_way_of_a_shorter_one_is_the_same_but_for_the_order_of_additions() -> None:
    minutes = made_frame(3 * 1440, start_ns=1_704_067_200 * 10**9)
    direct = rollup(minutes, Timeframe.H4)
    by_way = rollup(rollup(minutes, Timeframe.M15), Timeframe.H4)
    for name in ("open_ns", "open", "high", "low", "close"):
        assert (getattr(direct, name) == getattr(by_way, name)).all()
    assert np.allclose(direct.volume, by_way.volume, rtol=1e-12)


def test_what_does_not_divide_is_refused() -> None:
    five = made_frame(12, start_ns=1_704_067_200 * 10**9, timeframe=Timeframe.M5)
    assert len(rollup(five, Timeframe.H1)) == 1
    for wrong in (Timeframe.M1, Timeframe.M3):
        with pytest.raises(ValueError, match="do not divide"):
            rollup(five, wrong)


def test_nothing_gives_nothing() -> None:
    nothing = empty_frame(made_frame(1).instrument, Timeframe.M1)
    assert rollup(nothing, Timeframe.H1).timeframe is Timeframe.H1
    assert len(rollup(nothing, Timeframe.H1)) == 0
