"""An account stream kept alive, with REST polled beside it: every fill once, whatever is lost.

It knows no venue; the codec holds the differences. It must never end because a venue fails, report
a fill twice, let an order go backwards, or show a key.

1. Connect, log in, subscribe to everything; each answer has a time limit. After a refused key the
   next attempt waits longer.
2. A connection without any frame for as long as the codec says is closed. One that is soon too old
   for its venue is followed by another. A listen key is renewed.
3. REST is polled after every connection, every half minute, and soon after a gap: an order that
   filled by more than its fills, an unreadable frame, an unknown state.
4. What REST returns first, and the stream not within a grace period although it was live, is
   missed: a stream that answers pings and delivers nothing is opened again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from math import inf
from random import Random

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import SECOND_NS
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.account_codec import (
    AccountCodec,
    AccountReport,
    IncompleteUpdate,
    LoginRefused,
    UnreadableItem,
)
from bowline.venues.errors import Rejected, VenueError
from bowline.venues.feed_codec import DecodeError
from bowline.venues.protocol import UnreadableRow, Venue
from bowline.venues.rest import Credentials
from bowline.venues.stream.account_events import (
    AccountEvent,
    AccountSink,
    KeyRefused,
    OrderStateUnknown,
    RestFailed,
    RestPolled,
    RowUnreadable,
    StreamLive,
    StreamLost,
    StreamMissed,
)
from bowline.venues.stream.account_session import WATCHDOG_INTERVAL_S, AccountSession
from bowline.venues.stream.account_state import (
    AccountHoldings,
    AccountOrders,
    MissingFills,
    fill_key,
    order_key,
)
from bowline.venues.stream.backoff import Backoff
from bowline.venues.stream.connection import first_cause
from bowline.venues.stream.feed_events import FrameUnreadable
from bowline.venues.stream.listen_key import ListenKeyClient
from bowline.venues.stream.rest_poller import RestPoller, Subject, subject_of
from bowline.venues.stream.supervisor import STABLE_S
from bowline.venues.stream.transport import Connect, Disconnected

#: longest and shortest interval between two polls of REST
POLL_INTERVAL_S = 30.0
POLL_SOON_S = 2.0
#: delay of the poll after an incomplete update, which some streams send every time
POLL_INCOMPLETE_S = 10.0
#: a fill is held this long for its order
FILL_HOLD_S = 2.0
#: the stream may report this much later than REST
STREAM_GRACE_S = 5.0
#: wait after a refused key
REFUSED_RETRY_S = 30.0
#: unreadable rows and unknown orders that are remembered, to report each once
MAX_UNREADABLE = 1_000
#: early polls for the missing fills of an order; after that the interval is enough
MAX_POLLS_FOR_FILLS = 3


class AccountStream:
    """One account in one market. `rewrite_url` maps a venue's URL to the one to connect to.

    `venue_now_ns`: the venue's clock, with which logins are signed. `cursors`: those of an earlier
    stream, to continue after it; without them fills count from the start of this one.
    """

    def __init__(
        self,
        codec: AccountCodec,
        venue: Venue,
        keys: ListenKeyClient,
        connect: Connect,
        credentials: Credentials,
        sink: AccountSink,
        *,
        now_ns: Callable[[], int],
        venue_now_ns: Callable[[], int],
        random: Random,
        rewrite_url: Callable[[str], str] = str,
        instruments: Iterable[InstrumentId] = (),
        cursors: Mapping[InstrumentId, str] | None = None,
    ) -> None:
        self._codec = codec
        self._keys = keys
        self._connect = connect
        self._credentials = credentials
        self._sink = sink
        self._now_ns = now_ns
        self._venue_now_ns = venue_now_ns
        self._random = random
        self._rewrite_url = rewrite_url
        self._backoff = Backoff(random)
        self.orders, self.holdings = AccountOrders(), AccountHoldings()
        self._stream_updates = _UpdateCounter()
        self._poller = RestPoller(
            venue,
            self.orders,
            self.holdings,
            self._stream_updates,
            self._on_rest_report,
            self._on_unreadable,
            instruments=instruments,
            cursors=cursors,
            since_ns=venue_now_ns(),
        )
        self._poll_now = asyncio.Event()
        self._poll_at_s = inf
        self._live_since_ns: int | None = None
        self._missed: dict[object, tuple[OrderReport | FillReport, float]] = {}
        #: since when, and how many polls were made for it
        self._missing_fills: dict[MissingFills, tuple[float, int]] = {}
        self._session: AccountSession | None = None
        self._unreadable: dict[UnreadableRow | OrderReport, None] = {}

    @property
    def cursors(self) -> Mapping[InstrumentId, str]:
        """How far the fills of each instrument were read by REST."""
        return self._poller.cursors

    def order_placed(self, report: OrderReport) -> None:
        """An order was sent: it is looked up if the stream does not report it."""
        self._apply(report)

    async def run(self) -> None:
        """Report everything about the account until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected())
            tasks.create_task(self._poll_rest())
            tasks.create_task(self._run_checks())

    # --- the stream -------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            opened_s = clock()
            session = AccountSession(self._codec, self._on_stream_message, self._on_live)
            self._session = session
            try:
                await self._run_session(session)
            except (Disconnected, VenueError) as lost:
                self._live_since_ns = None
                self._missed.clear()
                if clock() - opened_s > STABLE_S:
                    self._backoff.reset()
                wait_s = max(self._backoff.next_s(), getattr(lost, "after_s", 0.0))
                if session.refused:
                    wait_s = max(wait_s, REFUSED_RETRY_S)
                self._emit_event(StreamLost(str(lost), wait_s))
            await asyncio.sleep(wait_s)

    async def _run_session(self, session: AccountSession) -> None:
        """Run one connection in a task of its own.

        A TaskGroup that fails at the moment in which it is cancelled loses the cancellation.
        """
        running = asyncio.create_task(self._connect_and_run(session))
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError:
            running.cancel()
            with suppress(asyncio.CancelledError, Disconnected, VenueError):
                await running
            raise
        running.result()

    async def _connect_and_run(self, session: AccountSession) -> None:
        """Run one connection. Raises Disconnected, or VenueError if it gets no listen key."""
        rules = self._codec.rules
        key = await self._keys.create() if rules.listen_key else ""
        url = self._rewrite_url(rules.url)
        if rules.listen_key:
            url += f"{'&' if '?' in url else '?'}{rules.listen_key.parameter}={key}"
        try:
            socket = await self._connect(url, self._on_frame)
        except Disconnected as lost:
            said = str(lost).replace(key, "***") if key else str(lost)
            raise Disconnected(said, after_s=lost.after_s) from None
        max_age_s = rules.connection_lifetime_s * self._random.uniform(0.90, 0.97)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.open(socket, self._credentials, self._venue_now_ns))
                tasks.create_task(session.send_replies(socket))
                tasks.create_task(session.run_watchdog(socket, max_age_s))
                if rules.listen_key:
                    tasks.create_task(self._keys.keep_alive(key, rules.listen_key.lifetime_s))
        except ExceptionGroup as group:
            raise first_cause(group) from None
        finally:
            await socket.close()

    def _on_live(self) -> None:
        self._live_since_ns = self._venue_now_ns()
        self._emit_event(StreamLive())
        self._poll_now.set()

    def _on_frame(self, frame: bytes) -> None:
        assert self._session is not None
        try:
            items = self._session.decode(frame)
        except DecodeError as error:
            self._emit_event(FrameUnreadable(self._codec.rules.url, error.message))
            self._schedule_poll()
            return
        for item in items:
            self._session.handle(item)

    def _on_stream_message(
        self, item: AccountReport | LoginRefused | IncompleteUpdate | UnreadableItem
    ) -> None:
        """Apply what the stream delivered."""
        if isinstance(item, UnreadableItem):
            self._emit_event(FrameUnreadable(self._codec.rules.url, item.why))
            self._schedule_poll()
            return
        if isinstance(item, LoginRefused):
            self._emit_event(KeyRefused(item.code, item.message))
            return
        if isinstance(item, IncompleteUpdate):
            self._schedule_poll(POLL_INCOMPLETE_S)
            return
        if (subject := subject_of(item)) is not None:
            self._stream_updates.record(subject)
        match item:
            case OrderReport():
                self._missed.pop(order_key(item), None)
            case FillReport():
                self._missed.pop(fill_key(item), None)
        self._apply(item)
        if isinstance(item, OrderReport) and item.state is OrderState.UNKNOWN:
            self._emit_event(OrderStateUnknown(item))
            self._schedule_poll()

    # --- stream and REST --------------------------------------------------------------------------

    def _on_rest_report(self, report: AccountReport) -> None:
        """Apply what REST returned."""
        clock_s = asyncio.get_running_loop().time()
        if isinstance(report, OrderReport) and report.state is OrderState.UNKNOWN:
            self._on_unreadable(report)
        changes = self._apply(report)
        since_ns = self._live_since_ns
        if not changes or since_ns is None or not isinstance(report, OrderReport | FillReport):
            return
        if report.event_ns > since_ns:
            key = order_key(report) if isinstance(report, OrderReport) else fill_key(report)
            self._missed.setdefault(key, (report, clock_s + STREAM_GRACE_S))

    def _on_unreadable(self, what: UnreadableRow | OrderReport) -> None:
        """Report an unreadable row or unknown order of REST, each once."""
        if what in self._unreadable:
            return
        self._unreadable[what] = None
        if len(self._unreadable) > MAX_UNREADABLE:
            del self._unreadable[next(iter(self._unreadable))]
        if isinstance(what, OrderReport):
            self._emit_event(OrderStateUnknown(replace(what, state=OrderState.UNKNOWN)))
        else:
            self._emit_event(RowUnreadable(what))

    def _apply(self, report: AccountReport) -> bool:
        """Apply a report and emit what changed; returns whether anything did."""
        seen_ns = self._now_ns()
        match report:
            case OrderReport():
                self._poller.add_instrument(report.instrument)
                changes: Iterable[AccountReport] = self.orders.add_order(report)
            case FillReport():
                self._poller.add_instrument(report.instrument)
                known = self.orders.has_fill(report)
                self._emit(self.orders.add_fill(report, seen_ns), seen_ns)
                return not known
            case PositionReport():
                self._poller.add_instrument(report.instrument)
                changes = self.holdings.set_position(report)
            case Balance():
                changes = self.holdings.set_balance(report)
        changes = tuple(changes)
        self._emit(changes, seen_ns)
        return bool(changes)

    def _emit(self, reports: Iterable[AccountReport], seen_ns: int) -> None:
        for report in reports:
            self._sink.report(report, seen_ns)

    def _emit_event(self, event: AccountEvent) -> None:
        self._sink.event(event, self._now_ns())

    def _schedule_poll(self, after_s: float = 0.0) -> None:
        """Poll REST by then."""
        self._poll_at_s = min(self._poll_at_s, asyncio.get_running_loop().time() + after_s)

    # --- REST -------------------------------------------------------------------------------------

    async def _poll_rest(self) -> None:
        while True:
            self._poll_now.clear()
            self._poll_at_s = inf
            wait_s = POLL_SOON_S
            try:
                await self._poller.poll()
                self._emit_event(RestPolled())
            except VenueError as error:
                self._emit_event(RestFailed(error.message))
                wait_s = max(wait_s, getattr(error, "after_s", POLL_SOON_S))
                self._poll_now.set()
                if isinstance(error, Rejected):
                    wait_s = REFUSED_RETRY_S
            await asyncio.sleep(wait_s)
            try:
                async with asyncio.timeout(POLL_INTERVAL_S - POLL_SOON_S):
                    await self._poll_now.wait()
            except TimeoutError:
                continue

    async def _run_checks(self) -> None:
        """Release held fills, poll for missing fills, report what the stream missed."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(WATCHDOG_INTERVAL_S)
            seen_ns = self._now_ns()
            self._emit(self.orders.release_held(seen_ns - int(FILL_HOLD_S * SECOND_NS)), seen_ns)
            self._poll_for_missing_fills(clock())
            if clock() >= self._poll_at_s:
                self._poll_now.set()
            late = [key for key, (_, due_s) in self._missed.items() if due_s < clock()]
            for key in late:
                self._emit_event(StreamMissed(self._missed.pop(key)[0]))
            if late and self._session is not None:
                self._session.end("it does not tell what happens")

    def _poll_for_missing_fills(self, now_s: float) -> None:
        known, self._missing_fills = self._missing_fills, {}
        for each in self.orders.missing_fills:
            since_s, polls = known.get(each, (now_s, 0))
            if polls < MAX_POLLS_FOR_FILLS and now_s - since_s > POLL_SOON_S * (polls + 1):
                self._schedule_poll()
                polls += 1
            self._missing_fills[each] = (since_s, polls)


class _UpdateCounter:
    """When the stream last reported on each subject."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[Subject, int] = {}

    def record(self, subject: Subject) -> None:
        self._count += 1
        self._last[subject] = self._count

    def count(self) -> int:
        return self._count

    def since(self, subject: Subject, count: int) -> bool:
        return self._last.get(subject, 0) > count
