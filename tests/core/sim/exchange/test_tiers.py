"""Protects tiers: maintenance, liquidation and the greatest position go by a position's size."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.sim.exchange import (
    Fees,
    Liquidated,
    RejectReason,
    Tier,
    TierUnit,
    VenueRules,
    progressive_tiers,
)
from bowline.core.venue import MarginMode
from tests.core.sim.exchange.engines import (
    BUY,
    LINEAR,
    SELL,
    d,
    levels,
    listing,
    place,
    refused,
    world,
)

FREE = Fees(maker_rate=d(0), taker_rate=d(0))
#: "Notional and Leverage Brackets" of BTCUSDT at Binance, 2026-09: cap, rate, leverage, and `cum`
BRACKETS = (
    (300_000, "0.004", 150, 0),
    (800_000, "0.005", 100, 300),
    (3_000_000, "0.0065", 75, 1_500),
    (12_000_000, "0.01", 50, 12_000),
    (70_000_000, "0.02", 25, 132_000),
    (100_000_000, "0.025", 20, 482_000),
    (230_000_000, "0.05", 10, 2_982_000),
    (480_000_000, "0.1", 5, 14_482_000),
    (600_000_000, "0.125", 4, 26_482_000),
    (800_000_000, "0.15", 3, 41_482_000),
    (1_200_000_000, "0.25", 2, 121_482_000),
    (1_800_000_000, "0.5", 1, 421_482_000),
)
SMALL = progressive_tiers((1_000, "0.01", 50), (3_000, "0.02", 20), (10_000, "0.05", 5))
#: the rate of the tier counts for all of the position
WHOLE = tuple(Tier(each.most, each.maintenance_rate, each.max_leverage) for each in SMALL)


def rules(tiers=SMALL, **more) -> VenueRules:
    return VenueRules(fees=FREE, tiers=tiers, margin_mode=MarginMode.ISOLATED, **more)


def opened(engine, side, quantity, price=100):
    """A position at exactly this price, in a book that takes anything."""
    engine.set_mark_price(9, LINEAR, d(price))
    deep = levels((price, 100_000)), levels((d(price) + d("0.01"), 100_000))
    engine.set_external_book(9, LINEAR, *(deep if side is SELL else _turned(price)))
    place(engine, LINEAR, side, quantity)
    return engine.view.positions("a")[0]


def _turned(price):
    return levels((d(price) - d("0.01"), 100_000)), levels((price, 100_000))


def test_the_deductions_are_those_that_the_venue_publishes() -> None:
    made = progressive_tiers(*(row[:3] for row in BRACKETS))
    assert [each.deduction for each in made] == [row[3] for row in BRACKETS]


@pytest.mark.parametrize(
    ("tiers", "quantity", "kept"),
    [
        # 1,000 at 1 %, 1,000 at 2 %; 2,000 at 2 %
        (SMALL, 20, 30),
        (WHOLE, 20, 40),
        # 1,000 at 1 %, 2,000 at 2 %, 1,500 at 5 %; 4,500 at 5 %
        (SMALL, 45, 125),
        (WHOLE, 45, 225),
        (SMALL, 10, 10),
    ],
)
def test_a_position_keeps_what_its_tier_says(tiers, quantity, kept) -> None:
    engine = world(rules(tiers, leverage=d(5)))
    assert opened(engine, BUY, quantity).maintenance == kept


@given(st.lists(st.integers(1, 120), min_size=2, max_size=6, unique=True))
def test_a_greater_position_keeps_more_and_never_leaps(quantities) -> None:
    kept = []
    for quantity in sorted(quantities):
        engine = world(rules(leverage=d(2)), "a")
        engine.set_leverage(9, "a", LINEAR, d(1))
        value = d(quantity) * 10
        kept.append((value, opened(engine, BUY, quantity, 10).maintenance))
    for (less, low), (more, high) in pairwise(kept):
        assert (more - less) * d("0.01") <= high - low <= (more - less) * d("0.05")


@pytest.mark.parametrize("tiers", [SMALL, WHOLE])
@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("quantity", [5, 11, 29, 32, 90])
def test_the_liquidation_price_is_where_it_is_liquidated(tiers, side, quantity) -> None:
    """Also where the price carries the position into another tier."""
    engine = world(rules(tiers, leverage=d(5)))
    price = opened(engine, side, quantity).liquidation_price
    step = d("0.02") * side.sign
    engine.set_mark_price(9, LINEAR, price.quantize(d("0.01")) + step)
    assert engine.view.positions("a")
    engine.set_mark_price(9, LINEAR, price.quantize(d("0.01")) - step)
    assert not engine.view.positions("a")
    assert any(isinstance(each, Liquidated) for each in engine.take_facts())


def test_no_more_is_opened_than_the_leverage_allows() -> None:
    """At a leverage of 10 the second tier's 3,000 is the most."""
    engine = world(rules())
    engine.set_external_book(9, LINEAR, *_turned(100))
    engine.set_mark_price(9, LINEAR, d(100))
    assert refused(engine, LINEAR, BUY, "30.001").reason is RejectReason.POSITION_LIMIT
    place(engine, LINEAR, BUY, 20)
    place(engine, LINEAR, BUY, 10, 90)
    # 2,000 are held and 900 are ordered
    assert refused(engine, LINEAR, BUY, "1.001", 100).reason is RejectReason.POSITION_LIMIT
    place(engine, LINEAR, BUY, 1, 100)


