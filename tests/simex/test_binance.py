"""Protects Binance's own rules, as its documentation and its recorded replies have them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from yarl import URL

from bowline.core.model.values import Side
from tests.simex import adapters
from tests.simex.clients import Seat
from tests.simex.test_bybit import differences

Play = Callable[..., None]
SPOT, LINEAR = "/api/v3", "/fapi/v1"
SYMBOL = {"symbol": "BTCUSDT"}


async def call(
    seat: Seat, method: str, path: str, fields: dict[str, Any], *, secret: str = "", key: str = ""
) -> tuple[int, Any, Any]:
    """Signed by hand: status, reply and headers. Half of a form's fields go into the query."""
    keys = seat.simulator.venues["binance"].credentials
    stamped = {"timestamp": seat.client.milliseconds(), **fields}
    query = urlencode(stamped)
    body = urlencode({"recvWindow": 5000}) if method == "POST" else ""
    text = (query + body).encode()
    signature = hmac.new((secret or keys.secret).encode(), text, hashlib.sha256).hexdigest()
    if body:
        body += f"&signature={signature}"
    else:
        query += f"&signature={signature}"
    async with (
        aiohttp.ClientSession(headers={"X-MBX-APIKEY": key or keys.api_key}) as http,
        http.request(
            method,
            URL(f"{seat.address.http('binance')}{path}?{query}", encoded=True),
            data=body or None,
            headers={"Content-Type": "application/x-www-form-urlencoded"} if body else {},
        ) as reply,
    ):
        return reply.status, await reply.json(), reply.headers


def limit_order(cid: str, price: str = "50000", **more: Any) -> dict[str, Any]:
    order = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    return SYMBOL | order | {"price": price, "newClientOrderId": cid} | more


def stop_order(cid: str, trigger: str = "50000", **more: Any) -> dict[str, Any]:
    order = {"side": "SELL", "type": "STOP_MARKET", "quantity": "0.01", "algoType": "CONDITIONAL"}
    return SYMBOL | order | {"triggerPrice": trigger, "clientAlgoId": cid} | more


async def code_of(seat: Seat, path: str, fields: dict[str, Any], method: str = "POST") -> int:
    """0 for a yes."""
    status, reply, _ = await call(seat, method, path, fields)
    assert (status == 200) is (
        not isinstance(reply, dict) or reply.get("code", 200) in (200, "200")
    )
    return 0 if status == 200 else int(reply["code"])


@contextlib.asynccontextmanager
async def socket_at(seat: Seat, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{seat.address.ws('binance')}{path}") as socket,
    ):
        yield socket


def ws_request(seat: Seat, method: str, secret: str = "", **params: Any) -> dict[str, Any]:
    keys = seat.simulator.venues["binance"].credentials
    params |= {"apiKey": keys.api_key, "timestamp": seat.client.milliseconds()}
    text = "&".join(f"{name}={params[name]}" for name in sorted(params)).encode()
    params["signature"] = hmac.new(
        (secret or keys.secret).encode(), text, hashlib.sha256
    ).hexdigest()
    return {"id": "7", "method": method, "params": params}


async def until(
    socket: aiohttp.ClientWebSocketResponse, kinds: set[str], name: Callable[[Any], str]
) -> dict[str, Any]:
    """The last event of each kind, once there is one of each."""
    heard: dict[str, Any] = {}
    while not kinds <= heard.keys():
        event = await socket.receive_json(timeout=5)
        heard[name(event)] = event
    return heard


