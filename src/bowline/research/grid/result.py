"""What a sweep came to: the best rows as columns, the counts, the hashes, the stages.

Columns are NumPy arrays, best row first; nothing here is an object a row until one is asked for.
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
from bowline.research.grid.again import Again, run_again
from bowline.research.grid.plan import GridPlan, Hashes
from bowline.research.grid.stages import StageFacts
from bowline.research.grid.topk import COLUMNS, Rows

if TYPE_CHECKING:
    import pyarrow as pa


class Timings(Struct, frozen=True):
    """Seconds of a sweep."""

    sweep_s: float
    again_s: float
    #: candles x evaluated rows, of the sweep, a second
    candle_rows_per_s: float


class SweepResult(Struct, frozen=True):
    """A finished sweep. Row 1 is the best; `metrics` has the 25 of each row, by the core.

    `sample` are evenly drawn rows of all that were evaluated with stops; `figures` has one figure
    a base, the ranking's key: without stops where there was a shortlist, else its best.
    """

    plan: GridPlan
    top: Rows
    metrics: tuple[Metrics, ...]
    sample: Rows
    figures: NDArray[np.float64]
    evaluated: int
    kept: int
    stages: StageFacts | None
    hashes: Hashes
    timings: Timings
    notes: tuple[str, ...] = ()
    #: how many positions each row of the top held through a gap in the candles; empty: not counted
    held_across: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.top)

    def variant(self, row: int) -> int:
        """The number of the variant in `row`, counted from 1; NotFound where there is none."""
        if not 1 <= row <= len(self.top):
            raise NotFound(f"there is no row {row}", hint=f"rows are 1 to {len(self.top)}")
        return int(self.top.variant[row - 1])

    def spec(self, row: int) -> StrategySpec:
        """The strategy in `row`, counted from 1."""
        return self.plan.spec(self.variant(row))

    def again(self, row: int) -> Again:
        """The row run again through the core, with its whole report."""
        return run_again(self.plan, self.variant(row))

    def columns(self) -> dict[str, NDArray[Any]]:
        """The top by name: figures, then parameters (NaN or "" where a row does not have one)."""
        found: dict[str, NDArray[Any]] = {name: getattr(self.top, name) for name in COLUMNS}
        found["win_rate_pct"] = self.top.figure("win_rate_pct")
        rows = [self.plan.params(int(each)) for each in self.top.variant]
        names = list(dict.fromkeys(name for row in rows for name in row))
        for name in names:
            found[name] = _column([row.get(name) for row in rows])
        return found

    def to_arrow(self) -> pa.Table:
        """The top as an Arrow table."""
        import pyarrow as pa  # noqa: PLC0415 - a sweep that is only printed does without it

        return pa.table({name: pa.array(column) for name, column in self.columns().items()})

    def document(self, rows: int | None = None) -> dict[str, Any]:
        """Everything but the sample as plain values: what `--json` prints."""
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
            # numbers as numbers: it can be read back as a spec
            "spec": msgspec.Raw(spec_json(document_of(spec))),
            "metrics": self.metrics[place] if self.metrics else None,
            "held_across_gaps": self.held_across[place] if self.held_across else None,
        }


def _column(values: list[Any]) -> NDArray[Any]:
    if any(isinstance(each, str) for each in values):
        return np.array(["" if each is None else each for each in values])
    return np.array([np.nan if each is None else _number(each) for each in values])


def _number(value: Any) -> float | int:  # noqa: ANN401 - int, float or Decimal
    return value if isinstance(value, int | float) else to_float(value)
