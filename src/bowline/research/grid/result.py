"""The result of a sweep: the best rows as columns, counts, hashes, stages.

Columns are NumPy arrays, best row first; a row becomes an object only when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bowline.core.errors import NotFound
from bowline.core.model.values import to_float
from bowline.core.report import Metrics
from bowline.core.signals import StrategySpec, document_of, spec_json, strategy_name
from bowline.research.grid.plan import GridPlan, Hashes, candles_without_signal
from bowline.research.grid.recheck import CoreRun, run_in_core
from bowline.research.grid.stages import StageFacts
from bowline.research.grid.topk import COLUMNS, SweepRows

if TYPE_CHECKING:
    import pyarrow as pa


class Timings(Struct, frozen=True):
    """Durations of a sweep, in seconds."""

    sweep_s: float
    again_s: float
    #: candles x evaluated rows per second of the sweep
    candle_rows_per_s: float


class SweepResult(Struct, frozen=True):
    """A finished sweep. Row 1 is the best; `metrics` has the core's 25 metrics of each row.

    `sample` is an even sample of all rows evaluated with stops; `figures` has one ranking key per
    base: that without stops if there was a shortlist, else that of its best variant.
    """

    plan: GridPlan
    top: SweepRows
    metrics: tuple[Metrics, ...]
    sample: SweepRows
    figures: NDArray[np.float64]
    evaluated: int
    kept: int
    stages: StageFacts | None
    hashes: Hashes
    timings: Timings
    notes: tuple[str, ...] = ()
    #: positions that each row of the top held through a gap in the candles; empty if not counted
    held_across: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.top)

    def variant(self, row: int) -> int:
        """The number of the variant in `row`, counted from 1; NotFound if there is no such row."""
        if not 1 <= row <= len(self.top):
            raise NotFound(f"there is no row {row}", hint=f"rows are 1 to {len(self.top)}")
        return int(self.top.variant[row - 1])

    def spec(self, row: int) -> StrategySpec:
        """The strategy in `row`, counted from 1."""
        return self.plan.spec(self.variant(row))

    def core_run(self, row: int) -> CoreRun:
        """The row as the core runs it, with its whole report."""
        return run_in_core(self.plan, self.variant(row))

    def columns(self) -> dict[str, NDArray[Any]]:
        """The top as named columns.

        Figures, then parameters (NaN or "" where a row does not have one).
        """
        found: dict[str, NDArray[Any]] = {name: getattr(self.top, name) for name in COLUMNS}
        found["win_rate_pct"] = self.top.figure("win_rate_pct")
        rows = [self.plan.params(int(each)) for each in self.top.variant]
        names = list(dict.fromkeys(name for row in rows for name in row))
        for name in names:
            found[name] = _column([row.get(name) for row in rows])
        return found

    def to_arrow(self) -> pa.Table:
        """The top as an Arrow table."""
        import pyarrow as pa  # noqa: PLC0415 - not needed for a sweep that is only printed

        return pa.table({name: pa.array(column) for name, column in self.columns().items()})

    def document(self, rows: int | None = None) -> dict[str, Any]:
        """Everything but the sample as plain values: the output of `--json`."""
        shown = range(len(self.top) if rows is None else min(rows, len(self.top)))
        return {
            "variants": self.plan.variants,
            "evaluated": self.evaluated,
            "ranked": self.kept,
            "rank_by": self.plan.request.rank_by,
            "first_signal": self.plan.rules.first_signal.value,
            "hashes": self.hashes,
            "candles": {
                "first_open_ns": int(self.plan.candles.open_ns[self.plan.start]),
                "last_close_ns": int(self.plan.candles.close_ns[-1]),
                "count": len(self.plan.candles) - self.plan.start,
            },
            "stages": None if self.stages is None else self.stages,
            "stages_in_words": "" if self.stages is None else self.stages.words(),
            "timings": self.timings,
            "notes": self.notes,
            "top": [self._row(place) for place in shown],
        }

    def _row(self, place: int) -> dict[str, Any]:
        figures = {name: getattr(self.top, name)[place].item() for name in COLUMNS}
        figures["sharpe"] = None if np.isnan(figures["sharpe"]) else figures["sharpe"]
        spec = self.plan.spec(figures["variant"])
        return {
            "row": place + 1,
            **figures,
            "name": strategy_name(spec),
            # exact numbers, so that it reads back as the same spec
            "spec": msgspec.Raw(spec_json(document_of(spec))),
            "metrics": self.metrics[place] if self.metrics else None,
            "candles_without_signal": candles_without_signal(self.plan, figures["variant"]),
            "held_across_gaps": self.held_across[place] if self.held_across else None,
        }


def _column(values: list[Any]) -> NDArray[Any]:
    if any(isinstance(each, str) for each in values):
        return np.array(["" if each is None else each for each in values])
    return np.array([np.nan if each is None else _number(each) for each in values])


def _number(value: Any) -> float | int:  # noqa: ANN401 - int, float or Decimal
    return value if isinstance(value, int | float) else to_float(value)
