"""What rests to protect a position: derived from the position, so nothing can be forgotten.

Whatever happened, `guard` compares what should rest with what does, and says what is missing:
no stop without a position, no position without a stop. An old stop goes only after the new one is
confirmed. Where an account cannot rest a stop, a watched price stands in for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.engine.apply import exit_side, next_order_id, next_watch
from bowline.core.engine.levels import NEVER
from bowline.core.engine.plans.send import cancel, place
from bowline.core.engine.state import RunState, State
from bowline.core.model.command import Command, WatchPrice
from bowline.core.model.intent import Reason
from bowline.core.model.order import Order, OrderKind, OrderState, Purpose
from bowline.core.model.plan import PlanState
from bowline.core.model.policy import Fills
from bowline.core.model.values import HUNDRED, ONE, ZERO, Direction

Commands = Iterator[Command]
#: a run that judges its stops at closes rests an emergency stop so many distances away
EMERGENCY = Decimal(2)
#: the venue is known to have such an order
_CONFIRMED = frozenset({OrderState.WORKING, OrderState.ARMED, OrderState.TRIGGERED})


class Wanted(Struct, frozen=True):
    """An order that should rest."""

    purpose: Purpose
    trigger: Decimal
    reason: Reason


def guard(state: State, run: RunState, now_ns: int) -> Commands:
    """What brings what rests to what should."""
    if run.position is None and not run.resting and not state.watches:
        return
    account = state.accounts[run.run.account].account
    wanted = _wanted(run, continuous=account.can.continuous)
    if account.can.continuous:
        wanted = [replace(each, trigger=_on_tick(each, run)) for each in wanted]
    rests = {
        Purpose.STOP: account.can.rests_stops,
        Purpose.TAKE_PROFIT: account.can.rests_take_profits
        and (account.can.pairs_stops or not account.can.stops_lock),
    }
    resting = [each for each in wanted if rests[each.purpose]]
    yield from _rest(state, run, resting, now_ns)
    yield from _watch(state, run, [each for each in wanted if not rests[each.purpose]], now_ns)


def _wanted(run: RunState, *, continuous: bool) -> list[Wanted]:
    """The stop and the take profit that this position should have outside of closes."""
    if run.position is None or run.levels is None:
        return []
    found = []
    if run.run.policy.fills is not Fills.CLOSE:
        if (stop := run.levels.stop) is not None:
            found.append(Wanted(Purpose.STOP, *stop))
        if (profit := run.levels.take_profit) is not None:
            found.append(Wanted(Purpose.TAKE_PROFIT, *profit))
    elif continuous and (emergency := _emergency(run)) is not None:
        found.append(Wanted(Purpose.STOP, emergency, Reason.STOP_LOSS))
    return found


def _emergency(run: RunState) -> Decimal | None:
    """A price beyond the stop that closes are judged by: for a crash between two of them."""
    sl_pct, position = run.run.policy.stops.sl_pct, run.position
    if sl_pct is None or position is None:
        return None
    price = position.entry_price * (ONE - position.direction * EMERGENCY * sl_pct / HUNDRED)
    return price if ZERO < price < NEVER else None


def _rest(state: State, run: RunState, wanted: list[Wanted], now_ns: int) -> Commands:
    plan = None if run.plan_id is None else state.plans[run.plan_id]
    leaving = plan is not None and plan.state in {PlanState.CLEARING, PlanState.LEAVING}
    # what a stop would lock is being sold
    clearing = leaving and state.accounts[run.run.account].account.can.stops_lock
    now = [state.orders[order_id] for order_id in run.resting]
    keep: set[int] = set()
    for each in () if clearing else wanted:
        same = [order for order in now if _is(order, each, run)]
        if same:
            keep.add(same[0].id)
            continue
        yield from place(state, _order(state, run, each), now_ns)
    covered = {o.purpose for o in now if o.id in keep and o.state in _CONFIRMED}
    for order in now:
        unneeded = order.id not in keep and order.state in _CONFIRMED | {OrderState.PARTLY_FILLED}
        replaced = order.purpose in covered or order.purpose not in {w.purpose for w in wanted}
        if unneeded and replaced:
            yield from cancel(state, order.id, now_ns)


def _is(order: Order, wanted: Wanted, run: RunState) -> bool:
    assert run.position is not None
    rest = order.quantity - order.filled_quantity
    same = (order.purpose, order.trigger) == (wanted.purpose, wanted.trigger)
    return same and rest == run.position.quantity and order.state is not OrderState.CANCELLING


def _on_tick(wanted: Wanted, run: RunState) -> Decimal:
    """The trigger on the venue's ticks, rounded away from the market: never nearer than asked."""
    tick = run.run.instrument.tick_size
    if tick == ZERO:
        return wanted.trigger
    ticks = wanted.trigger / tick
    assert run.position is not None
    below = (wanted.purpose is Purpose.STOP) == (run.position.direction is Direction.LONG)
    whole = ticks.to_integral_value(rounding="ROUND_FLOOR" if below else "ROUND_CEILING")
    return whole * tick


def _order(state: State, run: RunState, wanted: Wanted) -> Order:
    assert run.position is not None
    return Order(
        id=next_order_id(state),
        account=run.run.account,
        run_id=run.run.id,
        instrument=run.run.instrument.id,
        side=exit_side(run),
        quantity=run.position.quantity,
        reason=wanted.reason,
        purpose=wanted.purpose,
        kind=OrderKind.STOP,
        trigger=wanted.trigger,
        reduce_only=True,
    )


def _watch(state: State, run: RunState, wanted: list[Wanted], now_ns: int) -> Commands:
    """The one watched price of a run: its bounds are those of what cannot rest."""
    levels = run.levels
    below = above = None
    for each in wanted:
        assert levels is not None
        if each.trigger <= levels.lower or each.trigger < state.marks[run.run.id].close:
            below = each.trigger
        else:
            above = each.trigger
    old = next((w for w in state.watches.values() if w.run_id == run.run.id), None)
    if (below, above) == ((None, None) if old is None else (old.below, old.above)):
        return
    yield WatchPrice(now_ns, next_watch(state), run.run.id, run.run.instrument.id, below, above)
