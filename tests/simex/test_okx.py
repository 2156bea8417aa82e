"""Protects OKX's own rules, as its documentation and its recorded replies have them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from bowline.core.model.instrument import market_by_name
from bowline.core.venue import Listings
from bowline.venues.feed_codec import FeedChannel, FeedTopic
from bowline.venues.local_book import BookState, LocalBook
from bowline.venues.okx import OkxFeedCodec
from tests.simex import adapters
from tests.simex.clients import Seat
from tests.simex.test_bybit import differences

Play = Callable[..., None]
SWAP, SPOT = {"instId": "BTC-USDT-SWAP"}, {"instId": "BTC-USDT"}
ORDER, CANCEL = "trade/order", "trade/cancel-order"


def signed(secret: str, text: str) -> str:
    return base64.b64encode(
        hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    ).decode()


async def call(
    seat: Seat, method: str, path: str, fields: Any = None, age_s: float = 0, **headers: str
) -> tuple[int, Any]:
    """Signed as OKX says it, by hand; `headers` go before what would be right."""
    keys = seat.simulator.venues["okx"].credentials
    sent = seat.client.milliseconds() / 1000 - age_s
    stamp = datetime.fromtimestamp(sent, UTC).isoformat(timespec="milliseconds")
    stamp = stamp.replace("+00:00", "Z")
    path, body = f"/api/v5/{path}", ""
    if method == "POST":
        body = json.dumps(fields)
    elif fields:
        path += "?" + "&".join(f"{name}={value}" for name, value in fields.items())
    right = {
        "OK-ACCESS-KEY": keys.api_key,
        "OK-ACCESS-PASSPHRASE": keys.password,
        "OK-ACCESS-TIMESTAMP": stamp,
        "OK-ACCESS-SIGN": signed(keys.secret, f"{stamp}{method}{path}{body}"),
    }
    async with (
        aiohttp.ClientSession() as http,
        http.request(
            method, seat.address.http("okx") + path, data=body or None, headers=right | headers
        ) as reply,
    ):
        return reply.status, await reply.json()


def limit_order(cid: str, px: str = "50000", **more: Any) -> dict[str, Any]:
    """Of a swap: one contract is a hundredth of a coin."""
    order = {"tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "1", "px": px}
    return SWAP | order | {"clOrdId": cid} | more


def spot_order(cid: str, **more: Any) -> dict[str, Any]:
    return limit_order(cid) | SPOT | {"tdMode": "cash", "sz": "0.01"} | more


async def code_of(seat: Seat, path: str, fields: Any, method: str = "POST") -> str:
    """What was said of the first row, or of the whole."""
    status, reply = await call(seat, method, path, fields)
    assert status == 200
    row = reply["data"][0] if reply["data"] else {}
    return str(row.get("sCode", reply["code"]))


@contextlib.asynccontextmanager
async def socket_at(seat: Seat, endpoint: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{seat.address.ws('okx')}/ws/v5/{endpoint}") as socket,
    ):
        yield socket


async def say(socket: aiohttp.ClientWebSocketResponse, op: str, *args: Any) -> dict[str, Any]:
    await socket.send_json({"id": "7", "op": op, "args": args})
    heard: dict[str, Any] = await socket.receive_json(timeout=5)
    return heard


def log_in(seat: Seat, **wrong: str) -> dict[str, str]:
    keys = seat.simulator.venues["okx"].credentials
    stamp = str(seat.client.seconds())
    right = {
        "apiKey": keys.api_key,
        "passphrase": keys.password,
        "timestamp": stamp,
        "sign": signed(keys.secret, f"{stamp}GET/users/self/verify"),
    }
    return right | wrong


def test_key_passphrase_signature_and_time_are_checked_each_with_its_code(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        assert (await call(seat, "GET", "account/balance", {"ccy": "USDT"}))[0] == 200
        for code, headers in {
            "50111": {"OK-ACCESS-KEY": "somebody"},
            "50105": {"OK-ACCESS-PASSPHRASE": "nonsense"},
            "50113": {"OK-ACCESS-SIGN": "0" * 44},
            "50112": {"OK-ACCESS-TIMESTAMP": "yesterday"},
            "50103": {"OK-ACCESS-KEY": ""},
        }.items():
            status, reply = await call(seat, "GET", "account/balance", {}, **headers)
            assert (status, reply["code"]) == (401, code)
        for age_s in (31, -31):
            status, reply = await call(seat, "GET", "account/balance", {}, age_s)
            assert (status, reply["code"]) == (401, "50102")

    play("okx", "linear", scene)


def test_each_endpoint_has_its_own_budget(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        heard = [await call(seat, "GET", "account/config") for _ in range(6)]
        assert [status for status, _ in heard] == [200] * 5 + [429]
        assert heard[-1][1]["code"] == "50011"
        assert (await call(seat, "GET", "account/balance"))[0] == 200

    play("okx", "linear", scene)


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("0", limit_order("a1Z")),
        ("0", limit_order("")),
        ("51000", limit_order("x" * 33)),
        ("51000", limit_order("a-b")),
        ("51000", limit_order("1", sz="0")),
        ("51121", limit_order("1", sz="1.05")),
        ("51000", limit_order("1", px="50000.05")),
        ("51000", limit_order("1", ordType="stop")),
        ("51000", limit_order("1", tdMode="cash")),
        ("51000", limit_order("1", posSide="long")),
        ("51008", limit_order("1", sz="10000000")),
        ("51169", limit_order("1", side="sell", px="70000", reduceOnly=True)),
        ("51001", limit_order("1", instId="NO-USDT-SWAP")),
        ("0", spot_order("1")),
        ("51008", spot_order("1", sz="100000")),
        ("51121", spot_order("1", sz="0.0015")),
    ],
)
def test_an_order_is_refused_with_a_code_of_its_own(
    play: Play, code: str, fields: dict[str, Any]
) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, ORDER, fields) == code

    play("okx", "linear", scene)


def test_the_orders_of_a_batch_fare_each_by_itself(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        batch = [limit_order("1"), limit_order("1"), spot_order("2")]
        _, reply = await call(seat, "POST", "trade/batch-orders", batch)
        assert (reply["code"], [row["sCode"] for row in reply["data"]]) == (
            "2", ["0", "51016", "0"],
        )  # fmt: skip
        _, reply = await call(seat, "POST", "trade/batch-orders", batch[:1])
        assert (reply["code"], reply["data"][0]["sCode"]) == ("1", "51016")

    play("okx", "linear", scene)


def test_a_client_id_is_taken_while_its_order_is_open_and_then_means_the_latest(
    play: Play,
) -> None:
    async def scene(seat: Seat) -> None:
        named = SWAP | {"clOrdId": "7"}
        assert await code_of(seat, ORDER, limit_order("7")) == "0"
        assert await code_of(seat, ORDER, limit_order("7")) == "51016"
        assert await code_of(seat, CANCEL, named) == "0"
        assert await code_of(seat, CANCEL, named) == "51400"
        assert await code_of(seat, ORDER, limit_order("7", px="49000")) == "0"
        _, reply = await call(seat, "GET", ORDER, named)
        assert reply["data"][0]["px"] == "49000"
        assert await code_of(seat, ORDER, SWAP | {"clOrdId": "8"}, "GET") == "51603"
        amended = SWAP | {"clOrdId": "8", "newPx": "48000"}
        assert await code_of(seat, "trade/amend-order", amended) == "51503"

    play("okx", "linear", scene)


def test_swaps_count_contracts_everywhere(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        (listed,) = (await seat.client.public_get_public_instruments({"instType": "SWAP"}))["data"]
        assert (listed["ctVal"], listed["lotSz"], listed["ctValCcy"]) == ("0.01", "0.1", "BTC")
        await call(seat, "POST", ORDER, limit_order("1", px="70000", sz="2.5"))
        _, reply = await call(seat, "GET", "trade/fills", SWAP)
        assert sum(float(row["fillSz"]) for row in reply["data"]) == 2.5
        assert all(float(row["fee"]) < 0 for row in reply["data"])
        _, reply = await call(seat, "GET", "account/positions", SWAP)
        (position,) = reply["data"]
        assert (position["pos"], position["posSide"], position["lever"]) == ("2.5", "net", "3")
        assert 1_000 < float(position["notionalUsd"]) < 2_000

    play("okx", "linear", scene)


def test_a_market_buy_on_spot_is_in_quote_money_unless_it_says_otherwise(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        market = SPOT | {"tdMode": "cash", "side": "buy", "ordType": "market"}
        await call(seat, "POST", ORDER, market | {"sz": "1000", "clOrdId": "q"})
        await call(
            seat, "POST", ORDER, market | {"sz": "0.01", "clOrdId": "b", "tgtCcy": "base_ccy"}
        )
        filled = {}
        for cid in ("q", "b"):
            _, reply = await call(seat, "GET", ORDER, SPOT | {"clOrdId": cid})
            filled[cid] = reply["data"][0]["tgtCcy"], float(reply["data"][0]["accFillSz"])
        assert filled["b"] == ("base_ccy", 0.01)
        assert filled["q"][0] == "quote_ccy"
        assert 0.014 < filled["q"][1] < 0.018

    play("okx", "spot", scene)


def test_hedge_mode_keeps_a_long_and_a_short_apart(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        mode = {"posMode": "long_short_mode"}
        assert await code_of(seat, "account/set-position-mode", mode) == "0"
        assert await code_of(seat, "account/set-position-mode", mode) == "0"
        short = limit_order("2", side="sell", posSide="short", sz="2")
        assert await code_of(seat, ORDER, limit_order("1", px="70000", posSide="long")) == "0"
        assert await code_of(seat, ORDER, short) == "0"
        assert await code_of(seat, ORDER, limit_order("3")) == "51000"
        _, reply = await call(seat, "GET", "account/positions", SWAP)
        legs = [(row["posSide"], row["pos"]) for row in reply["data"]]
        assert legs == [("long", "1"), ("short", "2")]
        net = {"posMode": "net_mode"}
        assert await code_of(seat, "account/set-position-mode", net) == "59000"

    play("okx", "linear", scene)


def test_each_margin_mode_has_a_leverage_of_its_own(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path = "account/set-leverage"
        for mode, lever in (("isolated", "7"), ("cross", "5"), ("cross", "5")):
            assert await code_of(seat, path, SWAP | {"mgnMode": mode, "lever": lever}) == "0"
        too_much = SWAP | {"mgnMode": "cross", "lever": "101"}
        assert await code_of(seat, path, too_much) == "59102"
        fields = limit_order("1", px="70000", tdMode="isolated")
        assert await code_of(seat, ORDER, fields) == "0"
        _, reply = await call(seat, "GET", "account/positions", SWAP)
        assert [(row["mgnMode"], row["lever"]) for row in reply["data"]] == [("isolated", "7")]
        _, reply = await call(seat, "GET", "account/leverage-info", SWAP | {"mgnMode": "cross"})
        assert reply["data"][0]["lever"] == "5"

    play("okx", "linear", scene)


def test_a_post_only_order_that_would_take_is_acknowledged_and_then_cancelled(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        assert await code_of(seat, ORDER, limit_order("1", px="70000", ordType="post_only")) == "0"
        _, reply = await call(seat, "GET", ORDER, SWAP | {"clOrdId": "1"})
        row = reply["data"][0]
        assert (row["state"], row["cancelSource"], row["accFillSz"]) == ("canceled", "31", "0")

    play("okx", "linear", scene)


def test_a_trigger_is_an_algo_order_with_an_id_of_its_own(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        stop = SWAP | {"tdMode": "cross", "side": "sell", "ordType": "trigger", "sz": "1"}
        stop |= {"triggerPx": "50000", "orderPx": "-1", "algoClOrdId": "s"}
        _, reply = await call(seat, "POST", "trade/order-algo", stop)
        (made,) = reply["data"]
        assert (made["sCode"], made["algoClOrdId"]) == ("0", "s")
        no_price = stop | {"algoClOrdId": "t", "orderPx": ""}
        assert await code_of(seat, "trade/order-algo", no_price) == "51000"
        assert await code_of(seat, ORDER, SWAP | {"ordId": made["algoId"]}, "GET") == "51603"
        _, reply = await call(seat, "GET", "trade/orders-pending", SWAP)
        assert reply["data"] == []
        _, reply = await call(seat, "GET", "trade/orders-algo-pending", {"ordType": "trigger"})
        assert [row["algoId"] for row in reply["data"]] == [made["algoId"]]
        gone = [SWAP | {"algoId": made["algoId"]}]
        assert await code_of(seat, "trade/cancel-algos", gone) == "0"
        assert await code_of(seat, "trade/cancel-algos", gone) == "51400"

    play("okx", "linear", scene)


def test_lists_come_in_pages_that_neither_repeat_nor_lose(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        await call(seat, "POST", "trade/batch-orders", [limit_order(str(n)) for n in range(7)])
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            _, reply = await call(seat, "GET", "trade/orders-pending", {"limit": "3"} | after)
            if not reply["data"]:
                break
            seen += [row["clOrdId"] for row in reply["data"]]
            after = {"after": reply["data"][-1]["ordId"]}
        assert seen == [str(number) for number in range(6, -1, -1)]

    play("okx", "linear", scene)


def test_a_private_topic_opens_to_who_has_logged_in_alone(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        orders = {"channel": "orders", "instType": "SWAP"}
        async with socket_at(seat, "private") as socket:
            assert (await say(socket, "subscribe", orders))["code"] == "60011"
            assert (await say(socket, "order", limit_order("1")))["code"] == "60011"
            for code, wrong in (
                ("60007", {"sign": "x"}), ("60024", {"passphrase": "x"}),
                ("60005", {"apiKey": "x"}), ("60006", {"timestamp": "1"}),
            ):  # fmt: skip
                assert (await say(socket, "login", log_in(seat, **wrong)))["code"] == code
            assert (await say(socket, "login", log_in(seat)))["event"] == "login"
            heard = await say(socket, "subscribe", orders)
            assert (heard["event"], heard["arg"], heard["id"]) == ("subscribe", orders, "7")
            await socket.send_str("ping")
            assert await socket.receive_str() == "pong"

    play("okx", "linear", scene)


def test_orders_go_in_and_their_fills_come_out_over_the_private_stream(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, "private") as socket:
            await say(socket, "login", log_in(seat))
            for arg in ({"channel": "orders", "instType": "SWAP"}, {"channel": "account"}):
                await say(socket, "subscribe", arg)
            await socket.send_json({"id": "9", "op": "order", "args": [limit_order("1", "70000")]})
            await call(seat, "POST", ORDER, spot_order("s"))
            heard: dict[str, Any] = {}
            told: list[dict[str, Any]] = []
            while not {"account", "9"} <= heard.keys() or "filled" not in _states(told):
                frame = await socket.receive_json(timeout=5)
                heard[frame.get("id") or frame["arg"]["channel"]] = frame
                told += frame["data"] if frame.get("arg", {}).get("channel") == "orders" else []
            assert (heard["9"]["code"], heard["9"]["data"][0]["sCode"]) == ("0", "0")
            assert [row["state"] for row in told if not row["tradeId"]] == ["live"]
            fills = [float(row["fillSz"]) for row in told if row["tradeId"]]
            assert sum(fills) == 1
            assert {row["instType"] for row in told} == {"SWAP"}

    play("okx", "linear", scene)


def _states(told: list[dict[str, Any]]) -> list[str]:
    return [str(row["state"]) for row in told]


@pytest.mark.parametrize(
    ("endpoint", "arg"),
    [
        ("public", {"channel": "candle1m", **SWAP}),
        ("business", {"channel": "books", **SWAP}),
        ("public", {"channel": "nonsense", **SWAP}),
        ("public", {"channel": "trades", "instId": "NO-USDT"}),
        ("private", {"channel": "tickers", **SWAP}),
    ],
)
def test_a_topic_that_is_not_at_this_door_is_refused(
    play: Play, endpoint: str, arg: dict[str, str]
) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat, endpoint) as socket:
            heard = await say(socket, "subscribe", arg)
            assert (heard["event"], heard["code"]) == ("error", "60018")

    play("okx", "linear", scene)


def test_the_checksum_of_every_change_is_the_one_of_the_book_after_it(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        listings = Listings(seat.simulator.venues["okx"].listings("linear"))
        codec = OkxFeedCodec(market_by_name("okx:linear"), listings)
        instrument = listings.all[0].instrument.id
        rules = msgspec.structs.replace(codec.rules(FeedChannel.BOOK), checksum_every=1)
        local_book = LocalBook(instrument, rules, codec.checksum(instrument))
        async with socket_at(seat, "public") as socket:
            (frame,) = codec.subscribe([FeedTopic(FeedChannel.BOOK, instrument)], 1)
            await socket.send_str(frame.decode())
            await socket.receive()
            for number in range(20):
                (tick,) = codec.decode((await socket.receive_str(timeout=5)).encode())
                assert not local_book.apply(tick, number)  # type: ignore[arg-type]
        assert local_book.state is BookState.VALID
        assert not any(local_book.invalidations.values())

    play("okx", "linear", scene)


#: recorded reply -> the request that gives the same kind of reply here
RECORDED: dict[str, tuple[str, dict[str, str]]] = {
    "http_get_instruments_spot": ("public/instruments", {"instType": "SPOT"}),
    "http_get_instruments_swap": ("public/instruments", {"instType": "SWAP"}),
    "http_get_order_book": ("market/books", SPOT | {"sz": "5"}),
    "http_get_candlesticks": ("market/candles", SPOT),
    "http_get_trades": ("market/trades", SPOT),
    "http_get_funding_rate_history": ("public/funding-rate-history", SWAP),
    "http_get_mark_price": ("public/mark-price", {"instType": "SWAP"}),
    "http_get_account_balance": ("account/balance", {"ccy": "USDT"}),
    "http_get_positions": ("account/positions", SWAP),
    "http_get_orders_pending": ("trade/orders-pending", SWAP),
    "http_get_orders_history": ("trade/orders-history", {"instType": "SWAP"}),
    "http_get_orders_algo_pending": ("trade/orders-algo-pending", {"ordType": "trigger"}),
}


def test_replies_have_the_fields_of_recorded_ones(play: Play, shared_data: Path) -> None:
    """Each field that is here has the JSON type of the recorded one."""
    folder = shared_data / "frames" / "nautilus" / "okx" / "test_data"

    async def scene(seat: Seat) -> None:
        await call(
            seat, "POST", "trade/batch-orders", [limit_order("1"), limit_order("2", "70000")]
        )
        stop = {"ordType": "trigger", "triggerPx": "50000", "orderPx": "-1", "side": "sell"}
        await call(seat, "POST", "trade/order-algo", limit_order("") | stop)
        for name, (path, fields) in RECORDED.items():
            status, reply = await call(seat, "GET", path, fields)
            assert status == 200, (name, reply)
            assert reply["data"], name
            recorded = json.loads((folder / f"{name}.json").read_text())
            assert not differences(reply, recorded, name)

    play("okx", "linear", scene)


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_our_own_adapters_trade_and_listen_there(play: Play, kind: str) -> None:
    play("okx", kind, adapters.trade)
    play("okx", kind, adapters.listen)
