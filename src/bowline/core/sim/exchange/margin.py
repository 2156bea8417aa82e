"""Perpetuals: what a position is worth and must keep, and what an account may still use.

Linear contracts, margin in quote money. With quantity q (signed), cost C = q times the average
entry, mark price P, leverage L, and maintenance rate r and deduction d of the tier of P |q|:

    unrealised PnL  P q - C        initial margin  |C| / L        maintenance  r P |q| - d

An isolated position is liquidated when its margin + PnL <= maintenance; cross positions together,
when the account's money outside isolated positions + their PnL <= the sum of their maintenance.
Solved for P this is the liquidation price; fees of the closing order are not part of it.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ONE, ZERO, Direction, Side
from bowline.core.sim.exchange.account import Account, Leg, money, money_up
from bowline.core.sim.exchange.facts import Holding, OpenPosition
from bowline.core.sim.exchange.orders import NewOrder, VenueOrder
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.tiers import price_at_zero, tier_at
from bowline.core.venue import MarginMode


class _Held(Struct, frozen=True):
    """Of one asset: margin of positions and orders, and the PnL of cross positions."""

    margin: Decimal
    unrealised: Decimal


def unrealised(leg: Leg, mark: Decimal | None) -> Decimal:
    """What closing at `mark` would bring; 0 while there is no mark price."""
    return ZERO if mark is None else money(leg.quantity * mark) - leg.signed_cost


def maintenance(state: VenueState, instrument: InstrumentId, leg: Leg) -> Decimal:
    """What the position must keep; 0 while there is no mark price."""
    mark = state.mark(instrument)
    if mark is None:
        return ZERO
    size = abs(leg.quantity)
    tier = tier_at(state.rules, state.tier_size(instrument, size, mark))
    return money(size * mark * tier.maintenance_rate - tier.deduction)


def closes(asked: NewOrder) -> bool:
    """Whether an order may only reduce: it says so, or it trades against its hedge leg."""
    if asked.position is Direction.NEUTRAL:
        return asked.reduce_only
    return asked.side is not Side.entering(asked.position)


def closable(account: Account, asked: NewOrder) -> Decimal:
    """How much of its position an order can close."""
    leg = account.legs.get((asked.instrument, asked.position))
    return ZERO if leg is None else max(ZERO, -asked.side.sign * leg.quantity)


def free(state: VenueState, account: Account, asset: str) -> Decimal:
    """What a new order may use; negative if open positions have lost more than there is."""
    found = _held(state, account, asset)
    total, locked = account.totals.get(asset, ZERO), account.locked.get(asset, ZERO)
    return total - locked - found.margin + found.unrealised


def holding(state: VenueState, account: Account, asset: str) -> Holding:
    """What the account has of an asset."""
    found = _held(state, account, asset)
    total, locked = account.totals.get(asset, ZERO), account.locked.get(asset, ZERO)
    left = max(ZERO, total - locked - found.margin + found.unrealised)
    return Holding(asset, total, left, locked, found.margin, found.unrealised)


def _held(state: VenueState, account: Account, asset: str) -> _Held:
    margin = pnl = ZERO
    for (instrument, _), leg in account.legs.items():
        if not leg.quantity or state.listings[instrument].quote != asset:
            continue
        settings = account.settings_at(instrument)
        if settings.margin_mode is MarginMode.ISOLATED:
            margin += leg.margin
        else:
            margin += money_up(leg.cost / settings.leverage)
            pnl += unrealised(leg, state.mark(instrument))
    ordered = {o.instrument for o in account.open.values() if o.instrument in state.linear}
    for instrument in sorted(ordered):
        if state.listings[instrument].quote == asset:
            margin += order_margin(state, account, instrument)
    return _Held(margin, pnl)


def order_margin(
    state: VenueState,
    account: Account,
    instrument: InstrumentId,
    *,
    more: tuple[NewOrder, Decimal, Decimal] | None = None,
    without: int = 0,
) -> Decimal:
    """Initial margin and taker fee of what the open orders would open, were they all filled.

    The part of a one-way order that would close the position needs none. `more` is one order more:
    what is asked, its quantity, its price; `without` is the id of an order that is left out.
    """
    sums: dict[tuple[Direction, Side], tuple[Decimal, Decimal]] = {}
    wanted = [
        (order.asked, order.remaining, order.price)
        for order in account.open.values()
        if order.instrument == instrument
        and order.order_id != without
        and order.price is not None
        and not order.waiting
    ]
    if more is not None:
        wanted.append(more)
    for asked, quantity, price in wanted:
        assert price is not None, "only orders with a price are summed"
        if not closes(asked):
            key = (asked.position, asked.side)
            before = sums.get(key, (ZERO, ZERO))
            sums[key] = (before[0] + quantity, before[1] + quantity * price)
    share = ONE / account.settings_at(instrument).leverage
    share += max(ZERO, state.fees(instrument).taker_rate)
    total = ZERO
    for (position, side), (quantity, value) in sums.items():
        opening = quantity
        if position is Direction.NEUTRAL:
            leg = account.leg(instrument, position)
            opening = max(ZERO, quantity - max(ZERO, -side.sign * leg.quantity))
        if opening:
            total += money_up(value * opening / quantity * share)
    return total


def size_after(
    state: VenueState, account: Account, asked: NewOrder, quantity: Decimal, without: int = 0
) -> Decimal:
    """The size of the position if this order and all that open the same way were filled.

    As tiers count it: what is held at mark, an order at its price or else at mark. 0 for an order
    that opens nothing. `without` is the id of an order that is left out.
    """
    at, mark, sign = asked.instrument, state.mark(asked.instrument) or ZERO, asked.side.sign
    held = account.leg(at, asked.position).quantity * sign
    opening = quantity if held >= ZERO else max(ZERO, quantity + held)
    if closes(asked) or not opening:
        return ZERO
    resting = sum(
        (
            state.tier_size(at, order.remaining, order.price or mark)
            for order in account.open.values()
            if order.instrument == at
            and (order.side, order.asked.position) == (asked.side, asked.position)
            and order.order_id != without
            and not order.waiting
            and not closes(order.asked)
        ),
        ZERO,
    )
    own = state.tier_size(at, opening, asked.price or mark)
    return state.tier_size(at, max(ZERO, held), mark) + resting + own


def rest_margin(state: VenueState, account: Account, order: VenueOrder, price: Decimal) -> Decimal:
    """How much more an order needs than is held without it, at `price` for what is not filled."""
    instrument, more = order.instrument, (order.asked, order.remaining, price)
    apart = order_margin(state, account, instrument, without=order.order_id)
    return order_margin(state, account, instrument, more=more, without=order.order_id) - apart


def position(
    state: VenueState, account: Account, instrument: InstrumentId, direction: Direction
) -> OpenPosition:
    """A position as it stands at the mark price; `direction` names the hedge leg."""
    leg, settings = account.leg(instrument, direction), account.settings_at(instrument)
    mark = state.mark(instrument)
    isolated = settings.margin_mode is MarginMode.ISOLATED
    way = direction
    if way is Direction.NEUTRAL and leg.quantity:
        way = Direction.LONG if leg.quantity > ZERO else Direction.SHORT
    return OpenPosition(
        account.name, instrument, settings.position_mode, way, abs(leg.quantity), leg.cost,
        leg.margin if isolated else money_up(leg.cost / settings.leverage),
        settings.margin_mode, settings.leverage, leg.realised, leg.updated_ns, mark,
        unrealised(leg, mark), maintenance(state, instrument, leg),
        _liquidation_price(state, account, instrument, leg, isolated=isolated),
    )  # fmt: skip


def _liquidation_price(
    state: VenueState, account: Account, instrument: InstrumentId, leg: Leg, *, isolated: bool
) -> Decimal | None:
    """The mark price at which it would be liquidated, all else unmoved; None if there is none."""
    if not leg.quantity:
        return None
    if isolated:
        legs, backing = [leg], leg.margin
    else:
        legs = [each for (i, _), each in account.legs.items() if i == instrument]
        backing = cross_surplus(state, account, state.listings[instrument].quote, instrument)
    return price_at_zero(state, instrument, legs, backing)


def cross_surplus(
    state: VenueState, account: Account, asset: str, beside: InstrumentId | None = None
) -> Decimal:
    """What cross positions have above their maintenance; `beside`: without those of one instrument.

    All the account's money but isolated margins answers, money locked for spot orders too.
    """
    surplus = account.totals.get(asset, ZERO)
    for (instrument, _), leg in account.legs.items():
        if not leg.quantity or state.listings[instrument].quote != asset:
            continue
        if account.settings_at(instrument).margin_mode is MarginMode.ISOLATED:
            surplus -= leg.margin
        elif instrument != beside:
            surplus += unrealised(leg, state.mark(instrument))
            surplus -= maintenance(state, instrument, leg)
    return surplus


def isolated_surplus(state: VenueState, instrument: InstrumentId, leg: Leg) -> Decimal:
    """What an isolated position has above its maintenance."""
    pnl = unrealised(leg, state.mark(instrument))
    return leg.margin + pnl - maintenance(state, instrument, leg)


def fill_leg(leg: Leg, quantity: Decimal, price: Decimal, isolated_at: Decimal | None) -> Decimal:
    """Change a position by a fill of a signed quantity; the PnL it realised.

    `isolated_at` is the leverage of an isolated position, None in cross mode. What is entered and
    what is left of the cost always add up to the value of the fill, to the last digit.
    """
    value, opened = money(abs(quantity) * price), abs(quantity)
    realised = ZERO
    if leg.quantity and (leg.quantity > ZERO) is not (quantity > ZERO):
        size = abs(leg.quantity)
        closed = min(size, opened)
        opened -= closed
        part, margin_part, proceeds = leg.cost, leg.margin, money(closed * price)
        if closed < size:
            part, margin_part = money(part * closed / size), money(margin_part * closed / size)
        sign = ONE if leg.quantity > ZERO else -ONE
        realised = (proceeds - part) * sign
        leg.quantity -= closed * sign
        leg.cost -= part
        leg.margin -= margin_part
        value -= proceeds
    if opened:
        leg.quantity += opened if quantity > ZERO else -opened
        leg.cost += value
        if isolated_at is not None:
            leg.margin += money_up(value / isolated_at)
    leg.realised += realised
    return realised
