"""Plans carry an intent out, order by order. A plan knows what comes next, not how large it is.

    single   one order: an entry or an exit        working ──filled──▶ done
    flip     an exit, then an entry right after    leaving ──flat──▶ entering ──filled──▶ done

A plan ends early when its order is rejected or cancelled; an exit is then overdue, an entry is
dropped. A run has at most one plan at a time.
"""

from __future__ import annotations

from msgspec import Struct

from bowline.core.model.values import Direction


class Single(Struct, frozen=True, tag=True):
    """One order and nothing after it."""


class FlipPlan(Struct, frozen=True, tag=True):
    """When the exit has filled, enter in this direction."""

    then: Direction


Plan = Single | FlipPlan
