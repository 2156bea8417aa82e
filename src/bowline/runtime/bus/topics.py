"""The topics of the bus and how each is delivered. A name that is not registered cannot be used.

`EVERY_MESSAGE`: each message is delivered to every group at least once, however slow the group is;
a topic that is full refuses the publisher. `LATEST_PER_KEY`: only the newest message of each key is
delivered; a slow group misses the messages that were replaced, and no others.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum

from msgspec import Struct

from bowline.core.errors import BadInput


class DeliveryMode(Enum):
    """What a topic does when its consumers are slower than its publisher."""

    EVERY_MESSAGE = "every_message"
    LATEST_PER_KEY = "latest_per_key"


class TopicFamily(Struct, frozen=True):
    """Topics with a common prefix. `capacity`: messages held. `suffixes`: empty allows any."""

    mode: DeliveryMode
    capacity: int
    suffixes: tuple[str, ...] = ()


#: by prefix, without the dot before the suffix
REGISTRY: dict[str, TopicFamily] = {
    "market": TopicFamily(DeliveryMode.LATEST_PER_KEY, 10_000, ("raw",)),
    "md.candles.1m": TopicFamily(DeliveryMode.EVERY_MESSAGE, 100_000),
}


class BusTopic(Struct, frozen=True):
    """A registered topic; made by `topic`. `capacity`: messages held for slow groups."""

    name: str
    mode: DeliveryMode
    capacity: int


def topic(name: str) -> BusTopic:
    """The topic of this name. Raises BadInput, with similar names, for an unknown one."""
    for prefix, family in REGISTRY.items():
        suffix = name.removeprefix(f"{prefix}.")
        if suffix == name or not suffix:
            continue
        if family.suffixes and suffix not in family.suffixes:
            break
        return BusTopic(name, family.mode, family.capacity)
    known = [f"{prefix}.{end}" for prefix, each in REGISTRY.items() for end in each.suffixes or "…"]
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    raise BadInput(
        f"unknown topic {name!r}",
        hint=f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}",
    )
