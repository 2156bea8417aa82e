"""Protects price-time priority: who is filled, with whom, at what price, in which order.

The oracle below keeps one flat list of everybody who stands in the market and sorts it anew for
every order. It shares nothing with the book under test.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from bowline.core.model.values import Side
from bowline.core.sim.exchange import Executed, NewOrder, VenueOrder, VenueRules
from bowline.core.venue import OrderKind, TimeInForce
from tests.core.sim.exchange.engines import BUY, SELL, SPOT, d, place, world


@dataclass
class Stander:
    """Somebody in the market; `who` is an order id, None for the outside."""

    who: int | None
    side: Side
    price: Decimal
    left: Decimal
    since: int


class Oracle:
    def __init__(self) -> None:
        self.market: list[Stander] = []
        self.clock = 0
        self.matches: list[tuple] = []

    def against(self, side: Side, limit: Decimal | None) -> list[Stander]:
        """Who a taker of `side` meets, the first one first."""
        sign = 1 if side is BUY else -1
        met = [s for s in self.market if s.side is not side and s.left > 0]
        met = [s for s in met if limit is None or sign * s.price <= sign * limit]
        return sorted(met, key=lambda s: (sign * s.price, s.since))

    def order(self, who: int, side: Side, price: Decimal | None, quantity: Decimal, force) -> None:
        self.clock += 1
        met = self.against(side, price)
        if force is TimeInForce.FOK and sum(s.left for s in met) < quantity:
            return
        for stander in met:
            taken = min(quantity, stander.left)
            if taken:
                self.matches.append((who, stander.who, stander.price, taken))
            stander.left -= taken
            quantity -= taken
        if quantity and price is not None and force in {TimeInForce.GTC, TimeInForce.POST_ONLY}:
            self.market.append(Stander(who, side, price, quantity, self.clock))

    def outside(self, levels: dict[Side, dict[Decimal, Decimal]]) -> None:
        self.clock += 1
        before = {(s.side, s.price): s.since for s in self.market if s.who is None and s.left}
        self.market = [s for s in self.market if s.who is not None]
        for side, prices in levels.items():
            for price, size in prices.items():
                since = before.get((side, price), self.clock)
                self.market.append(Stander(None, side, price, size, since))
        for side in Side:
            for order in self.against(side.opposite, None):
                if order.who is None:
                    continue
                for other in self.against(order.side, order.price):
                    taken = min(order.left, other.left)
                    if taken and other.who is None:
                        self.matches.append((None, order.who, order.price, taken))
                        order.left -= taken
                        other.left -= taken

    def cancel(self, who: int) -> None:
        self.market = [s for s in self.market if s.who != who]

    def levels(self, side: Side) -> dict[Decimal, Decimal]:
        sizes: dict[Decimal, Decimal] = {}
        for stander in self.market:
            if stander.side is side and stander.left:
                sizes[stander.price] = sizes.get(stander.price, d(0)) + stander.left
        return sizes


prices = st.integers(98, 102).map(Decimal)
sizes = st.integers(1, 5).map(Decimal)
orders = st.tuples(
    st.sampled_from("ab"), st.sampled_from(Side), st.none() | prices, sizes,
    st.sampled_from([TimeInForce.GTC, *TimeInForce]),
)  # fmt: skip
markets = st.tuples(st.integers(98, 101), st.dictionaries(prices, sizes, max_size=4))
cancels = st.integers(0, 20)


@given(st.lists(orders | orders | markets | cancels, max_size=40))
@settings(max_examples=250)
def test_fills_follow_price_then_time(actions: list) -> None:
    engine, oracle = world(VenueRules(client_ids=VenueRules().client_ids)), Oracle()
    for account in "ab":
        engine.deposit(0, account, "USDT", d(10**7))
        engine.deposit(0, account, "BTC", d(10**5))
    engine.take_facts()
    sent: list[VenueOrder] = []
    for action in actions:
        match action:
            case (middle, levels):
                split = {
                    BUY: {p: s for p, s in levels.items() if p <= middle},
                    SELL: {p: s for p, s in levels.items() if p > middle},
                }
                engine.set_external_book(9, SPOT, split[BUY].items(), split[SELL].items())
                oracle.outside(split)
            case (account, side, price, quantity, force):
                kind = OrderKind.MARKET if price is None else OrderKind.LIMIT
                if price is None:
                    force = TimeInForce.GTC
                placed = engine.place(
                    9, NewOrder(account, SPOT, side, kind, quantity, price, time_in_force=force)
                )
                takes = bool(oracle.against(side, price))
                if (force is TimeInForce.POST_ONLY and takes) or (price is None and not takes):
                    assert not isinstance(placed, VenueOrder)
                    continue
                assert isinstance(placed, VenueOrder)
                sent.append(placed)
                oracle.order(placed.order_id, side, price, quantity, force)
            case int(which) if sent:
                order = sent[which % len(sent)]
                engine.cancel(9, order.account, order.order_id)
                oracle.cancel(order.order_id)
    assert _matches(engine.take_facts()) == oracle.matches
    book = engine.view.book(SPOT)
    assert dict(book.bids) == oracle.levels(BUY)
    assert dict(book.asks) == oracle.levels(SELL)


def _matches(facts: list) -> list[tuple]:
    """Taker, maker, price and quantity of each match, None for the outside."""
    found: dict[int, list] = {}
    for fact in facts:
        if isinstance(fact, Executed):
            row = found.setdefault(fact.trade_id, [None, None, fact.price, fact.quantity])
            row[int(fact.maker)] = fact.order_id
            assert row[2:] == [fact.price, fact.quantity], "both sides saw the same match"
    return [tuple(row) for row in found.values()]


def test_at_one_price_who_came_first_is_filled_first() -> None:
    engine = world(accounts="abc")
    first = place(engine, SPOT, SELL, 1, 100, account="a")
    engine.set_external_book(9, SPOT, [], [(d(100), d(1))])
    last = place(engine, SPOT, SELL, 1, 100, account="b")
    taker = place(engine, SPOT, BUY, 2, 100, account="c")
    assert taker.average_price == 100
    assert engine.view.order("a", first.order_id).done
    assert not engine.view.order("b", last.order_id).done


def test_a_taker_pays_the_price_of_each_level_it_eats() -> None:
    engine = world()
    engine.set_external_book(9, SPOT, [], [(d(100), d(1)), (d(101), d(2)), (d(104), d(9))])
    order = place(engine, SPOT, BUY, 4)
    assert order.cost == 100 + 202 + 104
    assert order.average_price == Decimal(406) / 4
    assert engine.view.book(SPOT).asks == ((d(104), d(8)),)


def test_an_outside_level_that_stays_keeps_its_place_whatever_its_size() -> None:
    engine = world()
    engine.set_external_book(9, SPOT, [], [(d(100), d(1))])
    order = place(engine, SPOT, SELL, 1, 100, account="b")
    engine.set_external_book(9, SPOT, [], [(d(100), d(3))])
    place(engine, SPOT, BUY, 3, 100)
    assert engine.view.order("b", order.order_id).filled == 0
    engine.set_external_book(9, SPOT, [], [(d(100), d(3))])
    place(engine, SPOT, BUY, 1, 100)
    assert engine.view.order("b", order.order_id).done, "the level was away and came back behind"


def test_outside_sizes_are_whole_lots() -> None:
    engine = world()
    engine.set_external_book(9, SPOT, [(d(99), d("0.0009"))], [(d(100), d("1.0019"))])
    assert engine.view.book(SPOT).bids == ()
    assert engine.view.book(SPOT).asks == ((100, d("1.001")),)
