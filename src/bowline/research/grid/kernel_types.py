"""Inputs and outputs of the kernel: closes, packed signals, rules, outcomes.

Everything here is prepared once and then only read, by many threads at once. Signals are final:
nothing here knows how they were computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.core.model.market import CandleFrame, FloatColumn, IntColumn
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    FirstSignal,
    FixedQuote,
    ProfitLock,
    RiskPct,
    Sizing,
    StrategyCompound,
)
from bowline.core.model.values import DAY_NS, to_float
from bowline.core.signals.frame import DirectionColumn

WORD_BITS = 64
#: closes in a block of `CloseSeries.block_ranges`; must equal BLOCK in csrc/ranges.h
BLOCK = 16
BitWords = NDArray[np.uint64]
BankRows = NDArray[np.int32]


class Convention(Enum):
    """How stops work. `VECTORBT` is for comparisons only.

    There, stops count from the entry close without its slippage, and no entry follows a stop at the
    same close: such an edge is lost.
    """

    BOWLINE = "bowline"
    VECTORBT = "vectorbt"


class Rules(Struct, frozen=True):
    """The rules that all variants of one evaluation share.

    `initial_cash` is the account's money.
    """

    direction: DirectionMode
    sizing: Sizing
    costs: Costs
    initial_cash: Decimal
    convention: Convention = Convention.BOWLINE
    first_signal: FirstSignal = FirstSignal.ENTER

    @property
    def budget(self) -> Decimal:
        """The strategy's own money at the start; the rest of the initial cash lies idle."""
        match self.sizing:
            case StrategyCompound(budget_quote=budget) | ProfitLock(budget_quote=budget):
                return self.initial_cash if budget is None else min(budget, self.initial_cash)
            case AllIn() | FixedQuote() | RiskPct():
                return self.initial_cash


