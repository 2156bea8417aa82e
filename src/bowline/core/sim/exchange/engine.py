"""A played venue: public books, accounts and orders of one wallet. The face of the package.

Spot and linear instruments in one engine share their accounts' wallets (a unified account); play a
venue that keeps them apart with two engines. It must never read a clock or chance: time comes as
`now_ns`, which may not fall, and ids are counted, so the same calls give the same facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Side
from bowline.core.sim.exchange import intake, settings
from bowline.core.sim.exchange.account import Account, money
from bowline.core.sim.exchange.facts import (
    BalanceReason,
    BookLevel,
    Fact,
    ListingChanged,
    MarkMoved,
)
from bowline.core.sim.exchange.faults import Faults
from bowline.core.sim.exchange.intake import wake_stops
from bowline.core.sim.exchange.liquidation import liquidate_one
from bowline.core.sim.exchange.matching import uncross
from bowline.core.sim.exchange.moves import end_order, pay, print_trade, tell_rest
from bowline.core.sim.exchange.orders import EndReason, NewOrder, Refused, VenueOrder
from bowline.core.sim.exchange.rules import VenueRules
from bowline.core.sim.exchange.settle import pay_funding
from bowline.core.sim.exchange.state import VenueState
from bowline.core.sim.exchange.view import View
from bowline.core.venue import Listing, ListingStatus, MarginMode, PositionMode


class VenueEngine:
    """`view` answers queries, `faults` is for fault scripts; the rest moves the world.

    What an account asks for is answered with a value: the order, None, or `Refused`. An unknown
    account, an instrument that the market source made up or a falling time is a bug and raises.
    """

    def __init__(self, listings: Iterable[Listing], rules: VenueRules) -> None:
        self._state = VenueState(rules)
        self.view = View(self._state)
        self.faults = Faults(self._state, self._settle)
        for listing in listings:
            self._state.take_listing(listing)

    def open_account(self, account: str) -> None:
        """Begin to keep books for `account`; ValueError if it is there."""
        if account in self._state.accounts:
            raise ValueError(f"account {account!r} is open already")
        self._state.accounts[account] = Account(account, self._state.rules)

    def deposit(self, now_ns: int, account: str, asset: str, amount: Decimal) -> None:
        """Add `amount` (above 0) to what the account has."""
        if not amount > ZERO:
            raise ValueError(f"a deposit of {amount}")
        state, found = self._at(now_ns, account)
        pay(state, found, asset, money(amount), "deposits", BalanceReason.DEPOSIT)
        self._settle()

    def place(self, now_ns: int, order: NewOrder) -> VenueOrder | Refused:
        """Take an order and match it; the order as it is after that."""
        state, account = self._at(now_ns, order.account)
        placed = intake.place(state, account, order)
        self._settle()
        return placed if isinstance(placed, Refused) else state.order(placed)

    def cancel(self, now_ns: int, account: str, order: int | str) -> VenueOrder | Refused:
        """Cancel by order id (int) or client id (str)."""
        state, owner = self._at(now_ns, account)
        done = intake.cancel(state, owner, order)
        self._settle()
        return done

    def cancel_all(
        self, now_ns: int, account: str, instrument: InstrumentId | None = None
    ) -> tuple[VenueOrder, ...]:
        """Cancel every open order of the account, of one instrument or all; those cancelled."""
        state, owner = self._at(now_ns, account)
        ended = tuple(
            end_order(state, order, EndReason.ASKED)
            for order in list(owner.open.values())
            if instrument in {None, order.instrument} and not order.cancelling
        )
        self._settle()
        return ended

    def amend(
        self, now_ns: int, account: str, order: int | str, *,
        quantity: Decimal | None = None, price: Decimal | None = None,
    ) -> VenueOrder | Refused:  # fmt: skip
        """Change an open limit order. Less quantity keeps its place in the queue."""
        state, owner = self._at(now_ns, account)
        found = intake.open_order(owner, order)
        if isinstance(found, Refused):
            return found
        amended = intake.amend(state, owner, found, quantity, price)
        self._settle()
        return amended if isinstance(amended, Refused) else state.order(amended)

    def set_leverage(
        self, now_ns: int, account: str, instrument: InstrumentId, leverage: Decimal
    ) -> Refused | None:
        """Set the leverage of a perpetual; the margin of what is open is set anew."""
        state, owner = self._at(now_ns, account)
        refused = settings.set_leverage(state, owner, instrument, leverage)
        self._settle()
        return refused

    def set_margin_mode(
        self, now_ns: int, account: str, instrument: InstrumentId, mode: MarginMode
    ) -> Refused | None:
        """Cross or isolated; refused while a position or an order is open there."""
        state, owner = self._at(now_ns, account)
        return settings.set_margin_mode(state, owner, instrument, mode)

    def set_position_mode(
        self, now_ns: int, account: str, mode: PositionMode, instrument: InstrumentId | None = None
    ) -> Refused | None:
        """One-way or hedge, of one perpetual or all; refused while anything is open in it."""
        state, owner = self._at(now_ns, account)
        return settings.set_position_mode(state, owner, mode, instrument)

    def show_market(
        self,
        now_ns: int,
        instrument: InstrumentId,
        bids: Iterable[BookLevel],
        asks: Iterable[BookLevel],
    ) -> None:
        """Replace the outside levels; account orders that they cross fill as makers.

        Sizes are cut to whole lots: what is no lot nobody could trade.

        ValueError if the levels cross each other or are not above 0.
        """
        self._state.advance(now_ns)
        if self._gone(instrument):
            return
        sides = list(bids), list(asks)
        if any(not price > ZERO or size < ZERO for side in sides for price, size in side):
            raise ValueError(f"a level of {instrument.symbol} is not above 0")
        prices = [[price for price, size in side if size] for side in sides]
        if all(prices) and max(prices[0]) >= min(prices[1]):
            raise ValueError(f"the outside book of {instrument.symbol} crosses itself")
        book, whole = self._state.books[instrument], self._state.whole_lots
        for side, levels in zip((Side.BUY, Side.SELL), sides, strict=True):
            book.show(side, [(price, whole(instrument, size)) for price, size in levels])
        uncross(self._state, instrument)
        self._settle()

    def print_trade(
        self, now_ns: int, instrument: InstrumentId, price: Decimal, quantity: Decimal, side: Side
    ) -> None:
        """Somebody outside traded; `side` is the taker's. It fills no account's order."""
        self._state.advance(now_ns)
        if self._gone(instrument):
            return
        print_trade(self._state, instrument, price, quantity, side)
        self._settle()

    def show_mark(self, now_ns: int, instrument: InstrumentId, mark: Decimal) -> None:
        """Set the mark price. Until the first, it is the last print, or else the book's middle."""
        state = self._state
        state.advance(now_ns)
        if not mark > ZERO:
            raise ValueError(f"a mark price of {mark}")
        if self._gone(instrument):
            return
        state.tapes[instrument].mark = mark
        state.facts.append(MarkMoved(now_ns, instrument, mark))
        self._settle()

    def show_price(self, asset: str, quote: str, price: Decimal) -> None:
        """What an asset that pays fees costs in `quote`."""
        self._state.asset_prices[asset, quote] = price

    def pay_funding(
        self, now_ns: int, instrument: InstrumentId, rate: Decimal, mark: Decimal | None = None
    ) -> None:
        """Longs pay `rate` of their value at `mark` (None: the mark price), shorts receive it."""
        state = self._state
        state.advance(now_ns)
        at = state.mark(instrument) if mark is None else mark
        if instrument not in state.linear or at is None:
            raise ValueError(f"{instrument.symbol} has no funding: no perpetual, or no price yet")
        for account in state.accounts.values():
            pay_funding(state, account, instrument, rate, at)
        self._settle()

    def change_listing(self, now_ns: int, listing: Listing) -> None:
        """List an instrument, or list it otherwise: other steps, halted, delisted."""
        state = self._state
        state.advance(now_ns)
        state.take_listing(listing)
        state.facts.append(ListingChanged(now_ns, listing))
        if listing.status is ListingStatus.DELISTED:
            for account in state.accounts.values():
                for order in list(account.open.values()):
                    if order.instrument == listing.instrument.id:
                        end_order(state, order, EndReason.DELISTED)
        self._settle()

    def advance(self, now_ns: int) -> None:
        """Let time pass: minutes close. Every other call with a time does so first."""
        self._state.advance(now_ns)

    def take_facts(self) -> list[Fact]:
        """What has happened since the last call, oldest first."""
        taken, self._state.facts = self._state.facts, []
        return taken

    def _gone(self, instrument: InstrumentId) -> bool:
        """A delisted instrument has no market any more: nothing of it is told."""
        return self._state.listings[instrument].status is ListingStatus.DELISTED

    def _at(self, now_ns: int, account: str) -> tuple[VenueState, Account]:
        self._state.advance(now_ns)
        return self._state, self._state.accounts[account]

    def _settle(self) -> None:
        """What a change has set off: stops, liquidations, one at a time; then tell of it all."""
        state = self._state
        while any(wake_stops(state, each) for each in state.stops) or liquidate_one(state):
            pass
        for tape in state.tapes.values():
            tape.swept = None
        tell_rest(state)
