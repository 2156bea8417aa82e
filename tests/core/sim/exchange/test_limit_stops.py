"""Protects stops with a limit price: limit orders once triggered, which may not fill."""

from __future__ import annotations

import pytest

from bowline.core.sim.exchange import RejectReason, VenueRules
from bowline.core.venue import TimeInForce
from tests.core.sim.exchange.engines import (
    BUY,
    LINEAR,
    MARKET,
    SELL,
    SPOT,
    ask_for,
    d,
    levels,
    moved,
    place,
    refused,
    world,
)

HOLDING = VenueRules(spot_stops_lock=True)


def at(engine, instrument, bid, ask) -> None:
    """The market is there, and somebody has sold at the bid."""
    engine.set_external_book(9, instrument, levels((bid, 50)), levels((ask, 50)))
    engine.print_trade(9, instrument, d(bid), d(1), SELL)


def test_a_triggered_stop_fills_no_worse_than_its_limit() -> None:
    engine = world()
    at(engine, SPOT, 100, 101)
    stop = place(engine, SPOT, SELL, 2, 94, trigger=95)
    at(engine, SPOT, "94.5", 95)
    sold = engine.view.order("a", stop.order_id)
    assert moved(sold) == ("filled", 2, None)
    assert sold.average_price == d("94.5")


def test_a_market_that_leaps_over_the_limit_leaves_the_stop_resting() -> None:
    engine = world()
    at(engine, SPOT, 100, 101)
    stop = place(engine, SPOT, SELL, 2, 94, trigger=95)
    at(engine, SPOT, 90, 91)
    resting = engine.view.order("a", stop.order_id)
    assert (moved(resting), resting.triggered) == (("working", 0, None), True)
    assert (d(94), d(2)) in engine.view.book(SPOT).asks
    at(engine, SPOT, "94.2", "94.3")
    filled = engine.view.order("a", stop.order_id)
    assert (filled.average_price, filled.remaining) == (94, 0)
    assert engine.view.fills("a")[-1].maker


def test_a_stop_without_a_price_is_a_market_order_as_ever() -> None:
    engine = world()
    at(engine, SPOT, 100, 101)
    stop = place(engine, SPOT, SELL, 2, trigger=95)
    at(engine, SPOT, 90, 91)
    assert engine.view.order("a", stop.order_id).average_price == 90


@pytest.mark.parametrize("instrument", [SPOT, LINEAR])
def test_a_stop_that_waits_is_in_no_book_and_holds_nothing(instrument) -> None:
    engine = world()
    at(engine, instrument, 100, 101)
    before = engine.view.holdings("a"), engine.view.book(instrument)
    stop = place(engine, instrument, BUY, 2, 112, trigger=110)
    assert stop.waiting
    after = engine.view.holdings("a"), engine.view.book(instrument)
    assert after == before
    assert engine.cancel(9, "a", stop.order_id).done
    assert engine.view.holdings("a") == before[0]


def test_a_spot_stop_holds_what_it_may_cost_where_the_rules_say_so() -> None:
    """Binance: a STOP_LOSS_LIMIT is on the book's side of the account from the start."""
    engine = world(HOLDING)
    at(engine, SPOT, 100, 101)
    sell = place(engine, SPOT, SELL, 4, 94, trigger=95)
    place(engine, SPOT, BUY, 5, 112, trigger=110)
    assert engine.view.holding("a", "BTC").locked == 4
    assert engine.view.holding("a", "USDT").locked == 560
    assert refused(engine, SPOT, SELL, 7, 94, trigger=95).reason is (
        RejectReason.INSUFFICIENT_FUNDS
    )
    engine.cancel(9, "a", sell.order_id)
    assert engine.view.holding("a", "BTC").free == 10


def test_what_a_stop_held_pays_for_it() -> None:
    engine = world(HOLDING)
    at(engine, SPOT, 100, 101)
    place(engine, SPOT, SELL, 10, 94, trigger=95)
    at(engine, SPOT, "94.5", 95)
    btc = engine.view.holding("a", "BTC")
    assert (btc.total, btc.locked) == (0, 0)


def test_a_post_only_stop_that_would_take_ends_when_it_is_triggered() -> None:
    engine = world()
    at(engine, SPOT, 100, 101)
    stop = place(engine, SPOT, SELL, 2, 94, trigger=95, time_in_force=TimeInForce.POST_ONLY)
    at(engine, SPOT, "94.5", 95)
    assert moved(engine.view.order("a", stop.order_id)) == ("cancelled", 0, "post_only")


def test_a_stop_that_waits_can_be_amended_and_goes_on_waiting() -> None:
    engine = world(HOLDING)
    at(engine, SPOT, 100, 101)
    stop = place(engine, SPOT, SELL, 2, 94, trigger=95)
    changed = engine.amend(9, "a", stop.order_id, quantity=d(3), price=d(93))
    assert (changed.waiting, changed.quantity, changed.price) == (True, 3, 93)
    assert engine.view.holding("a", "BTC").locked == 3
    assert all(price != 93 for price, _ in engine.view.book(SPOT).asks)
    at(engine, SPOT, "93.5", 95)
    assert engine.view.order("a", stop.order_id).filled == 3


def test_a_market_order_has_no_price() -> None:
    engine = world()
    order = ask_for(SPOT, BUY, 1, 100)
    answer = engine.place(9, type(order)("a", SPOT, BUY, MARKET, d(1), d(100)))
    assert answer.reason is RejectReason.BAD_ORDER


def test_a_price_band_is_measured_from_the_trigger() -> None:
    engine = world(VenueRules(price_band=d("0.05")))
    at(engine, LINEAR, 100, 101)
    place(engine, LINEAR, SELL, 1, "76.1", trigger=80)
    assert refused(engine, LINEAR, SELL, 1, "75.9", trigger=80).reason is RejectReason.PRICE_BAND
