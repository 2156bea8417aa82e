"""The state of one account at a simulated venue: balances, locks, positions, orders, fills.

State and its sums only. It must never decide whether an order is allowed.
"""

from __future__ import annotations

from collections import deque
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction
from bowline.core.sim.exchange.facts import Executed, FundingPaid, TradingSettings
from bowline.core.sim.exchange.orders import VenueOrder
from bowline.core.sim.exchange.rules import ClientIds, VenueRules

#: the smallest unit of every asset: sums of such amounts below 1e16 are exact in 28 digits
UNIT = Decimal("1e-12")
#: the cost of an unaffordable order is calculated too, before the order is rejected
WIDE_CONTEXT = Context(prec=100)


def money(amount: Decimal) -> Decimal:
    """`amount` rounded to `UNIT` towards 0."""
    rounded = amount.quantize(UNIT, ROUND_DOWN, WIDE_CONTEXT)
    return amount if rounded == amount else rounded


def money_up(amount: Decimal) -> Decimal:
    """`amount` rounded to `UNIT` away from 0, so that a lock always covers the later payment."""
    rounded = amount.quantize(UNIT, ROUND_UP, WIDE_CONTEXT)
    return amount if rounded == amount else rounded


class VenuePosition:
    """A perpetual position: `quantity` is signed, `cost` is the unsigned entry value.

    `margin` is the isolated margin; it is 0 in cross mode.
    """

    __slots__ = ("cost", "margin", "quantity", "realised", "updated_ns")

    def __init__(self) -> None:
        self.quantity = ZERO
        self.cost = ZERO
        self.margin = ZERO
        self.realised = ZERO
        self.updated_ns = 0

    @property
    def signed_cost(self) -> Decimal:
        """`cost` with the sign of the position."""
        return self.cost if self.quantity >= ZERO else -self.cost


class VenueAccount:
    """Balances, locks, positions, orders and fills of one account."""

    def __init__(self, name: str, rules: VenueRules) -> None:
        self.name = name
        self._rules = rules
        self.totals: dict[str, Decimal] = {}
        #: asset and amount locked by each open spot order
        self.locks: dict[int, tuple[str, Decimal]] = {}
        self.locked: dict[str, Decimal] = {}
        #: by instrument and position side; NEUTRAL is the one-way position
        self.positions: dict[tuple[InstrumentId, Direction], VenuePosition] = {}
        self.settings: dict[InstrumentId, TradingSettings] = {}
        self.position_mode = rules.position_mode
        self.open: dict[int, VenueOrder] = {}
        self.closed: deque[int] = deque()
        self.orders: dict[int, VenueOrder] = {}
        #: the newest order of each client id
        self.client_order_ids: dict[str, int] = {}
        self.fills: deque[Executed] = deque(maxlen=rules.history)
        self.funding: deque[FundingPaid] = deque(maxlen=rules.history)

    def lock(self, order_id: int, asset: str, amount: Decimal) -> None:
        """Lock `amount` for an order; this replaces the order's earlier lock."""
        held = self.locks.pop(order_id, (asset, ZERO))[1]
        if amount:
            self.locks[order_id] = (asset, amount)
        self.locked[asset] = self.locked.get(asset, ZERO) + amount - held

    def store_order(self, order: VenueOrder) -> None:
        """Store the current version of an order; drop the oldest closed orders beyond the limit."""
        self.orders[order.order_id] = order
        if not order.done:
            self.open[order.order_id] = order
            return
        if self.open.pop(order.order_id, None) is not None:
            self.closed.append(order.order_id)
        while len(self.closed) > self._rules.history:
            gone = self.orders.pop(self.closed.popleft())
            known = self.client_order_ids.get(gone.client_id) == gone.order_id
            if known and self._rules.client_ids is not ClientIds.FOREVER:
                del self.client_order_ids[gone.client_id]

    def find(self, order: int | str) -> VenueOrder | None:
        """The order with this order id, or the newest with this client id."""
        order_id = self.client_order_ids.get(order) if isinstance(order, str) else order
        return None if order_id is None else self.orders.get(order_id)

    def settings_at(self, instrument: InstrumentId) -> TradingSettings:
        """Leverage, margin mode and position mode at an instrument."""
        found = self.settings.get(instrument)
        if found is None:
            rules = self._rules
            found = TradingSettings(rules.leverage, rules.margin_mode, self.position_mode)
        return found

    def position(self, instrument: InstrumentId, position_side: Direction) -> VenuePosition:
        """The position of an instrument and side; a flat one is created if there was none."""
        return self.positions.setdefault((instrument, position_side), VenuePosition())
