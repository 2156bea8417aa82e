"""How many ticks a second the tape takes, against the limit: the same columns written bare.

    python bench/tape.py [ticks]

The limit is pyarrow writing the finished columns of the same ticks to one file, made durable in
the same way. At least 200,000 ticks a second are wanted.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from random import Random
from time import perf_counter

import pyarrow as pa
from pyarrow import parquet

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import SECOND_NS, Side
from bowline.core.venue import QuoteChanged, TradePrinted
from bowline.storage.tape import Tape, TapeWriter

START_NS = 1_763_683_200 * SECOND_NS
SYMBOLS = 30


def made(count: int) -> list[TradePrinted | QuoteChanged]:
    """As many ticks of thirty symbols as 4,200 a second would bring, half trades, half quotes."""
    random = Random(1)
    ids = [InstrumentId(MarketId(4), f"S{n}USDT") for n in range(SYMBOLS)]
    ticks: list[TradePrinted | QuoteChanged] = []
    for at in range(count):
        event_ns = START_NS + at * SECOND_NS // 4_200
        price, size = round(random.uniform(90, 110), 2), round(random.uniform(0.001, 5), 3)
        instrument = ids[at % SYMBOLS]
        if random.random() < 0.5:
            side = Side.BUY if at % 3 else Side.SELL
            ticks.append(TradePrinted(instrument, event_ns, price, size, side, str(at)))
        else:
            ticks.append(QuoteChanged(instrument, event_ns, price, size, price + 0.01, size))
    return ticks


def bare(ticks: list[TradePrinted | QuoteChanged], root: Path) -> float:
    """Seconds to write columns that are already made."""
    columns = {
        "event_ns": pa.array([tick.event_ns for tick in ticks]),
        "price": pa.array([t.price if isinstance(t, TradePrinted) else t.bid for t in ticks]),
        "size": pa.array([t.quantity if isinstance(t, TradePrinted) else t.ask for t in ticks]),
    }
    table = pa.table(columns)
    started = perf_counter()
    with (root / "bare.parquet").open("wb") as file:
        parquet.write_table(table, file, compression="zstd")
        os.fsync(file.fileno())
    return perf_counter() - started


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    ticks = made(count)
    with tempfile.TemporaryDirectory() as folder:
        limit = bare(ticks, Path(folder))
        root = Path(folder) / "tape"
        writer = TapeWriter(root)
        started = perf_counter()
        for tick in ticks:
            writer.write(tick, tick.event_ns + 1_000_000)
        writer.flush()
        seconds = perf_counter() - started
        size = sum(day.size_bytes for day in Tape(root).coverage())
        started = perf_counter()
        joined = Tape(root).join_before("9999-01-01")
        join_seconds = perf_counter() - started
    line = {"bench": "tape", "case": f"write {count} ticks of {SYMBOLS} symbols"}
    line |= {"value": round(count / seconds), "unit": "ticks/s", "wanted": 200_000}
    line |= {"peer": "bare columns of them to one file", "ratio": round(limit / seconds, 4)}
    print(json.dumps(line))
    more = {"bytes_a_tick": round(size / count, 1), "parts": joined}
    print(json.dumps({"bench": "tape", "case": "join", "value": round(join_seconds, 2), **more}))


if __name__ == "__main__":
    main()
