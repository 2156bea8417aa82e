"""Protects Bybit's own rules, as its documentation and its recorded replies have them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import ccxt
import pytest

from tests.simex.clients import Seat

Play = Callable[..., None]
SYMBOL = {"category": "linear", "symbol": "BTCUSDT"}


async def call(
    seat: Seat, method: str, path: str, fields: dict[str, Any], **headers: str
) -> tuple[dict[str, Any], Any]:
    """Signed as Bybit says it, by hand; `headers` go before what would be right."""
    keys = seat.simulator.venues["bybit"].credentials
    stamp, window = headers.pop("stamp", str(seat.client.milliseconds())), "5000"
    body = json.dumps(fields) if method == "POST" else ""
    query = "" if method == "POST" else "&".join(f"{k}={v}" for k, v in fields.items())
    text = f"{stamp}{keys.api_key}{window}{query or body}"
    signed = {
        "X-BAPI-API-KEY": keys.api_key,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": hmac.new(keys.secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
    }
    url = f"{seat.address.http('bybit')}{path}{'?' if query else ''}{query}"
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, data=body or None, headers=signed | headers) as reply,
    ):
        return await reply.json(), reply.headers


def limit_order(cid: str, price: str = "50000", **more: Any) -> dict[str, Any]:
    order = {"side": "Buy", "orderType": "Limit", "qty": "0.01", "price": price}
    return SYMBOL | order | {"orderLinkId": cid} | more


async def code_of(seat: Seat, fields: dict[str, Any]) -> int:
    reply, _ = await call(seat, "POST", "/v5/order/create", fields)
    return int(reply["retCode"])


@contextlib.asynccontextmanager
async def socket_at(seat: Seat, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{seat.address.ws('bybit')}{path}") as socket,
    ):
        yield socket


def log_in(seat: Seat, *, secret: str = "", expires_in_ms: int = 10_000) -> dict[str, Any]:
    keys = seat.simulator.venues["bybit"].credentials
    expires = seat.client.milliseconds() + expires_in_ms
    text = f"GET/realtime{expires}".encode()
    secret = secret or keys.secret
    signature = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return {"op": "auth", "args": [keys.api_key, expires, signature]}


async def say(socket: aiohttp.ClientWebSocketResponse, **words: Any) -> dict[str, Any]:
    await socket.send_json(words)
    heard: dict[str, Any] = await socket.receive_json()
    return heard


def test_signature_key_and_time_are_checked_each_with_its_code(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        now = seat.client.milliseconds()
        for code, headers in {
            0: {},
            10003: {"X-BAPI-API-KEY": "somebody"},
            10004: {"X-BAPI-SIGN": "0" * 64},
        }.items():
            reply, _ = await call(seat, "GET", "/v5/account/info", {"a": 1}, **headers)
            assert reply["retCode"] == code
        for stamp in (now - 6_000, now + 2_000):
            reply, _ = await call(seat, "GET", "/v5/account/info", {"a": 1}, stamp=str(stamp))
            assert reply["retCode"] == 10002
            assert f"req_timestamp[{stamp}]" in reply["retMsg"]

    play("bybit", "linear", scene)


def test_a_budget_is_told_in_headers_and_ends_with_10006(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        heard = [await call(seat, "GET", "/v5/user/query-api", {"a": 1}) for _ in range(11)]
        assert [headers["X-Bapi-Limit-Status"] for _, headers in heard[:10]] == [
            str(left) for left in range(9, -1, -1)
        ]
        assert [reply["retCode"] for reply, _ in heard] == [0] * 10 + [10006]
        assert heard[-1][1]["X-Bapi-Limit"] == "10"

    play("bybit", "linear", scene)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (0, limit_order("a-1_Z")),
        (10001, limit_order("x" * 37)),
        (10001, limit_order("a b")),
        (10001, limit_order("1", qty="0.0001")),
        (10001, limit_order("1", price="50000.05")),
        (110094, limit_order("1", price="100")),
        (110007, limit_order("1", qty="100000")),
        (110017, limit_order("1", side="Sell", price="70000", reduceOnly=True)),
        (10001, limit_order("1", positionIdx=1)),
        (10001, limit_order("1", symbol="NOUSDT")),
        (10001, limit_order("1", category="inverse")),
        (170131, limit_order("1", qty="100000", category="spot")),
        (170140, limit_order("1", price="100", category="spot")),
        (170121, limit_order("1", symbol="NOUSDT", category="spot")),
    ],
)
def test_an_order_is_refused_with_the_code_of_its_market(
    play: Play, code: int, fields: dict[str, Any]
) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, fields) == code

    play("bybit", "linear", scene)


def test_an_order_link_id_is_used_once_for_ever(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, limit_order("7", price="70000")) == 0
        assert await code_of(seat, limit_order("7")) == 110072

    play("bybit", "linear", scene)


def test_what_is_so_already_is_not_modified(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        leverage = SYMBOL | {"buyLeverage": "3", "sellLeverage": "3"}
        mode = SYMBOL | {"mode": 3}
        for path, fields, code in (
            ("/v5/position/set-leverage", leverage, 110043),
            ("/v5/position/switch-mode", mode, 110025),
        ):
            codes = [(await call(seat, "POST", path, fields))[0]["retCode"] for _ in range(2)]
            assert codes == [0, code]

    play("bybit", "linear", scene)


def test_hedge_mode_keeps_a_long_and_a_short_apart(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        await call(seat, "POST", "/v5/position/switch-mode", SYMBOL | {"mode": 3})
        assert await code_of(seat, limit_order("1", price="70000", positionIdx=1)) == 0
        short = limit_order("2", price="50000", positionIdx=2, side="Sell", qty="0.02")
        assert await code_of(seat, short) == 0
        reply, _ = await call(seat, "GET", "/v5/position/list", SYMBOL)
        legs = [(row["positionIdx"], row["side"], row["size"]) for row in reply["result"]["list"]]
        assert legs == [(1, "Buy", "0.01"), (2, "Sell", "0.02")]

    play("bybit", "linear", scene)


def test_a_flat_position_is_a_row_of_size_zero(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        reply, _ = await call(seat, "GET", "/v5/position/list", SYMBOL)
        (row,) = reply["result"]["list"]
        assert (row["side"], row["size"], row["leverage"]) == ("", "0", "10")

    play("bybit", "linear", scene)


def test_a_post_only_order_that_would_take_is_acknowledged_and_then_cancelled(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        taker = limit_order("1", price="70000", timeInForce="PostOnly")
        assert await code_of(seat, taker) == 0
        reply, _ = await call(seat, "GET", "/v5/order/history", SYMBOL | {"orderLinkId": "1"})
        (row,) = reply["result"]["list"]
        assert (row["orderStatus"], row["rejectReason"]) == (
            "Cancelled", "EC_PostOnlyWillTakeLiquidity",
        )  # fmt: skip

    play("bybit", "linear", scene)


def test_lists_come_in_pages_that_neither_repeat_nor_lose(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for number in range(7):
            assert await code_of(seat, limit_order(str(number))) == 0
        seen: list[str] = []
        cursor = ""
        for _ in range(3):
            query = SYMBOL | {"limit": "3", "cursor": cursor}
            reply, _ = await call(seat, "GET", "/v5/order/realtime", query)
            seen += [row["orderLinkId"] for row in reply["result"]["list"]]
            cursor = reply["result"]["nextPageCursor"]
        assert (sorted(seen), cursor) == ([str(n) for n in range(7)], "")

    play("bybit", "linear", scene)


def test_a_stop_waits_and_its_order_says_so(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        stop = limit_order(
            "1", orderType="Market", side="Sell", triggerPrice="50000", triggerDirection=2
        )
        assert await code_of(seat, stop) == 0
        reply, _ = await call(seat, "GET", "/v5/order/realtime", SYMBOL)
        (row,) = reply["result"]["list"]
        assert (row["orderStatus"], row["triggerPrice"]) == ("Untriggered", "50000")

    play("bybit", "linear", scene)


def test_an_unknown_path_is_a_404_and_an_unknown_venue_too(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        base = seat.address.http("bybit")
        async with aiohttp.ClientSession() as http:
            for url in (f"{base}/v5/nothing", base.replace("bybit", "mtgox"), f"{base}/v5/private"):
                async with http.get(url) as reply:
                    assert reply.status == 404

    play("bybit", "linear", scene)


def test_a_private_stream_opens_to_the_right_signature_alone(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/v5/private") as socket:
            refused = await say(socket, op="subscribe", args=["order"])
            assert refused["success"] is False
            assert (await say(socket, **log_in(seat, secret="wrong")))["retCode"] == 10004
            assert (await say(socket, **log_in(seat, expires_in_ms=-1)))["success"] is False
            assert (await say(socket, **log_in(seat)))["success"] is True
            assert (await say(socket, op="subscribe", args=["order"], req_id="9")) == {
                "success": True, "ret_msg": "", "op": "subscribe", "req_id": "9",
                "conn_id": refused["conn_id"],
            }  # fmt: skip
            assert (await say(socket, op="ping"))["op"] == "pong"

    play("bybit", "linear", scene)


def test_an_order_and_its_fill_come_over_the_private_stream(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/v5/private") as socket:
            await say(socket, **log_in(seat))
            topics = ["order.linear", "execution", "position", "wallet", "order.spot"]
            await say(socket, op="subscribe", args=topics)
            assert await code_of(seat, limit_order("1", price="70000")) == 0
            heard: dict[str, dict[str, Any]] = {}
            while not {"order.linear", "execution", "position", "wallet"} <= heard.keys():
                frame = await socket.receive_json()
                heard[frame["topic"]] = frame["data"][0]
            assert heard["execution"]["orderLinkId"] == "1"
            assert heard["position"]["size"] == "0.01"
            assert "order.spot" not in heard

    play("bybit", "linear", scene)


@pytest.mark.parametrize("topic", ["nonsense.BTCUSDT", "publicTrade.NOUSDT", "orderbook.7.BTCUSDT"])
def test_a_topic_that_does_not_exist_is_refused(play: Play, topic: str) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/v5/public/linear") as socket:
            heard = await say(socket, op="subscribe", args=[topic])
            assert heard["success"] is False
            assert topic in heard["ret_msg"]

    play("bybit", "linear", scene)


def test_nothing_comes_any_more_after_unsubscribing(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/v5/public/linear") as socket:
            await say(socket, op="subscribe", args=["orderbook.50.BTCUSDT"])
            await socket.send_json({"op": "unsubscribe", "args": ["orderbook.50.BTCUSDT"]})
            while (await socket.receive_json()).get("op") != "unsubscribe":
                pass
            with pytest.raises(TimeoutError):
                await socket.receive(timeout=0.3)

    play("bybit", "linear", scene)


def test_orders_over_the_trade_stream_have_the_codes_of_rest(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/v5/trade") as socket:

            async def send(op: str, age_ms: int = 0, **fields: Any) -> dict[str, Any]:
                stamp = str(seat.client.milliseconds() - age_ms)
                header = {"X-BAPI-TIMESTAMP": stamp}
                return await say(socket, reqId="5", op=op, header=header, args=[fields])

            assert (await send("order.create", **limit_order("1")))["retCode"] == 10003
            assert (await say(socket, **log_in(seat)))["retCode"] == 0
            made = await send("order.create", **limit_order("1"))
            assert (made["reqId"], made["retCode"]) == ("5", 0)
            assert (await send("order.create", **limit_order("1")))["retCode"] == 110072
            assert (await send("order.create", 9_000, **limit_order("2")))["retCode"] == 10002
            assert (await send("order.cancel", **SYMBOL, orderLinkId="1"))["retCode"] == 0
            assert (await send("order.cancel", **SYMBOL, orderLinkId="1"))["retCode"] == 110001
            assert (await send("order.fly", **SYMBOL))["retCode"] == 10404

    play("bybit", "linear", scene)


def test_the_dead_man_switch_cancels_when_the_private_stream_is_lost(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        reply, _ = await call(seat, "POST", "/v5/order/disconnected-cancel-all", {"timeWindow": 3})
        assert reply["retCode"] == 0
        async with socket_at(seat, "/v5/private") as socket:
            await say(socket, **log_in(seat))
            await say(socket, op="subscribe", args=["dcp.future"])
            assert await code_of(seat, limit_order("1")) == 0
        assert len(await seat.client.fetch_open_orders(seat.symbol)) == 1
        for _ in range(100):
            await asyncio.sleep(0.1)
            if not await seat.client.fetch_open_orders(seat.symbol):
                break
        else:
            pytest.fail("it is still open")

    play("bybit", "linear", scene)


#: recorded reply -> the request that gives the same kind of reply here
RECORDED = {
    "http_get_instruments_linear": ("/v5/market/instruments-info", {"category": "linear"}),
    "http_get_instruments_spot": ("/v5/market/instruments-info", {"category": "spot"}),
    "http_get_orderbook": ("/v5/market/orderbook", SYMBOL),
    "http_get_klines_linear": ("/v5/market/kline", SYMBOL | {"interval": "1"}),
    "http_get_trades_recent": ("/v5/market/recent-trade", SYMBOL),
    "http_get_funding_history": ("/v5/market/funding/history", SYMBOL),
    "http_get_account_info": ("/v5/account/info", {"a": 1}),
    "http_get_executions": ("/v5/execution/list", SYMBOL),
    "http_get_wallet_balance": ("/v5/account/wallet-balance", {"accountType": "UNIFIED"}),
    "http_get_positions": ("/v5/position/list", SYMBOL),
    "http_get_orders_realtime": ("/v5/order/realtime", SYMBOL),
    "http_get_user_query_api": ("/v5/user/query-api", {"a": 1}),
}


@pytest.mark.parametrize("name", RECORDED)
def test_replies_have_the_fields_of_recorded_ones(play: Play, shared_data: Path, name: str) -> None:
    """Each field that is here has the JSON type of the recorded one."""
    folder = shared_data / "frames" / "nautilus" / "bybit" / "test_data"
    recorded = json.loads((folder / f"{name}.json").read_text())
    path, query = RECORDED[name]

    async def scene(seat: Seat) -> None:
        await code_of(seat, limit_order("1", price="70000"))
        await code_of(seat, limit_order("2"))
        reply, _ = await call(seat, "GET", path, query)
        assert reply["retCode"] == 0
        assert not differences(reply["result"], recorded["result"], "result")

    play("bybit", "linear", scene)


def differences(ours: Any, theirs: Any, where: str) -> list[str]:
    """Places where both have a value, and not of one type; the first element stands for a list."""
    if ours is None or theirs is None:
        return []
    if type(ours) is not type(theirs):
        return [f"{where}: {ours!r} is not like {theirs!r}"]
    if isinstance(ours, list):
        return differences(ours[0], theirs[0], f"{where}[0]") if ours and theirs else []
    if not isinstance(ours, dict):
        return []
    both = ours.keys() & theirs.keys()
    assert not theirs or both, f"{where}: nothing in common"
    found = [differences(ours[key], theirs[key], f"{where}.{key}") for key in sorted(both)]
    return [each for some in found for each in some]


def test_ccxt_reads_a_duplicate_and_a_finished_order_as_what_they_are(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        made = await seat.client.create_order(
            seat.symbol, "limit", "buy", 0.01, 50_000, {"clientOrderId": "1"}
        )
        with pytest.raises(ccxt.InvalidOrder):
            await seat.client.create_order(
                seat.symbol, "limit", "buy", 0.01, 50_000, {"clientOrderId": "1"}
            )
        await seat.client.cancel_order(made["id"], seat.symbol)
        with pytest.raises(ccxt.OrderNotFound):
            await seat.client.cancel_order(made["id"], seat.symbol)

    play("bybit", "linear", scene)
