"""The compiled kernel does what the clear loop does, on every path, to the last trade.

Prices are made to be hard: ties, flats, gaps, coarse ticks, tiny and huge numbers.
"""

from __future__ import annotations

import importlib.util
import shutil
from decimal import Decimal
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowline import cli
from bowline.core.compiled import StaleExtension
from bowline.core.errors import BadInput
from bowline.core.model.instrument import FILE_MARKET, InstrumentId
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import (
    AllIn,
    Costs,
    DirectionMode,
    FixedQuote,
    ProfitLock,
    StrategyCompound,
)
from bowline.core.model.values import Timeframe
from bowline.core.signals import expressions, ta_lib
from bowline.research.grid import (
    CloseSeries,
    Convention,
    Rules,
    SignalBank,
    fallback,
    kernel,
    library,
)
from bowline.research.grid.library import VARIABLE, available

COMPILED = [name for name in available() if name != "python"]
NAN = float("nan")


def test_a_kernel_was_compiled_here():
    """Without one, every comparison below would compare nothing."""
    assert "plain" in COMPILED


def series_of(closes, start=0, timeframe=Timeframe.H4, gaps=None) -> CloseSeries:
    column = np.array(closes, dtype=np.float64)
    steps = np.ones(len(column), dtype=np.int64) if gaps is None else np.array(gaps)
    open_ns = (np.cumsum(steps) + 5) * timeframe.ns
    frame = CandleFrame(
        InstrumentId(FILE_MARKET.market_id, "TEST"), timeframe, open_ns, *(column for _ in range(5))
    )
    return CloseSeries(frame, start)


# down to what is nothing beside the cash of the account
amounts = st.decimals("5", "2000", places=2) | st.sampled_from([Decimal(1), Decimal("1e-9")])
sizings = st.one_of(
    st.just(AllIn()),
    st.builds(FixedQuote, quote=amounts),
    st.builds(StrategyCompound, budget_quote=st.none() | amounts),
    st.builds(
        ProfitLock,
        safe_profit_pct=st.decimals("0", "100", places=1),
        budget_quote=st.none() | amounts,
    ),
)
rules_drawn = st.builds(
    Rules,
    direction=st.sampled_from(DirectionMode),
    sizing=sizings,
    costs=st.builds(
        Costs,
        fee_pct=st.decimals("0", "1", places=3),
        slippage_pct=st.decimals("0", "0.5", places=3),
    ),
    initial_cash=st.just(Decimal(1000)),
    convention=st.sampled_from(Convention),
)
pcts = st.just(NAN) | st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0, 10.0]) | st.floats(0.01, 40.0)


