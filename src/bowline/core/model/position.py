"""A position grows, shrinks, closes or flips with each fill; a closed one is a round trip.

Net profit counts every fee of the round trip, entry and exit. Nothing here may round.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.intent import Reason
from bowline.core.model.order import Fill
from bowline.core.model.values import HUNDRED, ZERO, Direction, Side


class Position(Struct, frozen=True):
    """An open position. `entry_value` is the quote money of all entry fills, without fees."""

    instrument: InstrumentId
    direction: Direction
    quantity: Decimal
    opened_ns: int
    entry_quantity: Decimal
    entry_value: Decimal
    exit_value: Decimal = ZERO
    fees: Decimal = ZERO
    #: paid while it was held; negative if more was received
    funding: Decimal = ZERO

    @property
    def entry_price(self) -> Decimal:
        """Average entry fill price."""
        return self.entry_value / self.entry_quantity

    @property
    def signed_quantity(self) -> Decimal:
        """Quantity, negative for a short."""
        return self.quantity * self.direction


class RoundTrip(Struct, frozen=True):
    """A position from flat to flat. `pnl` is net quote money, after `fees` and `funding`."""

    instrument: InstrumentId
    direction: Direction
    quantity: Decimal
    opened_ns: int
    closed_ns: int
    entry_price: Decimal
    exit_price: Decimal
    fees: Decimal
    pnl: Decimal
    reason: Reason
    funding: Decimal = ZERO

    @property
    def return_pct(self) -> Decimal:
        """Net profit in percent of the entry notional."""
        return self.pnl / (self.entry_price * self.quantity) * HUNDRED


def apply_fill(
    position: Position | None, fill: Fill, reason: Reason
) -> tuple[Position | None, RoundTrip | None]:
    """The position after a fill, and the round trip that the fill closed, if it did."""
    if position is None:
        return _opened(fill, fill.quantity, fill.fee), None
    if fill.instrument != position.instrument:
        raise ValueError(f"fill {fill.trade_id} is of another instrument than the position")
    if Side.entering(position.direction) is fill.side:
        return _increased(position, fill), None
    if fill.quantity < position.quantity:
        return _reduced(position, fill, fill.quantity, fill.fee), None
    # the fee is shared between what closes and what opens the other way
    closing_fee = fill.fee * position.quantity / fill.quantity
    trip = _closed(_reduced(position, fill, position.quantity, closing_fee), fill, reason)
    rest = fill.quantity - position.quantity
    return (_opened(fill, rest, fill.fee - closing_fee) if rest else None), trip


def _opened(fill: Fill, quantity: Decimal, fee: Decimal) -> Position:
    direction = Direction(fill.side.sign)
    value = quantity * fill.price
    return Position(fill.instrument, direction, quantity, fill.event_ns, quantity, value, ZERO, fee)


def _increased(p: Position, fill: Fill) -> Position:
    return Position(
        p.instrument, p.direction, p.quantity + fill.quantity, p.opened_ns,
        p.entry_quantity + fill.quantity, p.entry_value + fill.quantity * fill.price,
        p.exit_value, p.fees + fill.fee, p.funding,
    )  # fmt: skip


def _reduced(p: Position, fill: Fill, quantity: Decimal, fee: Decimal) -> Position:
    return Position(
        p.instrument, p.direction, p.quantity - quantity, p.opened_ns,
        p.entry_quantity, p.entry_value, p.exit_value + quantity * fill.price, p.fees + fee,
        p.funding,
    )  # fmt: skip


def _closed(p: Position, fill: Fill, reason: Reason) -> RoundTrip:
    net = (p.exit_value - p.entry_value) * p.direction - p.fees
    if p.funding:
        net -= p.funding
    return RoundTrip(
        p.instrument, p.direction, p.entry_quantity, p.opened_ns, fill.event_ns, p.entry_price,
        p.exit_value / p.entry_quantity, p.fees, net, reason, p.funding,
    )  # fmt: skip
