"""Protects stops with a limit price at the venues: shown with it, and limit orders once triggered.

The names of the fields are those of the venues' documents: STOP_LOSS_LIMIT and STOP (Binance),
"Place Order" with `triggerPrice` (Bybit), `slOrdPx` (OKX), "price-triggered order" (Gate),
`executePrice` of a plan and of `pos_loss` (Bitget), TRIGGER_LIMIT (BingX), `orderType` 1 of a
plan (MEXC).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.values import Side
from tests.simex.clients import Seat

Play = Callable[..., None]
TRIGGER, PRICE = 58_000, 57_500
PRODUCT = {"productType": "USDT-FUTURES", "symbol": "BTCUSDT"}


async def binance_spot(client: Any) -> dict[str, Any]:
    (row,) = await client.privateGetOpenOrders({"symbol": "BTCUSDT"})
    return {"type": row["type"], "trigger": row["stopPrice"], "price": row["price"]}


async def binance_linear(client: Any) -> dict[str, Any]:
    (row,) = await client.fapiPrivateGetOpenAlgoOrders({"symbol": "BTCUSDT"})
    return {"type": row["orderType"], "trigger": row["triggerPrice"], "price": row["price"]}


async def bybit(client: Any) -> dict[str, Any]:
    reply = await client.privateGetV5OrderRealtime({"category": "linear", "symbol": "BTCUSDT"})
    (row,) = reply["result"]["list"]
    assert row["orderStatus"] == "Untriggered"
    return {"type": row["orderType"], "trigger": row["triggerPrice"], "price": row["price"]}


async def okx(client: Any) -> dict[str, Any]:
    reply = await client.privateGetTradeOrdersAlgoPending({"ordType": "conditional"})
    (row,) = reply["data"]
    return {"type": row["ordType"], "trigger": row["slTriggerPx"], "price": row["slOrdPx"]}


async def gate_spot(client: Any) -> dict[str, Any]:
    (row,) = await client.privateSpotGetPriceOrders({"status": "open"})
    put = row["put"]
    return {"type": put["type"], "trigger": row["trigger"]["price"], "price": put["price"]}


async def gate_linear(client: Any) -> dict[str, Any]:
    (row,) = await client.privateFuturesGetSettlePriceOrders({"settle": "usdt", "status": "open"})
    initial = row["initial"]
    return {"type": initial["tif"], "trigger": row["trigger"]["price"], "price": initial["price"]}


async def bitget_spot(client: Any) -> dict[str, Any]:
    reply = await client.privateSpotGetV2SpotTradeCurrentPlanOrder({"symbol": "BTCUSDT"})
    (row,) = reply["data"]["orderList"]
    return {"type": row["orderType"], "trigger": row["triggerPrice"], "price": row["executePrice"]}


async def bitget_linear(client: Any) -> dict[str, Any]:
    asked = PRODUCT | {"planType": "profit_loss"}
    reply = await client.privateMixGetV2MixOrderOrdersPlanPending(asked)
    (row,) = reply["data"]["entrustedList"]
    trigger, price = row["stopLossTriggerPrice"], row["stopLossExecutePrice"]
    return {"type": row["planType"], "trigger": trigger, "price": price}


async def bingx(client: Any) -> dict[str, Any]:
    reply = await client.swapV2PrivateGetTradeOpenOrders({"symbol": "BTC-USDT"})
    (row,) = reply["data"]["orders"]
    return {"type": row["type"], "trigger": row["stopPrice"], "price": row["price"]}


async def mexc(client: Any) -> dict[str, Any]:
    asked = {"symbol": "BTC_USDT", "states": "1"}
    reply = await client.contractPrivateGetPlanorderListOrders(asked)
    (row,) = reply["data"]
    return {"type": row["orderType"], "trigger": row["triggerPrice"], "price": row["price"]}


#: venue, market, ccxt's type, ccxt's parameters, how the venue lists it, what it calls it
STOPS = (
    ("binance", "spot", "stop_loss_limit", {"stopPrice": TRIGGER}, binance_spot, "STOP_LOSS_LIMIT"),
    ("binance", "linear", "stop", {"stopPrice": TRIGGER}, binance_linear, "STOP"),
    (
        "bybit", "linear", "limit",
        {"stopPrice": TRIGGER, "triggerDirection": "descending"}, bybit, "Limit",
    ),
    ("okx", "spot", "limit", {"stopLossPrice": TRIGGER}, okx, "conditional"),
    ("okx", "linear", "limit", {"stopLossPrice": TRIGGER}, okx, "conditional"),
    ("gate", "spot", "limit", {"stopPrice": TRIGGER}, gate_spot, "limit"),
    ("gate", "linear", "limit", {"stopPrice": TRIGGER}, gate_linear, "gtc"),
    ("bitget", "spot", "limit", {"stopPrice": TRIGGER}, bitget_spot, "limit"),
    ("bitget", "linear", "limit", {"stopLossPrice": TRIGGER}, bitget_linear, "pos_loss"),
    ("bingx", "linear", "limit", {"stopPrice": TRIGGER}, bingx, "TRIGGER_LIMIT"),
    ("mexc", "linear", "limit", {"triggerPrice": TRIGGER, "triggerType": 2}, mexc, 1),
)  # fmt: skip


@pytest.mark.parametrize(("venue", "kind", "style", "params", "listed", "word"), STOPS)
def test_a_stop_keeps_the_limit_that_was_asked_for(
    play: Play, venue: str, kind: str, style: str, params: dict[str, Any],
    listed: Callable[[Any], Any], word: str,
) -> None:  # fmt: skip
    async def scene(seat: Seat) -> None:
        client, symbol, simulated = seat.client, seat.symbol, seat.simulator.venues[venue]
        size = 0.01 / (client.market(symbol)["contractSize"] or 1)
        reducing = {} if kind == "spot" else {"reduceOnly": True}
        if kind == "linear":
            await client.create_order(symbol, "market", "buy", size)
        await client.create_order(symbol, style, "sell", size, PRICE, params | reducing)
        shown = await listed(client)
        assert shown["type"] == word
        assert (Decimal(shown["trigger"]), Decimal(shown["price"])) == (TRIGGER, PRICE)
        (stop,) = [each for each in simulated.view(kind).open_orders("main") if each.waiting]
        engine, now_ns = simulated.engine_of(stop.instrument), simulated.scheduler.now_ns
        # the market leaps over the limit: it rests there, and is shown with other orders
        engine.set_external_book(now_ns, stop.instrument, [(Decimal(57_000), Decimal(9))], [])
        engine.print_trade(now_ns, stop.instrument, Decimal(57_000), Decimal("0.1"), Side.SELL)
        engine.set_mark_price(now_ns, stop.instrument, Decimal(57_000))
        (resting,) = await client.fetch_open_orders(symbol)
        assert (resting["price"], resting["filled"]) == (PRICE, 0)
        # ccxt reads no type of MEXC's contract orders
        assert resting["type"] == ("limit" if venue != "mexc" else None)

    play(venue, kind, scene, step_s=60)
