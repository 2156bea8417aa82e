"""What of a run spans a gap in its candles is told apart from what does not, to the edge."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from bowline.core.completeness import GapEffects, measure
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import DAY_NS, RunId, Side, Timeframe
from bowline.core.report import count_held_across, make_report
from bowline.core.report.record import FundingPayment
from tests.core.report.runs import START_NS, execution, frame, record_of

HOUR_NS = Timeframe.H1.ns
#: six hours from a midnight on, then ten days of nothing but for these six, then six hours
GAP_FROM_NS, GAP_TO_NS = START_NS + 6 * HOUR_NS, START_NS + 10 * DAY_NS


@pytest.fixture
def candles() -> CandleFrame:
    made = frame([100.0] * 12)
    open_ns = made.open_ns.copy()
    open_ns[6:] = GAP_TO_NS + HOUR_NS * np.arange(6)
    return msgspec.structs.replace(made, open_ns=open_ns)


def report_of(candles: CandleFrame, *rows: int, funding: tuple[int, ...] = ()):
    """Bought and sold in turn at the closes of these candles."""
    sides = (Side.BUY, Side.SELL) * len(rows)
    closes = candles.close_ns.tolist()
    fills = [
        execution(closes[row], side, "1", "100") for row, side in zip(rows, sides, strict=False)
    ]
    paid = tuple(
        FundingPayment(at, RunId(1), Decimal("0.0001"), Decimal(100), Decimal("0.01"))
        for at in funding
    )
    record = msgspec.structs.replace(record_of(candles, fills), funding=paid)
    return make_report(record, measure(candles))


@pytest.mark.parametrize(
    ("rows", "held", "is_open"),
    [
        ((0, 5), (), False),  # left at the last close before the gap
        ((5, 6), (1,), False),  # the shortest that spans it
        ((6, 7), (), False),  # entered at the first close after it
        ((0, 1, 2, 8, 9, 10), (2,), False),
        ((5,), (), True),
        ((6,), (), False),
        ((0, 11), (1,), False),
    ],
)
def test_positions_that_were_held_through_the_gap(candles, rows, held, is_open) -> None:
    report = report_of(candles, *rows)
    assert report.completeness is not None
    across = report.completeness.across
    assert across is not None
    assert (across.round_trips, across.open_position) == (held, is_open)
    assert count_held_across(report, report.completeness.gaps) == len(held) + is_open


def test_days_and_fundings_within_and_a_warm_up_before(candles) -> None:
    """Of 16 June six hours are there, so nine whole days (17 to 25) are not."""
    # at the gap's end the last close is still the one before it
    inside = (GAP_FROM_NS + HOUR_NS, GAP_TO_NS - HOUR_NS, GAP_TO_NS)
    report = report_of(candles, 0, 11, funding=(GAP_FROM_NS, *inside, GAP_TO_NS + HOUR_NS))
    assert report.completeness is not None
    assert report.completeness.across == GapEffects(round_trips=(1,), days=9, fundings=3)
    decided = candles.slice(6, 12)
    later = make_report(record_of(decided), measure(candles))
    assert later.completeness is not None
    assert later.completeness.across == GapEffects(warmup=True)


def test_a_run_without_a_gap_spans_none() -> None:
    whole = frame([100.0] * 12)
    report = make_report(record_of(whole), measure(whole))
    assert report.completeness == measure(whole)
    assert make_report(record_of(whole)).completeness is None
