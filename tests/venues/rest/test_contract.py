"""Protects the wire: what each operation asks at each of the sixteen markets, and what it reads.

The requests are captured on a host of our own and compared whole with `contracts.yaml`; the
signatures are made again from the venue's rule. Every venue is told the same facts in its own
words, so that one expectation holds for all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, OrderId, Side
from bowline.core.venue import (
    Balance,
    Listing,
    MarginMode,
    OrderKind,
    OrderRequest,
    PositionMode,
    TimeInForce,
)
from bowline.venues.errors import Rejected
from bowline.venues.rest import RestVenue
from tests.venues.rest.replies import AT_MS, ID, OPEN_S, REPLIES, TRADE, VENUE_ID
from tests.venues.rest.signatures import AUTH_PARAMS, check_signature
from tests.venues.rest.stub import Asked, Stub, with_venue

CONTRACTS = Path(__file__).with_name("contracts.yaml")
MARKETS = [f"{venue}:{kind}" for venue, kind in REPLIES]
LINEAR = [name for name in MARKETS if name.endswith(":linear")]
CLIENT_ID = OrderId(ID)
QUANTITY, PRICE = Decimal("0.02"), Decimal("40000.5")
MS_NS = 1_000_000

Asking = Callable[[RestVenue, Stub, Listing], Awaitable[Any]]


def _order(stub: Stub, side: Side = Side.BUY, **more: Any) -> OrderRequest:
    if more.get("kind", OrderKind.LIMIT) is OrderKind.LIMIT:
        more["price"] = PRICE
    return OrderRequest(CLIENT_ID, stub.instrument, side, QUANTITY, **more)


def _placing(side: Side = Side.BUY, **more: Any) -> Asking:
    return lambda venue, stub, _: venue.place(_order(stub, side, **more))


def cursor_of(venue: str) -> str:
    """A second before the fill, or the trade before it."""
    return "id:554" if venue == "binance" else f"ms:{AT_MS - 1000}:"


OPERATIONS: dict[str, tuple[str, Asking]] = {
    "time": ("", lambda venue, _, __: venue.server_time_ns()),
    "candles": (
        "candles",
        lambda venue, _, listing: venue.candles(listing, OPEN_S * 10**9, (OPEN_S + 60) * 10**9),
    ),
    "place": ("place", _placing()),
    "place ioc": ("place", _placing(time_in_force=TimeInForce.IOC)),
    "place fok": ("place", _placing(time_in_force=TimeInForce.FOK)),
    "place post only": ("place", _placing(time_in_force=TimeInForce.POST_ONLY)),
    "place exit": ("place", _placing(Side.SELL, reduce_only=True)),
    "place market sell": ("place", _placing(Side.SELL, kind=OrderKind.MARKET)),
    "place market buy": ("place", _placing(kind=OrderKind.MARKET)),
    "place stop": ("place", _placing(Side.SELL, kind=OrderKind.STOP, trigger=PRICE)),
    "place hedge open": ("place", _placing(Side.SELL, position=Direction.SHORT)),
    "place hedge close": (
        "place",
        _placing(Side.SELL, position=Direction.LONG, reduce_only=True),
    ),
    "cancel": ("cancel", lambda venue, stub, _: venue.cancel(stub.instrument, CLIENT_ID)),
    "order": ("order", lambda venue, stub, _: venue.order(stub.instrument, CLIENT_ID)),
    "open orders": ("open", lambda venue, stub, _: venue.open_orders(stub.instrument)),
    "all open orders": ("open", lambda venue, _, __: venue.open_orders()),
    "fills": ("fill", lambda venue, stub, _: venue.fills(stub.instrument, cursor_of(stub.venue))),
    "balances": ("balances", lambda venue, _, __: venue.balances()),
    "positions": ("position", lambda venue, _, __: venue.positions()),
    "leverage": (
        "leverage",
        lambda venue, stub, _: venue.set_leverage(stub.instrument, Decimal(5), MarginMode.CROSS),
    ),
    "isolated": (
        "leverage",
        lambda venue, stub, _: venue.set_leverage(stub.instrument, Decimal(5), MarginMode.ISOLATED),
    ),
    "position mode": ("position_mode", lambda venue, stub, _: venue.position_mode(stub.instrument)),
    "set position mode": (
        "leverage",
        lambda venue, stub, _: venue.set_position_mode(stub.instrument, PositionMode.HEDGE),
    ),
    "dead-man switch": ("leverage", lambda venue, _, __: venue.cancel_all_after(30)),
    "key rights": ("rights", lambda venue, _, __: venue.key_rights()),
}
HEDGED = {"place hedge open", "place hedge close"}


def reply_to(market: str, name: str) -> Any:
    """What the venue says: where nothing is written for an operation, its plainest yes."""
    venue, _, kind = market.partition(":")
    replies = REPLIES[venue, kind]
    if name in replies:
        return replies[name]
    yes = {
        "binance": {"code": 200, "msg": "success"}, "bybit": {"retCode": 0, "retMsg": "OK"},
        "okx": {"code": "0", "data": []}, "bitget": {"code": "00000", "msg": "success"},
        "bingx": {"code": 0, "msg": ""}, "gate": {}, "htx": {"status": "ok", "code": 200},
        "mexc": {"success": True, "code": 0},
    }  # fmt: skip
    order = replies["order"]
    known = {"open": order if "data" in order or "result" in order else [order], "place": order}
    return known.get(name, order if name == "cancel" else yes[venue])


@cache
def played(market: str, operation: str) -> tuple[Any, list[Asked], list[str]]:
    """The operation once: what it returned or refused, and what was asked for it."""
    name, ask = OPERATIONS[operation]
    outcome: list[Any] = []
    asked: list[Asked] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        (listing,) = await venue.listings()
        await venue.venue_now_ns()
        before = len(stub.asked)
        stub.otherwise = reply_to(market, name)
        if operation == "position mode" and market == "gate:linear":
            stub.otherwise = reply_to(market, "balances")
        # the switch of Binance's futures is armed for each instrument that has orders
        stub.answers["GET", "/fapi/v1/openOrders"] = reply_to(market, "open")
        try:
            outcome.append(await ask(venue, stub, listing))
        except Rejected as refused:
            outcome.append(refused)
        asked.extend(stub.asked[before:])

    stub = with_venue(market, run)
    return outcome[0], asked, stub.unexpected


def told(asked: Asked) -> dict[str, Any]:
    """A request as the contract spells it: without what belongs to the signature."""
    params = asked.params
    kept = params
    if not isinstance(params, list):
        kept = {key: value for key, value in params.items() if key not in AUTH_PARAMS}
    return {f"{asked.method} {asked.path}": kept}


def windowless(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the end of a window of fills, which is now."""
    ends = {"endTime", "end", "endTs", "to", "end-time", "end_time"}
    return [
        {path: {k: v for k, v in params.items() if k not in ends} for path, params in each.items()}
        for each in requests
    ]