def test_key_signature_and_time_are_checked_each_with_its_code(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        now = seat.client.milliseconds()
        for path in (f"{SPOT}/account", "/fapi/v3/account"):
            assert (await call(seat, "GET", path, {}))[0] == 200
            status, reply, _ = await call(seat, "GET", path, {}, key="somebody")
            assert (status, reply["code"]) == (401, -2015)
            status, reply, _ = await call(seat, "GET", path, {}, secret="wrong")
            assert (status, reply["code"]) == (400, -1022)
            for stamp in (now - 6_000, now + 3_000):
                assert await code_of(seat, path, {"timestamp": stamp}, "GET") == -1021
            assert await code_of(seat, path, {"recvWindow": 70_000}, "GET") == -1131

    play("binance", "spot", scene)


def test_weight_is_of_the_address_told_in_headers_and_ends_with_429(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        venue = seat.simulator.venues["binance"]
        _, _, before = await call(seat, "GET", f"{SPOT}/account", {})
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{seat.address.http('binance')}{SPOT}/depth?symbol=BTCUSDT") as reply,
        ):
            used = int(reply.headers["X-MBX-USED-WEIGHT-1M"])
        assert used == int(before["X-MBX-USED-WEIGHT-1M"]) + 5
        venue.quota_counter.consume("spot weight", "", 6000 - used, venue.scheduler.now_ns)
        status, reply_, headers = await call(seat, "GET", f"{SPOT}/account", {})
        assert (status, reply_["code"], headers["Retry-After"]) == (429, -1003, "60")
        assert (await call(seat, "GET", "/fapi/v3/account", {}))[0] == 200

    play("binance", "spot", scene)


def test_orders_are_counted_apart_and_too_many_are_1015(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        _, _, headers = await call(seat, "POST", f"{SPOT}/order", limit_order("1"))
        assert headers["X-MBX-ORDER-COUNT-10S"] == "1"
        venue = seat.simulator.venues["binance"]
        venue.quota_counter.consume("spot orders 10s", "main", 99, venue.scheduler.now_ns)
        status, reply, _ = await call(seat, "POST", f"{SPOT}/order", limit_order("2"))
        assert (status, reply["code"]) == (429, -1015)

    play("binance", "spot", scene)


@pytest.mark.parametrize(
    ("code", "path", "fields"),
    [
        (0, SPOT, limit_order("a-1:Z/.")),
        (-1100, SPOT, limit_order("x" * 37)),
        (-1100, SPOT, limit_order("a b")),
        (-1013, SPOT, limit_order("1", quantity="0.0001")),
        (-1013, SPOT, limit_order("1", price="50000.05")),
        (-1013, SPOT, limit_order("1", price="100")),
        (-2010, SPOT, limit_order("1", quantity="100000")),
        (-2010, SPOT, limit_order("1", price="70000", type="LIMIT_MAKER")),
        (-1121, SPOT, limit_order("1", symbol="NOUSDT")),
        (-1117, SPOT, limit_order("1", side="Buy")),
        (-1116, SPOT, limit_order("1", type="STOP_MARKET")),
        (-1115, SPOT, limit_order("1", timeInForce="GTX")),
        (-1102, SPOT, SYMBOL | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}),
        (0, LINEAR, limit_order("1")),
        (-4015, LINEAR, limit_order("x" * 37)),
        (-1111, LINEAR, limit_order("1", quantity="0.0105")),
        (-4014, LINEAR, limit_order("1", price="50000.05")),
        (-4164, LINEAR, limit_order("1", price="100")),
        (-2019, LINEAR, limit_order("1", quantity="8000")),
        (-5022, LINEAR, limit_order("1", price="70000", timeInForce="GTX")),
        (-2022, LINEAR, limit_order("1", side="SELL", price="70000", reduceOnly="true")),
        (-4061, LINEAR, limit_order("1", positionSide="LONG")),
        (-4120, LINEAR, limit_order("1", type="STOP_MARKET", stopPrice="50000")),
    ],
)
def test_an_order_is_refused_with_the_code_of_its_market(
    play: Play, code: int, path: str, fields: dict[str, Any]
) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, f"{path}/order", fields) == code

    play("binance", "spot", scene)


@pytest.mark.parametrize(("path", "code"), [(SPOT, -2010), (LINEAR, -4116)])
def test_a_client_id_is_taken_while_its_order_is_open(play: Play, path: str, code: int) -> None:
    async def scene(seat: Seat) -> None:
        named = SYMBOL | {"origClientOrderId": "7"}
        assert await code_of(seat, f"{path}/order", limit_order("7")) == 0
        status, reply, _ = await call(seat, "POST", f"{path}/order", limit_order("7"))
        assert (status, reply["code"]) == (400, code)
        assert "uplicate" in reply["msg"]
        assert await code_of(seat, f"{path}/order", named, "DELETE") == 0
        assert await code_of(seat, f"{path}/order", named, "DELETE") == -2011
        assert await code_of(seat, f"{path}/order", limit_order("7")) == 0
        assert await code_of(seat, f"{path}/order", SYMBOL | {"orderId": 1}, "GET") == -2013

    play("binance", "spot", scene)


def test_the_two_wallets_are_apart(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, f"{LINEAR}/order", limit_order("1")) == 0
        _, spot, _ = await call(seat, "GET", f"{SPOT}/account", {})
        locked = {each["asset"]: each["locked"] for each in spot["balances"]}
        assert locked["USDT"] == "0"
        _, found, _ = await call(seat, "GET", f"{SPOT}/openOrders", SYMBOL)
        assert found == []

    play("binance", "spot", scene)


