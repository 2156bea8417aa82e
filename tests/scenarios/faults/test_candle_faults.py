"""Faults of market data, J1 to J10: what is no candle reaches nobody, and none is made up.

No macro source is read yet: of J8 that a number which is none is never a value is held here.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.core.venue import Listing, Listings, TradePrinted
from bowline.runtime.ingest import CandleWriter
from bowline.runtime.ingest.live import LiveCandles
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from bowline.venues import DecodeError
from bowline.venues.mexc import MexcLinearFeedCodec
from tests.runtime.ingest.fake_venue import BTC, rows, seen, true_candles
from tests.venues.stream.fake_venue import CODEC

TRUTH = true_candles(10)
END_NS = int(TRUTH.close_ns[-1])


@pytest.fixture
def store(tmp_path: Path) -> DuckDBCandles:
    made = DuckDBCandles(tmp_path / "candles.duckdb")
    made.migrate()
    return made


@pytest.fixture
def candle_writer(store: DuckDBCandles) -> CandleWriter:
    moments_ns = count(END_NS + MINUTE_NS, MINUTE_NS)
    return CandleWriter(store, Instrument, lambda: next(moments_ns))


def test_j01_a_missing_minute_is_marked_missing_and_not_invented() -> None:
    live = LiveCandles()
    for at in (0, 1, 4):
        live.add(seen(TRUTH, at))
    (closed,) = live.take_closed()
    assert closed.frame.open_ns.tolist() == TRUTH.open_ns[[0, 1, 4]].tolist()
    assert live.take_missing() == {BTC}


def test_j02_late_and_repeated_candles_are_one_each_in_order() -> None:
    live = LiveCandles()
    for at in (3, 1, 3, 0, 2, 1):
        live.add(seen(TRUTH, at))
    (closed,) = live.take_closed()
    assert np.array_equal(closed.frame.close, TRUTH.close[:4])


def test_j03_a_restated_candle_takes_the_place_of_the_first(
    store: DuckDBCandles, candle_writer: CandleWriter
) -> None:
    wrong = rows(TRUTH, list(range(10)))
    wrong.close[4] += 0.005
    candle_writer.write_sync("ws", wrong)
    candle_writer.write_sync("rest", TRUTH)
    assert np.array_equal(store.read(BTC, Timeframe.M1).close, TRUTH.close)


def test_j04_a_forming_candle_is_never_kept() -> None:
    live = LiveCandles()
    for shift in (0.0, 0.01, 0.02):
        live.add(seen(TRUTH, 0, closed=False, shift=shift))
    assert not live.take_closed()
    live.add(seen(TRUTH, 1, closed=False))
    assert not live.take_closed()
    assert live.take_missing() == {BTC}, "its end is REST's to tell"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("high", 1.0), ("low", 0.0), ("close", -1.0), ("open", float("nan")),
        ("high", float("inf")), ("volume", -1.0), ("close", 1_000.0), ("low", 1_000.0),
    ],
)  # fmt: skip
def test_j05_what_no_market_can_have_goes_to_quarantine(
    store: DuckDBCandles, candle_writer: CandleWriter, column: str, value: float
) -> None:
    broken = rows(TRUTH, list(range(10)))
    getattr(broken, column)[4] = value
    if value == 1_000.0 and column == "close":
        broken.high[4] = value
    candle_writer.write_sync("ws", broken)
    refused = [row.open_ns for row in store.quarantine(BTC)]
    stored = store.read(BTC, Timeframe.M1)
    assert refused[0] == int(TRUTH.open_ns[4])
    # what follows on a spike is not believed either, before it is asked for by itself
    assert len(refused) == 1 + (column == "close" and value == 1_000.0)
    assert sorted([*refused, *stored.open_ns.tolist()]) == TRUTH.open_ns.tolist()
    candle_writer.write_sync("rest", TRUTH)
    assert np.array_equal(store.read(BTC, Timeframe.M1).close, TRUTH.close)


def test_j07_a_symbol_is_the_one_that_is_listed_in_units_of_its_own_contract() -> None:
    market = market_by_name("mexc:linear")
    units = {"SHIB_USDT": "1000", "1000SHIB_USDT": "10"}
    listed = [
        Listing(
            Instrument(
                InstrumentId(market.market_id, word.replace("_", "")),
                contract_size=Decimal(size),
            ),
            word, word.removesuffix("_USDT"), "USDT",
        )
        for word, size in units.items()
    ]  # fmt: skip
    codec = MexcLinearFeedCodec(market, Listings(listed))

    def frame(word: str) -> bytes:
        deal = '{"p":0.00001,"v":7,"T":1,"O":3,"M":2,"t":1700000000000,"i":"1"}'
        return f'{{"channel":"push.deal","symbol":"{word}","data":[{deal}],"ts":1}}'.encode()

    for word, size in units.items():
        (trade,) = codec.decode(frame(word))
        assert isinstance(trade, TradePrinted)
        assert (trade.instrument.symbol, trade.quantity) == (word.replace("_", ""), 7 * float(size))
    with pytest.raises(DecodeError):
        codec.decode(frame("SHIB1000_USDT"))
    with pytest.raises(ValueError, match="same"):
        Listings([*listed, listed[0]])


@pytest.mark.parametrize("price", ['"NaN"', "null", '""', '"-1"', '"Infinity"', '"1e999"'])
def test_j08_an_invalid_number_is_never_a_value(price: str) -> None:
    trade = f'{{"T":1700000000000,"S":"Buy","v":"1","p":{price},"i":"1","s":"BTCUSDT"}}'
    frame = f'{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{trade}]}}'
    assert CODEC.decode(frame.replace(price, '"100"').encode())
    with pytest.raises(DecodeError):
        CODEC.decode(frame.encode())


def test_j09_a_wick_of_ninety_percent_goes_to_quarantine(
    store: DuckDBCandles, candle_writer: CandleWriter
) -> None:
    crash = rows(TRUTH, list(range(10)))
    crash.low[6] = crash.low[6] * 0.1
    taken = candle_writer.write_sync("ws", crash)
    (refused,) = taken.refused
    assert "jump" in refused.reason
    assert float(store.read(BTC, Timeframe.M1).low.min()) > 90
