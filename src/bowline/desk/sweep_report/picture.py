"""What the page of a sweep shows, as plain columns and words: it knows neither grid nor kernel.

All text may be hostile: the page escapes it. Every column has one row a variant that was kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

#: an `Axis` code: this variant has no such parameter
ABSENT = -1


class Tone(Enum):
    """How a finding is meant."""

    GOOD = "gain"
    DOUBT = "doubt"
    BAD = "loss"
    PLAIN = "flat"


class VerdictCheck(Struct, frozen=True):
    """One finding of the verdict: its name, its figure and what it means, in words."""

    name: str
    figure: str
    meaning: str
    tone: Tone


class PageVerdict(Struct, frozen=True):
    """The verdict in one sentence or two, and the findings it rests on."""

    words: str
    tone: Tone
    checks: tuple[VerdictCheck, ...] = ()


class Axis(Struct, frozen=True, eq=False):
    """A parameter of the grid: its values in words in their order, and each variant's place there.

    `codes` (variants): the index into `values`, `ABSENT` where a variant has no such parameter.
    """

    name: str
    values: tuple[str, ...]
    codes: NDArray[np.int64]


class Figures(Struct, frozen=True, eq=False):
    """One row a variant: `variant` is its number in the grid, percents as the report has them.

    `max_drawdown_pct` is positive; `sharpe` is annual and NaN where there is none.
    """

    variant: NDArray[np.int64]
    total_return_pct: NDArray[np.float64]
    max_drawdown_pct: NDArray[np.float64]
    sharpe: NDArray[np.float64]
    round_trips: NDArray[np.int64]


class Split(Struct, frozen=True, eq=False):
    """A figure of each variant on the first days and on the last ones; NaN where not measured.

    Neither part is out of sample: the rows of the top were chosen on all days. `figure` names it
    (`Sharpe ratio`, `return`); `percent` says whether it is one; `share_pct` is how many of the
    days are the first ones.
    """

    figure: str
    percent: bool
    first_days: NDArray[np.float64]
    last_days: NDArray[np.float64]
    share_pct: int = 70


class Ranked(Struct, frozen=True, eq=False):
    """The figure by which variants are ranked, where it is none of `Figures`; one value a row."""

    title: str
    unit: str
    better: int
    values: NDArray[np.float64]


class Threshold(Struct, frozen=True):
    """A value of `sharpe` or `total_return_pct` to which the variants are held, in words."""

    figure: str
    value: float
    words: str


class SweepPicture(Struct, frozen=True, eq=False, kw_only=True):
    """A sweep, ready to be drawn.

    `about` is the line above the title (instrument, timeframe, span); `variants` how many were
    tried, of which the columns may hold fewer. `top` are rows of the columns, best first, `equity`
    a curve each, of any length, and `ranked_by` what makes them the best. `warnings` are sentences
    (a shortlist that could have lost the winner), `facts` a name and a text each (hashes, costs,
    counts, timings). `alike` is how many variants came to the same as each row of the top,
    `save_command` what makes a strategy of a row when its number is put behind it. Raises
    ValueError where lengths differ.
    """

    title: str
    about: str
    judgement: PageVerdict
    variants: int
    figures: Figures
    axes: tuple[Axis, ...]
    top: NDArray[np.int64]
    equity: tuple[NDArray[np.float64], ...]
    ranked_by: str = "total return"
    split: Split | None = None
    thresholds: tuple[Threshold, ...] = ()
    warnings: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    ranked: Ranked | None = None
    alike: tuple[int, ...] = ()
    save_command: str = ""

    def __post_init__(self) -> None:
        """Hold every column to one length."""
        count = len(self.figures.variant)
        if wrong := [name for name, column in self.columns() if len(column) != count]:
            raise ValueError(f"{', '.join(wrong)}: expected {count} rows as `variant` has")
        if len(self.equity) != len(self.top) or ((self.top < 0) | (self.top >= count)).any():
            raise ValueError("top: expected rows of the columns, with an equity curve each")
        if self.alike and len(self.alike) != len(self.top):
            raise ValueError("alike: expected a count for each row of the top")
        for axis in self.axes:
            if ((axis.codes < ABSENT) | (axis.codes >= len(axis.values))).any():
                raise ValueError(f"axis {axis.name}: expected codes within its values")

    def columns(self) -> Iterable[tuple[str, NDArray[np.float64] | NDArray[np.int64]]]:
        """Every column with its name."""
        for name in self.figures.__struct_fields__:
            yield name, getattr(self.figures, name)
        if self.split is not None:
            yield "first_days", self.split.first_days
            yield "last_days", self.split.last_days
        if self.ranked is not None:
            yield "ranked", self.ranked.values
        for axis in self.axes:
            yield f"axis {axis.name}", axis.codes
