"""Protects the books of the simulated venue: they add up, whatever is asked in whatever order.

What must hold after every call is folded from the facts alone and compared with what the queries
say; see the invariants of each world. Then the same calls on a new engine give the same facts.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bowline.core.model.values import ZERO, Side
from bowline.core.sim.exchange import (
    BalanceUpdated,
    BookUpdated,
    Executed,
    FeeAsset,
    Fees,
    FundingPaid,
    Liquidated,
    MatchingEngine,
    NewOrder,
    OrderUpdated,
    PositionUpdated,
    VenueRules,
)
from bowline.core.sim.exchange.transitions import ORDER_TRANSITIONS
from bowline.core.venue import MarginMode, OrderKind, PositionMode, TimeInForce
from tests.core.sim.exchange.engines import (
    BUY,
    LINEAR,
    LONG,
    NEUTRAL,
    SELL,
    SHORT,
    SPOT,
    d,
    listing,
)

accounts = st.sampled_from("ab")
sides = st.sampled_from(Side)
#: few prices and odd sizes, so that orders meet and cuts leave remainders
prices = st.integers(9_985, 10_015).map(lambda n: Decimal(n) / 100)
quantities = st.integers(1, 3_000).map(lambda n: Decimal(n) / 1000)
stacks = st.lists(st.tuples(st.integers(1, 12), quantities), max_size=4)
seldom = st.sampled_from([False, False, False, True])
forces = st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce])
ratios = st.integers(0, 10).map(lambda n: Decimal(n) / 10)
rates = st.sampled_from([d("0.0001"), d("-0.00037"), d("0.00013333")])
FEES = [
    Fees(d("0.0002"), d("0.00055")),
    Fees(d("-0.0001"), d("0.0007"), FeeAsset.QUOTE),
    Fees(d("0.00033"), d("0.00077"), FeeAsset.QUOTE, third_asset="BNB"),
]


class World(RuleBasedStateMachine):
    """Two accounts and one instrument; every call is remembered and every fact is folded."""

    instrument = SPOT
    positions = (NEUTRAL,)
    start = d(2_000)

    @initialize(fees=st.sampled_from(FEES))
    def begin(self, fees):
        self.rules = self.make_rules(fees)
        self.calls: list[tuple] = []
        self.told: list = []
        self.engine = self.new_engine()
        self.orders: dict[int, object] = {}
        self.filled = defaultdict(lambda: ZERO)
        self.cash = defaultdict(lambda: ZERO)
        self.held = defaultdict(lambda: ZERO)
        self.book = {BUY: {}, SELL: {}}
        self.sequence = 0
        self.balances: dict[tuple, object] = {}
        self.legs: dict[tuple, object] = {}
        self.now_ns = 0
        for account in "ab":
            self.call("deposit", account, "USDT", self.start)
            self.call("deposit", account, "BTC", d(5))
            self.call("deposit", account, "BNB", d("0.002"))
            for asset, amount in (("USDT", self.start), ("BTC", d(5)), ("BNB", d("0.002"))):
                self.cash[account, asset] += amount
        self._outside((99, 1), (100, 1))

    def make_rules(self, fees):
        return VenueRules(fees=fees)

    def new_engine(self):
        engine = MatchingEngine([listing(self.instrument)], self.rules)
        for account in "ab":
            engine.open_account(account)
        engine.set_asset_price("BNB", "USDT", d(300))
        return engine

    def call(self, name, *args, **more):
        self.now_ns += 7_000_000_000
        self.calls.append((name, args, more))
        answer = getattr(self.engine, name)(self.now_ns, *args, **more)
        for fact in self.engine.take_facts():
            self.told.append(fact)
            self.fold(fact)
        return answer

    def _outside(self, bid, ask):
        self.call("set_external_book", self.instrument, [tuple(map(d, bid))], [tuple(map(d, ask))])

    @rule(mid=prices, bids=stacks, asks=stacks)
    def market_moves(self, mid, bids, asks):
        below = [(mid - Decimal(step) / 100, size) for step, size in bids]
        above = [(mid + Decimal(step) / 100, size) for step, size in asks]
        self.call("set_external_book", self.instrument, below, above)

    @rule(account=accounts, side=sides, price=prices, quantity=quantities, force=forces,
          reduce_only=seldom, way=st.integers(0, 1))  # fmt: skip
    def limit(self, account, side, price, quantity, force, reduce_only, way):
        self._send(account, side, OrderKind.LIMIT, quantity, way, price=price, time_in_force=force,
                  reduce_only=reduce_only)  # fmt: skip

    @rule(
        asked=st.lists(
            st.tuples(accounts, sides, prices, quantities, seldom), min_size=3, max_size=9
        )
    )
    def rush(self, asked):
        for account, side, price, quantity, other in asked:
            way = (side is SELL) is not other
            self._send(account, side, OrderKind.LIMIT, quantity, way, price=price)

    @rule(account=accounts, side=sides, quantity=quantities, reduce_only=seldom,
          way=st.integers(0, 1))  # fmt: skip
    def market(self, account, side, quantity, reduce_only, way):
        self._send(account, side, OrderKind.MARKET, quantity, way, reduce_only=reduce_only)

    @rule(account=accounts, side=sides, quantity=quantities, trigger=prices,
          reduce_only=seldom, way=st.integers(0, 1), rising=st.booleans())  # fmt: skip
    def stop(self, account, side, quantity, trigger, reduce_only, way, rising):
        self._send(account, side, OrderKind.STOP, quantity, way, trigger=trigger,
                  reduce_only=reduce_only, trigger_rising=rising)  # fmt: skip

    def _send(self, account, side, kind, quantity, way, **more):
        position = self.positions[way % len(self.positions)]
        asked = NewOrder(
            account, self.instrument, side, kind, quantity, position_side=position, **more
        )
        self.call("place", asked)

    @rule(which=st.integers(0, 9), account=accounts)
    def cancel(self, which, account):
        self.call("cancel", account, self._some_order(account, which))

    @rule(which=st.integers(0, 9), account=accounts, price=prices, quantity=quantities)
    def amend(self, which, account, price, quantity):
        order = self._some_order(account, which)
        self.call("amend", account, order, quantity=quantity, price=price)

    @rule(which=st.integers(0, 9), account=accounts, ratio=ratios)
    def script_fills(self, which, account, ratio):
        resting = [o for o in self.engine.view.open_orders(account) if o.price is not None]
        if resting:
            order_id = resting[which % len(resting)].order_id
            self.calls.append(("fill", order_id, ratio))
            self.engine.faults.fill(self.now_ns, order_id, ratio)
            for fact in self.engine.take_facts():
                self.told.append(fact)
                self.fold(fact)

    def _some_order(self, account, which):
        known = [o.order_id for o in self.engine.view.open_orders(account)]
        return known[which % len(known)] if known else which

    def fold(self, fact):
        match fact:
            case OrderUpdated(order=order):
                before = self.orders.get(order.order_id)
                if before is not None:
                    assert order.filled >= before.filled, "INV3: filled fell"
                    same = order.state is before.state
                    assert same or order.state in ORDER_TRANSITIONS[before.state].values()
                assert order.filled <= order.quantity, "INV3: filled beyond its quantity"
                assert order.filled == self.filled[order.order_id], "INV3: not what was executed"
                self.orders[order.order_id] = order
            case Executed():
                self.execute(fact)
            case BalanceUpdated():
                self.balances[fact.account, fact.holding.asset] = fact.holding
            case PositionUpdated(position=position):
                self.legs[position.account, position.direction] = position
            case BookUpdated():
                self.sequence += 1
                assert fact.sequence == self.sequence, "changes are counted without a gap"
                for side, changed in ((BUY, fact.bids), (SELL, fact.asks)):
                    for price, size in changed:
                        self.book[side][price] = size
                        if not size:
                            del self.book[side][price]

    def execute(self, fill):
        self.filled[fill.order_id] += fill.quantity
        order = self.orders[fill.order_id]
        if order.price is not None:
            worse = (fill.price - order.price) * order.side.sign
            assert worse <= 0, "a limit order is never filled beyond its limit"
        self.cash[fill.account, fill.fee_asset] -= fill.fee

    @invariant()
    def book_is_its_changes(self):
        book = self.engine.view.book(self.instrument)
        assert dict(book.bids) == self.book[BUY]
        assert dict(book.asks) == self.book[SELL]
        assert book.sequence == self.sequence
        assert list(book.bids) == sorted(book.bids, reverse=True)
        assert list(book.asks) == sorted(book.asks)
        if book.bids and book.asks:
            assert book.bids[0][0] < book.asks[0][0], "the book is crossed"

    @invariant()
    def money_is_conserved(self):
        view = self.engine.view
        for asset in ("USDT", "BTC", "BNB"):
            pots = view.ledger_balances(asset)
            assert sum(pots.values()) == 0, "INV4"
            given = {"USDT": self.start, "BTC": d(5), "BNB": d("0.002")}[asset] * 2
            assert pots["deposits"] == -given
            for account in "ab":
                total = view.holding(account, asset).total
                assert total == self.cash[account, asset], f"INV4: {account} {asset}"

    @invariant()
    def what_was_told_last_is_what_is(self):
        """Profit, and what depends on it, moves with the mark price and is not told."""
        view = self.engine.view
        for (account, asset), told in self.balances.items():
            now = view.holding(account, asset)
            assert (told.total, told.locked, told.margin) == (now.total, now.locked, now.margin)
        for now in view.positions("a") + view.positions("b"):
            told = self.legs[now.account, now.direction]
            assert (told.quantity, told.cost) == (now.quantity, now.cost)
            assert (told.margin, told.leverage) == (now.margin, now.leverage)
            assert (told.realised, told.updated_ns) == (now.realised, now.updated_ns)

    def teardown(self):
        if not hasattr(self, "engine"):
            return
        engine, now_ns, told = self.new_engine(), 0, []
        for name, *rest in self.calls:
            if name == "fill":
                engine.faults.fill(now_ns, *rest)
            else:
                now_ns += 7_000_000_000
                getattr(engine, name)(now_ns, *rest[0], **rest[1])
            told += engine.take_facts()
        assert told == self.told, "the same calls gave other facts"


class SpotWorld(World):
    """INV4 from deliveries alone; what is free is never below 0."""

    start = d(300)

    @rule(account=accounts, cost=st.integers(1, 40_000).map(lambda n: Decimal(n) / 100))
    def buy_for(self, account, cost):
        self.call("place", NewOrder(account, SPOT, BUY, OrderKind.MARKET, quote_cost=cost))

    def execute(self, fill):
        super().execute(fill)
        self.cash[fill.account, "BTC"] += fill.quantity * fill.side.sign
        self.cash[fill.account, "USDT"] -= fill.quantity * fill.price * fill.side.sign

    @invariant()
    def nothing_is_spent_twice(self):
        for account in "ab":
            for held in self.engine.view.holdings(account):
                assert held.total - held.locked >= 0
                assert held.free == held.total - held.locked
                assert held.locked >= 0
            if not self.engine.view.open_orders(account):
                assert all(not each.locked for each in self.engine.view.holdings(account))


class LinearWorld(World):
    """Positions folded from the executions; what only closes never opens (INV6)."""

    instrument = LINEAR
    start = d(25)

    def make_rules(self, fees):
        hedge = len(self.positions) > 1
        mode = PositionMode.HEDGE if hedge else PositionMode.ONE_WAY
        return VenueRules(
            fees=fees, position_mode=mode, liquidation_rate=d("0.0011"), leverage=d(50)
        )

    @rule(account=accounts, mode=st.sampled_from(MarginMode))
    def set_margin_mode(self, account, mode):
        self.call("set_margin_mode", account, LINEAR, mode)

    @rule(account=accounts, leverage=st.sampled_from([d(3), d(25), d(100), d(7)]))
    def set_leverage(self, account, leverage):
        self.call("set_leverage", account, LINEAR, leverage)

    @rule(mark=prices, jump=st.sampled_from([d(1), d(1), d("1.05"), d("0.93")]))
    def mark_moves(self, mark, jump):
        self.call("set_mark_price", LINEAR, (mark * jump).quantize(d("0.01")))

    @rule(rate=rates)
    def funding(self, rate):
        if self.engine.view.ticker(LINEAR).mark is not None:
            self.call("pay_funding", LINEAR, rate)

    def execute(self, fill):
        super().execute(fill)
        self.cash[fill.account, "USDT"] += fill.realised
        key = fill.account, fill.position_side
        before, after = self.held[key], self.held[key] + fill.quantity * fill.side.sign
        asked = self.orders[fill.order_id].requested
        closing = asked.reduce_only
        if asked.position_side is not NEUTRAL:
            closing = asked.side is not Side.entering(asked.position_side)
        if closing:
            assert abs(after) < abs(before), "INV6: it grew"
            assert after * before >= 0, "INV6: it flipped"
        self.held[key] = after

    def fold(self, fact):
        super().fold(fact)
        match fact:
            case FundingPaid():
                assert fact.amount * fact.direction * fact.rate >= 0
                self.cash[fact.account, "USDT"] -= fact.amount
            case Liquidated():
                self.cash[fact.account, "USDT"] += fact.insured

    @invariant()
    def money_is_conserved(self):
        view = self.engine.view
        pots = view.ledger_balances("USDT")
        assert sum(pots.values()) == 0, "INV4"
        liquidated = sum((o.cost * d("0.0011") for o in self.orders.values() if o.by_venue), ZERO)
        total = sum((self.cash[a, "USDT"] for a in "ab"), ZERO)
        charges = total - sum((view.holding(a, "USDT").total for a in "ab"), ZERO)
        assert abs(charges - liquidated) < d("1e-9"), "INV4: nobody else was paid"
        owed = ZERO
        for account in "ab":
            for position in view.positions(account):
                owed += position.cost * position.direction
        assert pots["positions"] == -owed

    @invariant()
    def positions_are_what_was_executed(self):
        for account in "ab":
            known = {
                (account, p.direction if len(self.positions) > 1 else NEUTRAL): p.quantity
                * p.direction
                for p in self.engine.view.positions(account)
            }
            assert known == {k: q for k, q in self.held.items() if q and k[0] == account}

    @invariant()
    def nobody_is_left_below_maintenance(self):
        for account in "ab":
            for position in self.engine.view.positions(account):
                if position.margin_mode is MarginMode.ISOLATED:
                    assert position.margin + position.unrealised > position.maintenance
                assert position.margin >= 0
            open_positions = self.engine.view.positions(account)
            if not open_positions:
                assert self.engine.view.holding(account, "USDT").total >= 0


class HedgeWorld(LinearWorld):
    """The same with a long and a short beside each other."""

    positions = (LONG, SHORT)


_SETTINGS = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestSpotWorld, TestLinearWorld, TestHedgeWorld = (
    SpotWorld.TestCase, LinearWorld.TestCase, HedgeWorld.TestCase,
)  # fmt: skip
TestSpotWorld.settings = TestLinearWorld.settings = TestHedgeWorld.settings = _SETTINGS
