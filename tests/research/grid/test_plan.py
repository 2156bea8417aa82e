"""A plan's chunks are pure, and each row is what a backtest of it alone would have come to."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.errors import BadInput
from bowline.core.model.instrument import Instrument
from bowline.core.report import make_report
from bowline.core.signals import Strategies, opinion_of
from bowline.desk.setup import DecisionSpan, candles_of_span, make_setup
from bowline.research import backtest
from bowline.research.backtest import backtest_signals
from bowline.research.grid import ChunkResult, Merge, finish, plan_grid, run_chunks
from bowline.research.grid.recheck import (
    RowDisagrees,
    check_row,
    recheck_batches,
    recheck_rows,
    run_in_core,
)
from bowline.research.grid.topk import rows_of
from tests.generators import catalogue
from tests.research.grids import START_NS, minutes, request

CANDLES = minutes(3_000)
FROM_NS = int(CANDLES.open_ns[700])
SIZINGS = [
    {"mode": "all_in"},
    {"mode": "fixed_quote", "quote": 500},
    {"mode": "strategy_compound_profit_lock", "safe_profit_pct": 30, "budget_quote": 800},
]
#: percent; the widest are never met
WIDTHS = st.sampled_from(["off", *map(Decimal, ("0.01", "0.1", "0.5", "2", "30", "60"))])


def alone(spec, from_ns):
    """The report of `bowline backtest` for this spec over the span that begins at `from_ns`."""
    opinion = opinion_of(spec, catalogue(), Strategies())
    found = candles_of_span(CANDLES, DecisionSpan(from_ns), opinion.warmup)
    setup = make_setup(spec, opinion, Instrument(CANDLES.instrument), found, account="test")
    return setup, make_report(backtest(setup.run, setup.opinion, setup.candles))


@pytest.mark.parametrize("from_ns", [None, FROM_NS])
@pytest.mark.parametrize("direction", ["long-short", "long-only", "short-only"])
def test_a_row_is_what_a_backtest_over_the_same_span_comes_to(direction, from_ns) -> None:
    """Variants whose warm-ups differ have anchors that differ, and an EMA knows its anchor."""
    ema = {"id": "ema_cross", "params": {"fast": [3, 9], "slow": [30, 260]}}
    sizing = SIZINGS[len(direction) % 3]
    asked = request(indicators=[ema, {"id": "rsi_middle"}], direction=direction, sizing=sizing)
    found = candles_of_span(CANDLES, DecisionSpan(from_ns), asked.warmup)
    plan = plan_grid(asked, *found)
    merge = run_chunks(plan, Merge(plan))
    every = np.arange(plan.space.bases, dtype=np.int64)
    outcome = plan.evaluate(every, plan.stops)
    assert merge.evaluated == plan.variants
    for variant in range(plan.variants):
        setup, report = alone(plan.spec(variant), from_ns)
        metrics = report.metrics
        assert setup.run.anchor_ns == int(plan.candles.open_ns[plan.anchor(variant)])
        assert outcome.round_trips[variant] == metrics.round_trip_count
        assert outcome.wins[variant] == report.closed.wins
        assert outcome.total_return_pct[variant] == pytest.approx(
            metrics.total_return_pct, rel=1e-9, abs=1e-7
        )
        assert outcome.max_drawdown_pct[variant] == pytest.approx(
            metrics.max_drawdown_pct, rel=1e-9, abs=1e-7
        )


def merged(asked, threads, chunk_bases, order=1):
    plan = plan_grid(asked, CANDLES, FROM_NS, chunk_bases=chunk_bases)
    merge = Merge(plan)
    while todo := merge.missing():
        shortlist = merge.shortlist if merge.first_done else None
        for chunk in todo[::order]:
            content = plan.run_chunk(chunk, threads, shortlist).to_bytes()
            merge.add(ChunkResult.from_bytes(content))
    parts = (merge.top.pack(), merge.sample().pack(), merge.figures.tobytes())
    return parts, merge.evaluated, merge.kept, merge.stage_facts()


@pytest.mark.parametrize("shortlist", [0, 9])
def test_threads_chunks_and_order_change_no_byte(shortlist: int) -> None:
    asked = request(shortlist=shortlist, keep={"min_round_trips": 20})
    expected = merged(asked, 1, None)
    assert merged(asked, 2, 1) == expected
    assert merged(asked, 2, 5, order=-1) == expected
    assert merged(asked, 3, 4_000) == expected


def test_stops_that_were_never_met_do_not_fill_the_top_with_one_outcome() -> None:
    """However wide a stop is beyond the market, the base stands once, without stops."""
    far = {"sl_pct": [90, "off"], "tp_pct": ["off", 95, 99]}
    plan = plan_grid(request(stops=far, top=20, choose=1), CANDLES, FROM_NS)
    top = run_chunks(plan, Merge(plan)).top
    assert len(top) == plan.space.bases > 5
    assert {plan.request.lanes[lane] for lane in top.variant % plan.space.lanes} == {(None, None)}
    assert top.alike.tolist() == [plan.space.lanes] * len(top)


def test_parameters_that_made_no_difference_are_one_row_with_the_fewest_rules() -> None:
    """A rule that never comes true beside any base: no trade, whatever else agrees with it."""
    never = {"id": "rsi", "params": {"period": [14, 20], "oversold": [1], "overbought": [99]}}
    cross = {"id": "sma_cross", "params": {"fast": [5, 10], "slow": [60]}}
    asked = request(indicators=[cross, never], choose="1..2", stops={}, top=20)
    plan = plan_grid(asked, CANDLES, FROM_NS)
    merge = run_chunks(plan, Merge(plan))
    (idle,) = np.flatnonzero(merge.top.round_trips == 0)
    # two settings of the rule alone, and two more beside each of two crosses
    assert merge.top.alike[idle] == 6
    assert [use.id for use in plan.spec(int(merge.top.variant[idle])).rules] == ["rsi"]
    assert merge.top.alike.sum() == plan.variants == 8
    result = finish(merge, 1.0)
    assert len(result.metrics) == len(result.top) == 3


def test_a_chunk_that_comes_twice_counts_once() -> None:
    plan = plan_grid(request(), CANDLES, FROM_NS, chunk_bases=10)
    merge, result = Merge(plan), plan.run_chunk(0)
    merge.add(result)
    merge.add(result)
    assert merge.evaluated == result.evaluated
    assert merge.missing() == list(range(1, plan.chunks))


def test_stage_b_needs_the_shortlist_that_stage_a_gives() -> None:
    plan = plan_grid(request(shortlist=9), CANDLES, FROM_NS)
    with pytest.raises(ValueError, match="needs the shortlist of 9 bases"):
        plan.run_chunk(plan.first_chunks)
    with pytest.raises(ValueError, match="stage A is not finished"):
        Merge(plan).shortlist  # noqa: B018 - asking is the test


def test_hashes_name_request_rules_and_candles() -> None:
    one = plan_grid(request(), CANDLES, FROM_NS).hashes
    assert plan_grid(request(), CANDLES, FROM_NS).hashes == one
    richer = plan_grid(request(), CANDLES, FROM_NS, cash=Decimal(500)).hashes
    assert (richer.grid_request, richer.data) == (one.grid_request, one.data)
    assert richer.engine_params != one.engine_params
    later = plan_grid(request(), CANDLES, FROM_NS + 60 * 10**9).hashes
    assert later.data != one.data
    other = plan_grid(request(top=7), CANDLES, FROM_NS).hashes
    assert (other.engine_params, other.data) == (one.engine_params, one.data)
    assert other.grid_request != one.grid_request


def test_a_span_without_candles_is_refused() -> None:
    with pytest.raises(BadInput, match="the span contains no complete candle"):
        plan_grid(request(), CANDLES, int(CANDLES.close_ns[-1]))


def test_a_row_on_which_kernel_and_core_disagree_is_an_error_that_names_it() -> None:
    plan = plan_grid(request(), CANDLES, FROM_NS)
    top = run_chunks(plan, Merge(plan)).top
    report = run_in_core(plan, int(top.variant[2])).report
    core = report.metrics, report.closed
    check_row(top, 2, *core)
    wrong = replace(top, total_return_pct=top.total_return_pct * (1 + 1e-6))
    with pytest.raises(RowDisagrees, match=f"row 3, variant {top.variant[2]}"):
        check_row(wrong, 2, *core)
    with pytest.raises(RowDisagrees):
        check_row(replace(top, round_trips=top.round_trips + 1), 2, *core)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(SIZINGS),
    st.sampled_from(["long-short", "long-only", "short-only"]),
    st.lists(WIDTHS, min_size=1, max_size=4, unique=True),
    st.lists(WIDTHS, min_size=1, max_size=4, unique=True),
    st.randoms(use_true_random=False),
)
def test_rows_that_share_a_run_are_what_each_comes_to_alone(sizing, direction, sl, tp, random):
    """Stops from those that are met at once to those that never are, in any order."""
    cross = {"id": "sma_cross", "params": {"fast": [5, 10], "slow": [60, 250]}}
    stops = {"sl_pct": sl, "tp_pct": tp}
    asked = request(indicators=[cross], choose=1, sizing=sizing, direction=direction, stops=stops)
    plan = plan_grid(asked, CANDLES.slice(0, 1_500), FROM_NS)
    outcome = plan.evaluate(np.arange(plan.space.bases), plan.stops)
    top = rows_of(np.arange(plan.variants), outcome)
    batches = recheck_batches(plan, top)
    alone_each = [run_in_core(plan, variant).report.metrics for variant in top.variant.tolist()]
    for places in (*batches, random.sample(range(len(top)), len(top))):
        found = [row.metrics for row in recheck_rows(plan, top, places)]
        assert found == [alone_each[place] for place in places]
    assert sorted(place for lot in batches for place in lot) == list(range(plan.variants))


@pytest.mark.parametrize("sl_pct", [None, Decimal("0.2")])
@pytest.mark.parametrize("tp_pct", [None, Decimal("0.3")])
def test_telling_the_engine_only_closes_that_matter_makes_the_same_record(sl_pct, tp_pct) -> None:
    plan = plan_grid(request(), CANDLES, FROM_NS)
    spec = plan.spec(0)
    spec = replace(spec, stops=replace(spec.stops, sl_pct=sl_pct, tp_pct=tp_pct))
    setup, _ = alone(spec, FROM_NS)
    signals = setup.opinion.signals(setup.candles)
    every = backtest_signals(setup.run, signals, setup.candles, every_close=True)
    some = backtest_signals(setup.run, signals, setup.candles)
    assert some.executions == every.executions
    assert some.refusals == every.refusals
    assert make_report(some).metrics == make_report(every).metrics
    assert len(every.executions) > 10


def test_a_sample_has_no_rhythm_in_common_with_the_lanes(monkeypatch) -> None:
    """Every second of variants with four lanes would be of two of them only."""
    monkeypatch.setattr("bowline.research.grid.plan.MAX_SAMPLE_ROWS", 26)
    plan = plan_grid(request(), minutes(300), START_NS)
    assert plan.space.lanes == 4
    merge = run_chunks(plan, Merge(plan))
    assert {int(each) % 4 for each in merge.sample().variant} == {0, 1, 2, 3}
    assert 20 < len(merge.sample()) <= 26
