"""Protects what an account may ask for: what is refused and why, what each order does."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.sim.exchange import (
    ClientIds,
    FeeAsset,
    Fees,
    MatchingEngine,
    OrderUpdated,
    Rejection,
    RejectReason,
    TriggerPrice,
    VenueOrder,
    VenueRules,
)
from bowline.core.venue import ListingStatus, PositionMode, TimeInForce
from tests.core.sim.exchange.engines import (
    BUY,
    LINEAR,
    LONG,
    SELL,
    SPOT,
    ask_for,
    d,
    levels,
    listing,
    moved,
    place,
    refused,
    world,
)

R, TIF = RejectReason, TimeInForce
FREE = Fees(d(0), d(0))


def market(engine: MatchingEngine, instrument: InstrumentId = SPOT) -> MatchingEngine:
    engine.set_external_book(9, instrument, levels((99, 1), (98, 2)), levels((101, 1), (102, 2)))
    return engine


@pytest.mark.parametrize(
    ("reason", "what", "more"),
    [
        (R.TICK, (SPOT, BUY, 1, "99.005"), {}),
        (R.LOT, (SPOT, BUY, "1.0005", 99), {}),
        (R.BELOW_MIN_QUANTITY, (SPOT, BUY, "0.001", 99), {}),
        (R.BELOW_MIN_NOTIONAL, (SPOT, BUY, "0.05", 99), {}),
        (R.BELOW_MIN_NOTIONAL, (SPOT, SELL, "0.04"), {}),
        (R.BELOW_MIN_NOTIONAL, (SPOT, BUY), {"quote_cost": 4}),
        (R.PRICE_BAND, (SPOT, BUY, 1, 80), {}),
        (R.PRICE_BAND, (SPOT, SELL, 1, 120), {}),
        (R.INSUFFICIENT_FUNDS, (SPOT, BUY, "101.1", 99), {}),
        (R.INSUFFICIENT_FUNDS, (SPOT, SELL, "10.001"), {}),
        (R.INSUFFICIENT_FUNDS, (SPOT, BUY), {"quote_cost": 10_001}),
        (R.POST_ONLY, (SPOT, BUY, 1, 101), {"time_in_force": TIF.POST_ONLY}),
        (R.REDUCE_ONLY, (LINEAR, SELL, 1, 99), {"reduce_only": True}),
        (R.POSITION_MODE, (LINEAR, BUY, 1, 99), {"position_side": LONG}),
        (R.UNKNOWN_INSTRUMENT, (InstrumentId(SPOT.market_id, "ETHUSDT"), BUY, 1, 99), {}),
        (R.NO_LIQUIDITY, (LINEAR, BUY, 1), {}),
        (R.BAD_ORDER, (SPOT, BUY, 1, 99), {"reduce_only": True}),
        (R.BAD_ORDER, (SPOT, BUY, 0, 99), {}),
        (R.BAD_ORDER, (SPOT, BUY, 1, -1), {}),
        (R.BAD_ORDER, (SPOT, BUY, 1), {"time_in_force": TIF.POST_ONLY}),
        (R.BAD_ORDER, (SPOT, SELL), {"quote_cost": 50}),
        (R.BAD_ORDER, (LINEAR, BUY), {"quote_cost": 50}),
        (R.BAD_ORDER, (SPOT, BUY, 1), {"quote_cost": 50}),
        (R.BAD_ORDER, (SPOT, BUY), {}),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason_and_leaves_no_trace(reason, what, more) -> None:
    engine = world(VenueRules(price_band=d("0.1")))
    for instrument in (SPOT, LINEAR):
        steps = {"min_notional": d(5), "min_quantity": d("0.002")}
        engine.change_listing(9, listing(instrument, **steps))
    market(engine)
    engine.take_facts()
    answer = engine.place(9, ask_for(*what, **more))
    assert isinstance(answer, Rejection)
    assert answer.reason is reason
    assert engine.take_facts() == []
    assert not engine.view.open_orders("a")


def test_an_instrument_that_is_not_trading_takes_no_orders_but_lets_them_be_cancelled() -> None:
    engine = market(world())
    order = place(engine, SPOT, BUY, 1, 90)
    engine.change_listing(9, listing(SPOT, status=ListingStatus.HALTED))
    assert refused(engine, SPOT, BUY, 1, 90).reason is R.HALTED
    assert engine.cancel(9, "a", order.order_id).done


def test_a_delisted_instrument_ends_its_orders() -> None:
    engine = market(world())
    order = place(engine, SPOT, BUY, 1, 90)
    engine.change_listing(9, listing(SPOT, status=ListingStatus.DELISTED))
    assert moved(engine.view.order("a", order.order_id)) == ("cancelled", 0, "delisted")
    assert engine.view.holding("a", "USDT").locked == 0


def test_open_orders_are_limited() -> None:
    engine = market(world(VenueRules(max_open_orders=2)))
    orders = [place(engine, SPOT, BUY, 1, 90) for _ in range(2)]
    assert refused(engine, SPOT, BUY, 1, 90).reason is R.TOO_MANY_OPEN_ORDERS
    engine.cancel(9, "a", orders[0].order_id)
    place(engine, SPOT, BUY, 1, 90)


@pytest.mark.parametrize(
    ("rule", "while_open", "after"),
    [
        (ClientIds.NEVER, None, None),
        (ClientIds.OPEN, R.DUPLICATE_ID, None),
        (ClientIds.FOREVER, R.DUPLICATE_ID, R.DUPLICATE_ID),
    ],
)
def test_a_client_id_is_unique_as_the_venue_has_it(rule, while_open, after) -> None:
    engine = market(world(VenueRules(client_ids=rule, history=0)))
    asked = ask_for(SPOT, BUY, 1, 90, client_id="t-007")

    def again():
        answer = engine.place(9, asked)
        return answer.reason if isinstance(answer, Rejection) else None

    assert again() is None
    assert again() is while_open
    engine.cancel_all(9, "a")
    assert again() is after


def test_orders_are_found_by_either_id_open_or_closed() -> None:
    engine = market(world())
    order = place(engine, SPOT, BUY, 1, 90, client_id="t-007")
    assert engine.view.order("a", "t-007") == engine.view.order("a", order.order_id) == order
    ended = engine.cancel(9, "a", "t-007")
    assert moved(ended) == ("cancelled", 0, "requested")
    assert engine.view.order("a", "t-007") == ended
    assert engine.view.closed_orders("a") == [ended]
    assert engine.cancel(9, "a", "t-007").reason is R.ALREADY_DONE
    assert engine.cancel(9, "a", "t-008").reason is R.UNKNOWN_ORDER
    assert engine.cancel(9, "b", order.order_id).reason is R.UNKNOWN_ORDER


@pytest.mark.parametrize(
    ("what", "more", "state"),
    [
        ((SPOT, BUY, 5, 101), {}, ("partly_filled", 1, None)),
        ((SPOT, BUY, 5, 101), {"time_in_force": TIF.IOC}, ("cancelled", 1, "ioc")),
        ((SPOT, BUY, 3, 101), {"time_in_force": TIF.FOK}, ("cancelled", 0, "fok")),
        ((SPOT, BUY, 3, 102), {"time_in_force": TIF.FOK}, ("filled", 3, None)),
        ((SPOT, BUY, 1, 100), {"time_in_force": TIF.POST_ONLY}, ("working", 0, None)),
        ((SPOT, BUY, 5), {}, ("cancelled", 3, "no_liquidity")),
        ((SPOT, BUY), {"quote_cost": 203}, ("filled", 2, None)),
        ((SPOT, BUY), {"quote_cost": 900}, ("cancelled", 3, "no_liquidity")),
    ],
)
def test_what_each_kind_of_order_does_with_its_rest(what, more, state) -> None:
    engine = market(world())
    order = place(engine, *what, **more)
    assert moved(order) == state
    resting = order.remaining if not order.done and order.price == 101 else d(0)
    assert dict(engine.view.book(SPOT).bids).get(d(101), 0) == resting
    if order.done:
        assert engine.view.holding("a", "USDT").locked == 0


def test_a_venue_may_take_a_post_only_order_and_cancel_it() -> None:
    engine = market(world(VenueRules(post_only_refuses=False)))
    engine.take_facts()
    place(engine, SPOT, BUY, 1, 101, time_in_force=TIF.POST_ONLY)
    states = [moved(f.order) for f in engine.take_facts() if isinstance(f, OrderUpdated)]
    assert states == [("working", 0, None), ("cancelled", 0, "post_only")]


def test_the_market_fills_what_it_crosses_at_the_price_of_the_order() -> None:
    engine = market(world(VenueRules(fees=FREE)))
    order = place(engine, SPOT, BUY, 5, 100)
    engine.set_external_book(9, SPOT, levels((90, 1)), levels((95, 2), ("99.5", 1), (101, 9)))
    now = engine.view.order("a", order.order_id)
    assert moved(now) == ("partly_filled", 3, None)
    assert now.average_price == 100
    assert engine.view.fills("a")[0].maker
    assert engine.view.book(SPOT).bids[0] == (100, 2)
    assert engine.view.book(SPOT).asks == ((101, 9),)


@pytest.mark.parametrize(
    ("side", "more", "before", "after"),
    [
        (BUY, {}, 104, 105),
        (SELL, {}, 96, 95),
        (BUY, {"trigger_rising": False}, 96, 95),
        (SELL, {"trigger_rising": True}, 104, 105),
    ],
)
def test_a_stop_waits_for_its_price_and_becomes_a_market_order(side, more, before, after) -> None:
    engine = market(world())
    engine.print_trade(9, SPOT, d(100), d(1), BUY)
    order = place(engine, SPOT, side, 1, trigger=after, **more)
    engine.print_trade(9, SPOT, d(before), d(1), BUY)
    assert engine.view.order("a", order.order_id).waiting
    engine.print_trade(9, SPOT, d(after), d(1), BUY)
    assert moved(engine.view.order("a", order.order_id)) == ("filled", 1, None)


def test_a_stop_on_mark_does_not_look_at_prints() -> None:
    engine = market(world(), LINEAR)
    engine.set_mark_price(9, LINEAR, d(100))
    order = place(engine, LINEAR, BUY, 1, trigger=105, trigger_by=TriggerPrice.MARK)
    engine.print_trade(9, LINEAR, d(110), d(1), BUY)
    assert engine.view.order("a", order.order_id).waiting
    engine.set_mark_price(9, LINEAR, d(106))
    assert engine.view.order("a", order.order_id).done


def test_a_stop_without_the_money_is_rejected_when_it_wakes() -> None:
    engine = market(world())
    order = place(engine, SPOT, SELL, 3, trigger=95)
    place(engine, SPOT, SELL, 9, 150)
    engine.print_trade(9, SPOT, d(95), d(1), BUY)
    now = engine.view.order("a", order.order_id)
    assert moved(now) == ("rejected", 0, "insufficient_funds")
    assert now.reject_reason is R.INSUFFICIENT_FUNDS


def test_a_stop_can_be_cancelled() -> None:
    engine = market(world())
    order = place(engine, SPOT, SELL, 1, trigger=95)
    assert engine.cancel(9, "a", order.order_id).done
    engine.print_trade(9, SPOT, d(95), d(1), BUY)
    assert moved(engine.view.order("a", order.order_id)) == ("cancelled", 0, "requested")


def test_an_amended_order_keeps_its_place_only_if_it_shrinks() -> None:
    engine = world()
    first = place(engine, SPOT, SELL, 3, 100)
    second = place(engine, SPOT, SELL, 3, 100, account="b")
    assert engine.amend(9, "a", first.order_id, quantity=d(2)).remaining == 2
    place(engine, SPOT, BUY, 1, 100, account="b")
    assert engine.view.order("a", first.order_id).filled == 1
    engine.amend(9, "a", first.order_id, quantity=d(5))
    place(engine, SPOT, BUY, 1, 100, account="b")
    assert engine.view.order("a", first.order_id).filled == 1
    assert engine.view.order("b", second.order_id).filled == 1
    assert engine.view.holding("a", "BTC").locked == 4


def test_an_amended_price_may_take() -> None:
    engine = market(world())
    order = place(engine, SPOT, BUY, 2, 90)
    amended = engine.amend(9, "a", order.order_id, price=d(101))
    assert moved(amended) == ("partly_filled", 1, None)
    assert engine.view.holding("a", "USDT").locked == 101
    too_much = engine.amend(9, "a", order.order_id, quantity=d(200))
    assert too_much.reason is R.INSUFFICIENT_FUNDS
    assert engine.amend(9, "a", order.order_id, price=d(101)).reason is R.NOTHING_TO_AMEND
    assert engine.amend(9, "a", order.order_id, quantity=d(1)).reason is R.BAD_ORDER


@pytest.mark.parametrize(
    ("fees", "side", "asset", "fee"),
    [
        (Fees(d("0.001"), d("0.002")), BUY, "BTC", "0.002"),
        (Fees(d("0.001"), d("0.002")), SELL, "USDT", "0.198"),
        (Fees(d("0.001"), d("0.002"), FeeAsset.QUOTE), BUY, "USDT", "0.202"),
        (Fees(d("0.001"), d("0.002"), third_asset="BNB"), BUY, "BNB", "0.000505"),
        (Fees(d("0.001"), d("-0.002")), SELL, "USDT", "-0.198"),
    ],
)
def test_a_fee_is_taken_in_the_asset_the_venue_takes_it_in(fees, side, asset, fee) -> None:
    engine = market(world(VenueRules(fees=fees)))
    engine.deposit(9, "a", "BNB", d("0.0006"))
    engine.set_asset_price("BNB", "USDT", d(400))
    before = engine.view.holding("a", asset).total
    order = place(engine, SPOT, side, 1)
    assert order.fees == ((asset, d(fee)),)
    traded = {"BTC": d(1), "USDT": -order.cost, "BNB": d(0)}[asset] * side.sign
    assert engine.view.holding("a", asset).total == before + traded - d(fee)


@pytest.mark.parametrize(
    ("held", "fee"),
    [(None, ("BTC", "0.002")), ("0.000504", ("BTC", "0.002")), ("0.000505", ("BNB", "0.000505"))],
)
def test_without_enough_of_the_third_asset_the_fee_is_taken_as_usual(held, fee) -> None:
    engine = market(world(VenueRules(fees=Fees(d("0.001"), d("0.002"), third_asset="BNB"))))
    engine.set_asset_price("BNB", "USDT", d(400))
    if held is not None:
        engine.deposit(9, "a", "BNB", d(held))
    assert place(engine, SPOT, BUY, 1).fees == ((fee[0], d(fee[1])),)


@pytest.mark.parametrize(("price", "inside"), [("90", True), ("89.99", False)])
def test_a_price_at_the_very_end_of_the_band_is_inside(price, inside) -> None:
    engine = world(VenueRules(price_band=d("0.1")))
    engine.set_mark_price(9, LINEAR, d(100))
    answer = engine.place(9, ask_for(LINEAR, BUY, 1, price))
    assert isinstance(answer, Rejection) is not inside


def test_settings_of_one_account_are_its_own() -> None:
    engine = world()
    engine.set_position_mode(9, "a", PositionMode.HEDGE)
    assert engine.view.settings("b", LINEAR).position_mode is PositionMode.ONE_WAY


def test_history_is_bounded() -> None:
    engine = market(world(VenueRules(history=3)))
    for _ in range(5):
        place(engine, SPOT, BUY, 1, 90, client_id="same")
        engine.cancel_all(9, "a")
    assert [o.order_id for o in engine.view.closed_orders("a")] == [3, 4, 5]
    assert engine.view.order("a", 1) is None
    assert engine.view.order("a", "same").order_id == 5


def test_time_does_not_fall() -> None:
    engine = world()
    engine.advance(10)
    with pytest.raises(ValueError, match="time would decrease"):
        engine.advance(9)


@pytest.mark.parametrize(
    ("bids", "asks"), [(((100, 1),), ((100, 1),)), (((100, -1),), ()), ((), ((0, 1),))]
)
def test_a_market_that_cannot_be_is_a_bug_of_its_source(bids, asks) -> None:
    with pytest.raises(ValueError, match=r"level|crosses"):
        world().set_external_book(9, SPOT, levels(*bids), levels(*asks))


def test_changed_steps_hold_for_the_next_order() -> None:
    engine = market(world())
    place(engine, SPOT, BUY, "0.001", 90)
    coarse = listing(SPOT)
    engine.change_listing(
        9, replace(coarse, instrument=replace(coarse.instrument, lot_step=d("0.01")))
    )
    assert refused(engine, SPOT, BUY, "0.001", 90).reason is R.LOT
    assert isinstance(engine.place(9, ask_for(SPOT, BUY, "0.01", 90)), VenueOrder)


def test_a_stop_does_not_look_back_at_prints_before_it() -> None:
    engine = market(world())
    engine.print_trade(9, SPOT, d(110), d(1), BUY)
    engine.print_trade(9, SPOT, d(100), d(1), BUY)
    assert place(engine, SPOT, BUY, 1, trigger=105).waiting
    engine.advance(10)
    assert engine.view.open_orders("a")[0].waiting


def test_an_amended_order_may_use_what_it_holds_itself() -> None:
    engine = market(world())
    order = place(engine, SPOT, BUY, 100, 99)
    assert engine.amend(9, "a", order.order_id, quantity=d(101)).quantity == 101
    assert engine.view.holding("a", "USDT").free == 1


def test_a_buy_holds_back_the_fee_that_it_pays_in_quote() -> None:
    engine = world(VenueRules(fees=Fees(d("0.001"), d("0.002"), FeeAsset.QUOTE)))
    assert refused(engine, SPOT, BUY, 100, 100).reason is R.INSUFFICIENT_FUNDS
    order = place(engine, SPOT, BUY, 10, 100)
    assert engine.view.holding("a", "USDT").locked == 1_002
    engine.faults.fill(9, order.order_id, d("0.5"))
    assert engine.view.holding("a", "USDT").locked == 501
    assert engine.view.holding("a", "USDT").free == 10_000 - 1_002 + d("0.5")


@given(
    price=st.integers(1, 10**9).map(lambda n: Decimal(n) / 10**8),
    quantity=st.integers(1, 10**9).map(lambda n: Decimal(n) / 10**8),
    ratios=st.lists(st.integers(1, 99).map(lambda n: Decimal(n) / 100), max_size=4),
)
def test_what_is_held_back_covers_every_way_of_being_filled(price, quantity, ratios) -> None:
    """Prices times quantities have more digits than money: each part is rounded on its own."""
    fees = Fees(d("0.00123"), d("0.002"), FeeAsset.QUOTE)
    fine = listing(SPOT)
    fine = replace(fine, instrument=replace(fine.instrument, tick_size=d(0), lot_step=d(0)))
    engine = MatchingEngine([fine], VenueRules(fees=fees))
    engine.open_account("a")
    # to the last unit what the order may cost
    need = (price * quantity * d("1.002")).quantize(d("1e-12"), ROUND_UP)
    engine.deposit(0, "a", "USDT", need)
    order = place(engine, SPOT, BUY, quantity, price)
    for ratio in [*ratios, d(1)]:
        engine.faults.fill(9, order.order_id, ratio)
        held = engine.view.holding("a", "USDT")
        assert held.total - held.locked >= 0
        if engine.view.order("a", order.order_id).done:
            break
    assert engine.view.holding("a", "USDT").locked == 0
    assert sum(engine.view.ledger_balances("USDT").values()) == 0


def test_no_stop_wakes_while_nothing_is_traded() -> None:
    engine = market(world())
    order = place(engine, SPOT, SELL, 1, trigger=95)
    engine.change_listing(9, listing(SPOT, status=ListingStatus.HALTED))
    engine.print_trade(9, SPOT, d(95), d(1), SELL)
    assert engine.view.order("a", order.order_id).waiting
    engine.change_listing(9, listing(SPOT))
    assert engine.view.order("a", order.order_id).done