@st.composite
def markets(draw, longest=700):
    """Closes on a grid of ticks, signals that hold for a while, gaps of days, a late start."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    length = draw(st.integers(1, longest))
    step_pct = draw(st.sampled_from([0.0, 0.01, 0.3, 2.0, 15.0]))
    ticks = draw(st.sampled_from([5, 100, 10_000, 10_000_000]))
    scale = draw(st.sampled_from([1e-8, 0.01, 1.0, 1e8]))
    walk = ticks * np.exp(np.cumsum(rng.normal(0, step_pct / 100, length)))
    closes = np.maximum(1, np.rint(walk)) * scale
    stay = draw(st.sampled_from([1, 4, 30, 300]))
    rows = [
        np.repeat(rng.integers(-1, 2, length), rng.integers(1, stay + 1, length))[:length]
        for _ in range(3)
    ]
    gaps = rng.choice([1, 1, 1, 1, 7, 40], length) if draw(st.booleans()) else None
    start = draw(st.integers(0, length - 1)) if draw(st.booleans()) else 0
    return series_of(closes, start, draw(st.sampled_from([Timeframe.H4, Timeframe.M5])), gaps), rows


def bank_of(series, rows) -> SignalBank:
    bank = SignalBank(len(series))
    for row in rows:
        bank.add(row.astype(np.int8))
    return bank


def same_within_rounding(mine, theirs, cash=1000.0):
    """Counts equal; money and shares within 1e-9 of what was at stake."""
    for name in ("round_trips", "wins"):
        assert getattr(mine, name).tolist() == getattr(theirs, name).tolist(), name
    assert mine.exposure_pct == pytest.approx(theirs.exposure_pct, rel=1e-12, abs=1e-12)
    # an equity near nothing is the difference of amounts as large as the cash
    assert mine.final_equity == pytest.approx(theirs.final_equity, rel=1e-9, abs=1e-9 * cash)
    assert mine.total_return_pct == pytest.approx(theirs.total_return_pct, rel=1e-9, abs=1e-7)
    assert mine.max_drawdown_pct == pytest.approx(theirs.max_drawdown_pct, rel=1e-9, abs=1e-7)


@pytest.fixture(params=COMPILED)
def path(request, monkeypatch):
    """One compiled path after the other."""
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


BASE = np.array([[0, 0], [1, 1], [0, 1], [2, 0]], dtype=np.int32)


NO_STOPS = np.array([[NAN, NAN]])


def hold_together(ask, theirs):
    """Every path gives what the clear loop gives, and all of them the same bytes."""
    before = None
    for name in COMPILED:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(VARIABLE, name)
            mine = ask()
        same_within_rounding(mine, theirs)
        bits = [getattr(mine, each).tobytes() for each in mine.__struct_fields__]
        assert before is None or bits == before, "two paths gave different bytes"
        before = bits


@settings(max_examples=150, deadline=None)
@given(
    market=markets(),
    rules=rules_drawn,
    stops=st.lists(st.tuples(pcts, pcts), min_size=1, max_size=6),
)
def test_lanes_of_stops_do_what_the_clear_loop_does(market, rules, stops):
    series, rows = market
    bank, pairs = bank_of(series, rows), np.array(stops)
    theirs = fallback.evaluate(series, bank, BASE, pairs, rules)
    hold_together(lambda: kernel.evaluate(series, bank, BASE, pairs, rules, threads=2), theirs)


@settings(max_examples=150, deadline=None)
@given(market=markets(longest=3500), rules=rules_drawn)
def test_tiles_without_stops_do_what_the_clear_loop_does(market, rules):
    series, rows = market
    bank = bank_of(series, rows)
    theirs = fallback.evaluate(series, bank, BASE, NO_STOPS, rules)
    hold_together(lambda: kernel.evaluate(series, bank, BASE, NO_STOPS, rules), theirs)


@settings(max_examples=40, deadline=None)
@given(market=markets(), rules=rules_drawn, pair=st.tuples(pcts, pcts))
def test_daily_equity_is_that_of_the_clear_loop(market, rules, pair):
    series, rows = market
    bank = bank_of(series, rows)
    for stops in (NO_STOPS, np.array([pair])):
        theirs = fallback.evaluate_daily(series, bank, BASE, stops, rules)
        mine = kernel.evaluate_daily(series, bank, BASE, stops, rules, threads=2)
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-6)


@st.composite
def crossed_markets(draw):
    """A market, and crosses whose averages begin at several anchors."""
    series, _ = draw(markets(longest=2500))
    anchor = st.integers(0, len(series) - 1)
    period = st.integers(1, 90) | st.integers(1, 1500)
    crosses = draw(st.lists(st.tuples(period, period, anchor), min_size=1, max_size=9))
    return series, np.array(crosses)


@settings(max_examples=60, deadline=None)
@given(
    market=crossed_markets(),
    rules=rules_drawn,
    pair=st.just((NAN, NAN)) | st.tuples(pcts, pcts),
)
def test_crosses_do_what_the_clear_loop_does(market, rules, pair):
    series, crosses = market
    bank, base = fallback.cross_bank(series, crosses)
    stops = np.array([pair])
    theirs = fallback.evaluate(series, bank, base, stops, rules)
    hold_together(lambda: kernel.evaluate_crosses(series, crosses, stops, rules), theirs)


small_budgets = st.sampled_from([Decimal("1e-9"), Decimal("1e-6"), Decimal(1)])


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    fee_pct=st.sampled_from([Decimal("0.1"), Decimal(1)]),
    sizing=st.builds(StrategyCompound, budget_quote=small_budgets)
    | st.builds(FixedQuote, quote=small_budgets)
    | st.builds(
        ProfitLock, safe_profit_pct=st.sampled_from([Decimal(30), Decimal(100)]),
        budget_quote=small_budgets,
    ),
)  # fmt: skip
def test_what_is_left_of_a_budget_is_not_lost_beside_the_account(seed, fee_pct, sizing):
    """Traded down to the account's rounding, it still wins and loses trip by trip."""
    rng = np.random.default_rng(seed)
    series = series_of(np.rint(10_000 * np.exp(np.cumsum(rng.normal(0, 0.003, 2500)))))
    crosses = np.array([[1, 2, 0], [2, 5, 0]])
    rules = Rules(DirectionMode.LONG_SHORT, sizing, Costs(fee_pct, Decimal("0.05")), Decimal(1000))
    bank, base = fallback.cross_bank(series, crosses)
    for stops in (NO_STOPS, np.array([[2.0, 3.0], [5.0, NAN]])):
        theirs = fallback.evaluate(series, bank, base, stops, rules)
        ask = partial(kernel.evaluate_crosses, series, crosses, stops, rules)
        hold_together(ask, theirs)


