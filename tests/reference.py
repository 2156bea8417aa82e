"""The clear loop: what a close-fill run does, in floats, written to be read and not to be fast.

It shares no line with the engine and is the authority on what the engine must do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf


@dataclass
class Rules:
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


@dataclass
class Life:
    cash: float
    quantity: float = 0.0
    entry: float = 0.0
    paid: float = 0.0
    safe: float = 0.0
    fills: list[tuple[int, int, float, float, str]] = field(default_factory=list)
    refused: int = 0
    left_at: int | None = None
    day: int | None = None
    day_equity: float = 0.0
    equity: list[float] = field(default_factory=list)

    def trade(self, t: int, signed: float, price: float, fee: float, why: str) -> None:
        self.cash -= signed * price + abs(signed) * price * fee
        self.quantity += signed
        self.entry = price
        self.fills.append((t, 1 if signed > 0 else -1, abs(signed), price, why))

    def leave(self, t: int, close: float, r: Rules, why: str) -> None:
        side = -1 if self.quantity > 0 else 1
        before = self.paid
        self.trade(t, -self.quantity, close * (1 + side * r.slippage), r.fee, why)
        self.quantity = 0.0
        self.left_at = t
        profit = self.cash - before
        if profit > 0:
            self.safe += profit * r.safe_profit

    def enter(self, t: int, direction: int, close: float, r: Rules) -> None:
        available = self.cash - self.safe
        cooling = self.left_at is not None and t - self.left_at < r.cooldown
        lost = r.daily_loss and self.day_equity - self.cash >= r.daily_loss * self.day_equity
        if cooling or lost or available <= 0:
            self.refused += 1
            return
        price = close * (1 + direction * r.slippage)
        notional = available / (1 + r.fee)
        if r.mode == "fixed_quote":
            notional = min(r.quote, notional)
        self.paid = self.cash
        self.trade(t, direction * notional / price, price, r.fee, "signal")


def exit_reason(life: Life, close: float, edge: int, r: Rules) -> str:
    if life.quantity > 0:
        if r.sl is not None and close <= life.entry * (1 - r.sl):
            return "stop_loss"
        if r.tp is not None and close >= life.entry * (1 + r.tp):
            return "take_profit"
        return "signal" if edge == -1 else ""
    if life.quantity < 0:
        stop = life.entry * (1 + r.sl) if r.sl is not None else inf
        bust = life.cash / -life.quantity
        if close >= min(stop, bust):
            return "bust" if bust < stop else "stop_loss"
        if r.tp is not None and close <= life.entry * (1 - r.tp):
            return "take_profit"
        return "signal" if edge == 1 else ""
    return ""


def play(closes: list[float], days: list[int], signals: list[int], cash: float, r: Rules) -> Life:
    life = Life(cash if r.budget is None else min(r.budget, cash))
    before = 0
    mark = life.cash
    for t, close in enumerate(closes):
        if days[t] != life.day:
            life.day, life.day_equity = days[t], mark
        edge = signals[t] if signals[t] != before else 0
        before = signals[t]
        why = exit_reason(life, close, edge, r)
        if why:
            life.leave(t, close, r, why)
        if edge in r.allows and edge and life.quantity == 0:
            life.enter(t, edge, close, r)
        mark = life.cash + life.quantity * close
        life.equity.append(mark)
    return life
