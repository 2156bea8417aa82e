"""No row that is not a candle gets through, none that is one is lost, and each fault has a name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.market import VALUE_COLUMNS
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.quality import Columns, RowDefect, inspect, inspect_against, to_frame
from tests.candle_files import START_NS, made_frame

LATER_NS = START_NS + 10**15
NASTY = [0.0, -0.0, -1.0, 1e-300, 99.0, 100.0, 100.5, 101.0, 400.0, 1e308, np.inf, -np.inf, np.nan]


def columns(count: int = 30) -> Columns:
    frame = made_frame(count)
    return Columns(frame.open_ns, *(getattr(frame, name).copy() for name in VALUE_COLUMNS))


@given(st.lists(st.tuples(st.integers(-3, 20), *[st.sampled_from(NASTY)] * 5), max_size=30))
def test_what_passes_is_a_frame_of_sound_candles(rows: list[tuple[int, ...]]) -> None:
    stamps = np.array([START_NS + row[0] * MINUTE_NS // 2 for row in rows], dtype=np.int64)
    values = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), 5)
    raw = Columns(stamps, *values.T)
    now_ns = START_NS + 8 * MINUTE_NS
    found = inspect(raw, Timeframe.M1, now_ns, allow_jumps=True)
    frame = to_frame(raw, found, made_frame(1).instrument, Timeframe.M1)
    for name in VALUE_COLUMNS:
        assert np.isfinite(getattr(frame, name)).all()
    assert (frame.low > 0).all()
    assert (frame.low <= np.minimum(frame.open, frame.close)).all()
    assert (frame.high >= np.maximum(frame.open, frame.close)).all()
    assert (frame.volume >= 0).all()
    assert not np.signbit(frame.volume).any()
    assert not (frame.open_ns % MINUTE_NS).any()
    assert (frame.close_ns <= now_ns).all()
    # nothing is lost: a row is bad, or its bucket is in the frame
    assert set(stamps[found.defects == 0]) == set(frame.open_ns)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"close": np.nan}, RowDefect.NOT_A_NUMBER),
        ({"volume": np.inf}, RowDefect.NOT_A_NUMBER),
        ({"open": 0.0}, RowDefect.NOT_POSITIVE),
        ({"high": 1.0}, RowDefect.HIGH_BELOW_LOW),
        ({"low": 100.9, "high": 101.0}, RowDefect.LOW_TOO_HIGH),
        ({"high": 99.99, "low": 99.0}, RowDefect.HIGH_TOO_LOW),
        ({"volume": -1e-9}, RowDefect.BAD_VOLUME),
        ({"open_ns": START_NS + 1}, RowDefect.MISALIGNED),
        ({"open_ns": LATER_NS // MINUTE_NS * MINUTE_NS}, RowDefect.NOT_CLOSED),
    ],
)
def test_each_fault_is_named(change: dict[str, float], fault: RowDefect) -> None:
    rows = columns()
    rows.open[4] = rows.close[4] = 100.0
    rows.high[4], rows.low[4] = 101.0, 99.0
    for name, value in change.items():
        getattr(rows, name)[4] = value
    found = inspect(rows, Timeframe.M1, LATER_NS)
    assert found.bad.tolist() == [4]
    assert found.defects[4] == fault
    assert fault.reason


def test_a_candle_counts_from_the_moment_it_closed() -> None:
    rows = columns(3)
    closed_ns = int(rows.open_ns[2]) + MINUTE_NS
    assert len(inspect(rows, Timeframe.M1, closed_ns).good) == 3
    assert inspect(rows, Timeframe.M1, closed_ns - 1).defects.tolist() == [
        0,
        0,
        RowDefect.NOT_CLOSED,
    ]


def test_equal_rows_are_one_candle_and_unequal_ones_none() -> None:
    rows = columns(5).take(np.array([0, 1, 1, 2, 3, 3, 3, 4]))
    rows.close[5] += 0.001
    rows.high[5] = rows.high[5] + 1
    found = inspect(rows, Timeframe.M1, LATER_NS)
    assert found.bad.tolist() == [4, 5, 6]
    assert set(found.defects[4:7].tolist()) == {RowDefect.CONFLICT}
    assert found.good.tolist() == [0, 1, 3, 7]


def test_rows_in_any_order_give_the_same_candles() -> None:
    rows = columns(30)
    order = np.random.default_rng(7).permutation(30)
    shuffled = rows.take(order)
    instrument = made_frame(1).instrument
    found = [
        to_frame(each, inspect(each, Timeframe.M1, LATER_NS), instrument, Timeframe.M1)
        for each in (rows, shuffled)
    ]
    assert found[0].content_hash() == found[1].content_hash()


def test_a_jump_is_refused_unless_it_is_allowed() -> None:
    rows = columns(10)
    for name in ("open", "high", "low", "close"):
        getattr(rows, name)[6:] /= 10
    assert (
        inspect(rows, Timeframe.M1, LATER_NS).defects.tolist()
        == [0] * 6 + [RowDefect.JUMP] + [0] * 3
    )
    assert len(inspect(rows, Timeframe.M1, LATER_NS, allow_jumps=True).bad) == 0


def test_what_is_far_from_the_stored_candles_is_another_market_s() -> None:
    rows = columns(30)
    stored = made_frame(30)
    found = inspect(rows, Timeframe.M1, LATER_NS)
    for part in (stored, stored.slice(0, 2), stored.slice(28, 30), stored.slice(7, 7)):
        assert not len(inspect_against(rows, found, part).bad)
    for name in ("open", "high", "low", "close"):
        getattr(rows, name)[20:] *= 4
    found = inspect(rows, Timeframe.M1, LATER_NS, allow_jumps=True)
    beside = inspect_against(rows, found, stored.slice(0, 5))
    assert beside.bad.tolist() == list(range(20, 30))
    assert set(beside.defects[20:].tolist()) == {RowDefect.FAR_FROM_STORED}
    assert beside.good.tolist() == list(range(20))
    long_ago = made_frame(5, start_ns=START_NS - 3 * 86_400 * 10**9)
    assert not len(inspect_against(rows, found, long_ago).bad)


def test_a_jump_after_days_without_a_candle_is_no_jump() -> None:
    rows = columns(10)
    for name in ("open", "high", "low", "close"):
        getattr(rows, name)[6:] *= 10
    rows.open_ns[6:] += 3 * 86_400 * 10**9
    assert len(inspect(rows, Timeframe.M1, LATER_NS).bad) == 0
