"""The smallest words: direction, side, timeframe, and the two doors between Decimal and float.

Money, prices and quantities are `Decimal` wherever a decision or a record is made; `float64`
lives in arrays. They must never mix anywhere but in `to_decimals` and `to_float`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from enum import Enum, IntEnum
from math import isfinite
from typing import NewType

RunId = NewType("RunId", int)
AccountId = NewType("AccountId", str)
PlanId = NewType("PlanId", int)
OrderId = NewType("OrderId", int)
StrategyId = NewType("StrategyId", str)

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS


class Direction(IntEnum):
    """Which way an opinion or a position points."""

    SHORT = -1
    NEUTRAL = 0
    LONG = 1


class Side(Enum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @classmethod
    def entering(cls, direction: Direction) -> Side:
        """The side that opens a position of this direction; NEUTRAL has none."""
        if direction is Direction.NEUTRAL:
            raise ValueError("NEUTRAL has no entry side: expected LONG or SHORT")
        return cls.BUY if direction is Direction.LONG else cls.SELL


_UNIT_MINUTES = {"m": 1, "h": 60, "d": 1440}


class Timeframe(Enum):
    """The length of a candle; every bucket starts at a whole multiple of it since 1970 UTC."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H12 = "12h"
    D1 = "1d"

    def __init__(self, text: str) -> None:
        #: how many one-minute candles a full bucket holds; looked at once for every candle
        self.minutes: int = int(text[:-1]) * _UNIT_MINUTES[text[-1]]
        self.ns: int = self.minutes * MINUTE_NS

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """The timeframe named by `text`; ValueError names what is allowed."""
        try:
            return cls(text)
        except ValueError:
            allowed = ", ".join(t.value for t in cls)
            raise ValueError(f"unknown timeframe {text!r}: expected one of {allowed}") from None


def to_decimals(values: Sequence[float]) -> list[Decimal]:
    """The shortest decimals that read back as these floats: 0.1 becomes Decimal('0.1').

    Raises ValueError for NaN and infinities: neither is a price, a quantity or an amount.
    """
    if not all(map(isfinite, values)):
        raise ValueError("NaN or an infinity is not a number that money can have")
    return list(map(Decimal, map(repr, values)))


def to_float(value: Decimal) -> float:
    """The float nearest to this decimal."""
    return float(value)


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `value`; a step of 0 means no steps."""
    if step == ZERO:
        return value
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step
