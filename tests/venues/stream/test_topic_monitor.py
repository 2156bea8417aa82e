"""A topic that owes something is found out, a quiet one is left alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.venues import FeedChannel, FeedTopic
from bowline.venues.stream.topic_monitor import (
    ANSWER_TIMEOUT_S,
    MAX_RETRY_S,
    MAX_STALL_S,
    SILENCE_TIMEOUTS_S,
    TopicMonitor,
    TopicState,
)

BTC = InstrumentId(MarketId(4), "BTCUSDT")
BOOK, TRADES = FeedTopic(FeedChannel.BOOK, BTC), FeedTopic(FeedChannel.TRADES, BTC)


@pytest.fixture
def monitor() -> TopicMonitor:
    monitor = TopicMonitor()
    monitor.request((BOOK, TRADES), 0.0)
    return monitor


def test_a_topic_that_nobody_acknowledges_falls_silent_once(monitor: TopicMonitor) -> None:
    assert not list(monitor.newly_silent(ANSWER_TIMEOUT_S))
    assert set(monitor.newly_silent(ANSWER_TIMEOUT_S + 0.1)) == {BOOK, TRADES}
    assert not list(monitor.newly_silent(ANSWER_TIMEOUT_S + 0.2))


def test_an_acknowledged_book_owes_a_first_tick_and_acknowledged_trades_do_not(
    monitor: TopicMonitor,
) -> None:
    monitor.acknowledge((BOOK, TRADES))
    assert list(monitor.newly_silent(ANSWER_TIMEOUT_S + 0.1)) == [BOOK]


def test_a_live_book_that_stops_is_found_within_its_patience(monitor: TopicMonitor) -> None:
    assert monitor.tick(BOOK, 5.0)
    assert not monitor.tick(BOOK, 6.0), "alive already: no news"
    monitor.tick(TRADES, 6.0)
    assert not list(monitor.newly_silent(6.0 + SILENCE_TIMEOUTS_S[FeedChannel.BOOK]))
    assert list(monitor.newly_silent(6.1 + SILENCE_TIMEOUTS_S[FeedChannel.BOOK])) == [BOOK]
    assert monitor.tick(BOOK, 20.0), "alive again: news"


def test_a_refused_topic_is_not_waited_for_and_a_late_tick_of_it_counts(
    monitor: TopicMonitor,
) -> None:
    assert monitor.refuse(BOOK, 1.0)
    assert not monitor.refuse(BOOK, 2.0), "told already: no news"
    monitor.acknowledge((TRADES,))
    assert monitor.settled
    assert not list(monitor.newly_silent(1_000.0))
    assert monitor.tick(BOOK, 1_000.0)
    assert monitor.state(BOOK) is TopicState.LIVE


def test_a_tick_of_a_topic_nobody_asked_for_is_no_news(monitor: TopicMonitor) -> None:
    monitor.forget((BOOK,))
    assert not monitor.tick(BOOK, 1.0)
    assert monitor.state(BOOK) is None


@given(st.lists(st.floats(0.0, 9.9), min_size=1, max_size=50))
def test_a_book_that_ticks_in_time_is_never_called_silent(gaps: list[float]) -> None:
    monitor = TopicMonitor()
    monitor.request((BOOK,), 0.0)
    now_s = 0.0
    for gap in gaps:
        now_s += gap
        assert not list(monitor.newly_silent(now_s))
        monitor.tick(BOOK, now_s)


def test_a_topic_asked_again_in_vain_is_asked_ever_more_seldom_and_told_once(
    monitor: TopicMonitor,
) -> None:
    told, asked = 0, []
    monitor.acknowledge((TRADES,))
    for now_s in range(0, 7_200, 5):
        told += sum(topic == BOOK for topic in monitor.newly_silent(now_s))
        for topic, acknowledged in list(monitor.due_for_retry(now_s)):
            assert (topic, acknowledged) == (BOOK, False)
            asked.append(now_s)
            monitor.request((topic,), now_s)
    assert told == 1
    waits = [after - before for before, after in pairwise(asked)]
    assert waits == sorted(waits)
    assert waits[-1] <= MAX_RETRY_S + ANSWER_TIMEOUT_S + 10
    assert 10 < len(asked) < 20


def test_one_silent_topic_is_no_deaf_connection_and_all_of_them_are() -> None:
    quotes = [
        FeedTopic(FeedChannel.QUOTES, InstrumentId(MarketId(4), f"C{n}USDT")) for n in range(3)
    ]
    monitor = TopicMonitor()
    monitor.request(quotes, 0.0)

    def pass_time(begin_s: int, end_s: int, alive: list[FeedTopic]) -> float | None:
        for now_s in range(begin_s, end_s):
            for topic in alive:
                monitor.tick(topic, now_s)
            list(monitor.newly_silent(now_s))
            again = [topic for topic, _ in monitor.due_for_retry(now_s)]
            monitor.request(again, now_s)
            monitor.acknowledge(again)
            if monitor.stalled(now_s, 0.0):
                return now_s
        return None

    assert pass_time(0, 60, quotes) is None
    assert pass_time(60, 4_000, quotes[1:]) is None
    deaf_s = pass_time(4_000, 9_000, [])
    assert deaf_s is not None
    assert deaf_s - 4_000 < MAX_STALL_S
