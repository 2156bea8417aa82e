"""All that a played venue is: listings, books, tapes, accounts, pots, and facts not yet taken.

State and look-ups. It changes through `moves.py`, so that nothing moves untold.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange.account import UNIT, Account
from bowline.core.sim.exchange.book import MatchBook
from bowline.core.sim.exchange.facts import BalanceReason, CandleMoved, Fact
from bowline.core.sim.exchange.orders import RefusalReason, VenueOrder
from bowline.core.sim.exchange.rules import Fees, TierUnit, VenueRules
from bowline.core.sim.exchange.tape import TradeTape
from bowline.core.venue import Listing

_TWO = Decimal(2)


class Armed:
    """What a fault script has ready for an account's next order or cancel."""

    __slots__ = ("hold_cancel", "ratio", "reject")

    def __init__(self) -> None:
        self.ratio: Decimal | None = None
        self.reject: RefusalReason | None = None
        self.hold_cancel = False


class VenueState:
    """The world of one wallet. The `told_*` sets hold what this call has touched."""

    def __init__(self, rules: VenueRules) -> None:
        self.rules = rules
        self.now_ns = 0
        self.listings: dict[InstrumentId, Listing] = {}
        self.linear: set[InstrumentId] = set()
        self.books: dict[InstrumentId, MatchBook] = {}
        self.tapes: dict[InstrumentId, TradeTape] = {}
        self.accounts: dict[str, Account] = {}
        self.armed: dict[str, Armed] = {}
        #: what left or entered the accounts, with the sign that makes every asset's sum 0
        self.pots: dict[tuple[str, str], Decimal] = {}
        #: what a script has changed about all fees
        self.charged: dict[str, object] = {}
        self.asset_prices: dict[tuple[str, str], Decimal] = {}
        #: stops that wait, by instrument: order id and account
        self.stops: dict[InstrumentId, dict[int, str]] = {}
        self.next_order_id = rules.first_order_id
        self.next_trade_id = rules.first_trade_id
        self.facts: list[Fact] = []
        self.touched_balances: dict[tuple[str, str, BalanceReason], Decimal] = {}
        self.touched_legs: dict[tuple[str, InstrumentId, Direction], None] = {}
        self.touched_minutes: dict[InstrumentId, None] = {}

    def take_listing(self, listing: Listing) -> None:
        """List an instrument, or list it otherwise."""
        key = listing.instrument.id
        self.listings[key] = listing
        if key not in self.books:
            self.books[key] = MatchBook(key)
            self.tapes[key] = TradeTape(key, self.rules.history)
            self.stops[key] = {}
            if market_by_id(key.market_id).kind == "linear":
                self.linear.add(key)

    def advance(self, now_ns: int) -> None:
        """Let time pass; ValueError if it would fall."""
        if now_ns < self.now_ns:
            raise ValueError(f"time would fall from {self.now_ns} to {now_ns}")
        self.now_ns = now_ns
        for instrument, tape in self.tapes.items():
            for candle in tape.close_minutes(now_ns):
                self.facts.append(CandleMoved(now_ns, instrument, candle, closed=True))

    def fees(self, instrument: InstrumentId) -> Fees:
        """What a trade costs there."""
        fees = self.rules.fees_of.get(instrument, self.rules.fees)
        return replace(fees, **self.charged) if self.charged else fees

    def mark(self, instrument: InstrumentId) -> Decimal | None:
        """The mark price: as shown, else the last print, else the middle of the book."""
        tape = self.tapes[instrument]
        if tape.mark is not None:
            return tape.mark
        if tape.last is not None:
            return tape.last
        book = self.books[instrument]
        bid, ask = book.best(Side.BUY), book.best(Side.SELL)
        return None if bid is None or ask is None else (bid + ask) / _TWO

    def tier_size(self, instrument: InstrumentId, quantity: Decimal, price: Decimal) -> Decimal:
        """The size of a position or an order as the venue's tiers count it."""
        if self.rules.tiers_count is TierUnit.VALUE:
            return quantity * price
        return quantity / self.listings[instrument].instrument.contract_size

    def whole_lots(self, instrument: InstrumentId, quantity: Decimal) -> Decimal:
        """`quantity` rounded down to what can be traded; to the smallest unit where no lot is."""
        return quantity - quantity % (self.listings[instrument].instrument.lot_step or UNIT)

    def order(self, order: VenueOrder) -> VenueOrder:
        """The order as it is now."""
        return self.accounts[order.account].orders[order.order_id]
