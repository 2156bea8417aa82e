"""What a person may do with sweeps: prepare one from a grid file and what is stored, save a row.

A row is saved by the number it has in its result, as the strategy it is: immutable, under the id of
its content. Nothing here may change a request or a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.completeness import Completeness
from bowline.core.model.market import CandleFrame
from bowline.core.signals import Catalogue, instrument_of
from bowline.desk.candles import parse_timeframe
from bowline.desk.completeness import accept, accept_stored
from bowline.desk.setup import (
    RunOptions,
    candles_of_span,
    read_file,
    stored_candles,
    stored_instrument,
)
from bowline.research.grid import (
    GridPlan,
    GridRequest,
    SweepBudget,
    SweepResult,
    check_variants,
    parse_grid,
    plan_grid,
)
from bowline.storage.candles import Candles

if TYPE_CHECKING:
    from bowline.desk.strategies import SavedStrategy, StrategyDesk


class SweepOptions(Struct, frozen=True):
    """What the command said beside the grid file; None and False are not said."""

    top: int | None = None
    exhaustive: bool = False
    budget: SweepBudget = SweepBudget()


def read_request(
    raw: Mapping[str, Any], catalogue: Catalogue, options: RunOptions, sweep_options: SweepOptions
) -> GridRequest:
    """The request of a grid file with what was said beside it; BadInput has a line a mistake."""
    request = parse_grid(raw, catalogue)
    if options.timeframe:
        template = replace(request.template, timeframe=parse_timeframe(options.timeframe))
        request = replace(request, template=template)
    if sweep_options.top is not None:
        request = request.ranked(sweep_options.top)
    return request.exhaustive() if sweep_options.exhaustive else request


def prepare_sweep(
    request: GridRequest,
    options: RunOptions,
    sweep_options: SweepOptions,
    open_store: Callable[[], Candles],
) -> GridPlan:
    """The plan of a request over the candles that `words` name, as a backtest would take them.

    BadInput if too many of the candles are missing, unless the words allow it.
    """
    # before candles are read: what is far too large is refused at once
    check_variants(request, sweep_options.budget)
    (candles, start_ns), completeness = _candles(request, options, open_store)
    return plan_grid(
        request,
        candles,
        start_ns,
        cash=options.money(),
        defaults=options.defaults,
        budget=sweep_options.budget,
        completeness=completeness,
    )


def save_row(strategies: StrategyDesk, result: SweepResult, row: int, now_ns: int) -> SavedStrategy:
    """Save a row, counted from 1, as a strategy; NotFound where there is no such row.

    Instrument and costs are written out in it: a run of it over the same span is what was swept.
    """
    return strategies.create(result.spec(row), now_ns)


def _candles(
    request: GridRequest, options: RunOptions, open_store: Callable[[], Candles]
) -> tuple[tuple[CandleFrame, int], Completeness]:
    template, span, reach = request.template, options.span(), request.warmup
    rule, moments = options.gaps, (span.from_ns, span.to_ns)
    market, symbol = options.market or None, options.symbol.upper() or None
    if options.file is None:
        store = open_store()
        asked = instrument_of(template, market, symbol)
        stored_instrument(store, asked)
        found = stored_candles(store, asked, template.timeframe, span, reach)
        return found, accept_stored(store, found[0], *moments, rule, warmup=reach)
    said = template.instrument is not None or market or symbol
    named = instrument_of(template, market, symbol) if said else None
    candles = read_file(options.file, template.timeframe, named, allow_jumps=options.allow_jumps)
    if named is not None:
        candles = replace(candles, instrument=named)
    found = candles_of_span(candles, span, reach)
    return found, accept(found[0], *moments, rule, warmup=reach)
