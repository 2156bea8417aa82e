"""The known state of an account: orders, fills, positions, balances, each change reported once.

The stream, REST and a replay after a lost connection report the same things, some twice, some late.
The final state must not depend on the order of the reports. Pure: no clock, no I/O.

1. An order never goes backwards. The report with the furthest state counts; within one state that
   with the largest filled quantity, then the latest:

       unknown < pending < working < armed < triggered < partly filled
           < rejected < expired < cancelled < filled

2. The filled quantity never decreases: it is the largest that any report says, or the sum of the
   fills.
3. A fill counts once, by instrument, trade id and side (an account may trade with itself). A fill
   that arrives before its order is held until the order is known or `release_held` is called.
4. Of positions the latest counts; of balances, which have no time, the last one reported.

Each method returns what changed, in the order in which it should be reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, OrderId, Side
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport

#: the order of states: an order only moves to a higher rank
STATE_RANKS = {
    state: rank
    for rank, state in enumerate(
        (
            OrderState.UNKNOWN,
            # no venue reports these: only the engine uses them
            OrderState.ABSENT,
            OrderState.DENIED,
            OrderState.PENDING,
            OrderState.WORKING,
            OrderState.ARMED,
            OrderState.TRIGGERED,
            OrderState.PARTLY_FILLED,
            OrderState.CANCELLING,
            OrderState.REJECTED,
            OrderState.EXPIRED,
            OrderState.CANCELLED,
            OrderState.FILLED,
        )
    )
}
_FIRST_CLOSED_RANK = STATE_RANKS[OrderState.REJECTED]
#: closed orders and fills beyond these numbers are forgotten, the oldest first
MAX_ORDERS = 10_000
MAX_FILLS = 50_000

OrderKey = tuple[InstrumentId, str]
FillKey = tuple[InstrumentId, str, Side]
#: an instrument, and in hedge mode which of its two positions
PositionKey = tuple[InstrumentId, Direction]


def fill_key(fill: FillReport) -> FillKey:
    """The key of a fill within one account."""
    return fill.instrument, fill.trade_id, fill.side


def order_key(report: OrderReport | FillReport) -> OrderKey:
    """The key of an order within one account."""
    return report.instrument, report.venue_order_id


class _Order:
    """The reports of one order: the one with the furthest state, and the one with most filled.

    Both are kept unchanged, so that the result does not depend on the order of the reports.
    """

    __slots__ = ("client_id", "furthest", "most_filled", "reported")

    def __init__(self, report: OrderReport) -> None:
        self.furthest = self.most_filled = report
        self.client_id: OrderId | None = report.client_id
        self.reported: tuple[object, ...] = ()

    def merge(self, report: OrderReport) -> None:
        self.furthest = max(self.furthest, report, key=_progress)
        self.most_filled = max(self.most_filled, report, key=_filling)
        self.client_id = self.client_id or report.client_id

    def merged(self, by_fills: Decimal) -> OrderReport:
        filled = max(self.most_filled.filled, by_fills)
        state = self.furthest.state
        if filled and state in {OrderState.PENDING, OrderState.WORKING}:
            state = OrderState.PARTLY_FILLED
        return replace(
            self.furthest,
            client_id=self.client_id,
            filled=filled,
            state=state,
            average_price=self.most_filled.average_price,
        )


def _progress(report: OrderReport) -> tuple[object, ...]:
    filled, at_ns = report.filled, report.event_ns
    return STATE_RANKS[report.state], filled, at_ns, msgspec.json.encode(report)


def _filling(report: OrderReport) -> tuple[object, ...]:
    return report.filled, report.event_ns, msgspec.json.encode(report)


def _reported_fields(report: OrderReport) -> tuple[object, ...]:
    return report.state, report.filled, report.quantity, report.price, report.client_id


class MissingFills(Struct, frozen=True):
    """An order that filled by more than the fills that have arrived."""

    instrument: InstrumentId
    venue_order_id: str
    filled: Decimal


class AccountOrders:
    """Orders and fills of one account in one market."""

    def __init__(self) -> None:
        self._orders: dict[OrderKey, _Order] = {}
        self._fills: dict[FillKey, FillReport] = {}
        self._filled: dict[OrderKey, Decimal] = {}
        self._held: dict[OrderKey, list[tuple[FillReport, int]]] = {}
        self._missing: dict[OrderKey, MissingFills] = {}

    def add_order(self, report: OrderReport) -> Sequence[OrderReport | FillReport]:
        """Apply a report of an order; returns what changed."""
        key = order_key(report)
        order = self._orders.get(key)
        if order is None:
            order = self._orders[key] = _Order(report)
            self._drop_oldest()
        order.merge(report)
        self._update_missing(key)
        merged = order.merged(self._filled.get(key, ZERO))
        changes: list[OrderReport | FillReport] = []
        if order.reported != _reported_fields(merged):
            order.reported = _reported_fields(merged)
            changes.append(merged)
        changes += [self._with_client_id(fill) for fill, _ in self._held.pop(key, ())]
        return changes

    def add_fill(self, report: FillReport, seen_ns: int) -> Sequence[FillReport]:
        """Apply a fill; it is held if its order is not known yet."""
        key, of_order = fill_key(report), order_key(report)
        if key in self._fills:
            return ()
        self.record(report)
        if of_order in self._orders:
            return (self._with_client_id(report),)
        self._held.setdefault(of_order, []).append((report, seen_ns))
        return ()

    def record(self, report: FillReport) -> None:
        """Remember a fill without reporting it."""
        key, of_order = fill_key(report), order_key(report)
        if key in self._fills:
            return
        self._fills[key] = report
        self._filled[of_order] = self._filled.get(of_order, ZERO) + report.quantity
        self._update_missing(of_order)
        if len(self._fills) > MAX_FILLS:
            del self._fills[next(iter(self._fills))]

    def release_held(self, seen_before_ns: int) -> Sequence[FillReport]:
        """The fills that have been held since before this time, without their orders."""
        late = [
            key
            for key, held in self._held.items()
            if any(seen_ns < seen_before_ns for _, seen_ns in held)
        ]
        return [fill for key in late for fill, _ in self._held.pop(key)]

    @property
    def fills_without_order(self) -> Iterator[FillReport]:
        """One held fill of each order that is not known yet."""
        return iter([held[0][0] for held in self._held.values()])

    def has_fill(self, fill: FillReport) -> bool:
        """Whether this fill is known."""
        return fill_key(fill) in self._fills

    def find(self, key: OrderKey) -> OrderReport | None:
        """The known state of an order."""
        order = self._orders.get(key)
        return order.merged(self._filled.get(key, ZERO)) if order else None

    @property
    def orders(self) -> Iterator[OrderReport]:
        """The known state of every order."""
        for key, order in self._orders.items():
            yield order.merged(self._filled.get(key, ZERO))

    @property
    def open_orders(self) -> Iterator[OrderReport]:
        """The orders that are not known to be closed."""
        return (each for each in self.orders if STATE_RANKS[each.state] < _FIRST_CLOSED_RANK)

    @property
    def fills(self) -> Iterator[FillReport]:
        """Every fill that is remembered."""
        return iter(tuple(self._fills.values()))

    @property
    def missing_fills(self) -> Iterator[MissingFills]:
        """Orders that filled by more than the fills that have arrived."""
        return iter(tuple(self._missing.values()))

    def _update_missing(self, key: OrderKey) -> None:
        order = self._orders.get(key)
        if order is not None and self._filled.get(key, ZERO) < order.most_filled.filled:
            self._missing[key] = MissingFills(*key, order.most_filled.filled)
        else:
            self._missing.pop(key, None)

    def _with_client_id(self, fill: FillReport) -> FillReport:
        """The fill with our id, which some venues send with the order only."""
        if fill.client_id is not None:
            return fill
        order = self._orders.get(order_key(fill))
        return replace(fill, client_id=order.client_id) if order and order.client_id else fill

    def _drop_oldest(self) -> None:
        if len(self._orders) <= MAX_ORDERS:
            return
        oldest = (
            key
            for key, each in self._orders.items()
            if STATE_RANKS[each.furthest.state] >= _FIRST_CLOSED_RANK
        )
        key = next(oldest, None)
        if key is not None:
            del self._orders[key]
            self._filled.pop(key, None)
            self._missing.pop(key, None)


class AccountHoldings:
    """Positions and balances of one account in one market."""

    def __init__(self) -> None:
        self._positions: dict[PositionKey, PositionReport] = {}
        #: the reports of the latest time, to recognise one that is repeated
        self._latest_reports: dict[PositionKey, list[PositionReport]] = {}
        self._balances: dict[str, Balance] = {}

    def set_position(self, report: PositionReport) -> Sequence[PositionReport]:
        """Apply a report of a position; returns it if it changes anything."""
        key = _position_key(report)
        known = self._positions.get(key)
        if known is not None and report.event_ns < known.event_ns:
            return ()
        if known is None or report.event_ns > known.event_ns:
            self._latest_reports[key] = []
        if report in self._latest_reports[key]:
            return ()
        self._latest_reports[key].append(report)
        if known is not None:
            report = _completed_from(report, known)
        self._positions[key] = report
        changed = known is None or replace(report, event_ns=known.event_ns) != known
        return (report,) if changed else ()

    def set_balance(self, report: Balance) -> Sequence[Balance]:
        """Apply a balance; returns it if it changes anything."""
        if self._balances.get(report.asset) == report:
            return ()
        self._balances[report.asset] = report
        return (report,)

    @property
    def positions(self) -> Iterator[PositionReport]:
        """Every position that is not flat."""
        return (each for each in tuple(self._positions.values()) if each.quantity)

    @property
    def balances(self) -> Iterator[Balance]:
        """Every known balance."""
        return iter(tuple(self._balances.values()))

    def missing_positions(self, found: Iterable[PositionReport]) -> Iterator[PositionReport]:
        """The known positions that are not in `found`, a complete list."""
        there = {_position_key(self.with_known_mode(each)) for each in found}
        return (each for each in self.positions if _position_key(each) not in there)

    def with_known_mode(self, found: PositionReport) -> PositionReport:
        """The position with the known position mode, which lists may not contain."""
        of_it = [each for key, each in self._positions.items() if key[0] == found.instrument]
        return replace(found, hedged=of_it[-1].hedged) if of_it and not found.hedged else found


def _completed_from(report: PositionReport, known: PositionReport) -> PositionReport:
    """With the known leverage and margin mode, which some streams leave out."""
    return replace(
        report,
        leverage=known.leverage if report.leverage is None else report.leverage,
        margin_mode=report.margin_mode or known.margin_mode,
    )


def _position_key(report: PositionReport) -> PositionKey:
    return report.instrument, report.direction if report.hedged else Direction.NEUTRAL
