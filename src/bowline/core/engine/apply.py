"""Every change of state: one function for each kind of fact and of command, and no decision.

A restart folds a journal through `apply` alone; a rule that is mended later cannot change what a
journal says has happened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.engine.booking import (
    book_fill,
    book_money,
    fill_key,
    see_moment,
    see_order_end,
)
from bowline.core.engine.state import AccountState, Mark, RunState, State, Wallet
from bowline.core.model import command as c
from bowline.core.model import event as e
from bowline.core.model.order import REPORTED, Order, OrderEvent, Purpose
from bowline.core.model.plan import PlanState
from bowline.core.model.policy import ProfitLock, StrategyCompound
from bowline.core.model.values import ONE, ZERO, AccountId, OrderId, PlanId, RunId, Side

_EVERY_ENDPOINT = frozenset(each.value for each in e.Endpoint)


class Effect(Struct, frozen=True):
    """Whom a fact concerned: runs that took it, and the order as it was before."""

    runs: Sequence[RunId] = ()
    before: Order | None = None


NOTHING = Effect()


def apply(state: State, payload: e.Event | c.Command) -> Effect:
    """Change the state by one entry of the journal; ValueError if it cannot have happened."""
    change = _CHANGES.get(type(payload))
    return (change and change(state, payload)) or NOTHING


# --- the process and the market -------------------------------------------------------------------


def _trader_started(state: State, fact: e.TraderStarted) -> None:
    _count_from(state, "order", fact.first_order_id)


def _timer_fired(state: State, fact: e.TimerFired) -> None:
    state.drop(state.timers, fact.timer)


def _candle_closed(state: State, fact: e.CandleClosed) -> Effect:
    """Runs that have not seen this candle count it and mark at its close."""
    close_ns = fact.open_ns + fact.timeframe.ns
    marks = state.marks
    watchers = state.watchers(fact.instrument, fact.timeframe)
    moved = [run_id for run_id in watchers if marks[run_id].close_ns <= fact.open_ns]
    # a day and a moment begin with the marks before: for all runs, before any of them is marked
    for run_id in moved:
        see_moment(state, state.runs[run_id], close_ns)
    for run_id in moved:
        state.put(marks, run_id, Mark(fact.close, close_ns, marks[run_id].candles + 1))
    return Effect(moved)


def _opinions_formed(state: State, fact: e.OpinionsFormed) -> Effect:
    """Opinions of the candle that a run saw last count, once; later ones are too late."""
    close_ns = fact.open_ns + fact.timeframe.ns
    moved = []
    for run_id, _ in fact.opinions:
        run = state.runs.get(run_id)
        seen = run is not None and state.marks[run_id].close_ns == close_ns
        if run is not None and seen and run.decided_ns < close_ns:
            state.put(state.runs, run_id, replace(run, decided_ns=close_ns))
            moved.append(run_id)
    return Effect(moved)


def _price_reached(state: State, fact: e.PriceReached) -> Effect:
    watch = state.watches.get(fact.watch)
    if watch is None:
        return NOTHING
    state.drop(state.watches, fact.watch)
    return Effect((watch.run_id,))


def _asset_priced(state: State, fact: e.AssetPriced) -> None:
    for account_id, each in state.accounts.items():
        if each.account.quote == fact.quote:
            prices = each.prices | {fact.asset: fact.price}
            state.put(state.accounts, account_id, replace(each, prices=prices))


# --- accounts -------------------------------------------------------------------------------------


def _account_opened(state: State, fact: e.AccountOpened) -> None:
    known = state.accounts.get(fact.account.id)
    if known is not None and known.account.life is not fact.account.life:
        raise ValueError(
            f"account {fact.account.id} is {known.account.life.value} for ever, "
            f"not {fact.account.life.value}"
        )
    opened = AccountState(fact.account) if known is None else replace(known, account=fact.account)
    state.put(state.accounts, fact.account.id, opened)


def _order_reported(state: State, fact: e.OrderReported) -> Effect:
    report = fact.report
    order = find_order(state, fact.account, report.client_id, report.venue_order_id)
    if order is None:
        return NOTHING
    event = REPORTED[report.state]
    _put_order(
        state,
        replace(order, not_found=frozenset()).after_report(
            event, report.filled, report.venue_order_id, fact.word or report.state.value
        ),
    )
    _release_held(state, fact.account, state.orders[order.id])
    return Effect((order.run_id,), order)


def _fill_reported(state: State, fact: e.FillReported) -> Effect:
    key, report = fill_key(fact), fact.report
    if key in state.booked:
        return NOTHING
    order = find_order(state, fact.account, report.client_id, report.venue_order_id)
    if order is None:
        state.put(state.held, key, fact)
        return NOTHING
    state.drop(state.held, key)
    _learn_venue_id(state, order, report.venue_order_id)
    book_fill(state, state.orders[order.id], fact)
    return Effect((order.run_id,), order)


def find_order(
    state: State, account: AccountId, client_id: OrderId | None, venue_order_id: str
) -> Order | None:
    """Our order by its id, or by the one that the venue gave it; None if it is not ours."""
    if client_id is None:
        client_id = state.by_venue_id.get(f"{account}|{venue_order_id}")
    order = None if client_id is None else state.orders.get(client_id)
    return order if order is not None and order.account == account else None


def _release_held(state: State, account: AccountId, order: Order) -> None:
    """Fills that came before their order was known are booked now."""
    _learn_venue_id(state, order, order.venue_order_id)
    if not state.held:
        return
    for key, held in tuple(state.held.items()):
        if held.account == account and held.report.venue_order_id == order.venue_order_id:
            state.drop(state.held, key)
            book_fill(state, state.orders[order.id], held)


def _learn_venue_id(state: State, order: Order, venue_order_id: str) -> None:
    if not venue_order_id or f"{order.account}|{venue_order_id}" in state.by_venue_id:
        return
    state.put(state.by_venue_id, f"{order.account}|{venue_order_id}", order.id)
    if not order.venue_order_id:
        state.put(state.orders, order.id, replace(order, venue_order_id=venue_order_id))


def _order_not_found(state: State, fact: e.OrderNotFound) -> Effect:
    """A read after the fence that covers everything is one of the proofs of absence."""
    order = state.orders[fact.order_id]
    if not fact.covered or fact.asked_ns <= order.fence_ns:
        return Effect((order.run_id,), order)
    found = replace(order, not_found=order.not_found | {fact.endpoint.value})
    unowned = any(
        each.account == order.account and each.report.instrument == order.instrument
        for each in state.held.values()
    )
    if found.not_found == _EVERY_ENDPOINT and not unowned:
        found = found.after(OrderEvent.PROVE_ABSENT)
    _put_order(state, found)
    return Effect((order.run_id,), order)


def _send_ended(event: OrderEvent) -> Callable[[State, Any], Effect]:
    def change(state: State, fact: Any) -> Effect:  # noqa: ANN401 - one of three facts
        order = state.orders[fact.order_id]
        _put_order(state, order.after(event))
        return Effect((order.run_id,), order)

    return change


def _concerns_order(state: State, fact: e.CancelRefused) -> Effect:
    order = state.orders[fact.order_id]
    return Effect((order.run_id,), order)


def _balances_reported(state: State, fact: e.BalancesReported) -> None:
    account = state.accounts[fact.account]
    balances = {each.asset: each for each in fact.balances}
    changed = replace(account, balances=balances, balances_seq=fact.asked_seq)
    state.put(state.accounts, fact.account, changed)


def _positions_reported(state: State, fact: e.PositionsReported) -> None:
    account = state.accounts[fact.account]
    positions = {
        f"{p.instrument.market_id}:{p.instrument.symbol}:{p.direction.name}": p
        for p in fact.positions
    }
    state.put(state.accounts, fact.account, replace(account, positions=positions))


def _settings_reported(state: State, fact: e.SettingsReported) -> None:
    account, of = state.accounts[fact.account], fact.settings.instrument
    settings = account.settings | {f"{of.market_id}:{of.symbol}": fact.settings}
    state.put(state.accounts, fact.account, replace(account, settings=settings))


def _put_order(state: State, order: Order) -> None:
    state.put(state.orders, order.id, order)
    see_order_end(state, order)


# --- the desk -------------------------------------------------------------------------------------


def _run_started(state: State, fact: e.RunStarted) -> None:
    """A run that is known goes on; a new one gets its wallet, or joins that of its account."""
    run = fact.run
    known = state.runs.get(run.id)
    if known is not None:
        state.put(state.runs, run.id, replace(known, stopped=False))
        return
    sizing, cash = run.policy.sizing, run.initial_cash
    if isinstance(sizing, StrategyCompound | ProfitLock) and sizing.budget_quote is not None:
        cash = min(sizing.budget_quote, cash)
    shared = run.policy.sharing is not None
    wallet_id = f"account:{run.account}" if shared else f"run:{run.id}"
    wallet = state.wallets.get(wallet_id) or Wallet(
        wallet_id, run.account, cash, run.initial_cash - cash, peak=cash if shared else None
    )
    state.put(state.wallets, wallet_id, replace(wallet, runs=(*wallet.runs, run.id)))
    state.put(state.runs, run.id, RunState(run, wallet_id))
    state.put(state.marks, run.id, Mark(ZERO, run.start_ns, 0))
    state.watch_candles(run)


def _run_stopped(state: State, fact: e.RunStopped) -> Effect:
    run = state.runs[fact.run_id]
    state.put(state.runs, fact.run_id, replace(run, stopped=True))
    return Effect((fact.run_id,))


def _halted(state: State, fact: e.Halted | c.EnterHalt | e.FlattenRequested) -> None:
    reason = getattr(fact, "reason", "flatten")
    state.put(state.halts, f"{fact.scope}|{reason}", getattr(fact, "who", "rule"))


def _resumed(state: State, fact: e.Resumed | c.LiftHalt) -> None:
    state.drop(state.halts, f"{fact.scope}|{fact.reason}")


def _concerns_run(state: State, fact: e.OrderRequested) -> Effect:
    return Effect((fact.run_id,)) if fact.run_id in state.runs else NOTHING


# --- commands -------------------------------------------------------------------------------------


def _place_order(state: State, command: c.PlaceOrder) -> None:
    order = command.order
    state.put(state.orders, order.id, order)
    _count_from(state, "order", order.id + 1)
    run = state.runs[order.run_id]
    if order.purpose in {Purpose.STOP, Purpose.TAKE_PROFIT}:
        state.put(state.runs, order.run_id, replace(run, resting=(*run.resting, order.id)))
    elif not order.reduce_only:
        # what a unit of an entry is taken to cost, whichever way it goes
        slippage = run.run.policy.costs.slippage_rate
        price = state.marks[order.run_id].close * (ONE + slippage)
        changed = replace(run, entry_order=order.id, reserve_price=price)
        state.put(state.runs, order.run_id, changed)


def _cancel_order(state: State, command: c.CancelOrder) -> None:
    order = state.orders[command.order_id]
    state.put(state.orders, order.id, order.after(OrderEvent.ASK_CANCEL))


def _change_plan(state: State, command: c.ChangePlan) -> None:
    plan = command.plan
    ended = plan.state is PlanState.ENDED
    if ended:
        state.drop(state.plans, plan.id)
    else:
        state.put(state.plans, plan.id, plan)
        _count_from(state, "plan", plan.id + 1)
    plan_id = None if ended else plan.id
    run = state.runs[plan.run_id]
    if run.plan_id != plan_id:
        state.put(state.runs, plan.run_id, replace(run, plan_id=plan_id))


def _set_timer(state: State, command: c.SetTimer) -> None:
    state.put(state.timers, command.timer, command.at_ns)


def _watch_price(state: State, command: c.WatchPrice) -> None:
    """A run has one watch: the old one goes, the new number is set unless both sides are off."""
    for number, each in tuple(state.watches.items()):
        if each.run_id == command.run_id:
            state.drop(state.watches, number)
    _count_from(state, "watch", command.watch + 1)
    if command.below is not None or command.above is not None:
        state.put(state.watches, command.watch, command)


def _record_intent(state: State, command: c.RecordIntent) -> None:
    run = state.runs[command.run_id]
    state.put(state.runs, command.run_id, replace(run, waiting=command.intent))


def _count_from(state: State, name: str, number: int) -> None:
    if state.counters.get(name, 1) < number:
        state.put(state.counters, name, number)


def next_order_id(state: State) -> OrderId:
    """The id of the next order: counted, never drawn."""
    return OrderId(state.counters.get("order", 1))


def next_plan_id(state: State) -> PlanId:
    """The id of the next plan."""
    return PlanId(state.counters.get("plan", 1))


def next_watch(state: State) -> int:
    """The number of the next watch."""
    return state.counters.get("watch", 1)


def exit_side(run: RunState) -> Side:
    """The side that leaves the run's position."""
    assert run.position is not None, "an exit without a position"
    return Side.entering(run.position.direction).opposite


