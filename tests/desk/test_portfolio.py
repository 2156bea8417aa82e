"""A portfolio file is read as it is meant, and every mistake in it is one line with its place."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bowline.core.errors import BadInput
from bowline.core.model.policy import Sharing
from bowline.desk.portfolio import read_portfolio, set_up_portfolio
from bowline.desk.setup import RunOptions
from bowline.storage.files import write_candle_file
from bowline.wire import strategy_desk
from tests.research.grids import minutes

SPEC = """
version: 1
timeframe: 15m
instrument: {market: "binance:linear", symbol: MADEUP}
direction: long-short
indicators: [{id: sma_cross, params: {fast: 3, slow: 8}}]
sizing: {mode: strategy_compound}
"""
GOOD = """
version: 1
cash: 2500.5
limits: {max_positions: 2, max_gross_exposure_pct: 150, max_drawdown_pct: 10, daily_loss_pct: 3}
runs:
  - {strategy: spec.yaml, candles: candles.parquet}
  - {strategy: spec.yaml, candles: candles.parquet, timeframe: 5m, symbol: OTHER, share_pct: 30}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spec.yaml").write_text(SPEC)
    write_candle_file(minutes(6_000), tmp_path / "candles.parquet", ".parquet")
    return tmp_path


def problems(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "portfolio.yaml").write_text(text)
    with pytest.raises(BadInput) as caught:
        read_portfolio(folder / "portfolio.yaml")
    return caught.value.problems


def setups(folder: Path, home: Path, text: str):
    (folder / "portfolio.yaml").write_text(text)
    portfolio = read_portfolio(folder / "portfolio.yaml")
    with strategy_desk(home) as desk:
        return set_up_portfolio(portfolio, RunOptions(), desk.load, desk.opinion, lambda: None)


def test_runs_are_set_up_as_written_and_share_one_account(folder, home):
    first, second = (setup.run for setup in setups(folder, home, GOOD))
    limits = (2, Decimal(150), Decimal(10), Decimal(3))
    assert first.policy.sharing == Sharing(Decimal(50), *limits)
    assert second.policy.sharing == Sharing(Decimal(30), *limits)
    assert [run.id for run in (first, second)] == [1, 2]
    assert [run.timeframe.value for run in (first, second)] == ["15m", "5m"]
    assert [run.instrument.id.symbol for run in (first, second)] == ["MADEUP", "OTHER"]
    assert first.account == second.account
    assert first.initial_cash == second.initial_cash == Decimal("2500.5")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1", "version: 2", "version: 2: expected 1"),
        ("cash: 2500.5", "cash: 0", "cash: 0 is not allowed: expected an amount above 0"),
        ("cash: 2500.5", "cash: much", "cash: 'much' is not a number"),
        ("cash: 2500.5", "money: 5", "money: no such field: expected version, cash"),
        ("max_positions: 2", "max_positions: 1.5", "limits.max_positions: 1.5: expected a whole"),
        ("daily_loss_pct: 3", "daily_loss_pct: 101", "limits.daily_loss_pct: 101 is not allowed"),
        ("max_drawdown_pct", "drawdown", "limits.drawdown: no such field"),
        ("share_pct: 30", "share_pct: 0", "runs[1].share_pct: 0 is not allowed"),
        ("share_pct: 30", "weight: 30", "runs[1].weight: no such field"),
        ("symbol: OTHER", "symbol: [A]", "runs[1].symbol: a list: expected a text"),
    ],
)
def test_one_mistake_is_one_line(folder, old, new, said):
    (problem,) = problems(folder, GOOD.replace(old, new))
    assert problem.startswith(said)


def test_a_file_without_runs_or_strategies_says_what_it_wants(folder):
    (problem,) = problems(folder, "version: 1\n")
    assert problem.startswith("runs: missing: expected a list")
    (problem,) = problems(folder, "version: 1\nruns: [{symbol: X}]\n")
    assert problem.startswith("runs[0].strategy: missing")


def test_a_budget_of_its_own_is_refused_beside_others_and_allowed_alone(folder, home):
    (folder / "spec.yaml").write_text(SPEC.replace("compound}", "compound, budget_quote: 500}"))
    with pytest.raises(BadInput, match=r"runs\[0\]: its strategy has a budget of its own"):
        setups(folder, home, GOOD)
    alone = "version: 1\nruns: [{strategy: spec.yaml, candles: candles.parquet}]\n"
    assert len(setups(folder, home, alone)) == 1
