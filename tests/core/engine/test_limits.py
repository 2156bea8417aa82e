"""Every bound on an entry, at the bound itself and beside it: by amounts worked out by hand.

The money is 1,000 and nothing costs anything unless a case says so.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace

from bowline.core.model.event import Run
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Refusal
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    Fills,
    FixedQuote,
    Limits,
    Margin,
    Policy,
    ProfitLock,
    RiskPct,
    Sharing,
    Stops,
)
from bowline.core.model.values import RunId, StrategyId, Timeframe
from bowline.core.report import RunRecord
from bowline.core.signals.frame import SignalFrame, frame_of
from bowline.research import backtest
from bowline.research.portfolio import Member, backtest_portfolio

BTC, ETH = (InstrumentId(MarketId(2), symbol) for symbol in ("BTCUSDT", "ETHUSDT"))
CASH = Decimal(1000)
FREE = Costs(Decimal(0), Decimal(0))
PLAIN = Policy(DirectionMode.LONG_SHORT, Stops(), AllIn(), FREE, Limits())
#: closes of four hours, the first of them of a day of its own
HOUR = Timeframe.H4.ns


class Told:
    """An opinion that says what it was told to say."""

    warmup = 0

    def __init__(self, signals: list[int]) -> None:
        self._signals = np.array(signals, dtype=np.int8)

    def signals(self, candles: CandleFrame) -> SignalFrame:
        return frame_of(self._signals[: len(candles)])


def frame(closes: list[float], instrument: InstrumentId = BTC) -> CandleFrame:
    column = np.array(closes, dtype=np.float64)
    open_ns = np.arange(len(closes), dtype=np.int64) * HOUR
    return CandleFrame(instrument, Timeframe.H4, open_ns, *(column for _ in range(5)))


def run_of(policy: Policy, number: int = 1, instrument: Instrument | None = None) -> Run:
    return Run(
        RunId(number), StrategyId(f"told {number}"), "test", instrument or Instrument(BTC),
        Timeframe.H4, policy, CASH, 0, 0,
    )  # fmt: skip


def played(
    closes: list[float], signals: list[int], policy: Policy, instrument: Instrument | None = None
) -> RunRecord:
    return backtest(run_of(policy, instrument=instrument), Told(signals), frame(closes))


def refusals(record: RunRecord) -> dict[Refusal, int]:
    return {reason: count for reason, count in record.refusals.items() if count}


def limited(**limits) -> Policy:
    return replace(PLAIN, limits=Limits(**limits))


@pytest.mark.parametrize(("candles", "allowed"), [(1, True), (2, True), (3, False), (4, False)])
def test_a_cooldown_ends_with_its_last_candle(candles, allowed):
    """Left at candle 1, the next signal is two closes later: a cooldown of 2 has just ended."""
    policy = replace(limited(cooldown_candles=candles), direction=DirectionMode.LONG_ONLY)
    record = played([100, 100, 100, 100], [1, -1, 0, 1], policy)
    assert len(record.executions) == (3 if allowed else 2)
    assert refusals(record) == ({} if allowed else {Refusal.COOLDOWN: 1})


@pytest.mark.parametrize(
    ("close", "allowed"), [("95.01", True), ("95", False), ("94.99", False)]
)  # fmt: skip
def test_a_daily_loss_of_exactly_the_limit_is_the_limit(close, allowed):
    """1,000 at 100 and all of it in: 95 is a loss of 5 % since the day before."""
    policy = limited(daily_loss_pct=Decimal(5))
    record = played([100, float(close)], [1, -1], policy)
    assert len(record.executions) == (3 if allowed else 2)
    assert refusals(record) == ({} if allowed else {Refusal.DAILY_LOSS: 1})


@pytest.mark.parametrize(("money", "allowed"), [("100", True), ("100.01", False)])
def test_a_notional_of_exactly_the_minimum_is_enough(money, allowed):
    """100 of quote money at a venue that asks for so much, or for a cent more."""
    instrument = Instrument(BTC, min_notional=Decimal(money))
    policy = replace(PLAIN, sizing=FixedQuote(Decimal(100)))
    record = played([50, 50], [1, 1], policy, instrument)
    assert len(record.executions) == (1 if allowed else 0)
    assert refusals(record) == ({} if allowed else {Refusal.BELOW_MIN_NOTIONAL: 1})


@pytest.mark.parametrize(("step", "bought"), [("2", "2"), ("2.0001", None), ("1.5", "1.5")])
def test_a_quantity_of_exactly_one_lot_step_is_bought(step, bought):
    instrument = Instrument(BTC, lot_step=Decimal(step))
    policy = replace(PLAIN, sizing=FixedQuote(Decimal(100)))
    record = played([50, 50], [1, 1], policy, instrument)
    assert [str(e.fill.quantity) for e in record.executions] == ([bought] if bought else [])
    assert refusals(record) == ({} if bought else {Refusal.BELOW_LOT_STEP: 1})


@pytest.mark.parametrize(
    ("quote", "used"), [("999.99", "999.99"), ("1000", "1000"), ("1000.01", "1000")]
)
def test_a_fixed_notional_is_bounded_by_what_is_available(quote, used):
    record = played([50, 50], [1, 1], replace(PLAIN, sizing=FixedQuote(Decimal(quote))))
    (entry,) = record.executions
    assert entry.fill.quantity * entry.fill.price == Decimal(used)


def test_with_nothing_left_there_is_no_entry():
    """All of it lost by a short that is bust; and all of it set aside by profit lock."""
    record = played([100, 200, 100], [-1, 0, -1], PLAIN)
    assert refusals(record) == {Refusal.NOTHING_AVAILABLE: 1}
    lock = replace(PLAIN, sizing=ProfitLock(Decimal(100), Decimal(500)))
    # 500 double and lie aside; of the other 500 a short loses all at 400
    record = played([100, 200, 400, 100], [1, -1, 0, -1], lock)
    assert [e.reason.value for e in record.executions] == ["signal", "signal", "signal"]
    record = played([100, 200, 600, 100], [1, -1, 0, -1], lock)
    assert [e.reason.value for e in record.executions][3:] == ["bust"]
    assert refusals(record) == {Refusal.NOTHING_AVAILABLE: 1}


@pytest.mark.parametrize(("sl_pct", "allowed"), [("0.01", True), ("0", False)])
def test_a_stop_at_the_entry_is_none_to_size_by(sl_pct, allowed):
    policy = replace(PLAIN, sizing=RiskPct(Decimal(1)), stops=Stops(sl_pct=Decimal(sl_pct)))
    record = played([50, 50], [1, 1], policy)
    assert refusals(record) == ({} if allowed else {Refusal.NO_STOP_DISTANCE: 1})


@pytest.mark.parametrize(("kept", "allowed"), [("9.99", True), ("10", False), ("10.01", False)])
@pytest.mark.parametrize("side", [1, -1])
def test_an_entry_must_leave_more_than_its_maintenance_margin(kept, allowed, side):
    """Ten times 1,000 need 1,000 behind them at 10 %."""
    policy = replace(PLAIN, margin=Margin(Decimal(10), Decimal(kept)))
    record = played([100, 100], [side, side], policy)
    assert refusals(record) == ({} if allowed else {Refusal.BELOW_MAINTENANCE: 1})


@pytest.mark.parametrize("fills", [Fills.CLOSE, Fills.INTRABAR])
@pytest.mark.parametrize(
    ("side", "price", "level", "beside"),
    [
        # lost is a fifth of the entry, and 1 % of what is left must stay: 99 * 0.8 / 0.99
        (1, 99, 80, 80.01),
        # 101 * 1.2 / 1.01
        (-1, 101, 120, 119.99),
    ],
)
def test_a_position_is_liquidated_exactly_at_its_price(fills, side, price, level, beside):
    policy = replace(PLAIN, fills=fills, margin=Margin(Decimal(5), Decimal(1)))
    for last, reasons in ((level, ["signal", "liquidation"]), (beside, ["signal"])):
        record = played([price, last], [side, side], policy)
        assert [e.reason.value for e in record.executions] == reasons


@pytest.mark.parametrize(
    ("side", "stops", "level", "beside", "reason"),
    [
        (1, Stops(sl_pct=Decimal("0.5")), 70414.16, 70414.17, "stop_loss"),
        (1, Stops(tp_pct=Decimal("0.5")), 71121.84, 71121.83, "take_profit"),
        (-1, Stops(sl_pct=Decimal("0.5")), 71121.84, 71121.83, "stop_loss"),
        (-1, Stops(tp_pct=Decimal("0.5")), 70414.16, 70414.17, "take_profit"),
        (-1, Stops(), 141536, 141535.99, "bust"),
    ],
)
@pytest.mark.parametrize("fills", [Fills.CLOSE, Fills.INTRABAR])
def test_a_level_is_met_at_its_price_though_the_quantity_is_a_quotient(
    fills, side, stops, level, beside, reason
):
    """1,000 / 70,768 has no end: the price of the entry comes back from it by its 28th digit."""
    policy = replace(PLAIN, stops=stops, fills=fills)
    for last, reasons in ((level, ["signal", reason]), (beside, ["signal"])):
        record = played([70768, last], [side, side], policy)
        assert [e.reason.value for e in record.executions] == reasons


# --- of a portfolio -------------------------------------------------------------------------------


def shared(**sharing) -> Policy:
    return replace(PLAIN, direction=DirectionMode.LONG_ONLY, sharing=Sharing(**sharing))


def second_of(
    closes: list[float], signals: list[int], first: Policy, second: Policy,
    others: list[int],
) -> RunRecord:  # fmt: skip
    """The second run, on a price that stays at 50, beside a first one on `closes`."""
    one = Member(run_of(first, 1), Told(signals), frame(closes))
    still = frame([50] * len(closes), ETH)
    two = Member(run_of(second, 2, Instrument(ETH)), Told(others), still)
    return backtest_portfolio([one, two])[1]


@pytest.mark.parametrize(("last", "allowed"), [(80.02, True), (80, False), (79.98, False)])
@pytest.mark.parametrize("limit", ["max_drawdown_pct", "daily_loss_pct"])
def test_a_portfolio_s_loss_of_exactly_the_limit_is_the_limit(limit, last, allowed):
    """Half of 1,000 falls by a fifth: 10 % of the whole."""
    first, second = (shared(share_pct=Decimal(50), **{limit: Decimal(10)}) for _ in range(2))
    record = second_of([100, last], [1, 1], first, second, [0, 1])
    reasons = {
        "max_drawdown_pct": Refusal.MAX_DRAWDOWN, "daily_loss_pct": Refusal.PORTFOLIO_DAILY_LOSS,
    }  # fmt: skip
    assert refusals(record) == ({} if allowed else {reasons[limit]: 1})
    assert len(record.executions) == int(allowed)


@pytest.mark.parametrize(("most", "allowed"), [(1, False), (2, True)])
def test_positions_are_as_many_as_they_may_be(most, allowed):
    policies = [shared(share_pct=Decimal(50), max_positions=most) for _ in range(2)]
    record = second_of([100, 100], [1, 1], *policies, [0, 1])
    assert refusals(record) == ({} if allowed else {Refusal.MAX_POSITIONS: 1})


@pytest.mark.parametrize(("most", "bought"), [("50", None), ("50.01", "0.1"), ("80", "300")])
def test_an_exposure_at_its_limit_leaves_no_entry(most, bought):
    """The first holds 500 of 1,000; what is left to the second is what the limit leaves."""
    limit = {"share_pct": Decimal(50), "max_gross_exposure_pct": Decimal(most)}
    record = second_of([100, 100], [1, 1], shared(**limit), shared(**limit), [0, 1])
    entered = [e.fill.quantity * e.fill.price for e in record.executions]
    assert entered == ([Decimal(bought)] if bought else [])
    assert refusals(record) == ({} if bought else {Refusal.MAX_GROSS_EXPOSURE: 1})


def test_a_wallet_that_is_all_in_has_nothing_for_the_next():
    record = second_of([100, 100], [1, 1], shared(), shared(), [0, 1])
    assert refusals(record) == {Refusal.NOTHING_AVAILABLE: 1}


def test_no_run_spends_what_another_has_set_aside():
    """A tenth of 1,000 doubles and its profit of 100 is locked; then that run enters again.

    There are 1,100: 100 are safe, a tenth of the other 1,000 is in the first run's new position,
    and 900 are left to the second, which may otherwise use all there is.
    """
    lock = replace(shared(share_pct=Decimal(10)), sizing=ProfitLock(Decimal(100)))
    record = second_of([100, 200, 200, 200], [1, -1, 1, 1], lock, shared(), [0, 0, 0, 1])
    (entry,) = record.executions
    assert entry.fill.quantity * entry.fill.price == 900