_CHANGES: dict[type, Callable[[State, Any], Effect | None]] = {
    e.TraderStarted: _trader_started,
    e.TimerFired: _timer_fired,
    e.CandleClosed: _candle_closed,
    e.OpinionsFormed: _opinions_formed,
    e.PriceReached: _price_reached,
    e.AssetPriced: _asset_priced,
    e.AccountOpened: _account_opened,
    e.OrderReported: _order_reported,
    e.FillReported: _fill_reported,
    e.OrderNotFound: _order_not_found,
    e.SendRefused: _send_ended(OrderEvent.REJECT),
    e.SendDenied: _send_ended(OrderEvent.DENY),
    e.SendLost: _send_ended(OrderEvent.LOSE),
    e.CancelRefused: _concerns_order,
    e.BalancesReported: _balances_reported,
    e.PositionsReported: _positions_reported,
    e.SettingsReported: _settings_reported,
    e.MoneyMoved: book_money,
    e.RunStarted: _run_started,
    e.RunStopped: _run_stopped,
    e.Halted: _halted,
    e.FlattenRequested: _halted,
    e.Resumed: _resumed,
    e.OrderRequested: _concerns_run,
    c.PlaceOrder: _place_order,
    c.CancelOrder: _cancel_order,
    c.ChangePlan: _change_plan,
    c.SetTimer: _set_timer,
    c.WatchPrice: _watch_price,
    c.RecordIntent: _record_intent,
    c.EnterHalt: _halted,
    c.LiftHalt: _resumed,
}
