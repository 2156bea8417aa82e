"""Margin of perpetuals: PnL, initial and maintenance margin, free balance, liquidation price.

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
from bowline.core.sim.exchange.account import VenueAccount, VenuePosition, money, money_up
from bowline.core.sim.exchange.facts import Holding, PositionSnapshot
from bowline.core.sim.exchange.orders import NewOrder
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.tiers import price_at_zero, tier_at
from bowline.core.venue import MarginMode


class _MarginUse(Struct, frozen=True):
    """Margin of positions and orders, and PnL of cross positions, in one asset."""

    margin: Decimal
    unrealised: Decimal


def unrealised(position: VenuePosition, mark: Decimal | None) -> Decimal:
    """PnL of closing at `mark`; 0 while there is no mark price."""
    return ZERO if mark is None else money(position.quantity * mark) - position.signed_cost


def maintenance(state: VenueState, instrument: InstrumentId, position: VenuePosition) -> Decimal:
    """Maintenance margin of a position; 0 while there is no mark price."""
    mark = state.mark(instrument)
    if mark is None:
        return ZERO
    size = abs(position.quantity)
    tier = tier_at(state.rules, state.tier_size(instrument, size, mark))
    return money(size * mark * tier.maintenance_rate - tier.deduction)


def may_only_reduce(requested: NewOrder) -> bool:
    """Whether an order may only reduce: it is reduce-only, or trades against its hedge side."""
    if requested.position_side is Direction.NEUTRAL:
        return requested.reduce_only
    return requested.side is not Side.entering(requested.position_side)


def closable_quantity(account: VenueAccount, requested: NewOrder) -> Decimal:
    """The quantity of its position that an order can close."""
    position = account.positions.get((requested.instrument, requested.position_side))
    return ZERO if position is None else max(ZERO, -requested.side.sign * position.quantity)


def free_balance(state: VenueState, account: VenueAccount, asset: str) -> Decimal:
    """The balance that a new order may use; negative if cross positions lost more than that."""
    found = _margin_use(state, account, asset)
    total, locked = account.totals.get(asset, ZERO), account.locked.get(asset, ZERO)
    return total - locked - found.margin + found.unrealised


def holding(state: VenueState, account: VenueAccount, asset: str) -> Holding:
    """The account's balance of an asset."""
    found = _margin_use(state, account, asset)
    total, locked = account.totals.get(asset, ZERO), account.locked.get(asset, ZERO)
    left = max(ZERO, total - locked - found.margin + found.unrealised)
    return Holding(asset, total, left, locked, found.margin, found.unrealised)


def _margin_use(state: VenueState, account: VenueAccount, asset: str) -> _MarginUse:
    margin = pnl = ZERO
    for (instrument, _), position in account.positions.items():
        if not position.quantity or state.listings[instrument].quote != asset:
            continue
        settings = account.settings_at(instrument)
        if settings.margin_mode is MarginMode.ISOLATED:
            margin += position.margin
        else:
            margin += money_up(position.cost / settings.leverage)
            pnl += unrealised(position, state.mark(instrument))
    ordered = {o.instrument for o in account.open.values() if o.instrument in state.linear}
    for instrument in sorted(ordered):
        if state.listings[instrument].quote == asset:
            margin += order_margin(state, account, instrument)
    return _MarginUse(margin, pnl)


def order_margin(
    state: VenueState,
    account: VenueAccount,
    instrument: InstrumentId,
    *,
    more: tuple[NewOrder, Decimal, Decimal] | None = None,
    replaced_id: int = 0,
) -> Decimal:
    """Initial margin and taker fee of the positions that the open orders would open.

    The part of a one-way order that would close the position needs none. `more` is an additional
    order: request, quantity, price; the order with the id `replaced_id` is not counted.
    """
    sums: dict[tuple[Direction, Side], tuple[Decimal, Decimal]] = {}
    wanted = [
        (order.requested, order.remaining, order.price)
        for order in account.open.values()
        if order.instrument == instrument
        and order.order_id != replaced_id
        and order.price is not None
        and not order.waiting
    ]
    if more is not None:
        wanted.append(more)
    for requested, quantity, price in wanted:
        assert price is not None, "only orders with a price are summed"
        if not may_only_reduce(requested):
            key = (requested.position_side, requested.side)
            before = sums.get(key, (ZERO, ZERO))
            sums[key] = (before[0] + quantity, before[1] + quantity * price)
    share = ONE / account.settings_at(instrument).leverage
    share += max(ZERO, state.fees(instrument).taker_rate)
    total = ZERO
    for (position_side, side), (quantity, value) in sums.items():
        opening = quantity
        if position_side is Direction.NEUTRAL:
            position = account.position(instrument, position_side)
            opening = max(ZERO, quantity - max(ZERO, -side.sign * position.quantity))
        if opening:
            total += money_up(value * opening / quantity * share)
    return total


