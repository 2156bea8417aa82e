"""What is missing is counted: exactly what a plain difference of sets says, whatever the holes."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from bowline.core.completeness import (
    LONGEST_GAP_NS,
    MAX_LOST_PCT,
    Completeness,
    MissingSpan,
    measure,
)
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import DAY_NS, MINUTE_NS, Timeframe
from bowline.core.rollup import rollup
from bowline.desk.setup import DecisionSpan, candles_of_span
from tests.candle_files import made_frame

MOST = 400
#: 2024-02-01 00:00 UTC
MIDNIGHT_NS = 1_706_745_600 * 10**9


def some_of(places: list[int], start_ns: int = MIDNIGHT_NS, timeframe=Timeframe.M1) -> CandleFrame:
    """The candles at these places of a market without holes."""
    whole = made_frame(max(places) + 1, start_ns=start_ns, timeframe=timeframe)
    rows = np.array(sorted(places))
    columns = (getattr(whole, name)[rows] for name in ("open_ns", "open", "high", "low", "close"))
    return CandleFrame(whole.instrument, timeframe, *columns, whole.volume[rows])


def longest_run(missing: list[int]) -> int:
    """The length of the longest run of neighbours in rising numbers."""
    best = run = 0
    before = None
    for minute in missing:
        run = run + 1 if before is not None and minute == before + 1 else 1
        best, before = max(best, run), minute
    return best


def check(
    found: Completeness, present: set[int], buckets: list[int], size: int, full: set[int]
) -> None:
    """Every count against sets of minutes since `MIDNIGHT_NS`."""
    minutes = [at + part for at in buckets for part in range(size)]
    missing = [minute for minute in minutes if minute not in present]
    assert (found.expected, found.missing) == (len(minutes), len(missing))
    assert (found.candles, found.lost) == (len(buckets), len(set(buckets) - full))
    assert found.source is Timeframe.M1
    length = longest_run(missing)
    if not length:
        assert found.longest is None
        return
    assert found.longest is not None
    assert found.longest.length_ns == length * MINUTE_NS
    first = (found.longest.from_ns - MIDNIGHT_NS) // MINUTE_NS
    assert set(range(first, first + length)) <= set(missing)


@given(
    places=st.sets(st.integers(0, MOST), min_size=1).map(sorted)
    | st.sets(st.integers(0, MOST), max_size=4).map(
        lambda holes: sorted(set(range(MOST + 1)) - holes)
    ),
    timeframe=st.sampled_from((Timeframe.M1, Timeframe.M5, Timeframe.H1)),
    asked=st.none() | st.integers(-120, MOST + 120),
    length=st.none() | st.integers(1, MOST),
    warmup=st.sampled_from((0, 1, 3, 1_000)),
)
@example(list(range(30, 90)), Timeframe.H1, None, None, 0)
@example([*range(60), *range(61, 180)], Timeframe.H1, 60, None, 0)
@example([*range(60), *range(61, 180)], Timeframe.H1, 60, 60, 0)
def test_counts_are_those_of_a_difference_of_sets(places, timeframe, asked, length, warmup):
    """One-minute candles rolled up, cut to a span as every command does, then measured."""
    present, size = set(places), timeframe.minutes
    stop = None if length is None else (asked or 0) + length
    to_ns = None if stop is None else MIDNIGHT_NS + stop * MINUTE_NS
    from_ns = None if asked is None else MIDNIGHT_NS + asked * MINUTE_NS
    span = DecisionSpan(from_ns, to_ns)
    candles, _ = candles_of_span(rollup(some_of(places), timeframe), span, warmup)
    all_buckets = range(-(MOST // size + 3) * size, 3 * MOST + size, size)
    full = {at for at in all_buckets if all(at + part in present for part in range(size))}
    first = -(-(places[0] if asked is None else asked) // size) * size
    last = ((places[-1] + 1) if stop is None else stop) // size * size
    if asked is not None and warmup:
        used = sorted(at for at in full if at < asked)[-warmup:]
        # a candle that is cut off at the end takes the warm-up with it if nothing is left
        used = [at for at in used if at + size <= (last if stop is None else stop)]
        first = min([first, *used])
    buckets = list(range(first, max(first, last), size))
    found = measure(candles, from_ns, to_ns)
    check(found, present, buckets, size, full)
    # at an end of the data what is there, at one that was asked for all of it
    bounds = (places[0] if asked is None else asked, places[-1] + 1 if stop is None else stop)
    begins, ends = first, max(first, last)
    outside = [at for at in range(*bounds) if not begins <= at < ends]
    before = [at for at in outside if at < begins and (asked is not None or at in present)]
    after = [at for at in outside if at >= ends and (stop is not None or at in present)]
    assert (found.unused_before, found.unused_after) == (len(before), len(after))


def test_minutes_at_the_ends_that_fill_no_day_are_counted():
    """16,999 minutes from 07:21 on: 999 to the first midnight, 11 days, 160 after the last."""
    start_ns = MIDNIGHT_NS + (1440 - 999) * MINUTE_NS
    minutes = made_frame(16_999, start_ns=start_ns)
    found = measure(rollup(minutes, Timeframe.D1))
    assert (found.candles, found.missing, found.lost) == (11, 0, 0)
    assert (found.unused_before, found.unused_after, found.unused) == (999, 160, 1_159)
    assert measure(minutes).unused == 0


@given(
    places=st.sets(st.integers(0, 200), min_size=2).map(sorted),
    timeframe=st.sampled_from((Timeframe.H1, Timeframe.H4, Timeframe.D1)),
)
def test_a_file_of_longer_candles_is_measured_in_its_own(places, timeframe):
    start_ns = MIDNIGHT_NS // timeframe.ns * timeframe.ns
    found = measure(some_of(places, start_ns, timeframe))
    expected = places[-1] - places[0] + 1
    assert (found.expected, found.missing) == (expected, expected - len(places))
    assert (found.candles, found.lost) == (found.expected, found.missing)
    steps = pairwise(places)
    far = [b - a - 1 for a, b in steps if (b - a - 1) * timeframe.ns > LONGEST_GAP_NS]
    assert [gap.length_ns // timeframe.ns for gap in found.gaps] == far


def test_one_missing_minute_a_day_loses_a_third_of_the_days():
    """90 days of minutes of which every third lacks one: 30 of 90 candles of a day are lost."""
    gone = {day * 1440 + 777 for day in range(0, 90, 3)}
    minutes = some_of([at for at in range(90 * 1440) if at not in gone])
    daily = measure(rollup(minutes, Timeframe.D1))
    assert (daily.missing, daily.expected) == (30, 129_600)
    assert (daily.lost, daily.candles) == (30, 90)
    hourly = measure(rollup(minutes, Timeframe.H1))
    assert (hourly.lost, hourly.candles) == (30, 2_160)
    assert not hourly.within(MAX_LOST_PCT), "1.39 % of the hours"
    assert measure(minutes).within(MAX_LOST_PCT), "0.02 % of the minutes"


def test_a_gap_is_refused_whatever_the_share():
    """Two days may be missing and not a candle more; nothing else is missing of 5,000 days."""
    for days, allowed in ((2, True), (3, False)):
        places = [*range(2_000), *range(2_000 + days, 5_000)]
        found = measure(some_of(places, 0, Timeframe.D1))
        assert found.lost_pct < MAX_LOST_PCT
        assert found.within(MAX_LOST_PCT) is allowed
    assert found.gaps == (MissingSpan(2_000 * DAY_NS, 2_003 * DAY_NS),)


def test_shares_are_exact_and_nothing_has_none():
    assert measure(some_of([0, 1, 3])).missing_pct == Decimal(25)
    empty = measure(some_of([0]).slice(0, 0), 0, 0)
    assert (empty.missing_pct, empty.lost_pct, empty.longest) == (0, 0, None)
