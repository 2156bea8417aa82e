"""Portfolio files: runs on one wallet, and their common limits.

It must never guess: every mistake in the file is one line with the path of its field, and one
BadInput carries all of them. Nothing here may start a run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.document_reader import Bounds, DocumentReader
from bowline.core.errors import BadInput
from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.policy import ProfitLock, Sharing, StrategyCompound
from bowline.core.model.values import HUNDRED, RunId
from bowline.core.numbers import exact, show
from bowline.core.signals import Opinion, StrategySpec
from bowline.desk.setup import MOST_CASH, RunOptions, Setup, set_up
from bowline.desk.spec_text import is_spec_file, read_spec_file
from bowline.desk.steps import Steps
from bowline.storage.candles import Candles

PORTFOLIO_VERSION = 1
MOST_RUNS = 64
#: every run of a portfolio is on this account, whose wallet they share
ACCOUNT = "portfolio"

_FIELDS = ("version", "cash", "limits", "runs")
_LIMITS = {
    "max_positions": Decimal(MOST_RUNS),
    "max_gross_exposure_pct": Decimal(100_000),
    "max_drawdown_pct": HUNDRED,
    "daily_loss_pct": HUNDRED,
}
_STEPS = ("tick_size", "lot_step", "min_notional")
_RUN = ("strategy", "market", "symbol", "timeframe", "candles", "share_pct", *_STEPS)
_TEXTS = ("market", "symbol", "timeframe")
_CASH = Bounds(f"an amount above 0 and up to {MOST_CASH}", above=Decimal(0), most=MOST_CASH)
_SHARE = Bounds("a percentage above 0 and up to 100", above=Decimal(0), most=HUNDRED)
_GUIDE = "every field is described in docs/howto/portfolio.md"


def _up_to(most: Decimal) -> Bounds:
    return Bounds(f"a number from 0 to {most}", least=Decimal(0), most=most)


class PlannedRun(Struct, frozen=True, kw_only=True):
    """One run as it was written; empty is not said."""

    strategy: str
    market: str
    symbol: str
    timeframe: str
    candles: Path | None
    share_pct: Decimal
    steps: Steps = Steps()


class Portfolio(Struct, frozen=True):
    """The whole file. `cash` is as it was written; the limits are in `sharing`."""

    cash: str
    sharing: Sharing
    runs: tuple[PlannedRun, ...]


def read_portfolio(path: Path) -> Portfolio:
    """The portfolio in a YAML or JSON file; NotFound, or BadInput with one problem a mistake.

    Files that it names lie where it lies, unless their path is absolute.
    """
    reader = _Reader(path.parent)
    portfolio = reader.portfolio(read_spec_file(path))
    if reader.doc.problems:
        raise reader.doc.refusal(_GUIDE)
    return portfolio


def set_up_portfolio(
    portfolio: Portfolio,
    options: RunOptions,
    load: Callable[[str], StrategySpec],
    interpret: Callable[[StrategySpec], Opinion],
    open_store: Callable[[], Candles],
    recorded: Callable[[InstrumentId], Instrument | None] = lambda _: None,
) -> tuple[Setup, ...]:
    """Every run ready to start; `words` have the span, and cash if it is not the file's."""
    options = replace(options, cash=options.cash or portfolio.cash)
    setups: list[Setup] = []
    for number, planned in enumerate(portfolio.runs, start=1):
        spec = load(planned.strategy)
        _refuse_own_budget(spec, number, len(portfolio.runs))
        own = replace(
            options,
            market=planned.market,
            symbol=planned.symbol,
            timeframe=planned.timeframe,
            file=planned.candles,
            steps=planned.steps,
        )
        setup = set_up(spec, own, interpret, open_store, account=ACCOUNT, recorded=recorded)
        sharing = replace(portfolio.sharing, share_pct=planned.share_pct)
        policy = replace(setup.run.policy, sharing=sharing)
        setups.append(replace(setup, run=replace(setup.run, id=RunId(number), policy=policy)))
    return tuple(setups)


def _refuse_own_budget(spec: StrategySpec, number: int, runs: int) -> None:
    sizing = spec.sizing
    if runs == 1 or not isinstance(sizing, StrategyCompound | ProfitLock):
        return
    if sizing.budget_quote is not None:
        raise BadInput(
            f"runs[{number - 1}]: its strategy has a budget of its own, and the runs of a "
            "portfolio share one wallet",
            hint="take sizing.budget_quote out of the strategy and give the run a share_pct",
        )


class _Reader:
    """Reads one file; used once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.doc = DocumentReader("the portfolio")

    def portfolio(self, raw: Mapping[str, Any]) -> Portfolio:
        self.doc.check_names("", raw, _FIELDS)
        if exact(raw.get("version")) != PORTFOLIO_VERSION:
            self.doc.problem("version", f"{show(raw.get('version'))}: expected {PORTFOLIO_VERSION}")
        cash = self.doc.number("cash", raw.get("cash"), _CASH)
        limits = self.doc.section("limits", raw.get("limits"), tuple(_LIMITS)) or {}
        found = {
            name: self._number(f"limits.{name}", limits.get(name), _up_to(most), Decimal(0))
            for name, most in _LIMITS.items()
        }
        positions = found.pop("max_positions") or Decimal(0)
        if positions % 1:
            self.doc.problem("limits.max_positions", f"{positions}: expected a whole number")
        sharing = Sharing(
            max_positions=int(positions),
            **{name: value for name, value in found.items() if value is not None},
        )
        return Portfolio("" if cash is None else f"{cash:f}", sharing, self._runs(raw.get("runs")))

    def _runs(self, raw: object) -> tuple[PlannedRun, ...]:
        runs = self.doc.items("runs", raw, "a list of runs, each with a strategy", MOST_RUNS)
        return tuple(self._run(f"runs[{at}]", each, len(runs)) for at, each in enumerate(runs))

    def _run(self, path: str, raw: object, runs: int) -> PlannedRun:
        fields = self.doc.section(path, raw, _RUN) or {}
        strategy = self.doc.text(f"{path}.strategy", fields.get("strategy"))
        if not strategy:
            self.doc.problem(
                f"{path}.strategy",
                "missing: expected a spec file, or the id or name of a saved strategy",
            )
        if strategy and is_spec_file(strategy):
            strategy = os.fspath(self.folder / strategy)
        candles = self.doc.text(f"{path}.candles", fields.get("candles"))
        market, symbol, timeframe = (self.doc.text(f"{path}.{n}", fields.get(n)) for n in _TEXTS)
        share = self._number(f"{path}.share_pct", fields.get("share_pct"), _SHARE, HUNDRED / runs)
        steps = {
            n: self.doc.number(f"{path}.{n}", fields.get(n), _up_to(MOST_CASH)) for n in _STEPS
        }
        return PlannedRun(
            strategy=strategy,
            market=market,
            symbol=symbol,
            timeframe=timeframe,
            candles=self.folder / candles if candles else None,
            share_pct=HUNDRED if share is None else share,
            steps=Steps(**steps),
        )

    def _number(
        self, path: str, found: object, bounds: Bounds, default: Decimal | None
    ) -> Decimal | None:
        value = self.doc.number(path, found, bounds)
        return default if value is None else value
