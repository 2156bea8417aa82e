"""Round trips added up by direction and by exit: sums worked out by hand."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.intent import Reason
from bowline.core.model.position import RoundTrip
from bowline.core.model.values import Direction
from bowline.core.report import tally_by

ID = InstrumentId(MarketId(1), "BTCUSDT")
HOUR = 3_600 * 10**9


def trip(direction: Direction, pnl: int, reason: Reason, hours: int) -> RoundTrip:
    """A round trip of one unit from 100."""
    return RoundTrip(
        ID, direction, Decimal(1), 0, hours * HOUR, Decimal(100),
        Decimal(100 + direction * pnl), Decimal(0), Decimal(pnl), reason,
    )  # fmt: skip


TRIPS = (
    trip(Direction.LONG, 10, Reason.SIGNAL, 1),
    trip(Direction.LONG, -4, Reason.STOP_LOSS, 3),
    trip(Direction.SHORT, -2, Reason.STOP_LOSS, 5),
)


def test_by_direction_every_trip_is_in_one_group():
    found = tally_by(TRIPS, lambda each: each.direction)
    assert {key: (each.count, each.wins, each.pnl_quote) for key, each in found.items()} == {
        Direction.LONG: (2, 1, 6),
        Direction.SHORT: (1, 0, -2),
    }
    assert found[Direction.LONG].avg_duration_ns == 2 * HOUR


def test_by_exit_the_groups_add_up_to_the_whole():
    found = tally_by(TRIPS, lambda each: each.reason)
    assert {key: (each.count, each.pnl_quote) for key, each in found.items()} == {
        Reason.SIGNAL: (1, 10),
        Reason.STOP_LOSS: (2, -6),
    }
