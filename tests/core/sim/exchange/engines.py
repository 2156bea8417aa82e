"""Small engines for the tests of the simulated venue: listings, funded accounts, short orders."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import MatchingEngine, NewOrder, Rejection, VenueOrder, VenueRules
from bowline.core.venue import Listing, OrderKind

SPOT = InstrumentId(market_by_name("bybit:spot").market_id, "BTCUSDT")
LINEAR = InstrumentId(market_by_name("bybit:linear").market_id, "BTCUSDT")
BUY, SELL = Side.BUY, Side.SELL
LONG, SHORT, NEUTRAL = Direction.LONG, Direction.SHORT, Direction.NEUTRAL
LIMIT, MARKET, STOP = OrderKind.LIMIT, OrderKind.MARKET, OrderKind.STOP
TICK, LOT = Decimal("0.01"), Decimal("0.001")


def d(number: str | int) -> Decimal:
    return Decimal(number)


def listing(instrument: InstrumentId, **more) -> Listing:
    steps = Instrument(instrument, TICK, LOT, more.pop("min_notional", d(0)))
    more = {"max_leverage": d(100)} | more if instrument is LINEAR else more
    return Listing(steps, "BTCUSDT", "BTC", "USDT", **more)


def world(rules: VenueRules | None = None, accounts: str = "ab") -> MatchingEngine:
    """Spot and linear BTCUSDT; each account has 10,000 USDT and 10 BTC; facts are taken."""
    engine = MatchingEngine([listing(SPOT), listing(LINEAR)], rules or VenueRules())
    for account in accounts:
        engine.open_account(account)
        engine.deposit(0, account, "USDT", d(10_000))
        engine.deposit(0, account, "BTC", d(10))
    engine.take_facts()
    return engine


def levels(*pairs: tuple[str | int, str | int]) -> list[tuple[Decimal, Decimal]]:
    return [(d(price), d(size)) for price, size in pairs]


def ask_for(instrument, side, quantity=None, price=None, account="a", **more) -> NewOrder:
    """A limit order, or with no price a market order, or with a trigger a stop."""
    kind = STOP if "trigger" in more else MARKET if price is None else LIMIT
    number = {k: d(v) for k, v in more.items() if k in {"quote_cost", "trigger"}}
    return NewOrder(
        account, instrument, side, kind,
        quantity=None if quantity is None else d(quantity),
        price=None if price is None else d(price), **(more | number),
    )  # fmt: skip


def place(engine: MatchingEngine, *what, at: int = 9, **more) -> VenueOrder:
    placed = engine.place(at, ask_for(*what, **more))
    assert isinstance(placed, VenueOrder), placed
    return placed


def refused(engine: MatchingEngine, *what, at: int = 9, **more) -> Rejection:
    placed = engine.place(at, ask_for(*what, **more))
    assert isinstance(placed, Rejection), placed
    return placed


def moved(order: VenueOrder) -> tuple:
    """State, filled quantity and why it ended, short."""
    return order.state.value, order.filled, order.ended and order.ended.value
