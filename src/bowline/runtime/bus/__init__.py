"""The bus: topics of one registry, groups, redelivery, dead letters; in memory or in Redis.

It tells others what happened, and must never stand between a decision and its order.
"""

from bowline.runtime.bus.memory import MemoryBus
from bowline.runtime.bus.protocol import Bus, BusFull, DeadLetter, Message, Subscription
from bowline.runtime.bus.topics import REGISTRY, Promise, Topic, topic

__all__ = [
    "REGISTRY",
    "Bus",
    "BusFull",
    "DeadLetter",
    "MemoryBus",
    "Message",
    "Promise",
    "Subscription",
    "Topic",
    "topic",
]
