"""What a run has: its wallet, position, working order and plan. Facts change it, opinions never do.

The wallet is its own, or the one of its portfolio; what its position ties up there is its stake.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from decimal import Context, Decimal

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.engine.plans import Plan
from bowline.core.engine.wallet import Stake, Wallet, ruin_price
from bowline.core.model.event import CandleClosed, FundingPaid, Leg, Run
from bowline.core.model.intent import Reason
from bowline.core.model.order import Fill, Order
from bowline.core.model.policy import Fills, ProfitLock, StrategyCompound
from bowline.core.model.position import Position, RoundTrip, apply_fill
from bowline.core.model.values import DAY_NS, HUNDRED, ONE, ZERO, Direction

_NEVER = Decimal("Infinity")
#: An entry price is a quotient, and what 28 digits leave of it may lie one beside the price that
#: was paid. A level that is met is compared without its last digits: so a close that is exactly on
#: the level meets it. Prices, percentages and rates have fewer digits than this together.
_MET = Context(prec=24)


class Touch(Struct, frozen=True):
    """A level was met: why the position ends, and where inside the candle (None: at its close)."""

    reason: Reason
    price: Decimal | None = None


class ExitLevels(Struct, frozen=True):
    """Prices at which an open position is left: at or below `lower`, at or above `upper`.

    `lower_met` and `upper_met` are these without what rounding left; a price is held against them.
    """

    lower: Decimal
    lower_reason: Reason
    upper: Decimal
    upper_reason: Reason
    lower_met: Decimal
    upper_met: Decimal

    @classmethod
    def of(cls, lower: Decimal, low: Reason, upper: Decimal, high: Reason) -> ExitLevels:
        """The levels at these prices, for these reasons."""
        return cls(lower, low, upper, high, _MET.plus(lower), _MET.plus(upper))

    def hit(self, close: Decimal) -> Touch | None:
        """Why this close ends the position, if it does."""
        if close <= self.lower_met:
            return Touch(self.lower_reason)
        if close >= self.upper_met:
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
            falls, rises = leg.low <= self.lower_met, leg.high >= self.upper_met
            if falls and not (rises and self.lower_reason is Reason.TAKE_PROFIT):
                return Touch(self.lower_reason, self.lower)
            if rises:
                return Touch(self.upper_reason, self.upper)
        return None


class Ledger(Struct):
    """The whole state of one run. Candle counts are of decision candles."""

    run: Run
    wallet: Wallet
    position: Position | None = None
    levels: ExitLevels | None = None
    plan: Plan | None = None
    order: Order | None = None
    #: an exit that the venue refused and that is tried again at the next close
    overdue_exit: Reason | None = None
    last_close: Decimal = ZERO
    candles: int = 0
    last_exit_candle: int | None = None

    @property
    def claim(self) -> Decimal:
        """What of its wallet this run may ever use."""
        money, sharing = self.wallet.equity - self.wallet.safe, self.run.policy.sharing
        return money if sharing is None else money * sharing.share_pct / HUNDRED

    @property
    def available(self) -> Decimal:
        """What an entry may use now."""
        return self.claim if self.run.policy.sharing is None else min(self.claim, self.wallet.free)

    @property
    def exposure_left(self) -> Decimal:
        """What the portfolio's limit leaves of gross exposure to one more entry."""
        sharing = self.run.policy.sharing
        if sharing is None or sharing.max_gross_exposure_pct == ZERO:
            return _NEVER
        most = self.wallet.equity * sharing.max_gross_exposure_pct / HUNDRED
        return most - self.wallet.gross_exposure

    def see_close(self, candle: CandleClosed) -> None:
        """Count a closed candle and mark at its close; a new UTC day starts from the last mark."""
        wallet, day = self.wallet, candle.open_ns // DAY_NS
        # a wallet of one run has nothing to take note of within a day
        if day != wallet.day or wallet.peak is not None:
            wallet.see_moment(candle.seen_ns, day)
        self.candles += 1
        self.last_close = candle.close
        if self.position is not None:
            wallet.stakes[self.run.id].price = candle.close

    def mark(self) -> None:
        """Tell the wallet what the position is worth at the last close."""
        if self.position is None:
            self.wallet.stakes.pop(self.run.id, None)
        else:
            self._stake(self.position.signed_quantity, self.last_close)

    def reserve(self, quantity: Decimal) -> None:
        """Tell the wallet of an entry: others must not use the money it is about to take."""
        policy = self.run.policy
        with_fee = ONE + policy.costs.fee_rate * policy.leverage
        price = self.last_close * (ONE + policy.costs.slippage_rate)
        self._stake(quantity * with_fee, price, working=True)

    def _stake(self, quantity: Decimal, price: Decimal, *, working: bool = False) -> None:
        policy = self.run.policy
        stake = Stake(quantity, price, policy.leverage, policy.maintenance_rate, working)
        self.wallet.stakes[self.run.id] = stake

    def meet(self, candle: CandleClosed) -> Touch | None:
        """Which level of the open position this candle meets first, if any."""
        if self.levels is None:
            return None
        if self.run.policy.sharing is not None:
            # what stands behind the position depends on the others of the wallet
            self.levels = self._exit_levels()
            assert self.levels is not None
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
        self.wallet.cash -= fill.side.sign * fill.quantity * fill.price + fill.fee
        self.position, trip = apply_fill(self.position, fill, self.order.reason)
        self.mark()
        self.levels = self._exit_levels()
        if trip is not None:
            self.last_exit_candle = self.candles
            self.overdue_exit = None
            self._lock_profit(trip)
        return trip

    def pay_funding(self, paid: FundingPaid) -> None:
        """Money that funding took or brought; the position remembers it."""
        self.wallet.cash -= paid.amount
        if self.position is not None:
            funding = self.position.funding + paid.amount
            self.position = replace(self.position, funding=funding)
            # the price at which nothing is left depends on the cash
            self.levels = self._exit_levels()

    def _lock_profit(self, trip: RoundTrip) -> None:
        sizing = self.run.policy.sizing
        if isinstance(sizing, ProfitLock) and trip.pnl > ZERO:
            self.wallet.safe += trip.pnl * sizing.safe_profit_pct / HUNDRED

    def _exit_levels(self) -> ExitLevels | None:
        if (position := self.position) is None:
            return None
        policy, entry = self.run.policy, position.entry_price
        ruin = (
            ruin_price(
                self.wallet.backing(self.run.id),
                position.quantity,
                position.direction,
                policy.maintenance_rate,
            ),
            Reason.BUST if policy.margin is None else Reason.LIQUIDATION,
        )
        sl_pct, tp_pct = policy.stops.sl_pct, policy.stops.tp_pct
        if position.direction is Direction.LONG:
            stop = (_moved(entry, sl_pct, -1, ZERO), Reason.STOP_LOSS)
            nearer = ruin if ruin[0] > stop[0] else stop
            return ExitLevels.of(*nearer, _moved(entry, tp_pct, 1, _NEVER), Reason.TAKE_PROFIT)
        stop = (_moved(entry, sl_pct, 1, _NEVER), Reason.STOP_LOSS)
        nearer = ruin if ruin[0] < stop[0] else stop
        return ExitLevels.of(_moved(entry, tp_pct, -1, ZERO), Reason.TAKE_PROFIT, *nearer)


def _moved(entry: Decimal, pct: Decimal | None, sign: int, without: Decimal) -> Decimal:
    return without if pct is None else entry * (ONE + sign * pct / HUNDRED)


def open_ledger(run: Run, shared: MutableMapping[str, Wallet]) -> Ledger:
    """The ledger of a run before its first candle, with its wallet.

    A run of a portfolio takes the wallet of its account from `shared`, or is the first to put it
    there. A wallet of its own holds the strategy's budget; the rest is idle.
    """
    sizing, cash = run.policy.sizing, run.initial_cash
    if isinstance(sizing, StrategyCompound | ProfitLock) and sizing.budget_quote is not None:
        cash = min(sizing.budget_quote, cash)
    wallet = Wallet(run.account, cash, idle=run.initial_cash - cash)
    if run.policy.sharing is not None:
        wallet.peak = cash
        wallet = shared.setdefault(run.account, wallet)
    return Ledger(run, wallet)
