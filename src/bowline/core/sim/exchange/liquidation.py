"""Positions that fell to their maintenance margin are closed, against the book, by the venue.

1. An isolated position stands alone: the account's orders of that instrument are cancelled, it is
   closed at the market, and it cannot cost more than its margin.
2. Cross positions answer together: the account's orders in perpetuals of that quote asset are
   cancelled, then the position that needs the most margin is closed, until the rest is safe.
3. What the book has no room for is taken over at the mark price, beside the book.
4. What the account cannot pay the insurance fund pays.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.account import Account, Leg, money
from bowline.core.sim.exchange.facts import BalanceReason, Liquidated
from bowline.core.sim.exchange.intake import accept
from bowline.core.sim.exchange.matching import close_out
from bowline.core.sim.exchange.moves import end_order, pay
from bowline.core.sim.exchange.orders import EndReason, NewOrder
from bowline.core.sim.exchange.state import VenueState
from bowline.core.venue import MarginMode, OrderKind


def liquidate_one(state: VenueState) -> bool:
    """Close the first position that must be closed; whether there was one."""
    for account in state.accounts.values():
        held = [(at, way, leg) for (at, way), leg in account.legs.items() if leg.quantity]
        crossed: dict[str, list[tuple[InstrumentId, Direction, Leg]]] = {}
        for at, way, leg in held:
            if account.settings_at(at).margin_mode is MarginMode.CROSS:
                crossed.setdefault(state.listings[at].quote, []).append((at, way, leg))
            elif margin.isolated_surplus(state, at, leg) <= ZERO:
                _cancel(state, account, {at})
                _close(state, account, at, way, leg)
                return True
        for asset, legs in crossed.items():
            if margin.cross_surplus(state, account, asset) <= ZERO:
                quoted = {i for i in state.linear if state.listings[i].quote == asset}
                _cancel(state, account, quoted)
                _close(state, account, *max(legs, key=lambda each: _weight(state, each)))
                return True
    return False


def _weight(state: VenueState, held: tuple[InstrumentId, Direction, Leg]) -> Decimal:
    at, _, leg = held
    return margin.maintenance(state, at, leg)


def _cancel(state: VenueState, account: Account, instruments: set[InstrumentId]) -> None:
    for order in list(account.open.values()):
        if order.instrument in instruments:
            end_order(state, order, EndReason.LIQUIDATION)


def _close(
    state: VenueState, account: Account, instrument: InstrumentId, way: Direction, leg: Leg
) -> None:
    mark, quote = state.mark(instrument), state.listings[instrument].quote
    assert mark is not None, "a position has a price"
    settings, size, own = account.settings_at(instrument), abs(leg.quantity), leg.margin
    side = Side.SELL if leg.quantity > ZERO else Side.BUY
    before = account.totals.get(quote, ZERO)
    asked = NewOrder(
        account.name, instrument, side, OrderKind.MARKET, size, reduce_only=True, position=way
    )
    order = close_out(state, accept(state, asked, size, by_venue=True), mark)
    charge = money(order.cost * state.rules.liquidation_rate)
    pay(state, account, quote, -charge, "insurance", BalanceReason.LIQUIDATION)
    if settings.margin_mode is MarginMode.ISOLATED:
        insured = max(ZERO, before - max(ZERO, own) - account.totals[quote])
    else:
        insured = _uncovered(state, account, quote)
    if insured:
        pay(state, account, quote, insured, "insurance", BalanceReason.LIQUIDATION)
    direction = Direction.LONG if side is Side.SELL else Direction.SHORT
    average = order.average_price
    assert average is not None, "it was closed"
    fact = Liquidated(
        state.now_ns, account.name, instrument, direction, size, mark, settings.margin_mode,
        order.order_id, average, insured,
    )  # fmt: skip
    state.facts.append(fact)


def _uncovered(state: VenueState, account: Account, asset: str) -> Decimal:
    """What the last cross position has lost beyond all that answered for it."""
    margins = ZERO
    for (at, _), leg in account.legs.items():
        if not leg.quantity or state.listings[at].quote != asset:
            continue
        if account.settings_at(at).margin_mode is MarginMode.CROSS:
            return ZERO
        margins += leg.margin
    return max(ZERO, margins - account.totals[asset])
