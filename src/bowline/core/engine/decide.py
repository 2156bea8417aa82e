"""What follows from a fact: commands, and nothing else. It reads the state and never changes it.

At the close of a candle, for each run on it:
 1. a run that judges its stops at closes leaves a position whose level this close is at or beyond,
 2. an exit that is overdue is tried again.
Then, when the opinions on that candle are there:
 3. exit: a fresh opposite signal,
 4. entry: flat (or just left) and a fresh signal in an allowed direction that the gate approves.
A signal is fresh on the candle at which it takes its direction, so a stopped position waits for the
next one. The first signal after the warm-up is fresh only if the policy says so. A flip is an exit
whose fill is followed by an entry. At one close all stops come before all entries. After every fact
that concerned an order, its plan and what guards its position are looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bowline.core.engine.apply import Effect
from bowline.core.engine.booking import current_levels, overdue_reason
from bowline.core.engine.plans import advance, begin, cancel, guard, look_up_again, look_up_soon
from bowline.core.engine.risk import scopes_of
from bowline.core.engine.state import RunState, State
from bowline.core.model import event as e
from bowline.core.model.command import (
    Command,
    EnterHalt,
    LookUpOrder,
    RecordAnomaly,
)
from bowline.core.model.intent import Enter, Exit, Flip, Intent, Reason, Signal
from bowline.core.model.order import UNSEEN, Order, OrderState
from bowline.core.model.policy import Fills, FirstSignal
from bowline.core.model.values import Direction, RunId

Commands = Iterator[Command]


def decide(state: State, fact: e.Event, effect: Effect) -> Iterable[Command]:
    """The commands that follow from `fact`, which has been applied; each is applied as it comes."""
    rule = _RULES.get(type(fact))
    return () if rule is None else rule(state, fact, effect)


# --- the market -----------------------------------------------------------------------------------


def _candle_closed(state: State, fact: e.CandleClosed, effect: Effect) -> Iterable[Command]:
    """Most candles close without a position: they are over as soon as they are counted."""
    for run_id in effect.runs:
        if state.runs[run_id].levels is not None:
            return _judge_closes(state, fact, effect)
    return ()


def _judge_closes(state: State, fact: e.CandleClosed, effect: Effect) -> Commands:
    for run_id in effect.runs:
        run = state.runs[run_id]
        if run.levels is None or run.plan_id is not None:
            continue
        policy, reason = run.run.policy, overdue_reason(run)
        if policy.sharing is not None:
            # what stands behind the position depends on the others of the wallet
            levels = current_levels(state, run)
            if policy.fills is not Fills.CLOSE and levels != run.levels:
                yield from guard(state, run, fact.seen_ns)
        else:
            levels = run.levels
        if policy.fills is Fills.CLOSE:
            reason = levels.hit(fact.close) or reason
        if reason is not None:
            yield from begin(state, Exit(run_id, reason), fact.seen_ns)


def _opinions_formed(state: State, fact: e.OpinionsFormed, effect: Effect) -> Commands:
    for run_id, signal in fact.opinions:
        if signal.edge and run_id in effect.runs:
            intent = wish_at(state.runs[run_id], signal)
            if intent is not None:
                yield from begin(state, intent, fact.seen_ns)


def wish_at(run: RunState, signal: Signal) -> Intent | None:
    """What a run wants at a close; the first signal of all may have to wait for another."""
    if signal.first and run.run.policy.first_signal is FirstSignal.WAIT:
        return None
    return wish(run, signal.edge)


def wish(run: RunState, edge: Direction) -> Intent | None:
    """What a fresh signal makes a run want, before any gate or size."""
    run_id, position = run.run.id, run.position
    allowed = run.run.policy.direction.allows(edge)
    if position is None:
        return Enter(run_id, edge) if allowed else None
    if edge != -position.direction:
        return None
    return Flip(run_id, Reason.SIGNAL, edge) if allowed else Exit(run_id, Reason.SIGNAL)


def _price_reached(state: State, fact: e.PriceReached, effect: Effect) -> Commands:
    """A guard that could not rest: the level is judged again, at the price that was seen."""
    for run_id in effect.runs:
        run = state.runs[run_id]
        reason = None if run.levels is None else run.levels.hit(fact.price)
        if reason is not None and run.plan_id is None:
            yield from begin(state, Exit(run_id, reason), fact.seen_ns)
        elif run.plan_id is None:
            yield from guard(state, run, fact.seen_ns)


# --- orders ---------------------------------------------------------------------------------------


def _order_changed(state: State, fact: Any, effect: Effect) -> Commands:  # noqa: ANN401 - facts
    """After a report, a fill, or the end of a request: plan, guard, look-ups, anomalies."""
    before = effect.before
    if before is None:
        return
    order, now_ns = state.orders[before.id], fact.seen_ns
    yield from _anomalies(state, before, order, now_ns)
    if order.state is OrderState.UNKNOWN and before.state is not order.state:
        yield from look_up_soon(state, order, now_ns)
    run = state.runs[order.run_id]
    if run.plan_id is not None:
        yield from advance(state, state.plans[run.plan_id], order, now_ns)
    yield from guard(state, state.runs[order.run_id], now_ns)


def _anomalies(state: State, before: Order, order: Order, now_ns: int) -> Commands:
    if before.ended and order.filled_quantity > before.filled_quantity:
        what = f"filled after it was {before.state.value}"
        if before.state is not OrderState.FILLED:
            yield RecordAnomaly(now_ns, order.account, what, order.id)
    if before.state in UNSEEN and order.state not in UNSEEN:
        what = f"was {before.state.value} and is {order.state.value} after all"
        yield RecordAnomaly(now_ns, order.account, what, order.id)
        yield EnterHalt(now_ns, f"account:{order.account}", "an absent order is there")
        if not order.reduce_only and not order.ended:
            yield from cancel(state, order.id, now_ns)
    if order.alien_word and order.alien_word != before.alien_word:
        what = f"the venue's word {order.alien_word!r} is not known"
        yield RecordAnomaly(now_ns, order.account, what, order.id)


def _cancel_refused(state: State, fact: e.CancelRefused, effect: Effect) -> Commands:
    """There was nothing to cancel: it filled, or ended otherwise; it is looked up at once."""
    del effect
    if not state.orders[fact.order_id].ended:
        yield LookUpOrder(fact.seen_ns, fact.account, fact.order_id)


def _timer_fired(state: State, fact: e.TimerFired, effect: Effect) -> Commands:
    del effect
    if fact.timer.startswith("look-up|"):
        yield from look_up_again(state, fact.timer, fact.seen_ns)


# --- the desk -------------------------------------------------------------------------------------


def _run_stopped(state: State, fact: e.RunStopped, effect: Effect) -> Commands:
    for run_id in effect.runs:
        yield from _stop_entries(state, run_id, fact.seen_ns)
        if fact.leave and state.runs[run_id].position is not None:
            yield from begin(state, Exit(run_id, Reason.RUN_STOPPED), fact.seen_ns)


def _flatten(state: State, fact: e.FlattenRequested, effect: Effect) -> Commands:
    """The halt is set already: entries are cancelled, then every position within it is left."""
    del effect
    concerned = [run_id for run_id, run in state.runs.items() if fact.scope in scopes_of(run)]
    for run_id in concerned:
        yield from _stop_entries(state, run_id, fact.seen_ns)
    for run_id in concerned:
        if state.runs[run_id].position is not None:
            yield from begin(state, Exit(run_id, Reason.FLATTEN), fact.seen_ns)


def _stop_entries(state: State, run_id: RunId, now_ns: int) -> Commands:
    entry = state.runs[run_id].entry_order
    working = {OrderState.WORKING, OrderState.PARTLY_FILLED}
    if entry is not None and state.orders[entry].state in working:
        yield from cancel(state, entry, now_ns)


def _order_requested(state: State, fact: e.OrderRequested, effect: Effect) -> Commands:
    for run_id in effect.runs:
        run = state.runs[run_id]
        if fact.direction is Direction.NEUTRAL:
            if run.position is not None:
                yield from begin(state, Exit(run_id, Reason.SIGNAL), fact.seen_ns)
        elif (intent := wish(run, fact.direction)) is not None:
            yield from begin(state, intent, fact.seen_ns)


def _cancel_requested(state: State, fact: e.CancelRequested, effect: Effect) -> Commands:
    del effect
    order = state.orders.get(fact.order_id)
    if order is not None and not order.ended and order.state is not OrderState.CANCELLING:
        yield from cancel(state, order.id, fact.seen_ns)


_RULES: dict[type, Callable[[State, Any, Effect], Iterable[Command]]] = {
    e.CandleClosed: _candle_closed,
    e.OpinionsFormed: _opinions_formed,
    e.PriceReached: _price_reached,
    e.OrderReported: _order_changed,
    e.FillReported: _order_changed,
    e.OrderNotFound: _order_changed,
    e.SendRefused: _order_changed,
    e.SendDenied: _order_changed,
    e.SendLost: _order_changed,
    e.CancelRefused: _cancel_refused,
    e.TimerFired: _timer_fired,
    e.RunStopped: _run_stopped,
    e.FlattenRequested: _flatten,
    e.OrderRequested: _order_requested,
    e.CancelRequested: _cancel_requested,
}
