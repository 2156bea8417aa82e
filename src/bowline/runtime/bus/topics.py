"""Every topic there is, and what it promises. A name that is not here cannot be published to.

`FACTS`: each message is handed to every group at least once, however slow it is; a topic that is
full refuses the publisher, and never forgets. `MARKET`: of each key the newest counts; a slow
group misses what was overtaken, and nothing else.
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum

from msgspec import Struct

from bowline.core.errors import BadInput


class Promise(Enum):
    """What a topic does when its readers are slower than its writers."""

    FACTS = "facts"
    MARKET = "market"


class Family(Struct, frozen=True):
    """Topics under one name; `of` are what may follow it, empty: whatever is asked for."""

    promise: Promise
    holds: int
    of: tuple[str, ...] = ()


_FACTS_HELD = 100_000
_MARKET_HELD = 10_000


def _facts(*names: str) -> Family:
    return Family(Promise.FACTS, _FACTS_HELD, names)


#: by the name before the first dot, or before what is particular to an instrument or a user
REGISTRY: dict[str, Family] = {
    "order": _facts("placed", "accepted", "rejected", "cancelled", "unknown", "filled"),
    "trade": _facts("completed", "failed", "settled", "settlement_timeout", "partial_followup"),
    "risk": _facts("blocked"),
    "budget": _facts("exceeded"),
    "orchestrator": _facts("started", "paused", "resumed", "stopped"),
    "reconciliation": _facts("completed"),
    "reconcile": _facts("position_mismatch"),
    "watchdog": _facts("late", "recovered"),
    "health": _facts("report"),
    "safety": _facts("halted", "released", "kill_switch"),
    "alerts": _facts("raised", "cleared"),
    "broker": _facts("connected", "disconnected"),
    "signals": _facts("candidate", "approved"),
    "orders": _facts("events"),
    "market": Family(Promise.MARKET, _MARKET_HELD, ("raw",)),
    "md.candles.1m": _facts(),
    "strategy.metrics.v1.user": Family(Promise.MARKET, _MARKET_HELD),
    "strategy.events.v1.user": _facts(),
}


class Topic(Struct, frozen=True):
    """A topic that may be published to; made by `topic` alone."""

    name: str
    promise: Promise
    holds: int


def topic(name: str) -> Topic:
    """The topic of this name. Raises BadInput, with the nearest names, if there is none."""
    for stem, family in REGISTRY.items():
        rest = name.removeprefix(f"{stem}.")
        if rest == name or not rest:
            continue
        if family.of and rest not in family.of:
            break
        return Topic(name, family.promise, family.holds)
    known = [f"{stem}.{end}" for stem, family in REGISTRY.items() for end in family.of or ("…",)]
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    raise BadInput(
        f"{name!r} is no topic", hint=f"did you mean {' or '.join(near)}?" if near else "see docs"
    )
