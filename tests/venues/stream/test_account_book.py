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
from bowline.venues.stream.account_book import (
    MOST_FILLS,
    MOST_ORDERS,
    RANKS,
    FillBook,
    Holdings,
    order_key,
)
from tests.venues.stream.played import BTC, ETH

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


def tell(book: FillBook, reports: Sequence[OrderOrFill]) -> list[OrderOrFill]:
    """Tell a book everything and let go of what it held; all that it made of it."""
    news: list[OrderOrFill] = []
    for report in reports:
        news += book.order(report) if isinstance(report, OrderReport) else book.fill(report, 1)
    return [*news, *book.release(2)]


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
    known, shuffled = FillBook(), FillBook()
    tell(known, told)
    others = list(told)
    chance.shuffle(others)
    tell(shuffled, others)
    assert sorted(known.orders, key=order_key) == sorted(shuffled.orders, key=order_key)
    assert set(known.fills) == set(shuffled.fills)
    assert set(known.owed) == set(shuffled.owed)


@given(lives(), st.randoms(use_true_random=False))
def test_a_fill_is_told_once_and_an_order_never_goes_backwards(
    told: list[OrderOrFill], chance: random.Random
) -> None:
    chance.shuffle(told)
    news = tell(FillBook(), told)
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
            assert RANKS[after.state] >= RANKS[before.state]
            assert after.filled >= before.filled
            assert before != after


def test_every_state_has_its_place() -> None:
    assert RANKS.keys() == set(OrderState)
    assert len(set(RANKS.values())) == len(RANKS)


def test_a_fill_waits_for_its_order_and_not_for_ever() -> None:
    book = FillBook()
    assert book.fill(fill(1), 5) == ()
    assert [type(each) for each in book.order(order())] == [OrderReport, FillReport]
    assert book.fill(fill(2, of=2), 5) == ()
    assert list(book.release(5)) == []
    assert [each.trade_id for each in book.release(6)] == ["t2"]
    assert book.order(order(2)) == [order(2, filled=D(1), state=OrderState.PARTLY_FILLED)]


def test_a_trade_with_oneself_is_two_fills() -> None:
    book = FillBook()
    tell(book, [order(1), order(2, side=Side.SELL)])
    assert len(book.fill(fill(1), 1)) == 1
    assert len(book.fill(fill(1, of=2, side=Side.SELL), 1)) == 1
    assert len(book.fill(fill(1, instrument=ETH), 1)) == 0  # its order is not known
    assert len(list(book.fills)) == 3


def test_a_fill_learns_our_id_from_its_order() -> None:
    book = FillBook()
    book.order(order(7))
    (told,) = book.fill(fill(1, of=7, client_id=None), 1)
    assert told.client_id == 7


def test_an_order_that_filled_by_more_than_its_fills_is_owed_them() -> None:
    book = FillBook()
    book.order(order(filled=D(3), state=OrderState.CANCELLED))
    assert [(each.venue_order_id, each.filled) for each in book.owed] == [("v1", 3)]
    book.fill(fill(1, quantity=2), 1)
    assert list(book.owed)
    book.fill(fill(2, quantity=1), 1)
    assert not list(book.owed)


def test_a_late_fill_of_a_cancelled_order_counts() -> None:
    book = FillBook()
    tell(book, [order(state=OrderState.CANCELLED, event_ns=9), fill(1, quantity=4)])
    (known,) = book.orders
    assert (known.state, known.filled) == (OrderState.CANCELLED, 4)
    assert not list(book.open_orders)


def test_what_is_over_is_forgotten_at_last() -> None:
    book = FillBook()
    for number in range(1, MOST_ORDERS + 10):
        book.order(order(number, state=OrderState.CANCELLED))
    assert len(list(book.orders)) == MOST_ORDERS
    for number in range(MOST_FILLS + 10):
        book.note(fill(number))
    assert len(list(book.fills)) == MOST_FILLS


def position(
    event_ns: int, quantity: int, direction: Direction, **changed: object
) -> PositionReport:
    fields = {"hedged": False} | changed
    return PositionReport(BTC, direction, D(quantity), D(100), event_ns, **fields)  # type: ignore[arg-type]


@given(st.permutations(range(1, 6)), st.lists(st.integers(1, 5), max_size=4))
def test_of_positions_the_latest_counts(moments: list[int], again: list[int]) -> None:
    holdings = Holdings()
    for at in [*moments, *again]:
        holdings.position(position(at, at, Direction.LONG if at % 2 else Direction.SHORT))
    (known,) = holdings.positions
    assert (known.quantity, known.direction) == (5, Direction.LONG)


def test_a_flip_leaves_one_position_and_a_hedge_two() -> None:
    holdings = Holdings()
    holdings.position(position(1, 5, Direction.LONG))
    holdings.position(position(2, 3, Direction.SHORT))
    assert [each.direction for each in holdings.positions] == [Direction.SHORT]
    hedged = Holdings()
    hedged.position(position(1, 5, Direction.LONG, hedged=True))
    hedged.position(position(2, 3, Direction.SHORT, hedged=True))
    assert len(list(hedged.positions)) == 2


def test_what_happened_in_one_moment_is_told_once_and_the_last_of_it_counts() -> None:
    holdings = Holdings()
    first, second = position(1, 1, Direction.LONG), position(1, 2, Direction.LONG)
    assert holdings.position(first)
    assert holdings.position(second)
    assert not holdings.position(first)
    assert [each.quantity for each in holdings.positions] == [2]


def test_a_position_keeps_the_leverage_that_only_rest_tells() -> None:
    holdings = Holdings()
    holdings.position(position(1, 1, Direction.LONG, leverage=D(5)))
    holdings.position(position(2, 2, Direction.LONG))
    (known,) = holdings.positions
    assert known.leverage == 5


def test_a_balance_is_news_when_it_changed() -> None:
    holdings = Holdings()
    assert holdings.balance(Balance("USDT", D(1), D(1)))
    assert not holdings.balance(Balance("USDT", D(1), D(1)))
    assert holdings.balance(Balance("USDT", D(2), D(1)))
