"""The bus of one process, in memory: nothing of it survives, and the journal is why it need not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic

from msgspec import Struct
from msgspec.structs import replace

from bowline.runtime.bus.protocol import ATTEMPTS, REDELIVER_S, BusFull, DeadLetter, Message
from bowline.runtime.bus.topics import Promise, Topic

#: dead letters kept a topic
DEAD_KEPT = 1_000
#: how often a waiting consumer looks for messages that others have held too long
LOOK_EVERY_S = 0.5


class _Terms(Struct, frozen=True):
    redeliver_s: float
    attempts: int
    clock_s: Callable[[], float]


class _Group:
    """What a group has still to read, and what its consumers hold."""

    def __init__(self, name: str, topic: Topic, dead: deque[DeadLetter], terms: _Terms) -> None:
        self.name = name
        self._facts = topic.promise is Promise.FACTS
        self._dead = dead
        self._terms = terms
        self._unread: deque[Message] = deque()
        #: of a market topic: the newest message of each key, in the order of their publishing
        self._newest: dict[str, Message] = {}
        self._held: dict[str, tuple[Message, float, str]] = {}
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._unread) + len(self._newest) + len(self._held)

    def add(self, message: Message) -> None:
        if self._facts:
            self._unread.append(message)
        else:
            self._newest.pop(message.key, None)
            self._newest[message.key] = message
        self._news.set()

    def take(self, most: int, consumer: str) -> list[Message]:
        now_s = self._terms.clock_s()
        self._reclaim(now_s)
        messages: list[Message] = []
        while len(messages) < most and (self._unread or self._newest):
            newest = self._newest
            message = self._unread.popleft() if self._unread else newest.pop(next(iter(newest)))
            messages.append(message)
            self._held[message.id] = message, now_s, consumer
        return messages

    def ack(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._held.pop(message.id, None)

    def give_back(self, message_id: str, why: str) -> None:
        """Deliver a held message again, or bury it if it has had its attempts."""
        held = self._held.pop(message_id, None)
        if held is None:
            return
        message = held[0]
        if message.attempt >= self._terms.attempts:
            self._dead.append(DeadLetter(message, self.name, why))
            return
        again = replace(message, attempt=message.attempt + 1)
        if self._facts:
            self._unread.appendleft(again)
        else:
            self._newest.setdefault(message.key, again)
        self._news.set()

    def leave(self, consumer: str) -> None:
        mine = [id_ for id_, (_, _, who) in self._held.items() if who == consumer]
        for id_ in reversed(mine):
            self.give_back(id_, f"{consumer} left")

    def _reclaim(self, now_s: float) -> None:
        then_s = now_s - self._terms.redeliver_s
        late = [(id_, who) for id_, (_, since_s, who) in self._held.items() if since_s <= then_s]
        for id_, who in reversed(late):
            self.give_back(id_, f"{who} did not acknowledge it")

    async def news(self, wait_s: float) -> None:
        """Wait for a message, or for a look at what is held."""
        self._news.clear()
        try:
            async with asyncio.timeout(min(wait_s, LOOK_EVERY_S)):
                await self._news.wait()
        except TimeoutError:
            return


class _Channel:
    def __init__(self) -> None:
        self.kept: deque[Message] = deque()
        self.groups: dict[str, _Group] = {}
        self.dead: deque[DeadLetter] = deque(maxlen=DEAD_KEPT)


class MemoryBus:
    """See `Bus`. `clock_s` is monotonic seconds."""

    def __init__(
        self,
        *,
        redeliver_s: float = REDELIVER_S,
        attempts: int = ATTEMPTS,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self._terms = _Terms(redeliver_s, attempts, clock_s)
        self._channels: dict[str, _Channel] = {}
        self._ids = count(1)

    async def publish(self, topic: Topic, body: bytes, *, key: str = "") -> str:
        """Hand a message over; its id. Raises BusFull."""
        channel = self._channel(topic)
        groups = channel.groups.values()
        slow = [group.name for group in groups if len(group) >= topic.holds]
        if slow and topic.promise is Promise.FACTS:
            raise BusFull.of(topic, slow)
        message = Message(topic.name, str(next(self._ids)), key, body)
        for group in groups:
            group.add(message)
        channel.kept.append(message)
        while len(channel.kept) > topic.holds:
            channel.kept.popleft()
        return message.id

    async def subscribe(self, topic: Topic, group: str, consumer: str) -> MemorySubscription:
        """Listen as `consumer` of `group`."""
        channel = self._channel(topic)
        if group not in channel.groups:
            fresh = channel.groups[group] = _Group(group, topic, channel.dead, self._terms)
            for message in channel.kept:
                fresh.add(message)
        return MemorySubscription(channel.groups[group], consumer, self._terms.clock_s)

    async def dead_letters(self, topic: Topic) -> Sequence[DeadLetter]:
        """What could not be used, oldest first."""
        return tuple(self._channel(topic).dead)

    async def close(self) -> None:
        """Nothing is held outside this process."""

    def _channel(self, topic: Topic) -> _Channel:
        return self._channels.setdefault(topic.name, _Channel())


class MemorySubscription:
    """See `Subscription`."""

    def __init__(self, group: _Group, consumer: str, clock_s: Callable[[], float]) -> None:
        self._group = group
        self._consumer = consumer
        self._clock_s = clock_s

    async def receive(self, most: int = 100, wait_s: float = 1.0) -> Sequence[Message]:
        """Up to `most` messages."""
        end_s = self._clock_s() + wait_s
        while not (messages := self._group.take(most, self._consumer)):
            left_s = end_s - self._clock_s()
            if left_s <= 0:
                break
            await self._group.news(left_s)
        return messages

    async def ack(self, messages: Sequence[Message]) -> None:
        """They are done with."""
        self._group.ack(messages)

    async def give_back(self, message: Message, why: str) -> None:
        """Deliver it again, or bury it."""
        self._group.give_back(message.id, why)

    async def close(self) -> None:
        """What this consumer holds goes back."""
        self._group.leave(self._consumer)
