"""An account that reports its money bounds an entry by it, less what is not counted in it yet."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bowline.core.engine import Engine
from bowline.core.model.account import Account, Capabilities, Life
from bowline.core.model.command import PlaceOrder, RecordRefusal
from bowline.core.model.event import (
    AccountOpened,
    BalancesReported,
    CandleClosed,
    OpinionsFormed,
    Run,
    RunStarted,
)
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Refusal, Signal
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    FixedQuote,
    Limits,
    Margin,
    Policy,
    Sizing,
    Stops,
)
from bowline.core.model.trading import Balance
from bowline.core.model.values import AccountId, Direction, RunId, StrategyId, Timeframe

ACCOUNT = AccountId("main")
HOUR = Timeframe.H1.ns
LONG = Signal(Direction.LONG, Direction.LONG)


class Reporting:
    """Runs with 10,000 each at an account that reports `free`: a price of 100, a fee of 1 %."""

    def __init__(self, free: str | None, *sizings: Sizing, leverage: str = "1") -> None:
        self.engine = Engine()
        can = Capabilities(book_per_run=True, reports_money=True)
        self.engine.step(AccountOpened(0, Account(ACCOUNT, Life.SANDBOX, "USDT", can)))
        margin = None if leverage == "1" else Margin(Decimal(leverage), Decimal(0))
        for number, sizing in enumerate(sizings):
            policy = Policy(
                DirectionMode.LONG_ONLY, Stops(), sizing, Costs(Decimal(1), Decimal(0)), Limits(),
                margin=margin,
            )  # fmt: skip
            run = Run(
                RunId(number + 1), StrategyId("told"), ACCOUNT,
                Instrument(self.coin(number), quote="USDT"), Timeframe.H1, policy,
                Decimal(10_000), 0, 0,
            )  # fmt: skip
            self.engine.step(RunStarted(0, run))
        if free is not None:
            held = Balance("USDT", Decimal(99_999), Decimal(free))
            self.engine.step(BalancesReported(0, ACCOUNT, (held,), 0))

    @staticmethod
    def coin(number: int) -> InstrumentId:
        return InstrumentId(MarketId(2), f"COIN{number}")

    def enter(self, number: int) -> PlaceOrder | RecordRefusal:
        key = self.coin(number), Timeframe.H1
        self.engine.step(CandleClosed(HOUR, *key, 0, Decimal(100)))
        commands = self.engine.step(OpinionsFormed(HOUR, *key, 0, ((RunId(number + 1), LONG),)))
        (found,) = (each for each in commands if isinstance(each, PlaceOrder | RecordRefusal))
        return found


def test_an_entry_takes_no_more_than_the_account_has_free() -> None:
    """505 pay for 500 and their fee of 1 %."""
    entry = Reporting("505", AllIn()).enter(0)
    assert isinstance(entry, PlaceOrder)
    assert entry.order.quantity == 5


@pytest.mark.parametrize("free", [None, "0"])
def test_an_account_that_has_nothing_or_has_not_told_yet_enters_nothing(free: str | None) -> None:
    refused = Reporting(free, AllIn()).enter(0)
    assert isinstance(refused, RecordRefusal)
    assert refused.refused.reason is Refusal.NOTHING_AVAILABLE


@pytest.mark.parametrize(
    ("leverage", "left"),
    [
        # 500 and their fee of 5 are still to be paid: of 1,010 that leaves 505
        ("1", "5"),
        # a margin of 100 and a fee of 5 leave 905, and 905 / (1/5 + 1/100) is 4,309.5
        ("5", "43.0952380952380952380952381"),
    ],
)
def test_what_an_order_will_take_with_its_fee_is_not_free(leverage: str, left: str) -> None:
    world = Reporting("1010", FixedQuote(Decimal(500)), AllIn(), leverage=leverage)
    assert isinstance(world.enter(0), PlaceOrder)
    entry = world.enter(1)
    assert isinstance(entry, PlaceOrder)
    assert entry.order.quantity == pytest.approx(Decimal(left), rel=Decimal("1e-20"))
