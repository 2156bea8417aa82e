"""Two runs are compared fill by fill: nothing that one of them did otherwise is forgiven."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.intent import Reason
from bowline.core.model.values import Side
from bowline.core.report import differences
from tests.core.report.runs import START_NS, execution, frame, record_of

FILLS = [
    execution(START_NS + 1, Side.BUY, "2", "100", "0.4"),
    execution(START_NS + 2, Side.SELL, "2", "110", "0.5", reason=Reason.SIGNAL),
]


def compared(**changes):
    """The second fill of the right side with these changes."""
    reason = changes.pop("reason", Reason.SIGNAL)
    other = replace(FILLS[1], fill=replace(FILLS[1].fill, **changes), reason=reason)
    candles = frame([100.0, 110.0])
    return differences(record_of(candles, FILLS), record_of(candles, [FILLS[0], other]))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"event_ns": START_NS + 3}, "time"),
        ({"side": Side.BUY}, "side"),
        ({"price": Decimal("110.00000001")}, "price"),
        ({"reason": Reason.STOP_LOSS}, "reason"),
        ({"instrument": InstrumentId(MarketId(1), "ETHUSDT")}, "instrument"),
        ({"quantity": Decimal("2.00000001")}, "quantity"),
        ({"fee": Decimal("0.500000001")}, "fee"),
    ],
)
def test_a_fill_that_differs_is_told_with_what_differs(changes, what):
    (found,) = compared(**changes)
    assert (found.number, found.what) == (2, what)


def test_money_within_a_billionth_of_itself_is_the_same_money():
    assert compared(quantity=Decimal("2.000000001"), fee=Decimal("0.5000000002")) == ()


def test_a_fill_that_only_one_side_has_is_told():
    candles = frame([100.0, 110.0])
    one, both = record_of(candles, FILLS[:1]), record_of(candles, FILLS)
    assert [each.what for each in differences(one, both)] == ["missing on the left"]
    assert [each.what for each in differences(both, one)] == ["missing on the right"]
    assert differences(both, both) == ()
