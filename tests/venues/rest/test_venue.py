"""Protects the adapter's promises: one send, honest doubt, whole pages, no secret, no probe."""

from __future__ import annotations

import logging
import traceback
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from bowline.core.model.values import OrderId, Side
from bowline.core.venue import MarginMode, OrderKind, OrderRequest
from bowline.venues.errors import Rejected, Retryable, Unknown, VenueError
from bowline.venues.rest import RestVenue
from tests.venues.rest.replies import AT_MS, ID, REPLIES
from tests.venues.rest.stub import CANARY, CREDENTIALS, NOW_MS, Reply, Stub, with_venue
from tests.venues.rest.test_contract import MARKETS, reply_to

CLIENT_ID = OrderId(ID)
CREATE = ("POST", "/v5/order/create")
BYBIT = "bybit:linear"


def order(stub: Stub, **more: Any) -> OrderRequest:
    given = {"quantity": Decimal("0.02"), "price": Decimal("40000.5"), **more}
    return OrderRequest(CLIENT_ID, stub.instrument, given.pop("side", Side.BUY), **given)


def raised_by_place(name: str, reply: Any, **more: Any) -> tuple[list[VenueError], Stub]:
    caught: list[VenueError] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        await venue.venue_now_ns()
        stub.otherwise = reply
        stub.asked.clear()
        if isinstance(reply, Reply) and reply.delay_s:
            venue._session._transport._timeout = aiohttp.ClientTimeout(reply.delay_s - 0.05)
        with pytest.raises(VenueError) as error:
            await venue.place(order(stub, **more))
        caught.append(error.value)

    return caught, with_venue(name, run)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(drop=True), Reply({}, delay_s=0.35), Reply("<html>oops</html>"), Reply({}, 502),
        Reply("", 504), Reply("", 302, {"Location": "/elsewhere"}), Reply("[]"),
    ],
    ids=["cut", "timeout", "html", "502", "504", "redirect", "nothing"],
)  # fmt: skip
def test_silence_after_an_order_was_sent_is_doubt_and_nothing_is_sent_again(
    market: str, reply: Reply
) -> None:
    """A1, A4: the order may be there. It is looked up by who sent it, never repeated here."""
    (error,), stub = raised_by_place(market, reply)
    assert type(error) is Unknown
    sent = [asked for asked in stub.asked if asked.method == "POST"]
    assert len(sent) == 1
    # what was signed for one place is not carried to another
    assert not stub.of("/elsewhere")


def test_an_order_that_was_never_sent_is_no_doubt() -> None:
    """A2: without a connection no byte has left."""

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        await venue.venue_now_ns()
        client = venue._session.client
        client.urls["api"] = dict.fromkeys(client.urls["api"], "http://127.0.0.1:1")
        with pytest.raises(Retryable, match="not sent"):
            await venue.place(order(stub))

    with_venue(BYBIT, run)


@pytest.mark.parametrize("market", MARKETS)
def test_a_read_that_fails_is_asked_again_and_is_never_doubt(market: str) -> None:
    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        await venue.venue_now_ns()
        for reply in (Reply(drop=True), Reply("<html>"), Reply({}, 503)):
            stub.otherwise = reply
            for reading in (
                venue.order(stub.instrument, CLIENT_ID),
                venue.open_orders(stub.instrument),
                venue.fills(stub.instrument),
                venue.balances(),
            ):
                with pytest.raises(Retryable):
                    await reading

    with_venue(market, run)


@pytest.mark.parametrize(
    ("quantity", "price"), [("0.0205", "40000.5"), ("0.02", "40000.53"), ("0.00001", "40000.5")]
)
def test_what_does_not_fit_the_steps_is_refused_and_never_rounded(
    quantity: str, price: str
) -> None:
    (error,), stub = raised_by_place(BYBIT, {}, quantity=Decimal(quantity), price=Decimal(price))
    assert type(error) is Rejected
    assert not stub.asked


def test_a_refused_time_stamp_is_definite_and_measured_anew() -> None:
    """C2: the venue did not look at the order; the clock is measured before anything else."""

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        await venue.venue_now_ns()
        stub.answers[CREATE] = {"retCode": 10002, "retMsg": "invalid request, timestamp"}
        with pytest.raises(Retryable) as error:
            await venue.place(order(stub))
        assert (error.value.code, error.value.after_s) == ("10002", 0.0)
        before = len(stub.of("/v5/market/time"))
        stub.answers[CREATE] = reply_to(BYBIT, "place")
        await venue.place(order(stub))
        assert len(stub.of("/v5/market/time")) > before

    with_venue(BYBIT, run)