@settings(max_examples=100, deadline=None)
@given(market=crossed_markets())
def test_averages_that_never_exist_are_those_of_ta_lib_to_the_bit(market):
    """The same signals, so the same bytes: what a base comes to cannot depend on who made them."""
    series, crosses = market
    crosses = np.maximum(crosses, (2, 2, 0))
    rules = Rules(
        DirectionMode.LONG_SHORT, AllIn(), Costs(Decimal("0.1"), Decimal("0.01")), Decimal(1000)
    )
    bank = SignalBank(len(series))
    for fast, slow, anchor in crosses.tolist():
        closes, direction = series.closes[anchor:], np.zeros(len(series), dtype=np.int8)
        if max(fast, slow) <= len(closes):
            one, other = (ta_lib.run("SMA", closes, period)[0] for period in (fast, slow))
            values = {"one": one, "other": other}
            above, below = (
                expressions.evaluate(expressions.parse(text), values, len(closes)).holds
                for text in ("one > other", "one < other")
            )
            direction[anchor:] = above.astype(np.int8) - below.astype(np.int8)
        bank.add(direction)
    base = np.arange(len(crosses), dtype=np.int32)[:, None]
    theirs = kernel.evaluate(series, bank, base, NO_STOPS, rules)
    mine = kernel.evaluate_crosses(series, crosses, NO_STOPS, rules)
    for name in mine.__struct_fields__:
        assert getattr(mine, name).tobytes() == getattr(theirs, name).tobytes(), name


@pytest.mark.parametrize("stops", [NO_STOPS, np.array([[2.0, 3.0], [NAN, 1.0], [5.0, NAN]])])
def test_threads_and_batches_change_no_byte(stops, monkeypatch, path):
    rng = np.random.default_rng(3)
    series = series_of(np.rint(30_000 * np.exp(np.cumsum(rng.normal(0, 0.004, 4000)))) / 100)
    crosses = np.stack(
        (rng.integers(1, 40, 90), rng.integers(30, 200, 90), rng.integers(0, 3, 90)), axis=1
    )
    rules = Rules(
        DirectionMode.LONG_SHORT, AllIn(), Costs(Decimal("0.1"), Decimal("0.01")), Decimal(1000)
    )

    def bits(threads: int, batch: int) -> list[bytes]:
        monkeypatch.setattr(kernel, "_BATCH", batch)
        row = kernel.evaluate_crosses(series, crosses, stops, rules, threads=threads)
        return [getattr(row, name).tobytes() for name in row.__struct_fields__]

    whole = bits(1, 1024)
    assert all(bits(threads, batch) == whole for threads, batch in [(1, 7), (2, 1024), (3, 16)])


