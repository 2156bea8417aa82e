"""Protects BingX's own rules, as its documentation and what clients met there have them."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import SECOND_NS
from bowline.core.venue import MarginMode, PositionMode
from bowline.simex import ACCOUNT, SyntheticMarket, VenueSimulator, VirtualClock, symbol_spec
from bowline.simex.request_quotas import QuotaCounter
from bowline.simex.venue_api import ApiCall, ApiError
from tests.simex import adapters
from tests.simex.clients import Seat

Play = Callable[..., None]
SYMBOL = {"symbol": "BTC-USDT"}
SWAP, SPOT = "/openApi/swap/v2", "/openApi/spot/v1"
PLACE = {"linear": f"{SWAP}/trade/order", "spot": f"{SPOT}/trade/order"}
DOORS = {"linear": "/swap-market", "spot": "/market"}
LISTEN = "/openApi/user/auth/userDataStream"


async def call(
    seat: Seat, method: str, path: str, fields: dict[str, Any] | None = None, **more: str
) -> tuple[dict[str, Any], Any]:
    """Signed as BingX says it, by hand; `more` goes before what would be right."""
    keys = seat.simulator.venues["bingx"].credentials
    stamp = more.get("stamp", str(seat.client.milliseconds()))
    words = "&".join(f"{k}={v}" for k, v in ((fields or {}) | {"timestamp": stamp}).items())
    signature = hmac.new(keys.secret.encode(), words.encode(), hashlib.sha256).hexdigest()
    query = f"{quote(words, safe='=&')}&signature={more.get('signature', signature)}"
    headers = {"X-BX-APIKEY": more.get("key", keys.api_key)}
    async with (
        aiohttp.ClientSession() as http,
        http.request(
            method, f"{seat.address.http('bingx')}{path}?{query}", headers=headers
        ) as reply,
    ):
        text = await reply.text()
        return (json.loads(text) if text else {}), reply


def an_order(cid: str = "", price: str = "50000", **more: str) -> dict[str, Any]:
    order = {"side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": price}
    return SYMBOL | order | ({"clientOrderID": cid} if cid else {}) | more


async def code_of(seat: Seat, fields: dict[str, Any], kind: str = "linear") -> int:
    reply, _ = await call(seat, "POST", PLACE[kind], fields)
    return int(reply["code"])


class Line:
    """A connection to a market's door: gzip out of it, text into it; pings are answered."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, data_type: str, verb: str = "sub") -> None:
        words = {"id": data_type, "reqType": verb, "dataType": data_type}
        await self.socket.send_json(words)

    async def hear(self) -> Any:
        text = gzip.decompress(await self.socket.receive_bytes())
        return text if text == b"Ping" else json.loads(text)


@contextlib.asynccontextmanager
async def line_to(seat: Seat, kind: str, listen_key: str = "") -> AsyncIterator[Line]:
    query = f"?listenKey={listen_key}" if listen_key else ""
    url = f"{seat.address.ws('bingx')}{DOORS[kind]}{query}"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        yield Line(socket)


async def listen_key(seat: Seat) -> str:
    reply, _ = await call(seat, "POST", LISTEN)
    return str(reply["listenKey"])


def test_bowlines_own_adapters_trade_and_listen_there() -> None:
    adapters.judge("bingx")


