"""A sweep's top is the true top, and its result can be used in a notebook."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from bowline.core.errors import NotFound
from bowline.core.report.equity import daily_equity
from bowline.core.signals import strategy_id
from bowline.research import Grid, sweep
from bowline.research.grid import SweepProgress
from bowline.research.grid.topk import RANKINGS
from tests.generators import catalogue
from tests.research.grids import minutes, raw_grid

CANDLES = minutes(2_500, seed=3)
FROM_NS = int(CANDLES.open_ns[500])


def swept(*, check=True, **changes):
    return sweep(Grid(raw_grid(**changes), catalogue()), CANDLES, start_ns=FROM_NS, check=check)


@pytest.mark.parametrize("rank_by", RANKINGS)
def test_the_top_is_the_true_top_by_any_figure(rank_by: str) -> None:
    result = swept(rank_by=rank_by, top=7, check=False)
    plan = result.plan
    everything = plan.evaluate(np.arange(plan.space.bases), plan.stops)
    if rank_by == "win_rate_pct":
        figure = everything.wins / everything.round_trips
    elif rank_by == "return_over_drawdown":
        figure = everything.total_return_pct / everything.max_drawdown_pct
    else:
        figure = getattr(everything, rank_by).astype(np.float64)
    smaller = rank_by in {"max_drawdown_pct", "exposure_pct"}
    figure = figure if smaller else -figure
    # ties: more return, less drawdown; of equal variants the simplest, then the first
    gain, fall = -everything.total_return_pct, everything.max_drawdown_pct
    simple = {
        v: len(plan.space.rules(v // plan.space.lanes))
        + sum(stop is not None for stop in plan.request.lanes[v % plan.space.lanes])
        for v in range(plan.variants)
    }
    order = sorted(simple, key=lambda v: (figure[v], gain[v], fall[v], simple[v], v))
    columns = [getattr(everything, name).tolist() for name in everything.__struct_fields__]
    firsts: dict[tuple[object, ...], int] = {}
    for v in order:
        firsts.setdefault(tuple(column[v] for column in columns), v)
    assert result.top.variant.tolist() == list(firsts.values())[:7]


def test_bounds_leave_the_best_of_what_holds_them() -> None:
    free = swept(top=104, check=False)
    bound = float(np.median(free.top.max_drawdown_pct))
    held = swept(top=5, check=False, keep={"max_drawdown_pct": bound})
    holds = free.top.max_drawdown_pct <= bound
    assert held.top.variant.tolist() == free.top.variant[holds][:5].tolist()
    everything = free.plan.evaluate(np.arange(free.plan.space.bases), free.plan.stops)
    assert held.kept == int((everything.max_drawdown_pct <= bound).sum()) < held.evaluated == 104


def test_a_bound_that_nothing_holds_gives_no_rows() -> None:
    result = swept(keep={"min_round_trips": 100_000})
    assert len(result) == 0
    assert result.kept == 0
    assert result.document()["top"] == []


def test_every_row_of_the_top_has_the_25_metrics_of_the_core() -> None:
    result = swept()
    assert len(result.metrics) == len(result) == 10
    for place, metrics in enumerate(result.metrics):
        assert metrics.round_trip_count == result.top.round_trips[place]
        assert metrics.sharpe_ratio == pytest.approx(result.top.sharpe[place], rel=1e-9)


def test_a_result_is_columns() -> None:
    result = swept()
    table = result.to_arrow()
    assert table.num_rows == 10
    assert {"total_return_pct", "sma_cross_fast", "rsi_middle_period", "sl_pct"} <= set(
        table.column_names
    )
    assert table["variant"].to_pylist() == result.top.variant.tolist()
    spec = result.spec(1)
    assert strategy_id(spec) == strategy_id(result.core_run(1).spec)
    for row in (0, 11):
        with pytest.raises(NotFound, match=f"there is no row {row}"):
            result.spec(row)


def test_the_document_is_json_and_says_what_it_is_a_function_of() -> None:
    found = json.loads(msgspec.json.encode(swept(shortlist=9).document()))
    assert found["variants"] == 104
    assert found["candles"]["count"] == 2_000
    assert set(found["hashes"]) == {"grid_request", "engine_params", "data"}
    assert found["stages"]["shortlist"] == 9
    assert [row["row"] for row in found["top"]] == list(range(1, 11))
    assert found["top"][0]["spec"]["indicators"]


def test_progress_is_told_and_ends_at_all_of_it() -> None:
    heard: list[SweepProgress] = []
    grid = Grid(raw_grid(shortlist=9), catalogue())
    sweep(grid, CANDLES, start_ns=FROM_NS, progress=heard.append)
    assert heard[0].stage == "A"
    last = heard[-1]
    assert (last.stage, last.evaluated, last.left_s) == ("B", last.evaluations, 0.0)
    assert last.best_figure is not None
    assert [each.evaluated for each in heard] == sorted(each.evaluated for each in heard)


def test_the_sample_is_of_every_kind_of_variant() -> None:
    result = swept()
    assert len(result.sample) == 104
    assert result.sample.variant.tolist() == sorted(result.sample.variant.tolist())
    assert len(result.figures) == result.plan.space.bases


@pytest.mark.slow
def test_a_loss_window_leaves_what_never_lost_so_much_in_so_few_days() -> None:
    candles = minutes(8_000, seed=3)
    free = sweep(
        Grid(raw_grid(top=40, choose=1, first_signal="enter"), catalogue()), candles, check=False
    )
    daily = {
        row: daily_equity(record.candles, run.report.curves.equity, 10_000.0)
        for row in range(1, len(free) + 1)
        for run in [free.core_run(row)]
        for record in [run.report.record]
    }
    worst = {
        row: max(
            1 - equity[day] / equity[before]
            for day in range(1, len(equity))
            for before in range(max(0, day - 2), day)
        )
        for row, equity in daily.items()
    }
    bound = 100 * float(np.median(list(worst.values())))
    window = {"days": 2, "loss_pct": bound}
    asked = raw_grid(top=40, choose=1, first_signal="enter", keep={"loss_window": window})
    held = sweep(Grid(asked, catalogue()), candles, check=False)
    expected = [free.variant(row) for row in worst if 100 * worst[row] < bound * (1 - 1e-9)]
    assert 10 < len(expected) < 25
    assert [v for v in held.top.variant.tolist() if v in set(expected)] == expected
    assert held.kept - len(expected) <= 1  # the median itself
