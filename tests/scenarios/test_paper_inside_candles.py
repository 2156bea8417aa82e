"""Stops inside the candle: paper makes the fills of the backtest, and a replay repeats them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bowline.core.model.command import PlaceOrder
from bowline.core.model.instrument import Instrument
from bowline.core.model.policy import Fills, Stops
from bowline.core.model.values import Timeframe
from bowline.core.rollup import rollup
from bowline.core.signals import Strategies, opinion_of, parse_spec
from bowline.desk.paper import replay
from bowline.desk.setup import DecisionSpan, Setup, candles_of_span, make_setup
from tests.generators import catalogue
from tests.memory_journal import MemoryJournal
from tests.paper_runs import play
from tests.scenarios.test_close_fills_stay import minutes

RAW = {
    "version": 1,
    "timeframe": "15m",
    "direction": "long-short",
    "indicators": [{"id": "sma_cross", "params": {"fast": 3, "slow": 8}}],
    "stops": {"sl_pct": 1, "tp_pct": 1},
    "sizing": {"mode": "all_in"},
}


def setup_with(fills: str) -> Setup:
    spec = parse_spec(RAW | {"fills": fills}, catalogue(), Strategies())
    opinion = opinion_of(spec, catalogue(), Strategies())
    parts = minutes()
    candles = rollup(parts, Timeframe.M15)
    found = candles_of_span(candles, DecisionSpan(), opinion.warmup)
    by_minute = parts if spec.fills is Fills.MINUTES else None
    return make_setup(
        spec, opinion, Instrument(parts.instrument), found, account="paper", minutes=by_minute
    )


@pytest.mark.parametrize("fills", ["intrabar", "minutes"])
def test_paper_inside_candles_is_the_backtest(fills):
    setup, journal = setup_with(fills), MemoryJournal()
    result = play(setup, minutes(), journal)
    assert result.finished
    assert result.differences == ()
    resting = [
        entry.payload.order
        for entry in journal.entries()
        if isinstance(entry.payload, PlaceOrder) and entry.payload.order.trigger is not None
    ]
    assert len(resting) > 10
    assert replay(setup, journal).entries == result.entries


def test_the_three_ways_to_fill_are_three_strategies_with_three_outcomes():
    """Neither an id nor a journal may be the same for runs that fill in another way."""
    runs = [setup_with(fills) for fills in ("close", "intrabar", "minutes")]
    heads = {play(setup, minutes(), MemoryJournal()).head for setup in runs}
    assert len({setup.run.strategy_id for setup in runs}) == len(heads) == 3
    assert replace(runs[1].spec, fills=Fills.CLOSE) == runs[0].spec
    assert runs[0].spec.stops != Stops()
