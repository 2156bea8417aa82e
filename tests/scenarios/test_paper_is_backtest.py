"""Paper over a replay makes the fills of the backtest: three recorded markets, 50 specs."""

from __future__ import annotations

from functools import cache

import pytest

from bowline.core.model.policy import DirectionMode
from tests.generators import catalogue, sample_specs
from tests.memory_journal import MemoryJournal
from tests.paper_runs import play, recorded_minutes, setup_of

MARKETS = {
    "btc-spot-90-days": ("binance_spot_BTCUSDT_1m_2025-05-20_2025-08-18.feather", 1, "BTCUSDT"),
    "ada-perp": ("binance_usdm_ADAUSDT_1m_2025-05-25_2025-06-24.feather", 2, "ADAUSDT"),
    "okx-btc": ("okx_swap_BTCUSDT_1m_2026-01-01_2026-01-16.feather", 12, "BTC-USDT-SWAP"),
}
SPECS = 50


@cache
def specs():
    """Made up once a process, not when the file is only read."""
    return sample_specs(SPECS, seed=7)


def test_the_specs_cover_every_direction_sizing_and_stop():
    """What follows means little if the list leaves a combination out."""
    assert len({spec.direction for spec in specs()}) == len(DirectionMode)
    assert len({type(spec.sizing) for spec in specs()}) == 4
    stops = {(spec.stops.sl_pct is None, spec.stops.tp_pct is None) for spec in specs()}
    assert len(stops) == 4


@pytest.mark.chance
@pytest.mark.slow
@pytest.mark.parametrize("number", range(SPECS))
@pytest.mark.parametrize("market", MARKETS)
def test_paper_makes_the_fills_of_the_backtest(shared_data, market, number):
    """Same candles, sides and prices, money to 1e-9.

    The backtest has rolled-up candles at once, the paper run gets minutes and rolls them up itself.
    """
    name, market_id, symbol = MARKETS[market]
    minutes = recorded_minutes(shared_data / "candles" / name, market_id, symbol)
    result = play(setup_of(specs()[number], minutes, catalogue()), minutes, MemoryJournal())
    assert result.finished
    assert result.differences == ()
    assert len(result.record.candles) > 0
