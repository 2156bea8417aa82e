"""A venue that knows everything, and a network that tells it late, twice, in another order, or not.

The venue fills, cancels and refuses orders by chance; the network loses requests and replies and
shuffles reports. Its own books are the truth that the engine's are held against.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from random import Random

from msgspec.structs import replace as changed

from bowline.core.model.command import CancelOrder, Command, LookUpOrder, PlaceOrder
from bowline.core.model.event import (
    CancelRefused,
    Endpoint,
    Event,
    FillReported,
    OrderNotFound,
    OrderReported,
    SendDenied,
    SendLost,
    SendRefused,
)
from bowline.core.model.order import OrderKind, OrderState, Purpose
from bowline.core.model.trading import FillReport, OrderReport
from bowline.core.model.values import SECOND_NS, AccountId, OrderId, Side

MS_NS = SECOND_NS // 1000
ENDED = {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED}


@dataclass
class VenueOrder:
    """An order at the venue, which it knows better than anybody."""

    order: object
    venue_id: str
    state: OrderState = OrderState.WORKING
    filled: Decimal = Decimal(0)

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def report(self, now_ns: int, state: OrderState | None = None) -> OrderReport:
        o = self.order
        return OrderReport(
            self.venue_id, o.id, o.instrument, o.side, o.quantity, self.filled,
            state or self.state, now_ns,
        )  # fmt: skip


@dataclass
class Faults:
    """How often each thing goes wrong: shares between 0 and 1."""

    request_lost: float = 0.0
    reply_lost: float = 0.0
    report_lost: float = 0.0
    report_twice: float = 0.0
    refused: float = 0.0
    denied: float = 0.0
    part: float = 0.0
    late_ms: int = 50
    unnamed: float = 0.0

    @classmethod
    def drawn(cls, chance: Random) -> Faults:
        """Which faults are on in this world, and how often: few worlds have all."""

        def share(most: float) -> float:
            return chance.random() * most if chance.random() < 0.5 else 0.0

        return cls(
            share(0.3), share(0.3), share(0.4), share(0.5), share(0.3), share(0.2),
            share(0.9), chance.choice([1, 50, 3_000, 20_000]), share(0.5),
        )  # fmt: skip


@dataclass
class Venue:
    """One account. `due` holds what will happen or be told, by time."""

    account: AccountId
    chance: Random
    faults: Faults
    price: Decimal
    now_ns: int = 0
    fee_rate: Decimal = Decimal("0.001")
    cash: Decimal = Decimal(0)
    position: Decimal = Decimal(0)
    orders: dict[OrderId, VenueOrder] = field(default_factory=dict)
    fills: list[FillReport] = field(default_factory=list)
    accepted: list[PlaceOrder] = field(default_factory=list)
    due: list = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    # --- what the engine's commands do ------------------------------------------------------------

    def execute(self, command: Command) -> tuple[Event, ...]:
        """A command goes out; whatever comes of it comes later."""
        match command:
            case PlaceOrder():
                self._place(command)
            case CancelOrder():
                self._cancel(command)
            case LookUpOrder():
                self._look_up(command)
        return ()

    def _place(self, command: PlaceOrder) -> None:
        order = command.order
        if self._by(self.faults.denied):
            self._tell(SendDenied(0, self.account, order.id, "deadline"), reliable=True)
            return
        if self._by(self.faults.request_lost):
            self._tell(SendLost(0, self.account, order.id, "no reply"), reliable=True)
            return
        if self._by(self.faults.refused) or not self._may(order):
            self._reply(SendRefused(0, self.account, order.id, "-1", "no"), order.id)
            return
        assert order.id not in self.orders, "an order id was used twice"
        self.accepted.append(command)
        state = OrderState.ARMED if order.kind is OrderKind.STOP else OrderState.WORKING
        placed = self.orders[order.id] = VenueOrder(order, f"v{next(self._numbers)}", state)
        self._reply(self._reported(placed, OrderState.PENDING), order.id)
        self._report(placed)
        if order.kind is OrderKind.MARKET:
            self._later(self._fill_some, order.id)

    def _may(self, order) -> bool:
        """A reduce-only order never opens or turns a position."""
        if not order.reduce_only:
            return True
        return self.position < 0 if order.side is Side.BUY else self.position > 0

    def _cancel(self, command: CancelOrder) -> None:
        if self._by(self.faults.request_lost):
            self._tell(SendLost(0, self.account, command.order_id, "no reply"), reliable=True)
            return
        placed = self.orders.get(command.order_id)
        if placed is None or placed.ended:
            refused = CancelRefused(0, self.account, command.order_id, "unknown order")
            self._reply(refused, command.order_id)
            return
        placed.state = OrderState.CANCELLED
        self._report(placed)

    def _look_up(self, command: LookUpOrder) -> None:
        """What the gateway makes of a look-up: the order, or what every endpoint does not show."""
        if self._by(self.faults.reply_lost):
            return
        placed = self.orders.get(command.order_id)
        if placed is not None:
            self._tell(self._reported(placed), reliable=True)
            self._tell_fills(command.order_id)
            return
        for endpoint in Endpoint:
            self._tell(
                OrderNotFound(
                    0, self.account, command.order_id, endpoint, covered=True, asked_ns=self.now_ns
                ),
                reliable=True,
            )

    def poll(self) -> None:
        """What REST tells when it is asked for everything: orders and every fill there was."""
        for placed in self.orders.values():
            self._tell(self._reported(placed), reliable=True)
        for fill in self.fills:
            self._tell(FillReported(0, self.account, fill), reliable=True)

    def _tell_fills(self, order_id: OrderId) -> None:
        for fill in self.fills:
            if fill.client_id == order_id:
                self._tell(FillReported(0, self.account, fill), reliable=True)

    # --- what happens at the venue ----------------------------------------------------------------

    def move(self, price: Decimal) -> None:
        """The market is there now: what rests and is reached is triggered and fills."""
        self.price = price
        for placed in tuple(self.orders.values()):
            order = placed.order
            if placed.ended or order.trigger is None:
                continue
            falls = (order.side is Side.SELL) == (order.purpose is Purpose.STOP)
            if (price <= order.trigger) if falls else (price >= order.trigger):
                self._fill_some(order.id)

    def _fill_some(self, order_id: OrderId) -> None:
        placed = self.orders[order_id]
        if placed.ended:
            return
        order = placed.order
        left = order.quantity - placed.filled
        if order.reduce_only:
            left = min(left, abs(self.position)) if self._may(order) else Decimal(0)
            if not left:
                placed.state = OrderState.EXPIRED
                self._report(placed)
                return
        quantity = left
        if self._by(self.faults.part):
            quantity = max(Decimal("0.01"), (left / 2).quantize(Decimal("0.01")))
            quantity = min(quantity, left)
        placed.filled += quantity
        fee = quantity * self.price * self.fee_rate
        fill = FillReport(
            order.instrument, f"t{next(self._numbers)}", placed.venue_id, order.id, order.side,
            quantity, self.price, fee, "USDT", self.now_ns,
        )  # fmt: skip
        self.cash -= order.side.sign * quantity * self.price + fee
        self.position += order.side.sign * quantity
        self.fills.append(fill)
        whole = placed.filled == order.quantity
        placed.state = OrderState.FILLED if whole else OrderState.PARTLY_FILLED
        told = replace_client(fill) if self._by(self.faults.unnamed) else fill
        self._tell(FillReported(0, self.account, told))
        self._report(placed)
        if not whole:
            if self._by(0.3):
                placed.state = OrderState.EXPIRED
                self._report(placed)
            else:
                self._later(self._fill_some, order.id)

    # --- the network ------------------------------------------------------------------------------

    def _by(self, share: float) -> bool:
        return self.chance.random() < share

    def _later(self, what, *args) -> None:
        at = self.now_ns + self.chance.randint(1, 500) * MS_NS
        heappush(self.due, (at, next(self._numbers), what, args))

    def _reported(self, placed: VenueOrder, state: OrderState | None = None) -> OrderReported:
        return OrderReported(0, self.account, placed.report(self.now_ns, state))

    def _report(self, placed: VenueOrder) -> None:
        self._tell(self._reported(placed))

    def _reply(self, event: Event, order_id: OrderId) -> None:
        if self._by(self.faults.reply_lost):
            self._tell(SendLost(0, self.account, order_id, "no reply"), reliable=True)
        else:
            self._tell(event, reliable=True)

    def _tell(self, event: Event, *, reliable: bool = False) -> None:
        """A report goes on its way: late, and by chance not at all, or twice."""
        times = 1
        if not reliable:
            times -= self._by(self.faults.report_lost)
            times += self._by(self.faults.report_twice)
        for _ in range(times):
            at = self.now_ns + self.chance.randint(1, self.faults.late_ms) * MS_NS
            heappush(self.due, (at, next(self._numbers), event, ()))


def replace_client(fill: FillReport) -> FillReport:
    """The same as a venue tells it that names its own id alone."""
    return changed(fill, client_id=None)


def quiet(faults: Faults) -> Faults:
    """Nothing goes wrong any more; what is on its way still arrives."""
    return replace(Faults(), late_ms=min(faults.late_ms, 50))


def next_due(venue: Venue):
    """The next thing that happens or is told there."""
    return heappop(venue.due)