class CloseSeries:
    """The closes of one market. Decisions begin at candle `start`; those before it only warm up."""

    def __init__(self, candles: CandleFrame, start: int) -> None:
        """ValueError unless there is a candle to decide on and every close is a positive number."""
        if not 0 <= start < len(candles):
            raise ValueError(f"start {start} leaves none of {len(candles)} candles to decide on")
        self.closes: FloatColumn = np.ascontiguousarray(candles.close, dtype=np.float64)
        if not bool((np.isfinite(self.closes) & (self.closes > 0)).all()):
            raise ValueError("every close must be a finite number above 0")
        self.start = start
        days = (candles.close_ns[start:] - 1) // DAY_NS
        last = np.flatnonzero(np.diff(days, append=days[-1] + 1))
        #: index of the last close of each UTC day with candles, and how many days it stands for:
        #: a day without candles keeps the equity of the day before
        self.day_ends: IntColumn = (last + start).astype(np.int64)
        self.day_spans: IntColumn = np.diff(days[last], append=days[-1] + 1).astype(np.int64)

    def __len__(self) -> int:
        return len(self.closes)

    @property
    def decided(self) -> int:
        """The number of decided candles."""
        return len(self.closes) - self.start

    @property
    def days(self) -> int:
        """The number of UTC days from the first to the last decided close, both counted."""
        return int(self.day_spans.sum())

    @cached_property
    def inverse(self) -> FloatColumn:
        """1 / close."""
        return 1.0 / self.closes

    @cached_property
    def block_ranges(self) -> tuple[FloatColumn, FloatColumn]:
        """(levels, blocks): lowest and highest close of 2^level blocks of `BLOCK` closes."""
        cut = self._blocks
        return _range_levels(cut.min(axis=1), np.minimum), _range_levels(
            cut.max(axis=1), np.maximum
        )

    @cached_property
    def block_ends(self) -> FloatColumn:
        """(closes, 4): lowest and highest of a close's block up to it, then from it on."""
        cut, back = self._blocks, self._blocks[:, ::-1]
        columns = (
            np.minimum.accumulate(cut, axis=1),
            np.maximum.accumulate(cut, axis=1),
            np.minimum.accumulate(back, axis=1)[:, ::-1],
            np.maximum.accumulate(back, axis=1)[:, ::-1],
        )
        return np.stack([each.reshape(-1) for each in columns], axis=1)

    @property
    def _blocks(self) -> FloatColumn:
        blocks = -(-len(self) // BLOCK)
        padded = np.full(blocks * BLOCK, self.closes[-1])
        padded[: len(self)] = self.closes
        return padded.reshape(blocks, BLOCK)


def _range_levels(first: FloatColumn, extreme: np.ufunc) -> FloatColumn:
    """Row k: the extreme of the 2^k values from each one on, where there are that many."""
    levels = np.tile(first, (max(1, len(first).bit_length()), 1))
    for level in range(1, len(levels)):
        half = 1 << (level - 1)
        filled = len(first) - 2 * half + 1
        before = levels[level - 1]
        levels[level, :filled] = extreme(before[:filled], before[half : half + filled])
    return levels


class SignalBank:
    """Final signals as bits: row r holds a LONG and a SHORT bitset, one bit per candle."""

    def __init__(self, length: int, room: int = 8) -> None:
        """`length` is the number of candles of every row.

        `room` the number of rows allocated at first. Unused room takes no memory: the system
        provides a page when it is written to.
        """
        self.length = length
        self.words = (length + WORD_BITS - 1) // WORD_BITS
        self._packed: BitWords = np.zeros((max(1, room), 2, self.words), dtype=np.uint64)
        self._first: list[int] = []

    def __len__(self) -> int:
        return len(self._first)

    @property
    def packed(self) -> BitWords:
        """(rows, 2, words): LONG at 0, SHORT at 1; candle t is bit t % 64 of word t // 64."""
        return self._packed[: len(self)]

    def add(self, direction: DirectionColumn, first: int = 0) -> int:
        """The row number of a new signal column; ValueError for values other than -1, 0 and 1.

        `first` is the candle of its first signal, as in `SignalFrame`.
        """
        if direction.shape != (self.length,):
            raise ValueError(f"{direction.shape} signals for {self.length} candles")
        if self.length and not {int(direction.min()), int(direction.max())} <= {-1, 0, 1}:
            raise ValueError("a direction must be -1 (SHORT), 0 (NEUTRAL) or 1 (LONG)")
        count = len(self)
        if count == len(self._packed):
            larger = np.zeros((2 * count, 2, self.words), dtype=np.uint64)
            larger[:count] = self._packed
            self._packed = larger
        row = self._packed[count]
        for side, sign in enumerate((1, -1)):
            bits = np.packbits(direction == sign, bitorder="little")
            row[side].view(np.uint8)[: len(bits)] = bits
        self._first.append(first)
        return count

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these, which ascend; the first of them becomes row 0."""
        for row, before in enumerate(rows):
            if row != before:
                self._packed[row] = self._packed[before]
        self._first = [self._first[before] for before in rows]

    def first(self, base: BankRows) -> IntColumn:
        """The candle of each base's (n, k) first signal: the latest of those of its rows."""
        first: IntColumn = np.array(self._first, dtype=np.int64)[base].max(axis=1)
        return first

    def direction(self, rows: BankRows) -> DirectionColumn:
        """The agreement of these rows: LONG where all are LONG, SHORT where all are SHORT."""
        both = np.bitwise_and.reduce(self._packed[rows], axis=0)
        long, short = (
            np.unpackbits(side.view(np.uint8), count=self.length, bitorder="little")
            for side in both
        )
        return long.astype(np.int8) - short.astype(np.int8)


def edges_from(series: CloseSeries, rules: Rules, first: IntColumn) -> IntColumn:
    """The candle from which edges of each base count; its first signal is at `first`."""
    if rules.first_signal is FirstSignal.WAIT:
        return np.maximum(series.start, first + 1)
    return np.full(len(first), series.start, dtype=np.int64)


class Outcome(Struct, frozen=True):
    """The result of each variant: columns of one length.

    `total_return_pct` is relative to the initial cash. `max_drawdown_pct` is positive, at closes;
    the initial cash is the first peak. `round_trips` are the closed ones, `wins` those that the
    report counts as wins. `exposure_pct` is the share of closes at which a position is held.
    `sharpe` is the report's, of daily returns, NaN where the report has none.
    """

    total_return_pct: FloatColumn
    max_drawdown_pct: FloatColumn
    round_trips: NDArray[np.int32]
    wins: NDArray[np.int32]
    exposure_pct: FloatColumn
    sharpe: FloatColumn
    final_equity: FloatColumn

    def __len__(self) -> int:
        return len(self.total_return_pct)

    def in_order(self, places: NDArray[np.intp]) -> Outcome:
        """The rows of base i at place `places[i]`: a permutation of the bases."""
        back = np.empty_like(places)
        back[places] = np.arange(len(places))
        columns = (getattr(self, name) for name in self.__struct_fields__)
        return Outcome(*(each.reshape(len(places), -1)[back].reshape(-1) for each in columns))


def empty_outcome(count: int) -> Outcome:
    """An outcome of `count` rows, to be filled."""
    floats = (np.empty(count), np.empty(count), np.empty(count), np.empty(count), np.empty(count))
    trips, wins = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
    total_return, drawdown, exposure, sharpe, final = floats
    return Outcome(total_return, drawdown, trips, wins, exposure, sharpe, final)


def fixed_notional(rules: Rules) -> float | None:
    """The notional of an entry if the sizing fixes it."""
    return to_float(rules.sizing.quote) if isinstance(rules.sizing, FixedQuote) else None


def safe_share(rules: Rules) -> float:
    """The share of every net profit that is set aside, as a fraction."""
    return (
        to_float(rules.sizing.safe_profit_pct) / 100
        if isinstance(rules.sizing, ProfitLock)
        else 0.0
    )
