"""A replay hands out what a rollup of everything would: none more, none less, none too early."""

from __future__ import annotations

import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.market import CandleFrame
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.rollup import rollup
from bowline.runtime import ReplayFeed
from tests.candle_files import START_NS, made_frame

MINUTES = made_frame(240)
#: so fast that waiting takes no time
PACED = 1e12


def frames_of(feed: ReplayFeed, from_ns: int, past_ns: int) -> list[CandleFrame]:
    async def collect() -> list[CandleFrame]:
        return [frame async for frame in feed.candles(from_ns, past_ns)]

    return asyncio.run(collect())


@given(
    kept=st.lists(st.booleans(), min_size=240, max_size=240),
    timeframe=st.sampled_from([Timeframe.M1, Timeframe.M5, Timeframe.M15, Timeframe.H1]),
    start=st.integers(-10, 250),
    past=st.integers(-10, 250),
    speed=st.sampled_from([None, PACED]),
)
def test_any_gaps_any_start_and_any_speed_give_the_rollup_of_everything(
    kept, timeframe, start, past, speed
):
    # most minutes are there: else no bucket would be full
    there = np.array(kept) | (np.arange(240) % 7 > 0)
    minutes = CandleFrame(
        MINUTES.instrument,
        Timeframe.M1,
        *(
            getattr(MINUTES, name)[there]
            for name in ("open_ns", "open", "high", "low", "close", "volume")
        ),
    )
    from_ns = START_NS + start * MINUTE_NS
    frames = frames_of(ReplayFeed(minutes, timeframe, speed), from_ns, START_NS + past * MINUTE_NS)
    later = minutes.slice(int(minutes.open_ns.searchsorted(from_ns)), len(minutes))
    expected = rollup(later, timeframe)
    for name in ("open_ns", "open", "high", "low", "close", "volume"):
        got = np.concatenate([getattr(frame, name) for frame in frames] or [np.empty(0)])
        assert np.array_equal(got, getattr(expected, name))


def test_a_replay_that_takes_its_time_does_not_wait_for_what_was_lived_through_before():
    feed = ReplayFeed(MINUTES, Timeframe.M1, PACED)
    frames = frames_of(feed, START_NS, START_NS + 100 * MINUTE_NS)
    assert [len(frame) for frame in frames] == [100] + [1] * 140
