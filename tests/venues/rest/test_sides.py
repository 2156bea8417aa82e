"""Protects the side of what REST tells: a sell is a sell at each of the sixteen markets.

Where a venue's word for it is not buy or sell alone, the words are those of its documents.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, Side
from bowline.venues.rest import RestVenue
from bowline.venues.stream.account_state import AccountHoldings
from tests.venues.rest.stub import Stub, with_venue
from tests.venues.rest.test_contract import LINEAR, MARKETS, reply_to
from tests.venues.rest.test_fills import quirks_of, rows_in, told_fills

#: by market: how a sell differs from a buy, in an order and in a fill
SELLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "binance:spot": ({"side": "SELL"}, {"isBuyer": False}),
    "binance:linear": ({"side": "SELL"}, {"side": "SELL", "buyer": False}),
    "bybit:spot": ({"side": "Sell"}, {"side": "Sell"}),
    "bybit:linear": ({"side": "Sell"}, {"side": "Sell"}),
    "okx:spot": ({"side": "sell"}, {"side": "sell"}),
    "okx:linear": ({"side": "sell"}, {"side": "sell"}),
    "bitget:spot": ({"side": "sell"}, {"side": "sell"}),
    "bitget:linear": (
        {"side": "sell", "tradeSide": "sell_single"},
        {"side": "sell", "tradeSide": "sell_single"},
    ),
    "bingx:spot": ({"side": "SELL"}, {"isBuyer": False}),
    "bingx:linear": ({"side": "SELL"}, {"side": "SELL"}),
    "gate:spot": ({"side": "sell"}, {"side": "sell"}),
    "gate:linear": ({"size": "-200", "left": "-150"}, {"size": "-50"}),
    "htx:spot": ({"type": "sell-limit"}, {"type": "sell-limit"}),
    "htx:linear": ({"side": "sell"}, {"side": "sell"}),
    "mexc:spot": ({"side": "SELL"}, {"isBuyer": False}),
    "mexc:linear": ({"side": 3}, {"side": 3}),
}
BITGET_CLOSES = {"posMode": "hedge_mode", "reduceOnly": "YES"}
#: what else a venue says of a side: market, difference, side
WORDS: list[tuple[str, dict[str, Any], Side]] = [
    # mexcdevelop.github.io/apidocs, contract v1, order and deal: 1 open long, 2 close short,
    # 3 open short, 4 close long
    ("mexc:linear", {"side": 1}, Side.BUY),
    ("mexc:linear", {"side": 2}, Side.BUY),
    ("mexc:linear", {"side": 3}, Side.SELL),
    ("mexc:linear", {"side": 4}, Side.SELL),
    # bitget.com/api-doc, contract, place order: in hedge mode a long is opened by buy and open,
    # closed by buy and close, a short by sell and open, sell and close
    ("bitget:linear", {"side": "buy", "tradeSide": "open", "posMode": "hedge_mode"}, Side.BUY),
    ("bitget:linear", {"side": "buy", "tradeSide": "close", **BITGET_CLOSES}, Side.SELL),
    ("bitget:linear", {"side": "sell", "tradeSide": "open", "posMode": "hedge_mode"}, Side.SELL),
    ("bitget:linear", {"side": "sell", "tradeSide": "close", **BITGET_CLOSES}, Side.BUY),
    # the same, enumeration `tradeSide`: what the venue forces names the position that it closes
    ("bitget:linear", {"side": "buy", "tradeSide": "burst_close_long"}, Side.SELL),
    ("bitget:linear", {"side": "sell", "tradeSide": "reduce_close_short"}, Side.BUY),
    ("bitget:linear", {"side": "sell", "tradeSide": "dte_sys_adl_close_short"}, Side.BUY),
    ("bitget:linear", {"side": "sell", "tradeSide": "burst_sell_single"}, Side.SELL),
]


def told_order(market: str, change: dict[str, Any]) -> Any:
    """What is read of the market's open orders with this difference."""
    found: list[Any] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        reply = copy.deepcopy(reply_to(market, "open"))
        call = quirks_of(market).open_orders
        rows = rows_in([reply] if isinstance(reply, dict) and not call.rows else reply, call.rows)
        if call.nested_rows:
            rows = rows[0][call.nested_rows]
        rows[0].update(change)
        stub.otherwise = reply
        found.append(await venue.open_orders(stub.instrument))

    with_venue(market, run)
    return found[0]


