"""Rows a second from a feather file to canonical candles, through the verb a person calls.

One year of synthetic minutes: read, hashed, judged row by row, kept as arrivals with their record,
in one durable transaction of a store on the disk of the working folder. The peer does the least
there is: Arrow reads the file and DuckDB inserts it into one plain table. Then the judging alone
(limit: 5,000,000 rows/s) and reading the year back, as 1m and as 1h, beside the peer's plain table.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
from pyarrow import feather

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import Timeframe
from bowline.core.quality import Columns, inspect
from bowline.desk.candle_import import import_files, import_request
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.embedded.duckdb_candles import DuckDBCandles

ROWS = 525_600
REPEATS = 5
IMPORT_LIMIT = 500_000
JUDGE_LIMIT = 5_000_000
BTC = InstrumentId(MarketId(1), "BTCUSDT")


def main() -> None:
    """Measure and print."""
    frame = synthetic_minutes(BTC, seed=1, minutes=ROWS, start_ns=1_672_531_200 * 10**9)
    # the disk of the working folder: a temporary folder may be memory
    with TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        file = folder / "year.feather"
        feather.write_feather(table_of(frame), file)
        ours, plain = [], []
        for turn in range(REPEATS):
            ours.append(import_ours(file, folder / f"ours-{turn}.duckdb"))
            plain.append(timed(lambda t=turn: import_plain(file, folder / f"plain-{t}.duckdb")))
        rate = ROWS / min(ours)
        show("feather to canonical", rate, "pyarrow + duckdb, unchecked", ROWS / min(plain))
        show("feather to canonical", rate, "the limit of 500,000 rows/s", IMPORT_LIMIT)
        rows = Columns(frame.open_ns, *(getattr(frame, n) for n in VALUE_COLUMNS))
        judged = best(lambda: inspect(rows, Timeframe.M1, time.time_ns()))
        show("every row judged", ROWS / judged, "the limit of 5,000,000 rows/s", JUDGE_LIMIT)
        store = DuckDBCandles(folder / "ours-0.duckdb")
        bare = ROWS / best(lambda: read_plain(folder / "plain-0.duckdb"))
        for timeframe in (Timeframe.M1, Timeframe.H1):
            seconds = best(lambda t=timeframe: store.read(BTC, t))
            show(f"read a year as {timeframe.value}", ROWS / seconds, "plain table", bare)


def import_ours(file: Path, path: Path) -> float:
    """Seconds for one import into a new store."""
    store = DuckDBCandles(path)
    store.migrate()
    request = import_request("binance:spot", "BTCUSDT")
    begin = time.perf_counter()
    outcome = import_files(store, [file], request)[0]
    seconds = time.perf_counter() - begin
    assert (outcome.status, outcome.candles) == ("imported", ROWS), outcome
    assert store.coverage()[0].candles == ROWS
    return seconds


def import_plain(file: Path, path: Path) -> None:
    """The least there is."""
    table = feather.read_table(file)
    with duckdb.connect(path) as db:
        db.register("arrived", table)
        db.execute("create table candles as select * from arrived")


def read_plain(path: Path) -> None:
    """The least there is."""
    with duckdb.connect(path, read_only=True) as db:
        db.execute("select * from candles order by date").fetchnumpy()


def table_of(frame: CandleFrame) -> pa.Table:
    """As freqtrade writes it."""
    stamps = pa.array(frame.open_ns).cast(pa.timestamp("ns", "UTC"))
    return pa.table({"date": stamps, **{name: getattr(frame, name) for name in VALUE_COLUMNS}})


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def best(work: Callable[[], object]) -> float:
    """Seconds, best of some runs: the machine may be busy, the code is not."""
    return min(timed(work) for _ in range(REPEATS))


def show(case: str, rate: float, peer: str, against: float) -> None:
    """One figure as a JSON line; a ratio of 2 is twice the peer's rate."""
    line = {"bench": "import", "case": case, "value": round(rate), "unit": "rows/s"}
    print(json.dumps({**line, "peer": peer, "ratio": round(rate / against, 2)}))


if __name__ == "__main__":
    main()
