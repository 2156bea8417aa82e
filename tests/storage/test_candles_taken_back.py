"""The contract of every candle store: filled minutes are known as filled, the deleted are gone."""

from __future__ import annotations

import numpy as np

from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.core.model.market import CandleFrame, FundingFrame
from bowline.core.model.values import Timeframe
from bowline.storage.candles import CandleBatch, Candles, ImportRecord, RefusedRow
from tests.candle_files import START_NS, Opener, fresh, made_frame


def write(store: Candles, frame: CandleFrame, ingested_ns: int = 1) -> None:
    store.write(CandleBatch(source="test", ingested_ns=ingested_ns, candles=frame))


def test_filled_minutes_are_counted_apart_until_a_traded_one_takes_their_place(
    store: Candles, instrument: InstrumentId
) -> None:
    frame = made_frame(60, instrument=instrument)
    flat = frame.take(np.arange(20, 30))
    rest = frame.take(
        np.flatnonzero((frame.open_ns < flat.open_ns[0]) | (frame.open_ns > flat.open_ns[-1]))
    )
    store.write(CandleBatch(source="test", ingested_ns=1, candles=rest, filled=flat))
    assert store.filled(instrument).tolist() == flat.open_ns.tolist()
    assert len(store.read(instrument, Timeframe.M1)) == 60
    (entry,) = [each for each in store.coverage() if each.instrument == instrument]
    assert (entry.candles, entry.filled, entry.gaps) == (60, 10, 0)
    part = store.filled(instrument, int(flat.open_ns[3]), int(flat.open_ns[6]))
    assert part.tolist() == flat.open_ns[3:6].tolist()
    write(store, frame.take(np.arange(25, 28)), ingested_ns=2)
    left = [*range(20, 25), 28, 29]
    assert store.filled(instrument).tolist() == frame.open_ns[left].tolist()


def test_what_is_deleted_is_gone_with_its_imports_and_nothing_else_is(
    opener: Opener, instrument: InstrumentId
) -> None:
    store, other = opener(), fresh()
    frame = made_frame(60, instrument=instrument)
    refused = RefusedRow(
        instrument=instrument,
        file="f",
        content_hash="h",
        row=1,
        open_ns=int(frame.open_ns[5]),
        reason="why",
        values="v",
        refused_ns=1,
    )
    record = ImportRecord(
        key=f"key {instrument.symbol}",
        instrument=instrument,
        file="f",
        content_hash="h",
        format="csv",
        first_ns=int(frame.open_ns[0]),
        last_ns=int(frame.open_ns[-1]),
        candles=60,
        refused=1,
        ingested_ns=1,
    )
    store.write(
        CandleBatch(
            source="a",
            ingested_ns=1,
            candles=frame,
            instrument=Instrument(instrument),
            refused=(refused,),
            record=record,
        )
    )
    write(store, frame, ingested_ns=2)
    write(store, made_frame(60, instrument=other))
    assert store.delete(instrument, int(frame.open_ns[10]), int(frame.open_ns[20])) == 10
    opened = opener()
    assert len(opened.read(instrument, Timeframe.M1)) == 50
    assert opened.imports(record.key) == ()
    assert len(opened.quarantine(instrument)) == 1
    assert opened.delete(instrument) == 50
    again = opener()
    assert len(again.read(instrument, Timeframe.M1)) == 0
    assert again.quarantine(instrument) == ()
    assert again.instrument(instrument) is None
    assert len(again.read(other, Timeframe.M1)) == 60
    # what is written later is there
    write(again, frame, ingested_ns=3)
    assert len(opener().read(instrument, Timeframe.M1)) == 60


def test_deleted_funding_is_gone_and_another_instruments_is_not(
    store: Candles, instrument: InstrumentId
) -> None:
    other = fresh()
    for each in (instrument, other):
        event_ns = START_NS + np.arange(3, dtype=np.int64) * 3_600 * 10**9
        interval = np.full(3, 3_600 * 10**9, dtype=np.int64)
        store.write_funding(FundingFrame(each, event_ns, interval, np.zeros(3)), 1)
    assert store.delete_funding(instrument) == 3
    assert len(store.read_funding(instrument)) == 0
    assert len(store.read_funding(other)) == 3
