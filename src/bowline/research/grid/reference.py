"""The clear loop: what a close-fill run does, in floats, written to be read and not to be fast.

It shares no line with the engine or with the C kernel, and is the authority on what both must do.
Where no kernel could be compiled it is also what runs. It must never be made faster at the price
of being harder to read.

At every close, in this order:
1. Where a position is open and this close is at or beyond its stop loss, its bust price or its
   take profit, in that order, it is left at this close; so it is on an edge against it.
2. An edge in an allowed direction enters, if no position is open (so an exit and an entry, or a
   stop and an entry, can share one close). In vectorbt's convention a stop uses the candle up.
3. The equity is marked at this close.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

#: A level that a close meets exactly in decimals is met, whatever its last binary digit.
TIE = 4e-15


@dataclass
class LoopRules:
    """Rates are fractions; `quote` is read in mode `fixed_quote`. None and 0 are off.

    `vectorbt` takes that library's convention: stops count from the entry close without its
    slippage, and a stop uses its candle up.
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
class Trip:
    """A closed round trip: net profit, and the notional of its entry."""

    profit: float
    notional: float


@dataclass
class Life:
    """What became of the strategy's own money: cash that it may use, and what is safe beside it.

    The two are never mixed, so that what little is left of the one keeps all its digits. `fills`:
    candle, side, quantity, price, reason.
    """

    cash: float
    quantity: float = 0.0
    entry: float = 0.0
    stop_base: float = 0.0
    brought: float = 0.0
    notional: float = 0.0
    safe: float = 0.0
    fills: list[tuple[int, int, float, float, str]] = field(default_factory=list)
    trips: list[Trip] = field(default_factory=list)
    refused: int = 0
    left_at: int | None = None
    day: int | None = None
    day_equity: float = 0.0
    equity: list[float] = field(default_factory=list)
    held: int = 0

    def trade(self, t: int, signed: float, price: float, fee: float, why: str) -> float:
        """One fill: money, quantity, record. Gives what it brought, negative if it took."""
        brought = -(signed * price + abs(signed) * price * fee)
        self.cash += brought
        self.quantity += signed
        self.entry = price
        self.fills.append((t, 1 if signed > 0 else -1, abs(signed), price, why))
        return brought

    def leave(self, t: int, close: float, r: LoopRules, why: str) -> None:
        """Close the whole position at this close."""
        side = -1 if self.quantity > 0 else 1
        # of its own two fills: beside a large cash a small profit would lose its digits
        price = close * (1 + side * r.slippage)
        profit = self.brought + self.trade(t, -self.quantity, price, r.fee, why)
        self.quantity = 0.0
        self.left_at = t
        self.trips.append(Trip(profit, self.notional))
        if profit > 0:
            self.set_aside(profit * r.safe_profit)
        if why == "bust":
            self.set_aside(self.cash)

    def set_aside(self, amount: float) -> None:
        """Money that no entry may use from now on."""
        self.safe += amount
        self.cash -= amount

    def enter(self, t: int, direction: int, close: float, r: LoopRules) -> None:
        """Open a position with what the sizing allows, unless a limit or poverty forbids it."""
        money = self.cash + self.safe
        cooling = self.left_at is not None and t - self.left_at < r.cooldown
        lost = r.daily_loss and self.day_equity - money >= r.daily_loss * self.day_equity
        if cooling or lost or self.cash <= 0:
            self.refused += 1
            return
        price = close * (1 + direction * r.slippage)
        self.notional = self.cash / (1 + r.fee)
        if r.mode == "fixed_quote":
            self.notional = min(r.quote, self.notional)
        self.brought = self.trade(t, direction * self.notional / price, price, r.fee, "signal")
        self.stop_base = close if r.vectorbt else price


def exit_reason(  # noqa: PLR0911 - a plain list of cases
    life: Life, close: float, edge: int, r: LoopRules
) -> str:
    """Why the open position is left at this close, or an empty string."""
    if life.quantity > 0:
        if r.sl is not None and close <= life.stop_base * (1 - r.sl) * (1 + TIE):
            return "stop_loss"
        if r.tp is not None and close >= life.stop_base * (1 + r.tp) * (1 - TIE):
            return "take_profit"
        return "signal" if edge == -1 else ""
    if life.quantity < 0:
        stop = life.stop_base * (1 + r.sl) * (1 - TIE) if r.sl is not None else inf
        bust = (life.safe + life.cash) / -life.quantity * (1 - TIE)
        if close >= min(stop, bust):
            return "bust" if bust < stop else "stop_loss"
        if r.tp is not None and close <= life.stop_base * (1 - r.tp) * (1 + TIE):
            return "take_profit"
        return "signal" if edge == 1 else ""
    return ""


def play(
    closes: list[float], days: list[int], signals: list[int], cash: float, r: LoopRules,
    *, before: int = 0, edges: int = 0,
) -> Life:  # fmt: skip
    """The whole life over `closes`; `before` is the signal of the candle before the first.

    A signal is an edge from the candle number `edges` on: where a run does not enter on the first
    signal after the warm-up, that is the candle after it.
    """
    life = Life(cash if r.budget is None else min(r.budget, cash))
    mark = life.cash
    for t, close in enumerate(closes):
        if days[t] != life.day:
            life.day, life.day_equity = days[t], mark
        edge = signals[t] if signals[t] != before and t >= edges else 0
        before = signals[t]
        why = exit_reason(life, close, edge, r)
        if why:
            life.leave(t, close, r, why)
        used_up = r.vectorbt and why not in {"", "signal"}
        if edge in r.allows and edge and life.quantity == 0 and not used_up:
            life.enter(t, edge, close, r)
        mark = life.safe + life.cash + life.quantity * close
        life.equity.append(mark)
        life.held += life.quantity != 0
    return life
