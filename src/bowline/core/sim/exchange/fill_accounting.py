"""What a fill, a fee and a funding payment do to the balances and positions of an account.

Spot: the asset sold is debited, the asset bought is credited, then the fee is charged. The maximum
cost of an order is locked before it is matched, rounded up, so that the free balance never becomes
negative. Perpetuals: the position changes, the realised PnL is paid, then the fee is charged.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ONE, ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import VenueAccount, money, money_up
from bowline.core.sim.exchange.facts import BalanceReason, FundingPaid
from bowline.core.sim.exchange.mutations import lock, mark_position_changed, pay, transfer
from bowline.core.sim.exchange.orders import NewOrder, VenueOrder
from bowline.core.sim.exchange.rules import FeeAsset
from bowline.core.sim.exchange.state import VenueState
from bowline.core.venue import MarginMode


def cost_to_quantity(state: VenueState, requested: NewOrder) -> Decimal:
    """The base units that a market buy by cost gets from the current book; 0 if less than a lot.

    What is beyond the depth of the book counts at its worst price, so that such an order ends
    partly filled.
    """
    assert requested.quote_cost is not None, "only a buy by cost"
    at, left, bought = (
        requested.instrument,
        requested.quote_cost / _fee_multiplier(state, requested),
        ZERO,
    )
    worst = state.mark(at)
    for worst, size in state.books[at].walk(Side.SELL):
        take = min(size, state.whole_lots(at, left / worst))
        bought += take
        left -= take * worst
        if take < size:
            return bought
    return bought + (state.whole_lots(at, left / worst) if worst else ZERO)


def required_funds(
    state: VenueState, requested: NewOrder, quantity: Decimal, price: Decimal | None
) -> tuple[str, Decimal]:
    """The asset and the most of it that an order may need; a price of None is a market order."""
    listing = state.listings[requested.instrument]
    if requested.side is Side.SELL:
        return listing.base, quantity
    if price is not None:
        return listing.quote, money_up(quantity * price * _fee_multiplier(state, requested))
    left, cost = quantity, ZERO
    for at, size in state.books[requested.instrument].walk(Side.SELL):
        take = min(left, size)
        cost += take * at
        left -= take
        if not left:
            break
    return listing.quote, money_up(cost * _fee_multiplier(state, requested))


def _fee_multiplier(state: VenueState, requested: NewOrder) -> Decimal:
    """The maximum cost of a spot buy per unit of its value, fee included."""
    fees = state.fees(requested.instrument)
    if fees.spot_asset is FeeAsset.RECEIVED:
        return ONE
    return ONE + max(ZERO, fees.maker_rate, fees.taker_rate)


def lock_funds(state: VenueState, order: VenueOrder) -> None:
    """Lock what the remaining quantity of a spot order may cost."""
    asset, amount = required_funds(state, order.requested, order.remaining, order.price)
    lock(state, order, asset, amount)


def apply_fill(
    state: VenueState, order: VenueOrder, quantity: Decimal, price: Decimal, *, maker: bool
) -> tuple[Decimal, str, Decimal]:
    """Apply a fill to its account; returns realised PnL, fee asset and fee."""
    account, instrument = state.accounts[order.account], order.instrument
    cost, quote = money(quantity * price), state.listings[instrument].quote
    realised, trade = ZERO, BalanceReason.TRADE
    if instrument in state.linear:
        settings = account.settings_at(instrument)
        isolated = settings.margin_mode is MarginMode.ISOLATED
        position = account.position(instrument, order.requested.position_side)
        at = settings.leverage if isolated else None
        realised = margin.update_position(position, quantity * order.side.sign, price, at)
        pay(state, account, quote, realised, "positions", trade)
        transfer(state, quote, cost * order.side.sign, "positions", "external")
        mark_position_changed(state, account, instrument, order.requested.position_side)
    else:
        base = state.listings[instrument].base
        pay(state, account, quote, -cost * order.side.sign, "external", trade)
        pay(state, account, base, quantity * order.side.sign, "external", trade)
        _reduce_lock(state, order, quantity)
    asset, fee = _fee(state, account, order, quantity, cost, maker=maker)
    pay(state, account, asset, -fee, "fees", trade)
    return realised, asset, fee


def _reduce_lock(state: VenueState, order: VenueOrder, quantity: Decimal) -> None:
    """Reduce the lock by what this fill used; `order` is the state before the fill.

    A market buy keeps its whole lock until it ends, which happens in the same call.
    """
    held = state.accounts[order.account].locks.get(order.order_id)
    assert held is not None, f"spot order {order.order_id} has no lock"
    asset, amount = held
    if order.side is Side.SELL:
        amount -= quantity
    elif order.price is not None:
        amount = required_funds(state, order.requested, order.remaining - quantity, order.price)[1]
    lock(state, order, asset, amount)


def _fee(
    state: VenueState, account: VenueAccount, order: VenueOrder, quantity: Decimal, cost: Decimal,
    *, maker: bool,
) -> tuple[str, Decimal]:  # fmt: skip
    instrument = order.instrument
    fees, listing = state.fees(instrument), state.listings[instrument]
    rate = fees.maker_rate if maker else fees.taker_rate
    price = state.asset_prices.get((fees.third_asset, listing.quote))
    if price is not None and rate > ZERO:
        amount = money(cost * rate / price)
        if margin.free_balance(state, account, fees.third_asset) >= amount:
            return fees.third_asset, amount
    in_base = instrument not in state.linear and fees.spot_asset is FeeAsset.RECEIVED
    if in_base and order.side is Side.BUY:
        return listing.base, money(quantity * rate)
    return listing.quote, money(cost * rate)


def pay_funding(
    state: VenueState, account: VenueAccount, instrument: InstrumentId, rate: Decimal, mark: Decimal
) -> None:
    """Pay or receive funding for an account's positions; isolated ones use their own margin."""
    quote = state.listings[instrument].quote
    isolated = account.settings_at(instrument).margin_mode is MarginMode.ISOLATED
    for way in Direction:
        position = account.positions.get((instrument, way))
        if position is None or not position.quantity:
            continue
        amount = money(position.quantity * mark * rate)
        pay(state, account, quote, -amount, "funding", BalanceReason.FUNDING)
        if isolated:
            position.margin -= amount
        mark_position_changed(state, account, instrument, way)
        direction = Direction.LONG if position.quantity > ZERO else Direction.SHORT
        paid = FundingPaid(
            state.now_ns, account.name, instrument, direction, abs(position.quantity), rate, mark,
            quote, amount,
        )  # fmt: skip
        account.funding.append(paid)
        state.facts.append(paid)
