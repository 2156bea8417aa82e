"""Supervision of the connection of some topics: one at a time, replaced before or after it ends.

1. A lost connection is followed by another, after a wait with backoff and jitter.
2. A connection that is soon too old for its venue, or whose end the venue announces, is replaced:
   a successor is opened beside it and takes over when it has settled. Meanwhile trades and candles
   are taken from both, each trade once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import CandleSeen, QuoteChanged, TradePrinted
from bowline.venues.feed_codec import FeedCodec, FeedRules, FeedTopic
from bowline.venues.local_book import LocalBook
from bowline.venues.stream.backoff import Backoff
from bowline.venues.stream.connection import Connection
from bowline.venues.stream.connection_books import FetchSnapshot
from bowline.venues.stream.feed_events import ConnectionLost, FeedEvent, FeedSink
from bowline.venues.stream.transport import Connect, Disconnected

#: a connection that lasted this long resets the backoff
STABLE_S = 30.0
#: how long a successor may take to settle before it takes over as it is, or is given up
TAKEOVER_TIMEOUT_S = 30.0
#: trade ids remembered per instrument, to recognise repetitions
MAX_TRADE_IDS = 2_000


class ConnectionSupervisor:
    """Keeps the topics of one connection alive; `url` is where to connect."""

    def __init__(
        self,
        *,
        codec: FeedCodec,
        rules: FeedRules,
        url: str,
        topics: Sequence[FeedTopic],
        connect: Connect,
        fetch: FetchSnapshot,
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
        self._deduplicated = DeduplicatingSink(sink)
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
                await self._run_connections()
            except Disconnected as lost:
                if clock() - opened_s > STABLE_S:
                    self._backoff.reset()
                wait_s = max(self._backoff.next_s(), lost.after_s)
                event = ConnectionLost(self._url, str(lost), self._topics, wait_s)
                self._sink.event(event, self._now_ns())
            await asyncio.sleep(wait_s)

    def _connection(self, *, active: bool) -> Connection:
        return Connection(
            self._codec, self._rules, self._fetch, self._deduplicated, self._now_ns, active=active
        )

    async def _run_connections(self) -> None:
        """Run a connection and its successors. Raises Disconnected."""
        current = self._connection(active=True)
        running = asyncio.create_task(current.run(self._connect, self._url, self._topics))
        try:
            while True:
                await self._until_replacement_due(current, running)
                current, running = await self._replace(current, running)
        finally:
            await _cancel(running)

    async def _until_replacement_due(
        self, current: Connection, running: asyncio.Task[None]
    ) -> None:
        """Wait until a connection has to be replaced. Raises what ends it before that."""
        # venues close at their limit to the second: be early, and not all at once
        age_s = self._rules.connection_lifetime_s * self._random.uniform(0.90, 0.97)
        closing = asyncio.create_task(current.closing.wait())
        try:
            done, _ = await asyncio.wait(
                {running, closing}, timeout=age_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            closing.cancel()
        if running in done:
            await running

    async def _replace(
        self, current: Connection, running: asyncio.Task[None]
    ) -> tuple[Connection, asyncio.Task[None]]:
        """Open a successor beside the current connection; it takes over when it has settled.

        If the successor fails, the current one goes on, if it is still open.
        """
        clock = asyncio.get_running_loop().time
        successor = self._connection(active=False)
        starting = asyncio.create_task(successor.run(self._connect, self._url, self._topics))
        end_s = clock() + TAKEOVER_TIMEOUT_S
        try:
            while clock() < end_s and not starting.done() and not running.done():
                await asyncio.sleep(0.05)
                if successor.settled:
                    break
            if starting.done() and not running.done():
                return await self._keep_current(current, running)
        except asyncio.CancelledError:
            await _cancel(starting)
            raise
        # the old one is deactivated first: no book may come from both in turns
        current.deactivate()
        successor.activate()
        await _cancel(running)
        return successor, starting

    async def _keep_current(
        self, current: Connection, running: asyncio.Task[None]
    ) -> tuple[Connection, asyncio.Task[None]]:
        current.closing.clear()
        await asyncio.wait({running}, timeout=self._backoff.next_s())
        return current, running


class DeduplicatingSink:
    """Passes everything on, but no trade twice."""

    def __init__(self, sink: FeedSink) -> None:
        self._sink = sink
        self._seen: dict[InstrumentId, dict[str, None]] = {}

    def tick(self, tick: TradePrinted | QuoteChanged | CandleSeen, seen_ns: int) -> None:
        """Pass a tick on, a trade once."""
        if isinstance(tick, TradePrinted) and tick.trade_id:
            seen = self._seen.setdefault(tick.instrument, {})
            if tick.trade_id in seen:
                return
            seen[tick.trade_id] = None
            if len(seen) > MAX_TRADE_IDS:
                del seen[next(iter(seen))]
        self._sink.tick(tick, seen_ns)

    def book(self, local_book: LocalBook, seen_ns: int) -> None:
        """A valid book changed."""
        self._sink.book(local_book, seen_ns)

    def event(self, event: FeedEvent, seen_ns: int) -> None:
        """The state of the feed changed."""
        self._sink.event(event, seen_ns)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, Disconnected):
        await task
