"""The bus: messages from whoever publishes to every group that listens, at least once.

1. A *group* is one listener, of as many consumers as it likes: each message goes to one of them.
   A group is remembered from its first subscription on, whether anybody is there or not.
2. A message that is received has to be acknowledged. One that is not, within `redeliver_s`, or that
   is given back, is delivered again, to any consumer of the group; after `attempts` deliveries it
   goes to the topic's dead letters, with why.
3. Order: within a topic messages come in the order of publishing; redeliveries come late.
4. What a topic promises when readers are slow is said in `topics`.

It carries bytes and looks at none of them. It is never between a decision and its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from bowline.core.errors import Conflict
from bowline.runtime.bus.topics import Topic

#: deliveries before a message is a dead letter
ATTEMPTS = 5
#: seconds that a consumer may hold a message without an acknowledgement
REDELIVER_S = 30.0


class BusFull(Conflict):
    """A topic holds as many unread facts as it may; the publisher has to wait."""

    @classmethod
    def of(cls, topic: Topic, slow: Sequence[str]) -> BusFull:
        """`slow` are the groups that do not read."""
        return cls(
            f"{topic.name} holds {topic.holds} messages; not read by {', '.join(sorted(slow))}",
            hint="facts are never dropped: see why that reader is slow or gone, then publish again",
        )


class Message(Struct, frozen=True):
    """`key` names what the message is about; of a market topic the newest of a key counts.

    `attempt` counts deliveries to this group, from 1.
    """

    topic: str
    id: str
    key: str
    body: bytes
    attempt: int = 1


class DeadLetter(Struct, frozen=True):
    """A message that a group could not use, and why."""

    message: Message
    group: str
    why: str


class Subscription(Protocol):
    """One consumer of a group."""

    async def receive(self, most: int = 100, wait_s: float = 1.0) -> Sequence[Message]:
        """Up to `most` messages, waiting up to `wait_s` for the first; none is no error."""

    async def ack(self, messages: Sequence[Message]) -> None:
        """They are done with, for the whole group."""

    async def give_back(self, message: Message, why: str) -> None:
        """It could not be handled now: deliver it again, or bury it if it has had its attempts."""

    async def close(self) -> None:
        """Stop; what was not acknowledged goes to other consumers."""


class Bus(Protocol):
    """A bus, in memory or in a server."""

    async def publish(self, topic: Topic, body: bytes, *, key: str = "") -> str:
        """Hand a message over; its id. Raises BusFull for a topic of facts that is full."""

    async def subscribe(self, topic: Topic, group: str, consumer: str) -> Subscription:
        """Listen as `consumer` of `group`, from where the group is.

        A new group begins with what the topic still holds.
        """

    async def dead_letters(self, topic: Topic) -> Sequence[DeadLetter]:
        """What could not be used, oldest first."""

    async def close(self) -> None:
        """Let go of everything."""
