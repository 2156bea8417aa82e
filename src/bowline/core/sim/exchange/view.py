"""What may be asked of a played venue. It must never change anything."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import DAY_NS, ZERO, Direction, Side
from bowline.core.sim.exchange import margin
from bowline.core.sim.exchange.facts import (
    BookLevel,
    BookSnapshot,
    Executed,
    FundingPaid,
    Holding,
    MinuteCandle,
    OpenPosition,
    Ticker,
    TradePrinted,
    TradingSettings,
)
from bowline.core.sim.exchange.orders import VenueOrder
from bowline.core.sim.exchange.rules import Fees, Tier
from bowline.core.sim.exchange.state import VenueState
from bowline.core.venue import Listing

_POTS = ("positions", "outside", "fees", "funding", "insurance", "deposits")


class View:
    """Queries of a `VenueEngine`, as of its last call. KeyError: unknown account or instrument."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def listings(self) -> tuple[Listing, ...]:
        """All that is listed now, in the order of listing."""
        return tuple(self._state.listings.values())

    def listing(self, instrument: InstrumentId) -> Listing:
        """How this instrument is listed now."""
        return self._state.listings[instrument]

    def book(self, instrument: InstrumentId, depth: int | None = None) -> BookSnapshot:
        """The public book, all of it or the best `depth` levels of a side."""
        return self._state.books[instrument].snapshot(self._state.now_ns, depth)

    def ticker(self, instrument: InstrumentId) -> Ticker:
        """Best, last, mark and the last 24 hours."""
        state, tape = self._state, self._state.tapes[instrument]
        day = [each for each in tape.minutes if each.open_ns > state.now_ns - DAY_NS]
        if tape.forming is not None:
            day.append(tape.forming)
        return Ticker(
            instrument,
            state.now_ns,
            self._best(instrument, Side.BUY),
            self._best(instrument, Side.SELL),
            tape.last,
            state.mark(instrument),
            day[0].open if day else None,
            max((each.high for each in day), default=None),
            min((each.low for each in day), default=None),
            sum((each.volume for each in day), ZERO),
            sum((each.turnover for each in day), ZERO),
        )

    def trades(self, instrument: InstrumentId, limit: int = 100) -> list[TradePrinted]:
        """The last prints, oldest first."""
        return list(self._state.tapes[instrument].prints)[-limit:]

    def candles(
        self, instrument: InstrumentId, from_ns: int = 0, limit: int = 1_000
    ) -> list[MinuteCandle]:
        """Minutes from `from_ns` on, oldest first, the forming one last: the latest `limit`."""
        tape = self._state.tapes[instrument]
        found = [each for each in tape.minutes if each.open_ns >= from_ns]
        if tape.forming is not None and tape.forming.open_ns >= from_ns:
            found.append(tape.forming)
        return found[-limit:]

    def order(self, account: str, order: int | str) -> VenueOrder | None:
        """By order id (int) or client id (str): the newest that has it, open or closed."""
        return self._state.accounts[account].find(order)

    def open_orders(self, account: str, instrument: InstrumentId | None = None) -> list[VenueOrder]:
        """Orders that are not done, oldest first; waiting stops too."""
        return _at(self._state.accounts[account].open.values(), instrument)

    def closed_orders(
        self, account: str, instrument: InstrumentId | None = None
    ) -> list[VenueOrder]:
        """Orders that are done, in the order in which they ended."""
        found = self._state.accounts[account]
        return _at((found.orders[each] for each in found.closed), instrument)

    def fills(
        self, account: str, instrument: InstrumentId | None = None, after_trade_id: int = 0
    ) -> list[Executed]:
        """Executions with a later trade id, oldest first."""
        return [
            each
            for each in self._state.accounts[account].fills
            if each.trade_id > after_trade_id and instrument in {None, each.instrument}
        ]

    def funding(self, account: str, instrument: InstrumentId | None = None) -> list[FundingPaid]:
        """What the account has paid and received for funding, oldest first."""
        found = self._state.accounts[account].funding
        return [each for each in found if instrument in {None, each.instrument}]

    def fees(self, instrument: InstrumentId) -> Fees:
        """What a trade of the instrument costs."""
        return self._state.fees(instrument)

    def tiers(self) -> tuple[Tier, ...]:
        """The tiers of every perpetual; none where every position keeps the same share."""
        return self._state.rules.tiers

    def holdings(self, account: str) -> list[Holding]:
        """Every asset that the account ever had, by name."""
        found = self._state.accounts[account]
        return [margin.holding(self._state, found, asset) for asset in sorted(found.totals)]

    def holding(self, account: str, asset: str) -> Holding:
        """What the account has of an asset; zeros if it never had any."""
        return margin.holding(self._state, self._state.accounts[account], asset)

    def positions(self, account: str, instrument: InstrumentId | None = None) -> list[OpenPosition]:
        """Positions that are not flat, by instrument, long before short."""
        found = self._state.accounts[account]
        held = [key for key, leg in found.legs.items() if leg.quantity]
        wanted = sorted((at, -way) for at, way in held if instrument in {None, at})
        return [margin.position(self._state, found, at, Direction(-way)) for at, way in wanted]

    def settings(self, account: str, instrument: InstrumentId) -> TradingSettings:
        """Leverage and modes of the account at an instrument."""
        self._state.listings[instrument]
        return self._state.accounts[account].settings_at(instrument)

    def pots(self, asset: str) -> dict[str, Decimal]:
        """Where all of an asset is; the sum is 0, to the last digit.

        `accounts`: all that they have; `positions`: less what their positions were entered for;
        `outside`: whoever traded against them; `fees`, `funding`, `insurance`: what these took;
        `deposits`: as a negative, where it all came from.
        """
        state = self._state
        accounts = sum((each.totals.get(asset, ZERO) for each in state.accounts.values()), ZERO)
        return {"accounts": accounts} | {pot: state.pots.get((pot, asset), ZERO) for pot in _POTS}

    def _best(self, instrument: InstrumentId, side: Side) -> BookLevel | None:
        return next(self._state.books[instrument].walk(side), None)


def _at(orders: Iterable[VenueOrder], instrument: InstrumentId | None) -> list[VenueOrder]:
    return [order for order in orders if instrument in {None, order.instrument}]
