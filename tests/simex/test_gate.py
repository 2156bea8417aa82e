"""Protects Gate's own rules, as its documentation and its recorded frames have them."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction
from bowline.core.venue import Balance, FillReport, Listings, OrderReport, PositionReport
from bowline.venues.feed_codec import Subscribed
from bowline.venues.gate import GateAccountCodec
from bowline.venues.rest import Credentials
from tests.simex import adapters
from tests.simex.clients import Seat
from tests.simex.test_bybit import differences
from tests.venues import recorded
from tests.venues.rest.market_lists import MARKET_LISTS
from tests.venues.rest.replies import GATE_LINEAR, GATE_SPOT

Play = Callable[..., None]
PAIR, CONTRACT = {"currency_pair": "BTC_USDT"}, {"contract": "BTC_USDT"}
SPOT, FUTURES = "/api/v4/spot", "/api/v4/futures/usdt"
DOORS = {"spot": "/ws/v4/", "linear": "/v4/ws/usdt"}


def signed(keys: Any, text: str) -> str:
    return hmac.new(keys.secret.encode(), text.encode(), hashlib.sha512).hexdigest()


async def call(
    seat: Seat, method: str, path: str, fields: dict[str, Any], **headers: str
) -> tuple[Any, Any]:
    """Signed as Gate says it, by hand; `headers` go before what would be right."""
    keys = seat.simulator.venues["gate"].credentials
    stamp = headers.pop("stamp", str(seat.client.seconds()))
    body = json.dumps(fields) if method in ("POST", "PUT") else ""
    query = "" if body else "&".join(f"{k}={v}" for k, v in fields.items())
    digest = hashlib.sha512(body.encode()).hexdigest()
    right = {
        "KEY": keys.api_key,
        "Timestamp": stamp,
        "SIGN": signed(keys, f"{method}\n{path}\n{query}\n{digest}\n{stamp}"),
    }
    url = f"{seat.address.http('gate')}{path}{'?' if query else ''}{query}"
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, data=body or None, headers=right | headers) as reply,
    ):
        return await reply.json(), reply


def spot_order(text: str = "", price: str = "50000", **more: Any) -> dict[str, Any]:
    words = {"side": "buy", "type": "limit", "amount": "0.01", "price": price, "text": text}
    return PAIR | {name: value for name, value in words.items() if value} | more


def contracts(size: int, price: str = "50000", **more: Any) -> dict[str, Any]:
    return CONTRACT | {"size": size, "price": price, "tif": "gtc"} | more


async def label_of(seat: Seat, fields: dict[str, Any]) -> str:
    folder = FUTURES if "contract" in fields else SPOT
    reply, http = await call(seat, "POST", f"{folder}/orders", fields)
    assert (http.status == 201) is ("label" not in reply)
    return str(reply.get("label", ""))


@contextlib.asynccontextmanager
async def socket_at(seat: Seat, kind: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{seat.address.ws('gate')}{DOORS[kind or seat.kind]}") as socket,
    ):
        yield socket


def asked(seat: Seat, channel: str, *payload: str, age_s: int = 0) -> dict[str, Any]:
    now = seat.client.seconds() - age_s
    return {"time": now, "channel": channel, "event": "subscribe", "payload": list(payload)}


async def say(socket: aiohttp.ClientWebSocketResponse, words: dict[str, Any]) -> dict[str, Any]:
    await socket.send_json(words)
    heard: dict[str, Any] = await socket.receive_json()
    return heard


def test_bowlines_own_adapters_trade_and_listen_there() -> None:
    adapters.judge("gate")


def test_key_time_and_signature_are_checked_each_with_its_label(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path, now = f"{FUTURES}/accounts", seat.client.seconds()
        wrong = {
            "": {},
            "INVALID_KEY": {"KEY": "somebody"},
            "INVALID_SIGNATURE": {"SIGN": "0" * 128},
            "MISSING_REQUIRED_HEADER": {"SIGN": ""},
        }
        for label, headers in wrong.items():
            reply, http = await call(seat, "GET", path, {}, **headers)
            assert (reply.get("label", ""), http.status) == (label, 401 if label else 200)
        for stamp in (now - 65, now + 65):
            reply, _ = await call(seat, "GET", path, {}, stamp=str(stamp))
            assert reply["label"] == "REQUEST_EXPIRED"

    play("gate", "linear", scene)


def test_a_budget_is_of_one_end_point_and_told_in_headers(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        heard = [await call(seat, "POST", f"{SPOT}/orders", spot_order()) for _ in range(11)]
        left = [http.headers["X-Gate-RateLimit-Requests-Remain"] for _, http in heard]
        assert left == [*map(str, range(9, -1, -1)), "0"]
        reply, http = heard[-1]
        assert (reply["label"], http.status) == ("TOO_MANY_REQUESTS", 429)
        _, http = await call(seat, "GET", f"{SPOT}/accounts", {})
        assert http.headers["X-Gate-RateLimit-Requests-Remain"] == "199"

    play("gate", "spot", scene)


REFUSED = [
    ("", spot_order("t-" + "x" * 28)),
    ("INVALID_PARAM_VALUE", spot_order("t-" + "x" * 29)),
    ("INVALID_PARAM_VALUE", spot_order("1")),
    ("INVALID_PARAM_VALUE", spot_order("t-a b")),
    ("INVALID_PARAM_VALUE", spot_order(price="100")),
    ("INVALID_PRECISION", spot_order(amount="0.0105")),
    ("INVALID_PRECISION", spot_order(price="50000.05")),
    ("BALANCE_NOT_ENOUGH", spot_order(amount="100000")),
    ("POC_FILL_IMMEDIATELY", spot_order(price="70000", time_in_force="poc")),
    ("INVALID_CURRENCY_PAIR", spot_order(currency_pair="NO_USDT")),
    ("MISSING_REQUIRED_PARAM", spot_order(currency_pair="")),
    ("", contracts(10)),
    ("INVALID_PARAM_VALUE", contracts(0)),
    ("INVALID_PARAM_VALUE", CONTRACT | {"size": "1.5", "price": "50000"}),
    ("INVALID_PARAM_VALUE", contracts(1, price="0")),
    ("INVALID_PARAM_VALUE", contracts(1, price="50000.05")),
    ("INSUFFICIENT_AVAILABLE", contracts(100_000_000)),
    ("ORDER_POC_IMMEDIATE", contracts(1, price="70000", tif="poc")),
    ("POSITION_EMPTY", contracts(-1, price="70000", reduce_only=True)),
    ("POSITION_EMPTY", contracts(0, price="0", tif="ioc", close=True)),
    ("CONTRACT_NOT_FOUND", contracts(1, contract="NO_USDT")),
]


def test_an_order_is_refused_with_the_label_of_its_market(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        venue = seat.simulator.venues["gate"]
        for label, fields in REFUSED:
            venue.quota_counter = type(venue.quota_counter)({})
            assert await label_of(seat, fields) == label, fields

    play("gate", "linear", scene)


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_an_order_is_known_by_its_text_and_so_refused_twice(play: Play, kind: str) -> None:
    folder, where = (SPOT, PAIR) if kind == "spot" else (FUTURES, {})
    order = spot_order("t-7") if kind == "spot" else contracts(-10, "70000", text="t-7")

    async def scene(seat: Seat) -> None:
        assert await label_of(seat, order) == ""
        assert await label_of(seat, order) == "REPEATED_CREATION"
        found, _ = await call(seat, "GET", f"{folder}/orders/t-7", where)
        assert (found["status"], found["text"]) == ("open", "t-7")
        ended, _ = await call(seat, "DELETE", f"{folder}/orders/{found['id']}", where)
        assert ended["finish_as"] == "cancelled"
        again, _ = await call(seat, "DELETE", f"{folder}/orders/t-7", where)
        assert again["label"] == ("ORDER_CANCELLED" if kind == "spot" else "ORDER_FINISHED")
        other, http = await call(seat, "GET", f"{folder}/orders/t-8", where)
        assert (other["label"], http.status) == ("ORDER_NOT_FOUND", 404)
        assert await label_of(seat, order) == ""

    play("gate", kind, scene)


def test_in_dual_mode_reduce_only_says_which_leg(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        dual = f"{FUTURES}/dual_mode"
        account, _ = await call(seat, "POST", dual, {"dual_mode": True})
        assert account["in_dual_mode"] is True
        again, _ = await call(seat, "POST", dual, {"dual_mode": True})
        assert again["label"] == "NO_CHANGE"
        assert await label_of(seat, contracts(10, price="70000")) == ""
        assert await label_of(seat, contracts(-20)) == ""
        assert await label_of(seat, contracts(-4, reduce_only=True)) == ""
        rows, _ = await call(seat, "GET", f"{FUTURES}/positions/BTC_USDT", {})
        assert {e["mode"]: e["size"] for e in rows} == {"dual_long": 6, "dual_short": -20}
        close = contracts(0, "0", tif="ioc", auto_size="close_short", reduce_only=True)
        assert await label_of(seat, close) == ""
        held, _ = await call(seat, "GET", f"{FUTURES}/positions", {"holding": "true"})
        assert [row["mode"] for row in held] == ["dual_long"]
        refused, _ = await call(seat, "POST", dual, {"dual_mode": False})
        assert refused["label"] == "POSITION_HOLDING"

    play("gate", "linear", scene)


def test_leverage_0_is_cross_with_a_limit_beside_it(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        path = f"{FUTURES}/positions/BTC_USDT/leverage"
        for leverage, limit, label in (
            ("0", "5", None), ("3", "0", None), ("126", "0", "LEVERAGE_TOO_HIGH")
        ):  # fmt: skip
            fields = {"leverage": leverage, "cross_leverage_limit": limit}
            row, _ = await call(seat, "POST", path, fields)
            assert row.get("label") == label
            assert label or fields.items() <= row.items()

    play("gate", "linear", scene)


def test_contracts_are_text_for_whoever_asks_so(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        order = contracts(-10, "70000", text="t-1")
        path = f"{FUTURES}/orders/t-1"
        assert await label_of(seat, order) == ""
        for headers, size in (({}, -10), ({"X-Gate-Size-Decimal": "1"}, "-10")):
            reply, _ = await call(seat, "GET", path, {}, **headers)
            assert (reply["size"], reply["left"]) == (size, size)

    play("gate", "linear", scene)


def test_a_triggered_order_is_in_a_list_of_its_own(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        trigger = {"price": "50000", "rule": 2, "price_type": 1}
        initial = CONTRACT | {"size": -10, "price": "0", "tif": "ioc"}
        body = {"trigger": trigger, "initial": initial}
        made, _ = await call(seat, "POST", f"{FUTURES}/price_orders", body)
        await call(seat, "DELETE", f"{FUTURES}/orders", CONTRACT)
        plain, _ = await call(seat, "GET", f"{FUTURES}/orders", {"status": "open"})
        (stop,), _ = await call(seat, "GET", f"{FUTURES}/price_orders", {"status": "open"})
        assert plain == []
        assert (stop["id"], stop["status"], stop["trigger"]["price"]) == (
            made["id"],
            "open",
            "50000",
        )
        one = f"{FUTURES}/orders/{made['id']}"
        assert (await call(seat, "GET", one, {}))[0]["label"] == "ORDER_NOT_FOUND"
        venue = seat.simulator.venues["gate"]
        instrument = venue.listings("linear")[0].instrument.id
        engine, now_ns = venue.engine_of(instrument), venue.scheduler.now_ns
        engine.set_mark_price(now_ns, instrument, Decimal(49_000))
        fired, _ = await call(seat, "GET", one, {})
        assert (fired["status"], fired["finish_as"]) == ("finished", "filled")

    play("gate", "linear", scene)


def test_lists_come_in_pages_that_neither_repeat_nor_lose(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for number in range(7):
            assert await label_of(seat, contracts(1, text=f"t-{number}")) == ""
        seen: list[str] = []
        last: dict[str, Any] = {}
        for _ in range(3):
            query = {"status": "open", "limit": 3} | last
            rows, _ = await call(seat, "GET", f"{FUTURES}/orders", query)
            seen += [row["text"] for row in rows]
            last = {"last_id": rows[-1]["id"]}
        assert seen == [f"t-{number}" for number in range(6, -1, -1)]

    play("gate", "linear", scene)


def test_each_private_topic_is_opened_by_its_own_signature(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        keys = seat.simulator.venues["gate"].credentials
        words = asked(seat, "futures.orders", keys.user_id, "!all")
        text = f"channel=futures.orders&event=subscribe&time={words['time']}"
        right = {"method": "api_key", "KEY": keys.api_key, "SIGN": signed(keys, text)}
        async with socket_at(seat) as socket:
            for label, auth in {
                "INVALID_KEY": right | {"KEY": "somebody"},
                "INVALID_SIGNATURE": right | {"SIGN": signed(keys, "something else")},
            }.items():
                heard = await say(socket, words | {"auth": auth})
                assert heard["error"]["code"] == 4
                assert json.loads(heard["error"]["message"])["label"] == label
            other = await say(socket, words | {"payload": ["1", "!all"], "auth": right})
            assert other["error"]["code"] == 2
            heard = await say(socket, words | {"auth": right, "id": 9})
            assert (heard["id"], heard["error"], heard["result"]) == (
                9,
                None,
                {"status": "success"},
            )
            assert (await say(socket, {"channel": "futures.ping"}))["channel"] == "futures.pong"

    play("gate", "linear", scene)


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_our_own_codec_reads_what_is_told_of_the_account(play: Play, kind: str) -> None:
    async def scene(seat: Seat) -> None:
        venue = seat.simulator.venues["gate"]
        market = adapters.market_by_name(f"gate:{kind}")
        codec = GateAccountCodec(market, Listings(venue.listings(kind)), venue.credentials.user_id)
        keys = Credentials(venue.credentials.api_key, venue.credentials.secret)
        order = spot_order("t-5", "70000") if kind == "spot" else contracts(10, "70000", text="t-5")
        wanted = {OrderReport, FillReport, Balance if kind == "spot" else PositionReport}
        heard: list[Any] = []
        async with socket_at(seat) as socket:
            asking = codec.subscribe(keys, venue.now_ns, 1)
            for frame in asking:
                await socket.send_bytes(frame)
            while sum(isinstance(each, Subscribed) for each in heard) < len(asking):
                heard += codec.decode((await socket.receive_str()).encode())
            assert await label_of(seat, order) == ""
            while not wanted <= {type(each) for each in heard}:
                heard += codec.decode((await socket.receive_str()).encode())
        orders = [each for each in heard if isinstance(each, OrderReport)]
        fill = next(each for each in heard if isinstance(each, FillReport))
        assert (orders[0].state, orders[0].client_id) == (OrderState.WORKING, 5)
        assert orders[-1].quantity == Decimal("0.01")
        assert (fill.client_id, fill.venue_order_id) == (5, orders[0].venue_order_id)
        assert fill.fee > 0
        if kind == "linear":
            position = next(each for each in heard if isinstance(each, PositionReport))
            assert (position.direction, position.leverage) == (Direction.LONG, 10)

    play("gate", kind, scene)


def test_a_topic_that_does_not_exist_is_refused(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat) as socket:
            for channel, *payload in (
                ("spot.gossip", "BTC_USDT"),
                ("spot.trades", "NO_USDT"),
                ("futures.trades", "BTC_USDT"),
                ("spot.obu", "ob.BTC_USDT.7"),
                ("spot.candlesticks", "7m", "BTC_USDT"),
            ):
                heard = await say(socket, asked(seat, channel, *payload))
                assert (heard["error"]["code"], heard["result"]) == (2, {"status": "fail"})
            late = await say(socket, asked(seat, "spot.trades", "BTC_USDT", age_s=65))
            assert late["error"]["code"] == 2

    play("gate", "spot", scene)


def test_changes_of_any_depth_adjoin_and_bear_the_number_of_rest(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with socket_at(seat) as socket:
            await say(socket, asked(seat, "spot.order_book_update", "BTC_USDT", "20ms"))
            query = PAIR | {"with_id": "true", "limit": 100}
            started, _ = await call(seat, "GET", f"{SPOT}/order_book", query)
            book = {side: dict(started[f"{side}s"]) for side in ("bid", "ask")}
            last = 0
            while True:
                change = (await socket.receive_json())["result"]
                assert last in (0, change["U"] - 1)
                last = change["u"]
                if last > started["id"]:
                    for side in book:
                        book[side] |= dict(change[side[0]])
                if last > started["id"] + 10:
                    now, _ = await call(seat, "GET", f"{SPOT}/order_book", query)
                    if now["id"] == last:
                        break
            for side, levels in book.items():
                shown = [[price, size] for price, size in levels.items() if size != "0"]
                shown.sort(key=lambda level: float(level[0]), reverse=side == "bid")
                assert shown[:20] == now[f"{side}s"][:20]

    play("gate", "spot", scene)


def test_orders_over_the_stream_need_a_login_and_have_the_labels_of_rest(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        keys = seat.simulator.venues["gate"].credentials

        def request(name: str, params: Any, **proof: str) -> dict[str, Any]:
            payload = {"req_id": "5", "req_param": params, **proof}
            return {"channel": f"spot.{name}", "event": "api", "payload": payload}

        async with socket_at(seat) as socket:
            heard = await say(socket, request("order_place", spot_order("t-1")))
            assert heard["data"]["errs"]["label"] == "AUTHENTICATION_FAILED"
            stamp = str(seat.client.seconds())
            proof = {"api_key": keys.api_key, "timestamp": stamp}
            sign = signed(keys, f"api\nspot.login\n\n{stamp}")
            heard = await say(socket, request("login", "", signature="0", **proof))
            assert heard["data"]["errs"]["label"] == "INVALID_SIGNATURE"
            right = await say(socket, request("login", "", signature=sign, **proof))
            assert right["data"]["result"]["uid"] == keys.user_id
            acknowledged = await say(socket, request("order_place", spot_order("t-1")))
            assert (acknowledged["ack"], acknowledged["request_id"]) == (True, "5")
            made = await socket.receive_json()
            assert (made["ack"], made["data"]["result"]["text"]) == (False, "t-1")
            twice = await say(socket, request("order_place", spot_order("t-1")))
            assert twice["data"]["errs"]["label"] == "REPEATED_CREATION"
            await say(socket, request("order_cancel", PAIR | {"order_id": "t-1"}))
            assert (await socket.receive_json())["data"]["result"]["finish_as"] == "cancelled"
            unknown = await say(socket, request("order_fly", {}))
            assert unknown["header"]["status"] == "400"

    play("gate", "spot", scene)


#: what the documentation replies -> the request that gives the same here
DOCUMENTED: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "pairs": (MARKET_LISTS["gate", "spot"][1], f"{SPOT}/currency_pairs", {}),
    "contracts": (MARKET_LISTS["gate", "linear"][1], f"{FUTURES}/contracts", {}),
    "spot order": (GATE_SPOT["order"], f"{SPOT}/orders/t-2", PAIR),
    "spot open": (GATE_SPOT["open"], f"{SPOT}/open_orders", {}),
    "spot fills": (GATE_SPOT["fill"], f"{SPOT}/my_trades", PAIR),
    "spot balances": (GATE_SPOT["balances"], f"{SPOT}/accounts", {}),
    "spot candles": (GATE_SPOT["candles"], f"{SPOT}/candlesticks", PAIR | {"interval": "1m"}),
    "rights": (GATE_SPOT["rights"], "/api/v4/account/main_keys", {}),
    "fills": (GATE_LINEAR["fill"], f"{FUTURES}/my_trades_timerange", CONTRACT),
    "balances": (GATE_LINEAR["balances"], f"{FUTURES}/accounts", {}),
    "candles": (GATE_LINEAR["candles"], f"{FUTURES}/candlesticks", CONTRACT | {"interval": "1m"}),
    "positions": (GATE_LINEAR["position"], f"{FUTURES}/positions", {}),
    "orders": (GATE_LINEAR["open"], f"{FUTURES}/orders", {"status": "open"}),
}


def test_replies_have_the_fields_of_documented_ones(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        for order in (spot_order(price="70000"), spot_order("t-2"), contracts(5, "70000")):
            assert await label_of(seat, order) == ""
        assert await label_of(seat, contracts(5)) == ""
        for name, (documented, path, query) in DOCUMENTED.items():
            as_text = {} if name in ("contracts", "candles") else {"X-Gate-Size-Decimal": "1"}
            reply, http = await call(seat, "GET", path, query, **as_text)
            assert http.status == 200
            assert not differences(reply, documented, name)

    play("gate", "linear", scene)


def test_frames_have_the_fields_of_recorded_ones(play: Play, shared_data: Path) -> None:
    capture = shared_data / "frames" / "cryptofeed_2021-04-22" / "GATEIO.ws.1.0"
    frames = [json.loads(each) for each in recorded.cryptofeed(capture)]
    theirs = {each["channel"]: each for each in frames if each["event"] == "update"}
    wanted = {"spot.trades", "spot.order_book_update", "spot.candlesticks", "spot.tickers"}
    assert wanted <= theirs.keys()

    async def scene(seat: Seat) -> None:
        async with socket_at(seat) as socket:
            for channel in wanted - {"spot.candlesticks", "spot.order_book_update"}:
                await say(socket, asked(seat, channel, "BTC_USDT"))
            await socket.send_json(asked(seat, "spot.candlesticks", "1m", "BTC_USDT"))
            await socket.send_json(asked(seat, "spot.order_book_update", "BTC_USDT", "100ms"))
            waiting = set(wanted)
            while waiting:
                ours = await socket.receive_json()
                if ours["event"] == "update" and ours["channel"] in waiting:
                    waiting.remove(ours["channel"])
                    assert not differences(ours, theirs[ours["channel"]], ours["channel"])

    play("gate", "spot", scene)
