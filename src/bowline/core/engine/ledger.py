"""What a run has: its money, position, working order and plan. Facts change it, opinions never do.

Money lies in the run's own wallet: `cash` holds what is not in a long position and, for a short,
the proceeds of its sale; `safe` is the part of it that profit lock has set aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.engine.plans import Plan
from bowline.core.model.event import CandleClosed, FundingPaid, Leg, Run
from bowline.core.model.intent import Reason
from bowline.core.model.order import Fill, Order
from bowline.core.model.policy import AllIn, Fills, FixedQuote, ProfitLock
from bowline.core.model.position import Position, RoundTrip, apply_fill
from bowline.core.model.values import HUNDRED, ONE, ZERO, Direction

_NEVER = Decimal("Infinity")


class Touch(Struct, frozen=True):
    """A level was met: why the position ends, and where inside the candle (None: at its close)."""

    reason: Reason
    price: Decimal | None = None


class ExitLevels(Struct, frozen=True):
    """Prices at which an open position is left: at or below `lower`, at or above `upper`."""

    lower: Decimal
    lower_reason: Reason
    upper: Decimal
    upper_reason: Reason

    def hit(self, close: Decimal) -> Touch | None:
        """Why this close ends the position, if it does."""
        if close <= self.lower:
            return Touch(self.lower_reason)
        if close >= self.upper:
            return Touch(self.upper_reason)
        return None

    def touched(self, legs: Sequence[Leg]) -> Touch | None:
        """Where the way of a candle first meets a level, if it does.

        A leg that begins at or beyond a level meets it at its open. A leg that reaches both meets
        the one that loses money first: its way between high and low is not known.
        """
        for leg in legs:
            if gap := self.hit(leg.open):
                return Touch(gap.reason, leg.open)
            falls, rises = leg.low <= self.lower, leg.high >= self.upper
            if falls and not (rises and self.lower_reason is Reason.TAKE_PROFIT):
                return Touch(self.lower_reason, self.lower)
            if rises:
                return Touch(self.upper_reason, self.upper)
        return None


class Ledger(Struct):
    """The whole state of one run. Candle counts are of decision candles."""

    run: Run
    cash: Decimal
    #: money of the account that this strategy's budget leaves alone
    idle: Decimal
    safe: Decimal = ZERO
    position: Position | None = None
    levels: ExitLevels | None = None
    plan: Plan | None = None
    order: Order | None = None
    #: an exit that the venue refused and that is tried again at the next close
    overdue_exit: Reason | None = None
    last_close: Decimal = ZERO
    candles: int = 0
    last_exit_candle: int | None = None
    day: int = -1
    day_equity: Decimal = ZERO

    @property
    def equity(self) -> Decimal:
        """The strategy's money with its position marked at the last close."""
        if self.position is None:
            return self.cash
        return self.cash + self.position.signed_quantity * self.last_close

    @property
    def available(self) -> Decimal:
        """What an entry may use."""
        return self.equity - self.safe

    def see_close(self, day: int, close: Decimal) -> None:
        """Count a closed candle and mark at its close; a new UTC day starts from the last mark."""
        if day != self.day:
            self.day_equity = self.equity
            self.day = day
        self.candles += 1
        self.last_close = close

    def meet(self, candle: CandleClosed) -> Touch | None:
        """Which level of the open position this candle meets first, if any."""
        if self.levels is None:
            return None
        if self.run.policy.fills is Fills.CLOSE:
            return self.levels.hit(candle.close)
        if not candle.legs:
            raise ValueError(f"run {self.run.id} looks inside candles and is told a close alone")
        return self.levels.touched(candle.legs)

    def book(self, fill: Fill) -> RoundTrip | None:
        """Apply a fill of the working order to order, money and position, exactly once."""
        if self.order is None:
            raise ValueError(f"fill {fill.trade_id} came without a working order")
        self.order = self.order.after_fill(fill)
        self.cash -= fill.side.sign * fill.quantity * fill.price + fill.fee
        self.position, trip = apply_fill(self.position, fill, self.order.reason)
        self.levels = self._exit_levels()
        if trip is not None:
            self.last_exit_candle = self.candles
            self.overdue_exit = None
            self._lock_profit(trip)
        return trip

    def pay_funding(self, paid: FundingPaid) -> None:
        """Money that funding took or brought; the position remembers it."""
        self.cash -= paid.amount
        if self.position is not None:
            funding = self.position.funding + paid.amount
            self.position = replace(self.position, funding=funding)
            # the price at which a short is bust depends on the cash
            self.levels = self._exit_levels()

    def _lock_profit(self, trip: RoundTrip) -> None:
        sizing = self.run.policy.sizing
        if isinstance(sizing, ProfitLock) and trip.pnl > ZERO:
            self.safe += trip.pnl * sizing.safe_profit_pct / HUNDRED

    def _exit_levels(self) -> ExitLevels | None:
        if self.position is None:
            return None
        stops, entry = self.run.policy.stops, self.position.entry_price
        if self.position.direction is Direction.LONG:
            return ExitLevels(
                _moved(entry, stops.sl_pct, -1, ZERO), Reason.STOP_LOSS,
                _moved(entry, stops.tp_pct, 1, _NEVER), Reason.TAKE_PROFIT,
            )  # fmt: skip
        # a short is worth nothing once buying it back costs all the cash there is
        bust = self.cash / self.position.quantity
        stop = _moved(entry, stops.sl_pct, 1, _NEVER)
        upper = (bust, Reason.BUST) if bust < stop else (stop, Reason.STOP_LOSS)
        return ExitLevels(_moved(entry, stops.tp_pct, -1, ZERO), Reason.TAKE_PROFIT, *upper)


def _moved(entry: Decimal, pct: Decimal | None, sign: int, without: Decimal) -> Decimal:
    return without if pct is None else entry * (ONE + sign * pct / HUNDRED)


def open_ledger(run: Run) -> Ledger:
    """The ledger of a run before its first candle: the strategy's budget, the rest idle."""
    sizing = run.policy.sizing
    budget = None if isinstance(sizing, AllIn | FixedQuote) else sizing.budget_quote
    cash = run.initial_cash if budget is None else min(budget, run.initial_cash)
    return Ledger(run, cash=cash, idle=run.initial_cash - cash)
