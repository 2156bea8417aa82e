"""Real candles, drawn parameters and strangers' numbers for the tests of the catalogue."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow.feather

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import DAY_NS, Timeframe
from bowline.core.signals import Catalogue, Indicator, Kind, Parameter, Value
from bowline.storage.catalogue import read_catalogue

SOMETHING = InstrumentId(1, "BTCUSDT")
BITCOIN = "candles/binance_spot_BTCUSDT_5m_2025-05-20_2025-08-18.feather"


@lru_cache
def catalogue() -> Catalogue:
    """The packaged catalogue, once a process."""
    return read_catalogue()


def ids() -> tuple[str, ...]:
    return catalogue().ids()


@lru_cache
def bitcoin(shared: Path, count: int, start: int = 0) -> CandleFrame:
    """`count` five-minute candles of BTCUSDT; candle 0 opens at 00:00 UTC or later that day."""
    table = pyarrow.feather.read_table(shared / BITCOIN).slice(start, count)
    stamps = table.column("date").cast("timestamp[ns]", safe=False).cast("int64").to_numpy()
    columns = {
        name: np.ascontiguousarray(table.column(name).to_numpy(), dtype=np.float64)
        for name in ("open", "high", "low", "close", "volume")
    }
    return CandleFrame(SOMETHING, Timeframe.M5, stamps, **columns)


@lru_cache
def daily(path: Path) -> CandleFrame:
    """Daily candles from a CSV of date, open, high, low, close, volume, on successive days."""
    with path.open(newline="") as file:
        rows = [{key.lower(): cell for key, cell in row.items()} for row in csv.DictReader(file)]
    columns = {
        name: np.array([float(row[name]) for row in rows])
        for name in ("open", "high", "low", "close", "volume")
    }
    key = next(iter(rows[0]))
    first = datetime.fromisoformat(rows[0][key][:10]).replace(tzinfo=UTC)
    # exchanges close at weekends; the formulas count candles, not days
    stamps = int(first.timestamp()) // 86_400 * DAY_NS + np.arange(len(rows)) * DAY_NS
    return CandleFrame(SOMETHING, Timeframe.D1, stamps, **columns)


def quotes(shared: Path) -> CandleFrame:
    """The 502 daily candles of the Skender reference results."""
    return daily(shared / "ref/skender/quotes_default.csv")


def reference(shared: Path, name: str, field: str) -> np.ndarray:
    """One column of a Skender reference result, NaN where it says null."""
    rows = json.loads((shared / f"ref/skender/{name}.standard.json").read_text())
    return np.array([np.nan if row.get(field) is None else float(row[field]) for row in rows])


def made_up(count: int, seed: int = 7, *, flat: bool = False, volume: bool = True) -> CandleFrame:
    """A random walk, or prices that do not move; with or without volume."""
    rng = np.random.default_rng(seed)
    close = np.full(count, 100.0) if flat else 100 * np.exp(np.cumsum(rng.normal(0, 0.004, count)))
    before = np.concatenate(([100.0], close[:-1]))[:count]
    wick = 0.0 if flat else rng.uniform(0, 0.003, count)
    return CandleFrame(
        SOMETHING,
        Timeframe.M5,
        open_ns=np.arange(count, dtype=np.int64) * Timeframe.M5.ns,
        open=before,
        high=np.maximum(before, close) * (1 + wick),
        low=np.minimum(before, close) * (1 - wick),
        close=close,
        volume=rng.uniform(1, 9, count) if volume else np.zeros(count),
    )


def candles(
    close: np.ndarray,
    volume: np.ndarray,
    *,
    open_: np.ndarray | None = None,
    reach: np.ndarray | float = 0.0,
) -> CandleFrame:
    """Five-minute candles of these closes, `reach` of the price beyond body at either end.

    They open at the close before, or at `open_`.
    """
    before = np.concatenate((close[:1], close[:-1])) if open_ is None else open_
    return CandleFrame(
        SOMETHING,
        Timeframe.M5,
        open_ns=np.arange(len(close), dtype=np.int64) * Timeframe.M5.ns,
        open=before,
        high=np.maximum(before, close) * (1 + reach),
        low=np.minimum(before, close) * (1 - reach),
        close=close,
        volume=volume,
    )


def halted(
    price: float, *, before: int, still: int, after: int, traded: float, seed: int = 5
) -> CandleFrame:
    """Noise of seven digits around `price`, `still` candles at one price, noise.

    `traded` is the volume of each candle of the halt.
    """
    rng = np.random.default_rng(seed)
    count, halt = before + still + after, slice(before, before + still)
    steps = rng.normal(0, 0.004, count)
    steps[halt] = 0.0
    close = np.array([float(f"{each:.7g}") for each in price * np.exp(np.cumsum(steps))])
    reach, volume = rng.uniform(0, 0.003, count), rng.uniform(1, 9, count)
    reach[halt], volume[halt] = 0.0, traded
    return candles(close, volume, reach=reach)


def drawn(indicator: Indicator, rng: random.Random) -> dict[str, Value]:
    """Parameters of at most three times the default, all bounds and constraints held."""
    for _ in range(10_000):
        values, problems = indicator.resolve({p.name: _draw(p, rng) for p in indicator.params})
        if not problems:
            return values
    raise AssertionError(f"no parameters of {indicator.id} hold its constraints")


def _draw(parameter: Parameter, rng: random.Random) -> Value:
    if parameter.kind is Kind.CHOICE:
        return rng.choice(parameter.choices)
    top = min(parameter.maximum, max(3 * parameter.default, parameter.minimum + parameter.step))
    steps = int((top - parameter.minimum) / parameter.step + 1e-9)
    value = parameter.minimum + rng.randint(0, steps) * parameter.step
    return value if parameter.kind is Kind.INT else round(value, 9)
