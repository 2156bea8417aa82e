"""Liquidation: positions that fell to their maintenance margin are closed by the venue.

1. Isolated: the account's orders of that instrument are cancelled and the position is closed at the
   market. It cannot lose more than its margin.
2. Cross: the account's orders in perpetuals of that quote asset are cancelled, then the position
   with the highest maintenance margin is closed, until the remaining positions are safe.
3. What exceeds the depth of the book is closed at the mark price outside the book.
4. The insurance fund pays what the account cannot pay.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import VenueAccount, VenuePosition, money
from bowline.core.sim.exchange.facts import BalanceReason, Liquidated
from bowline.core.sim.exchange.matching import close_out
from bowline.core.sim.exchange.mutations import end_order, pay
from bowline.core.sim.exchange.order_entry import accept
from bowline.core.sim.exchange.orders import EndReason, NewOrder
from bowline.core.sim.exchange.state import VenueState
from bowline.core.venue import MarginMode, OrderKind


def liquidate_one(state: VenueState) -> bool:
    """Close the first position that is due for liquidation; returns whether there was one."""
    for account in state.accounts.values():
        held = [
            (at, way, position)
            for (at, way), position in account.positions.items()
            if position.quantity
        ]
        crossed: dict[str, list[tuple[InstrumentId, Direction, VenuePosition]]] = {}
        for at, way, position in held:
            if account.settings_at(at).margin_mode is MarginMode.CROSS:
                crossed.setdefault(state.listings[at].quote, []).append((at, way, position))
            elif margin.isolated_surplus(state, at, position) <= ZERO:
                _cancel(state, account, {at})
                _close(state, account, at, way, position)
                return True
        for asset, positions in crossed.items():
            if margin.cross_surplus(state, account, asset) <= ZERO:
                quoted = {i for i in state.linear if state.listings[i].quote == asset}
                _cancel(state, account, quoted)
                _close(state, account, *max(positions, key=lambda each: _maintenance(state, each)))
                return True
    return False


def _maintenance(state: VenueState, held: tuple[InstrumentId, Direction, VenuePosition]) -> Decimal:
    at, _, position = held
    return margin.maintenance(state, at, position)


def _cancel(state: VenueState, account: VenueAccount, instruments: set[InstrumentId]) -> None:
    for order in list(account.open.values()):
        if order.instrument in instruments:
            end_order(state, order, EndReason.LIQUIDATION)


def _close(
    state: VenueState,
    account: VenueAccount,
    instrument: InstrumentId,
    way: Direction,
    position: VenuePosition,
) -> None:
    mark, quote = state.mark(instrument), state.listings[instrument].quote
    assert mark is not None, "a position has a price"
    settings, size, own = account.settings_at(instrument), abs(position.quantity), position.margin
    side = Side.SELL if position.quantity > ZERO else Side.BUY
    before = account.totals.get(quote, ZERO)
    requested = NewOrder(
        account.name, instrument, side, OrderKind.MARKET, size, reduce_only=True, position_side=way
    )
    order = close_out(state, accept(state, requested, size, by_venue=True), mark)
    charge = money(order.cost * state.rules.liquidation_rate)
    pay(state, account, quote, -charge, "insurance", BalanceReason.LIQUIDATION)
    if settings.margin_mode is MarginMode.ISOLATED:
        insured = max(ZERO, before - max(ZERO, own) - account.totals[quote])
    else:
        insured = _shortfall(state, account, quote)
    if insured:
        pay(state, account, quote, insured, "insurance", BalanceReason.LIQUIDATION)
    direction = Direction.LONG if side is Side.SELL else Direction.SHORT
    average = order.average_price
    assert average is not None, "the closing order was filled"
    fact = Liquidated(
        state.now_ns, account.name, instrument, direction, size, mark, settings.margin_mode,
        order.order_id, average, insured,
    )  # fmt: skip
    state.facts.append(fact)


def _shortfall(state: VenueState, account: VenueAccount, asset: str) -> Decimal:
    """The loss of the last cross position beyond all the balance that backed it."""
    margins = ZERO
    for (at, _), position in account.positions.items():
        if not position.quantity or state.listings[at].quote != asset:
            continue
        if account.settings_at(at).margin_mode is MarginMode.CROSS:
            return ZERO
        margins += position.margin
    return max(ZERO, margins - account.totals[asset])
