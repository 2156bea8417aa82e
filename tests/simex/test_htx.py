"""Protects HTX's own rules, as its documentation and its recorded frames have them."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import ccxt
import pytest

from bowline.core.model.order import OrderState
from bowline.core.venue import Balance, FillReport, Listings, OrderReport, PositionReport
from bowline.simex.dialects.htx.spot_render import account_number
from bowline.venues.account_codec import LoggedIn
from bowline.venues.htx import HtxLinearAccountCodec, HtxSpotAccountCodec
from bowline.venues.rest import Credentials
from tests.simex import adapters
from tests.simex.clients import Seat
from tests.simex.test_bybit import differences
from tests.venues import recorded
from tests.venues.rest.market_lists import MARKET_LISTS
from tests.venues.rest.replies import HTX_LINEAR, HTX_SPOT

Play = Callable[..., None]
HOSTS = {"spot": "api.huobi.pro", "linear": "api.hbdm.vn"}
CONTRACT = {"contract_code": "BTC-USDT"}
PLACE = {"spot": "/v1/order/orders/place", "linear": "/v5/trade/order"}


def stamp(seat: Seat, age_s: int = 0) -> str:
    at = datetime.fromtimestamp(seat.client.seconds() - age_s, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S")


def signed(keys: Any, text: str) -> str:
    digest = hmac.new(keys.secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


async def call(
    seat: Seat, method: str, path: str, fields: Any, **wrong: str
) -> tuple[dict[str, Any], Any]:
    """Signed as HTX says it, by hand; `wrong` goes before what would be right."""
    keys = seat.simulator.venues["htx"].credentials
    host = HOSTS["linear" if path.startswith(("/v5", "/linear")) else "spot"]
    query = {
        "AccessKeyId": keys.api_key,
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": stamp(seat),
    } | wrong
    query.pop("Signature", None)
    query |= {} if method == "POST" else fields
    text = urlencode(sorted(query.items()))
    signature = wrong.get("Signature", signed(keys, f"{method}\n{host}\n{path}\n{text}"))
    url = f"{seat.address.http('htx')}{path}?{text}&Signature={quote(signature, safe='')}"
    body = json.dumps(fields) if method == "POST" else None
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, aiohttp.client.URL(url, encoded=True), data=body) as reply,
    ):
        return await reply.json(), reply


def an_order(seat: Seat, cid: Any = None, price: str = "50000", **more: Any) -> dict[str, Any]:
    if seat.kind == "spot":
        number = str(account_number(seat.simulator.venues["htx"]))
        words = {"account-id": number, "symbol": "btcusdt", "type": "buy-limit"}
        order = words | {"amount": "0.01", "price": price, "client-order-id": cid}
    else:
        words = {"side": "buy", "type": "limit", "volume": "10", "price": price}
        order = CONTRACT | words | {"margin_mode": "cross", "client_order_id": cid}
    return {name: value for name, value in (order | more).items() if value is not None}


async def code_of(seat: Seat, fields: dict[str, Any]) -> Any:
    reply, _ = await call(seat, "POST", PLACE[seat.kind], fields)
    return reply.get("err-code", reply.get("code", reply.get("status")))


@contextlib.asynccontextmanager
async def socket_at(seat: Seat, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{seat.address.ws('htx')}{path}") as socket,
    ):
        yield socket


async def hear(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """The next frame: gzip, unless it is text."""
    frame = await socket.receive()
    text = frame.data if frame.type is aiohttp.WSMsgType.TEXT else gzip.decompress(frame.data)
    found: dict[str, Any] = json.loads(text)
    return found


async def say(socket: aiohttp.ClientWebSocketResponse, **words: Any) -> dict[str, Any]:
    await socket.send_json(words)
    return await hear(socket)


def login(seat: Seat, *, age_s: int = 0, signature: str = "") -> dict[str, Any]:
    keys, at = seat.simulator.venues["htx"].credentials, stamp(seat, age_s)
    if seat.kind == "spot":
        params = {
            "accessKey": keys.api_key, "signatureMethod": "HmacSHA256",
            "signatureVersion": "2.1", "timestamp": at,
        }  # fmt: skip
        text = f"GET\n{HOSTS['spot']}\n/ws/v2\n{urlencode(sorted(params.items()))}"
        proof = params | {"authType": "api", "signature": signature or signed(keys, text)}
        return {"action": "req", "ch": "auth", "params": proof}
    params = {
        "AccessKeyId": keys.api_key, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2",
        "Timestamp": at,
    }  # fmt: skip
    text = f"GET\n{HOSTS['linear']}\n/ws/v5/notification\n{urlencode(sorted(params.items()))}"
    return {"op": "auth", "type": "api", "Signature": signature or signed(keys, text)} | params


def test_bowlines_own_adapters_trade_and_listen_there() -> None:
    adapters.judge("htx")


def test_key_time_and_signature_are_checked_in_both_forms(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        late = stamp(seat, 305)
        for wrong, code in (
            ({}, 200), ({"AccessKeyId": "somebody"}, 403), ({"Timestamp": late}, 403),
            ({"Signature": "x"}, 1003),
        ):  # fmt: skip
            reply, _ = await call(seat, "GET", "/v5/account/balance", {}, **wrong)
            assert reply["code"] == code
            reply, _ = await call(seat, "GET", "/v1/account/accounts", {}, **wrong)
            assert reply.get("err-code") == (None if code == 200 else "api-signature-not-valid")

    play("htx", "linear", scene)


def test_a_budget_is_told_in_headers_and_ends_with_429(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        fields = {"on_off": 0}
        heard = [await call(seat, "POST", "/v5/trade/cancel-after", fields) for _ in range(37)]
        left = [http.headers["ratelimit-remaining"] for _, http in heard]
        assert left[:36] == [str(left) for left in range(35, -1, -1)]
        assert (heard[-1][0]["code"], heard[-1][1].status) == (1032, 429)

    play("htx", "linear", scene)


SPOT_REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("ok", {"client-order-id": "a-1_Z"}),
    ("invalid-client-order-id", {"client-order-id": "x" * 65}),
    ("invalid-parameter", {"symbol": "nousdt"}),
    ("invalid-parameter", {"type": "buy-stop-limit"}),
    ("invalid-amount", {"amount": "0"}),
    ("order-orderamount-precision-error", {"amount": "0.0105"}),
    ("order-orderprice-precision-error", {"price": "50000.05"}),
    ("order-value-min-error", {"price": "100"}),
    ("account-frozen-balance-insufficient-error", {"amount": "100000"}),
    ("account-get-accounts-inexistent-error", {"account-id": "1"}),
]
SWAP_REFUSED: list[tuple[int, dict[str, Any]]] = [
    (200, {"client_order_id": (1 << 63) - 1}),
    (1067, {"client_order_id": 1 << 63}),
    (1067, {"client_order_id": "abc"}),
    (1013, {"contract_code": "NO-USDT"}),
    (1040, {"volume": "1.5"}),
    (1038, {"price": "50000.05"}),
    (1047, {"volume": "100000000"}),
    (1048, {"side": "sell", "price": "70000", "reduce_only": 1}),
    (1030, {"type": "magic"}),
    (1030, {"margin_mode": "both"}),
]


@pytest.mark.parametrize(("kind", "cases"), [("spot", SPOT_REFUSED), ("linear", SWAP_REFUSED)])
def test_an_order_is_refused_with_the_code_of_its_market(
    play: Play, kind: str, cases: list[tuple[Any, dict[str, Any]]]
) -> None:
    async def scene(seat: Seat) -> None:
        for code, fields in cases:
            assert await code_of(seat, an_order(seat, **fields)) == code, fields

    play("htx", kind, scene)


@pytest.mark.parametrize(
    ("kind", "code"), [("spot", "client-order-id-duplicate"), ("linear", 1077)]
)
def test_a_client_id_is_used_once_for_ever(play: Play, kind: str, code: Any) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, an_order(seat, 7, price="70000")) in ("ok", 200)
        assert await code_of(seat, an_order(seat, 7)) == code

    play("htx", kind, scene)


def test_a_cancel_by_our_id_says_yes_and_in_a_number_what_came_of_it(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        await code_of(seat, an_order(seat, "1"))
        await code_of(seat, an_order(seat, "2", price="70000"))
        path = "/v1/order/orders/submitCancelClientOrder"
        for cid, number in (("1", 10), ("1", 7), ("2", 6), ("3", 0)):
            reply, _ = await call(seat, "POST", path, {"client-order-id": cid})
            assert (reply["status"], reply["data"]) == ("ok", number)

    play("htx", "spot", scene)


def test_in_dual_mode_an_order_names_its_leg(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path = "/v5/position/mode"
        for code in (200, 1232):
            reply, _ = await call(seat, "POST", path, {"position_mode": "dual_side"})
            assert reply["code"] == code
        assert await code_of(seat, an_order(seat)) == 1030
        sell = {"side": "sell", "price": "50000"}
        for order in (
            an_order(seat, price="70000", position_side="long"),
            an_order(seat, position_side="short", **sell),
            an_order(seat, position_side="long", volume="4", **sell),
        ):
            assert await code_of(seat, order) == 200
        reply, _ = await call(seat, "GET", "/v5/trade/position/opens", {})
        legs = {row["position_side"]: (row["direction"], row["volume"]) for row in reply["data"]}
        assert legs == {"long": ("buy", "6"), "short": ("sell", "10")}
        reply, _ = await call(seat, "POST", path, {"position_mode": "single_side"})
        assert reply["code"] == 1045

    play("htx", "linear", scene)


def test_a_trigger_is_in_a_list_of_its_own(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        stop = {"type": "trigger", "trigger_price": "50000", "price": None, "side": "sell"}
        reply, _ = await call(seat, "POST", "/v5/algo/order", an_order(seat, **stop))
        number = reply["data"][0]["algo_id"]
        await call(seat, "POST", "/v5/trade/cancel_all_orders", CONTRACT)
        reply, _ = await call(seat, "GET", "/v5/trade/order/opens", CONTRACT)
        assert reply["data"] == []
        reply, _ = await call(seat, "GET", "/v5/algo/order/opens", CONTRACT | {"type": "trigger"})
        (row,) = reply["data"]
        assert (row["algo_id"], row["state"], row["trigger_price"]) == (number, "active", "50000")
        cancels = [CONTRACT | {"algo_id": number}]
        reply, _ = await call(seat, "POST", "/v5/algo/cancel_orders", cancels)
        assert [each["code"] for each in reply["data"]] == [200]
        reply, _ = await call(seat, "GET", "/v5/algo/order", {"algo_id": number})
        assert reply["data"][0]["state"] == "canceled"

    play("htx", "linear", scene)


def test_a_fee_that_was_paid_is_negative_in_an_order_and_positive_in_an_execution(
    play: Play,
) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, an_order(seat, 5, price="70000")) == 200
        reply, _ = await call(seat, "GET", "/v5/trade/order", CONTRACT | {"client_order_id": "5"})
        assert float(reply["data"]["fee"]) < 0
        reply, _ = await call(seat, "GET", "/v5/trade/order/details", CONTRACT)
        assert float(reply["data"][0]["trade_fee"]) > 0

    play("htx", "linear", scene)


def test_lists_come_in_pages_that_neither_repeat_nor_lose(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for number in range(1, 8):
            assert await code_of(seat, an_order(seat, number)) == 200
        seen: list[str] = []
        last: dict[str, str] = {}
        for _ in range(3):
            query = {"limit": "3"} | last
            reply, _ = await call(seat, "GET", "/v5/trade/order/opens", query)
            seen += [row["client_order_id"] for row in reply["data"]]
            last = {"from": reply["data"][-1]["id"], "direct": "next"}
        assert seen == [str(number) for number in range(7, 0, -1)]

    play("htx", "linear", scene)


def test_the_private_stream_of_spot_is_text_and_opens_to_a_login_alone(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/ws/v2") as socket:
            refused = await say(socket, action="sub", ch="orders#*")
            assert refused["code"] == 2002
            for wrong in (login(seat, age_s=305), login(seat, signature="x")):
                assert (await say(socket, **wrong))["code"] == 2002
            assert (await say(socket, **login(seat)))["code"] == 200
            assert (await say(socket, action="sub", ch="orders#nousdt"))["code"] == 2001
            for channel in ("orders#btcusdt", "trade.clearing#btcusdt#0"):
                assert (await say(socket, action="sub", ch=channel))["code"] == 200
            assert await code_of(seat, an_order(seat, "1", price="70000")) == "ok"
            heard: list[dict[str, Any]] = []
            while {each["ch"][:6] for each in heard} != {"orders", "trade."} or len(heard) < 3:
                heard.append(await hear(socket))
            orders = [each["data"] for each in heard if each["ch"] == "orders#btcusdt"]
            assert [each["eventType"] for each in orders][:2] == ["creation", "trade"]
            cleared = [each["data"] for each in heard if each["ch"] != "orders#btcusdt"]
            assert cleared[0]["clientOrderId"] == "1"
            assert cleared[0]["feeCurrency"] == "btc"

    play("htx", "spot", scene)


def test_the_private_stream_of_swaps_tells_of_an_order_and_what_it_moved(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/ws/v5/notification") as socket:
            assert (await say(socket, op="sub", topic="orders", cid="1"))["err-code"] == 2002
            assert (await say(socket, **login(seat, signature="x")))["err-code"] == 2002
            assert (await say(socket, **login(seat)))["err-code"] == 0
            nothing = await say(socket, op="sub", topic="orders", contract_code="NO-USDT")
            assert nothing["err-code"] == 2011
            for topic in ("orders", "trade", "positions", "account"):
                await socket.send_json({"op": "sub", "topic": topic, "contract_code": "BTC-USDT"})
            while (await hear(socket)).get("event") != "snapshot":
                pass
            assert await code_of(seat, an_order(seat, 9, price="70000")) == 200
            heard: dict[str, Any] = {}
            while {"orders", "trade", "positions"} - heard.keys():
                frame = await hear(socket)
                if frame["op"] == "notify" and frame["data"]:
                    heard.setdefault(frame["topic"], frame["data"])
            assert (heard["orders"]["client_order_id"], heard["orders"]["state"]) == ("9", "new")
            assert heard["trade"][0]["client_order_id"] == "9"
            assert heard["positions"][0]["position_side"] == "both"

    play("htx", "linear", scene)


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_our_own_codec_reads_what_is_told_of_the_account(play: Play, kind: str) -> None:
    async def scene(seat: Seat) -> None:
        venue = seat.simulator.venues["htx"]
        codec_of = HtxSpotAccountCodec if kind == "spot" else HtxLinearAccountCodec
        codec = codec_of(adapters.market_by_name(f"htx:{kind}"), Listings(venue.listings(kind)))
        keys = Credentials(venue.credentials.api_key, venue.credentials.secret)
        # what an execution on a swap cost is not told by the stream
        wanted = {OrderReport, Balance, FillReport if kind == "spot" else PositionReport}
        heard: list[Any] = []

        async def read(socket: aiohttp.ClientWebSocketResponse) -> None:
            frame = (await socket.receive()).data
            heard.extend(codec.decode(frame.encode() if isinstance(frame, str) else frame))

        async with socket_at(seat, urlsplit(codec.rules.url).path) as socket:
            for frame in codec.login(keys, venue.now_ns):
                await socket.send_bytes(frame)
            await read(socket)
            assert isinstance(heard[0], LoggedIn)
            for frame in codec.subscribe(keys, venue.now_ns, 1):
                await socket.send_bytes(frame)
            while not any(isinstance(each, Balance) for each in heard):
                await read(socket)
            assert await code_of(seat, an_order(seat, 9, price="70000")) in ("ok", 200)
            while not wanted <= {type(each) for each in heard}:
                await read(socket)
        orders = [each for each in heard if isinstance(each, OrderReport)]
        assert (orders[0].state, orders[0].client_id) == (OrderState.WORKING, 9)
        assert orders[0].quantity == Decimal("0.01")

    play("htx", kind, scene)


def test_a_topic_that_does_not_exist_is_refused(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for path, topic in (
            ("/ws", "market.btcusdt.gossip"),
            ("/ws", "market.nousdt.bbo"),
            ("/feed", "market.btcusdt.bbo"),
            ("/linear-swap-ws", "market.BTC-USDT.mbp.150"),
        ):
            async with socket_at(seat, path) as socket:
                heard = await say(socket, sub=topic, id="3")
                assert (heard["status"], heard["err-code"]) == ("error", "bad-request")
                assert heard["id"] == "3"

    play("htx", "spot", scene)


#: what the documentation replies -> the request that gives the same here
DOCUMENTED: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "symbols": (MARKET_LISTS["htx", "spot"][1], "/v1/common/symbols", {}),
    "contracts": (
        MARKET_LISTS["htx", "linear"][1], "/linear-swap-api/v1/swap_contract_info", {},
    ),
    "spot open": (HTX_SPOT["open"], "/v1/order/openOrders", {"symbol": "btcusdt"}),
    "spot fills": (HTX_SPOT["fill"], "/v1/order/matchresults", {"symbol": "btcusdt"}),
    "spot candles": (
        HTX_SPOT["candles"], "/market/history/candles", {"symbol": "btcusdt", "period": "1min"},
    ),
    "open": (HTX_LINEAR["open"], "/v5/trade/order/opens", {}),
    "fills": (HTX_LINEAR["fill"], "/v5/trade/order/details", CONTRACT),
    "balances": (HTX_LINEAR["balances"], "/v5/account/balance", {}),
    "positions": (HTX_LINEAR["position"], "/v5/trade/position/opens", {}),
    "position mode": (HTX_LINEAR["position_mode"], "/v5/position/mode", {}),
    "candles": (
        HTX_LINEAR["candles"], "/linear-swap-ex/market/history/kline",
        CONTRACT | {"period": "1min"},
    ),
}  # fmt: skip


def test_replies_have_the_fields_of_documented_ones(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for price in ("70000", "50000"):
            for kind in ("spot", "linear"):
                seat.kind = kind
                assert await code_of(seat, an_order(seat, price=price)) in ("ok", 200)
        for name, (documented, path, query) in DOCUMENTED.items():
            reply, http = await call(seat, "GET", path, query)
            assert http.status == 200
            # a whole number is spelled with a point or without
            ours, theirs = (json.loads(json.dumps(e), parse_int=float) for e in (reply, documented))
            assert not differences(ours, theirs, name)

    play("htx", "linear", scene)


def test_frames_have_the_fields_of_recorded_ones(play: Play, shared_data: Path) -> None:
    messages = [each["message"] for each in recorded.tardis(shared_data, "huobi-dm-linear-swap")]
    suffixes = ("trade.detail", "depth.size_150.high_freq")
    theirs = {
        suffix: next(each for each in messages if each.get("ch", "").endswith(suffix))
        for suffix in suffixes
    }

    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "/linear-swap-ws") as socket:
            for suffix in suffixes:
                topic = f"market.BTC-USDT.{suffix}"
                await socket.send_json({"sub": topic, "id": "1", "data_type": "incremental"})
            waiting = dict(theirs)
            while waiting:
                ours = await hear(socket)
                suffix = ours.get("ch", "").removeprefix("market.BTC-USDT.")
                if suffix in waiting and ours["tick"].get("event") != "snapshot":
                    wanted = waiting.pop(suffix)
                    assert set(wanted["tick"]) <= set(ours["tick"])

    play("htx", "linear", scene)


def test_ccxt_finds_no_order_that_is_finished(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        made = await seat.client.create_order(seat.symbol, "limit", "buy", 10, 50_000)
        await seat.client.cancel_order(made["id"], seat.symbol)
        with pytest.raises(ccxt.OrderNotFound):
            await seat.client.cancel_order(made["id"], seat.symbol)

    play("htx", "linear", scene)
