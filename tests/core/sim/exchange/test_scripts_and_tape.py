"""Protects the faults a script may ask for, and what the public sees: prints and minutes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.values import MINUTE_NS, SECOND_NS
from bowline.core.sim.exchange import CandleUpdated, OrderUpdated, RejectReason, TradePublished
from bowline.core.venue import TimeInForce
from tests.core.sim.exchange.engines import BUY, SELL, SPOT, d, levels, moved, place, world


def test_the_next_order_is_filled_in_part() -> None:
    engine = world()
    engine.set_external_book(9, SPOT, [], levels((100, 10)))
    engine.faults.fill_next_partly("a", d("0.25"))
    assert moved(place(engine, SPOT, BUY, 4, 100)) == ("cancelled", 1, "script")
    assert moved(place(engine, SPOT, BUY, 4, 100)) == ("filled", 4, None)


def test_the_next_order_is_rejected_after_it_was_accepted() -> None:
    engine = world()
    engine.set_external_book(9, SPOT, [], levels((100, 10)))
    engine.take_facts()
    engine.faults.reject_next("a", RejectReason.HALTED)
    order = place(engine, SPOT, BUY, 4, 100)
    told = [f.order for f in engine.take_facts() if isinstance(f, OrderUpdated)]
    assert [each.state.value for each in told] == ["working", "rejected"]
    assert order.reject_reason is RejectReason.HALTED
    assert engine.view.holding("a", "USDT").locked == 0


@pytest.mark.parametrize(
    ("ratio", "state"),
    [
        ("0", ("cancelled", 0, "requested")),
        ("0.5", ("cancelled", 2, "requested")),
        ("1", ("filled", 4, None)),
    ],
)
def test_a_cancel_in_flight_may_be_overtaken_by_a_fill(ratio, state) -> None:
    engine = world()
    order = place(engine, SPOT, BUY, 4, 100, time_in_force=TimeInForce.GTC)
    engine.faults.hold_next_cancel("a")
    held = engine.cancel(9, "a", order.order_id)
    assert held.cancelling
    assert moved(held) == ("working", 0, None)
    assert engine.cancel_all(9, "a") == ()
    assert moved(engine.faults.finish_cancel(10, order.order_id, d(ratio))) == state
    with pytest.raises(KeyError):
        engine.faults.finish_cancel(11, order.order_id)


def test_a_resting_order_is_filled_where_it_stands() -> None:
    engine = world()
    order = place(engine, SPOT, SELL, 4, 100)
    assert moved(engine.faults.fill(10, order.order_id, d("0.5"))) == ("partly_filled", 2, None)
    assert engine.view.book(SPOT).asks == ((100, 2),)
    (printed,) = engine.view.trades(SPOT)
    assert (printed.price, printed.quantity, printed.side) == (100, 2, BUY)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 90 * SECOND_NS),
            st.integers(1, 500).map(lambda n: Decimal(n) / 10),
            st.integers(1, 50).map(Decimal),
        ),
        min_size=1,
        max_size=25,
    )
)
def test_minutes_are_the_prints_in_them(prints: list) -> None:
    """Every minute from the first print is there once, closed in order, flat without a print."""
    engine, now_ns, sent = world(), 0, []
    for wait_ns, price, quantity in prints:
        now_ns += wait_ns
        engine.print_trade(now_ns, SPOT, price, quantity, SELL)
        sent.append((now_ns, price, quantity))
    engine.advance(now_ns + 3 * MINUTE_NS)
    facts = engine.take_facts()
    closed = [f.candle for f in facts if isinstance(f, CandleUpdated) and f.closed]
    first_ns = sent[0][0] // MINUTE_NS * MINUTE_NS
    last_ns = (now_ns // MINUTE_NS + 2) * MINUTE_NS
    assert [c.open_ns for c in closed] == list(range(first_ns, last_ns + 1, MINUTE_NS))
    before = None
    for candle in closed:
        inside = [s for s in sent if 0 <= s[0] - candle.open_ns < MINUTE_NS]
        each = [price for _, price, _ in inside] or [before]
        assert (candle.open, candle.close) == (each[0], each[-1])
        assert (candle.high, candle.low) == (max(each), min(each))
        assert candle.volume == sum(quantity for _, _, quantity in inside)
        assert candle.turnover == sum(price * quantity for _, price, quantity in inside)
        assert candle.trades == len(inside)
        before = candle.close
    assert engine.view.candles(SPOT, limit=10**6) == closed
    assert [f.price for f in facts if isinstance(f, TradePublished)] == [p for _, p, _ in sent]


def test_a_ticker_shows_best_last_mark_and_the_day() -> None:
    engine = world()
    engine.set_external_book(9, SPOT, levels((99, 1)), levels((101, 2)))
    assert engine.view.ticker(SPOT).mark == 100, "the middle, until something is known"
    engine.print_trade(9, SPOT, d(98), d(3), SELL)
    engine.print_trade(2 * MINUTE_NS, SPOT, d(102), d(1), BUY)
    ticker = engine.view.ticker(SPOT)
    assert (ticker.bid, ticker.ask, ticker.last, ticker.mark) == ((99, 1), (101, 2), 102, 102)
    assert (ticker.open, ticker.high, ticker.low) == (98, 102, 98)
    assert (ticker.volume, ticker.turnover) == (4, 396)


def test_fills_are_read_on_from_a_trade_id() -> None:
    engine = world()
    engine.set_external_book(9, SPOT, [], levels((100, 1), (101, 1), (102, 1)))
    place(engine, SPOT, BUY, 3)
    ids = [fill.trade_id for fill in engine.view.fills("a")]
    assert ids == sorted(ids)
    assert [f.trade_id for f in engine.view.fills("a", SPOT, ids[0])] == ids[1:]
    assert engine.view.fills("b") == []
