"""A portfolio as a person writes it: runs on one wallet, and what they may do together.

It must never guess: every mistake in the file is one line with the path of its field, and one
BadInput carries all of them. Nothing here may start a run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.errors import BadInput
from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.policy import ProfitLock, Sharing, StrategyCompound
from bowline.core.model.values import HUNDRED, RunId
from bowline.core.numbers import exact, show
from bowline.core.signals import Opinion, StrategySpec
from bowline.desk.setup import MOST_CASH, Setup, Words, set_up
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
_GUIDE = "every field is described in docs/howto/portfolio.md"


class Planned(Struct, frozen=True):
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
    runs: tuple[Planned, ...]


def read_portfolio(path: Path) -> Portfolio:
    """The portfolio in a YAML or JSON file; NotFound, or BadInput with one problem a mistake.

    Files that it names lie where it lies, unless their path is absolute.
    """
    reader = _Reader(path.parent)
    portfolio = reader.portfolio(read_spec_file(path))
    if reader.problems:
        count = len(reader.problems)
        raise BadInput(
            f"the portfolio has {count} mistake{'s' if count > 1 else ''}",
            problems=tuple(reader.problems),
            hint=_GUIDE,
        )
    return portfolio


def set_up_portfolio(
    portfolio: Portfolio,
    words: Words,
    load: Callable[[str], StrategySpec],
    interpret: Callable[[StrategySpec], Opinion],
    open_store: Callable[[], Candles],
    recorded: Callable[[InstrumentId], Instrument | None] = lambda _: None,
) -> tuple[Setup, ...]:
    """Every run ready to start; `words` have the span, and cash if it is not the file's."""
    words = replace(words, cash=words.cash or portfolio.cash)
    setups: list[Setup] = []
    for number, planned in enumerate(portfolio.runs, start=1):
        spec = load(planned.strategy)
        _refuse_own_budget(spec, number, len(portfolio.runs))
        own = replace(
            words,
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
    """Reads one file; used once. `problems` grows as it goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []

    def wrong(self, path: str, what: str) -> None:
        self.problems.append(f"{path}: {what}")

    def portfolio(self, raw: Mapping[str, Any]) -> Portfolio:
        self._known("", raw, _FIELDS)
        if exact(raw.get("version")) != PORTFOLIO_VERSION:
            self.wrong("version", f"{show(raw.get('version'))}: expected {PORTFOLIO_VERSION}")
        cash = self._number("cash", raw.get("cash"), MOST_CASH, None, above=True)
        limits = self._mapping("limits", raw.get("limits"), tuple(_LIMITS))
        found = {
            name: self._number(f"limits.{name}", limits.get(name), most, Decimal(0))
            for name, most in _LIMITS.items()
        }
        positions = found.pop("max_positions") or Decimal(0)
        if positions % 1:
            self.wrong("limits.max_positions", f"{positions}: expected a whole number")
        sharing = Sharing(
            max_positions=int(positions),
            **{name: value for name, value in found.items() if value is not None},
        )
        return Portfolio("" if cash is None else f"{cash:f}", sharing, self._runs(raw.get("runs")))

    def _runs(self, raw: object) -> tuple[Planned, ...]:
        if not isinstance(raw, Sequence) or isinstance(raw, str) or not raw:
            self.wrong("runs", "expected a list of runs, each with a strategy")
            return ()
        if len(raw) > MOST_RUNS:
            self.wrong("runs", f"{len(raw)} of them: at most {MOST_RUNS}")
            return ()
        return tuple(self._run(f"runs[{at}]", each, len(raw)) for at, each in enumerate(raw))

    def _run(self, path: str, raw: object, runs: int) -> Planned:
        fields = self._mapping(path, raw, _RUN)
        strategy = self._text(f"{path}.strategy", fields.get("strategy"))
        if not strategy:
            self.wrong(f"{path}.strategy", "missing: a spec file, or a saved strategy's id or name")
        if strategy and is_spec_file(strategy):
            strategy = os.fspath(self.folder / strategy)
        candles = self._text(f"{path}.candles", fields.get("candles"))
        market, symbol, timeframe = (self._text(f"{path}.{n}", fields.get(n)) for n in _TEXTS)
        share = self._number(
            f"{path}.share_pct", fields.get("share_pct"), HUNDRED, HUNDRED / runs, above=True
        )
        steps = {n: self._number(f"{path}.{n}", fields.get(n), MOST_CASH, None) for n in _STEPS}
        return Planned(
            strategy,
            market,
            symbol,
            timeframe,
            self.folder / candles if candles else None,
            HUNDRED if share is None else share,
            Steps(**steps),
        )

    # --- the smallest parts -----------------------------------------------------------------------

    def _text(self, path: str, found: object) -> str:
        if found is None or isinstance(found, str):
            return found or ""
        self.wrong(path, f"{show(found)}: expected a text")
        return ""

    def _number(
        self,
        path: str,
        found: object,
        most: Decimal,
        without: Decimal | None,
        *,
        above: bool = False,
    ) -> Decimal | None:
        """A number from 0 (or above it) up to `most`; `without` is what holds if none is said."""
        if found is None:
            return without
        value = exact(found)
        if value is None:
            self.wrong(path, f"{show(found)} is not a number")
        elif not 0 <= value <= most or (above and not value):
            least = "above 0" if above else "0"
            self.wrong(path, f"{show(found)} is not allowed: expected {least} to {most}")
        else:
            return value
        return without

    def _mapping(self, path: str, raw: object, known: Sequence[str]) -> Mapping[str, Any]:
        if raw is None:
            return {}
        if not isinstance(raw, Mapping):
            self.wrong(path, "is not a mapping of names to values")
            return {}
        self._known(f"{path}.", raw, known)
        return raw

    def _known(self, prefix: str, raw: Mapping[str, Any], known: Sequence[str]) -> None:
        for name in raw:
            if name not in known:
                self.wrong(f"{prefix}{name}", f"no such field: expected {', '.join(known)}")
