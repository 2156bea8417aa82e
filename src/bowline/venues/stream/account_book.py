"""What is known of an account, whoever told it and in whatever order: each thing once.

Stream, REST and a replay after a lost connection tell the same things, some twice, some late. What
is known at the end must not depend on the order in which they came. Pure: no clock, no I/O.

1. An order never goes backwards. Of all that was told the furthest state counts, in this order;
   within one the report with most filled, then the latest:

       unknown < pending < working < armed < triggered < partly filled
           < rejected < expired < cancelled < filled

2. What filled never decreases: it is the most that any report said, or the sum of the fills.
3. A fill counts once, by instrument, trade id and side (an account may trade with itself). One that
   comes before its order is held until the order is known, or until whoever keeps the book lets go.
4. Of positions the latest counts; of balances, which have no time, the last that was told.

What a method returns is news, in the order in which it should be told.
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

#: how far an order has come
RANKS = {
    state: rank
    for rank, state in enumerate(
        (
            OrderState.UNKNOWN,
            # what no venue reports: only the engine knows it
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
_OVER = RANKS[OrderState.REJECTED]
#: an order that is over, and a fill, are remembered until so many came after them
MOST_ORDERS = 10_000
MOST_FILLS = 50_000

OrderKey = tuple[InstrumentId, str]
FillKey = tuple[InstrumentId, str, Side]
#: an instrument, and which of its positions where there are two
PositionKey = tuple[InstrumentId, Direction]


def fill_key(fill: FillReport) -> FillKey:
    """What names an execution at one account."""
    return fill.instrument, fill.trade_id, fill.side


def order_key(report: OrderReport | FillReport) -> OrderKey:
    """What names an order."""
    return report.instrument, report.venue_order_id


class _Order:
    """All that was told of one order: the report that got furthest, and the one with most filled.

    They are kept apart, as they were told: only so is the outcome the same in every order.
    """

    __slots__ = ("client_id", "furthest", "most", "told")

    def __init__(self, report: OrderReport) -> None:
        self.furthest = self.most = report
        self.client_id: OrderId | None = report.client_id
        self.told: tuple[object, ...] = ()

    def take(self, report: OrderReport) -> None:
        self.furthest = max(self.furthest, report, key=_progress)
        self.most = max(self.most, report, key=_filling)
        self.client_id = self.client_id or report.client_id

    def known(self, by_fills: Decimal) -> OrderReport:
        filled = max(self.most.filled, by_fills)
        state = self.furthest.state
        if filled and state in {OrderState.PENDING, OrderState.WORKING}:
            state = OrderState.PARTLY_FILLED
        return replace(
            self.furthest,
            client_id=self.client_id,
            filled=filled,
            state=state,
            average_price=self.most.average_price,
        )


def _progress(report: OrderReport) -> tuple[object, ...]:
    filled, at_ns = report.filled, report.event_ns
    return RANKS[report.state], filled, at_ns, msgspec.json.encode(report)


def _filling(report: OrderReport) -> tuple[object, ...]:
    return report.filled, report.event_ns, msgspec.json.encode(report)


def _news_of(report: OrderReport) -> tuple[object, ...]:
    return report.state, report.filled, report.quantity, report.price, report.client_id


class Owed(Struct, frozen=True):
    """An order of which the venue says that more filled than fills have come."""

    instrument: InstrumentId
    venue_order_id: str
    filled: Decimal


class FillBook:
    """Orders and fills of one account in one market."""

    def __init__(self) -> None:
        self._orders: dict[OrderKey, _Order] = {}
        self._fills: dict[FillKey, FillReport] = {}
        self._filled: dict[OrderKey, Decimal] = {}
        self._held: dict[OrderKey, list[tuple[FillReport, int]]] = {}
        self._owing: dict[OrderKey, Owed] = {}

    def order(self, report: OrderReport) -> Sequence[OrderReport | FillReport]:
        """An order was told."""
        key = order_key(report)
        order = self._orders.get(key)
        if order is None:
            order = self._orders[key] = _Order(report)
            self._forget_old()
        order.take(report)
        self._settle(key)
        known = order.known(self._filled.get(key, ZERO))
        news: list[OrderReport | FillReport] = []
        if order.told != _news_of(known):
            order.told = _news_of(known)
            news.append(known)
        news += [self._named(fill) for fill, _ in self._held.pop(key, ())]
        return news

    def fill(self, report: FillReport, seen_ns: int) -> Sequence[FillReport]:
        """An execution was told; it is held if its order is not known yet."""
        key, of_order = fill_key(report), order_key(report)
        if key in self._fills:
            return ()
        self.note(report)
        if of_order in self._orders:
            return (self._named(report),)
        self._held.setdefault(of_order, []).append((report, seen_ns))
        return ()

    def note(self, report: FillReport) -> None:
        """An execution that is known now, and no news."""
        key, of_order = fill_key(report), order_key(report)
        if key in self._fills:
            return
        self._fills[key] = report
        self._filled[of_order] = self._filled.get(of_order, ZERO) + report.quantity
        self._settle(of_order)
        if len(self._fills) > MOST_FILLS:
            del self._fills[next(iter(self._fills))]

    def release(self, seen_before_ns: int) -> Sequence[FillReport]:
        """Fills that were held since before this moment: their orders are not coming."""
        late = [
            key
            for key, held in self._held.items()
            if any(seen_ns < seen_before_ns for _, seen_ns in held)
        ]
        return [fill for key in late for fill, _ in self._held.pop(key)]

    @property
    def waiting(self) -> Iterator[FillReport]:
        """A fill of each order that is not known yet."""
        return iter([held[0][0] for held in self._held.values()])

    def knows(self, fill: FillReport) -> bool:
        """Whether this execution was told before."""
        return fill_key(fill) in self._fills

    def find(self, key: OrderKey) -> OrderReport | None:
        """An order as it is known."""
        order = self._orders.get(key)
        return order.known(self._filled.get(key, ZERO)) if order else None

    @property
    def orders(self) -> Iterator[OrderReport]:
        """Every order as it is known."""
        for key, order in self._orders.items():
            yield order.known(self._filled.get(key, ZERO))

    @property
    def open_orders(self) -> Iterator[OrderReport]:
        """Those that are not over, as far as is known."""
        return (each for each in self.orders if RANKS[each.state] < _OVER)

    @property
    def fills(self) -> Iterator[FillReport]:
        """Every execution that is remembered."""
        return iter(tuple(self._fills.values()))

    @property
    def owed(self) -> Iterator[Owed]:
        """Orders that filled by more than the fills that came."""
        return iter(tuple(self._owing.values()))

    def _settle(self, key: OrderKey) -> None:
        order = self._orders.get(key)
        if order is not None and self._filled.get(key, ZERO) < order.most.filled:
            self._owing[key] = Owed(*key, order.most.filled)
        else:
            self._owing.pop(key, None)

    def _named(self, fill: FillReport) -> FillReport:
        """With our id, which some venues say of the order alone."""
        if fill.client_id is not None:
            return fill
        order = self._orders.get(order_key(fill))
        return replace(fill, client_id=order.client_id) if order and order.client_id else fill

    def _forget_old(self) -> None:
        if len(self._orders) <= MOST_ORDERS:
            return
        oldest = (key for key, each in self._orders.items() if RANKS[each.furthest.state] >= _OVER)
        key = next(oldest, None)
        if key is not None:
            del self._orders[key]
            self._filled.pop(key, None)
            self._owing.pop(key, None)


class Holdings:
    """Positions and balances of one account in one market."""

    def __init__(self) -> None:
        self._positions: dict[PositionKey, PositionReport] = {}
        #: what was told of the same moment: a repetition of it is no news
        self._of_moment: dict[PositionKey, list[PositionReport]] = {}
        self._balances: dict[str, Balance] = {}

    def position(self, report: PositionReport) -> Sequence[PositionReport]:
        """A position was told."""
        key = _position_key(report)
        known = self._positions.get(key)
        if known is not None and report.event_ns < known.event_ns:
            return ()
        if known is None or report.event_ns > known.event_ns:
            self._of_moment[key] = []
        if report in self._of_moment[key]:
            return ()
        self._of_moment[key].append(report)
        if known is not None:
            report = _with_what_was_known(report, known)
        self._positions[key] = report
        changed = known is None or replace(report, event_ns=known.event_ns) != known
        return (report,) if changed else ()

    def balance(self, report: Balance) -> Sequence[Balance]:
        """A balance was told."""
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
        """Every balance that was told."""
        return iter(tuple(self._balances.values()))

    def missing_positions(self, found: Iterable[PositionReport]) -> Iterator[PositionReport]:
        """What is held here and is not in `found`, a whole list of what there is."""
        there = {_position_key(self.as_known(each)) for each in found}
        return (each for each in self.positions if _position_key(each) not in there)

    def as_known(self, found: PositionReport) -> PositionReport:
        """A position of a list that may not say whether the account is hedged."""
        of_it = [each for key, each in self._positions.items() if key[0] == found.instrument]
        return replace(found, hedged=of_it[-1].hedged) if of_it else found


def _with_what_was_known(report: PositionReport, known: PositionReport) -> PositionReport:
    """Some streams tell a position without its leverage and margin mode: REST told them."""
    return replace(
        report,
        leverage=known.leverage if report.leverage is None else report.leverage,
        margin_mode=report.margin_mode or known.margin_mode,
    )


def _position_key(report: PositionReport) -> PositionKey:
    return report.instrument, report.direction if report.hedged else Direction.NEUTRAL
