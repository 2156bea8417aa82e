"""The judge's table: what ccxt, as an independent client, can do at each simulated venue.

    python -m tests.simex.judge          ask ccxt, and write the table of docs/reference/simex.md
    python -m tests.simex.judge bybit    one venue, with the reason for every no

An operation is a coroutine function that asserts. `tests/simex/test_judge.py` holds every cell of
the page to what comes out here, the yes and the no.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from bowline.simex import DIALECTS
from tests.simex.clients import Seat, seated
from tests.simex.oddities import (
    BY_CLIENT_ID,
    CODE_OF_NO_MONEY,
    CODE_OF_TAKER,
    FEE_TURNED,
    FIRST_ID,
    STOPS_APART,
    STOPS_ONE_BY_ONE,
    TOLD,
    WHOLE_BOOK,
)
from tests.simex.page import KINDS, PAGE, between, played, rows

#: one operation may take so long before it counts as a no
_PATIENCE_S = 10.0
_SIZE = 0.01

Operation = Callable[[Seat], Awaitable[None]]
OPERATIONS: dict[str, Operation] = {}


def operation(name: str) -> Callable[[Operation], Operation]:
    """Put a row into the table."""

    def enter(function: Operation) -> Operation:
        OPERATIONS[name] = function
        return function

    return enter


async def _far_below(seat: Seat) -> float:
    book = await seat.client.fetch_order_book(seat.symbol, 5)
    return float(seat.client.price_to_precision(seat.symbol, book["bids"][0][0] * 0.95))


def _next_id(seat: Seat) -> str:
    """Ids as Bowline makes them: 63-bit integers in decimal."""
    first = FIRST_ID.get((seat.venue, seat.kind), 1_760_000_000_000_000_000)
    seat.client.last_id = getattr(seat.client, "last_id", first) + 1
    return str(seat.client.last_id)


async def _resting(seat: Seat, **params: Any) -> tuple[dict[str, Any], str]:
    cid, price = _next_id(seat), await _far_below(seat)
    words = {"clientOrderId": cid, **params}
    return await _limit_buy(seat, price, words), cid


async def _bought(seat: Seat, **params: Any) -> dict[str, Any]:
    book = await seat.client.fetch_order_book(seat.symbol, 5)
    price = float(seat.client.price_to_precision(seat.symbol, book["asks"][0][0] * 1.01))
    return await _limit_buy(seat, price, {"clientOrderId": _next_id(seat), **params})


async def _limit_buy(seat: Seat, price: float, words: dict[str, Any]) -> dict[str, Any]:
    order = (seat.symbol, "limit", "buy", _amount(seat), price, words)
    made: dict[str, Any] = await _patiently(seat.client.create_order, *order)
    return made


async def _patiently(ask: Callable[..., Awaitable[Any]], *words: Any) -> Any:
    """Asked once more when the venue's limit was met by all that was asked before."""
    import ccxt

    try:
        return await ask(*words)
    except ccxt.OperationFailed:  # what ccxt makes of it differs from venue to venue
        await asyncio.sleep(1.1)
        return await ask(*words)


def _told(seat: Seat, name: str) -> dict[str, Any]:
    return TOLD.get(seat.venue, {}).get(name, {})


def _amount(seat: Seat) -> float:
    """The same in base units everywhere, whatever a contract is."""
    return _SIZE / float(seat.client.market(seat.symbol)["contractSize"] or 1)


async def _after(watch: Awaitable[Any], act: Callable[[], Awaitable[Any]]) -> Any:
    """What a stream says of something done once it is listening."""
    waiting = asyncio.ensure_future(watch)
    try:
        for _ in range(20):
            await asyncio.sleep(0.15)
            if waiting.done():
                break
            await act()
        return await waiting
    finally:
        waiting.cancel()


@operation("load markets")
async def _(seat: Seat) -> None:
    market = seat.client.market(seat.symbol)
    assert market["active"]
    assert market["linear" if seat.kind == "linear" else "spot"]
    assert market["precision"]["price"] > 0
    assert market["precision"]["amount"] > 0


@operation("server time")
async def _(seat: Seat) -> None:
    assert abs(await seat.client.fetch_time() - seat.client.milliseconds()) < 5_000


@operation("ticker")
async def _(seat: Seat) -> None:
    ticker = await seat.client.fetch_ticker(seat.symbol)
    assert ticker["last"] > 0


