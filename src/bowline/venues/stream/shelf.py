"""The books of one connection: each with its keeper, and a fresh start for a doubted one.

Nothing is believed here that its keeper does not believe, and no keeper outlives its connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import BookChanged, BookReplaced
from bowline.venues.books import BookKeeper, BookState, keeper_of
from bowline.venues.errors import VenueError
from bowline.venues.feed import Channel, FeedCodec, Topic, Unreadable
from bowline.venues.stream.notices import BookInvalid, BookValid, FeedSink, FrameUnreadable
from bowline.venues.stream.transport import Lost

#: between two starts of the same book; twice as long after each that did not hold
START_AGAIN_S = 1.0
MOST_START_AGAIN_S = 60.0
#: a subscription owes a whole book within this long
START_OWED_S = 10.0
#: a start that held this long was a good one
START_HELD_S = 30.0

#: body of a GET of this path at the venue. Raises VenueError.
Fetch = Callable[[str], Awaitable[bytes]]
#: between two frames that ask for the same start, if the first brings nothing
FRAME_AGAIN_S = 5.0


class Asking(Protocol):
    """What a connection does for its books. Both raise Lost."""

    async def resubscribe(self, topic: Topic) -> None:
        """End a topic and ask for it anew."""

    async def send(self, frame: bytes) -> None:
        """Send a frame."""


class Shelf:
    """`told` says whether the sink hears of these books."""

    def __init__(
        self,
        codec: FeedCodec,
        fetch: Fetch,
        asking: Asking,
        sink: FeedSink,
        now_ns: Callable[[], int],
        *,
        told: bool,
    ) -> None:
        self._codec = codec
        self._fetch = fetch
        self._asking = asking
        self._sink = sink
        self._now_ns = now_ns
        self._told = told
        self._keepers: dict[InstrumentId, BookKeeper] = {}
        self._starts: dict[InstrumentId, asyncio.Task[None]] = {}
        self._started_s: dict[InstrumentId, float] = {}
        self._again_s: dict[InstrumentId, float] = {}
        #: since when changes come without a start
        self._waiting_s: dict[InstrumentId, float] = {}

    def take(self, tick: BookReplaced | BookChanged, seen_ns: int) -> None:
        """What the venue said of a book."""
        keeper = self._keepers.get(tick.instrument)
        if keeper is None:
            keeper = self._keepers[tick.instrument] = keeper_of(self._codec, tick.instrument)
        was = keeper.state
        wanted = keeper.take(tick, seen_ns)
        if self._told:
            self._tell(keeper, tick.instrument, was, seen_ns)
        if wanted or (keeper.state is BookState.WAITING and self._overdue(tick.instrument)):
            self._start(tick.instrument)

    def _overdue(self, instrument: InstrumentId) -> bool:
        """Whether changes come of a book whose start does not."""
        now_s = asyncio.get_running_loop().time()
        return now_s - self._waiting_s.setdefault(instrument, now_s) > START_OWED_S

    def tell(self, seen_ns: int) -> None:
        """From now on the sink hears of these books, first of which may be believed."""
        self._told = True
        for instrument, keeper in self._keepers.items():
            if keeper.state is BookState.VALID:
                self._sink.notice(BookValid(instrument), seen_ns)
            else:
                self._sink.notice(BookInvalid(instrument, keeper.state.value), seen_ns)

    def hush(self) -> None:
        """From now on the sink hears of these books from another connection."""
        self._told = False

    def doubt(self, instrument: InstrumentId, reason: str) -> None:
        """The stream of a book begins anew: what is known of it no longer counts."""
        keeper = self._keepers.get(instrument)
        if keeper is None:
            return
        was_valid = keeper.state is BookState.VALID
        keeper.drop()
        if was_valid and self._told:
            self._sink.notice(BookInvalid(instrument, reason), self._now_ns())

    @property
    def valid(self) -> bool:
        """Whether every book that there is may be believed."""
        return all(keeper.state is BookState.VALID for keeper in self._keepers.values())

    def close(self) -> None:
        """The connection has ended: no book of it may be believed any more."""
        for task in self._starts.values():
            task.cancel()
        for instrument in self._keepers:
            self.doubt(instrument, "disconnected")

    def _tell(
        self, keeper: BookKeeper, instrument: InstrumentId, was: BookState, seen_ns: int
    ) -> None:
        if keeper.state is BookState.VALID:
            if was is not BookState.VALID:
                self._sink.notice(BookValid(instrument), seen_ns)
            self._sink.book(keeper, seen_ns)
        elif was is BookState.VALID:
            reason = keeper.reason or keeper.state
            self._sink.notice(BookInvalid(instrument, reason.value), seen_ns)

    def _start(self, instrument: InstrumentId) -> None:
        running = self._starts.get(instrument)
        if running is None or running.done() or running is asyncio.current_task():
            self._starts[instrument] = asyncio.create_task(self._fresh_start(instrument))

    async def _fresh_start(self, instrument: InstrumentId) -> None:
        clock = asyncio.get_running_loop().time
        last_s, again_s = self._started_s.get(instrument), START_AGAIN_S
        if last_s is not None:
            if clock() - last_s < START_HELD_S + self._again_s.get(instrument, 0.0):
                again_s = min(2 * self._again_s[instrument], MOST_START_AGAIN_S)
            await asyncio.sleep(max(0.0, last_s + again_s - clock()))
        self._started_s[instrument], self._again_s[instrument] = clock(), again_s
        if not self._codec.rules(Channel.BOOK).snapshot_by_rest:
            self.doubt(instrument, "resubscribed")
            self._waiting_s[instrument] = clock()
            with suppress(Lost):  # whoever reads the socket sees the same loss
                await self._asking.resubscribe(Topic(Channel.BOOK, instrument))
            return
        asked = self._codec.snapshot_path(instrument)
        if isinstance(asked, str):
            self.take(await self._whole(instrument, asked), self._now_ns())
            return
        with suppress(Lost):
            while self._keepers[instrument].state in {BookState.BUFFERING, BookState.INVALID}:
                await self._asking.send(asked)
                await asyncio.sleep(FRAME_AGAIN_S)

    async def _whole(self, instrument: InstrumentId, path: str) -> BookReplaced:
        """The book by REST, asked for until it comes, no sooner than the venue wants."""
        wait_s = START_AGAIN_S
        while True:
            try:
                return self._codec.decode_snapshot(instrument, await self._fetch(path))
            except (VenueError, Unreadable) as error:
                note = f"the start of a book, {path}: {error.message}"
                self._sink.notice(FrameUnreadable(path, note), self._now_ns())
                named_s = getattr(error, "after_s", 0.0)
            await asyncio.sleep(max(wait_s, named_s))
            wait_s = min(2 * wait_s, MOST_START_AGAIN_S)
