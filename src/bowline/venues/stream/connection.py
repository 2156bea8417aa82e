"""One connection of a feed, from opening to its end: subscriptions, pings, watchdogs.

A connection runs once. Its end is raised as `Disconnected`; its supervisor decides about the next
one. Ticks are passed on inside the frame callback: no queue and no task lies between.

1. Subscriptions are sent no faster than the venue allows, and each answer has a time limit.
2. A refused request that does not name the bad topic is split in halves until that topic stands
   alone: it must not cost the good ones.
3. A silent topic is requested again at growing intervals, and so is a refused one. One silent topic
   ends nothing. If all are silent for much longer than ever before, the connection is stalled: a
   venue that answers pings may still send nothing.
4. A connection without any frame for `idle_timeout_s` is dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import (
    BookChanged,
    BookReplaced,
    CandleSeen,
    QuoteChanged,
    QuotePart,
    TradePrinted,
)
from bowline.venues.feed_codec import (
    ClosingAnnounced,
    ControlMessage,
    DecodeError,
    FeedChannel,
    FeedCodec,
    FeedRules,
    FeedTopic,
    PingReceived,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.stream.connection_books import ConnectionBooks, FetchSnapshot
from bowline.venues.stream.feed_events import (
    FeedSink,
    FrameUnreadable,
    TopicLive,
    TopicRefused,
    TopicSilent,
)
from bowline.venues.stream.topic_monitor import TopicMonitor, TopicState
from bowline.venues.stream.transport import Connect, Disconnected, Socket

WATCHDOG_INTERVAL_S = 0.25

_CHANNELS = {TradePrinted: FeedChannel.TRADES, CandleSeen: FeedChannel.CANDLES}


class Connection:
    """Some topics of one codec over one socket.

    `active`: whether the sink gets everything. From a connection on standby it gets only candles,
    and trades with an id, because repetitions of these do no harm.
    """

    def __init__(
        self,
        codec: FeedCodec,
        rules: FeedRules,
        fetch: FetchSnapshot,
        sink: FeedSink,
        now_ns: Callable[[], int],
        *,
        active: bool = True,
    ) -> None:
        self._codec = codec
        self._rules = rules
        self._sink = sink
        self._now_ns = now_ns
        self._active = active
        self._monitor = TopicMonitor()
        self._books = ConnectionBooks(codec, fetch, self, sink, now_ns, active=active)
        self._requests: dict[int, tuple[FeedTopic, ...]] = {}
        self._replies: asyncio.Queue[PingReceived] = asyncio.Queue()
        #: topics still to be requested, and whether they were requested before
        self._pending: asyncio.Queue[tuple[tuple[FeedTopic, ...], bool]] = asyncio.Queue()
        self._clock_s = asyncio.get_running_loop().time
        self._opened_s = self._last_frame_s = self._last_ping_s = self._clock_s()
        self._socket: Socket | None = None
        self._all_requested = False
        #: the last complete quote, for venues that send one side at a time
        self._quotes: dict[InstrumentId, QuoteChanged] = {}
        #: set when the venue announces the end of this connection
        self.closing = asyncio.Event()

    async def run(self, connect: Connect, url: str, topics: Sequence[FeedTopic]) -> None:
        """Open, subscribe, receive. Ends only with Disconnected or by cancellation."""
        self._socket = await connect(url, self._on_frame)
        self._opened_s = self._last_frame_s = self._last_ping_s = self._clock_s()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._wait_closed(self._socket))
                tasks.create_task(self._subscribe(topics))
                tasks.create_task(self._send_replies())
                tasks.create_task(self._run_watchdogs())
        except ExceptionGroup as group:
            raise first_cause(group) from None
        finally:
            self._books.close()
            await self._socket.close()

    def activate(self) -> None:
        """From now on the sink gets everything."""
        self._active = True
        self._books.activate(self._now_ns())

    def deactivate(self) -> None:
        """From now on this connection is on standby."""
        self._active = False
        self._books.deactivate()

    @property
    def settled(self) -> bool:
        """Whether every topic was answered and every book is valid."""
        return self._all_requested and self._monitor.settled and self._books.all_valid

    # --- frames ---------------------------------------------------------------------------------

    def _on_frame(self, frame: bytes) -> None:
        seen_ns = self._now_ns()
        self._last_frame_s = self._clock_s()
        try:
            items = self._codec.decode(frame)
        except DecodeError as error:
            self._sink.event(FrameUnreadable(self._rules.url, error.message), seen_ns)
            return
        for item in items:
            if isinstance(item, BookReplaced | BookChanged):
                self._record_tick(FeedTopic(FeedChannel.BOOK, item.instrument), seen_ns)
                self._books.apply(item, seen_ns)
            elif isinstance(item, TradePrinted | CandleSeen):
                self._record_tick(FeedTopic(_CHANNELS[type(item)], item.instrument), seen_ns)
                # repeated trades without ids cannot be recognised: on standby they are dropped
                if self._active or isinstance(item, CandleSeen) or item.trade_id:
                    self._sink.tick(item, seen_ns)
            elif isinstance(item, QuoteChanged | QuotePart):
                self._quote(item, seen_ns)
            else:
                self._handle_control(item, seen_ns)

    def _quote(self, tick: QuoteChanged | QuotePart, seen_ns: int) -> None:
        """Pass a quote on; one side of a quote is merged into the last complete one."""
        if isinstance(tick, QuotePart):
            before = self._quotes.get(tick.instrument)
            if before is None:
                return
            tick = tick.after(before)
        self._quotes[tick.instrument] = tick
        self._record_tick(FeedTopic(FeedChannel.QUOTES, tick.instrument), seen_ns)
        if self._active:
            self._sink.tick(tick, seen_ns)

    def _record_tick(self, topic: FeedTopic, seen_ns: int) -> None:
        if self._monitor.tick(topic, self._last_frame_s) and self._active:
            self._sink.event(TopicLive(topic), seen_ns)

    def _handle_control(self, control: ControlMessage, seen_ns: int) -> None:
        match control:
            case Subscribed(request, topics, channel):
                self._monitor.acknowledge(topics or self._topics_answered(request, channel))
            case SubscriptionRefused():
                self._handle_refusal(control, seen_ns)
            case PingReceived():
                self._replies.put_nowait(control)
            case ClosingAnnounced():
                self.closing.set()
            case PongReceived():
                pass

    def _handle_refusal(self, refused: SubscriptionRefused, seen_ns: int) -> None:
        """Report a refused topic; split a refused request whose bad topic is not named."""
        topics_of_request = self._requests.get(refused.request or 0, ())
        if not refused.topics and len(topics_of_request) > 1:
            half = len(topics_of_request) // 2
            self._pending.put_nowait((topics_of_request[:half], False))
            self._pending.put_nowait((topics_of_request[half:], False))
            return
        for topic in refused.topics or topics_of_request:
            if self._monitor.refuse(topic, self._last_frame_s):
                self._sink.event(TopicRefused(topic, refused.code, refused.message), seen_ns)

    def _topics_answered(
        self, request: int | None, channel: FeedChannel | None
    ) -> tuple[FeedTopic, ...]:
        """The topics of a request; without a number, of the first unanswered one of the channel."""
        if channel is None:
            return self._requests.get(request or 0, ())
        for topics in self._requests.values():
            waiting = [t for t in topics if self._monitor.state(t) is TopicState.REQUESTED]
            if any(topic.channel is channel for topic in waiting):
                return topics
        return ()

    # --- requests -----------------------------------------------------------------------------

    async def _subscribe(self, topics: Sequence[FeedTopic]) -> None:
        """Request all topics, then whatever becomes pending, as fast as the venue allows."""
        size, pause_s = self._rules.topics_per_frame, 1 / self._rules.frames_per_second
        for at in range(0, len(topics), size):
            await self._request(topics[at : at + size])
            await asyncio.sleep(pause_s)
        self._all_requested = True
        while True:
            pending, repeated = await self._pending.get()
            await self._request(pending, repeated=repeated)
            await asyncio.sleep(pause_s)

    async def _request(self, topics: Sequence[FeedTopic], *, repeated: bool = False) -> None:
        assert self._socket is not None, "nothing can be asked before the connection is open"
        request = len(self._requests) + 1
        self._requests[request] = tuple(topics)
        frames = self._codec.unsubscribe(topics, request) if repeated else []
        self._monitor.request(topics, self._clock_s())
        for frame in (*frames, *self._codec.subscribe(topics, request)):
            await self._socket.send(frame)

    async def resubscribe(self, topic: FeedTopic) -> None:
        """Unsubscribe a topic and subscribe to it again. Raises Disconnected."""
        await self._request([topic], repeated=True)

    async def send(self, frame: bytes) -> None:
        """Send a frame. Raises Disconnected."""
        assert self._socket is not None
        await self._socket.send(frame)

    async def _send_replies(self) -> None:
        assert self._socket is not None
        while True:
            reply = await self._replies.get()
            await self._socket.send(reply.frame, binary=reply.binary)

    # --- watchdogs --------------------------------------------------------------------------------

    async def _wait_closed(self, socket: Socket) -> None:
        raise Disconnected(await socket.wait_closed())

    async def _run_watchdogs(self) -> None:
        while True:
            await asyncio.sleep(WATCHDOG_INTERVAL_S)
            now_s = self._clock_s()
            if now_s - self._last_frame_s > self._rules.idle_timeout_s:
                raise Disconnected(f"no frame for {self._rules.idle_timeout_s:g} s")
            await self._ping_if_due(now_s)
            self._report_silent(now_s)
            self._retry_due(now_s)

    async def _ping_if_due(self, now_s: float) -> None:
        ping = self._rules.ping
        if ping is not None and now_s - self._last_ping_s >= self._rules.ping_interval_s:
            assert self._socket is not None
            self._last_ping_s = now_s
            await self._socket.send(ping)

    def _report_silent(self, now_s: float) -> None:
        for topic in tuple(self._monitor.newly_silent(now_s)):
            if self._active:
                self._sink.event(TopicSilent(topic), self._now_ns())
            if topic.channel is FeedChannel.BOOK:
                self._books.invalidate(topic.instrument, "silent")
        if stalled := self._monitor.stalled(now_s, self._opened_s):
            first = f"{stalled[0].channel} of {stalled[0].instrument.symbol}"
            more = f" and {len(stalled) - 1} more" if len(stalled) > 1 else ""
            raise Disconnected(f"asked again and still silent: {first}{more}")

    def _retry_due(self, now_s: float) -> None:
        """Request due topics again; one that was never acknowledged alone, for it may be bad."""
        due = tuple(self._monitor.due_for_retry(now_s))
        working = [topic for topic, acknowledged in due if acknowledged]
        size = self._rules.topics_per_frame
        for at in range(0, len(working), size):
            self._pending.put_nowait((tuple(working[at : at + size]), True))
        for topic, acknowledged in due:
            if not acknowledged:
                self._pending.put_nowait(((topic,), False))


def first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """A bug if there is one, else the first loss: it caused the others."""
    leaves = [first_cause(e) if isinstance(e, BaseExceptionGroup) else e for e in group.exceptions]
    return next((each for each in leaves if not isinstance(each, Disconnected)), leaves[0])