@operation("book")
async def _(seat: Seat) -> None:
    book = await seat.client.fetch_order_book(seat.symbol, 5)
    assert 0 < book["bids"][0][0] < book["asks"][0][0]
    assert len(book["bids"]) == 5 or (seat.venue, seat.kind) in WHOLE_BOOK


@operation("public trades")
async def _(seat: Seat) -> None:
    trades = await seat.client.fetch_trades(seat.symbol)
    assert trades[-1]["price"] > 0
    assert trades[-1]["side"] in ("buy", "sell")


@operation("candles")
async def _(seat: Seat) -> None:
    candles = await seat.client.fetch_ohlcv(seat.symbol, "1m")
    assert len(candles) > 20
    assert candles[1][0] - candles[0][0] == 60_000
    assert candles[-1][2] >= candles[-1][3] > 0


@operation("funding history")
async def _(seat: Seat) -> None:
    rates = await seat.client.fetch_funding_rate_history(seat.symbol)
    assert abs(rates[-1]["fundingRate"]) < 0.01


@operation("watch book")
async def _(seat: Seat) -> None:
    for _ in range(3):
        book = await seat.client.watch_order_book(seat.symbol)
        assert 0 < book["bids"][0][0] < book["asks"][0][0]


@operation("watch best prices")
async def _(seat: Seat) -> None:
    found = await seat.client.watch_bids_asks([seat.symbol])
    assert 0 < found[seat.symbol]["bid"] < found[seat.symbol]["ask"]


@operation("watch trades")
async def _(seat: Seat) -> None:
    trades = await seat.client.watch_trades(seat.symbol)
    assert trades[-1]["price"] > 0


@operation("watch candles")
async def _(seat: Seat) -> None:
    candles = await seat.client.watch_ohlcv(seat.symbol, "1m")
    assert candles[-1][0] % 60_000 == 0
    assert candles[-1][4] > 0


@operation("watch ticker")
async def _(seat: Seat) -> None:
    ticker = await seat.client.watch_ticker(seat.symbol)
    assert ticker["last"] > 0


@operation("balance")
async def _(seat: Seat) -> None:
    balance = await seat.client.fetch_balance()
    assert balance["USDT"]["total"] > 100_000


@operation("place a limit order")
async def _(seat: Seat) -> None:
    made, _ = await _resting(seat)
    assert made["id"]


@operation("open orders")
async def _(seat: Seat) -> None:
    made, cid = await _resting(seat)
    found = {each["id"]: each for each in await seat.client.fetch_open_orders(seat.symbol)}
    assert found[made["id"]]["status"] == "open"
    # what ccxt does not read of MEXC's contracts, it hands on
    ours = found[made["id"]]["clientOrderId"] or found[made["id"]]["info"]["externalOid"]
    assert ours.removeprefix("t-") == cid
    assert found[made["id"]]["amount"] == _amount(seat)


@operation("look up by our id")
async def _(seat: Seat) -> None:
    made, cid = await _resting(seat)
    id_, params = BY_CLIENT_ID.get(seat.venue, lambda c: (None, {"clientOrderId": c}))(cid)
    found = await seat.client.fetch_order(id_, seat.symbol, params)
    assert found["id"] == made["id"]


@operation("cancel by our id")
async def _(seat: Seat) -> None:
    made, cid = await _resting(seat)
    id_, params = BY_CLIENT_ID.get(seat.venue, lambda c: (None, {"clientOrderId": c}))(cid)
    await seat.client.cancel_order(id_, seat.symbol, params)
    assert made["id"] not in {e["id"] for e in await seat.client.fetch_open_orders(seat.symbol)}


@operation("cancel by the venue's id")
async def _(seat: Seat) -> None:
    made, _ = await _resting(seat)
    await seat.client.cancel_order(made["id"], seat.symbol)
    assert made["id"] not in {e["id"] for e in await seat.client.fetch_open_orders(seat.symbol)}


@operation("cancel all")
async def _(seat: Seat) -> None:
    await _resting(seat)
    await seat.client.cancel_all_orders(seat.symbol)
    assert not await seat.client.fetch_open_orders(seat.symbol)


