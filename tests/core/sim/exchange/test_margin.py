"""Protects perpetuals: margin, liquidation, funding, leverage and modes.

Liquidation prices are held to a published formula; everything happens at one moment.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.sim.exchange import (
    Fees,
    FundingPaid,
    Liquidated,
    MatchingEngine,
    RejectReason,
    VenueRules,
)
from bowline.core.venue import Listing, MarginMode, PositionMode, TimeInForce
from tests.core.sim.exchange.engines import (
    BUY,
    LINEAR,
    LONG,
    LOT,
    NEUTRAL,
    SELL,
    SHORT,
    SPOT,
    TICK,
    d,
    levels,
    listing,
    moved,
    place,
    refused,
    world,
)

FREE = Fees(d(0), d(0))
ISOLATED = VenueRules(fees=FREE, margin_mode=MarginMode.ISOLATED)
HEDGE = VenueRules(fees=FREE, position_mode=PositionMode.HEDGE)


def deep(engine: MatchingEngine, price: int | str = 100) -> None:
    """A deep market around a price; the mark follows."""
    half = d("0.01")
    engine.set_external_book(9, LINEAR, [(d(price) - half, d(10_000))], [(d(price), d(10_000))])
    engine.set_mark_price(9, LINEAR, d(price))


ETHER = InstrumentId(LINEAR.market_id, "ETHUSDT")


def with_ether(engine: MatchingEngine) -> MatchingEngine:
    """The same world with a second perpetual, at the same price."""
    ether = Instrument(ETHER, TICK, LOT)
    engine.change_listing(9, Listing(ether, "ETHUSDT", "ETH", "USDT"))
    deep(engine, 100)
    engine.set_external_book(9, ETHER, levels((100, 10_000)), levels(("100.01", 10_000)))
    engine.set_mark_price(9, ETHER, d(100))
    return engine


def published(
    mark: Decimal, side: int, available: Decimal, size: Decimal, rate: Decimal
) -> Decimal:
    """Hyperliquid's documentation, "Liquidations" (isolated and cross linear perpetuals).

    liq_price = price - side * margin_available / position_size / (1 - l * side), where
    margin_available is the margin (isolated) or the account value (cross) less the maintenance.
    """
    return mark - side * available / size / (1 - rate * side)


@given(
    side=st.sampled_from([BUY, SELL]),
    quantity=st.integers(1, 900).map(lambda n: Decimal(n) / 1000),
    leverage=st.integers(1, 100).map(Decimal),
    rate=st.integers(1, 40).map(lambda n: Decimal(n) / 10_000),
    entry=st.integers(9_000, 11_000).map(Decimal),
    move=st.integers(-9, 9).map(lambda n: Decimal(n) / 1000),
    mode=st.sampled_from(MarginMode),
)
@settings(max_examples=150)
def test_liquidation_prices_are_those_of_the_published_formula(
    side, quantity, leverage, rate, entry, move, mode
) -> None:
    engine = world(VenueRules(fees=FREE, maintenance_rate=rate, margin_mode=mode))
    if leverage != VenueRules().leverage:
        assert engine.set_leverage(9, "a", LINEAR, leverage) is None
    deep(engine, str(entry))
    placed = place(engine, LINEAR, side, quantity)
    mark = (entry * (1 + move)).quantize(d("0.01"))
    engine.set_mark_price(9, LINEAR, mark)
    held = engine.view.positions("a")
    assume(held)
    (position,) = held
    answering = position.margin if mode is MarginMode.ISOLATED else d(10_000)
    pnl = side.sign * quantity * (mark - placed.average_price)
    available = answering + pnl - quantity * mark * rate
    expected = published(mark, side.sign, available, quantity, rate)
    if expected <= 0:
        assert position.liquidation_price is None
    else:
        assert position.liquidation_price == pytest.approx(expected, rel=d("1e-15"))


@pytest.mark.parametrize(("side", "inside", "outside"), [(BUY, -1, 1), (SELL, 1, -1)])
def test_a_position_is_liquidated_at_its_liquidation_price_and_not_before(
    side, inside, outside
) -> None:
    engine = world(ISOLATED)
    deep(engine, 10_000)
    place(engine, LINEAR, side, "0.5")
    price = engine.view.positions("a")[0].liquidation_price
    cent = d("0.01")
    price = price.quantize(cent)
    engine.set_mark_price(9, LINEAR, price + outside * cent * 2)
    assert engine.view.positions("a")
    engine.set_mark_price(9, LINEAR, price + inside * cent * 2)
    assert not engine.view.positions("a")
    (fact,) = [each for each in engine.take_facts() if isinstance(each, Liquidated)]
    assert (fact.quantity, fact.direction * side.sign) == (d("0.5"), 1)
    order = engine.view.order("a", fact.order_id)
    assert order.by_venue
    assert moved(order) == ("filled", d("0.5"), None)


def test_an_isolated_position_costs_no_more_than_its_margin() -> None:
    engine = world(ISOLATED)
    deep(engine, 10_000)
    place(engine, LINEAR, BUY, "0.5")
    resting = place(engine, LINEAR, BUY, "0.001", 50)
    engine.set_external_book(9, LINEAR, levels((8_000, "0.2"), (7_000, 9)), levels((8_001, 1)))
    engine.set_mark_price(9, LINEAR, d(8_000))
    (fact,) = [each for each in engine.take_facts() if isinstance(each, Liquidated)]
    assert fact.average_price == (d("0.2") * 8_000 + d("0.3") * 7_000) / d("0.5")
    assert fact.insured == d("0.2") * 2_000 + d("0.3") * 3_000 - 500
    assert engine.view.holding("a", "USDT").total == 10_000 - 500
    assert engine.view.ledger_balances("USDT")["insurance"] == -fact.insured
    assert moved(engine.view.order("a", resting.order_id))[2] == "liquidation"


def test_cross_positions_answer_with_the_whole_account() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 10_000)
    place(engine, LINEAR, BUY, 5)
    engine.set_mark_price(9, LINEAR, d(8_500))
    assert engine.view.positions("a"), "the account still has 2,500"
    engine.set_external_book(9, LINEAR, [], levels((7_900, 1)))
    engine.set_mark_price(9, LINEAR, d(7_900))
    assert not engine.view.positions("a")
    (fact,) = [each for each in engine.take_facts() if isinstance(each, Liquidated)]
    assert fact.average_price == 7_900, "an empty book: taken over at the mark price"
    assert fact.insured == 500
    assert engine.view.holding("a", "USDT").total == 0


def test_a_liquidation_pays_what_the_venue_asks_into_the_insurance_fund() -> None:
    engine = world(
        VenueRules(fees=FREE, margin_mode=MarginMode.ISOLATED, liquidation_rate=d("0.001"))
    )
    deep(engine, 10_000)
    place(engine, LINEAR, BUY, "0.5")
    deep(engine, 9_040)
    assert engine.view.ledger_balances("USDT")["insurance"] == d("0.001") * d("0.5") * d("9039.99")


def test_funding_goes_from_longs_to_shorts() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    place(engine, LINEAR, SELL, 2, 105, account="b")
    engine.set_external_book(9, LINEAR, [], [])
    place(engine, LINEAR, BUY, 2, 105)
    engine.take_facts()
    engine.pay_funding(9, LINEAR, d("0.001"), d(110))
    paid = [each for each in engine.take_facts() if isinstance(each, FundingPaid)]
    assert [(each.account, each.amount) for each in paid] == [
        ("a", d("0.22")),
        ("b", d("-0.22")),
    ]
    assert engine.view.holding("a", "USDT").total == d(10_000) - d("0.22")
    assert engine.view.ledger_balances("USDT")["funding"] == 0


def test_free_money_is_what_margin_and_open_orders_leave() -> None:
    engine = world(VenueRules(fees=Fees(d(0), d("0.001"))))
    deep(engine, 100)
    place(engine, LINEAR, BUY, 50, 100)
    # 5,000 at ten times, and the taker fee that was paid
    assert engine.view.holding("a", "USDT").margin == 500
    assert engine.view.holding("a", "USDT").free == 10_000 - 500 - 5
    place(engine, LINEAR, BUY, 10, 90)
    assert engine.view.holding("a", "USDT").margin == 500 + 90 + d("0.9")
    place(engine, LINEAR, SELL, 50, 120)
    assert engine.view.holding("a", "USDT").margin == 500 + 90 + d("0.9"), "it only closes"
    engine.set_mark_price(9, LINEAR, d(110))
    assert engine.view.holding("a", "USDT").unrealised == 500


def test_margin_is_the_limit_of_a_position() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    assert refused(engine, LINEAR, BUY, "1000.001").reason is RejectReason.INSUFFICIENT_FUNDS
    place(engine, LINEAR, BUY, 1000)
    assert refused(engine, LINEAR, BUY, "0.1").reason is RejectReason.INSUFFICIENT_FUNDS
    assert place(engine, LINEAR, SELL, 1000).done, "closing needs no margin"


def test_a_reversal_needs_margin_for_what_it_opens_alone() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    place(engine, LINEAR, BUY, 10)
    place(engine, LINEAR, SELL, 30)
    (position,) = engine.view.positions("a")
    assert (position.direction, position.quantity) == (SHORT, 20)
    assert position.entry_price == d("99.99")
    assert position.realised == d("-0.1")


def test_leverage_moves_margin_and_has_a_limit() -> None:
    engine = world(ISOLATED)
    deep(engine, 100)
    place(engine, LINEAR, BUY, 100)
    assert engine.set_leverage(9, "a", LINEAR, d(20)) is None
    assert engine.view.positions("a")[0].margin == 500
    for leverage, reason in (
        (d(101), RejectReason.LEVERAGE_TOO_HIGH),
        (d("0.5"), RejectReason.LEVERAGE_TOO_HIGH),
        (d(20), RejectReason.NOT_MODIFIED),
    ):
        assert engine.set_leverage(9, "a", LINEAR, leverage).reason is reason
    place(engine, LINEAR, BUY, 900)
    short = engine.set_leverage(9, "a", LINEAR, d(2))
    assert short.reason is RejectReason.INSUFFICIENT_FUNDS
    assert engine.view.settings("a", LINEAR).leverage == 20
    assert engine.view.positions("a")[0].margin == 5_000


def test_modes_stay_while_anything_is_open() -> None:
    engine = world()
    deep(engine, 100)
    order = place(engine, LINEAR, BUY, 1, 90)
    for change in (
        lambda: engine.set_margin_mode(9, "a", LINEAR, MarginMode.ISOLATED),
        lambda: engine.set_position_mode(9, "a", PositionMode.HEDGE),
        lambda: engine.set_position_mode(9, "a", PositionMode.HEDGE, LINEAR),
    ):
        assert change().reason is RejectReason.MODE_IN_USE
    engine.cancel(9, "a", order.order_id)
    place(engine, LINEAR, BUY, 1)
    assert engine.set_position_mode(9, "a", PositionMode.HEDGE).reason is RejectReason.MODE_IN_USE
    place(engine, LINEAR, SELL, 1)
    assert engine.set_position_mode(9, "a", PositionMode.HEDGE) is None
    assert engine.set_margin_mode(9, "a", LINEAR, MarginMode.ISOLATED) is None
    assert engine.view.settings("a", LINEAR).position_mode is PositionMode.HEDGE
    again = engine.set_position_mode(9, "a", PositionMode.HEDGE)
    assert again.reason is RejectReason.NOT_MODIFIED


def test_in_hedge_mode_a_long_and_a_short_stand_beside_each_other() -> None:
    engine = world(HEDGE)
    deep(engine, 100)
    place(engine, LINEAR, BUY, 3, position_side=LONG)
    place(engine, LINEAR, SELL, 2, position_side=SHORT)
    assert [(p.direction, p.quantity) for p in engine.view.positions("a")] == [(1, 3), (-1, 2)]
    closing = place(engine, LINEAR, SELL, 5, position_side=LONG)
    assert moved(closing) == ("cancelled", 3, "reduce_only")
    assert [(p.direction, p.quantity) for p in engine.view.positions("a")] == [(-1, 2)]
    wrong = refused(engine, LINEAR, BUY, 1, position_side=NEUTRAL)
    assert wrong.reason is RejectReason.POSITION_MODE
    nothing = refused(engine, LINEAR, SELL, 1, position_side=LONG)
    assert nothing.reason is RejectReason.REDUCE_ONLY


def test_an_order_that_only_reduces_shrinks_and_ends_with_its_position() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    assert refused(engine, LINEAR, SELL, 1, reduce_only=True).reason is RejectReason.REDUCE_ONLY
    place(engine, LINEAR, BUY, 3)
    first = place(engine, LINEAR, SELL, 2, 110, reduce_only=True)
    second = place(engine, LINEAR, SELL, 2, 111, reduce_only=True)
    assert engine.view.book(LINEAR).asks[1:] == ((d(110), d(2)), (d(111), d(1)))
    place(engine, LINEAR, SELL, 2)
    assert engine.view.book(LINEAR).asks[1:] == ((d(110), d(1)),)
    assert moved(engine.view.order("a", second.order_id)) == ("cancelled", 0, "reduce_only")
    engine.set_external_book(9, LINEAR, levels((112, 5)), levels((113, 1)))
    assert moved(engine.view.order("a", first.order_id)) == ("cancelled", 1, "reduce_only")
    assert not engine.view.positions("a")


def test_a_unified_account_pays_spot_from_what_margin_leaves() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    place(engine, LINEAR, BUY, 900)
    short = refused(engine, SPOT, BUY, 11, 100)
    assert short.reason is RejectReason.INSUFFICIENT_FUNDS
    assert place(engine, SPOT, BUY, "9.5", 100).state.value == "working"


def test_what_is_closed_of_an_isolated_position_gives_its_margin_back() -> None:
    engine = world(ISOLATED)
    deep(engine, 100)
    place(engine, LINEAR, BUY, 100)
    place(engine, LINEAR, SELL, 25)
    assert engine.view.positions("a")[0].margin == 750
    place(engine, LINEAR, SELL, 75)
    assert engine.view.holding("a", "USDT").free == 10_000 - 1
    place(engine, LINEAR, BUY, 10)
    assert engine.view.positions("a")[0].margin == 100


def test_an_isolated_position_pays_funding_out_of_its_margin() -> None:
    engine = world(ISOLATED)
    deep(engine, 100)
    place(engine, LINEAR, BUY, 100)
    engine.pay_funding(9, LINEAR, d("0.01"))
    assert engine.view.positions("a")[0].margin == 900
    assert engine.view.holding("a", "USDT").free == 9_000


def test_the_margin_of_an_isolated_position_is_rounded_against_the_account() -> None:
    engine = world(ISOLATED)
    assert engine.set_leverage(9, "a", LINEAR, d(3)) is None
    deep(engine, 100)
    place(engine, LINEAR, BUY, 1)
    assert engine.view.positions("a")[0].margin == d("33.333333333334")
    assert engine.view.holding("a", "USDT").free == d("9966.666666666666")


def test_the_fund_gives_nothing_back_of_what_funding_took_beyond_the_margin() -> None:
    """A margin of 1,000 pays 2,000; the fund pays what closing at 99.99 loses, which is 1."""
    engine = world(ISOLATED)
    deep(engine, 100)
    place(engine, LINEAR, BUY, 100)
    engine.pay_funding(9, LINEAR, d("0.2"), d(100))
    (fact,) = [each for each in engine.take_facts() if isinstance(each, Liquidated)]
    assert fact.insured == 1
    assert engine.view.holding("a", "USDT").total == 8_000


@pytest.mark.parametrize(
    ("quantity", "ends"), [(3, ("filled", 3, None)), (5, ("cancelled", 0, "fok"))]
)
def test_all_or_nothing_that_only_reduces_counts_on_its_position_alone(quantity, ends) -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    place(engine, LINEAR, BUY, 3)
    order = place(
        engine, LINEAR, SELL, quantity, 99, reduce_only=True, time_in_force=TimeInForce.FOK
    )
    assert moved(order) == ends


def test_a_sell_below_the_market_is_reckoned_at_what_it_would_get() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    assert refused(engine, LINEAR, SELL, 1400, 70).reason is RejectReason.INSUFFICIENT_FUNDS
    assert place(engine, LINEAR, SELL, 1000, 70).done


def test_all_or_nothing_does_not_count_on_what_may_shrink_under_way() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    place(engine, LINEAR, BUY, 2, account="b")
    engine.set_external_book(9, LINEAR, [], [])
    place(engine, LINEAR, SELL, 2, 100, account="b")
    place(engine, LINEAR, SELL, 2, 101, account="b", reduce_only=True)
    order = place(engine, LINEAR, BUY, 3, 101, time_in_force=TimeInForce.FOK)
    assert moved(order) == ("cancelled", 0, "fok")
    assert place(engine, LINEAR, BUY, 2, 101, time_in_force=TimeInForce.FOK).done


def test_of_cross_positions_the_one_that_needs_most_margin_goes_first() -> None:
    engine = with_ether(world(VenueRules(fees=FREE, maintenance_rate=d("0.05"))))
    place(engine, ETHER, BUY, 100)
    place(engine, LINEAR, BUY, 600)
    engine.set_mark_price(9, LINEAR, d("88.5"))
    # 10,000 - 6,900 is short of 2,655 + 500 of maintenance; without the larger one it is not
    assert [p.instrument for p in engine.view.positions("a")] == [ETHER]


def test_isolated_margin_does_not_answer_for_cross_positions() -> None:
    engine = with_ether(world(VenueRules(fees=FREE)))
    assert engine.set_margin_mode(9, "a", ETHER, MarginMode.ISOLATED) is None
    place(engine, ETHER, SELL, 500)
    place(engine, LINEAR, BUY, 400)
    engine.set_mark_price(9, LINEAR, d(88))
    assert len(engine.view.positions("a")) == 2, "5,000 answer for a loss of 4,800 and 176 more"
    engine.set_external_book(9, LINEAR, levels((80, 10_000)), [])
    engine.set_mark_price(9, LINEAR, d("87.9"))
    (left,) = engine.view.positions("a")
    assert (left.instrument, left.margin) == (ETHER, 5_000)
    assert engine.view.ledger_balances("USDT")["insurance"] == -3_000, (
        "8,000 were lost, 5,000 answered"
    )
    assert engine.view.holding("a", "USDT").total == 5_000


def test_a_position_too_small_for_a_new_order_can_still_be_closed() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    place(engine, LINEAR, BUY, "0.04")
    engine.change_listing(9, listing(LINEAR, min_notional=d(5)))
    assert refused(engine, LINEAR, BUY, "0.04").reason is RejectReason.BELOW_MIN_NOTIONAL
    assert place(engine, LINEAR, SELL, "0.04", reduce_only=True).done


def test_a_stop_that_only_reduces_ends_if_there_is_nothing_to_reduce() -> None:
    engine = world(VenueRules(fees=FREE))
    deep(engine, 100)
    order = place(engine, LINEAR, SELL, 1, trigger=95, reduce_only=True)
    engine.print_trade(9, LINEAR, d(95), d(1), SELL)
    assert moved(engine.view.order("a", order.order_id)) == ("cancelled", 0, "reduce_only")
