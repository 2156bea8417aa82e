"""A feed survives what venues do to it: B1, B2, B7, B10, B12, B13, B15, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from random import Random

import pytest
from msgspec.structs import replace

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.venue import Listing, Listings
from bowline.venues import FeedChannel, FeedRules, FeedTopic
from bowline.venues.bybit import BybitFeedCodec
from bowline.venues.stream import (
    BookInvalid,
    BookValid,
    ConnectionLost,
    FeedRunner,
    TopicLive,
    TopicRefused,
    TopicSilent,
)
from bowline.venues.stream.backoff import MAX_S
from bowline.venues.stream.connection import Connection
from tests.venues.stream.fake_venue import (
    BTC,
    CODEC,
    ETH,
    MARKET,
    FakeVenue,
    RecordingFeedSink,
    now_ns,
    now_s,
)
from tests.virtual_time import run_virtually

BOOKS = [FeedTopic(FeedChannel.BOOK, BTC), FeedTopic(FeedChannel.BOOK, ETH)]
TRADES = [FeedTopic(FeedChannel.TRADES, BTC), FeedTopic(FeedChannel.TRADES, ETH)]

Scene = Callable[[FakeVenue, RecordingFeedSink], Awaitable[None]]


async def no_rest(path: str) -> bytes:
    raise AssertionError("this venue's books need no REST")


class Codec:
    """Bybit's, with some rules changed."""

    def __init__(self, codec: BybitFeedCodec = CODEC, **changes: object) -> None:
        self._codec = codec
        self._changes = changes

    def __getattr__(self, name: str) -> object:
        return getattr(self._codec, name)

    def rules(self, channel: FeedChannel) -> FeedRules:
        return replace(self._codec.rules(channel), **self._changes)


def listings_of(*topics: FeedTopic) -> Listings:
    named = [each.instrument for each in topics]
    return Listings(Listing(Instrument(i), i.symbol, i.symbol[:-4], "USDT") for i in named)


@asynccontextmanager
async def running(
    venue: FakeVenue,
    heard: RecordingFeedSink,
    topics: list[FeedTopic],
    seed: int = 1,
    codec: Codec | None = None,
    **changes: object,
) -> AsyncIterator[asyncio.Task[None]]:
    runner = FeedRunner(
        codec or Codec(**changes), venue.connect, no_rest, heard, now_ns=now_ns, random=Random(seed)
    )
    task = asyncio.create_task(runner.run(topics))
    try:
        yield task
        assert not task.done(), "a feed never ends by itself"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)


def play(scene: Scene) -> tuple[FakeVenue, RecordingFeedSink]:
    venue, heard = FakeVenue(), RecordingFeedSink()

    async def main() -> None:
        await scene(venue, heard)
        assert venue.open == 0, "a connection was left open"

    run_virtually(main())
    return venue, heard


def test_topics_come_alive_and_books_are_told() -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        async with running(venue, heard, BOOKS + TRADES):
            await asyncio.sleep(10)

    _, heard = play(scene)
    assert {n.topic for _, n in heard.of(TopicLive)} == {*BOOKS, *TRADES}
    assert len(heard.of(BookValid)) == 2
    assert len(heard.books) > 150
    assert len(heard.trades) > 150


def test_a_part_of_a_quote_is_told_whole_once_a_whole_one_is_known() -> None:
    """Bybit tells the side that changed; what a listener hears is the quote."""
    quotes = []

    class Sink(RecordingFeedSink):
        def tick(self, tick: object, seen_ns: int) -> None:
            quotes.append(tick)

    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        connection = Connection(CODEC, CODEC.rules(FeedChannel.QUOTES), no_rest, Sink(), now_ns)
        hear = connection._on_frame

        def frame(kind: str, bids: str, asks: str) -> bytes:
            levels = f'{{"s":"BTCUSDT","b":{bids},"a":{asks},"u":5,"seq":5}}'
            text = f'{{"topic":"orderbook.1.BTCUSDT","type":"{kind}","ts":7,"data":{levels}}}'
            return text.encode()

        hear(frame("delta", '[["99","1"]]', "[]"))
        assert not quotes, "nobody knows the other side yet"
        hear(frame("snapshot", '[["100","1"]]', '[["101","2"]]'))
        hear(frame("delta", '[["100.5","3"]]', "[]"))
        hear(frame("delta", "[]", '[["101","0"]]'))

    play(scene)
    sides = [(quote.bid, quote.bid_size, quote.ask, quote.ask_size) for quote in quotes]
    assert sides == [(100, 1, 101, 2), (100.5, 3, 101, 2), (100.5, 3, 0, 0)]