def test_key_time_and_signature_are_checked_each_with_its_code(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path, now = f"{SPOT}/account/balance", seat.client.milliseconds()
        for code, words in (
            (0, {}),
            (100413, {"key": "somebody"}),
            (100001, {"signature": "0" * 64}),
            (100421, {"stamp": str(now - 6_000)}),
            (100421, {"stamp": str(now + 2_000)}),
        ):
            reply, http = await call(seat, "GET", path, {"note": "a [b]"}, **words)
            assert (reply["code"], http.status) == (code, 200)
        # whoever needs longer says so
        slow = {"stamp": str(now - 6_000)}
        path = "/openApi/swap/v3/user/balance"
        reply, _ = await call(seat, "GET", path, {"recvWindow": "9000"}, **slow)
        assert reply["code"] == 0

    play("bingx", "spot", scene)


def test_a_budget_is_told_in_headers_and_ends_with_100410(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        heard = [await call(seat, "GET", f"{SWAP}/user/positions") for _ in range(6)]
        left = [http.headers["X-RateLimit-Requests-Remain"] for _, http in heard]
        assert left == ["4", "3", "2", "1", "0", "0"]
        assert [reply["code"] for reply, _ in heard] == [0] * 5 + [100410]
        until = heard[-1][1].headers["X-RateLimit-Requests-Expire"]
        assert heard[-1][0]["msg"].endswith(f"will be unblocked after {until}")

    play("bingx", "linear", scene)


REFUSED: list[tuple[str, int, dict[str, Any]]] = [
    ("linear", 0, an_order("a-1_Z:./")),
    ("linear", 109400, an_order("x" * 41)),
    ("linear", 109400, an_order("a b")),
    ("linear", 109400, an_order(quantity="0.0105")),
    ("linear", 109400, an_order(price="50000.05")),
    ("linear", 110425, an_order(price="100")),
    ("linear", 101204, an_order(quantity="100000")),
    ("linear", 101205, an_order(side="SELL", price="70000", reduceOnly="true")),
    ("linear", 101215, an_order(price="70000", timeInForce="PostOnly")),
    ("linear", 109400, an_order(positionSide="LONG")),
    ("linear", 109425, an_order(symbol="NO-USDT")),
    ("spot", 100202, an_order(quantity="100000")),
    ("spot", 100400, an_order(price="100")),
    ("spot", 100400, an_order(timeInForce="FOK")),
]


def test_an_order_is_refused_with_the_code_of_its_market(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        venue = seat.simulator.venues["bingx"]
        for kind, code, fields in REFUSED:
            venue.quota_counter = QuotaCounter({})
            assert await code_of(seat, fields, kind) == code, fields

    play("bingx", "linear", scene)


def test_a_client_id_is_kept_in_lower_case_and_used_once_for_ever(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, an_order("Abc", price="70000")) == 0
        assert await code_of(seat, an_order("aBC")) == 101481
        look_up = SYMBOL | {"clientOrderID": "ABC"}
        reply, _ = await call(seat, "GET", PLACE["linear"], look_up)
        assert reply["data"]["order"]["clientOrderId"] == "abc"
        reply, _ = await call(seat, "DELETE", PLACE["linear"], look_up)
        assert reply["code"] == 80018

    play("bingx", "linear", scene)


def test_leverage_is_of_a_side_in_hedge_mode_alone(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path, words = f"{SWAP}/trade/leverage", SYMBOL | {"leverage": "7"}
        for dual, codes in (("false", [0, 109400]), ("true", [109400, 0])):
            mode = {"dualSidePosition": dual}
            await call(seat, "POST", "/openApi/swap/v1/positionSide/dual", mode)
            said = [
                (await call(seat, "POST", path, words | {"side": side}))[0]["code"]
                for side in ("BOTH", "LONG")
            ]
            assert said == codes

    play("bingx", "linear", scene)


def test_bowlines_own_adapter_sets_leverage_in_hedge_mode_too(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with adapters.adapters(seat) as (venues, market):
            venue = venues.account_venue(market)
            assert venue is not None
            instrument = InstrumentId(market.market_id, "BTCUSDT")
            await venue.set_position_mode(instrument, PositionMode.HEDGE)
            await venue.set_leverage(instrument, Decimal(9), MarginMode.CROSS)
        reply, _ = await call(seat, "GET", f"{SWAP}/trade/leverage", SYMBOL)
        assert (reply["data"]["longLeverage"], reply["data"]["shortLeverage"]) == (9, 9)

    play("bingx", "linear", scene)


def test_hedge_mode_keeps_a_long_and_a_short_apart(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        dual = "/openApi/swap/v1/positionSide/dual"
        await call(seat, "POST", dual, {"dualSidePosition": "true"})
        assert await code_of(seat, an_order(price="70000", positionSide="LONG")) == 0
        short = {"side": "SELL", "price": "50000", "quantity": "0.02", "positionSide": "SHORT"}
        assert await code_of(seat, an_order(**short)) == 0
        assert await code_of(seat, an_order(positionSide="BOTH")) == 109400
        reply, _ = await call(seat, "GET", f"{SWAP}/user/positions")
        legs = {row["positionSide"]: row["positionAmt"] for row in reply["data"]}
        assert legs == {"LONG": "0.01", "SHORT": "0.02"}
        reply, _ = await call(seat, "POST", dual, {"dualSidePosition": "false"})
        assert reply["code"] == 109400

    play("bingx", "linear", scene)


def test_the_dead_man_switch_fires_unless_it_is_said_again() -> None:
    market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, history_minutes=3, levels=5)
    clock = VirtualClock(1_760_000_000 * SECOND_NS)
    simulator = VenueSimulator(["bingx"], market=market, clock=clock)
    venue = simulator.venues["bingx"]

    def ask(path: str, fields: dict[str, str]) -> Any:
        (route,) = [
            r for r in simulator.dialects["bingx"].routes if (r.method, r.path) == ("POST", path)
        ]
        return route.handler(
            ApiCall(venue=venue, method="POST", path=path, query=fields, account=ACCOUNT)
        )

    ask(PLACE["linear"], an_order())
    switch = f"{SWAP}/trade/cancelAllAfter"
    with pytest.raises(ApiError):
        ask(switch, {"type": "ACTIVATE", "timeOut": "5"})
    for wait_s in ("10", "30"):
        ask(switch, {"type": "ACTIVATE", "timeOut": wait_s})
    asyncio.run(simulator.advance(20))
    assert venue.view("linear").open_orders(ACCOUNT)
    asyncio.run(simulator.advance(11))
    assert not venue.view("linear").open_orders(ACCOUNT)


def test_every_frame_is_gzip_and_a_ping_is_of_its_market(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for kind in ("linear", "spot"):
            async with line_to(seat, kind) as line:
                await line.say("")
                await line.hear()
                for session in seat.simulator.venues["bingx"].subscriptions.subscribers:
                    session.send_ping()  # type: ignore[attr-defined]
                heard = await line.hear()
                assert heard == b"Ping" if kind == "linear" else heard["ping"]

    play("bingx", "linear", scene)


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_books_are_whole_and_come_with_the_worst_ask_first(play: Play, kind: str) -> None:
    async def scene(seat: Seat) -> None:
        async with line_to(seat, kind) as line:
            await line.say("BTC-USDT@depth20")
            answer = await line.hear()
            assert (answer["id"], answer["code"]) == ("BTC-USDT@depth20", 0)
            numbers = []
            for _ in range(3):
                frame = await line.hear()
                asks = [float(price) for price, _ in frame["data"]["asks"]]
                assert (len(asks), asks) == (20, sorted(asks, reverse=True))
                numbers.append(frame["data"].get("lastUpdateId", 0))
            # perpetuals' books have no number, and say how often they come
            assert (numbers == sorted(set(numbers))) is (kind == "spot")
            named = "BTC-USDT@depth20" + ("@500ms" if kind == "linear" else "")
            assert frame["dataType"] == named

    play("bingx", kind, scene)


@pytest.mark.parametrize("topic", ["NO-USDT@trade", "BTC-USDT@gossip", "spot.executionReport", ""])
def test_a_topic_that_does_not_exist_is_refused(play: Play, topic: str) -> None:
    async def scene(seat: Seat) -> None:
        async with line_to(seat, "spot") as line:
            await line.say(topic)
            assert (await line.hear())["code"] == 80014

    play("bingx", "spot", scene)


def test_a_listen_key_opens_the_private_stream_and_no_other_does(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with line_to(seat, "linear", "0" * 64) as line:
            assert (await line.hear())["code"] == 100413
            closed = await line.socket.receive()
            assert closed.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        key = await listen_key(seat)
        async with line_to(seat, "linear", key) as line:
            assert await code_of(seat, an_order("7", price="70000")) == 0
            heard: dict[str, dict[str, Any]] = {}
            while heard.get("ORDER_TRADE_UPDATE", {}).get("o", {}).get("X") != "FILLED":
                frame = await line.hear()
                heard[frame["e"]] = frame
            while not heard.get("ACCOUNT_UPDATE", {}).get("a", {}).get("P"):
                frame = await line.hear()
                heard[frame["e"]] = frame
            order = heard["ORDER_TRADE_UPDATE"]["o"]
            assert (order["c"], order["x"], order["z"], order["ps"]) == (
                "7", "TRADE", "0.01", "BOTH",
            )  # fmt: skip
            (leg,) = heard["ACCOUNT_UPDATE"]["a"]["P"]
            assert (leg["pa"], leg["ps"]) == ("0.01", "BOTH")
        seat.simulator.venues["bingx"].quota_counter = QuotaCounter({})
        for method, status in (("PUT", 200), ("DELETE", 200), ("PUT", 404)):
            _, http = await call(seat, method, LISTEN, {"listenKey": key})
            assert http.status == status

    play("bingx", "linear", scene)


def test_spot_tells_orders_and_balances_to_who_has_subscribed(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with line_to(seat, "spot", await listen_key(seat)) as line:
            for topic in ("spot.executionReport", "ACCOUNT_UPDATE"):
                await line.say(topic)
                assert (await line.hear())["code"] == 0
            assert await code_of(seat, an_order("7", price="70000"), "spot") == 0
            seen: set[str] = set()
            while not {"FILLED", "BTC", "USDT"} <= seen:
                frame = await line.hear()
                if "a" in frame:
                    seen |= {each["a"] for each in frame["a"]["B"]}
                else:
                    seen.add(frame["data"]["X"])

    play("bingx", "spot", scene)