@pytest.mark.parametrize("name", available())
@pytest.mark.parametrize("stops", [NO_STOPS, np.array([[NAN, NAN], [90.0, NAN]])])
def test_equal_daily_returns_have_no_sharpe_ratio_to_rank_by(name, stops, monkeypatch):
    """1 % a day for 60 days: a deviation of rounding would make a ratio of 1e15, ranked first."""
    monkeypatch.setenv(VARIABLE, name)
    days = 100 * 1.01 ** np.arange(61)
    series = series_of(np.repeat(days, 2)[1:-1], timeframe=Timeframe.H12)
    bank = bank_of(series, [np.ones(len(series))])
    rules = Rules(
        direction=DirectionMode.LONG_ONLY,
        sizing=AllIn(),
        costs=Costs(Decimal(0), Decimal(0)),
        initial_cash=Decimal(1000),
    )
    outcome = kernel.evaluate(series, bank, np.array([[0]], dtype=np.int32), stops, rules)
    assert outcome.total_return_pct == pytest.approx(100 * (1.01**60 - 1))
    assert np.isnan(outcome.sharpe).all()


def test_without_a_kernel_the_clear_loop_runs(monkeypatch):
    series = series_of([100, 101, 103, 99, 98, 97, 104, 105])
    bank = bank_of(series, [np.array([0, 1, 1, -1, -1, 0, 1, 1])])
    rules = Rules(DirectionMode.LONG_SHORT, AllIn(), Costs(Decimal(0), Decimal(0)), Decimal(1000))
    base = np.array([[0]], dtype=np.int32)
    compiled = kernel.evaluate(series, bank, base, NO_STOPS, rules)
    monkeypatch.setenv(VARIABLE, "python")
    assert kernel.instruction_set() == "python"
    same_within_rounding(kernel.evaluate(series, bank, base, NO_STOPS, rules), compiled)
    monkeypatch.setenv(VARIABLE, "sse9")
    with pytest.raises(BadInput, match="sse9"):
        kernel.evaluate(series, bank, base, NO_STOPS, rules)


@pytest.fixture
def forgotten():
    """Kernels are looked up anew, and again after the test."""
    for cached in (library._library, library.available):
        cached.cache_clear()
    yield
    for cached in (library._library, library.available):
        cached.cache_clear()


@pytest.mark.parametrize("how", ["smaller task", "no such function", "no library", "empty"])
def test_a_kernel_of_other_sources_is_told_in_a_line_that_says_what_to_do(
    how, tmp_path, monkeypatch, capsys, forgotten, home
):
    del forgotten, home
    found = importlib.util.find_spec("bowline.research.grid._kernel_plain")
    path = tmp_path / "_kernel_plain.so"
    if how == "smaller task":
        path = Path(found.origin)
        fields = {"_fields_": [("added", library._Whole)]}
        monkeypatch.setattr(library, "Task", type("Task", (library.Task,), fields))
    elif how == "no such function":
        shutil.copy(importlib.util.find_spec("bowline.core.venue._book").origin, path)
    else:
        path.write_bytes(b"" if how == "empty" else b"no library at all\n" * 100)
    spec, usual = ModuleSpec("_kernel_plain", None, origin=str(path)), importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: spec if "_kernel_" in name else usual(name)
    )
    with pytest.raises(StaleExtension) as said:
        kernel.instruction_set()
    assert str(path) in said.value.message
    assert "make setup" in said.value.hint
    monkeypatch.setattr("sys.argv", ["bowline", "worker", "--once"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error: the compiled ")
    assert "Traceback" not in errors


def test_what_does_not_fit_is_refused():
    """The kernel checks no index itself, so its interface must."""
    series, rules = (
        series_of([1, 2, 3]),
        Rules(DirectionMode.LONG_SHORT, AllIn(), Costs(Decimal(0), Decimal(0)), Decimal(1000)),
    )
    bank = bank_of(series, [np.array([0, 1, -1])])
    base = np.array([[0]], dtype=np.int32)
    with pytest.raises(ValueError, match="outside the bank's 1 rows"):
        kernel.evaluate(series, bank, base + 1, NO_STOPS, rules)
    with pytest.raises(ValueError, match="4 candles for 3 closes"):
        kernel.evaluate(series, SignalBank(4), base, NO_STOPS, rules)
    with pytest.raises(ValueError, match="pairs"):
        kernel.evaluate(series, bank, base, np.array([1.0, 2.0]), rules)
    with pytest.raises(ValueError, match="period"):
        kernel.evaluate_crosses(series, np.array([[0, 4, 0]]), NO_STOPS, rules)
