"""Runs built by hand: candles from closes, fills at closes, records out of both."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from bowline.core.model.event import Run
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Reason
from bowline.core.model.market import CandleFrame
from bowline.core.model.order import Fill
from bowline.core.model.policy import AllIn, Costs, DirectionMode, Limits, Policy, Stops
from bowline.core.model.values import OrderId, RunId, Side, StrategyId, Timeframe
from bowline.core.report import Execution, RunRecord

BTC = InstrumentId(MarketId(1), "BTCUSDT")
START_NS = 1_750_032_000_000_000_000  # 2025-06-16 00:00 UTC


def frame(
    closes: Sequence[float], timeframe: Timeframe = Timeframe.H1, start_ns: int = START_NS
) -> CandleFrame:
    """Candles without a gap whose opens are the closes before them."""
    close = np.array(closes, dtype=np.float64)
    opens = np.concatenate((close[:1], close[:-1]))
    return CandleFrame(
        BTC,
        timeframe,
        open_ns=start_ns + timeframe.ns * np.arange(len(close), dtype=np.int64),
        open=opens,
        high=np.maximum(opens, close),
        low=np.minimum(opens, close),
        close=close,
        volume=np.ones(len(close)),
    )


def run_of(
    candles: CandleFrame,
    initial_cash: str | Decimal = "1000",
    *,
    fee_pct: str = "0",
    slippage_pct: str = "0",
    direction: DirectionMode = DirectionMode.LONG_SHORT,
) -> Run:
    start_ns = int(candles.open_ns[0]) if len(candles) else START_NS
    return Run(
        id=RunId(1),
        strategy_id=StrategyId("test"),
        account="backtest",
        instrument=Instrument(candles.instrument),
        timeframe=candles.timeframe,
        policy=Policy(
            direction,
            Stops(),
            AllIn(),
            Costs(Decimal(fee_pct), Decimal(slippage_pct)),
            Limits(),
        ),
        initial_cash=Decimal(initial_cash),
        anchor_ns=start_ns,
        start_ns=start_ns,
    )


def execution(
    event_ns: int,
    side: Side,
    quantity: str | Decimal,
    price: str | Decimal,
    fee: str | Decimal = "0",
    *,
    instrument: InstrumentId = BTC,
    reason: Reason = Reason.SIGNAL,
) -> Execution:
    fill = Fill(
        OrderId(1), "1", instrument, side, Decimal(quantity), Decimal(price), Decimal(fee), event_ns
    )
    return Execution(fill, reason)


def record_of(
    candles: CandleFrame,
    executions: Sequence[Execution] = (),
    initial_cash: str | Decimal = "1000",
) -> RunRecord:
    return RunRecord(run_of(candles, initial_cash), candles, tuple(executions), {}, 0)


def flipping_record(
    candles: CandleFrame, every: int, *, fee_pct: str = "0.1", slippage_pct: str = "0.01"
) -> RunRecord:
    """An all-in run that turns from long to short and back every so many candles."""
    run = run_of(candles, "10000", fee_pct=fee_pct, slippage_pct=slippage_pct)
    costs = run.policy.costs
    cash, held, executions = run.initial_cash, Decimal(0), []

    def trade(row: int, side: Side, quantity: Decimal) -> None:
        nonlocal cash, held
        price = Decimal(repr(float(candles.close[row]))) * (1 + side.sign * costs.slippage_rate)
        fee = quantity * price * costs.fee_rate
        cash += -side.sign * quantity * price - fee
        held += side.sign * quantity
        executions.append(execution(int(candles.close_ns[row]), side, quantity, price, fee))

    for turn, row in enumerate(range(every, len(candles), every)):
        side = Side.SELL if turn % 2 else Side.BUY
        if held:
            trade(row, side, abs(held))
        price = Decimal(repr(float(candles.close[row]))) * (1 + side.sign * costs.slippage_rate)
        trade(row, side, cash / (price * (1 + costs.fee_rate)))
    return RunRecord(run, candles, tuple(executions), {}, 0)
