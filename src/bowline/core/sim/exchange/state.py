"""The state of a simulated venue: listings, books, trades, accounts, and facts not yet taken.

State and look-ups. It changes only through `mutations.py`, which records every change.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange.account import UNIT, VenueAccount
from bowline.core.sim.exchange.book import LimitOrderBook
from bowline.core.sim.exchange.facts import BalanceReason, CandleUpdated, Fact
from bowline.core.sim.exchange.orders import RejectReason, VenueOrder
from bowline.core.sim.exchange.rules import Fees, TierUnit, VenueRules
from bowline.core.sim.exchange.trade_history import TradeHistory
from bowline.core.venue import Listing

_TWO = Decimal(2)


class ArmedFaults:
    """The faults that apply to an account's next order or cancel."""

    __slots__ = ("hold_cancel", "ratio", "reject")

    def __init__(self) -> None:
        self.ratio: Decimal | None = None
        self.reject: RejectReason | None = None
        self.hold_cancel = False


class VenueState:
    """The state of one wallet. The `changed_*` fields hold what the present call has changed."""

    def __init__(self, rules: VenueRules) -> None:
        self.rules = rules
        self.now_ns = 0
        self.listings: dict[InstrumentId, Listing] = {}
        self.linear: set[InstrumentId] = set()
        self.books: dict[InstrumentId, LimitOrderBook] = {}
        self.trade_histories: dict[InstrumentId, TradeHistory] = {}
        self.accounts: dict[str, VenueAccount] = {}
        self.armed: dict[str, ArmedFaults] = {}
        #: double entry: contra account and asset; the sum with all accounts is 0 for every asset
        self.contra_balances: dict[tuple[str, str], Decimal] = {}
        #: fields of `Fees` that a fault script overrides
        self.fee_overrides: dict[str, object] = {}
        self.asset_prices: dict[tuple[str, str], Decimal] = {}
        #: untriggered stops by instrument: order id and account
        self.stops: dict[InstrumentId, dict[int, str]] = {}
        self.next_order_id = rules.first_order_id
        self.next_trade_id = rules.first_trade_id
        self.facts: list[Fact] = []
        self.changed_balances: dict[tuple[str, str, BalanceReason], Decimal] = {}
        self.changed_positions: dict[tuple[str, InstrumentId, Direction], None] = {}
        self.changed_minutes: dict[InstrumentId, None] = {}

    def add_listing(self, listing: Listing) -> None:
        """Add or replace a listing."""
        key = listing.instrument.id
        self.listings[key] = listing
        if key not in self.books:
            self.books[key] = LimitOrderBook(key)
            self.trade_histories[key] = TradeHistory(key, self.rules.history)
            self.stops[key] = {}
            if market_by_id(key.market_id).kind == "linear":
                self.linear.add(key)

    def advance(self, now_ns: int) -> None:
        """Move the time and close minutes; ValueError if it would decrease."""
        if now_ns < self.now_ns:
            raise ValueError(f"time would decrease from {self.now_ns} to {now_ns}")
        self.now_ns = now_ns
        for instrument, trade_history in self.trade_histories.items():
            for candle in trade_history.close_minutes(now_ns):
                self.facts.append(CandleUpdated(now_ns, instrument, candle, closed=True))

    def fees(self, instrument: InstrumentId) -> Fees:
        """The fee rates of an instrument."""
        fees = self.rules.instrument_fees.get(instrument, self.rules.fees)
        return replace(fees, **self.fee_overrides) if self.fee_overrides else fees

    def mark(self, instrument: InstrumentId) -> Decimal | None:
        """The mark price: as set, else the last trade price, else the mid price."""
        trade_history = self.trade_histories[instrument]
        if trade_history.mark is not None:
            return trade_history.mark
        if trade_history.last is not None:
            return trade_history.last
        book = self.books[instrument]
        bid, ask = book.best(Side.BUY), book.best(Side.SELL)
        return None if bid is None or ask is None else (bid + ask) / _TWO

    def tier_size(self, instrument: InstrumentId, quantity: Decimal, price: Decimal) -> Decimal:
        """The size of a position or an order in the unit of the tiers."""
        if self.rules.tier_unit is TierUnit.VALUE:
            return quantity * price
        return quantity / self.listings[instrument].instrument.contract_size

    def whole_lots(self, instrument: InstrumentId, quantity: Decimal) -> Decimal:
        """`quantity` rounded down to whole lots, or to `UNIT` where there is no lot step."""
        return quantity - quantity % (self.listings[instrument].instrument.lot_step or UNIT)

    def order(self, order: VenueOrder) -> VenueOrder:
        """The current version of an order."""
        return self.accounts[order.account].orders[order.order_id]
