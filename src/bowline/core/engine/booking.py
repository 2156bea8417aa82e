"""How fills and funding change money and positions: once for ever, from executions alone.

Nothing here may round, and nothing may be booked from what a report of an order says.
"""

from __future__ import annotations

from msgspec.structs import replace

from bowline.core.engine.levels import ExitLevels, exit_levels
from bowline.core.engine.money import backing, equity
from bowline.core.engine.state import AccountState, RunState, State
from bowline.core.model.event import FillReported, MoneyMoved
from bowline.core.model.intent import Reason
from bowline.core.model.order import Fill, Order, Purpose
from bowline.core.model.policy import ProfitLock
from bowline.core.model.position import RoundTrip, apply_fill
from bowline.core.model.trading import FillReport
from bowline.core.model.values import DAY_NS, HUNDRED, ZERO, RunId, Side


def fill_key(fact: FillReported) -> str:
    """What names an execution at one account for ever: an account may trade with itself."""
    report = fact.report
    place = f"{report.instrument.market_id}:{report.instrument.symbol}"
    return f"fill|{fact.account}|{place}|{report.trade_id}|{report.side.value}"


def see_moment(state: State, run: RunState, seen_ns: int) -> None:
    """A new moment and a new UTC day of the run's wallet begin with the marks of the last one."""
    wallet, day = state.wallets[run.wallet_id], (seen_ns - 1) // DAY_NS
    if day == wallet.day and (wallet.peak is None or seen_ns == wallet.seen_ns):
        return
    worth = equity(state, wallet)
    if day != wallet.day:
        wallet = replace(wallet, day=day, day_equity=worth)
    if wallet.peak is not None and seen_ns != wallet.seen_ns:
        wallet = replace(wallet, peak=max(wallet.peak, worth), seen_ns=seen_ns)
    state.put(state.wallets, wallet.id, wallet)


def book_fill(state: State, order: Order, fact: FillReported) -> None:
    """Book an execution of an order of ours. ValueError if it cannot be one of it."""
    report = fact.report
    if (report.instrument, report.side) != (order.instrument, order.side):
        raise ValueError(f"fill {report.trade_id} does not belong to order {order.id}")
    state.put(state.booked, fill_key(fact), True)  # noqa: FBT003 - the value of a set
    order = order.after_fill(report.quantity)
    state.put(state.orders, order.id, order)
    run = state.runs[order.run_id]
    see_moment(state, run, fact.seen_ns)
    fill = _fill_of(state, state.accounts[order.account], run, order, report)
    wallet = state.wallets[run.wallet_id]
    cash = wallet.cash - (fill.side.sign * fill.quantity * fill.price + fill.fee)
    state.put(state.wallets, wallet.id, replace(wallet, cash=cash))
    position, trip = apply_fill(run.position, fill, order.reason)
    run = replace(run, position=position)
    if trip is not None:
        resting = order.purpose in {Purpose.STOP, Purpose.TAKE_PROFIT}
        mark = state.marks[run.run.id]
        # what rests is met inside the candle that has not closed yet
        candle = mark.candles + (resting and fact.seen_ns > mark.close_ns)
        run = replace(run, last_exit_candle=candle, overdue_exit=None)
        _lock_profit(state, run, trip)
    state.put(state.runs, run.run.id, run)
    see_order_end(state, order)
    set_levels(state, run.run.id)


def _fill_of(
    state: State, account: AccountState, run: RunState, order: Order, report: FillReport
) -> Fill:
    """The execution with its fee in quote money, less what the venue kept of what was bought."""
    instrument = run.run.instrument
    fee, asset, kept = report.fee, report.fee_asset, ZERO
    if asset and asset != instrument.quote:
        fees = account.fees | {asset: account.fees.get(asset, ZERO) + fee}
        state.put(state.accounts, order.account, replace(account, fees=fees))
        if asset == instrument.base:
            kept = fee if report.side is Side.BUY else ZERO
            fee *= report.price
        else:
            # unpriced, it costs nothing here until it is priced: the engine records that it is
            fee *= account.prices.get(asset, ZERO)
    return Fill(
        order.id, report.trade_id, report.instrument, report.side, report.quantity - kept,
        report.price, fee, report.event_ns, kept,
    )  # fmt: skip


def _lock_profit(state: State, run: RunState, trip: RoundTrip) -> None:
    sizing = run.run.policy.sizing
    if isinstance(sizing, ProfitLock) and trip.pnl > ZERO:
        wallet = state.wallets[run.wallet_id]
        safe = wallet.safe + trip.pnl * sizing.safe_profit_pct / HUNDRED
        state.put(state.wallets, wallet.id, replace(wallet, safe=safe))


def see_order_end(state: State, order: Order) -> None:
    """What a run holds of an order that has ended is let go; an exit that failed is overdue."""
    if not order.ended:
        return
    run = state.runs[order.run_id]
    changed = run
    if run.entry_order == order.id:
        changed = replace(changed, entry_order=None, reserve_price=ZERO)
    if order.id in run.resting:
        changed = replace(changed, resting=tuple(i for i in run.resting if i != order.id))
    if order.purpose is Purpose.EXIT and run.position is not None and not order.owed_quantity:
        changed = replace(changed, overdue_exit=order.reason)
    if changed is not run:
        state.put(state.runs, run.run.id, changed)


def set_levels(state: State, run_id: RunId) -> None:
    """The exit levels of a run's position, as its money stands now."""
    run = state.runs[run_id]
    levels = None if run.position is None else current_levels(state, run)
    if levels != run.levels:
        state.put(state.runs, run_id, replace(run, levels=levels))


def current_levels(state: State, run: RunState) -> ExitLevels:
    """The same without a change: the levels of a position, by what stands behind it now."""
    assert run.position is not None, "levels without a position"
    behind = backing(state, state.wallets[run.wallet_id], run.run.id)
    liquidates = state.accounts[run.run.account].account.can.liquidates
    return exit_levels(run.position, run.run.policy, behind, liquidates=liquidates)


def book_money(state: State, fact: MoneyMoved) -> None:
    """Money that moved without a fill, once; funding goes to the position that paid it."""
    key = f"money|{fact.account}|{fact.kind.value}|{fact.id}"
    if key in state.booked:
        return
    state.put(state.booked, key, True)  # noqa: FBT003 - the value of a set
    run_id = owner_of(state, fact)
    if run_id is None:
        return
    run = state.runs[run_id]
    see_moment(state, run, fact.seen_ns)
    wallet = state.wallets[run.wallet_id]
    state.put(state.wallets, wallet.id, replace(wallet, cash=wallet.cash + fact.amount))
    if run.position is not None:
        funding = run.position.funding - fact.amount
        position = replace(run.position, funding=funding)
        state.put(state.runs, run_id, replace(run, position=position))
        # the price at which nothing is left depends on the cash
        set_levels(state, run_id)


def owner_of(state: State, fact: MoneyMoved) -> RunId | None:
    """The run whose money this is: the one named, or the one that holds the instrument."""
    if fact.run_id is not None or fact.instrument is None:
        return fact.run_id
    return next(
        (
            run_id
            for run_id, run in state.runs.items()
            if (run.run.account, run.run.instrument.id) == (fact.account, fact.instrument)
            and (run.position is not None or not run.stopped)
        ),
        None,
    )


def overdue_reason(run: RunState) -> Reason | None:
    """Why a position that should be left still is there, if it is."""
    return run.overdue_exit if run.position is not None else None
