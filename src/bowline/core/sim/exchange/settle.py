"""What a fill does to the money and the position of the account it belongs to.

Spot: the asset sold leaves, the asset bought arrives, then the fee. What an order may cost is held
back before it is matched, rounded up, so that free money never becomes negative. Perpetuals: the
position changes, what that realised is paid, then the fee; nothing is delivered.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ONE, ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import Account, money, money_up
from bowline.core.sim.exchange.facts import BalanceReason, FundingPaid
from bowline.core.sim.exchange.moves import lock, pay, shift, touch_leg
from bowline.core.sim.exchange.orders import NewOrder, VenueOrder
from bowline.core.sim.exchange.rules import FeeAsset
from bowline.core.sim.exchange.state import VenueState
from bowline.core.venue import MarginMode


def cost_to_quantity(state: VenueState, asked: NewOrder) -> Decimal:
    """The base units that a buy by cost gets from the book as it is; 0 if not even a lot.

    What the book is too thin for counts at its worst price, so that such an order is seen to be
    filled in part.
    """
    assert asked.quote_cost is not None, "only a buy by cost"
    at, left, bought = asked.instrument, asked.quote_cost / _with_fee(state, asked), ZERO
    worst = state.mark(at)
    for worst, size in state.books[at].walk(Side.SELL):
        take = min(size, state.whole_lots(at, left / worst))
        bought += take
        left -= take * worst
        if take < size:
            return bought
    return bought + (state.whole_lots(at, left / worst) if worst else ZERO)


def spot_need(
    state: VenueState, asked: NewOrder, quantity: Decimal, price: Decimal | None
) -> tuple[str, Decimal]:
    """Which asset, and how much of it, `quantity` may cost at most; no price: at the market."""
    listing = state.listings[asked.instrument]
    if asked.side is Side.SELL:
        return listing.base, quantity
    if price is not None:
        return listing.quote, money_up(quantity * price * _with_fee(state, asked))
    left, cost = quantity, ZERO
    for at, size in state.books[asked.instrument].walk(Side.SELL):
        take = min(left, size)
        cost += take * at
        left -= take
        if not left:
            break
    return listing.quote, money_up(cost * _with_fee(state, asked))


def _with_fee(state: VenueState, asked: NewOrder) -> Decimal:
    """What a spot buy may cost for every unit of its value."""
    fees = state.fees(asked.instrument)
    if fees.spot_asset is FeeAsset.RECEIVED:
        return ONE
    return ONE + max(ZERO, fees.maker_rate, fees.taker_rate)


def hold(state: VenueState, order: VenueOrder) -> None:
    """Hold back what the rest of a spot order may still cost."""
    asset, amount = spot_need(state, order.asked, order.remaining, order.price)
    lock(state, order, asset, amount)


def settle_fill(
    state: VenueState, order: VenueOrder, quantity: Decimal, price: Decimal, *, maker: bool
) -> tuple[Decimal, str, Decimal]:
    """Book a fill; the PnL it realised, and asset and amount of its fee."""
    account, instrument = state.accounts[order.account], order.instrument
    cost, quote = money(quantity * price), state.listings[instrument].quote
    realised, trade = ZERO, BalanceReason.TRADE
    if instrument in state.linear:
        settings = account.settings_at(instrument)
        isolated = settings.margin_mode is MarginMode.ISOLATED
        leg = account.leg(instrument, order.asked.position)
        at = settings.leverage if isolated else None
        realised = margin.fill_leg(leg, quantity * order.side.sign, price, at)
        pay(state, account, quote, realised, "positions", trade)
        shift(state, quote, cost * order.side.sign, "positions", "outside")
        touch_leg(state, account, instrument, order.asked.position)
    else:
        base = state.listings[instrument].base
        pay(state, account, quote, -cost * order.side.sign, "outside", trade)
        pay(state, account, base, quantity * order.side.sign, "outside", trade)
        _consume(state, order, quantity)
    asset, fee = _fee(state, account, order, quantity, cost, maker=maker)
    pay(state, account, asset, -fee, "fees", trade)
    return realised, asset, fee


def _consume(state: VenueState, order: VenueOrder, quantity: Decimal) -> None:
    """What was held for this fill is held no more; `order` is as it was before the fill.

    A buy at the market holds what it needs to its end, which comes in the same call.
    """
    held = state.accounts[order.account].locks.get(order.order_id)
    assert held is not None, f"spot order {order.order_id} holds nothing back"
    asset, amount = held
    if order.side is Side.SELL:
        amount -= quantity
    elif order.price is not None:
        amount = spot_need(state, order.asked, order.remaining - quantity, order.price)[1]
    lock(state, order, asset, amount)


def _fee(
    state: VenueState, account: Account, order: VenueOrder, quantity: Decimal, cost: Decimal,
    *, maker: bool,
) -> tuple[str, Decimal]:  # fmt: skip
    instrument = order.instrument
    fees, listing = state.fees(instrument), state.listings[instrument]
    rate = fees.maker_rate if maker else fees.taker_rate
    price = state.asset_prices.get((fees.third_asset, listing.quote))
    if price is not None and rate > ZERO:
        amount = money(cost * rate / price)
        if margin.free(state, account, fees.third_asset) >= amount:
            return fees.third_asset, amount
    in_base = instrument not in state.linear and fees.spot_asset is FeeAsset.RECEIVED
    if in_base and order.side is Side.BUY:
        return listing.base, money(quantity * rate)
    return listing.quote, money(cost * rate)


def pay_funding(
    state: VenueState, account: Account, instrument: InstrumentId, rate: Decimal, mark: Decimal
) -> None:
    """Pay or take the funding of an account's positions; isolated ones out of their own margin."""
    quote = state.listings[instrument].quote
    isolated = account.settings_at(instrument).margin_mode is MarginMode.ISOLATED
    for way in Direction:
        leg = account.legs.get((instrument, way))
        if leg is None or not leg.quantity:
            continue
        amount = money(leg.quantity * mark * rate)
        pay(state, account, quote, -amount, "funding", BalanceReason.FUNDING)
        if isolated:
            leg.margin -= amount
        touch_leg(state, account, instrument, way)
        direction = Direction.LONG if leg.quantity > ZERO else Direction.SHORT
        paid = FundingPaid(
            state.now_ns, account.name, instrument, direction, abs(leg.quantity), rate, mark,
            quote, amount,
        )  # fmt: skip
        account.funding.append(paid)
        state.facts.append(paid)
