"""Entry, exit and flip: from an intent to orders, and from an order's end to what comes next.

1. `begin` takes an intent: an entry passes the gate and is sized, an exit passes nothing.
2. An exit first ends what rests, where a resting stop locks what it would sell.
3. `advance` is told of the plan's order each time it has changed, and does nothing before its end,
   or while a report says that more has filled than fills have told.
4. An exit that ended with the position still there is overdue: the engine begins it again.
5. What a run wished meanwhile is begun when its plan has ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from bowline.core.engine.apply import exit_side, next_order_id, next_plan_id
from bowline.core.engine.plans.send import cancel, place
from bowline.core.engine.risk import check
from bowline.core.engine.sizing import entry_quantity
from bowline.core.engine.state import RunState, State
from bowline.core.model.command import (
    ChangePlan,
    Command,
    RecordIntent,
    RecordRefusal,
)
from bowline.core.model.intent import Enter, Exit, Flip, Intent, Reason, Refused
from bowline.core.model.order import Order, OrderState, Purpose
from bowline.core.model.plan import EntryPlan, ExitPlan, FlipPlan, Plan, PlanState
from bowline.core.model.values import ZERO, Side

Commands = Iterator[Command]


def begin(state: State, intent: Intent, now_ns: int) -> Commands:
    """Carry out an intent of a run without a plan; it waits where there is one."""
    run = state.runs[intent.run_id]
    if run.plan_id is not None:
        yield RecordIntent(now_ns, intent.run_id, intent)
        yield from _end_entry(state, run, intent, now_ns)
        return
    match intent:
        case Enter():
            yield from _enter(state, intent, now_ns)
        case Exit(reason=reason):
            yield from _leave(state, ExitPlan(next_plan_id(state), run.run.id, reason), now_ns)
        case Flip(reason=reason, direction=then):
            plan = FlipPlan(next_plan_id(state), run.run.id, reason, then)
            yield from _leave(state, plan, now_ns)


def advance(state: State, plan: Plan, order: Order, now_ns: int) -> Commands:
    """What follows for a plan from its order, or from one that rested, as it is now."""
    if plan.state is PlanState.CLEARING:
        yield from _leave(state, plan, now_ns)
        return
    if order.id != plan.order_id or not order.ended or order.owed_quantity:
        return
    if plan.state is PlanState.ENTERING:
        yield from _entered(state, plan, order, now_ns)
        return
    yield from _left(state, plan, now_ns)


def _enter(state: State, intent: Enter, now_ns: int) -> Commands:
    verdict = check(state, intent)
    quantity = verdict if isinstance(verdict, Refused) else entry_quantity(state, verdict)
    if isinstance(quantity, Refused):
        yield RecordRefusal(now_ns, quantity)
        return
    plan = EntryPlan(next_plan_id(state), intent.run_id, intent.direction)
    yield from _send_entry(state, plan, intent.direction, quantity, now_ns)


def _send_entry(
    state: State, plan: EntryPlan | FlipPlan, direction: int, quantity: Decimal, now_ns: int
) -> Commands:
    run = state.runs[plan.run_id]
    side = Side.BUY if direction > 0 else Side.SELL
    order = _order(state, run, plan, side, quantity, Reason.SIGNAL)
    yield ChangePlan(now_ns, replace(plan, order_id=order.id, state=PlanState.ENTERING))
    yield from place(state, order, now_ns)


def _leave(state: State, plan: Plan, now_ns: int) -> Commands:
    """Send the exit of a plan, once nothing rests that locks what it sells."""
    run = state.runs[plan.run_id]
    if run.position is None:
        yield from _left(state, plan, now_ns)
        return
    if state.accounts[run.run.account].account.can.stops_lock and run.resting:
        yield ChangePlan(now_ns, replace(plan, state=PlanState.CLEARING))
        for order_id in run.resting:
            if state.orders[order_id].state is not OrderState.CANCELLING:
                yield from cancel(state, order_id, now_ns)
        return
    assert isinstance(plan, ExitPlan | FlipPlan)
    quantity = run.position.quantity
    order = _order(state, run, plan, exit_side(run), quantity, plan.reason, Purpose.EXIT)
    yield ChangePlan(now_ns, replace(plan, order_id=order.id, state=PlanState.LEAVING))
    yield from place(state, order, now_ns)


def _entered(state: State, plan: Plan, order: Order, now_ns: int) -> Commands:
    run = state.runs[plan.run_id]
    account = state.accounts[run.run.account].account
    rest = run.run.instrument.tradable_quantity(order.quantity - order.done_quantity)
    part = order.done_quantity > ZERO and order.state in {OrderState.CANCELLED, OrderState.EXPIRED}
    followed = isinstance(plan, EntryPlan) and not plan.followed_up
    if part and rest > ZERO and followed and account.completes_part_fills and not run.stopped:
        assert isinstance(plan, EntryPlan)
        again = _order(state, run, plan, order.side, rest, order.reason, Purpose.FOLLOW_UP)
        yield ChangePlan(now_ns, replace(plan, order_id=again.id, followed_up=True))
        yield from place(state, replace(again, attempt=order.attempt + 1), now_ns)
        return
    yield from _end(state, plan, now_ns)


def _left(state: State, plan: Plan, now_ns: int) -> Commands:
    run = state.runs[plan.run_id]
    if isinstance(plan, FlipPlan) and run.position is None and not run.stopped:
        # the entry of a flip is an entry like any other: the plan is free for it
        yield ChangePlan(now_ns, replace(plan, state=PlanState.ENDED))
        if run.waiting is None:
            yield from _enter(state, Enter(plan.run_id, plan.then), now_ns)
            return
        yield from _begin_waiting(state, plan, now_ns)
        return
    yield from _end(state, plan, now_ns)


def _end(state: State, plan: Plan, now_ns: int) -> Commands:
    yield ChangePlan(now_ns, replace(plan, state=PlanState.ENDED))
    yield from _begin_waiting(state, plan, now_ns)


def _begin_waiting(state: State, plan: Plan, now_ns: int) -> Commands:
    """What the run wished while its plan was at work, as far as it still makes sense."""
    waiting = state.runs[plan.run_id].waiting
    if waiting is None:
        return
    yield RecordIntent(now_ns, plan.run_id, None)
    flat = state.runs[plan.run_id].position is None
    match waiting:
        case Flip(run_id=run_id, direction=then) if flat:
            yield from _enter(state, Enter(run_id, then), now_ns)
        case Enter() if flat:
            yield from _enter(state, waiting, now_ns)
        case Exit() | Flip() if not flat:
            yield from begin(state, waiting, now_ns)


def _end_entry(state: State, run: RunState, intent: Intent, now_ns: int) -> Commands:
    """A wish to leave ends an entry that is still working."""
    if isinstance(intent, Enter) or run.entry_order is None:
        return
    if state.orders[run.entry_order].state in {OrderState.WORKING, OrderState.PARTLY_FILLED}:
        yield from cancel(state, run.entry_order, now_ns)


def _order(
    state: State,
    run: RunState,
    plan: Plan,
    side: Side,
    quantity: Decimal,
    reason: Reason,
    purpose: Purpose = Purpose.ENTRY,
) -> Order:
    return Order(
        id=next_order_id(state),
        account=run.run.account,
        run_id=run.run.id,
        instrument=run.run.instrument.id,
        side=side,
        quantity=quantity,
        reason=reason,
        purpose=purpose,
        reduce_only=purpose is Purpose.EXIT,
        plan_id=plan.id,
    )