def position_size_after(
    state: VenueState,
    account: VenueAccount,
    requested: NewOrder,
    quantity: Decimal,
    replaced_id: int = 0,
) -> Decimal:
    """The size of the position if this order and all orders that open the same side were filled.

    In the unit of the tiers: a position at mark, an order at its price or else at mark. 0 for an
    order that opens nothing. The order with the id `replaced_id` is not counted.
    """
    at, mark, sign = (
        requested.instrument,
        state.mark(requested.instrument) or ZERO,
        requested.side.sign,
    )
    held = account.position(at, requested.position_side).quantity * sign
    opening = quantity if held >= ZERO else max(ZERO, quantity + held)
    if may_only_reduce(requested) or not opening:
        return ZERO
    resting = sum(
        (
            state.tier_size(at, order.remaining, order.price or mark)
            for order in account.open.values()
            if order.instrument == at
            and (order.side, order.requested.position_side)
            == (requested.side, requested.position_side)
            and order.order_id != replaced_id
            and not order.waiting
            and not may_only_reduce(order.requested)
        ),
        ZERO,
    )
    own = state.tier_size(at, opening, requested.price or mark)
    return state.tier_size(at, max(ZERO, held), mark) + resting + own


def position_snapshot(
    state: VenueState, account: VenueAccount, instrument: InstrumentId, direction: Direction
) -> PositionSnapshot:
    """A position valued at the mark price; `direction` is the hedge side, or NEUTRAL."""
    position, settings = account.position(instrument, direction), account.settings_at(instrument)
    mark = state.mark(instrument)
    isolated = settings.margin_mode is MarginMode.ISOLATED
    way = direction
    if way is Direction.NEUTRAL and position.quantity:
        way = Direction.LONG if position.quantity > ZERO else Direction.SHORT
    return PositionSnapshot(
        account=account.name,
        instrument=instrument,
        mode=settings.position_mode,
        direction=way,
        quantity=abs(position.quantity),
        cost=position.cost,
        margin=position.margin if isolated else money_up(position.cost / settings.leverage),
        margin_mode=settings.margin_mode,
        leverage=settings.leverage,
        realised=position.realised,
        updated_ns=position.updated_ns,
        mark=mark,
        unrealised=unrealised(position, mark),
        maintenance=maintenance(state, instrument, position),
        liquidation_price=_liquidation_price(
            state, account, instrument, position, isolated=isolated
        ),
    )


def _liquidation_price(
    state: VenueState,
    account: VenueAccount,
    instrument: InstrumentId,
    position: VenuePosition,
    *,
    isolated: bool,
) -> Decimal | None:
    """The mark price of liquidation, all else being equal; None if there is none."""
    if not position.quantity:
        return None
    if isolated:
        positions, backing = [position], position.margin
    else:
        positions = [each for (i, _), each in account.positions.items() if i == instrument]
        backing = cross_surplus(state, account, state.listings[instrument].quote, instrument)
    return price_at_zero(state, instrument, positions, backing)


def cross_surplus(
    state: VenueState, account: VenueAccount, asset: str, excluding: InstrumentId | None = None
) -> Decimal:
    """Balance and PnL of cross positions above their maintenance margin.

    `excluding` leaves out the positions of one instrument. The whole balance except isolated
    margins counts, also what is locked for spot orders.
    """
    surplus = account.totals.get(asset, ZERO)
    for (instrument, _), position in account.positions.items():
        if not position.quantity or state.listings[instrument].quote != asset:
            continue
        if account.settings_at(instrument).margin_mode is MarginMode.ISOLATED:
            surplus -= position.margin
        elif instrument != excluding:
            surplus += unrealised(position, state.mark(instrument))
            surplus -= maintenance(state, instrument, position)
    return surplus


def isolated_surplus(
    state: VenueState, instrument: InstrumentId, position: VenuePosition
) -> Decimal:
    """Margin and PnL of an isolated position above its maintenance margin."""
    pnl = unrealised(position, state.mark(instrument))
    return position.margin + pnl - maintenance(state, instrument, position)


def update_position(
    position: VenuePosition, quantity: Decimal, price: Decimal, isolated_at: Decimal | None
) -> Decimal:
    """Change a position by a fill of a signed quantity; returns the realised PnL.

    `isolated_at` is the leverage of an isolated position, None in cross mode. Closed and opened
    cost always add up to the exact value of the fill.
    """
    value, opened = money(abs(quantity) * price), abs(quantity)
    realised = ZERO
    if position.quantity and (position.quantity > ZERO) is not (quantity > ZERO):
        size = abs(position.quantity)
        closed = min(size, opened)
        opened -= closed
        part, margin_part, proceeds = position.cost, position.margin, money(closed * price)
        if closed < size:
            part, margin_part = money(part * closed / size), money(margin_part * closed / size)
        sign = ONE if position.quantity > ZERO else -ONE
        realised = (proceeds - part) * sign
        position.quantity -= closed * sign
        position.cost -= part
        position.margin -= margin_part
        value -= proceeds
    if opened:
        position.quantity += opened if quantity > ZERO else -opened
        position.cost += value
        if isolated_at is not None:
            position.margin += money_up(value / isolated_at)
    position.realised += realised
    return realised
