"""A line: topics that share one connection at a time, and always another one after it.

1. A connection that is lost is followed by another, after a jittered wait that grows.
2. One that is soon too old for its venue, or that the venue announces to end, is relieved: the
   next one is opened beside it, and only when that one is settled the old one goes. Trades and
   candles are taken from both meanwhile, a trade once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import CandleSeen, QuoteChanged, TradePrinted
from bowline.venues.books import BookKeeper
from bowline.venues.feed import FeedCodec, FeedRules, Topic
from bowline.venues.stream.backoff import Backoff
from bowline.venues.stream.connection import Connection
from bowline.venues.stream.notices import ConnectionLost, FeedSink, Notice
from bowline.venues.stream.shelf import Fetch
from bowline.venues.stream.transport import Connect, Lost

#: a connection that held this long has worked
HELD_S = 30.0
#: how long a successor may take to settle before it is taken as it is, or given up
SETTLE_S = 30.0
#: trades remembered an instrument, to know one that comes again
REMEMBERED = 2_000


class Line:
    """The topics of one URL that one connection may carry."""

    def __init__(
        self,
        codec: FeedCodec,
        rules: FeedRules,
        url: str,
        topics: Sequence[Topic],
        connect: Connect,
        fetch: Fetch,
        sink: FeedSink,
        now_ns: Callable[[], int],
        random: Random,
    ) -> None:
        self._codec = codec
        self._rules = rules
        self._fetch = fetch
        self._url = url
        self._topics = tuple(topics)
        self._connect = connect
        self._once = OnceSink(sink)
        self._sink = sink
        self._now_ns = now_ns
        self._random = random
        self._backoff = Backoff(random)

    async def run(self) -> None:
        """Keep the topics alive until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            opened_s = clock()
            try:
                await self._in_turn()
            except Lost as lost:
                if clock() - opened_s > HELD_S:
                    self._backoff.worked()
                wait_s = max(self._backoff.next_s(), lost.after_s)
                notice = ConnectionLost(self._url, str(lost), self._topics, wait_s)
                self._sink.notice(notice, self._now_ns())
            await asyncio.sleep(wait_s)

    def _connection(self, *, told: bool) -> Connection:
        return Connection(
            self._codec, self._rules, self._fetch, self._once, self._now_ns, told=told
        )

    async def _in_turn(self) -> None:
        """One connection, and each that relieves the one before. Raises Lost."""
        present = self._connection(told=True)
        living = asyncio.create_task(present.live(self._connect, self._url, self._topics))
        try:
            while True:
                await self._old_enough(present, living)
                present, living = await self._relieve(present, living)
        finally:
            await _cancelled(living)

    async def _old_enough(self, present: Connection, living: asyncio.Task[None]) -> None:
        """Wait until a connection has to be relieved. Raises what ends it before."""
        # a venue closes at its limit to the second: be early, and not all at once
        age_s = self._rules.connection_lives_s * self._random.uniform(0.90, 0.97)
        closing = asyncio.create_task(present.closing.wait())
        try:
            done, _ = await asyncio.wait(
                {living, closing}, timeout=age_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            closing.cancel()
        if living in done:
            await living

    async def _relieve(
        self, present: Connection, living: asyncio.Task[None]
    ) -> tuple[Connection, asyncio.Task[None]]:
        """Open a successor beside the present one; it takes over when it is settled.

        If it does not settle, the present one goes on, if it still lives.
        """
        clock = asyncio.get_running_loop().time
        successor = self._connection(told=False)
        following = asyncio.create_task(successor.live(self._connect, self._url, self._topics))
        end_s = clock() + SETTLE_S
        try:
            while clock() < end_s and not following.done() and not living.done():
                await asyncio.sleep(0.05)
                if successor.settled:
                    break
            if following.done() and not living.done():
                return await self._stay(present, living)
        except asyncio.CancelledError:
            await _cancelled(following)
            raise
        # the old one is hushed first: no book is told of by both in turns
        present.hush()
        successor.tell()
        await _cancelled(living)
        return successor, following

    async def _stay(
        self, present: Connection, living: asyncio.Task[None]
    ) -> tuple[Connection, asyncio.Task[None]]:
        present.closing.clear()
        await asyncio.wait({living}, timeout=self._backoff.next_s())
        return present, living


class OnceSink:
    """Hands on everything, but no trade that it has handed on lately."""

    def __init__(self, sink: FeedSink) -> None:
        self._sink = sink
        self._seen: dict[InstrumentId, dict[str, None]] = {}

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        """A tick; a trade once."""
        if isinstance(tick, TradePrinted) and tick.trade_id:
            seen = self._seen.setdefault(tick.instrument, {})
            if tick.trade_id in seen:
                return
            seen[tick.trade_id] = None
            if len(seen) > REMEMBERED:
                del seen[next(iter(seen))]
        self._sink.tick(tick, seen_ns)

    def book(self, keeper: BookKeeper, seen_ns: int) -> None:
        """A book has changed."""
        self._sink.book(keeper, seen_ns)

    def notice(self, notice: Notice, seen_ns: int) -> None:
        """Something about the feed itself."""
        self._sink.notice(notice, seen_ns)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Lost):
        await task
