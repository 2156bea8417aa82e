"""The matching engine of a simulated venue: public books, accounts and orders of one wallet.

Spot and linear instruments in one engine share their accounts' balances (a unified account). A
venue with separate wallets has two engines. It must never read a clock or draw random numbers:
time comes as `now_ns`, which may not decrease, and ids are counted, so the same calls give the
same facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Side
from bowline.core.sim.exchange import order_entry, settings
from bowline.core.sim.exchange.account import VenueAccount, money
from bowline.core.sim.exchange.facts import (
    BalanceReason,
    BookLevel,
    Fact,
    ListingChanged,
    MarkUpdated,
)
from bowline.core.sim.exchange.faults import EngineFaults
from bowline.core.sim.exchange.fill_accounting import pay_funding
from bowline.core.sim.exchange.liquidation import liquidate_one
from bowline.core.sim.exchange.matching import uncross
from bowline.core.sim.exchange.mutations import end_order, pay, print_trade, record_changes
from bowline.core.sim.exchange.order_entry import trigger_stop
from bowline.core.sim.exchange.orders import EndReason, NewOrder, Rejection, VenueOrder
from bowline.core.sim.exchange.rules import VenueRules
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.view import VenueView
from bowline.core.venue import Listing, ListingStatus, MarginMode, PositionMode


class MatchingEngine:
    """`view` answers queries, `faults` is for fault scripts, all other methods change the state.

    A request of an account returns the order, None or a `Rejection`. An unknown account or
    instrument and a decreasing time are bugs of the caller and raise.
    """

    def __init__(self, listings: Iterable[Listing], rules: VenueRules) -> None:
        self._state = VenueState(rules)
        self.view = VenueView(self._state)
        self.faults = EngineFaults(self._state, self._process_triggers)
        for listing in listings:
            self._state.add_listing(listing)

    def open_account(self, account: str) -> None:
        """Open an account without money; ValueError if it exists."""
        if account in self._state.accounts:
            raise ValueError(f"account {account!r} is open already")
        self._state.accounts[account] = VenueAccount(account, self._state.rules)

    def deposit(self, now_ns: int, account: str, asset: str, amount: Decimal) -> None:
        """Credit `amount`, which must be above 0."""
        if not amount > ZERO:
            raise ValueError(f"a deposit of {amount}")
        state, found = self._account_at(now_ns, account)
        pay(state, found, asset, money(amount), "deposits", BalanceReason.DEPOSIT)
        self._process_triggers()

    def place(self, now_ns: int, order: NewOrder) -> VenueOrder | Rejection:
        """Accept an order and match it; returns the order after matching."""
        state, account = self._account_at(now_ns, order.account)
        placed = order_entry.place(state, account, order)
        self._process_triggers()
        return placed if isinstance(placed, Rejection) else state.order(placed)

    def cancel(self, now_ns: int, account: str, order: int | str) -> VenueOrder | Rejection:
        """Cancel by order id (int) or client id (str)."""
        state, owner = self._account_at(now_ns, account)
        done = order_entry.cancel(state, owner, order)
        self._process_triggers()
        return done

    def cancel_all(
        self, now_ns: int, account: str, instrument: InstrumentId | None = None
    ) -> tuple[VenueOrder, ...]:
        """Cancel all open orders of the account, or of one instrument; returns those cancelled."""
        state, owner = self._account_at(now_ns, account)
        ended = tuple(
            end_order(state, order, EndReason.REQUESTED)
            for order in list(owner.open.values())
            if instrument in {None, order.instrument} and not order.cancelling
        )
        self._process_triggers()
        return ended

    def amend(
        self, now_ns: int, account: str, order: int | str, *,
        quantity: Decimal | None = None, price: Decimal | None = None,
    ) -> VenueOrder | Rejection:  # fmt: skip
        """Change an open limit order. A smaller quantity keeps its priority in the queue."""
        state, owner = self._account_at(now_ns, account)
        found = order_entry.open_order(owner, order)
        if isinstance(found, Rejection):
            return found
        amended = order_entry.amend(state, owner, found, quantity, price)
        self._process_triggers()
        return amended if isinstance(amended, Rejection) else state.order(amended)

    def set_leverage(
        self, now_ns: int, account: str, instrument: InstrumentId, leverage: Decimal
    ) -> Rejection | None:
        """Set the leverage of a perpetual and recompute the margin of its open position."""
        state, owner = self._account_at(now_ns, account)
        rejection = settings.set_leverage(state, owner, instrument, leverage)
        self._process_triggers()
        return rejection

    def set_margin_mode(
        self, now_ns: int, account: str, instrument: InstrumentId, mode: MarginMode
    ) -> Rejection | None:
        """Cross or isolated; refused while a position or an order is open there."""
        state, owner = self._account_at(now_ns, account)
        return settings.set_margin_mode(state, owner, instrument, mode)

    def set_position_mode(
        self, now_ns: int, account: str, mode: PositionMode, instrument: InstrumentId | None = None
    ) -> Rejection | None:
        """One-way or hedge, of one perpetual or all; refused while anything is open in it."""
        state, owner = self._account_at(now_ns, account)
        return settings.set_position_mode(state, owner, mode, instrument)

    def set_external_book(
        self,
        now_ns: int,
        instrument: InstrumentId,
        bids: Iterable[BookLevel],
        asks: Iterable[BookLevel],
    ) -> None:
        """Replace the external levels; account orders that they cross are filled as makers.

        Sizes are rounded down to whole lots.

        ValueError if the levels cross each other or are not above 0.
        """
        self._state.advance(now_ns)
        if self._is_delisted(instrument):
            return
        sides = list(bids), list(asks)
        if any(not price > ZERO or size < ZERO for side in sides for price, size in side):
            raise ValueError(f"a level of {instrument.symbol} is not above 0")
        prices = [[price for price, size in side if size] for side in sides]
        if all(prices) and max(prices[0]) >= min(prices[1]):
            raise ValueError(f"the external book of {instrument.symbol} crosses itself")
        book, whole = self._state.books[instrument], self._state.whole_lots
        for side, levels in zip((Side.BUY, Side.SELL), sides, strict=True):
            book.replace_external(
                side, [(price, whole(instrument, size)) for price, size in levels]
            )
        uncross(self._state, instrument)
        self._process_triggers()

    def print_trade(
        self, now_ns: int, instrument: InstrumentId, price: Decimal, quantity: Decimal, side: Side
    ) -> None:
        """Record a trade of others, `side` the taker's. It fills no order of an account."""
        self._state.advance(now_ns)
        if self._is_delisted(instrument):
            return
        print_trade(self._state, instrument, price, quantity, side)
        self._process_triggers()

    def set_mark_price(self, now_ns: int, instrument: InstrumentId, mark: Decimal) -> None:
        """Set the mark price. Until then it is the last trade price, or the mid price."""
        state = self._state
        state.advance(now_ns)
        if not mark > ZERO:
            raise ValueError(f"a mark price of {mark}")
        if self._is_delisted(instrument):
            return
        state.trade_histories[instrument].mark = mark
        state.facts.append(MarkUpdated(now_ns, instrument, mark))
        self._process_triggers()

    def set_asset_price(self, asset: str, quote: str, price: Decimal) -> None:
        """Set the price in `quote` of an asset that can pay fees."""
        self._state.asset_prices[asset, quote] = price

    def pay_funding(
        self, now_ns: int, instrument: InstrumentId, rate: Decimal, mark: Decimal | None = None
    ) -> None:
        """Longs pay `rate` of their value at `mark` (None: the mark price), shorts receive it."""
        state = self._state
        state.advance(now_ns)
        at = state.mark(instrument) if mark is None else mark
        if instrument not in state.linear or at is None:
            raise ValueError(
                f"{instrument.symbol} has no funding: it is not a perpetual, or has no price yet"
            )
        for account in state.accounts.values():
            pay_funding(state, account, instrument, rate, at)
        self._process_triggers()

    def change_listing(self, now_ns: int, listing: Listing) -> None:
        """Add or replace a listing: other steps, halted, delisted."""
        state = self._state
        state.advance(now_ns)
        state.add_listing(listing)
        state.facts.append(ListingChanged(now_ns, listing))
        if listing.status is ListingStatus.DELISTED:
            for account in state.accounts.values():
                for order in list(account.open.values()):
                    if order.instrument == listing.instrument.id:
                        end_order(state, order, EndReason.DELISTED)
        self._process_triggers()

    def advance(self, now_ns: int) -> None:
        """Move the time and close minutes. Every other call with a time does this first."""
        self._state.advance(now_ns)

    def take_facts(self) -> list[Fact]:
        """The facts since the last call, oldest first."""
        taken, self._state.facts = self._state.facts, []
        return taken

    def _is_delisted(self, instrument: InstrumentId) -> bool:
        """Whether the instrument is delisted: it has no market and produces no facts."""
        return self._state.listings[instrument].status is ListingStatus.DELISTED

    def _account_at(self, now_ns: int, account: str) -> tuple[VenueState, VenueAccount]:
        self._state.advance(now_ns)
        return self._state, self._state.accounts[account]

    def _process_triggers(self) -> None:
        """Trigger stops and liquidations until none is due, then record what changed as facts."""
        state = self._state
        while any(trigger_stop(state, each) for each in state.stops) or liquidate_one(state):
            pass
        for trade_history in state.trade_histories.values():
            trade_history.trigger_range = None
        record_changes(state)
