"""The reference loop: a close-fill run in floats, written to be read and not to be fast.

It shares no line with the engine or with the C kernel, and defines what both must compute. It also
runs where no kernel could be compiled. It must never be made faster at the cost of readability.

At every close, in this order:
1. An open position is closed at this close if the close is at or beyond its stop loss, its bust
   price or its take profit, in that order, or if there is an edge against it.
2. An edge in an allowed direction opens a position if there is none; so an exit and an entry, or a
   stop and an entry, can happen at one close. In vectorbt's convention no entry follows a stop at
   the same close.
3. The equity is marked at this close.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

#: a close that equals a level in decimals has reached it, whatever its last binary digit
TIE = 4e-15


@dataclass
class LoopRules:
    """The rules of a run.

    Rates are fractions; `quote` is used in mode `fixed_quote`. None and 0 are off. `vectorbt`
    selects that library's convention: stops count from the entry close without its slippage, and no
    entry follows a stop at the same close.
    """

    allows: tuple[int, ...] = (1, -1)
    sl: float | None = None
    tp: float | None = None
    mode: str = "all_in"
    quote: float = 0.0
    budget: float | None = None
    safe_profit: float = 0.0
    fee: float = 0.0
    slippage: float = 0.0
    daily_loss: float = 0.0
    cooldown: int = 0
    vectorbt: bool = False


@dataclass
class LoopTrip:
    """A closed round trip: net profit, and the notional of its entry."""

    profit: float
    notional: float


@dataclass
class LoopAccount:
    """The strategy's own money and position: `cash` may be used by entries, `safe` is set aside.

    The two are kept apart, so that a small rest of the one keeps all its digits. `fills`: candle,
    side, quantity, price, reason. `entry_cash` is the cash flow of the entry.
    """

    cash: float
    quantity: float = 0.0
    entry: float = 0.0
    stop_base: float = 0.0
    entry_cash: float = 0.0
    notional: float = 0.0
    safe: float = 0.0
    fills: list[tuple[int, int, float, float, str]] = field(default_factory=list)
    trips: list[LoopTrip] = field(default_factory=list)
    refused: int = 0
    exited_at: int | None = None
    day: int | None = None
    day_equity: float = 0.0
    equity: list[float] = field(default_factory=list)
    held: int = 0

    def trade(self, t: int, signed: float, price: float, fee: float, reason: str) -> float:
        """One fill: cash, quantity, record. Returns its cash flow, negative for money paid."""
        entry_cash = -(signed * price + abs(signed) * price * fee)
        self.cash += entry_cash
        self.quantity += signed
        self.entry = price
        self.fills.append((t, 1 if signed > 0 else -1, abs(signed), price, reason))
        return entry_cash

    def exit(self, t: int, close: float, r: LoopRules, reason: str) -> None:
        """Close the whole position at this close."""
        side = -1 if self.quantity > 0 else 1
        # from its own two fills: as a difference of large cash a small profit would lose digits
        price = close * (1 + side * r.slippage)
        profit = self.entry_cash + self.trade(t, -self.quantity, price, r.fee, reason)
        self.quantity = 0.0
        self.exited_at = t
        self.trips.append(LoopTrip(profit, self.notional))
        if profit > 0:
            self.set_aside(profit * r.safe_profit)
        if reason == "bust":
            self.set_aside(self.cash)

    def set_aside(self, amount: float) -> None:
        """Move money from `cash` to `safe`: no entry may use it any more."""
        self.safe += amount
        self.cash -= amount

    def enter(self, t: int, direction: int, close: float, r: LoopRules) -> None:
        """Open a position of the size that the sizing allows.

        Refused by a limit or without cash.
        """
        money = self.cash + self.safe
        cooling = self.exited_at is not None and t - self.exited_at < r.cooldown
        lost = r.daily_loss and self.day_equity - money >= r.daily_loss * self.day_equity
        if cooling or lost or self.cash <= 0:
            self.refused += 1
            return
        price = close * (1 + direction * r.slippage)
        self.notional = self.cash / (1 + r.fee)
        if r.mode == "fixed_quote":
            self.notional = min(r.quote, self.notional)
        self.entry_cash = self.trade(t, direction * self.notional / price, price, r.fee, "signal")
        self.stop_base = close if r.vectorbt else price


def exit_reason(  # noqa: PLR0911 - a plain list of cases
    account: LoopAccount, close: float, edge: int, r: LoopRules
) -> str:
    """Why the open position is closed at this close, or an empty string."""
    if account.quantity > 0:
        if r.sl is not None and close <= account.stop_base * (1 - r.sl) * (1 + TIE):
            return "stop_loss"
        if r.tp is not None and close >= account.stop_base * (1 + r.tp) * (1 - TIE):
            return "take_profit"
        return "signal" if edge == -1 else ""
    if account.quantity < 0:
        stop = account.stop_base * (1 + r.sl) * (1 - TIE) if r.sl is not None else inf
        bust = (account.safe + account.cash) / -account.quantity * (1 - TIE)
        if close >= min(stop, bust):
            return "bust" if bust < stop else "stop_loss"
        if r.tp is not None and close <= account.stop_base * (1 - r.tp) * (1 + TIE):
            return "take_profit"
        return "signal" if edge == 1 else ""
    return ""


def run_loop(
    closes: list[float], days: list[int], signals: list[int], cash: float, r: LoopRules,
    *, before: int = 0, edges: int = 0,
) -> LoopAccount:  # fmt: skip
    """Run over all `closes`; `before` is the signal of the candle before the first.

    A changed signal is an edge from candle `edges` on: where a run does not enter on the first
    signal after the warm-up, that is the candle after it.
    """
    account = LoopAccount(cash if r.budget is None else min(r.budget, cash))
    mark = account.cash
    for t, close in enumerate(closes):
        if days[t] != account.day:
            account.day, account.day_equity = days[t], mark
        edge = signals[t] if signals[t] != before and t >= edges else 0
        before = signals[t]
        reason = exit_reason(account, close, edge, r)
        if reason:
            account.exit(t, close, r, reason)
        used_up = r.vectorbt and reason not in {"", "signal"}
        if edge in r.allows and edge and account.quantity == 0 and not used_up:
            account.enter(t, edge, close, r)
        mark = account.safe + account.cash + account.quantity * close
        account.equity.append(mark)
        account.held += account.quantity != 0
    return account
