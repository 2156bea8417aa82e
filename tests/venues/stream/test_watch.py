"""A topic that owes something is found out, a quiet one is left alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.venues import Channel, Topic
from bowline.venues.stream.watch import (
    ANSWER_S,
    MOST_AGAIN_S,
    MOST_DEAF_S,
    PATIENCE_S,
    TopicState,
    TopicWatch,
)

BTC = InstrumentId(MarketId(4), "BTCUSDT")
BOOK, TRADES = Topic(Channel.BOOK, BTC), Topic(Channel.TRADES, BTC)


@pytest.fixture
def watch() -> TopicWatch:
    watch = TopicWatch()
    watch.ask((BOOK, TRADES), 0.0)
    return watch


def test_a_topic_that_nobody_acknowledges_falls_silent_once(watch: TopicWatch) -> None:
    assert not list(watch.fallen_silent(ANSWER_S))
    assert set(watch.fallen_silent(ANSWER_S + 0.1)) == {BOOK, TRADES}
    assert not list(watch.fallen_silent(ANSWER_S + 0.2))


def test_an_acknowledged_book_owes_a_first_tick_and_acknowledged_trades_do_not(
    watch: TopicWatch,
) -> None:
    watch.take((BOOK, TRADES))
    assert list(watch.fallen_silent(ANSWER_S + 0.1)) == [BOOK]


def test_a_live_book_that_stops_is_found_within_its_patience(watch: TopicWatch) -> None:
    assert watch.tick(BOOK, 5.0)
    assert not watch.tick(BOOK, 6.0), "alive already: no news"
    watch.tick(TRADES, 6.0)
    assert not list(watch.fallen_silent(6.0 + PATIENCE_S[Channel.BOOK]))
    assert list(watch.fallen_silent(6.1 + PATIENCE_S[Channel.BOOK])) == [BOOK]
    assert watch.tick(BOOK, 20.0), "alive again: news"


def test_a_refused_topic_is_not_waited_for_and_a_late_tick_of_it_counts(watch: TopicWatch) -> None:
    assert watch.refuse(BOOK, 1.0)
    assert not watch.refuse(BOOK, 2.0), "told already: no news"
    watch.take((TRADES,))
    assert watch.settled
    assert not list(watch.fallen_silent(1_000.0))
    assert watch.tick(BOOK, 1_000.0)
    assert watch.state(BOOK) is TopicState.LIVE


def test_a_tick_of_a_topic_nobody_asked_for_is_no_news(watch: TopicWatch) -> None:
    watch.forget((BOOK,))
    assert not watch.tick(BOOK, 1.0)
    assert watch.state(BOOK) is None


@given(st.lists(st.floats(0.0, 9.9), min_size=1, max_size=50))
def test_a_book_that_ticks_in_time_is_never_called_silent(gaps: list[float]) -> None:
    watch = TopicWatch()
    watch.ask((BOOK,), 0.0)
    now_s = 0.0
    for gap in gaps:
        now_s += gap
        assert not list(watch.fallen_silent(now_s))
        watch.tick(BOOK, now_s)


def test_a_topic_asked_again_in_vain_is_asked_ever_more_seldom_and_told_once(
    watch: TopicWatch,
) -> None:
    told, asked = 0, []
    watch.take((TRADES,))
    for now_s in range(0, 7_200, 5):
        told += sum(topic == BOOK for topic in watch.fallen_silent(now_s))
        for topic, answered in list(watch.due(now_s)):
            assert (topic, answered) == (BOOK, False)
            asked.append(now_s)
            watch.ask((topic,), now_s)
    assert told == 1
    waits = [after - before for before, after in pairwise(asked)]
    assert waits == sorted(waits)
    assert waits[-1] <= MOST_AGAIN_S + ANSWER_S + 10
    assert 10 < len(asked) < 20


def test_one_silent_topic_is_no_deaf_connection_and_all_of_them_are() -> None:
    quotes = [Topic(Channel.QUOTES, InstrumentId(MarketId(4), f"C{n}USDT")) for n in range(3)]
    watch = TopicWatch()
    watch.ask(quotes, 0.0)

    def pass_time(begin_s: int, end_s: int, alive: list[Topic]) -> float | None:
        for now_s in range(begin_s, end_s):
            for topic in alive:
                watch.tick(topic, now_s)
            list(watch.fallen_silent(now_s))
            again = [topic for topic, _ in watch.due(now_s)]
            watch.ask(again, now_s)
            watch.take(again)
            if watch.deaf(now_s, 0.0):
                return now_s
        return None

    assert pass_time(0, 60, quotes) is None
    assert pass_time(60, 4_000, quotes[1:]) is None
    deaf_s = pass_time(4_000, 9_000, [])
    assert deaf_s is not None
    assert deaf_s - 4_000 < MOST_DEAF_S