def test_what_is_so_already_is_said_so(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for path, fields, codes in (
            ("leverage", SYMBOL | {"leverage": 3}, [0, 0]),
            ("marginType", SYMBOL | {"marginType": "ISOLATED"}, [0, -4046]),
            ("positionSide/dual", {"dualSidePosition": "true"}, [0, -4059]),
        ):
            found = [await code_of(seat, f"{LINEAR}/{path}", fields) for _ in range(2)]
            assert found == codes
        assert await code_of(seat, f"{LINEAR}/leverage", SYMBOL | {"leverage": 151}) == -4028

    play("binance", "linear", scene)


def test_hedge_mode_keeps_a_long_and_a_short_apart(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        await call(seat, "POST", f"{LINEAR}/positionSide/dual", {"dualSidePosition": "true"})
        long = limit_order("1", price="70000", positionSide="LONG")
        short = limit_order("2", side="SELL", positionSide="SHORT", quantity="0.02")
        assert await code_of(seat, f"{LINEAR}/order", long) == 0
        assert await code_of(seat, f"{LINEAR}/order", short) == 0
        assert await code_of(seat, f"{LINEAR}/order", limit_order("3")) == -4061
        assert await code_of(seat, f"{LINEAR}/order", long | {"reduceOnly": "true"}) == -1106
        _, rows, _ = await call(seat, "GET", "/fapi/v3/positionRisk", SYMBOL)
        assert [(row["positionSide"], row["positionAmt"]) for row in rows] == [
            ("LONG", "0.01"), ("SHORT", "-0.02"),
        ]  # fmt: skip

    play("binance", "linear", scene)


def test_a_stop_has_ids_of_its_own_and_survives_cancelling_all_orders(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        status, stop, _ = await call(seat, "POST", f"{LINEAR}/algoOrder", stop_order("s"))
        assert (status, stop["algoStatus"]) == (200, "NEW")
        above = stop_order("t", "99000")
        assert await code_of(seat, f"{LINEAR}/algoOrder", above) == -2021
        named = SYMBOL | {"orderId": stop["algoId"]}
        assert await code_of(seat, f"{LINEAR}/order", named, "GET") == -2013
        named = SYMBOL | {"origClientOrderId": "s"}
        assert await code_of(seat, f"{LINEAR}/order", named, "DELETE") == -2011
        assert await code_of(seat, f"{LINEAR}/allOpenOrders", SYMBOL, "DELETE") == 0
        _, orders, _ = await call(seat, "GET", f"{LINEAR}/openOrders", SYMBOL)
        _, stops, _ = await call(seat, "GET", f"{LINEAR}/openAlgoOrders", SYMBOL)
        assert (orders, [each["clientAlgoId"] for each in stops]) == ([], ["s"])
        ids = {"algoId": stop["algoId"]}
        assert await code_of(seat, f"{LINEAR}/algoOrder", ids, "DELETE") == 0
        assert await code_of(seat, f"{LINEAR}/algoOrder", ids, "DELETE") == -2011

    play("binance", "linear", scene)


def test_cancel_and_replace_says_which_half_failed(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path = f"{SPOT}/order/cancelReplace"
        new = limit_order("2") | {"cancelReplaceMode": "STOP_ON_FAILURE"}
        named = {"cancelOrigClientOrderId": "1"}
        status, reply, _ = await call(seat, "POST", path, new | named)
        assert (status, reply["code"]) == (400, -2022)
        assert reply["data"]["newOrderResult"] == "NOT_ATTEMPTED"
        await call(seat, "POST", f"{SPOT}/order", limit_order("1"))
        poor = new | named | {"quantity": "1000"}
        status, reply, _ = await call(seat, "POST", path, poor)
        assert (status, reply["code"]) == (409, -2021)
        assert reply["data"]["newOrderResponse"]["code"] == -2010

    play("binance", "spot", scene)


def test_the_countdown_cancels_unless_it_is_said_again(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path = f"{LINEAR}/countdownCancelAll"
        await call(seat, "POST", f"{LINEAR}/order", limit_order("1"))
        await call(seat, "POST", path, SYMBOL | {"countdownTime": 400})
        await call(seat, "POST", path, SYMBOL | {"countdownTime": 1_500})
        await asyncio.sleep(0.6)
        assert len(await seat.client.fetch_open_orders(seat.symbol)) == 1
        for _ in range(100):
            await asyncio.sleep(0.1)
            if not await seat.client.fetch_open_orders(seat.symbol):
                break
        else:
            pytest.fail("it is still open")

    play("binance", "linear", scene)


def test_a_stream_at_the_wrong_door_is_taken_and_never_heard_of(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for path, name in (
            ("/market/ws", "btcusdt@depth"), ("/public/ws", "btcusdt@aggTrade"), ("/ws", "x@trade"),
        ):  # fmt: skip
            async with socket_at(seat, path) as socket:
                await socket.send_json({"method": "SUBSCRIBE", "params": [name], "id": 3})
                assert await socket.receive_json() == {"result": None, "id": 3}
                with pytest.raises(TimeoutError):
                    await socket.receive(timeout=0.3)

    play("binance", "linear", scene)


def test_streams_may_be_named_in_the_url_and_wrapped(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/market/ws/btcusdt@kline_5m") as socket:
            assert (await socket.receive_json())["k"]["i"] == "5m"
        async with socket_at(seat, "/public/stream?streams=btcusdt@bookTicker/btcusdt@depth5") as s:
            heard = await until(
                s, {"btcusdt@bookTicker", "btcusdt@depth5"}, lambda event: str(event["stream"])
            )
            assert len(heard["btcusdt@depth5"]["data"]["b"]) == 5

    play("binance", "linear", scene)


def test_a_wrong_request_is_said_so_and_too_many_end_the_connection(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/ws") as socket:
            await socket.send_json({"method": "SUBSCRIBE", "params": ["nonsense"], "id": 1})
            assert (await socket.receive_json())["error"]["code"] == 2
            for number in range(6):
                await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
            heard = [await socket.receive() for _ in range(5)]
            assert heard[-1].type is aiohttp.WSMsgType.CLOSE

    play("binance", "spot", scene)


def test_the_spot_wallet_alone_is_heard_with_a_signature(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/ws-api/v3") as socket:
            subscribe = "userDataStream.subscribe.signature"
            await socket.send_json(ws_request(seat, subscribe, secret="wrong"))
            refused = await socket.receive_json()
            assert (refused["status"], refused["error"]["code"]) == (400, -1022)
            await socket.send_json(ws_request(seat, subscribe))
            assert (await socket.receive_json())["result"] == {"subscriptionId": 0}
            await call(seat, "POST", f"{LINEAR}/order", limit_order("f", price="70000"))
            await call(seat, "POST", f"{SPOT}/order", limit_order("s", price="70000"))
            seen = []
            while not seen or seen[-1]["e"] != "outboundAccountPosition":
                seen.append((await socket.receive_json())["event"])
            reports = [each for each in seen if each["e"] == "executionReport"]
            assert {each["c"] for each in reports} == {"s"}
            assert (reports[0]["x"], reports[-1]["x"]) == ("NEW", "TRADE")
            assert (reports[-1]["X"], reports[-1]["z"]) == ("FILLED", "0.01")
            await socket.send_json(ws_request(seat, "order.place", **limit_order("s2")))
            while (made := await socket.receive_json()).get("id") != "7":
                pass
            assert (made["status"], made["result"]["clientOrderId"]) == (200, "s2")

    play("binance", "spot", scene)


def test_the_futures_wallet_is_heard_with_a_listen_key(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/private/ws?listenKey=nobody") as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert await code_of(seat, f"{LINEAR}/listenKey", {}, "PUT") == -1125
        _, made, _ = await call(seat, "POST", f"{LINEAR}/listenKey", {})
        async with socket_at(seat, f"/private/ws?listenKey={made['listenKey']}") as socket:
            await call(seat, "POST", f"{LINEAR}/algoOrder", stop_order("s"))
            await call(seat, "POST", f"{LINEAR}/order", limit_order("f", price="70000"))
            heard = await until(
                socket, {"ALGO_UPDATE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE P"}, _kind_of
            )
            assert heard["ALGO_UPDATE"]["o"]["X"] == "NEW"
            assert heard["ORDER_TRADE_UPDATE"]["o"]["z"] == "0.01"
            (position,) = heard["ACCOUNT_UPDATE P"]["a"]["P"]
            assert (position["pa"], position["ps"], position["mt"]) == ("0.01", "BOTH", "cross")

    play("binance", "linear", scene)


def test_a_stop_that_is_reached_becomes_an_order_and_both_streams_of_events_say_so(
    play: Play,
) -> None:
    async def scene(seat: Seat) -> None:
        venue = seat.simulator.venues["binance"]
        instrument = venue.listings("linear")[0].instrument.id
        _, key, _ = await call(seat, "POST", f"{LINEAR}/listenKey", {})
        async with socket_at(seat, f"/private/ws/{key['listenKey']}") as socket:
            _, stop, _ = await call(seat, "POST", f"{LINEAR}/algoOrder", stop_order("s"))
            engine, now_ns = venue.engine_of(instrument), venue.scheduler.now_ns
            engine.print_trade(now_ns, instrument, Decimal(49_000), Decimal(1), Side.SELL)
            venue.publish()
            told: list[tuple[str, str]] = []
            while ("ALGO_UPDATE", "FINISHED") not in told:
                event = await socket.receive_json(timeout=5)
                if event["e"] != "ACCOUNT_UPDATE":
                    told.append((event["e"], event["o"]["X"]))
        assert told[:3] == [
            ("ALGO_UPDATE", "NEW"), ("ALGO_UPDATE", "TRIGGERED"), ("ORDER_TRADE_UPDATE", "NEW"),
        ]  # fmt: skip
        assert told[-2:] == [("ORDER_TRADE_UPDATE", "FILLED"), ("ALGO_UPDATE", "FINISHED")]
        asked = {"algoId": stop["algoId"]}
        _, after, _ = await call(seat, "GET", f"{LINEAR}/algoOrder", asked)
        named = SYMBOL | {"orderId": after["actualOrderId"]}
        _, order, _ = await call(seat, "GET", f"{LINEAR}/order", named)
        assert (order["type"], order["origType"], order["status"]) == (
            "MARKET", "STOP_MARKET", "FILLED",
        )  # fmt: skip

    play("binance", "linear", scene)


def _kind_of(event: dict[str, Any]) -> str:
    positions = event["e"] == "ACCOUNT_UPDATE" and event["a"]["P"]
    return f"{event['e']}{' P' if positions else ''}"


#: recorded reply -> the request that gives the same kind of reply here
RECORDED = {
    "spot/http_json/exchange_info_response": f"GET {SPOT}/exchangeInfo",
    "spot/http_json/depth_response": f"GET {SPOT}/depth",
    "spot/http_json/trades_response": f"GET {SPOT}/trades",
    "spot/http_json/klines_response": f"GET {SPOT}/klines",
    "spot/http_json/ticker_24hr_response": f"GET {SPOT}/ticker/24hr",
    "spot/http_json/new_order_full_response": f"POST {SPOT}/order",
    "spot/http_json/order_response": f"GET {SPOT}/order",
    "spot/http_json/cancel_order_response": f"DELETE {SPOT}/order",
    "spot/http_json/account_response": f"GET {SPOT}/account",
    "spot/http_json/account_trades_response": f"GET {SPOT}/myTrades",
    "futures/http_json/order_response": f"POST {LINEAR}/order",
    "futures/http_json/open_algo_orders": f"GET {LINEAR}/openAlgoOrders",
    "futures/http_json/position_risk": "GET /fapi/v2/positionRisk",
    "futures/http_json/balance": "GET /fapi/v3/balance",
    "futures/http_json/account_info_v2": "GET /fapi/v2/account",
}


def test_replies_have_the_fields_of_recorded_ones(play: Play, shared_data: Path) -> None:
    """Each field that is here has the JSON type of the recorded one."""
    folder = shared_data / "frames" / "nautilus" / "binance" / "test_data"

    async def scene(seat: Seat) -> None:
        for path in (SPOT, LINEAR):
            await call(seat, "POST", f"{path}/order", limit_order("rest"))
            await call(seat, "POST", f"{path}/order", limit_order("fill", price="70000"))
        await call(seat, "POST", f"{LINEAR}/algoOrder", stop_order("s"))
        for name, request in RECORDED.items():
            method, path = request.split()
            fields: dict[str, Any] = SYMBOL | {"interval": "1m", "origClientOrderId": "rest"}
            if method == "POST":
                fields = limit_order("new", price="70000", newOrderRespType="FULL")
            status, reply, _ = await call(seat, method, path, fields)
            assert status == 200, (name, reply)
            recorded = json.loads((folder / f"{name}.json").read_text())
            assert not differences(reply, recorded, name)

    play("binance", "spot", scene)


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_our_own_adapters_trade_and_listen_there(play: Play, kind: str) -> None:
    play("binance", kind, adapters.trade)
    play("binance", kind, adapters.listen)
