"""One connection of a feed, from opening to its end: subscriptions, pings, watchdogs.

It lives once. What ends it is told as `Lost`; whether there is another is its line's to decide.
Ticks are handed on inside the frame's own callback: no queue and no task lies between.

1. Subscriptions are sent no faster than the venue allows, and each owes an answer in time.
2. A request that is refused without saying for which topic is halved and sent again, until the bad
   topic stands alone: it must not cost the good ones.
3. A topic that falls silent is asked for again, and then ever more seldom, as a refused one is. One
   silent topic ends nothing; if all are silent for much longer than ever before, the connection is
   deaf: a venue that answers pings may still say nothing.
4. A connection on which no frame at all comes for `silent_after_s` is dead.
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
        #: what is to be asked for, and whether it was asked for before
        self._wanted: asyncio.Queue[tuple[tuple[Topic, ...], bool]] = asyncio.Queue()
        self._clock_s = asyncio.get_running_loop().time
        self._opened_s = self._heard_s = self._pinged_s = self._clock_s()
        self._socket: Socket | None = None
        self._all_asked = False
        #: the last whole quote, of instruments whose venue tells parts
        self._quotes: dict[InstrumentId, QuoteChanged] = {}
        #: set when the venue says that it will end this connection
        self.closing = asyncio.Event()

    async def live(self, connect: Connect, url: str, topics: Sequence[Topic]) -> None:
        """Open, subscribe, watch. Returns only by raising Lost, or when cancelled."""
        self._socket = await connect(url, self._on_frame)
        self._opened_s = self._heard_s = self._pinged_s = self._clock_s()
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
            case SubscriptionRefused():
                self._take_refusal(control, seen_ns)
            case Answer():
                self._answers.put_nowait(control)
            case Closing():
                self.closing.set()
            case Pong():
                pass

    def _take_refusal(self, refused: SubscriptionRefused, seen_ns: int) -> None:
        """One topic is refused; of several that the venue does not tell apart, halves are tried."""
        asked = self._requests.get(refused.request or 0, ())
        if not refused.topics and len(asked) > 1:
            half = len(asked) // 2
            self._wanted.put_nowait((asked[:half], False))
            self._wanted.put_nowait((asked[half:], False))
            return
        for topic in refused.topics or asked:
            if self._watch.refuse(topic, self._heard_s):
                self._sink.notice(TopicRefused(topic, refused.code, refused.message), seen_ns)

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
        """Ask for all, then for whatever is to be asked for again, as fast as the venue allows."""
        size, pause_s = self._rules.topics_a_frame, 1 / self._rules.frames_a_second
        for at in range(0, len(topics), size):
            await self._ask(topics[at : at + size])
            await asyncio.sleep(pause_s)
        self._all_asked = True
        while True:
            wanted, again = await self._wanted.get()
            await self._ask(wanted, again=again)
            await asyncio.sleep(pause_s)

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
            self._tell_the_silent(now_s)
            self._want_again(now_s)

    async def _ping(self, now_s: float) -> None:
        ping = self._rules.ping
        if ping is not None and now_s - self._pinged_s >= self._rules.ping_every_s:
            assert self._socket is not None
            self._pinged_s = now_s
            await self._socket.send(ping)

    def _tell_the_silent(self, now_s: float) -> None:
        for topic in tuple(self._watch.fallen_silent(now_s)):
            if self._told:
                self._sink.notice(TopicSilent(topic), self._now_ns())
            if topic.channel is Channel.BOOK:
                self._shelf.doubt(topic.instrument, "silent")
        if deaf := self._watch.deaf(now_s, self._opened_s):
            first = f"{deaf[0].channel} of {deaf[0].instrument.symbol}"
            more = f" and {len(deaf) - 1} more" if len(deaf) > 1 else ""
            raise Lost(f"asked again and still silent: {first}{more}")

    def _want_again(self, now_s: float) -> None:
        """Ask again for what is due; what the venue never took alone, for it may be a bad one."""
        due = tuple(self._watch.due(now_s))
        taken = [topic for topic, answered in due if answered]
        size = self._rules.topics_a_frame
        for at in range(0, len(taken), size):
            self._wanted.put_nowait((tuple(taken[at : at + size]), True))
        for topic, answered in due:
            if not answered:
                self._wanted.put_nowait(((topic,), False))


def cause_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """A bug if there is one, else the first loss: the others followed from it."""
    leaves = [cause_of(e) if isinstance(e, BaseExceptionGroup) else e for e in group.exceptions]
    return next((each for each in leaves if not isinstance(each, Lost)), leaves[0])
