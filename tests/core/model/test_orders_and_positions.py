"""A position's arithmetic is exact, and nothing is booked twice."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import (
    MARKETS,
    Instrument,
    InstrumentId,
    MarketId,
    market_by_id,
    market_by_name,
)
from bowline.core.model.intent import Reason
from bowline.core.model.order import Fill
from bowline.core.model.position import apply_fill
from bowline.core.model.values import (
    Direction,
    OrderId,
    Side,
    floor_to_step,
    to_decimals,
    to_float,
)

ID = InstrumentId(MarketId(2), "BTCUSDT")


def fill(side: Side, quantity: str, price: str, fee: str = "0") -> Fill:
    return Fill(OrderId(7), "t", ID, side, Decimal(quantity), Decimal(price), Decimal(fee), 1)


amounts = st.decimals("0.001", "1000", places=3)


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), amounts, amounts, st.decimals("0", "5", places=3)),
        min_size=1,
        max_size=40,
    )
)
def test_positions_and_round_trips_account_for_every_fill(fills):
    """Quantities, cash and fees are conserved over any series of fills, in exact fractions."""
    position, trips = None, []
    net = cash = fees = Fraction(0)
    for side, quantity, price, fee in fills:
        position, trip = apply_fill(position, fill(side, quantity, price, fee), Reason.SIGNAL)
        net += side.sign * Fraction(quantity)
        cash -= side.sign * Fraction(quantity) * Fraction(price) + Fraction(fee)
        fees += Fraction(fee)
        if trip is not None:
            trips.append(trip)
        held = Fraction(0) if position is None else Fraction(position.signed_quantity)
        assert held == net
        assert position is None or position.quantity > 0
    booked = sum((Fraction(trip.pnl) for trip in trips), Fraction(0))
    charged = sum((Fraction(trip.fees) for trip in trips), Fraction(0))
    if position is not None:
        charged += Fraction(position.fees)
        open_cash = Fraction(position.exit_value) - Fraction(position.entry_value)
        booked += open_cash * position.direction - Fraction(position.fees)
    # a flip shares one fee by a division of 28 digits; everything else is exact
    assert abs(charged - fees) < Fraction(1, 10**20)
    assert abs(booked - cash) < Fraction(1, 10**18)


def test_a_fill_larger_than_the_position_closes_it_and_opens_the_other_way():
    long, _ = apply_fill(None, fill(Side.BUY, "2", "100", "1"), Reason.SIGNAL)
    short, trip = apply_fill(long, fill(Side.SELL, "3", "110", "3"), Reason.STOP_LOSS)
    assert (short.direction, short.quantity, short.fees) == (Direction.SHORT, 1, 1)
    assert (trip.pnl, trip.fees, trip.reason) == (17, 3, Reason.STOP_LOSS)
    assert trip.return_pct == Decimal("8.5")


def test_a_fill_of_another_instrument_is_not_mixed_in():
    long, _ = apply_fill(None, fill(Side.BUY, "2", "100"), Reason.SIGNAL)
    other = Fill(
        OrderId(7), "t", InstrumentId(MarketId(2), "ETHUSDT"), Side.SELL, Decimal(1), Decimal(1),
        Decimal(0), 1,
    )  # fmt: skip
    with pytest.raises(ValueError, match="another instrument"):
        apply_fill(long, other, Reason.SIGNAL)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_two_doors_between_float_and_decimal_lose_nothing(value):
    assert to_float(to_decimals([value])[0]) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_never_becomes_money(value):
    with pytest.raises(ValueError, match="not a number that money can have"):
        to_decimals([1.0, value])


@given(st.decimals("0", "1e12", places=9), st.sampled_from(["0.00001", "0.001", "0.5", "1", "25"]))
def test_a_floored_quantity_is_a_whole_number_of_steps_and_less_than_one_step_short(value, step):
    floored = floor_to_step(value, Decimal(step))
    assert floored % Decimal(step) == 0
    assert 0 <= value - floored < Decimal(step)


def test_market_ids_never_change():
    """Stored rows carry them: 1 to 4 are fixed by the first design, the others by this list."""
    names = {market.market_id: market.name for market in MARKETS}
    assert names == {
        1: "binance:spot", 2: "binance:linear", 3: "bybit:spot", 4: "bybit:linear",
        5: "bitget:spot", 6: "bitget:linear", 7: "bingx:spot", 8: "bingx:linear",
        9: "gate:spot", 10: "gate:linear", 11: "okx:spot", 12: "okx:linear",
        13: "htx:spot", 14: "htx:linear", 15: "mexc:spot", 16: "mexc:linear",
    }  # fmt: skip


@pytest.mark.parametrize("word", ["futures", "perp", "swap", "LINEAR"])
def test_people_may_call_a_perpetual_market_what_they_like(word):
    assert market_by_name(f"Bybit:{word}") == market_by_id(MarketId(4))


def test_instruments_refuse_steps_that_cannot_be():
    with pytest.raises(ValueError, match="lot_step of BTCUSDT must be 0 or more"):
        Instrument(ID, lot_step=Decimal(-1))
    with pytest.raises(ValueError, match="contract_size of BTCUSDT must be more than 0"):
        Instrument(ID, contract_size=Decimal(0))
