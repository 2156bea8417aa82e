"""Files with the names that pages speak of, made up."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import MINUTE_NS
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.files import write_candle_file

DAY = 1440
#: 2025-05-20 UTC, and the days from then to the end of June
MAY_20_NS = 1_747_699_200 * 10**9
MAY_DAYS, JUNE_DAYS = 12, 30


def market(name: str, seed: int, symbol: str = "BTCUSDT", days: int = 42) -> CandleFrame:
    """A made-up market from 20 May 2025 on, by minutes."""
    instrument = InstrumentId(market_by_name(name).market_id, symbol)
    return synthetic_minutes(instrument, seed=seed, minutes=days * DAY, start_ns=MAY_20_NS)


def write_dump(path: Path, frame: CandleFrame) -> None:
    """Candles as Binance publishes them: twelve columns without a header, in a zip."""
    rows = io.StringIO()
    columns = (frame.open, frame.high, frame.low, frame.close, frame.volume)
    for at, *values in zip(frame.open_ns.tolist(), *(c.tolist() for c in columns), strict=True):
        text = ",".join(repr(value) for value in values)
        close_us = (at + MINUTE_NS) // 1000 - 1
        rows.write(f"{at // 1000},{text},{close_us},0,1,0,0,0\n")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.with_suffix(".csv").name, rows.getvalue())


def write_dumps(folder: Path) -> None:
    """`BTCUSDT-1m-2025-05.zip` from the 20th, and the whole of `-06.zip`."""
    frame = market("binance:spot", 3)
    split = MAY_DAYS * DAY
    write_dump(folder / "BTCUSDT-1m-2025-05.zip", frame.slice(0, split))
    write_dump(folder / "BTCUSDT-1m-2025-06.zip", frame.slice(split, len(frame)))


def write_days(path: Path) -> None:
    """Daily candles of two years, as a file with a header."""
    rows = ["Date,Open,High,Low,Close,Volume"]
    for number in range(730):
        day = np.datetime64("2023-01-01") + number
        price = 100 + 20 * ((number // 40) % 2) + number % 7
        rows.append(f"{day},{price},{price + 2},{price - 2},{price + 1},10")
    path.write_text("\n".join(rows) + "\n")


def write_thin(path: Path) -> None:
    """Minutes as Kraken has them: no header, none without a trade."""
    frame = market("binance:spot", 4, "BTCUSD", days=1)
    lines = [
        f"{at // 10**9},{o!r},{h!r},{low!r},{c!r},{v!r},3"
        for n, (at, o, h, low, c, v) in enumerate(
            zip(
                frame.open_ns.tolist(), frame.open.tolist(), frame.high.tolist(),
                frame.low.tolist(), frame.close.tolist(), frame.volume.tolist(), strict=True,
            )
        )
        if n % 9
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")


def write_funding(folder: Path) -> None:
    """Rates of June 2025: as Binance dumps them, and by a clock that is three hours ahead."""
    first = np.datetime64("2025-06-01T00:00")
    stamps = [first + np.timedelta64(8 * n, "h") for n in range(90)]
    lines = [f"{each.astype('datetime64[ms]').astype(int)},8,0.0001" for each in stamps]
    head = "calc_time,funding_interval_hours,last_funding_rate"
    (folder / "rates.csv").write_text("\n".join((head, *lines)) + "\n")
    local = [f"{each + np.timedelta64(3, 'h')},0.0001".replace("T", " ") for each in stamps]
    (folder / "local-clock.csv").write_text("\n".join(("date,rate", *local)) + "\n")


def write_perpetuals(folder: Path) -> None:
    """Three perpetuals of the same weeks."""
    for seed, symbol in enumerate(("BTCUSDT", "SOLUSDT", "ADAUSDT")):
        frame = market("binance:linear", 10 + seed, symbol, days=30)
        write_candle_file(frame, folder / f"{symbol}.parquet", ".parquet")