@cache
def contracts() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(CONTRACTS.read_text())
    return found


CELLS = [
    (market, operation)
    for market in MARKETS
    for operation in OPERATIONS
    if not (market.endswith(":spot") and operation in HEDGED)
]


@pytest.mark.parametrize(("market", "operation"), CELLS)
def test_what_is_asked_is_what_the_contract_says(market: str, operation: str) -> None:
    """A change of ccxt, of a table or of the adapter that reaches the wire shows here."""
    outcome, asked, unexpected = played(market, operation)
    assert not unexpected
    requests = [told(each) for each in asked]
    if operation == "fills":
        requests = windowless(requests)
    if isinstance(outcome, Rejected):
        assert contracts()[market][operation] == f"refused: {outcome.message}"
        assert not asked
    else:
        assert contracts()[market][operation] == requests


@pytest.mark.parametrize("market", MARKETS)
def test_every_private_request_is_signed_the_venues_way(market: str) -> None:
    checked = 0
    for operation in OPERATIONS:
        if (market, operation) not in CELLS or operation in {"time", "candles"}:
            continue
        for asked in played(market, operation)[1]:
            check_signature(market.partition(":")[0], asked)
            checked += 1
    assert checked > 10


@pytest.mark.parametrize("market", MARKETS)
def test_an_order_is_read_alike_at_every_venue(market: str) -> None:
    found, *_ = played(market, "order")
    assert (found.client_id, found.venue_order_id) == (CLIENT_ID, VENUE_ID)
    assert (found.side, found.quantity, found.filled) == (Side.BUY, QUANTITY, Decimal("0.005"))
    assert (found.price, found.average_price) == (PRICE, Decimal(40000))
    assert found.state is OrderState.PARTLY_FILLED
    assert not found.reduce_only
    assert abs(found.event_ns - AT_MS * MS_NS) < 10**9
    assert played(market, "open orders")[0] == [found]


