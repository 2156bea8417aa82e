"""A sweep as a job comes to what a sweep comes to, byte for byte, wherever its chunks were run."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest

from bowline.core.errors import Conflict
from bowline.research.grid import GridPlan, plan_grid, sweep
from bowline.research.grid.recheck import RowDisagrees
from bowline.research.jobs import Stage
from bowline.research.jobs.sweeps import (
    SweepOutcome,
    first_stage,
    open_chunks,
    pack_candles,
    result_of,
    unpack_candles,
)
from tests.chance import seeded
from tests.research.grids import START_NS, minutes, request

CANDLES = minutes(3_000)


def plan(shortlist: int = 5) -> GridPlan:
    return plan_grid(request(shortlist=shortlist), CANDLES, START_NS, chunk_bases=3)


def outcome(stage: Stage, chance: random.Random | None = None, *, sent: bool = False) -> bytes:
    """What a job of `stage` comes to, its chunks in any order, perhaps on another machine."""
    names = []
    step: Stage | bytes = stage
    while not isinstance(step, bytes):
        names.append(step.name)
        numbers = list(range(step.chunks))
        if chance is not None:
            chance.shuffle(numbers)
        run_chunk = step.run_chunk
        if sent:
            package = step.package()
            run_chunk = package.opener(package.request, package.candles)
        results = {chunk: run_chunk(chunk, 1) for chunk in numbers}
        counted = sum(step.summarize(each).variants for each in results.values())
        assert counted == step.variants
        step = step.finish(results[chunk] for chunk in sorted(results))
    assert names in (["A", "B", "recheck"], ["sweep", "recheck"])
    return step


@pytest.mark.parametrize("shortlist", [0, 5])
def test_a_job_comes_to_what_a_sweep_comes_to(shortlist: int) -> None:
    one = plan(shortlist)
    direct = sweep(request(shortlist=shortlist), CANDLES, start_ns=START_NS)
    result = result_of(one, outcome(first_stage(one)), 2.0)
    assert result.document()["top"] == direct.document()["top"]
    assert result.metrics == direct.metrics
    assert len(result.metrics) == len(result.top) == 10
    assert (result.evaluated, result.kept) == (direct.evaluated, direct.kept)
    assert result.hashes == direct.hashes
    np.testing.assert_array_equal(result.figures, direct.figures)
    np.testing.assert_array_equal(result.sample.variant, direct.sample.variant)
    assert result.timings.sweep_s == 2.0


@pytest.mark.chance
@pytest.mark.parametrize("shortlist", [0, 5])
def test_order_and_place_of_chunks_change_no_byte(shortlist: int) -> None:
    expected = outcome(first_stage(plan(shortlist)))
    for seed in range(3):
        shuffled = outcome(first_stage(plan(shortlist)), seeded(seed))
        assert shuffled == expected
    assert outcome(first_stage(plan(shortlist)), sent=True) == expected


def test_the_best_so_far_is_that_of_the_outcome() -> None:
    one = plan(0)
    stage = first_stage(one)
    notes = [stage.summarize(stage.run_chunk(chunk, 1)) for chunk in range(stage.chunks)]
    best = max(summarize.best for summarize in notes if summarize.best is not None)
    top = result_of(one, outcome(first_stage(one)), 1.0).top
    assert best == top.total_return_pct[0]
    (words,) = {summarize.best_is for summarize in notes if summarize.best == best}
    assert words == f"total_return_pct {best:,.2f} (variant {top.variant[0]})"


def test_candles_travel_unchanged() -> None:
    there = unpack_candles(pack_candles(CANDLES))
    assert there.content_hash() == CANDLES.content_hash()


def test_a_worker_that_would_cut_the_sweep_otherwise_refuses() -> None:
    package = first_stage(plan()).package()
    sent = msgspec.msgpack.decode(package.request)
    sent["chunks"] += 1
    with pytest.raises(Conflict, match="other chunks"):
        open_chunks(msgspec.msgpack.encode(sent), package.candles)


def test_a_row_that_the_core_does_not_confirm_fails_the_job() -> None:
    stage = first_stage(plan(0))
    recheck = stage.finish(stage.run_chunk(chunk, 1) for chunk in range(stage.chunks))
    assert not isinstance(recheck, bytes)
    recheck._merge.top.total_return_pct.flags.writeable = True
    recheck._merge.top.total_return_pct[3] += 1e-6
    with pytest.raises(RowDisagrees, match="row 4"):
        recheck.run_chunk(0, 1)


def test_an_outcome_has_no_time_in_it() -> None:
    """Two runs of one job must be the same bytes, however long they took."""
    names = {field.name for field in msgspec.structs.fields(SweepOutcome)}
    assert names == {
        "hashes", "evaluated", "kept", "top", "sample", "figures", "stages", "metrics",
        "held_across",
    }  # fmt: skip
