"""Protects Bitget's own rules, as its documentation and its recorded frames have them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import ccxt
import pytest

from bowline.core.model.instrument import InstrumentId
from bowline.core.venue import MarginMode, PositionMode
from bowline.venues import Rejected
from tests.simex import adapters
from tests.simex.clients import Seat

Play = Callable[..., None]
PRODUCT = {"productType": "USDT-FUTURES"}
SYMBOL = PRODUCT | {"symbol": "BTCUSDT", "marginCoin": "USDT"}
PLACE = {"linear": "/api/v2/mix/order/place-order", "spot": "/api/v2/spot/trade/place-order"}


def signed(keys: Any, text: str, secret: str = "") -> str:
    digest = hmac.new((secret or keys.secret).encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


async def call(
    seat: Seat, method: str, path: str, fields: dict[str, Any], **headers: str
) -> tuple[dict[str, Any], Any]:
    """Signed as Bitget says it, by hand; `headers` go before what would be right."""
    keys = seat.simulator.venues["bitget"].credentials
    stamp = headers.pop("stamp", str(seat.client.milliseconds()))
    body = json.dumps(fields) if method == "POST" else ""
    query = "" if method == "POST" else "?" + "&".join(f"{k}={v}" for k, v in fields.items())
    right = {
        "ACCESS-KEY": keys.api_key,
        "ACCESS-TIMESTAMP": stamp,
        "ACCESS-PASSPHRASE": keys.password,
        "ACCESS-SIGN": signed(keys, f"{stamp}{method}{path}{query}{body}"),
    }
    url = f"{seat.address.http('bitget')}{path}{quote(query, safe='?&=')}"
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, data=body or None, headers=right | headers) as reply,
    ):
        return await reply.json(), reply


def an_order(cid: str = "", price: str = "50000", **more: Any) -> dict[str, Any]:
    order = {"side": "buy", "orderType": "limit", "size": "0.01", "price": price}
    return SYMBOL | order | {"marginMode": "crossed", "clientOid": cid} | more


async def code_of(seat: Seat, fields: dict[str, Any], kind: str = "linear") -> str:
    reply, _ = await call(seat, "POST", PLACE[kind], fields)
    return str(reply["code"])


@contextlib.asynccontextmanager
async def socket_at(seat: Seat, endpoint: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{seat.address.ws('bitget')}/v2/ws/{endpoint}") as socket,
    ):
        yield socket


async def say(socket: aiohttp.ClientWebSocketResponse, op: str, **arg: Any) -> dict[str, Any]:
    await socket.send_json({"op": op, "args": [arg]})
    heard: dict[str, Any] = await socket.receive_json()
    return heard


def login(seat: Seat, *, secret: str = "", age_s: int = 0) -> dict[str, str]:
    keys = seat.simulator.venues["bitget"].credentials
    stamp = str(seat.client.seconds() - age_s)
    return {
        "apiKey": keys.api_key,
        "passphrase": keys.password,
        "timestamp": stamp,
        "sign": signed(keys, f"{stamp}GET/user/verify", secret),
    }


def test_bowlines_own_adapters_trade_and_listen_there() -> None:
    adapters.judge("bitget")


def test_key_passphrase_time_and_signature_are_checked_each_with_its_code(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path, now = "/api/v2/mix/account/accounts", seat.client.milliseconds()
        for code, headers in {
            "00000": {},
            "40037": {"ACCESS-KEY": "somebody"},
            "40012": {"ACCESS-PASSPHRASE": "wrong"},
            "40005": {"ACCESS-TIMESTAMP": "now"},
            "40009": {"ACCESS-SIGN": "x"},
        }.items():
            reply, http = await call(seat, "GET", path, PRODUCT, **headers)
            assert reply["code"] == code
            assert http.status == (200 if code == "00000" else 400)
        for stamp in (now - 31_000, now + 31_000):
            reply, _ = await call(seat, "GET", path, PRODUCT, stamp=str(stamp))
            assert reply["code"] == "40008"
        # what is signed is the query before it was percent-encoded
        reply, _ = await call(seat, "GET", path, PRODUCT | {"note": "a b+c"})
        assert reply["code"] == "00000"

    play("bitget", "linear", scene)


def test_a_budget_is_told_in_a_header_and_ends_with_429(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path = "/api/v2/mix/position/all-position"
        heard = [await call(seat, "GET", path, PRODUCT) for _ in range(6)]
        left = [http.headers["x-mbx-used-remain-limit"] for _, http in heard]
        assert left == ["4", "3", "2", "1", "0", "0"]
        assert [reply["code"] for reply, _ in heard] == ["00000"] * 5 + ["429"]
        assert heard[-1][1].status == 429

    play("bitget", "linear", scene)


REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("linear", "00000", an_order("a-1_Z:#+")),
    ("linear", "40305", an_order("x" * 65)),
    ("linear", "40305", an_order("é")),
    ("linear", "40808", an_order(size="0.0105")),
    ("linear", "45115", an_order(price="50000.05")),
    ("linear", "45110", an_order(price="100")),
    ("linear", "40762", an_order(size="100000")),
    ("linear", "22002", an_order(side="sell", price="70000", reduceOnly="YES")),
    ("linear", "40774", an_order(tradeSide="open")),
    ("linear", "40034", an_order(symbol="NOUSDT")),
    ("linear", "40017", an_order(marginMode="both")),
    ("linear", "40017", an_order(productType="FUTURES")),
    ("spot", "43012", an_order(size="100000")),
    ("spot", "45110", an_order(price="100")),
    ("spot", "41103", an_order(price="50000.05")),
]


def test_an_order_is_refused_with_the_code_of_its_market(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        venue = seat.simulator.venues["bitget"]
        for kind, code, fields in REFUSED:
            venue.quota_counter = type(venue.quota_counter)({})
            assert await code_of(seat, fields, kind) == code, fields

    play("bitget", "linear", scene)


@pytest.mark.parametrize(("kind", "code"), [("linear", "40786"), ("spot", "43118")])
def test_a_client_id_is_used_once_for_ever(play: Play, kind: str, code: str) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, an_order("7", price="70000"), kind) == "00000"
        assert await code_of(seat, an_order("7"), kind) == code

    play("bitget", kind, scene)


def test_in_hedge_mode_the_side_is_that_of_the_position(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        mode = "/api/v2/mix/account/set-position-mode"
        await call(seat, "POST", mode, PRODUCT | {"posMode": "hedge_mode"})
        short = {"side": "sell", "price": "50000"}
        assert await code_of(seat, an_order("1", price="70000", tradeSide="open")) == "00000"
        assert await code_of(seat, an_order("2", tradeSide="open", **short)) == "00000"
        assert await code_of(seat, an_order("3")) == "40774"
        # the long is closed by what is called a buy
        closes = an_order("4", tradeSide="close", size="0.004")
        assert await code_of(seat, closes) == "00000"
        reply, _ = await call(seat, "GET", "/api/v2/mix/position/all-position", PRODUCT)
        legs = {row["holdSide"]: row["total"] for row in reply["data"]}
        assert legs == {"long": "0.006", "short": "0.01"}
        reply, _ = await call(seat, "GET", "/api/v2/mix/order/detail", SYMBOL | {"clientOid": "4"})
        told = {name: reply["data"][name] for name in ("side", "tradeSide", "posSide", "state")}
        assert told == {"side": "buy", "tradeSide": "close", "posSide": "long", "state": "filled"}
        reply, _ = await call(seat, "POST", mode, PRODUCT | {"posMode": "one_way_mode"})
        assert reply["code"] == "40920"

    play("bitget", "linear", scene)


def test_a_post_only_order_that_would_take_is_taken_and_cancelled(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, an_order("1", price="70000", force="post_only")) == "00000"
        reply, _ = await call(seat, "GET", "/api/v2/mix/order/detail", SYMBOL | {"clientOid": "1"})
        assert (reply["data"]["state"], reply["data"]["baseVolume"]) == ("canceled", "0")

    play("bitget", "linear", scene)


def test_margin_modes_stay_while_something_is_open(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path = "/api/v2/mix/account/set-margin-mode"
        assert await code_of(seat, an_order("1")) == "00000"
        # what changes nothing is a success, whatever is open
        reply, _ = await call(seat, "POST", path, SYMBOL | {"marginMode": "crossed"})
        assert reply["code"] == "00000"
        reply, _ = await call(seat, "POST", path, SYMBOL | {"marginMode": "isolated"})
        assert reply["code"] == "45117"
        assert await code_of(seat, an_order("2", marginMode="isolated")) == "45117"

    play("bitget", "linear", scene)


def test_a_trigger_order_is_in_a_list_of_its_own(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        plan = an_order("1", side="sell", orderType="market", triggerPrice="50000")
        path = "/api/v2/mix/order/place-plan-order"
        reply, _ = await call(seat, "POST", path, plan | {"triggerType": "mark_price"})
        assert reply["code"] == "00000"
        for path, found in (("orders-pending", 0), ("orders-plan-pending", 1)):
            reply, _ = await call(seat, "GET", f"/api/v2/mix/order/{path}", SYMBOL)
            assert len(reply["data"]["entrustedList"] or []) == found
        (row,) = reply["data"]["entrustedList"]
        assert (row["planStatus"], row["triggerPrice"]) == ("live", "50000")
        await call(seat, "POST", "/api/v2/mix/order/batch-cancel-orders", SYMBOL)
        venue = seat.simulator.venues["bitget"]
        assert venue.view("linear").open_orders("main")

    play("bitget", "linear", scene)


def test_lists_come_in_pages_that_neither_repeat_nor_lose(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for number in range(7):
            assert await code_of(seat, an_order(str(number)), "spot") == "00000"
        seen: list[str] = []
        before: dict[str, str] = {}
        for _ in range(3):
            query = {"symbol": "BTCUSDT", "limit": "3"} | before
            reply, _ = await call(seat, "GET", "/api/v2/spot/trade/unfilled-orders", query)
            seen += [row["clientOid"] for row in reply["data"]]
            before = {"idLessThan": reply["data"][-1]["orderId"]}
        assert seen == [str(number) for number in range(6, -1, -1)]

    play("bitget", "spot", scene)


def test_a_private_stream_opens_to_the_right_login_alone(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        orders = {"instType": "USDT-FUTURES", "channel": "orders", "instId": "default"}
        async with socket_at(seat, "private") as socket:
            assert (await say(socket, "subscribe", **orders))["code"] == 30004
            for code, words in {
                30011: {"apiKey": "somebody"},
                30012: {"passphrase": "wrong"},
                30014: login(seat, age_s=40),
                30015: login(seat, secret="wrong"),
            }.items():
                heard = await say(socket, "login", **login(seat) | words)
                assert (heard["event"], heard["code"]) == ("error", code)
            assert await say(socket, "login", **login(seat)) == {"event": "login", "code": 0}
            heard = await say(socket, "subscribe", **orders)
            assert heard == {"event": "subscribe", "arg": orders}
            await socket.send_str("ping")
            assert await socket.receive_str() == "pong"

    play("bitget", "linear", scene)


def test_an_order_its_fill_and_what_they_moved_are_pushed(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "private") as socket:
            await say(socket, "login", **login(seat))
            for product in ("USDT-FUTURES", "SPOT"):
                for channel in ("orders", "fill", "positions"):
                    arg = {"instType": product, "channel": channel, "instId": "default"}
                    await say(socket, "subscribe", **arg)
            assert await code_of(seat, an_order("1", price="70000")) == "00000"
            heard: dict[str, list[dict[str, Any]]] = {}
            while not {"orders", "fill", "positions"} <= heard.keys():
                frame = await socket.receive_json()
                assert frame["arg"]["instType"] == "USDT-FUTURES"
                heard.setdefault(frame["arg"]["channel"], []).extend(frame["data"])
            assert heard["orders"][0]["status"] == "live"
            assert {row["clientOid"] for row in heard["orders"]} == {"1"}
            assert heard["fill"][0]["orderId"] == heard["orders"][0]["orderId"]
            assert heard["positions"][-1]["holdSide"] == "long"

    play("bitget", "linear", scene)


@pytest.mark.parametrize(
    "arg",
    [
        {"instType": "SPOT", "channel": "gossip", "instId": "BTCUSDT"},
        {"instType": "SPOT", "channel": "books", "instId": "NOUSDT"},
        {"instType": "MC", "channel": "books", "instId": "BTCUSDT"},
    ],
)
def test_a_channel_that_does_not_exist_is_refused(play: Play, arg: dict[str, str]) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "public") as socket:
            heard = await say(socket, "subscribe", **arg)
            assert (heard["event"], heard["code"], heard["arg"]) == ("error", 30001, arg)

    play("bitget", "spot", scene)


def test_frames_have_the_fields_of_recorded_ones(play: Play, shared_data: Path) -> None:
    """Each recorded push of a public channel: its names in their order, each value of its type."""
    text = (shared_data / "frames" / "tardis" / "bitget-futures.jsonl").read_text()
    recorded: dict[tuple[str, str], dict[str, Any]] = {}
    for line in text.splitlines():
        message = json.loads(line)["message"]
        if message.get("arg", {}).get("instType") == "USDT-FUTURES" and "data" in message:
            recorded[message["arg"]["channel"], message["action"]] = message
    assert {("books", "update"), ("books1", "snapshot"), ("ticker", "snapshot")} <= recorded.keys()

    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "public") as socket:
            for channel in {channel for channel, _ in recorded}:
                arg = {"instType": "USDT-FUTURES", "channel": channel, "instId": "BTCUSDT"}
                await socket.send_json({"op": "subscribe", "args": [arg]})
            waiting = dict(recorded)
            while waiting:
                ours = await socket.receive_json()
                key = ours["arg"]["channel"], ours.get("action", "")
                if (theirs := waiting.pop(key, None)) is None:
                    continue
                assert list(ours) == list(theirs)
                assert list(ours["arg"]) == list(theirs["arg"])
                assert types_of(theirs["data"][0]).items() <= types_of(ours["data"][0]).items()

    play("bitget", "linear", scene)


def types_of(value: dict[str, Any]) -> dict[str, type]:
    return {name: type(each) for name, each in value.items()}


def test_ccxt_finds_no_order_that_is_finished(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        made = await seat.client.create_order(seat.symbol, "limit", "buy", 0.01, 50_000)
        await seat.client.cancel_order(made["id"], seat.symbol)
        with pytest.raises(ccxt.OrderNotFound):
            await seat.client.cancel_order(made["id"], seat.symbol)

    play("bitget", "spot", scene)


def test_a_mode_that_cannot_be_changed_is_done_only_if_it_is_so_already(play: Play) -> None:
    """A restart with an open position sets what is set; a change of what is open is refused."""

    async def scene(seat: Seat) -> None:
        async with adapters.adapters(seat) as (venues, market):
            venue, instrument = (
                venues.account_venue(market),
                InstrumentId(market.market_id, "BTCUSDT"),
            )
            assert venue is not None
            await venue.set_position_mode(instrument, PositionMode.ONE_WAY)
            await venue.set_leverage(instrument, Decimal(3), MarginMode.CROSS)
            assert await code_of(seat, an_order("1", orderType="market")) == "00000"
            await venue.set_leverage(instrument, Decimal(3), MarginMode.CROSS)
            await venue.set_position_mode(instrument, PositionMode.ONE_WAY)
            with pytest.raises(Rejected) as refused:
                await venue.set_leverage(instrument, Decimal(3), MarginMode.ISOLATED)
            assert refused.value.code == "45117"
            with pytest.raises(Rejected) as refused:
                await venue.set_position_mode(instrument, PositionMode.HEDGE)
            assert refused.value.code == "40920"

    play("bitget", "linear", scene)
