"""The books of one connection, and new snapshots for those that become invalid.

No book outlives its connection, and none is passed on that is not valid.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import BookChanged, BookReplaced
from bowline.venues.errors import VenueError
from bowline.venues.feed_codec import DecodeError, FeedChannel, FeedCodec, FeedTopic
from bowline.venues.local_book import BookState, LocalBook, local_book_of
from bowline.venues.stream.feed_events import BookInvalid, BookValid, FeedSink, FrameUnreadable
from bowline.venues.stream.transport import Disconnected

#: interval between two snapshots of a book; it doubles after one that was not stable
SNAPSHOT_RETRY_S = 1.0
MAX_SNAPSHOT_RETRY_S = 60.0
#: time limit of the snapshot after a subscription
SNAPSHOT_TIMEOUT_S = 10.0
#: a snapshot is stable if the book stayed valid this long
SNAPSHOT_STABLE_S = 30.0

#: the body of a GET of this path at the venue; raises VenueError
FetchSnapshot = Callable[[str], Awaitable[bytes]]
#: interval between two frames that request the same snapshot
REQUEST_RETRY_S = 5.0


class BookConnection(Protocol):
    """What a connection does for its books. Both methods raise Disconnected."""

    async def resubscribe(self, topic: FeedTopic) -> None:
        """Unsubscribe a topic and subscribe to it again."""

    async def send(self, frame: bytes) -> None:
        """Send a frame."""


class ConnectionBooks:
    """The books by instrument. `active`: whether the sink gets them."""

    def __init__(
        self,
        codec: FeedCodec,
        fetch: FetchSnapshot,
        connection: BookConnection,
        sink: FeedSink,
        now_ns: Callable[[], int],
        *,
        active: bool,
    ) -> None:
        self._codec = codec
        self._fetch = fetch
        self._connection = connection
        self._sink = sink
        self._now_ns = now_ns
        self._active = active
        self._local_books: dict[InstrumentId, LocalBook] = {}
        self._snapshot_tasks: dict[InstrumentId, asyncio.Task[None]] = {}
        self._last_snapshot_s: dict[InstrumentId, float] = {}
        self._retry_s: dict[InstrumentId, float] = {}
        #: since when changes arrive without a snapshot
        self._waiting_since_s: dict[InstrumentId, float] = {}

    def apply(self, tick: BookReplaced | BookChanged, seen_ns: int) -> None:
        """Apply a snapshot or change of a book."""
        local_book = self._local_books.get(tick.instrument)
        if local_book is None:
            local_book = self._local_books[tick.instrument] = local_book_of(
                self._codec, tick.instrument
            )
        was = local_book.state
        needs_snapshot = local_book.apply(tick, seen_ns)
        if self._active:
            self._report(local_book, tick.instrument, was, seen_ns)
        if needs_snapshot or (
            local_book.state is BookState.WAITING and self._snapshot_overdue(tick.instrument)
        ):
            self._request_snapshot(tick.instrument)

    def _snapshot_overdue(self, instrument: InstrumentId) -> bool:
        """Whether changes of a book have arrived for too long without a snapshot."""
        now_s = asyncio.get_running_loop().time()
        return now_s - self._waiting_since_s.setdefault(instrument, now_s) > SNAPSHOT_TIMEOUT_S

    def activate(self, seen_ns: int) -> None:
        """From now on the sink gets these books; first it gets the state of each."""
        self._active = True
        for instrument, local_book in self._local_books.items():
            if local_book.state is BookState.VALID:
                self._sink.event(BookValid(instrument), seen_ns)
            else:
                self._sink.event(BookInvalid(instrument, local_book.state.value), seen_ns)

    def deactivate(self) -> None:
        """From now on the sink gets these books from another connection."""
        self._active = False

    def invalidate(self, instrument: InstrumentId, reason: str) -> None:
        """Reset a book: its stream ended or begins again."""
        local_book = self._local_books.get(instrument)
        if local_book is None:
            return
        was_valid = local_book.state is BookState.VALID
        local_book.reset()
        if was_valid and self._active:
            self._sink.event(BookInvalid(instrument, reason), self._now_ns())

    @property
    def all_valid(self) -> bool:
        """Whether every book is valid."""
        return all(local_book.state is BookState.VALID for local_book in self._local_books.values())

    def close(self) -> None:
        """The connection has ended: reset every book."""
        for task in self._snapshot_tasks.values():
            task.cancel()
        for instrument in self._local_books:
            self.invalidate(instrument, "disconnected")

    def _report(
        self, local_book: LocalBook, instrument: InstrumentId, was: BookState, seen_ns: int
    ) -> None:
        if local_book.state is BookState.VALID:
            if was is not BookState.VALID:
                self._sink.event(BookValid(instrument), seen_ns)
            self._sink.book(local_book, seen_ns)
        elif was is BookState.VALID:
            reason = local_book.reason or local_book.state
            self._sink.event(BookInvalid(instrument, reason.value), seen_ns)

    def _request_snapshot(self, instrument: InstrumentId) -> None:
        running = self._snapshot_tasks.get(instrument)
        if running is None or running.done() or running is asyncio.current_task():
            self._snapshot_tasks[instrument] = asyncio.create_task(self._get_snapshot(instrument))

    async def _get_snapshot(self, instrument: InstrumentId) -> None:
        clock = asyncio.get_running_loop().time
        last_s, retry_s = self._last_snapshot_s.get(instrument), SNAPSHOT_RETRY_S
        if last_s is not None:
            if clock() - last_s < SNAPSHOT_STABLE_S + self._retry_s.get(instrument, 0.0):
                retry_s = min(2 * self._retry_s[instrument], MAX_SNAPSHOT_RETRY_S)
            await asyncio.sleep(max(0.0, last_s + retry_s - clock()))
        self._last_snapshot_s[instrument], self._retry_s[instrument] = clock(), retry_s
        if not self._codec.rules(FeedChannel.BOOK).snapshot_by_rest:
            self.invalidate(instrument, "resubscribed")
            self._waiting_since_s[instrument] = clock()
            with suppress(Disconnected):  # the reader of the socket reports it
                await self._connection.resubscribe(FeedTopic(FeedChannel.BOOK, instrument))
            return
        request = self._codec.snapshot_path(instrument)
        if isinstance(request, str):
            self.apply(await self._fetch_book(instrument, request), self._now_ns())
            return
        with suppress(Disconnected):
            while self._local_books[instrument].state in {BookState.BUFFERING, BookState.INVALID}:
                await self._connection.send(request)
                await asyncio.sleep(REQUEST_RETRY_S)

    async def _fetch_book(self, instrument: InstrumentId, path: str) -> BookReplaced:
        """The snapshot by REST, requested until it arrives, no faster than the venue allows."""
        wait_s = SNAPSHOT_RETRY_S
        while True:
            try:
                return self._codec.decode_snapshot(instrument, await self._fetch(path))
            except (VenueError, DecodeError) as error:
                message = f"the start of a book, {path}: {error.message}"
                self._sink.event(FrameUnreadable(path, message), self._now_ns())
                asked_wait_s = getattr(error, "after_s", 0.0)
            await asyncio.sleep(max(wait_s, asked_wait_s))
            wait_s = min(2 * wait_s, MAX_SNAPSHOT_RETRY_S)
