"""The account that is known at the end is the same, however it was told: B3, B4."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, OrderId, Side
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.stream.account_state import (
    MAX_FILLS,
    MAX_ORDERS,
    STATE_RANKS,
    AccountHoldings,
    AccountOrders,
    order_key,
)
from tests.venues.stream.fake_venue import BTC, ETH

D = Decimal
OrderOrFill = OrderReport | FillReport
OVER = (OrderState.CANCELLED, OrderState.REJECTED, OrderState.FILLED)


def order(number: int = 1, **changed: object) -> OrderReport:
    fields = {
        "venue_order_id": f"v{number}", "client_id": OrderId(number), "instrument": BTC,
        "side": Side.BUY, "quantity": D(10), "filled": D(0), "state": OrderState.WORKING,
        "event_ns": 1,
    }  # fmt: skip
    return OrderReport(**(fields | changed))  # type: ignore[arg-type]


def fill(number: int, of: int = 1, quantity: int = 1, **changed: object) -> FillReport:
    fields = {
        "instrument": BTC, "trade_id": f"t{number}", "venue_order_id": f"v{of}",
        "client_id": OrderId(of), "side": Side.BUY, "quantity": D(quantity), "price": D(100),
        "fee": D("0.1"), "fee_asset": "USDT", "event_ns": number,
    }  # fmt: skip
    return FillReport(**(fields | changed))  # type: ignore[arg-type]


def tell(book: AccountOrders, reports: Sequence[OrderOrFill]) -> list[OrderOrFill]:
    """Tell a book everything and let go of what it held; all that it made of it."""
    news: list[OrderOrFill] = []
    for report in reports:
        news += (
            book.add_order(report) if isinstance(report, OrderReport) else book.add_fill(report, 1)
        )
    return [*news, *book.release_held(2)]


@st.composite
def lives(draw: st.DrawFn) -> list[OrderOrFill]:
    """Orders as venues tell them: a state and fills after another, then doubled and shuffled."""
    told: list[OrderOrFill] = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        told.append(order(number, state=OrderState.PENDING))
        told.append(order(number, event_ns=2))
        filled = 0
        for part in draw(st.lists(st.integers(1, 3), max_size=3)):
            filled += part
            told.append(fill(filled, number, part, trade_id=f"{number}-{filled}"))
            told.append(
                order(
                    number, filled=D(filled), state=OrderState.PARTLY_FILLED, event_ns=2 + filled,
                    average_price=D(100 + filled),
                )
            )  # fmt: skip
        end = draw(st.sampled_from([None, OrderState.CANCELLED, OrderState.UNKNOWN]))
        if end is not None:
            told.append(order(number, filled=D(filled), state=end, event_ns=99))
    told += draw(st.lists(st.sampled_from(told), max_size=6))
    return told


@given(lives(), st.randoms(use_true_random=False))
def test_any_order_and_repetition_ends_in_the_same_book(
    told: list[OrderOrFill], chance: random.Random
) -> None:
    known, shuffled = AccountOrders(), AccountOrders()
    tell(known, told)
    others = list(told)
    chance.shuffle(others)
    tell(shuffled, others)
    assert sorted(known.orders, key=order_key) == sorted(shuffled.orders, key=order_key)
    assert set(known.fills) == set(shuffled.fills)
    assert set(known.missing_fills) == set(shuffled.missing_fills)


@given(lives(), st.randoms(use_true_random=False))
def test_a_fill_is_told_once_and_an_order_never_goes_backwards(
    told: list[OrderOrFill], chance: random.Random
) -> None:
    chance.shuffle(told)
    news = tell(AccountOrders(), told)
    fills = [each for each in news if isinstance(each, FillReport)]
    assert len(fills) == len({each.trade_id for each in fills})
    assert {each.trade_id for each in fills} == {
        each.trade_id for each in told if isinstance(each, FillReport)
    }
    for number in range(1, 4):
        of_it = [
            each
            for each in news
            if isinstance(each, OrderReport) and each.venue_order_id == f"v{number}"
        ]
        for before, after in pairwise(of_it):
            assert STATE_RANKS[after.state] >= STATE_RANKS[before.state]
            assert after.filled >= before.filled
            assert before != after


def test_every_state_has_its_place() -> None:
    assert STATE_RANKS.keys() == set(OrderState)
    assert len(set(STATE_RANKS.values())) == len(STATE_RANKS)


def test_a_fill_waits_for_its_order_and_not_for_ever() -> None:
    book = AccountOrders()
    assert book.add_fill(fill(1), 5) == ()
    assert [type(each) for each in book.add_order(order())] == [OrderReport, FillReport]
    assert book.add_fill(fill(2, of=2), 5) == ()
    assert list(book.release_held(5)) == []
    assert [each.trade_id for each in book.release_held(6)] == ["t2"]
    assert book.add_order(order(2)) == [order(2, filled=D(1), state=OrderState.PARTLY_FILLED)]


def test_a_trade_with_oneself_is_two_fills() -> None:
    book = AccountOrders()
    tell(book, [order(1), order(2, side=Side.SELL)])
    assert len(book.add_fill(fill(1), 1)) == 1
    assert len(book.add_fill(fill(1, of=2, side=Side.SELL), 1)) == 1
    assert len(book.add_fill(fill(1, instrument=ETH), 1)) == 0  # its order is not known
    assert len(list(book.fills)) == 3


def test_a_fill_learns_our_id_from_its_order() -> None:
    book = AccountOrders()
    book.add_order(order(7))
    (told,) = book.add_fill(fill(1, of=7, client_id=None), 1)
    assert told.client_id == 7


def test_an_order_that_filled_by_more_than_its_fills_is_owed_them() -> None:
    book = AccountOrders()
    book.add_order(order(filled=D(3), state=OrderState.CANCELLED))
    assert [(each.venue_order_id, each.filled) for each in book.missing_fills] == [("v1", 3)]
    book.add_fill(fill(1, quantity=2), 1)
    assert list(book.missing_fills)
    book.add_fill(fill(2, quantity=1), 1)
    assert not list(book.missing_fills)


def test_a_late_fill_of_a_cancelled_order_counts() -> None:
    book = AccountOrders()
    tell(book, [order(state=OrderState.CANCELLED, event_ns=9), fill(1, quantity=4)])
    (known,) = book.orders
    assert (known.state, known.filled) == (OrderState.CANCELLED, 4)
    assert not list(book.open_orders)


def test_what_is_over_is_forgotten_at_last() -> None:
    book = AccountOrders()
    for number in range(1, MAX_ORDERS + 10):
        book.add_order(order(number, state=OrderState.CANCELLED))
    assert len(list(book.orders)) == MAX_ORDERS
    for number in range(MAX_FILLS + 10):
        book.record(fill(number))
    assert len(list(book.fills)) == MAX_FILLS


def position(
    event_ns: int, quantity: int, direction: Direction, **changed: object
) -> PositionReport:
    fields = {"hedged": False} | changed
    return PositionReport(BTC, direction, D(quantity), D(100), event_ns, **fields)  # type: ignore[arg-type]


@given(st.permutations(range(1, 6)), st.lists(st.integers(1, 5), max_size=4))
def test_of_positions_the_latest_counts(moments: list[int], again: list[int]) -> None:
    holdings = AccountHoldings()
    for at in [*moments, *again]:
        holdings.set_position(position(at, at, Direction.LONG if at % 2 else Direction.SHORT))
    (known,) = holdings.positions
    assert (known.quantity, known.direction) == (5, Direction.LONG)


def test_a_flip_leaves_one_position_and_a_hedge_two() -> None:
    holdings = AccountHoldings()
    holdings.set_position(position(1, 5, Direction.LONG))
    holdings.set_position(position(2, 3, Direction.SHORT))
    assert [each.direction for each in holdings.positions] == [Direction.SHORT]
    hedged = AccountHoldings()
    hedged.set_position(position(1, 5, Direction.LONG, hedged=True))
    hedged.set_position(position(2, 3, Direction.SHORT, hedged=True))
    assert len(list(hedged.positions)) == 2


def test_what_happened_in_one_moment_is_told_once_and_the_last_of_it_counts() -> None:
    holdings = AccountHoldings()
    first, second = position(1, 1, Direction.LONG), position(1, 2, Direction.LONG)
    assert holdings.set_position(first)
    assert holdings.set_position(second)
    assert not holdings.set_position(first)
    assert [each.quantity for each in holdings.positions] == [2]


def test_a_position_keeps_the_leverage_that_only_rest_tells() -> None:
    holdings = AccountHoldings()
    holdings.set_position(position(1, 1, Direction.LONG, leverage=D(5)))
    holdings.set_position(position(2, 2, Direction.LONG))
    (known,) = holdings.positions
    assert known.leverage == 5


def test_a_balance_is_news_when_it_changed() -> None:
    holdings = AccountHoldings()
    assert holdings.set_balance(Balance("USDT", D(1), D(1)))
    assert not holdings.set_balance(Balance("USDT", D(1), D(1)))
    assert holdings.set_balance(Balance("USDT", D(2), D(1)))
