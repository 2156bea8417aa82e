"""One connection of a feed, from opening to its end: subscriptions, pings, watchdogs.

It lives once. What ends it is told as `Lost`; whether there is another is its line's to decide.
Ticks are handed on inside the frame's own callback: no queue and no task lies between.

1. Subscriptions are sent no faster than the venue allows, and each owes an answer in time.
2. A topic that falls silent is asked for again. If that brings nothing either, the connection is
   dead: a venue that answers pings may still say nothing.
3. A connection on which no frame at all comes for `silent_after_s` is dead.
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
from bowline.venues.feed import (
    Answer,
    Channel,
    Closing,
    Control,
    FeedCodec,
    FeedRules,
    Pong,
    Subscribed,
    SubscriptionRefused,
    Topic,
    Unreadable,
)
from bowline.venues.stream.notices import (
    FeedSink,
    FrameUnreadable,
    TopicLive,
    TopicRefused,
    TopicSilent,
)
from bowline.venues.stream.shelf import Fetch, Shelf
from bowline.venues.stream.transport import Connect, Lost, Socket
from bowline.venues.stream.watch import TopicState, TopicWatch

#: how often the watchdogs look
LOOK_EVERY_S = 0.25
#: a refused topic is asked for again this often
REFUSED_AGAIN_S = 60.0

_CHANNELS = {TradePrinted: Channel.TRADES, CandleSeen: Channel.CANDLES}


class Connection:
    """Some topics of one codec over one socket.

    `told`: whether the sink hears of everything. A connection that stands by for another tells it
    of candles and of trades with an id alone, of which a repetition does no harm.
    """

    def __init__(
        self,
        codec: FeedCodec,
        rules: FeedRules,
        fetch: Fetch,
        sink: FeedSink,
        now_ns: Callable[[], int],
        *,
        told: bool = True,
    ) -> None:
        self._codec = codec
        self._rules = rules
        self._sink = sink
        self._now_ns = now_ns
        self._told = told
        self._watch = TopicWatch()
        self._shelf = Shelf(codec, fetch, self, sink, now_ns, told=told)
        self._requests: dict[int, tuple[Topic, ...]] = {}
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self._clock_s = asyncio.get_running_loop().time
        self._heard_s = self._pinged_s = self._clock_s()
        self._socket: Socket | None = None
        self._all_asked = False
        #: the last whole quote, of instruments whose venue tells parts
        self._quotes: dict[InstrumentId, QuoteChanged] = {}
        #: set when the venue says that it will end this connection
        self.closing = asyncio.Event()

    async def live(self, connect: Connect, url: str, topics: Sequence[Topic]) -> None:
        """Open, subscribe, watch. Returns only by raising Lost, or when cancelled."""
        self._socket = await connect(url, self._on_frame)
        self._heard_s = self._pinged_s = self._clock_s()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._end(self._socket))
                tasks.create_task(self._subscribe(topics))
                tasks.create_task(self._answer())
                tasks.create_task(self._look())
        except ExceptionGroup as group:
            raise cause_of(group) from None
        finally:
            self._shelf.close()
            await self._socket.close()

    def tell(self) -> None:
        """From now on the sink hears of everything."""
        self._told = True
        self._shelf.tell(self._now_ns())

    def hush(self) -> None:
        """From now on another connection tells the sink."""
        self._told = False
        self._shelf.hush()

    @property
    def settled(self) -> bool:
        """Whether every topic is answered for and every book may be believed."""
        return self._all_asked and self._watch.settled and self._shelf.valid

    # --- frames ---------------------------------------------------------------------------------

    def _on_frame(self, frame: bytes) -> None:
        seen_ns = self._now_ns()
        self._heard_s = self._clock_s()
        try:
            items = self._codec.decode(frame)
        except Unreadable as error:
            self._sink.notice(FrameUnreadable(self._rules.url, error.message), seen_ns)
            return
        for item in items:
            if isinstance(item, BookReplaced | BookChanged):
                self._hear(Topic(Channel.BOOK, item.instrument), seen_ns)
                self._shelf.take(item, seen_ns)
            elif isinstance(item, TradePrinted | CandleSeen):
                self._hear(Topic(_CHANNELS[type(item)], item.instrument), seen_ns)
                # nobody knows a trade without an id again: only who tells hands it on
                if self._told or isinstance(item, CandleSeen) or item.trade_id:
                    self._sink.tick(item, seen_ns)
            elif isinstance(item, QuoteChanged | QuotePart):
                self._quote(item, seen_ns)
            else:
                self._obey(item, seen_ns)

    def _quote(self, tick: QuoteChanged | QuotePart, seen_ns: int) -> None:
        """Hand on a quote; a part of one counts once a whole one is known."""
        if isinstance(tick, QuotePart):
            before = self._quotes.get(tick.instrument)
            if before is None:
                return
            tick = tick.after(before)
        self._quotes[tick.instrument] = tick
        self._hear(Topic(Channel.QUOTES, tick.instrument), seen_ns)
        if self._told:
            self._sink.tick(tick, seen_ns)

    def _hear(self, topic: Topic, seen_ns: int) -> None:
        if self._watch.tick(topic, self._heard_s) and self._told:
            self._sink.notice(TopicLive(topic), seen_ns)

    def _obey(self, control: Control, seen_ns: int) -> None:
        match control:
            case Subscribed(request, topics, channel):
                self._watch.take(topics or self._meant(request, channel))
            case SubscriptionRefused(code, message, request, topics):
                refused = topics or self._requests.get(request or 0, ())
                self._watch.refuse(refused, self._heard_s)
                for topic in refused:
                    self._sink.notice(TopicRefused(topic, code, message), seen_ns)
            case Answer():
                self._answers.put_nowait(control)
            case Closing():
                self.closing.set()
            case Pong():
                pass

    def _meant(self, request: int | None, channel: Channel | None) -> tuple[Topic, ...]:
        """The topics of a request; without a number, of the first of its channel that waits."""
        if channel is None:
            return self._requests.get(request or 0, ())
        for topics in self._requests.values():
            asked = [topic for topic in topics if self._watch.state(topic) is TopicState.ASKED]
            if any(topic.channel is channel for topic in asked):
                return topics
        return ()

    # --- what is sent -----------------------------------------------------------------------------

    async def _subscribe(self, topics: Sequence[Topic]) -> None:
        size = self._rules.topics_a_frame
        for at in range(0, len(topics), size):
            await self._ask(topics[at : at + size])
            await asyncio.sleep(1 / self._rules.frames_a_second)
        self._all_asked = True

    async def _ask(self, topics: Sequence[Topic], *, again: bool = False) -> None:
        assert self._socket is not None, "nothing can be asked before the connection is open"
        request = len(self._requests) + 1
        self._requests[request] = tuple(topics)
        frames = self._codec.unsubscribe(topics, request) if again else []
        self._watch.ask(topics, self._clock_s())
        for frame in (*frames, *self._codec.subscribe(topics, request)):
            await self._socket.send(frame)

    async def resubscribe(self, topic: Topic) -> None:
        """End a topic and ask for it anew. Raises Lost."""
        await self._ask([topic], again=True)

    async def send(self, frame: bytes) -> None:
        """Send a frame. Raises Lost."""
        assert self._socket is not None
        await self._socket.send(frame)

    async def _answer(self) -> None:
        assert self._socket is not None
        while True:
            answer = await self._answers.get()
            await self._socket.send(answer.frame, binary=answer.binary)

    # --- watchdogs --------------------------------------------------------------------------------

    async def _end(self, socket: Socket) -> None:
        raise Lost(await socket.ended())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now_s = self._clock_s()
            if now_s - self._heard_s > self._rules.silent_after_s:
                raise Lost(f"no frame for {self._rules.silent_after_s:g} s")
            await self._ping(now_s)
            await self._ask_the_silent(now_s)
            if refused := tuple(self._watch.refused_before(now_s - REFUSED_AGAIN_S)):
                await self._ask(refused)

    async def _ping(self, now_s: float) -> None:
        ping = self._rules.ping
        if ping is not None and now_s - self._pinged_s >= self._rules.ping_every_s:
            assert self._socket is not None
            self._pinged_s = now_s
            await self._socket.send(ping)

    async def _ask_the_silent(self, now_s: float) -> None:
        silent = tuple(self._watch.fallen_silent(now_s))
        if lost := sorted(self._watch.lost()):
            names = ", ".join(f"{each.channel} of {each.instrument.symbol}" for each in lost)
            raise Lost(f"asked again and still silent: {names}")
        for topic in silent:
            if self._told:
                self._sink.notice(TopicSilent(topic), self._now_ns())
            if topic.channel is Channel.BOOK:
                self._shelf.doubt(topic.instrument, "silent")
        if silent:
            await self._ask(silent, again=True)


def cause_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """A bug if there is one, else the first loss: the others followed from it."""
    leaves = [cause_of(e) if isinstance(e, BaseExceptionGroup) else e for e in group.exceptions]
    return next((each for each in leaves if not isinstance(each, Lost)), leaves[0])
