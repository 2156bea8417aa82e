"""The best rows of a sweep: ranking, filtering, merging.

Merging must give the same bytes for any division into chunks and any order of their arrival.

1. A row excluded by a bound of `RowBounds` is counted and not ranked.
2. The figure becomes a key that is larger for a better row; an undefined figure is worst.
3. Variants that are equal in every figure, bit for bit, are one outcome: stops that were never
   reached, parameters that made no difference. The simplest of them represents all (fewest slots
   and stops, then the lowest number), and their number is counted.
4. The first K outcomes stay, by key and then by their other figures. This order does not depend on
   variant numbers, so the K best of a union are among the K best of its parts, with all their
   variants: chunks may be merged in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bowline.research.grid.kernel_types import Outcome

Percent = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]

#: complexity of variants: of equal outcomes the simplest is shown
Complexity = Callable[[NDArray[np.int64]], NDArray[np.int64]]

_FNV_BASIS, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)

#: figures that rows can be ranked by; the first is the default
RANKINGS = (
    "total_return_pct", "sharpe", "max_drawdown_pct", "return_over_drawdown", "final_equity",
    "win_rate_pct", "round_trips", "exposure_pct",
)  # fmt: skip
#: figures of which a smaller one is better
_SMALLER_IS_BETTER = frozenset({"max_drawdown_pct", "exposure_pct"})


class LossWindow(Struct, frozen=True, forbid_unknown_fields=True):
    """The most that may be lost within a number of UTC days, in percent of the equity before."""

    days: Annotated[int, Meta(ge=1, le=365)]
    loss_pct: Percent

    def holds(self, daily: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of `daily` (rows, days + 1), the last equity of each day, never lost more."""
        peak = daily.copy()
        for days in range(1, min(self.days, daily.shape[1] - 1) + 1):
            np.maximum(peak[:, days:], daily[:, :-days], out=peak[:, days:])
        floor = peak * (1 - self.loss_pct / 100)
        return np.asarray((daily >= floor).all(axis=1))


