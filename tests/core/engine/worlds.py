"""An engine with the venue in the test's hands: facts in, commands out, nothing in between."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from bowline.core.engine import Engine, RunState, Wallet
from bowline.core.model.account import Account, Capabilities, Life
from bowline.core.model.command import CancelOrder, Command, PlaceOrder
from bowline.core.model.event import (
    AccountOpened,
    CandleClosed,
    FillReported,
    OpinionsFormed,
    OrderReported,
    Run,
    RunStarted,
    SendLost,
    SendRefused,
)
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Signal
from bowline.core.model.order import Order, OrderState
from bowline.core.model.policy import AllIn, Costs, DirectionMode, Fills, Limits, Policy, Stops
from bowline.core.model.trading import FillReport, OrderReport
from bowline.core.model.values import (
    AccountId,
    Direction,
    OrderId,
    RunId,
    StrategyId,
    Timeframe,
)

ID = InstrumentId(MarketId(2), "BTCUSDT")
ACCOUNT = AccountId("main")
POLICY = Policy(
    DirectionMode.LONG_SHORT,
    Stops(sl_pct=Decimal(5)),
    AllIn(),
    Costs(Decimal("0.1"), Decimal("0.01")),
    Limits(),
)
MINUTE = Timeframe.M1.ns
#: stops inside the candle, and an account where both rest
INSIDE = replace(POLICY, fills=Fills.INTRABAR, stops=Stops(Decimal(5), Decimal(10)))
RESTS = Capabilities(rests_stops=True, rests_take_profits=True, pairs_stops=True, continuous=True)
NOTHING = Capabilities()


class World:
    """One account, one run, a market that closes where the test says."""

    def __init__(
        self,
        policy: Policy = POLICY,
        can: Capabilities = NOTHING,
        instrument: Instrument | None = None,
        *,
        completes_part_fills: bool = False,
    ) -> None:
        self.engine = Engine()
        self.run = Run(
            RunId(1), StrategyId("told"), ACCOUNT,
            instrument or Instrument(ID, base="BTC", quote="USDT"), Timeframe.M1, policy,
            Decimal(1000), 0, 0,
        )  # fmt: skip
        self.said: list[Command] = []
        self.facts: list = []
        account = Account(
            ACCOUNT, Life.SANDBOX, "USDT", can, completes_part_fills=completes_part_fills
        )
        self.tell(AccountOpened(0, account))
        self.tell(RunStarted(0, self.run))
        self.at = 0

    def tell(self, fact) -> tuple[Command, ...]:
        self.facts.append(fact)
        commands = self.engine.step(fact)
        self.said += commands
        return commands

    def close(self, close: float | str, signal: int = 0) -> list[Order]:
        """The next candle closes, with a fresh opinion if there is one: what is placed."""
        open_ns = self.at * MINUTE
        self.at += 1
        seen = open_ns + MINUTE
        commands = self.tell(CandleClosed(seen, ID, Timeframe.M1, open_ns, Decimal(str(close))))
        if signal:
            direction = Direction(signal)
            formed = ((self.run.id, Signal(direction, direction)),)
            commands += self.tell(OpinionsFormed(seen, ID, Timeframe.M1, open_ns, formed))
        return placed(commands)

    def report(
        self, order: Order, state: OrderState, filled: str | Decimal = "0", word: str = "",
        *, named: bool = True,
    ) -> list[Order]:  # fmt: skip
        """The venue says where the order is; `named`: with our id."""
        client_id = order.id if named else None
        report = OrderReport(
            f"v{order.id}", client_id, order.instrument, order.side, order.quantity,
            Decimal(filled), state, self.now,
        )  # fmt: skip
        return placed(self.tell(OrderReported(self.now, order.account, report, word)))

    def fill(
        self, order: Order, part: str | Decimal = "1", trade: str = "a", price: str = "100",
        fee: str = "0", asset: str = "USDT", *, named: bool = True,
    ) -> list[Order]:  # fmt: skip
        """The venue tells an execution of a part of the order."""
        report = FillReport(
            order.instrument, trade, f"v{order.id}", order.id if named else None, order.side,
            order.quantity * Decimal(part), Decimal(price), Decimal(fee), asset, self.now,
        )  # fmt: skip
        return placed(self.tell(FillReported(self.now, order.account, report)))

    def lose(self, order: Order) -> tuple[Command, ...]:
        return self.tell(SendLost(self.now, order.account, order.id, "no reply"))

    def refuse(self, order: Order) -> tuple[Command, ...]:
        return self.tell(SendRefused(self.now, order.account, order.id, "-2019", "no"))

    @property
    def now(self) -> int:
        return self.at * MINUTE + 1

    def order(self, order: Order) -> Order:
        """The order as it is known now."""
        return self.engine.state.orders[order.id]

    @property
    def state(self) -> RunState:
        return self.engine.state.runs[self.run.id]

    @property
    def wallet(self) -> Wallet:
        return self.engine.state.wallets[self.state.wallet_id]

    def cancels(self) -> list[OrderId]:
        """The orders whose cancel was ever asked for."""
        return [each.order_id for each in self.said if isinstance(each, CancelOrder)]


def placed(commands: Sequence[Command]) -> list[Order]:
    return [each.order for each in commands if isinstance(each, PlaceOrder)]
