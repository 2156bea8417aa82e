"""Plans carry a wish out, order by order. Frozen; a plan knows what comes next, not how much.

    entry   entering ──order ended──▶ (followed up once, if it filled in part) ──▶ ended
    exit    (clearing ──resting stops ended──▶) leaving ──order ended──▶ ended
    flip    as exit, ──flat──▶ entering ──order ended──▶ ended

A run has at most one. What rests to protect its position is no plan: it follows from the position.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from bowline.core.model.intent import Reason
from bowline.core.model.values import Direction, OrderId, PlanId, RunId

#: no order
NONE = OrderId(0)


class PlanState(Enum):
    """Where a plan is."""

    CLEARING = "clearing"
    LEAVING = "leaving"
    ENTERING = "entering"
    ENDED = "ended"


class EntryPlan(Struct, frozen=True, tag="entry", omit_defaults=True):
    """One position to enter; what a first order leaves open is ordered once more."""

    id: PlanId
    run_id: RunId
    direction: Direction
    order_id: OrderId = NONE
    followed_up: bool = False
    state: PlanState = PlanState.ENTERING


class ExitPlan(Struct, frozen=True, tag="exit", omit_defaults=True):
    """One position to leave."""

    id: PlanId
    run_id: RunId
    reason: Reason
    order_id: OrderId = NONE
    state: PlanState = PlanState.LEAVING


class FlipPlan(Struct, frozen=True, tag="flip", omit_defaults=True):
    """One position to leave, and then one of `then` to enter."""

    id: PlanId
    run_id: RunId
    reason: Reason
    then: Direction
    order_id: OrderId = NONE
    state: PlanState = PlanState.LEAVING


Plan = EntryPlan | ExitPlan | FlipPlan