def test_requests_are_signed_with_the_venues_time() -> None:
    """C1: the stub's clock stands in 2023; so do the time stamps."""

    async def run(venue: RestVenue, stub: Stub) -> None:
        stub.otherwise = reply_to(BYBIT, "balances")
        await venue.balances()
        stamp_ms = int(stub.last.headers["X-BAPI-TIMESTAMP"])
        assert abs(stamp_ms - NOW_MS) < 5_000

    with_venue(BYBIT, run)


def test_without_the_time_an_entry_is_refused_and_a_way_out_is_tried() -> None:
    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.answers["GET", "/v5/market/time"] = Reply({}, 500)
        stub.answers[CREATE] = reply_to(BYBIT, "place")
        with pytest.raises(Retryable):
            await venue.place(order(stub))
        assert not stub.of(CREATE[1])
        await venue.place(order(stub, side=Side.SELL, reduce_only=True))
        assert len(stub.of(CREATE[1])) == 1

    with_venue(BYBIT, run)


def test_a_429_stops_entries_and_leaves_the_way_out_open() -> None:
    """A5: an entry is refused without being sent, a cancel goes through."""

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        await venue.venue_now_ns()
        stub.answers[CREATE] = Reply({}, 429, {"Retry-After": "7"})
        with pytest.raises(Retryable) as error:
            await venue.place(order(stub))
        assert error.value.after_s == 7.0
        with pytest.raises(Retryable):
            await venue.place(order(stub))
        assert len(stub.of(CREATE[1])) == 1
        stub.otherwise = reply_to(BYBIT, "place")
        await venue.cancel(stub.instrument, CLIENT_ID)

    with_venue(BYBIT, run)


def test_an_order_is_looked_for_in_the_history_too_and_may_be_nowhere() -> None:
    """A3: one that has filled is no longer among the open ones."""
    nothing = {"retCode": 0, "retMsg": "OK", "result": {"list": []}}

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.answers["GET", "/v5/order/realtime"] = nothing
        stub.answers["GET", "/v5/order/history"] = reply_to(BYBIT, "order")
        found = await venue.order(stub.instrument, CLIENT_ID)
        assert found is not None
        assert found.client_id == CLIENT_ID
        with pytest.raises(Retryable):  # another order is no word of this one
            await venue.order(stub.instrument, OrderId(42))
        stub.answers["GET", "/v5/order/history"] = nothing
        assert await venue.order(stub.instrument, CLIENT_ID) is None

    with_venue(BYBIT, run)


@pytest.mark.parametrize(
    ("market", "reply"),
    [
        ("binance:spot", {}), ("binance:linear", []), ("gate:linear", {}),
        (BYBIT, {"retCode": 0, "retMsg": "OK", "result": {}}), ("okx:linear", {"code": "0"}),
    ],
)  # fmt: skip
def test_a_yes_without_an_order_is_not_a_word_that_there_is_none(market: str, reply: Any) -> None:
    """An order that is called absent may be sent again, or its hold let go."""

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.otherwise = reply
        with pytest.raises(Retryable):
            await venue.order(stub.instrument, CLIENT_ID)

    with_venue(market, run)


def test_a_new_order_that_is_not_found_is_in_doubt() -> None:
    """That is no answer to a new order; to a cancel it is one."""

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.otherwise = {"retCode": 110001, "retMsg": "order not exists", "result": {}}
        with pytest.raises(Unknown):
            await venue.place(order(stub))
        with pytest.raises(Rejected):
            await venue.cancel(stub.instrument, CLIENT_ID)

    with_venue(BYBIT, run)


def test_a_key_that_is_cut_to_length_shows_not_even_in_part() -> None:
    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        words = "x" * 194 + CREDENTIALS.key
        stub.otherwise = {"retCode": 10003, "retMsg": words, "result": {}}
        with pytest.raises(Rejected) as error:
            await venue.balances()
        assert CREDENTIALS.key[:4] not in str(error.value)

    with_venue(BYBIT, run)


@pytest.mark.parametrize(
    ("market", "path", "reply"),
    [
        ("binance:spot", "/api/v3/order", Reply({"code": -2013, "msg": "no such order"}, 400)),
        ("okx:linear", "/api/v5/trade/order", {"code": "51603", "msg": "gone", "data": []}),
        ("gate:spot", f"/api/v4/spot/orders/t-{ID}", Reply({"label": "ORDER_NOT_FOUND"}, 400)),
    ],
)
def test_not_found_is_none_and_another_refusal_is_raised(
    market: str, path: str, reply: Any
) -> None:
    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.answers["GET", path] = reply
        assert await venue.order(stub.instrument, CLIENT_ID) is None

    with_venue(market, run)


