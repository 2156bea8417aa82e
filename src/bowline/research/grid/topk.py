"""The best rows of a sweep: ranking, keeping, merging.

Merging must give the same bytes whatever the chunks were and in whatever order they come: rows are
ranked by one figure and ties are broken by the number of the variant, which no two rows share.

1. A row that a bound of `Keep` excludes is counted and not ranked.
2. The figure becomes a key that is larger for a better row; a figure that does not exist is worst.
3. Variants of one base that are equal in every figure are one outcome: their stops were met at the
   same closes, or never. The first of them stands for all.
4. The first K outcomes by (key down, variant up) stay. The K best of a union are among the K best
   of its parts, and a base is in one part whole: so chunks may be merged in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

Percent = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]

#: figures that rows can be ranked by; the first is the default
RANKINGS = (
    "total_return_pct", "sharpe", "max_drawdown_pct", "return_over_drawdown", "final_equity",
    "win_rate_pct", "round_trips", "exposure_pct",
)  # fmt: skip
#: of these a smaller one is the better one
_SMALLER_IS_BETTER = frozenset({"max_drawdown_pct", "exposure_pct"})


class LossWindow(Struct, frozen=True, forbid_unknown_fields=True):
    """The most that may be lost within so many UTC days, percent of the equity before."""

    days: Annotated[int, Meta(ge=1, le=365)]
    loss_pct: Percent

    def holds(self, daily: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of `daily` (rows, days + 1), last equity of each day, never lost more."""
        peak = daily.copy()
        for days in range(1, min(self.days, daily.shape[1] - 1) + 1):
            np.maximum(peak[:, days:], daily[:, :-days], out=peak[:, days:])
        floor = peak * (1 - self.loss_pct / 100)
        return np.asarray((daily >= floor).all(axis=1))


class Keep(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Bounds a row must hold to be ranked; None is no bound."""

    max_drawdown_pct: Percent | None = None
    min_round_trips: Count | None = None
    max_round_trips: Count | None = None
    min_exposure_pct: Percent | None = None
    max_exposure_pct: Percent | None = None
    loss_window: LossWindow | None = None


class Rows(Struct, frozen=True):
    """Columns of one length, one row a variant, as `kernel.Outcome` gives them."""

    variant: NDArray[np.int64]
    total_return_pct: NDArray[np.float64]
    max_drawdown_pct: NDArray[np.float64]
    round_trips: NDArray[np.int32]
    wins: NDArray[np.int32]
    exposure_pct: NDArray[np.float64]
    sharpe: NDArray[np.float64]
    final_equity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.variant)

    def take(self, places: NDArray[np.intp]) -> Rows:
        """The rows at these places, in this order."""
        return Rows(*(getattr(self, name)[places] for name in COLUMNS))

    def figure(self, name: str) -> NDArray[np.float64]:
        """A column by its name in `RANKINGS`; NaN is a figure that does not exist."""
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


#: how each column is written
COLUMNS = {
    "variant": "<i8",
    "total_return_pct": "<f8",
    "max_drawdown_pct": "<f8",
    "round_trips": "<i4",
    "wins": "<i4",
    "exposure_pct": "<f8",
    "sharpe": "<f8",
    "final_equity": "<f8",
}


def unpack(columns: dict[str, bytes]) -> Rows:
    """The rows that `Rows.pack` wrote."""
    return Rows(*(np.frombuffer(columns[name], dtype) for name, dtype in COLUMNS.items()))


def no_rows() -> Rows:
    """Rows with none in them."""
    return unpack(dict.fromkeys(COLUMNS, b""))


def joined(parts: Iterable[Rows]) -> Rows:
    """All rows of all parts."""
    found = list(parts)
    if not found:
        return no_rows()
    return Rows(*(np.concatenate([getattr(each, name) for each in found]) for name in COLUMNS))


def kept(rows: Rows, keep: Keep) -> NDArray[np.bool_]:
    """Which rows hold every bound of `keep` but the loss window, which needs their equity."""
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


def keys(rows: Rows, rank_by: str) -> NDArray[np.float64]:
    """One number a row, larger for a better row."""
    figure = rows.figure(rank_by)
    signed = -figure if rank_by in _SMALLER_IS_BETTER else figure
    return np.where(np.isnan(signed), -np.inf, signed)


def best(rows: Rows, rank_by: str, count: int) -> Rows:
    """The `count` best rows, best first; ties by variant number."""
    key = keys(rows, rank_by)
    if len(rows) > 4 * count:
        # everything that ties with the last one stays until the tie is broken
        least = np.partition(key, len(key) - count)[len(key) - count]
        places = np.flatnonzero(key >= least)
        rows, key = rows.take(places), key[places]
    order = np.lexsort((rows.variant, -key))
    return rows.take(order[:count])


def distinct(rows: Rows, lanes: int, count: int) -> Rows:
    """The first `count` outcomes: of equal rows of one base (of `lanes` variants) the first."""
    columns = [getattr(rows, name) for name in COLUMNS]
    # adding nothing makes one zero of two
    bits = [(each + 0.0).view(np.int64) for each in columns if each.dtype.kind == "f"]
    counts = [each.astype(np.int64) for each in columns[1:] if each.dtype.kind == "i"]
    outcomes = np.stack((rows.variant // lanes, *bits, *counts), axis=1)
    _, first = np.unique(outcomes, axis=0, return_index=True)
    return rows.take(np.sort(first)[:count])
