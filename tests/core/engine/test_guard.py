"""What rests to protect a position follows from it: nothing is forgotten, nothing stands alone."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bowline.core.model.account import Capabilities
from bowline.core.model.command import WatchPrice
from bowline.core.model.order import OrderState, Purpose
from bowline.core.model.policy import FixedQuote
from bowline.core.model.values import Side
from tests.core.engine.worlds import INSIDE, POLICY, RESTS, World

S = OrderState


def test_stop_and_profit_rest_for_what_has_filled_and_follow_it():
    world = World(replace(INSIDE, sizing=FixedQuote(Decimal(500))), RESTS)
    (entry,) = world.close(100, 1)
    first = world.fill(entry, "0.5", "a")
    assert [(o.purpose, o.trigger, o.side) for o in first] == [
        (Purpose.STOP, 95, Side.SELL),
        (Purpose.TAKE_PROFIT, 110, Side.SELL),
    ]
    assert all(o.quantity == entry.quantity / 2 and o.reduce_only for o in first)
    for order in first:
        world.report(order, S.ARMED)
    second = world.fill(entry, "0.5", "b")
    assert [o.quantity for o in second] == [entry.quantity] * 2
    assert world.cancels() == []  # an old stop goes only after the new one is confirmed
    for order in second:
        world.report(order, S.ARMED)
    assert world.cancels() == [o.id for o in first]


def test_when_one_of_two_fills_the_other_is_cancelled():
    world = World(INSIDE, RESTS)
    (entry,) = world.close(100, 1)
    stop, profit = world.fill(entry)
    for order in (stop, profit):
        world.report(order, S.ARMED)
    world.fill(stop, price="95", trade="s")
    assert world.state.position is None
    assert world.cancels() == [profit.id]


def test_a_run_that_judges_closes_rests_an_emergency_stop_where_prices_move_between_them():
    world = World(POLICY, RESTS)
    (entry,) = world.close(100, 1)
    (emergency,) = world.fill(entry)
    assert (emergency.purpose, emergency.trigger) == (Purpose.STOP, 90)  # twice the 5 %


def test_where_a_resting_stop_locks_the_coins_an_exit_ends_it_first():
    locks = Capabilities(rests_stops=True, stops_lock=True, continuous=True)
    world = World(POLICY, locks)
    (entry,) = world.close(100, 1)
    (stop,) = world.fill(entry)
    world.report(stop, S.ARMED)
    assert world.close(100, -1) == []
    assert world.cancels() == [stop.id]
    (leave,) = world.report(stop, S.CANCELLED)
    assert (leave.purpose, leave.quantity) == (Purpose.EXIT, entry.quantity)


def test_a_stop_that_fills_while_it_is_being_ended_leaves_nothing_to_exit():
    locks = Capabilities(rests_stops=True, stops_lock=True, continuous=True)
    world = World(POLICY, locks)
    (entry,) = world.close(100, 1)
    (stop,) = world.fill(entry)
    world.report(stop, S.ARMED)
    world.close(100, -1)
    orders = world.fill(stop, trade="s", price="90")
    assert world.state.position is None
    assert all(each.purpose is Purpose.ENTRY for each in orders)


@pytest.mark.parametrize(
    ("can", "rests", "below", "above"),
    [
        (Capabilities(continuous=True), set(), 95, 110),
        (Capabilities(continuous=True, rests_stops=True), {Purpose.STOP}, None, 110),
    ],
)
def test_what_cannot_rest_is_watched_and_what_rests_is_not(can, rests, below, above):
    """Of a long from 100 with 5 % to lose and 10 % to win."""
    world = World(INSIDE, can)
    (entry,) = world.close(100, 1)
    assert {each.purpose for each in world.fill(entry)} == rests
    (watch,) = [each for each in world.said if isinstance(each, WatchPrice)]
    assert (watch.below, watch.above) == (below, above)
