"""Queries of a simulated venue. A query must never change the state."""

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
    PositionSnapshot,
    Ticker,
    TradePublished,
    TradingSettings,
)
from bowline.core.sim.exchange.orders import VenueOrder
from bowline.core.sim.exchange.rules import Fees, Tier
from bowline.core.sim.exchange.state import VenueState
from bowline.core.venue import Listing

_CONTRA_ACCOUNTS = ("positions", "external", "fees", "funding", "insurance", "deposits")


class VenueView:
    """Queries of a `MatchingEngine` as of its last call. KeyError: unknown account, instrument."""

    def __init__(self, state: VenueState) -> None:
        self._state = state

    def listings(self) -> tuple[Listing, ...]:
        """All current listings, in the order of listing."""
        return tuple(self._state.listings.values())

    def listing(self, instrument: InstrumentId) -> Listing:
        """The current listing of an instrument."""
        return self._state.listings[instrument]

    def book(self, instrument: InstrumentId, depth: int | None = None) -> BookSnapshot:
        """The public book, complete or the best `depth` levels of a side."""
        return self._state.books[instrument].snapshot(self._state.now_ns, depth)

    def ticker(self, instrument: InstrumentId) -> Ticker:
        """Best prices, last price, mark price and the figures of 24 hours."""
        state, trade_history = self._state, self._state.trade_histories[instrument]
        day = [each for each in trade_history.minutes if each.open_ns > state.now_ns - DAY_NS]
        if trade_history.forming is not None:
            day.append(trade_history.forming)
        return Ticker(
            instrument,
            state.now_ns,
            self._best(instrument, Side.BUY),
            self._best(instrument, Side.SELL),
            trade_history.last,
            state.mark(instrument),
            day[0].open if day else None,
            max((each.high for each in day), default=None),
            min((each.low for each in day), default=None),
            sum((each.volume for each in day), ZERO),
            sum((each.turnover for each in day), ZERO),
        )

    def trades(self, instrument: InstrumentId, limit: int = 100) -> list[TradePublished]:
        """The latest public trades, oldest first."""
        return list(self._state.trade_histories[instrument].prints)[-limit:]

    def candles(
        self, instrument: InstrumentId, from_ns: int = 0, limit: int = 1_000
    ) -> list[MinuteCandle]:
        """Minutes from `from_ns` on, oldest first, the forming one last: the latest `limit`."""
        trade_history = self._state.trade_histories[instrument]
        found = [each for each in trade_history.minutes if each.open_ns >= from_ns]
        if trade_history.forming is not None and trade_history.forming.open_ns >= from_ns:
            found.append(trade_history.forming)
        return found[-limit:]

    def order(self, account: str, order: int | str) -> VenueOrder | None:
        """The order with an order id, or the newest with a client id (str), open or closed."""
        return self._state.accounts[account].find(order)

    def open_orders(self, account: str, instrument: InstrumentId | None = None) -> list[VenueOrder]:
        """Open orders and untriggered stops, oldest first."""
        return _of_instrument(self._state.accounts[account].open.values(), instrument)

    def closed_orders(
        self, account: str, instrument: InstrumentId | None = None
    ) -> list[VenueOrder]:
        """Closed orders, in the order in which they ended."""
        found = self._state.accounts[account]
        return _of_instrument((found.orders[each] for each in found.closed), instrument)

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
        """Funding paid and received, oldest first."""
        found = self._state.accounts[account].funding
        return [each for each in found if instrument in {None, each.instrument}]

    def fees(self, instrument: InstrumentId) -> Fees:
        """The fee rates of an instrument."""
        return self._state.fees(instrument)

    def tiers(self) -> tuple[Tier, ...]:
        """The risk tiers of every perpetual; empty where there is one maintenance rate."""
        return self._state.rules.tiers

    def holdings(self, account: str) -> list[Holding]:
        """Balances of every asset that the account ever had, by asset."""
        found = self._state.accounts[account]
        return [margin.holding(self._state, found, asset) for asset in sorted(found.totals)]

    def holding(self, account: str, asset: str) -> Holding:
        """The balance of an asset; zeros if the account never had any."""
        return margin.holding(self._state, self._state.accounts[account], asset)

    def positions(
        self, account: str, instrument: InstrumentId | None = None
    ) -> list[PositionSnapshot]:
        """Open positions by instrument, long before short."""
        found = self._state.accounts[account]
        held = [key for key, position in found.positions.items() if position.quantity]
        wanted = sorted((at, -way) for at, way in held if instrument in {None, at})
        return [
            margin.position_snapshot(self._state, found, at, Direction(-way)) for at, way in wanted
        ]

    def settings(self, account: str, instrument: InstrumentId) -> TradingSettings:
        """Leverage, margin mode and position mode at an instrument."""
        self._state.listings[instrument]
        return self._state.accounts[account].settings_at(instrument)

    def ledger_balances(self, asset: str) -> dict[str, Decimal]:
        """The double-entry ledger of an asset; the sum is exactly 0.

        `accounts`: the total of all accounts; `positions`: less the entry value of positions;
        `external`: the external market; `fees`, `funding`, `insurance`: received by these;
        `deposits`: the negative sum of all deposits.
        """
        state = self._state
        accounts = sum((each.totals.get(asset, ZERO) for each in state.accounts.values()), ZERO)
        return {"accounts": accounts} | {
            contra: state.contra_balances.get((contra, asset), ZERO) for contra in _CONTRA_ACCOUNTS
        }

    def _best(self, instrument: InstrumentId, side: Side) -> BookLevel | None:
        return next(self._state.books[instrument].walk(side), None)


def _of_instrument(
    orders: Iterable[VenueOrder], instrument: InstrumentId | None
) -> list[VenueOrder]:
    return [order for order in orders if instrument in {None, order.instrument}]
