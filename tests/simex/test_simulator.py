"""Protects the world itself: one seed makes one world, a virtual clock moves it, files replay."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.instrument import FILE_MARKET, InstrumentId, market_by_name
from bowline.core.model.values import DAY_NS, MINUTE_NS, SECOND_NS, Side
from bowline.core.sim.exchange import MinuteCandle
from bowline.core.venue import QuoteChanged, TradePrinted
from bowline.research.synthetic import synthetic_minutes
from bowline.simex import (
    ReplayedCandles,
    ReplayedTape,
    SyntheticMarket,
    VenueSimulator,
    VirtualClock,
    serve,
    symbol_spec,
)
from bowline.storage.files import write_candle_file
from bowline.storage.tape import TapeWriter

EIGHT_HOURS_NS = 480 * MINUTE_NS
#: a minute before the next funding
START_NS = 61_111 * EIGHT_HOURS_NS - MINUTE_NS


def a_simulator(seed: int, **words: object) -> VenueSimulator:
    market = SyntheticMarket([symbol_spec("BTCUSDT")], seed, history_minutes=5)
    return VenueSimulator(
        ["bybit"], market=market, seed=seed, clock=VirtualClock(START_NS), **words
    )


def candles_of(simulator: VenueSimulator, kind: str = "linear") -> list[MinuteCandle]:
    venue = simulator.venues["bybit"]
    (listing,) = venue.listings(kind)
    return venue.view(kind).candles(listing.instrument.id)


def run(simulator: VenueSimulator, seconds: float) -> VenueSimulator:
    asyncio.run(simulator.advance(seconds))
    return simulator


def test_one_seed_makes_one_world() -> None:
    first, again, other = (candles_of(run(a_simulator(seed), 25)) for seed in (1, 1, 2))
    assert len(first) == 6
    assert first == again
    assert first != other


def test_keys_come_from_the_seed_and_differ_by_venue() -> None:
    keys = [a_simulator(seed).venues["bybit"].credentials for seed in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]


def test_a_virtual_clock_stands_still_until_it_is_moved() -> None:
    async def scene() -> None:
        simulator = a_simulator(1)
        async with serve(simulator, follow_clock=False):
            before = candles_of(simulator)
            await asyncio.sleep(0.05)
            assert candles_of(simulator) == before
            await simulator.advance(61)
            assert len(candles_of(simulator)) == len(before) + 1
            assert simulator.scheduler.now_ns == START_NS + 61 * SECOND_NS

    asyncio.run(scene())


def test_funding_is_paid_at_the_eighth_hour() -> None:
    simulator = a_simulator(1)
    venue = simulator.venues["bybit"]
    ((instrument, (rate, due_ns)),) = venue.funding.items()
    run(simulator, (due_ns - START_NS) / SECOND_NS - 1)
    assert len(venue.funding_paid[instrument]) == 3
    run(simulator, 2)
    assert venue.funding_paid[instrument][-1] == (rate, due_ns)


def test_a_candle_file_comes_out_as_the_same_candles(tmp_path: Path) -> None:
    instrument = InstrumentId(FILE_MARKET.market_id, "BTCUSDT")
    frame = synthetic_minutes(instrument, seed=5, minutes=20, start_ns=START_NS)
    path = tmp_path / "BTCUSDT.csv"
    write_candle_file(frame, path, ".csv")
    spec = symbol_spec("BTCUSDT")
    simulator = VenueSimulator(
        ["bybit"],
        market=ReplayedCandles.from_file(path, spec, 1),
        clock=VirtualClock(START_NS),
    )
    run(simulator, 20 * 60)
    shown = candles_of(simulator)[:20]
    tick = Decimal("0.1")
    for at, candle in enumerate(shown):
        for name in ("open", "high", "low", "close"):
            recorded = Decimal(repr(float(getattr(frame, name)[at])))
            assert abs(getattr(candle, name) - recorded) <= tick, (at, name)


def test_a_tape_comes_out_as_it_was_recorded(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path)
    recorded = market_by_name("okx:linear")
    instrument = InstrumentId(recorded.market_id, "BTCUSDT")
    for number in range(20):
        at_ns = START_NS + number * 2 * SECOND_NS
        bid, ask = 60_000.0 + number, 60_000.7 + number
        writer.write(QuoteChanged(instrument, at_ns, bid, 0.25, ask, 0.5), at_ns)
        trade = TradePrinted(instrument, at_ns + 1, ask, 0.125, Side.BUY, str(number))
        writer.write(trade, at_ns + 1)
    writer.flush()
    spec = symbol_spec("BTCUSDT")
    market = ReplayedTape.from_folder(tmp_path, spec, 1)
    simulator = VenueSimulator(["bybit"], market=market, clock=VirtualClock(START_NS + DAY_NS))
    run(simulator, 2 * 9 + 1)
    venue = simulator.venues["bybit"]
    shown = venue.listings("linear")[0].instrument.id
    ticker = venue.ticker(shown)
    assert ticker.bid == (Decimal("60009.0"), Decimal("0.25"))
    assert ticker.ask == (Decimal("60009.7"), Decimal("0.5"))
    prints = venue.view("linear").trades(shown)
    assert [each.price for each in prints] == [Decimal("60000.7") + n for n in range(10)]
    assert {each.quantity for each in prints} == {Decimal("0.125")}
    assert prints[-1].now_ns == START_NS + DAY_NS + 18 * SECOND_NS + 1


def test_a_tape_that_has_not_the_coin_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        ReplayedTape.from_folder(tmp_path, symbol_spec("BTCUSDT"), 1)


def test_nobody_plays_a_venue_that_is_not_known() -> None:
    with pytest.raises(BadInput):
        VenueSimulator(["mtgox"])


def test_a_coin_in_an_unknown_quote_is_refused() -> None:
    with pytest.raises(BadInput):
        symbol_spec("BTCXYZ")
