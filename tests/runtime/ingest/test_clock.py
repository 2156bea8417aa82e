"""A wrong local clock is reported, and future candles are refused."""

from __future__ import annotations

import pytest

from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.core.venue import CandleSeen
from bowline.runtime.ingest.health import Count, IngestHealth
from bowline.runtime.ingest.live import LiveCandles
from bowline.runtime.ingest.sink import IngestSink
from tests.runtime.ingest.fake_venue import BTC, START_NS, seen, true_candles

HOUR_NS = 60 * MINUTE_NS


@pytest.mark.parametrize(("ahead_ns", "words"), [(HOUR_NS, "ahead of"), (-HOUR_NS, "behind")])
def test_a_wrong_clock_is_reported_once_and_again_when_it_changes(
    ahead_ns: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    health = IngestHealth((BTC,), START_NS)
    health.clock("bybit:linear", SECOND_NS)
    assert not health.report(START_NS).trouble
    for _ in range(5):
        health.clock("bybit:linear", ahead_ns)
    told = health.report(START_NS).trouble
    assert f"3,600.0 s {words} bybit:linear" in told
    assert len([r for r in caplog.records if "local clock" in r.getMessage()]) == 1
    health.clock("bybit:linear", 2 * ahead_ns)
    assert "7,200.0 s" in health.report(START_NS).trouble


def test_with_a_fast_clock_nothing_counts_as_late_too_early() -> None:
    now_ns = START_NS + HOUR_NS
    for ahead_ns in (0, HOUR_NS, -HOUR_NS):
        local_ns = now_ns + ahead_ns
        health = IngestHealth((BTC,), local_ns - 10 * MINUTE_NS, lambda _, by=ahead_ns: by)
        health.candle(BTC, now_ns - 30 * SECOND_NS)
        assert health.late(local_ns) == set()
        assert health.late(local_ns + 2 * MINUTE_NS) == {BTC}


def test_a_future_candle_is_refused_and_counted() -> None:
    """It would make every earlier minute look complete, so that none would be repaired."""
    frame, live = true_candles(30), LiveCandles()
    health = IngestHealth((BTC,), START_NS)
    now_ns = START_NS + 10 * MINUTE_NS
    owed: list[object] = []
    sink = IngestSink(live, None, health, owed.append, owed.append, lambda _: now_ns)  # type: ignore[arg-type]
    told: list[CandleSeen] = [seen(frame, 8), seen(frame, 25), seen(frame, 9)]
    for candle in told:
        sink.tick(candle, now_ns)
    (closed,) = live.take_closed()
    assert sorted(closed.candles) == [START_NS + at * MINUTE_NS for at in (8, 9)]
    assert not live.take_missing()
    assert health.counts[Count.CANDLES_REFUSED] == 1
    assert "future candle" in health.report(now_ns).trouble