@operation("market order, filled")
async def _(seat: Seat) -> None:
    params: dict[str, Any] = {"clientOrderId": _next_id(seat)}
    price = (await seat.client.fetch_order_book(seat.symbol, 5))["asks"][0][0]
    made = await seat.client.create_order(
        seat.symbol, "market", "buy", _amount(seat), price, params
    )
    found = await seat.client.fetch_order(made["id"], seat.symbol, {"acknowledged": True})
    assert found["status"] == "closed"
    assert found["filled"] > 0
    assert found["average"] > 0


@operation("post-only, refused or cancelled")
async def _(seat: Seat) -> None:
    import ccxt

    try:
        made = await _bought(seat, postOnly=True)
        found = await seat.client.fetch_order(made["id"], seat.symbol, {"acknowledged": True})
    except ccxt.InvalidOrder:
        return
    except ccxt.ExchangeError as error:
        if str(CODE_OF_TAKER.get(seat.venue)) in str(error):
            return
        raise
    assert found["status"] in ("canceled", "rejected", "expired")
    assert not found["filled"]


@operation("fills")
async def _(seat: Seat) -> None:
    made = await _bought(seat)
    fills = await seat.client.fetch_my_trades(seat.symbol)
    mine = [each for each in fills if each["order"] == made["id"]]
    assert abs(sum(each["amount"] for each in mine) - _amount(seat)) < 1e-9
    sign = -1 if (seat.venue, seat.kind) in FEE_TURNED else 1
    assert mine[0]["fee"]["cost"] * sign > 0


@operation("not enough money, said so")
async def _(seat: Seat) -> None:
    import ccxt

    price = await _far_below(seat)
    try:
        await seat.client.create_order(
            seat.symbol, "limit", "buy", _amount(seat) * 1_000_000, price
        )
    except ccxt.InsufficientFunds:
        return
    except ccxt.ExchangeError as error:
        if str(CODE_OF_NO_MONEY.get(seat.venue)) in str(error):
            return
        raise
    raise AssertionError("it was taken")


@operation("wrong signature, said so")
async def _(seat: Seat) -> None:
    import ccxt

    secret, seat.client.secret = seat.client.secret, "0" * 64
    try:
        await seat.client.fetch_balance()
    except ccxt.AuthenticationError:
        return
    finally:
        seat.client.secret = secret
    raise AssertionError("it was believed")


@operation("set leverage")
async def _(seat: Seat) -> None:
    told = _told(seat, "set leverage")
    await seat.client.set_leverage(7, seat.symbol, {"marginMode": "cross", "side": "BOTH", **told})
    await _bought(seat)
    (position,) = await seat.client.fetch_positions([seat.symbol])
    leverage = position["leverage"]
    if leverage is None:
        leverage = (await seat.client.fetch_leverage(seat.symbol))["longLeverage"]
    assert leverage == 7


@operation("positions")
async def _(seat: Seat) -> None:
    await _bought(seat)
    (position,) = await seat.client.fetch_positions([seat.symbol])
    assert position["side"] == "long"
    assert position["contracts"] >= _amount(seat)
    assert position["entryPrice"] > 0


@operation("watch orders")
async def _(seat: Seat) -> None:
    orders = await _after(seat.client.watch_orders(seat.symbol), lambda: _resting(seat))
    assert orders[-1]["status"] == "open"


@operation("watch fills")
async def _(seat: Seat) -> None:
    fills = await _after(seat.client.watch_my_trades(seat.symbol), lambda: _bought(seat))
    assert fills[-1]["amount"] > 0


@operation("watch balance")
async def _(seat: Seat) -> None:
    told = _told(seat, "watch balance")
    balance = await _after(seat.client.watch_balance(told), lambda: _bought(seat))
    assert balance["USDT"]["total"] > 0


@operation("watch positions")
async def _(seat: Seat) -> None:
    positions = await _after(seat.client.watch_positions([seat.symbol]), lambda: _bought(seat))
    assert positions[-1]["contracts"] > 0


@operation("order over the socket")
async def _(seat: Seat) -> None:
    price = await _far_below(seat)
    made = await seat.client.create_order_ws(seat.symbol, "limit", "buy", _amount(seat), price)
    assert made["id"]


