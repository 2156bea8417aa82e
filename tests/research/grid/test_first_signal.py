"""The first signal after the warm-up: the kernel makes of it what the core makes, by either choice.

Decisions begin at the first candle here, or while indicators warm up, so that the first signal of
every variant is among those that are decided on.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import FirstSignal
from bowline.desk.jobs import SweepPayload, sweep_job
from bowline.desk.setup import RunOptions
from bowline.desk.sweeps import SweepOptions
from bowline.research.grid import GridPlan, parse_grid, plan_grid
from bowline.research.grid.library import available
from bowline.research.grid.recheck import run_in_core
from bowline.research.validation import walk_grid
from tests.generators import catalogue, ruled, sample_specs
from tests.research.grid.test_kernel_core import COSTS, held_to_the_core, market
from tests.research.grids import CROSS, MIDDLE, START_NS, minutes, raw_grid

CHOICES = [each.value for each in FirstSignal]
#: rules that are ready one after the other, with signals that last and signals of single candles
SLOTS = [CROSS, MIDDLE, {"id": "rsi", "params": {"period": 5}}, {"id": "vwma_cross"}]


def plan_of(first_signal: str, candles: CandleFrame, start: int = 0, **changes) -> GridPlan:
    raw = raw_grid(first_signal=first_signal, **changes)
    return plan_grid(parse_grid(raw, catalogue()), candles, int(candles.open_ns[start]))


@pytest.mark.parametrize("first_signal", CHOICES)
@pytest.mark.parametrize("path", available())
def test_every_variant_is_the_core_s_from_its_first_candle_on(path, first_signal, monkeypatch):
    """One, two or three rules at once, with stops and without, wherever decisions begin."""
    monkeypatch.setenv("BOWLINE_KERNEL", path)
    candles = minutes(700, seed=8)
    for direction, start in (("long-short", 0), ("long-only", 3), ("short-only", 64)):
        for stops in ({}, {"sl_pct": ["off", Decimal("0.4")], "tp_pct": [Decimal("0.6")]}):
            more = {"indicators": SLOTS, "choose": "1..3", "direction": direction, "stops": stops}
            plan = plan_of(first_signal, candles, start, **more)
            bases = np.arange(0, plan.space.bases, 3, dtype=np.int64)
            rows = plan.evaluate(bases, plan.stops)
            for at, base in enumerate(bases.tolist()):
                for lane in range(plan.space.lanes):
                    row = at * plan.space.lanes + lane
                    truth = run_in_core(plan, base * plan.space.lanes + lane).report.metrics
                    assert rows.round_trips[row] == truth.round_trip_count
                    mine = rows.final_equity[row], rows.exposure_pct[row]
                    money = truth.initial_cash_quote + truth.total_profit_quote
                    core = float(money), truth.position_coverage_pct
                    assert mine == pytest.approx(core, rel=1e-9)


@pytest.mark.chance
@pytest.mark.parametrize("first_signal", CHOICES)
@pytest.mark.parametrize("path", available())
def test_generated_specs_without_a_warm_up(path, first_signal, monkeypatch):
    monkeypatch.setenv("BOWLINE_KERNEL", path)
    for number, spec in enumerate(sample_specs(24, 7, first_signal)):
        candles = market(number, 500, spec.timeframe)
        held_to_the_core(spec, candles, COSTS, start=(0, 1, 30)[number % 3])


def test_the_choice_makes_a_difference_and_only_by_the_first_round_trip():
    """A cross that is LONG when it is first known, on a market that rises and then falls.

    By hand: closes 1, 2, ... 60 and down again. Averages of 5 and 30 are first known at candle 29,
    LONG; after the peak they cross once. Entering on the first, it holds a long from there to the
    cross and then a short; waiting, the short alone.
    """
    closes = np.concatenate((np.arange(1.0, 61.0), np.arange(60.0, 0.0, -1.0)))
    columns = [closes] * 4 + [np.ones(len(closes))]
    open_ns = START_NS + np.arange(len(closes)) * minutes(1).timeframe.ns
    candles = msgspec.structs.replace(minutes(1), open_ns=open_ns, **dict(
        zip(("open", "high", "low", "close", "volume"), columns, strict=True)
    ))  # fmt: skip
    cross = {"id": "sma_cross", "params": {"fast": 5, "slow": 30}}
    trips = {}
    for choice in CHOICES:
        plan = plan_of(choice, candles, indicators=[cross], choose=1, stops={})
        record = run_in_core(plan, 0).report.record
        fills = [
            (e.fill.event_ns - START_NS) // candles.timeframe.ns - 1 for e in record.executions
        ]
        trips[choice] = list(zip(fills, [e.fill.side.name for e in record.executions], strict=True))
        assert plan.evaluate(np.array([0]), plan.stops).round_trips.tolist() == [len(fills) // 3]
    slow = [closes[t - 29 : t + 1].mean() for t in range(29, 120)]
    fast = [closes[t - 4 : t + 1].mean() for t in range(29, 120)]
    cross_at = 29 + next(t for t in range(91) if fast[t] < slow[t])
    assert trips["enter"] == [(29, "BUY"), (cross_at, "SELL"), (cross_at, "SELL")]
    assert trips["wait"] == [(cross_at, "SELL")]


@pytest.mark.parametrize("first_signal", CHOICES)
def test_a_walk_forward_trades_what_its_sweeps_promise(first_signal):
    """The first fold has no history: kernel and core must agree on it as on the others."""
    walk = walk_grid(plan_of(first_signal, minutes(1_500, seed=2), indicators=[CROSS], choose=1))
    policies = {fold.record.run.policy.first_signal.value for fold in walk.folds}
    assert policies == {first_signal}
    assert walk.round_trips > 0


def test_what_the_first_signal_is_does_not_depend_on_what_comes_later():
    """Every indicator's first row is found again when the candles behind it are taken away."""
    from bowline.core.signals.opinion import Agreement

    candles = minutes(2_000, seed=5)
    for entry in ruled():
        agreement = Agreement(((entry, entry.defaults()),), candles.timeframe)
        first = agreement.signals(candles).first
        assert first < len(candles), entry.id
        assert not agreement.signals(candles).direction[:first].any()
        assert agreement.signals(candles.slice(0, first + 1)).first == first, entry.id
        assert agreement.signals(candles.slice(0, first)).first == first, entry.id


def test_a_request_and_a_job_from_before_the_choice_are_what_they_were():
    """They have no such field, enter on the first signal, and hash as they did."""
    candles = minutes(400)
    new, old = (plan_of(choice, candles) for choice in ("wait", "enter"))
    assert new.hashes.data == old.hashes.data
    assert new.hashes.grid_request != old.hashes.grid_request
    assert new.hashes.engine_params != old.hashes.engine_params
    assert parse_grid(raw_grid(), catalogue()) == new.request
    # taken before there was the field, of this request over these candles
    assert (
        old.hashes.grid_request
        == "38dba3fdca5ffe6230dcd19be95a308603ed3bb5884b10e008df17ef380e0d9b"
    )
    assert (
        old.hashes.engine_params
        == "6b6692e5eadcdaf72a670ce0406b09dcbfde04a4d37e1ed709f37e3c354aa416"
    )
    job = sweep_job(old, RunOptions(), SweepOptions())
    payload = msgspec.json.decode(job.payload)
    assert payload["request"]["template"].pop("first_signal") == "enter"
    before = msgspec.json.decode(msgspec.json.encode(payload), type=SweepPayload)
    assert before.request.template.first_signal is FirstSignal.ENTER
    assert before.request.hash() == old.hashes.grid_request
