"""What the venue keeps for one account: money, locks, positions, orders, fills.

State and its sums, nothing else: who may do what is decided elsewhere.
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
#: what is asked for may cost more than there is money, and is counted all the same to be refused
WIDE = Context(prec=100)


def money(amount: Decimal) -> Decimal:
    """`amount` in whole units, towards 0."""
    rounded = amount.quantize(UNIT, ROUND_DOWN, WIDE)
    return amount if rounded == amount else rounded


def money_up(amount: Decimal) -> Decimal:
    """`amount` in whole units, away from 0: what is locked for a payment always covers it."""
    rounded = amount.quantize(UNIT, ROUND_UP, WIDE)
    return amount if rounded == amount else rounded


class Leg:
    """A perpetual position: `quantity` is signed, `cost` what it was entered for (not signed).

    `margin` is its own money in isolated mode, 0 in cross mode.
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


class Account:
    """One account's books."""

    def __init__(self, name: str, rules: VenueRules) -> None:
        self.name = name
        self._rules = rules
        self.totals: dict[str, Decimal] = {}
        #: of spot orders: what each holds back, and of which asset
        self.locks: dict[int, tuple[str, Decimal]] = {}
        self.locked: dict[str, Decimal] = {}
        #: by instrument and hedge direction; NEUTRAL is the one-way position
        self.legs: dict[tuple[InstrumentId, Direction], Leg] = {}
        self.settings: dict[InstrumentId, TradingSettings] = {}
        self.position_mode = rules.position_mode
        self.open: dict[int, VenueOrder] = {}
        self.closed: deque[int] = deque()
        self.orders: dict[int, VenueOrder] = {}
        #: the newest order of each client id
        self.clients: dict[str, int] = {}
        self.fills: deque[Executed] = deque(maxlen=rules.history)
        self.funding: deque[FundingPaid] = deque(maxlen=rules.history)

    def lock(self, order_id: int, asset: str, amount: Decimal) -> None:
        """Hold back `amount` for an order instead of what was held for it before."""
        held = self.locks.pop(order_id, (asset, ZERO))[1]
        if amount:
            self.locks[order_id] = (asset, amount)
        self.locked[asset] = self.locked.get(asset, ZERO) + amount - held

    def keep(self, order: VenueOrder) -> None:
        """Remember an order as it is now; the oldest done ones are forgotten."""
        self.orders[order.order_id] = order
        if not order.done:
            self.open[order.order_id] = order
            return
        if self.open.pop(order.order_id, None) is not None:
            self.closed.append(order.order_id)
        while len(self.closed) > self._rules.history:
            gone = self.orders.pop(self.closed.popleft())
            known = self.clients.get(gone.client_id) == gone.order_id
            if known and self._rules.client_ids is not ClientIds.FOREVER:
                del self.clients[gone.client_id]

    def find(self, order: int | str) -> VenueOrder | None:
        """By order id, or the newest by client id."""
        order_id = self.clients.get(order) if isinstance(order, str) else order
        return None if order_id is None else self.orders.get(order_id)

    def settings_at(self, instrument: InstrumentId) -> TradingSettings:
        """How the account trades an instrument."""
        found = self.settings.get(instrument)
        if found is None:
            rules = self._rules
            found = TradingSettings(rules.leverage, rules.margin_mode, self.position_mode)
        return found

    def leg(self, instrument: InstrumentId, position: Direction) -> Leg:
        """The position of an instrument; a flat one if there was none."""
        return self.legs.setdefault((instrument, position), Leg())