@operation("amend an order")
async def _(seat: Seat) -> None:
    made, _ = await _resting(seat)
    price = float(seat.client.price_to_precision(seat.symbol, await _far_below(seat) * 0.99))
    words = (seat.symbol, "limit", "buy", _amount(seat), price)
    after = await seat.client.edit_order(made["id"], *words)
    found = {each["id"]: each for each in await seat.client.fetch_open_orders(seat.symbol)}
    assert found[after["id"]]["price"] == price


@operation("a stop waits")
async def _(seat: Seat) -> None:
    trigger = await _far_below(seat)
    words = {"triggerPrice": trigger, "clientOrderId": _next_id(seat)}
    if seat.kind == "linear":
        words |= {"triggerDirection": "descending"} | _told(seat, "a stop waits")
    made = await seat.client.create_order(seat.symbol, "market", "sell", _amount(seat), None, words)
    found = await seat.client.fetch_open_orders(seat.symbol, None, None, {"trigger": True})
    assert {each["id"]: each["triggerPrice"] for each in found}[made["id"]] == trigger


@operation("cancel all after")
async def _(seat: Seat) -> None:
    await seat.client.cancel_all_orders_after(60_000)


@operation("set margin mode")
async def _(seat: Seat) -> None:
    await _flatten(seat)
    words = {"leverage": 5, **_told(seat, "set margin mode")}
    await seat.client.set_margin_mode("isolated", seat.symbol, words)
    await seat.client.set_margin_mode("cross", seat.symbol, words)


@operation("hedge mode and back")
async def _(seat: Seat) -> None:
    await _flatten(seat)
    await seat.client.set_position_mode(True, seat.symbol)
    await seat.client.set_position_mode(False, seat.symbol)


async def _flatten(seat: Seat) -> None:
    if seat.client.has["cancelAllOrders"]:
        await seat.client.cancel_all_orders(seat.symbol)
    else:
        await _cancel_each(seat, {})
        await _cancel_each(seat, {"trigger": True})
    if seat.venue in STOPS_APART:
        await seat.client.cancel_all_orders(seat.symbol, STOPS_APART[seat.venue])
    if seat.venue in STOPS_ONE_BY_ONE:
        for stop in await seat.client.fetch_open_orders(seat.symbol, None, None, {"trigger": True}):
            await seat.client.cancel_order(stop["id"], seat.symbol, {"trigger": True})
    for position in await seat.client.fetch_positions([seat.symbol]):
        if position["contracts"]:
            book = await _patiently(seat.client.fetch_order_book, seat.symbol, 5)
            price = seat.client.price_to_precision(seat.symbol, book["bids"][0][0] * 0.99)
            words = ("limit", "sell", position["contracts"], float(price), {"reduceOnly": True})
            await _patiently(seat.client.create_order, seat.symbol, *words)


async def _cancel_each(seat: Seat, which: dict[str, Any]) -> None:
    for order in await seat.client.fetch_open_orders(seat.symbol, None, None, which):
        await seat.client.cancel_order(order["id"], seat.symbol, which)


#: rows that only a perpetual can have
LINEAR_ONLY = {
    "funding history", "set leverage", "positions", "watch positions", "set margin mode",
    "hedge mode and back",
}  # fmt: skip


async def examine(venue: str, kind: str) -> dict[str, str]:
    """Every operation at one market: an empty text is a yes, another the reason for the no.

    What ccxt itself does not do at this venue is left out.
    """
    import ccxt

    found = {}
    async with seated(venue, kind) as seat:
        for name, ask in OPERATIONS.items():
            if name in LINEAR_ONLY and kind == "spot":
                continue
            try:
                await asyncio.wait_for(ask(seat), _PATIENCE_S)
                found[name] = ""
            except ccxt.NotSupported:
                continue
            except Exception as error:  # noqa: BLE001 - a no is an answer, whatever it is
                found[name] = f"{type(error).__name__}: {error}"[:300]
    return found


def main(venues: list[str]) -> None:
    """Examine these venues, or all and write the page."""
    cells = {}
    for venue in venues or list(DIALECTS):
        for kind in KINDS:
            cells[venue, kind] = asyncio.run(examine(venue, kind))
            for name, reason in cells[venue, kind].items():
                print(f"{venue}:{kind:7} {name:32} {reason or 'yes'}")  # noqa: T201
    if not venues:
        text = between(PAGE.read_text("utf-8"), "the judge's table", rows(cells, OPERATIONS))
        PAGE.write_text(between(text, "what is played", played()), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
