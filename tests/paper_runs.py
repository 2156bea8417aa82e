"""Paper runs over candles in memory, for the tests that hold them to backtests and to crashes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
from pyarrow import feather

from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import Timeframe
from bowline.core.rollup import rollup
from bowline.core.signals import StrategySpec, opinion_of
from bowline.core.signals.catalogue import Catalogue
from bowline.core.signals.strategy import Strategies
from bowline.desk.paper import PaperResult, run_paper
from bowline.desk.setup import DecisionSpan, Setup, candles_of_span, make_setup
from bowline.runtime import ReplayFeed
from bowline.storage.journal import Journal


def recorded_minutes(path: Path, market_id: int, symbol: str) -> CandleFrame:
    """One-minute candles of a feather file, as they are."""
    table = feather.read_table(path)
    open_ns = table["date"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    values = {name: table[name].to_numpy() for name in VALUE_COLUMNS}
    return CandleFrame(InstrumentId(MarketId(market_id), symbol), Timeframe.M1, open_ns, **values)


def setup_of(
    spec: StrategySpec, minutes: CandleFrame, catalogue: Catalogue, span: DecisionSpan | None = None
) -> Setup:
    """A run of `spec` over candles rolled up from `minutes`."""
    opinion = opinion_of(spec, catalogue, Strategies())
    candles = rollup(minutes, spec.timeframe)
    found = candles_of_span(candles, span or DecisionSpan(), opinion.warmup)
    instrument = Instrument(minutes.instrument, lot_step=Decimal("0.00001"))
    return make_setup(spec, opinion, instrument, found, account="paper")


def play(setup: Setup, minutes: CandleFrame, journal: Journal) -> PaperResult:
    """The run to its end, at full speed."""
    feed = ReplayFeed(minutes, setup.run.timeframe, None)
    return run_paper(setup, journal, feed, lambda _: None, lambda _: None)
