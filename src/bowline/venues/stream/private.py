"""An account's stream kept alive, with REST beside it: every fill once, whatever is lost.

It knows no venue: what is particular is the codec's. It must never end because a venue does, tell
a fill twice, let an order go backwards, or let a key into what it shows.

1. Open, log in, ask for everything; each owes an answer in time. A venue that does not take the
   key is asked seldom.
2. A connection on which no frame comes for as long as the codec says is dead, one that is soon too
   old for its venue is followed by another, and a listen key is kept alive.
3. REST is asked after every connection, every half minute, and soon where something is owed: an
   order filled by more than its fills, a frame that could not be read, a state nobody knows.
4. What REST tells first and the stream not within a grace, though it was live, is missed: a stream
   that answers pings and says nothing is deaf, and is opened anew.
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
from bowline.venues.errors import Rejected, VenueError
from bowline.venues.feed import Unreadable
from bowline.venues.private import LoginRefused, PrivateCodec, Report, UnreadableItem, Untold
from bowline.venues.protocol import UnreadableRow, Venue
from bowline.venues.rest import Credentials
from bowline.venues.stream.account_book import FillBook, Holdings, Owed, fill_key, order_key
from bowline.venues.stream.account_notices import (
    AccountNotice,
    AccountSink,
    KeyRefused,
    OrderInDoubt,
    RestAsked,
    RestSilent,
    RowUnreadable,
    StreamLive,
    StreamLost,
    StreamMissed,
)
from bowline.venues.stream.account_session import LOOK_EVERY_S, AccountSession
from bowline.venues.stream.backoff import Backoff
from bowline.venues.stream.connection import cause_of
from bowline.venues.stream.line import HELD_S
from bowline.venues.stream.notices import FrameUnreadable
from bowline.venues.stream.second_source import SecondSource, Subject, subject_of
from bowline.venues.stream.stream_key import StreamKeys
from bowline.venues.stream.transport import Connect, Lost

#: REST is asked at least this often, and after something odd this soon, but no faster
ASK_EVERY_S = 30.0
ASK_SOON_S = 2.0
#: after what the stream tells by halves every time
ASK_UNTOLD_S = 10.0
#: a fill waits this long for its order
HOLD_S = 2.0
#: the stream may tell this much later than REST
GRACE_S = 5.0
#: a key that was refused is not shown again before
REFUSED_AGAIN_S = 30.0
#: of what cannot be read so much is remembered, to tell each once
MOST_DOUBTED = 1_000
#: what an order owes is asked for this often at once; then every half minute is enough
ASK_FOR_OWED = 3


class AccountStream:
    """One account in one market. `place` says where a venue's URL really lies.

    `venue_now_ns` is the venue's clock: logins are signed with it. `cursors` are what a former
    stream's `cursors` were; without them fills count from the start.
    """

    def __init__(
        self,
        codec: PrivateCodec,
        venue: Venue,
        keys: StreamKeys,
        connect: Connect,
        credentials: Credentials,
        sink: AccountSink,
        *,
        now_ns: Callable[[], int],
        venue_now_ns: Callable[[], int],
        random: Random,
        place: Callable[[str], str] = str,
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
        self._place = place
        self._backoff = Backoff(random)
        self.fills, self.holdings = FillBook(), Holdings()
        self._touched = _Touches()
        self._second = SecondSource(
            venue,
            self.fills,
            self.holdings,
            self._touched,
            self._found,
            self._doubtful,
            instruments=instruments,
            cursors=cursors,
            since_ns=venue_now_ns(),
        )
        self._ask = asyncio.Event()
        self._ask_at_s = inf
        self._live_since_ns: int | None = None
        self._missed: dict[object, tuple[OrderReport | FillReport, float]] = {}
        #: since when, and how often it was asked for
        self._owed: dict[Owed, tuple[float, int]] = {}
        self._session: AccountSession | None = None
        self._doubted: dict[UnreadableRow | OrderReport, None] = {}

    @property
    def cursors(self) -> Mapping[InstrumentId, str]:
        """How far REST has told the fills of each instrument."""
        return self._second.cursors

    def placed(self, report: OrderReport) -> None:
        """An order was sent: it is looked up if the stream does not tell of it."""
        self._take(report)

    async def run(self) -> None:
        """Keep the account told until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected())
            tasks.create_task(self._ask_rest())
            tasks.create_task(self._look())

    # --- the stream -------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            opened_s, session = clock(), AccountSession(self._codec, self._hear, self._now_heard)
            self._session = session
            try:
                await self._lived(session)
            except (Lost, VenueError) as lost:
                self._live_since_ns = None
                self._missed.clear()
                if clock() - opened_s > HELD_S:
                    self._backoff.worked()
                wait_s = max(self._backoff.next_s(), getattr(lost, "after_s", 0.0))
                if session.refused:
                    wait_s = max(wait_s, REFUSED_AGAIN_S)
                self._notice(StreamLost(str(lost), wait_s))
            await asyncio.sleep(wait_s)

    async def _lived(self, session: AccountSession) -> None:
        """One connection, in a task of its own.

        A group of tasks that fails in the moment in which it is cancelled forgets that it was.
        """
        living = asyncio.create_task(self._live(session))
        try:
            await asyncio.wait({living})
        except asyncio.CancelledError:
            living.cancel()
            with suppress(asyncio.CancelledError, Lost, VenueError):
                await living
            raise
        living.result()

    async def _live(self, session: AccountSession) -> None:
        """One connection. Raises Lost, or VenueError where its key could not be had."""
        rules = self._codec.rules
        key = await self._keys.ask() if rules.listen_key else ""
        url = self._place(rules.url)
        if rules.listen_key:
            url += f"{'&' if '?' in url else '?'}{rules.listen_key.parameter}={key}"
        try:
            socket = await self._connect(url, self._on_frame)
        except Lost as lost:
            said = str(lost).replace(key, "***") if key else str(lost)
            raise Lost(said, after_s=lost.after_s) from None
        age_s = rules.connection_lives_s * self._random.uniform(0.90, 0.97)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.open(socket, self._credentials, self._venue_now_ns))
                tasks.create_task(session.answer(socket))
                tasks.create_task(session.watch(socket, age_s))
                if rules.listen_key:
                    tasks.create_task(self._keys.keep(key, rules.listen_key.lives_s))
        except ExceptionGroup as group:
            raise cause_of(group) from None
        finally:
            await socket.close()

    def _now_heard(self) -> None:
        self._live_since_ns = self._venue_now_ns()
        self._notice(StreamLive())
        self._ask.set()

    def _on_frame(self, frame: bytes) -> None:
        assert self._session is not None
        try:
            items = self._session.read(frame)
        except Unreadable as error:
            self._notice(FrameUnreadable(self._codec.rules.url, error.message))
            self._want()
            return
        for item in items:
            self._session.take(item)

    def _hear(self, item: Report | LoginRefused | Untold | UnreadableItem) -> None:
        """What the stream told."""
        if isinstance(item, UnreadableItem):
            self._notice(FrameUnreadable(self._codec.rules.url, item.why))
            self._want()
            return
        if isinstance(item, LoginRefused):
            self._notice(KeyRefused(item.code, item.message))
            return
        if isinstance(item, Untold):
            self._want(ASK_UNTOLD_S)
            return
        if (subject := subject_of(item)) is not None:
            self._touched.touch(subject)
        match item:
            case OrderReport():
                self._missed.pop(order_key(item), None)
            case FillReport():
                self._missed.pop(fill_key(item), None)
        self._take(item)
        if isinstance(item, OrderReport) and item.state is OrderState.UNKNOWN:
            self._notice(OrderInDoubt(item))
            self._want()

    # --- both -------------------------------------------------------------------------------------

    def _found(self, report: Report) -> None:
        """What REST told."""
        clock_s = asyncio.get_running_loop().time()
        if isinstance(report, OrderReport) and report.state is OrderState.UNKNOWN:
            self._doubtful(report)
        news = self._take(report)
        since_ns = self._live_since_ns
        if not news or since_ns is None or not isinstance(report, OrderReport | FillReport):
            return
        if report.event_ns > since_ns:
            key = order_key(report) if isinstance(report, OrderReport) else fill_key(report)
            self._missed.setdefault(key, (report, clock_s + GRACE_S))

    def _doubtful(self, what: UnreadableRow | OrderReport) -> None:
        """What REST told and nobody can read; each once."""
        if what in self._doubted:
            return
        self._doubted[what] = None
        if len(self._doubted) > MOST_DOUBTED:
            del self._doubted[next(iter(self._doubted))]
        if isinstance(what, OrderReport):
            self._notice(OrderInDoubt(replace(what, state=OrderState.UNKNOWN)))
        else:
            self._notice(RowUnreadable(what))

    def _take(self, report: Report) -> bool:
        """Tell what is news of a report; whether there was any."""
        seen_ns = self._now_ns()
        match report:
            case OrderReport():
                self._second.touch(report.instrument)
                news: Iterable[Report] = self.fills.order(report)
            case FillReport():
                self._second.touch(report.instrument)
                known = self.fills.knows(report)
                self._tell(self.fills.fill(report, seen_ns), seen_ns)
                return not known
            case PositionReport():
                self._second.touch(report.instrument)
                news = self.holdings.position(report)
            case Balance():
                news = self.holdings.balance(report)
        news = tuple(news)
        self._tell(news, seen_ns)
        return bool(news)

    def _tell(self, reports: Iterable[Report], seen_ns: int) -> None:
        for report in reports:
            self._sink.report(report, seen_ns)

    def _notice(self, notice: AccountNotice) -> None:
        self._sink.notice(notice, self._now_ns())

    def _want(self, after_s: float = 0.0) -> None:
        """REST is to be asked by then."""
        self._ask_at_s = min(self._ask_at_s, asyncio.get_running_loop().time() + after_s)

    # --- REST -------------------------------------------------------------------------------------

    async def _ask_rest(self) -> None:
        while True:
            self._ask.clear()
            self._ask_at_s = inf
            wait_s = ASK_SOON_S
            try:
                await self._second.ask()
                self._notice(RestAsked())
            except VenueError as error:
                self._notice(RestSilent(error.message))
                wait_s = max(wait_s, getattr(error, "after_s", ASK_SOON_S))
                self._ask.set()
                if isinstance(error, Rejected):
                    wait_s = REFUSED_AGAIN_S
            await asyncio.sleep(wait_s)
            try:
                async with asyncio.timeout(ASK_EVERY_S - ASK_SOON_S):
                    await self._ask.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        """Let go of fills whose orders do not come; ask for what is owed; tell what was missed."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            seen_ns = self._now_ns()
            self._tell(self.fills.release(seen_ns - int(HOLD_S * SECOND_NS)), seen_ns)
            self._ask_for_owed(clock())
            if clock() >= self._ask_at_s:
                self._ask.set()
            late = [key for key, (_, due_s) in self._missed.items() if due_s < clock()]
            for key in late:
                self._notice(StreamMissed(self._missed.pop(key)[0]))
            if late and self._session is not None:
                self._session.end("it does not tell what happens")

    def _ask_for_owed(self, now_s: float) -> None:
        known, self._owed = self._owed, {}
        for each in self.fills.owed:
            since_s, asked = known.get(each, (now_s, 0))
            if asked < ASK_FOR_OWED and now_s - since_s > ASK_SOON_S * (asked + 1):
                self._want()
                asked += 1
            self._owed[each] = (since_s, asked)


class _Touches:
    """When the stream last spoke of each thing."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[Subject, int] = {}

    def touch(self, subject: Subject) -> None:
        self._count += 1
        self._last[subject] = self._count

    def count(self) -> int:
        return self._count

    def since(self, subject: Subject, count: int) -> bool:
        return self._last.get(subject, 0) > count
