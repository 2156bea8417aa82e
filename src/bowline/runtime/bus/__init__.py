"""The message bus: registered topics, consumer groups, redelivery and dead letters.

It runs in memory or on Redis. It must never be on the path from a decision to its order.
"""

from bowline.runtime.bus.memory import MemoryBus
from bowline.runtime.bus.protocol import Bus, BusFull, DeadLetter, Message, Subscription
from bowline.runtime.bus.topics import REGISTRY, BusTopic, DeliveryMode, topic

__all__ = [
    "REGISTRY",
    "Bus",
    "BusFull",
    "BusTopic",
    "DeadLetter",
    "DeliveryMode",
    "MemoryBus",
    "Message",
    "Subscription",
    "topic",
]
