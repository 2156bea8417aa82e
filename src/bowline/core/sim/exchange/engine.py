"""A played venue: public books, accounts and orders of one wallet. The face of the package.

Spot and linear instruments in one engine share their accounts' wallets (a unified account); play a
venue that keeps them apart with two engines. It must never read a clock or chance: time comes as
`now_ns`, which may not fall, and ids are counted, so the same calls give the same facts.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import Side
from bowline.core.sim.exchange.facts import BookLevel, Fact
from bowline.core.sim.exchange.faults import Faults
from bowline.core.sim.exchange.orders import NewOrder, Refused, VenueOrder
from bowline.core.sim.exchange.rules import VenueRules
from bowline.core.sim.exchange.view import View
from bowline.core.venue import Listing, MarginMode, PositionMode


class VenueEngine:
    """`view` answers queries, `faults` is for fault scripts; the rest moves the world.

    What an account asks for is answered with a value: the order, None, or `Refused`. An unknown
    account, an instrument that the market source made up or a falling time is a bug and raises.
    """

    def __init__(self, listings: Iterable[Listing], rules: VenueRules) -> None:
        self.view: View
        self.faults: Faults
        raise NotImplementedError

    def open_account(self, account: str) -> None:
        """Begin to keep books for `account`; ValueError if it is there."""
        raise NotImplementedError

    def deposit(self, now_ns: int, account: str, asset: str, amount: Decimal) -> None:
        """Add `amount` (above 0) to what the account has."""
        raise NotImplementedError

    def place(self, now_ns: int, order: NewOrder) -> VenueOrder | Refused:
        """Take an order and match it; the order as it is after that."""
        raise NotImplementedError

    def cancel(self, now_ns: int, account: str, order: int | str) -> VenueOrder | Refused:
        """Cancel by order id (int) or client id (str)."""
        raise NotImplementedError

    def cancel_all(
        self, now_ns: int, account: str, instrument: InstrumentId | None = None
    ) -> tuple[VenueOrder, ...]:
        """Cancel every open order of the account, of one instrument or all; those cancelled."""
        raise NotImplementedError

    def amend(
        self, now_ns: int, account: str, order: int | str, *,
        quantity: Decimal | None = None, price: Decimal | None = None,
    ) -> VenueOrder | Refused:  # fmt: skip
        """Change an open limit order. Less quantity keeps its place in the queue."""
        raise NotImplementedError

    def set_leverage(
        self, now_ns: int, account: str, instrument: InstrumentId, leverage: Decimal
    ) -> Refused | None:
        """Set the leverage of a perpetual; the margin of what is open is set anew."""
        raise NotImplementedError

    def set_margin_mode(
        self, now_ns: int, account: str, instrument: InstrumentId, mode: MarginMode
    ) -> Refused | None:
        """Cross or isolated; refused while a position or an order is open there."""
        raise NotImplementedError

    def set_position_mode(
        self, now_ns: int, account: str, mode: PositionMode, instrument: InstrumentId | None = None
    ) -> Refused | None:
        """One-way or hedge, of one perpetual or all; refused while anything is open in it."""
        raise NotImplementedError

    def show_market(
        self,
        now_ns: int,
        instrument: InstrumentId,
        bids: Iterable[BookLevel],
        asks: Iterable[BookLevel],
    ) -> None:
        """Replace the outside levels; account orders that they cross fill as makers.

        ValueError if the levels cross each other or are not above 0.
        """
        raise NotImplementedError

    def print_trade(
        self, now_ns: int, instrument: InstrumentId, price: Decimal, quantity: Decimal, side: Side
    ) -> None:
        """Somebody outside traded; `side` is the taker's. It fills no account's order."""
        raise NotImplementedError

    def show_mark(self, now_ns: int, instrument: InstrumentId, mark: Decimal) -> None:
        """Set the mark price. Until the first, it is the last print, or else the book's middle."""
        raise NotImplementedError

    def show_price(self, asset: str, quote: str, price: Decimal) -> None:
        """What an asset that pays fees costs in `quote`."""
        raise NotImplementedError

    def pay_funding(
        self, now_ns: int, instrument: InstrumentId, rate: Decimal, mark: Decimal | None = None
    ) -> None:
        """Longs pay `rate` of their value at `mark` (None: the mark price), shorts receive it."""
        raise NotImplementedError

    def change_listing(self, now_ns: int, listing: Listing) -> None:
        """List an instrument, or list it otherwise: other steps, halted, delisted."""
        raise NotImplementedError

    def advance(self, now_ns: int) -> None:
        """Let time pass: minutes close. Every other call with a time does so first."""
        raise NotImplementedError

    def take_facts(self) -> list[Fact]:
        """What has happened since the last call, oldest first."""
        raise NotImplementedError