def test_b1_a_lost_connection_is_followed_by_another_and_books_are_doubted_at_once() -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        async with running(venue, heard, BOOKS):
            await asyncio.sleep(5)
            venue.sockets[0].drop()
            lost_s = now_s()
            await asyncio.sleep(0.01)
            assert len(heard.of(BookInvalid)) == 2
            await asyncio.sleep(5)
            assert not [at for at, *_ in heard.books if lost_s < at < heard.of(BookValid)[2][0]]

    venue, heard = play(scene)
    (lost,) = heard.of(ConnectionLost)
    assert lost[1].why == "reset"
    assert set(lost[1].topics) == set(BOOKS)
    assert len(venue.opened_s) == 2
    assert len(heard.of(BookValid)) == 4


def test_b2_a_frozen_stream_whose_pings_are_answered_is_dead_within_half_a_minute() -> None:
    """Books are doubted after ten seconds; asking again brings nothing; another connection."""

    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        async with running(venue, heard, BOOKS, ping_interval_s=2):
            await asyncio.sleep(5)
            venue.frozen = True
            frozen_s = now_s()
            await asyncio.sleep(11)
            assert {type(n) for at, n in heard.events if at > frozen_s} == {
                TopicSilent,
                BookInvalid,
            }
            await asyncio.sleep(15)
            assert heard.of(ConnectionLost)
            venue.frozen = False
            await asyncio.sleep(60)
            assert heard.books[-1][0] > now_s() - 1, "it has recovered"

    venue, heard = play(scene)
    assert venue.pings > 10
    assert "still silent" in heard.of(ConnectionLost)[0][1].why


def test_a_connection_without_any_frame_is_dead() -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        async with running(venue, heard, TRADES, ping=None, idle_timeout_s=20):
            await asyncio.sleep(5)
            venue.frozen = True
            await asyncio.sleep(22)

    _, heard = play(scene)
    assert "no frame for 20 s" in heard.of(ConnectionLost)[0][1].why


def test_a_quiet_market_keeps_its_connection_and_is_asked_less_and_less() -> None:
    """It answers when it is asked again: quiet, not dead."""

    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        async with running(venue, heard, BOOKS, ping_interval_s=5):
            await asyncio.sleep(2)
            topic = "orderbook.50.ETHUSDT"
            while now_s() < 1_000 + 1_800:
                venue.mute.add(topic)
                asked = len(venue.subscribed)
                while len(venue.subscribed) == asked and now_s() < 1_000 + 1_800:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
                venue.mute.discard(topic)
                await asyncio.sleep(0.5)

    _, heard = play(scene)
    assert not heard.of(ConnectionLost)
    assert 3 <= len(heard.of(TopicSilent)) <= 14


def test_b10_one_refused_topic_of_many_is_told_and_asked_for_again_later() -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        venue.refuse.add("orderbook.50.ETHUSDT")
        async with running(venue, heard, [BOOKS[0]], topics_per_frame=1):
            pass
        async with running(venue, heard, BOOKS, topics_per_frame=1):
            await asyncio.sleep(30)
            assert {symbol for _, symbol, _ in heard.books} == {"BTCUSDT"}
            venue.refuse.clear()
            await asyncio.sleep(60)
            assert {symbol for _, symbol, _ in heard.books} == {"BTCUSDT", "ETHUSDT"}

    _, heard = play(scene)
    (refused,) = heard.of(TopicRefused)
    assert (refused[1].topic, refused[1].message) == (BOOKS[1], "no such topic")
    assert not heard.of(ConnectionLost)


@pytest.mark.parametrize("bad", [{"ETHUSDT"}, {"ETHUSDT", "C3USDT"}, {"C0USDT", "C9USDT"}])
def test_b10_a_bad_topic_among_ten_of_one_request_costs_no_other_one(bad: set[str]) -> None:
    """The venue refuses the request as a whole and does not say for which topic (Bybit, v5)."""
    names = ["ETHUSDT", *(f"C{n}USDT" for n in range(10))]
    topics = [FeedTopic(FeedChannel.BOOK, InstrumentId(MARKET.market_id, name)) for name in names]

    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        venue.whole_requests = True
        venue.refuse |= {f"orderbook.50.{name}" for name in bad}
        codec = Codec(BybitFeedCodec(MARKET, listings_of(*topics)), topics_per_frame=10)
        async with running(venue, heard, topics, codec=codec):
            await asyncio.sleep(20)
            assert {symbol for _, symbol, _ in heard.books} == set(names) - bad
            await asyncio.sleep(900)
            assert {symbol for at, symbol, _ in heard.books if at > now_s() - 1} == (
                set(names) - bad
            )

    venue, heard = play(scene)
    assert {event.topic.instrument.symbol for _, event in heard.of(TopicRefused)} == bad
    assert len(heard.of(TopicRefused)) == len(bad), "each is told once"
    assert not heard.of(ConnectionLost)
    refused_again = [at for at, word in venue.subscribed if word.rpartition(".")[2] in bad]
    assert len(refused_again) < 12 * len(bad), "and is asked for ever more seldom"


