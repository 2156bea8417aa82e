"""The bus in memory, for one process. Messages are lost when the process ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic

from msgspec import Struct
from msgspec.structs import replace

from bowline.runtime.bus.protocol import ATTEMPTS, REDELIVER_S, BusFull, DeadLetter, Message
from bowline.runtime.bus.topics import BusTopic, DeliveryMode

#: dead letters kept per topic
DEAD_KEPT = 1_000
#: how often a waiting consumer checks for messages that are due for redelivery
CHECK_EVERY_S = 0.5


class _Redelivery(Struct, frozen=True):
    redeliver_s: float
    attempts: int
    clock_s: Callable[[], float]


class _Group:
    """One consumer group of a topic: its unread and its unacknowledged messages."""

    def __init__(
        self, name: str, topic: BusTopic, dead: deque[DeadLetter], redelivery: _Redelivery
    ) -> None:
        self.name = name
        self._keeps_every = topic.mode is DeliveryMode.EVERY_MESSAGE
        self._dead = dead
        self._redelivery = redelivery
        self._unread: deque[Message] = deque()
        #: with LATEST_PER_KEY: the newest message of each key, in publishing order
        self._newest: dict[str, Message] = {}
        self._held: dict[str, tuple[Message, float, str]] = {}
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._unread) + len(self._newest) + len(self._held)

    def add(self, message: Message) -> None:
        if self._keeps_every:
            self._unread.append(message)
        else:
            self._newest.pop(message.key, None)
            self._newest[message.key] = message
        self._arrived.set()

    def deliver(self, limit: int, consumer: str) -> list[Message]:
        now_s = self._redelivery.clock_s()
        self._reclaim(now_s)
        messages: list[Message] = []
        while len(messages) < limit and (self._unread or self._newest):
            newest = self._newest
            message = self._unread.popleft() if self._unread else newest.pop(next(iter(newest)))
            messages.append(message)
            self._held[message.id] = message, now_s, consumer
        return messages

    def ack(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._held.pop(message.id, None)

    def nack(self, message_id: str, why: str) -> None:
        """Deliver an unacknowledged message again, or move it to the dead letters."""
        held = self._held.pop(message_id, None)
        if held is None:
            return
        message = held[0]
        if message.attempt >= self._redelivery.attempts:
            self._dead.append(DeadLetter(message, self.name, why))
            return
        again = replace(message, attempt=message.attempt + 1)
        if self._keeps_every:
            self._unread.appendleft(again)
        else:
            self._newest.setdefault(message.key, again)
        self._arrived.set()

    def detach(self, consumer: str) -> None:
        mine = [id_ for id_, (_, _, who) in self._held.items() if who == consumer]
        for id_ in reversed(mine):
            self.nack(id_, f"{consumer} left")

    def _reclaim(self, now_s: float) -> None:
        then_s = now_s - self._redelivery.redeliver_s
        late = [(id_, who) for id_, (_, since_s, who) in self._held.items() if since_s <= then_s]
        for id_, who in reversed(late):
            self.nack(id_, f"{who} did not acknowledge it")

    async def wait_for_message(self, wait_s: float) -> None:
        """Wait for a message, or until the next redelivery check is due."""
        self._arrived.clear()
        try:
            async with asyncio.timeout(min(wait_s, CHECK_EVERY_S)):
                await self._arrived.wait()
        except TimeoutError:
            return


class _TopicState:
    def __init__(self) -> None:
        self.retained: deque[Message] = deque()
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
        self._redelivery = _Redelivery(redeliver_s, attempts, clock_s)
        self._topics: dict[str, _TopicState] = {}
        self._ids = count(1)

    async def publish(self, topic: BusTopic, body: bytes, *, key: str = "") -> str:
        """Publish a message; returns its id. Raises BusFull."""
        state = self._state(topic)
        groups = state.groups.values()
        slow = [group.name for group in groups if len(group) >= topic.capacity]
        if slow and topic.mode is DeliveryMode.EVERY_MESSAGE:
            raise BusFull.of(topic, slow)
        message = Message(topic.name, str(next(self._ids)), key, body)
        for group in groups:
            group.add(message)
        state.retained.append(message)
        while len(state.retained) > topic.capacity:
            state.retained.popleft()
        return message.id

    async def subscribe(self, topic: BusTopic, group: str, consumer: str) -> MemorySubscription:
        """Subscribe as `consumer` of `group`."""
        state = self._state(topic)
        if group not in state.groups:
            fresh = state.groups[group] = _Group(group, topic, state.dead, self._redelivery)
            for message in state.retained:
                fresh.add(message)
        return MemorySubscription(state.groups[group], consumer, self._redelivery.clock_s)

    async def dead_letters(self, topic: BusTopic) -> Sequence[DeadLetter]:
        """The dead letters of a topic, oldest first."""
        return tuple(self._state(topic).dead)

    async def close(self) -> None:
        """Nothing to close: the bus holds no resource outside this process."""

    def _state(self, topic: BusTopic) -> _TopicState:
        return self._topics.setdefault(topic.name, _TopicState())


class MemorySubscription:
    """See `Subscription`."""

    def __init__(self, group: _Group, consumer: str, clock_s: Callable[[], float]) -> None:
        self._group = group
        self._consumer = consumer
        self._clock_s = clock_s

    async def receive(self, limit: int = 100, wait_s: float = 1.0) -> Sequence[Message]:
        """Up to `limit` messages."""
        end_s = self._clock_s() + wait_s
        while not (messages := self._group.deliver(limit, self._consumer)):
            left_s = end_s - self._clock_s()
            if left_s <= 0:
                break
            await self._group.wait_for_message(left_s)
        return messages

    async def ack(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages for the whole group."""
        self._group.ack(messages)

    async def nack(self, message: Message, why: str) -> None:
        """Deliver the message again, or move it to the dead letters."""
        self._group.nack(message.id, why)

    async def close(self) -> None:
        """Return this consumer's unacknowledged messages to the group."""
        self._group.detach(self._consumer)
