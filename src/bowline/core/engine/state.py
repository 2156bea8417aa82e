"""The whole state of a trader: tables of frozen values, and the one way to change them.

A step that fails must leave no trace: every change goes through `put` and `drop`, which remember
what was there, so that `undo` takes all of it back. Nothing here decides anything.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Struct

from bowline.core.engine.levels import ExitLevels
from bowline.core.model.account import Account
from bowline.core.model.command import WatchPrice
from bowline.core.model.event import FillReported, Run
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.intent import Intent, Reason
from bowline.core.model.order import Order
from bowline.core.model.plan import Plan
from bowline.core.model.position import Position
from bowline.core.model.trading import Balance, PositionReport, SettingsReport
from bowline.core.model.values import ZERO, AccountId, OrderId, PlanId, RunId, Timeframe


class Wallet(Struct, frozen=True, omit_defaults=True):
    """Money that one run, or several together, decide with. Figures are of the last closes.

    `cash` holds what is not in a long position and, for a short, the proceeds of its sale; `safe`
    is the part of it that profit lock has set aside, `idle` what a budget leaves alone.
    """

    id: str
    account: AccountId
    cash: Decimal
    idle: Decimal = ZERO
    safe: Decimal = ZERO
    runs: tuple[RunId, ...] = ()
    day: int = -1
    day_equity: Decimal = ZERO
    #: the highest equity at any moment before `seen_ns`; of a shared wallet only
    peak: Decimal | None = None
    seen_ns: int = -1


class RunState(Struct, frozen=True, omit_defaults=True):
    """One run, but for its mark, which moves with every candle."""

    run: Run
    wallet_id: str
    position: Position | None = None
    #: prices at which the position is left; None without one
    levels: ExitLevels | None = None
    #: the plan that enters, leaves or flips
    plan_id: PlanId | None = None
    #: stops and take profits that have not ended
    resting: tuple[OrderId, ...] = ()
    #: an exit that ended with the position still there and is tried again
    overdue_exit: Reason | None = None
    #: what waits until the plan has ended
    waiting: Intent | None = None
    #: up to when opinions have been acted on
    decided_ns: int = 0
    last_exit_candle: int | None = None
    #: an entry that is on its way, and the price at which its money is set aside
    entry_order: OrderId | None = None
    reserve_price: Decimal = ZERO
    #: no new entries: the run is stopped
    stopped: bool = False


class Mark(Struct, frozen=True, gc=False):
    """The last decision candle of a run: its close, when that was, and how many there were."""

    close: Decimal
    close_ns: int
    candles: int


class AccountState(Struct, frozen=True, omit_defaults=True):
    """What is known of an account: the venue's word for quantities, ours for reasons."""

    account: Account
    balances: dict[str, Balance] = {}
    positions: dict[str, PositionReport] = {}
    settings: dict[str, SettingsReport] = {}
    #: of other assets, in the account's quote
    prices: dict[str, Decimal] = {}
    #: fees by asset, as they were taken
    fees: dict[str, Decimal] = {}
    #: the seq up to which its balances are known
    balances_seq: int = 0


_NOBODY: dict[str, tuple[RunId, ...]] = {}
_MISSING = object()


class State(Struct, dict=True):
    """Every table of a trader. Keys are numbers or text, so that a snapshot is plain JSON."""

    accounts: dict[AccountId, AccountState] = {}
    wallets: dict[str, Wallet] = {}
    runs: dict[RunId, RunState] = {}
    marks: dict[RunId, Mark] = {}
    orders: dict[OrderId, Order] = {}
    plans: dict[PlanId, Plan] = {}
    watches: dict[int, WatchPrice] = {}
    timers: dict[str, int] = {}
    #: `scope|reason` to who set it
    halts: dict[str, str] = {}
    #: fills and movements of money that were booked, once for ever
    booked: dict[str, bool] = {}
    #: fills whose order is not known yet
    held: dict[str, FillReported] = {}
    #: venue's order ids to ours
    by_venue_id: dict[str, OrderId] = {}
    counters: dict[str, int] = {}

    def __post_init__(self) -> None:
        #: what was there before each change of this step
        self.changes: list[tuple[dict[Any, Any], Any, Any]] = []
        #: runs by what they watch, in the order in which they were started
        self.watching: dict[InstrumentId, dict[str, tuple[RunId, ...]]] = {}
        for each in self.runs.values():
            self.watch_candles(each.run)

    def watch_candles(self, run: Run) -> None:
        """The run is told of the candles that it decides on."""
        of_instrument = self.watching.setdefault(run.instrument.id, {})
        before = of_instrument.get(run.timeframe._value_, ())
        if run.id not in before:
            of_instrument[run.timeframe._value_] = (*before, run.id)

    def watchers(self, instrument: InstrumentId, timeframe: Timeframe) -> tuple[RunId, ...]:
        """The runs that decide on these candles."""
        # hashing an enum's member costs more than the rest of this
        return self.watching.get(instrument, _NOBODY).get(timeframe._value_, ())

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:  # noqa: ANN401 - any table
        """Set a row; it is taken back if the step fails."""
        self.changes.append((table, key, table.get(key, _MISSING)))
        table[key] = value

    def drop(self, table: dict[Any, Any], key: Any) -> None:  # noqa: ANN401 - any table
        """Take a row away; it comes back if the step fails."""
        if key in table:
            self.changes.append((table, key, table.pop(key)))

    def keep(self) -> None:
        """The step has returned: what it changed stays."""
        self.changes.clear()

    def undo(self) -> None:
        """The step has failed: everything is as it was before."""
        changes = self.changes
        for table, key, before in reversed(changes):
            if before is _MISSING:
                table.pop(key, None)
            else:
                table[key] = before
        changes.clear()