def test_already_so_is_a_success() -> None:
    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.otherwise = {"retCode": 110043, "retMsg": "leverage not modified", "result": {}}
        await venue.set_leverage(stub.instrument, Decimal(5), MarginMode.CROSS)

    with_venue(BYBIT, run)


def test_every_page_of_open_orders_is_read() -> None:
    row = REPLIES["bybit", "linear"]["order"]["result"]["list"][0]

    def page(first: int, count: int, cursor: str) -> Reply:
        rows = [{**row, "orderLinkId": str(first + n)} for n in range(count)]
        return Reply({"retCode": 0, "result": {"list": rows, "nextPageCursor": cursor}})

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        stub.answers["GET", "/v5/order/realtime"] = [page(1, 50, "a"), page(51, 7, "b")]
        found = await venue.open_orders()
        assert [each.client_id for each in found] == list(range(1, 58))
        assert stub.last.params["cursor"] == "a"

    with_venue(BYBIT, run)


def test_a_position_in_something_new_is_not_taken_for_flat() -> None:
    """A symbol nobody knows is looked up before its row is left out."""
    row = REPLIES["bybit", "linear"]["position"]["result"]["list"][0]

    async def run(venue: RestVenue, stub: Stub) -> None:
        (listing,) = await venue.listings()
        path = ("GET", "/v5/market/instruments-info")
        known = stub.answers[path]["result"]["list"][0]
        new = {**known, "symbol": "NEWUSDT", "baseCoin": "NEW"}
        answer = {"retCode": 0, "result": {"list": [known, new], "category": "linear"}}
        stub.answers[path] = answer
        rows = [{**row, "symbol": "NEWUSDT"}, {**row, "symbol": "BTCPERP"}]
        stub.otherwise = {"retCode": 0, "result": {"list": rows}}
        (position,) = await venue.positions()
        assert position.instrument.symbol == "NEWUSDT"
        assert position.instrument.market_id == listing.instrument.id.market_id

    with_venue(BYBIT, run)


def test_a_full_page_of_fills_is_never_believed() -> None:
    """Every fill is told once, whatever order the venue's pages have and however many there are."""
    row = REPLIES["bybit", "linear"]["fill"]["result"]["list"][0]
    times = [AT_MS - 200_000 + 700 * n for n in range(260)]
    rows = [{**row, "execId": f"t{at}", "execTime": str(at)} for at in times]

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        await venue.venue_now_ns()

        async def rows_of(params: dict[str, Any]) -> dict[str, Any]:
            ends = (int(params["startTime"]), int(params["endTime"]))
            found = [each for each in rows if ends[0] <= int(each["execTime"]) <= ends[1]]
            return {"result": {"list": found[::-1][:100]}}

        venue._session.client.privateGetV5ExecutionList = rows_of
        cursor, told = f"ms:{times[0]}:", []
        for _ in range(20):
            page = await venue.fills(stub.instrument, cursor)
            told += [fill.trade_id for fill in page.fills]
            cursor = page.cursor
            if page.complete:
                break
        reached = [f"t{at}" for at in times if at <= NOW_MS + 5_000]
        assert told[: len(reached)] == reached
        assert len(told) == len(set(told))
        again = await venue.fills(stub.instrument, cursor)
        assert not {fill.trade_id for fill in again.fills} & set(told)

    with_venue(BYBIT, run)


@pytest.mark.parametrize("market", MARKETS)
def test_nothing_is_asked_that_nobody_asked_for(market: str) -> None:
    """The probes that ccxt would send on its first calls stay unsent."""

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        listed = len(stub.asked)
        assert listed <= 2
        stub.otherwise = reply_to(market, "balances")
        await venue.balances()
        rest = [each.path for each in stub.asked[listed:]]
        paths = [path for path in dict.fromkeys(rest) if "time" not in path and "ping" not in path]
        # HTX's spot account has a number that must be known
        assert len(paths) == (2 if market == "htx:spot" else 1)

    with_venue(market, run)