@pytest.mark.parametrize("market", MARKETS)
def test_a_sell_is_a_sell(market: str) -> None:
    of_order, of_fill = SELLS[market]
    (order,), page = told_order(market, of_order), told_fills(market, {}, of_fill)
    assert (order.side, order.state) == (Side.SELL, OrderState.PARTLY_FILLED)
    assert {fill.side for fill in page.fills} == {Side.BUY, Side.SELL}
    assert not page.unreadable


@pytest.mark.parametrize(("market", "change", "side"), WORDS)
def test_a_side_is_what_the_venues_word_for_it_means(
    market: str, change: dict[str, Any], side: Side
) -> None:
    """The word for a closed long is not a buy.

    github.com/enarjord/passivbot/issues/1729, github.com/JKorf/CryptoClients.Net/issues/31.
    """
    (order,), (fill,) = told_order(market, change), told_fills(market, change).fills
    assert (order.side, fill.side) == (side, side)


@pytest.mark.parametrize("side", [5, "long", None])
def test_a_side_that_nobody_knows_is_unreadable_and_never_guessed(side: object) -> None:
    page = told_fills("mexc:linear", {"side": side})
    assert not page.fills
    assert len(page.unreadable) == 1
    orders = told_order("mexc:linear", {"side": side})
    assert not orders
    assert len(orders.unreadable) == 1


#: by market: how the two positions of a hedged account differ from the one of a one-way account
HEDGED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "binance:linear": (
        {"positionSide": "LONG"},
        {"positionSide": "SHORT", "positionAmt": "-0.02", "notional": "-802"},
    ),
    "bybit:linear": ({"positionIdx": 1}, {"positionIdx": 2, "side": "Sell"}),
    "okx:linear": ({"posSide": "long"}, {"posSide": "short"}),
    "bitget:linear": ({"posMode": "hedge_mode"}, {"posMode": "hedge_mode", "holdSide": "short"}),
    "bingx:linear": ({"positionSide": "LONG"}, {"positionSide": "SHORT"}),
    # apiv4, futures, Position: `mode`
    "gate:linear": ({"mode": "dual_long"}, {"mode": "dual_short", "size": "-200"}),
    # htx.com/en-us/opend, v5, positions: long, short, or both for a one-way account
    "htx:linear": (
        {"position_side": "long", "direction": "buy"},
        {"position_side": "short", "direction": "sell"},
    ),
    "mexc:linear": ({"positionType": 1}, {"positionType": 2}),
}


def told_positions(market: str, *changes: dict[str, Any]) -> Any:
    """What is read of the market's position, once for each change."""
    found: list[Any] = []

    async def run(venue: RestVenue, stub: Stub) -> None:
        await venue.listings()
        reply = copy.deepcopy(reply_to(market, "position"))
        rows = rows_in(reply, quirks_of(market).positions.rows)
        (row,) = rows
        rows[:] = [{**row, **change} for change in changes]
        stub.otherwise = reply
        found.append(await venue.positions())

    with_venue(market, run)
    return found[0]


@pytest.mark.parametrize("market", LINEAR)
def test_both_positions_of_a_hedged_account_are_kept(market: str) -> None:
    """The second takes no place of the first: github.com/ccxt/ccxt/issues/16737."""
    found = told_positions(market, *HEDGED[market])
    assert {each.direction for each in found} == {Direction.LONG, Direction.SHORT}
    assert all(each.hedged for each in found)
    holdings = AccountHoldings()
    for each in found:
        holdings.set_position(holdings.with_known_mode(each))
    assert len(list(holdings.positions)) == 2


@pytest.mark.parametrize("market", ["gate:linear", "htx:linear", "bybit:linear", "okx:linear"])
def test_one_position_of_a_hedged_account_says_so(market: str) -> None:
    for change in HEDGED[market]:
        (position,) = told_positions(market, change)
        assert position.hedged
    (position,) = told_positions(market, {})
    assert not position.hedged
