"""The protocol of the bus: at-least-once delivery from publishers to consumer groups.

1. A *group* has any number of consumers; each message goes to one of them. A group exists from its
   first subscription on, with or without a connected consumer.
2. A received message has to be acknowledged. A message that is not acknowledged within
   `redeliver_s`, or that is rejected (`nack`), is delivered again to any consumer of the group.
   After `attempts` deliveries it moves to the dead letters of its topic, with the reason.
3. Messages of a topic arrive in publishing order; redeliveries arrive late.
4. `topics` says how each topic treats slow consumers.

Message bodies are opaque bytes. The bus must never be on the path from a decision to its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from bowline.core.errors import Conflict
from bowline.runtime.bus.topics import BusTopic

#: deliveries before a message is a dead letter
ATTEMPTS = 5
#: seconds until an unacknowledged message is delivered again
REDELIVER_S = 30.0


class BusFull(Conflict):
    """A topic has reached its capacity of unread messages; the publisher has to wait."""

    @classmethod
    def of(cls, topic: BusTopic, slow: Sequence[str]) -> BusFull:
        """`slow` are the groups that have not read their messages."""
        return cls(
            f"topic {topic.name} is full: {topic.capacity} messages are not acknowledged by "
            f"{', '.join(sorted(slow))}",
            hint="messages of this topic are never dropped: start or repair that consumer, "
            "then publish again",
        )


class Message(Struct, frozen=True):
    """One message. `key` names its subject; LATEST_PER_KEY topics keep the newest per key.

    `attempt` counts deliveries to this group, from 1.
    """

    topic: str
    id: str
    key: str
    body: bytes
    attempt: int = 1


class DeadLetter(Struct, frozen=True):
    """A message that a group could not process, and the reason."""

    message: Message
    group: str
    why: str


class Subscription(Protocol):
    """One consumer of a group."""

    async def receive(self, limit: int = 100, wait_s: float = 1.0) -> Sequence[Message]:
        """Up to `limit` messages, waiting up to `wait_s` seconds for the first; may be empty."""

    async def ack(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages for the whole group."""

    async def nack(self, message: Message, why: str) -> None:
        """Deliver the message again, or move it to the dead letters after its last attempt."""

    async def close(self) -> None:
        """Unsubscribe; unacknowledged messages go to other consumers of the group."""


class Bus(Protocol):
    """A message bus, in memory or on a server."""

    async def publish(self, topic: BusTopic, body: bytes, *, key: str = "") -> str:
        """Publish a message; returns its id. Raises BusFull if an EVERY_MESSAGE topic is full."""

    async def subscribe(self, topic: BusTopic, group: str, consumer: str) -> Subscription:
        """Subscribe as `consumer` of `group`, at the group's position.

        A new group starts with the oldest message that the topic still holds.
        """

    async def dead_letters(self, topic: BusTopic) -> Sequence[DeadLetter]:
        """The dead letters of a topic, oldest first."""

    async def close(self) -> None:
        """Close every connection."""
