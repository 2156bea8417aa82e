"""Protects the second judge: what it compares can differ, and the page says what it found."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.values import SECOND_NS, Side
from bowline.core.sim.exchange import NewOrder
from bowline.core.venue import MarginMode, OrderKind
from bowline.simex import ACCOUNT, VenueSimulator, VirtualClock, symbol_spec
from tests.simex.freqtrade_judge import books
from tests.simex.freqtrade_judge.__main__ import MARKETS
from tests.simex.freqtrade_judge.bout import STEPS
from tests.simex.freqtrade_judge.environment import ROOT
from tests.simex.freqtrade_judge.market import StillMarket
from tests.simex.page import ABSENT, NO, PAGE, YES

START_NS = 1_800_000_000 * SECOND_NS
#: what a long of 0.01 at 60,000 is at Binance, isolated at a leverage of 20: a taker pays 0.05 %,
#: and (600 - 30) / (0.01 (1 - 0.004)) = 57,228.92 is where 0.4 % of its value is all that is left.
#: freqtrade stays 5 % of the way away from it
TRADE: dict[str, Any] = {
    "trade_id": 1, "pair": "BTC/USDT:USDT", "is_open": True, "is_short": False, "amount": 0.01,
    "open_rate": 60_000, "leverage": 20, "fee_open": 0.0005, "fee_open_currency": "USDT",
    "liquidation_price": 57_228.92 + 0.05 * (60_000 - 57_228.92), "stop_loss_abs": 58_000,
    "open_timestamp": START_NS // 10**6, "close_timestamp": None,
    "orders": [{"filled": 0.01, "safe_price": 60_000, "order_filled_timestamp": 1}],
}  # fmt: skip
BALANCES = {"currencies": [{"currency": "USDT", "is_position": False, "free": 999_969.7}]}


def held() -> Any:
    """Binance with that position."""
    market = StillMarket([symbol_spec("BTCUSDT")], seed=1)
    venue = VenueSimulator(["binance"], market=market, clock=VirtualClock(START_NS)).venues[
        "binance"
    ]
    at = books.instrument_of(venue, "linear", TRADE["pair"])
    venue.set_margin_mode(ACCOUNT, at, MarginMode.ISOLATED)
    order = (ACCOUNT, at, Side.BUY, OrderKind.MARKET, Decimal("0.01"))
    venue.place(NewOrder(*order))
    return venue


def check(venue: Any, trade: dict[str, Any]) -> None:
    books.check_trades(venue, "linear", [trade])
    books.check_positions(venue, "linear", [trade])
    books.check_balances(venue, "linear", BALANCES, flat=True)


def test_equal_books_agree() -> None:
    check(held(), TRADE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0.02}, {"open_rate": 60_001}, {"leverage": 10}, {"is_short": True},
        {"fee_open": 0.0002}, {"fee_open_currency": "BNB"}, {"liquidation_price": 57_228.92},
        {"orders": []}, {"orders": [TRADE["orders"][0] | {"safe_price": 60_001}]},
    ],
)  # fmt: skip
def test_a_difference_is_found(wrong: dict[str, Any]) -> None:
    venue = held()
    with pytest.raises(AssertionError):
        check(venue, TRADE | wrong)


@pytest.mark.parametrize(
    ("trigger", "price", "quantity", "how"),
    [
        ("58000", "57420", "0.01", ""),
        ("58000", None, "0.01", "the stop's limit price"),
        ("58000", "57000", "0.01", "stop limit"),
        ("57000", "57420", "0.01", "stop price"),
        ("58000", "57420", "0.02", "stop quantity"),
    ],
)
def test_a_stop_is_what_was_asked_for(
    trigger: str, price: str | None, quantity: str, how: str
) -> None:
    venue = held()
    at = books.instrument_of(venue, "linear", TRADE["pair"])
    limit = None if price is None else Decimal(price)
    asked = (ACCOUNT, at, Side.SELL, OrderKind.STOP, Decimal(quantity), limit, None)
    venue.place(NewOrder(*asked, Decimal(trigger), reduce_only=True))
    stop = books.resting_stop(venue, "linear", TRADE["pair"])
    assert stop is not None
    if not how:
        books.check_stop(stop, TRADE, "limit")
        return
    with pytest.raises(AssertionError, match=how):
        books.check_stop(stop, TRADE, "limit")


def test_the_page_says_what_freqtrade_finds_in_the_versions_that_are_pinned() -> None:
    text = PAGE.read_text("utf-8").partition("<!-- freqtrade's table -->\n")[2]
    versions, _, head, _, *rows = text.partition("<!-- end of")[0].splitlines()
    pins = (ROOT / "requirements" / "judge.txt").read_text("utf-8")
    freqtrade, ccxt = versions.split()[1], versions.split()[4].rstrip(",")
    assert f"\nfreqtrade=={freqtrade} " in pins
    assert f"\nccxt=={ccxt} " in pins
    assert head == "| | " + " | ".join(STEPS) + " |"
    cells = [[each.strip() for each in row.strip("|").split("|")] for row in rows]
    assert [row[0] for row in cells] == [" ".join(market) for market in MARKETS]
    assert {mark for row in cells for mark in row[1:]} <= {YES, NO, ABSENT}