@pytest.mark.parametrize("market", MARKETS)
def test_no_secret_shows_in_any_error_log_or_repr(
    market: str, caplog: pytest.LogCaptureFixture
) -> None:
    """I7: even where the venue repeats the key in its words."""
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    echo = {"code": 9, "retCode": 9, "label": "X", "err-code": "x", "status": "error"}
    words = f"bad key {CREDENTIALS.key} {CANARY} {CREDENTIALS.password}"
    echo |= dict.fromkeys(("msg", "retMsg", "message", "err-msg"), words)

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        shown.append(repr(venue) + repr(vars(venue)) + repr(vars(venue._session)))
        for reply in (Reply(echo, 400), Reply(drop=True), Reply("<html>" + words)):
            stub.otherwise = reply
            for asking in (venue.balances(), venue.place(order(stub))):
                try:
                    await asking
                except VenueError as error:
                    shown.append("".join(traceback.format_exception(error)) + error.hint)

    with_venue(market, run)
    text = "".join(shown) + caplog.text
    assert len(shown) > 4
    for secret in (CANARY, CREDENTIALS.key, CREDENTIALS.password, "signature=", "Signature="):
        assert secret not in text
    assert repr(CREDENTIALS) == "Credentials(***)"


@pytest.mark.parametrize("market", MARKETS)
def test_the_smallest_order_is_known_at_every_market(market: str) -> None:
    async def run(venue: RestVenue, _: Stub) -> None:
        (listing,) = await venue.listings()
        assert listing.min_quantity >= listing.instrument.lot_step > 0

    with_venue(market, run)


def test_the_same_quantity_reaches_every_venue_in_its_own_units() -> None:
    """G7: a contract is 0.01, 0.0001 or 0.001 BTC; the notional sent is the one that was meant."""
    contracts = {"okx": "2", "gate": "200", "htx": "20", "mexc": "200"}
    for venue_name, units in contracts.items():

        async def run(venue: RestVenue, stub: Stub, units: str = units) -> None:
            await venue.listings()
            stub.otherwise = reply_to(f"{stub.venue}:linear", "place")
            await venue.place(order(stub))
            sent = stub.last.params
            size = next(sent[key] for key in ("sz", "size", "volume", "vol") if key in sent)
            assert str(size) == units

        with_venue(f"{venue_name}:linear", run)


def test_an_unreachable_test_host_or_missing_ccxt_is_said_before_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bowline.core.errors import BadInput
    from bowline.venues.rest import client

    stub = Stub("htx", "spot")
    from tests.venues.rest.stub import make_venue

    with pytest.raises(BadInput, match="no test host"):
        make_venue(stub, "testnet")

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(client, "import_module", missing)
    with pytest.raises(BadInput, match="ccxt") as error:
        make_venue(stub, "")
    assert "make live" in error.value.hint


def test_a_market_buy_in_quote_money_is_refused_before_anything_is_asked() -> None:
    (error,), stub = raised_by_place("gate:spot", {}, kind=OrderKind.MARKET, price=None)
    assert type(error) is Rejected
    assert "IOC" in error.hint
    assert not stub.asked


KEEP_ALIVES = {
    "binance:linear": ("PUT", "/fapi/v1/listenKey"),
    "bingx:spot": ("PUT", "/openApi/user/auth/userDataStream"),
    "bingx:linear": ("PUT", "/openApi/user/auth/userDataStream"),
    "mexc:spot": ("PUT", "/api/v3/userDataStream"),
}
GONE = Reply({"code": -1125, "msg": "This listenKey does not exist."}, 400)
KEPT: list[tuple[str, Reply, type[VenueError] | None]] = [
    # developers.binance.com, USDⓈ-M futures, keepalive user data stream; error codes
    ("binance:linear", Reply({"listenKey": "k"}), None),
    ("binance:linear", GONE, Rejected),
    # bingx-api.github.io/docs, other interface: 200 success, 404 not find key, and no content
    ("bingx:spot", Reply("", 200), None),
    ("bingx:linear", Reply("", 200), None),
    ("bingx:linear", Reply("", 404), Rejected),
    ("bingx:linear", Reply("", 503), Retryable),
    ("bingx:linear", Reply("<html>", 200), Retryable),
    # mexcdevelop.github.io/apidocs, spot v3, keep-alive a listen key
    ("mexc:spot", Reply({"listenKey": "k"}), None),
    ("mexc:spot", Reply("", 200), Retryable),
]


@pytest.mark.parametrize(("market", "reply", "expected"), KEPT)
def test_a_listen_key_is_kept_gone_or_in_doubt(
    market: str, reply: Reply, expected: type[VenueError] | None
) -> None:
    """BingX says yes without a word: github.com/ccxt/ccxt/pull/21709."""
    said: list[VenueError | None] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        stub.answers[KEEP_ALIVES[market]] = [reply]
        try:
            assert await venue.stream_key("k") == "k"
        except VenueError as error:
            said.append(error)
        else:
            said.append(None)

    with_venue(market, run)
    assert type(said[0]) is (expected or type(None))