@pytest.mark.parametrize("every_s", [None, 45, 240])
def test_one_quiet_topic_of_many_ends_no_connection(every_s: int | None) -> None:
    """A delisted contract is acknowledged and never ticks; a thin one ticks now and then."""
    names = ["ETHUSDT", *(f"C{n}USDT" for n in range(3))]
    topics = [FeedTopic(FeedChannel.BOOK, InstrumentId(MARKET.market_id, name)) for name in names]
    word = "orderbook.50.ETHUSDT"

    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        venue.mute.add(word)
        codec = Codec(BybitFeedCodec(MARKET, listings_of(*topics)))
        async with running(venue, heard, topics, codec=codec):
            end_s = now_s() + 900
            while now_s() < end_s:
                await asyncio.sleep(every_s or 900)
                venue.mute.discard(word)
                await asyncio.sleep(0.3 if every_s else 0)
                venue.mute.add(word)

    _, heard = play(scene)
    assert not heard.of(ConnectionLost)
    ticks = [at for at, symbol, _ in heard.books if symbol == "C0USDT"]
    assert max(after - before for before, after in pairwise(ticks)) < 1
    silent = {event.topic.instrument.symbol for _, event in heard.of(TopicSilent)}
    assert silent == {"ETHUSDT"}


def test_b10_a_topic_acknowledged_and_never_served_is_found() -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        venue.mute.add("orderbook.50.ETHUSDT")
        async with running(venue, heard, BOOKS):
            await asyncio.sleep(15)

    _, heard = play(scene)
    assert [n.topic for _, n in heard.of(TopicSilent)] == [BOOKS[1]]


def test_b7_a_gap_doubts_one_book_and_asks_for_one_start() -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        async with running(venue, heard, BOOKS):
            await asyncio.sleep(5)
            asked = len(venue.subscribed)
            venue.skip = {200}
            await asyncio.sleep(30)
            assert len(venue.subscribed) == asked + 1, "one start, no storm"

    _, heard = play(scene)
    reasons = [invalid.reason for _, invalid in heard.of(BookInvalid)]
    assert reasons == ["gap", "disconnected", "disconnected"], "the last two at the end"
    assert len(heard.of(BookValid)) == 3


@pytest.mark.parametrize("numbered", [True, False])
def test_b12_an_old_connection_is_relieved_without_a_hole(numbered: bool) -> None:
    """No trade is missing or told twice, no book is silent for more than three ticks."""

    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        venue.numbered = numbered
        async with running(venue, heard, BOOKS + TRADES, connection_lifetime_s=100):
            await asyncio.sleep(450)

    venue, heard = play(scene)
    assert len(venue.opened_s) >= 4
    assert not heard.of(ConnectionLost)
    assert len(heard.of(BookInvalid)) == 2, "only at the end"
    for symbol in ("BTCUSDT", "ETHUSDT"):
        ats = [at for at, name, _ in heard.books if name == symbol]
        assert max(after - before for before, after in pairwise(ats)) < 0.35
        numbers = [int(t.rpartition("-")[2]) for t in heard.trades if symbol in t]
        assert numbers == sorted(set(numbers))
        missing = set(range(numbers[0], numbers[-1])) - set(numbers)
        assert len(missing) <= len(venue.opened_s) * 2, "no hole at a relief"


def test_b12_a_successor_that_cannot_come_leaves_the_present_one_alone() -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        async with running(venue, heard, BOOKS, connection_lifetime_s=100):
            await asyncio.sleep(50)
            venue.unreachable = True
            await asyncio.sleep(100)
            assert not heard.of(ConnectionLost)
            assert heard.books[-1][0] > now_s() - 1
            venue.unreachable = False

    play(scene)


@pytest.mark.parametrize("seed", range(5))
def test_b15_an_unreachable_venue_is_not_stormed(seed: int) -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        venue.unreachable = True
        async with running(venue, heard, BOOKS, seed):
            await asyncio.sleep(3_600)
            venue.unreachable = False
            await asyncio.sleep(MAX_S + 2)
            assert heard.books, "back within the longest wait"

    venue, _ = play(scene)
    # on average every 30 s
    assert 60 < len(venue.opened_s) < 240


def test_topics_are_shared_out_over_connections() -> None:
    async def scene(venue: FakeVenue, heard: RecordingFeedSink) -> None:
        async with running(venue, heard, BOOKS + TRADES, topics_per_connection=1):
            await asyncio.sleep(3)

    venue, heard = play(scene)
    assert len(venue.opened_s) == 4
    assert len(heard.of(TopicLive)) == 4