@pytest.mark.parametrize("market", MARKETS)
def test_an_accepted_order_is_pending_and_named(market: str) -> None:
    found, *_ = played(market, "place")
    assert (found.client_id, found.venue_order_id) == (CLIENT_ID, VENUE_ID)
    assert (found.quantity, found.filled, found.price) == (QUANTITY, 0, PRICE)
    assert found.state is OrderState.PENDING


@pytest.mark.parametrize("market", MARKETS)
def test_a_fill_is_read_alike_at_every_venue(market: str) -> None:
    page, *_ = played(market, "fills")
    (fill,) = page.fills
    assert page.complete
    assert (fill.trade_id, fill.venue_order_id) == (TRADE, VENUE_ID)
    assert (fill.side, fill.quantity, fill.price) == (
        Side.BUY,
        Decimal("0.005"),
        Decimal(40000),
    )
    assert (fill.fee, fill.fee_asset) == (Decimal("0.08"), "USDT")
    assert fill.event_ns == AT_MS * MS_NS
    if not market.startswith(("binance", "bitget", "bingx:spot", "htx:spot")):
        assert fill.client_id == CLIENT_ID
    if market != "bingx:linear":
        assert fill.maker


@pytest.mark.parametrize("market", MARKETS)
def test_balances_are_read_alike_at_every_venue(market: str) -> None:
    found, *_ = played(market, "balances")
    assert found == [Balance("USDT", Decimal("1000.5"), Decimal("900.25"))]


@pytest.mark.parametrize("market", LINEAR)
def test_a_position_is_read_alike_at_every_venue(market: str) -> None:
    (found,) = played(market, "positions")[0]
    assert (found.direction, found.quantity) == (Direction.LONG, QUANTITY)
    assert found.entry_price == 40000
    assert found.unrealised_pnl == 2
    assert found.liquidation_price == 30000
    # Binance tells no leverage, Gate has 0 for cross, a unified account of Bybit tells no mode
    assert found.leverage == (None if market in {"binance:linear", "gate:linear"} else 5)
    assert found.margin_mode is (None if market == "bybit:linear" else MarginMode.CROSS)


@pytest.mark.parametrize("market", MARKETS)
def test_a_candle_is_read_alike_and_counts_coins(market: str) -> None:
    found, *_ = played(market, "candles")
    assert found.open_ns.tolist() == [OPEN_S * 10**9]
    row = [found.open[0], found.high[0], found.low[0], found.close[0], found.volume[0]]
    assert row == [40000, 40010, 39990, 40005, 1.5]


@pytest.mark.parametrize("market", LINEAR)
def test_the_position_mode_is_read_alike(market: str) -> None:
    assert played(market, "position mode")[0] is PositionMode.HEDGE


@pytest.mark.parametrize("market", MARKETS)
def test_a_keys_rights_are_told_or_assumed_to_be_the_worst(market: str) -> None:
    found, *_ = played(market, "key rights")
    said = (found.trade, found.withdraw, found.ip_bound)
    silent = market.startswith(("htx", "mexc"))
    assert said == ((None, None, None) if silent else (True, False, True))


@pytest.mark.parametrize("market", MARKETS)
def test_the_time_is_read_alike(market: str) -> None:
    assert played(market, "time")[0] == 1_700_000_000_000 * MS_NS