class RowBounds(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Bounds that a row must satisfy to be ranked; None is no bound."""

    max_drawdown_pct: Percent | None = None
    min_round_trips: Count | None = None
    max_round_trips: Count | None = None
    min_exposure_pct: Percent | None = None
    max_exposure_pct: Percent | None = None
    loss_window: LossWindow | None = None


class SweepRows(Struct, frozen=True):
    """Columns of one length, one row per variant, as in `kernel.Outcome`.

    `alike` counts the variants that were equal to it in every figure, including itself.
    """

    variant: NDArray[np.int64]
    total_return_pct: NDArray[np.float64]
    max_drawdown_pct: NDArray[np.float64]
    round_trips: NDArray[np.int32]
    wins: NDArray[np.int32]
    exposure_pct: NDArray[np.float64]
    sharpe: NDArray[np.float64]
    final_equity: NDArray[np.float64]
    alike: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.variant)

    def take(self, places: NDArray[np.intp]) -> SweepRows:
        """The rows at these places, in this order."""
        return SweepRows(*(getattr(self, name)[places] for name in COLUMNS))

    def figure(self, name: str) -> NDArray[np.float64]:
        """A column by its name in `RANKINGS`; NaN is an undefined figure."""
        with np.errstate(all="ignore"):
            if name == "win_rate_pct":
                return np.where(self.round_trips, self.wins * 100.0 / self.round_trips, np.nan)
            if name == "return_over_drawdown":
                held = self.max_drawdown_pct > 0
                return np.where(held, self.total_return_pct / self.max_drawdown_pct, np.nan)
        return np.asarray(getattr(self, name), dtype=np.float64)

    def pack(self) -> dict[str, bytes]:
        """The columns as little-endian bytes."""
        return {
            name: getattr(self, name).astype(dtype, copy=False).tobytes()
            for name, dtype in COLUMNS.items()
        }


#: the stored type of each column
COLUMNS = {
    "variant": "<i8",
    "total_return_pct": "<f8",
    "max_drawdown_pct": "<f8",
    "round_trips": "<i4",
    "wins": "<i4",
    "exposure_pct": "<f8",
    "sharpe": "<f8",
    "final_equity": "<f8",
    "alike": "<i8",
}
#: the columns of an outcome
FIGURES = tuple(COLUMNS)[1:-1]


def unpack(columns: dict[str, bytes]) -> SweepRows:
    """The rows that `SweepRows.pack` wrote; packs older than `alike` count one variant per row."""
    alone = np.ones(len(columns["variant"]) // 8, dtype="<i8").tobytes()
    written = {"alike": alone} | columns
    return SweepRows(*(np.frombuffer(written[name], dtype) for name, dtype in COLUMNS.items()))


def rows_of(variants: NDArray[np.int64], outcome: Outcome) -> SweepRows:
    """One row per variant, each counted once."""
    figures = [getattr(outcome, name) for name in FIGURES]
    return SweepRows(*(variants, *figures, np.ones(len(variants), dtype=np.int64)))


def no_rows() -> SweepRows:
    """An empty set of rows."""
    return unpack(dict.fromkeys(COLUMNS, b""))


def concatenate(parts: Iterable[SweepRows]) -> SweepRows:
    """All rows of all parts."""
    found = list(parts)
    if not found:
        return no_rows()
    return SweepRows(*(np.concatenate([getattr(each, name) for each in found]) for name in COLUMNS))


def _equal_complexity(variants: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.zeros_like(variants)


def within_bounds(rows: SweepRows, keep: RowBounds) -> NDArray[np.bool_]:
    """Which rows satisfy every bound of `keep` but the loss window, which needs their equity."""
    holds = np.ones(len(rows), dtype=np.bool_)
    if keep.max_drawdown_pct is not None:
        holds &= rows.max_drawdown_pct <= keep.max_drawdown_pct
    if keep.min_round_trips is not None:
        holds &= rows.round_trips >= keep.min_round_trips
    if keep.max_round_trips is not None:
        holds &= rows.round_trips <= keep.max_round_trips
    if keep.min_exposure_pct is not None:
        holds &= rows.exposure_pct >= keep.min_exposure_pct
    if keep.max_exposure_pct is not None:
        holds &= rows.exposure_pct <= keep.max_exposure_pct
    return holds


def ranking_keys(rows: SweepRows, rank_by: str) -> NDArray[np.float64]:
    """One number per row, larger for a better row."""
    figure = rows.figure(rank_by)
    signed = -figure if rank_by in _SMALLER_IS_BETTER else figure
    return np.where(np.isnan(signed), -np.inf, signed)


def best_rows(
    rows: SweepRows, rank_by: str, count: int, cost: Complexity = _equal_complexity
) -> SweepRows:
    """The `count` best outcomes, best first, each with the simplest of its variants by `cost`.

    `alike` of each counts all its variants among `rows`.
    """
    key = ranking_keys(rows, rank_by)
    looked_at = 4 * count
    while True:
        places = np.arange(len(rows))
        if looked_at < len(rows):
            # all rows that tie with the last one are included, so that no outcome is split
            least = np.partition(key, len(key) - looked_at)[len(key) - looked_at]
            places = np.flatnonzero(key >= least)
        found = _distinct_outcomes(rows.take(places), cost)
        if len(found) >= count or len(places) == len(rows):
            return found.take(_ranked(found, rank_by)[:count])
        looked_at *= 8


def _distinct_outcomes(rows: SweepRows, cost: Complexity) -> SweepRows:
    """One row per distinct outcome, in any order."""
    if not len(rows):
        return rows
    columns = [getattr(rows, name) for name in FIGURES]
    # adding 0.0 turns -0.0 into 0.0
    bits = [
        (each + 0.0).view(np.int64) if each.dtype.kind == "f" else each.astype(np.int64)
        for each in columns
    ]
    order = np.lexsort((rows.variant, cost(rows.variant), _row_hashes(bits)))
    differs = np.ones(len(rows), dtype=np.bool_)
    differs[1:] = np.any([each[order[1:]] != each[order[:-1]] for each in bits], axis=0)
    first = np.flatnonzero(differs)
    alike = np.add.reduceat(rows.alike[order], first)
    return replace(rows.take(order[first]), alike=alike)


def _row_hashes(bits: Iterable[NDArray[np.int64]]) -> NDArray[np.uint64]:
    """A hash of each row that sorts equal rows next to each other (FNV-1a, over whole columns)."""
    mixed: NDArray[np.uint64] | None = None
    for each in bits:
        column = each.view(np.uint64)
        mixed = (_FNV_BASIS ^ column) if mixed is None else (mixed ^ column)
        mixed *= _FNV_PRIME
        mixed ^= mixed >> np.uint64(32)
    assert mixed is not None
    return mixed


def _ranked(rows: SweepRows, rank_by: str) -> NDArray[np.intp]:
    """The places of outcomes, best first.

    Ties are broken by figures alone, never by variant numbers.
    """
    order = [-ranking_keys(rows, rank_by), -rows.total_return_pct, rows.max_drawdown_pct]
    order += [-ranking_keys(rows, "sharpe"), rows.exposure_pct]
    counts = [-rows.round_trips.astype(np.float64), -rows.wins.astype(np.float64)]
    return np.lexsort((-rows.final_equity, *counts, *order[::-1]))