def test_a_stop_that_waits_takes_nothing_of_the_limit() -> None:
    """It is looked at when it is triggered."""
    engine = world(rules())
    engine.set_external_book(9, LINEAR, *_turned(100))
    engine.set_mark_price(9, LINEAR, d(100))
    place(engine, LINEAR, BUY, 20, trigger=120)
    place(engine, LINEAR, BUY, 20, price=119, trigger=120)
    place(engine, LINEAR, BUY, 30, 100)


def test_what_closes_is_never_too_much() -> None:
    engine = world(rules())
    opened(engine, BUY, 30)
    place(engine, LINEAR, SELL, 30, 120, reduce_only=True)
    # 60 sold by a one-way order: 30 close, 30 open a short of 3,000
    place(engine, LINEAR, SELL, 60, 100)
    (position,) = engine.view.positions("a")
    assert position.quantity <= 30


def test_less_leverage_allows_more() -> None:
    engine = world(rules())
    engine.set_external_book(9, LINEAR, *_turned(100))
    engine.set_mark_price(9, LINEAR, d(100))
    assert refused(engine, LINEAR, BUY, 45).reason is RejectReason.POSITION_LIMIT
    assert engine.set_leverage(9, "a", LINEAR, d(5)) is None
    place(engine, LINEAR, BUY, 45)
    assert engine.set_leverage(9, "a", LINEAR, d(10)).reason is RejectReason.POSITION_LIMIT
    assert engine.view.settings("a", LINEAR).leverage == 5


def test_a_stop_that_opens_too_much_is_rejected_when_it_is_triggered() -> None:
    engine = world(rules())
    engine.set_external_book(9, LINEAR, *_turned(100))
    engine.set_mark_price(9, LINEAR, d(100))
    stop = place(engine, LINEAR, BUY, 40, trigger=101)
    engine.print_trade(9, LINEAR, d(101), d(1), BUY)
    rejected = engine.view.order("a", stop.order_id)
    assert (rejected.state.value, rejected.reject_reason) == (
        "rejected",
        RejectReason.POSITION_LIMIT,
    )


def test_tiers_may_count_contracts() -> None:
    """OKX: the tier goes by the number of contracts, whatever they are worth."""
    tiers = (Tier(d(100), d("0.01"), d(50)), Tier(d(200), d("0.02"), d(10)))
    engine = world(rules(tiers, tier_unit=TierUnit.CONTRACTS))
    steps = listing(LINEAR)
    contract = type(steps.instrument)(
        LINEAR, steps.instrument.tick_size, d("0.1"), contract_size=d("0.1")
    )
    engine.change_listing(9, type(steps)(contract, "BTCUSDT", "BTC", "USDT", max_leverage=d(50)))
    assert opened(engine, BUY, 10).maintenance == 10
    assert opened(engine, BUY, 1).maintenance == 22
    assert refused(engine, LINEAR, BUY, "9.1").reason is RejectReason.POSITION_LIMIT
    engine.set_mark_price(9, LINEAR, d(50))
    assert engine.view.positions("a") == []
