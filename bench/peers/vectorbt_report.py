"""Vectorbt's side of `bench/metrics_vs_vectorbt.py`: run by vectorbt's own environment.

`python vectorbt_report.py FOLDER` reads candles and fills from each `*.npz` in the folder and
leaves the figures beside it as `*.json` and the equity as `*.npy`. It must import nothing of ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from numpy.typing import NDArray


def figures_of(file: Path) -> tuple[dict[str, float], NDArray[np.float64]]:
    """The same figures from the portfolio, drawdown, position and return records."""
    given = np.load(file)
    close_ns, cash = given["close_ns"], float(given["cash"])
    index = pd.to_datetime(given["open_ns"])
    freq = pd.Timedelta(int(close_ns[0] - given["open_ns"][0]))
    close = pd.Series(given["close"], index=index)
    portfolio = vbt.Portfolio.from_orders(
        close, size=given["size"], price=given["price"], fixed_fees=given["fee"],
        init_cash=cash, freq=freq,
    )  # fmt: skip
    equity = portfolio.value()
    trips = portfolio.positions.closed
    spans = close_ns[trips.recarray["exit_idx"]] - close_ns[trips.recarray["entry_idx"]]
    held = np.abs(portfolio.asset_value())
    figures = {
        "Start": given["open_ns"][0],
        "End": close_ns[-1],
        "Duration": close_ns[-1] - given["open_ns"][0],
        "Init. Cash": portfolio.init_cash,
        "Total Profit": portfolio.total_profit(),
        "Total Return [%]": portfolio.total_return() * 100,
        "Benchmark Return [%]": portfolio.total_benchmark_return() * 100,
        "Position Coverage [%]": portfolio.position_coverage() * 100,
        "Num. Trades": trips.count(),
        "Win Rate [%]": trips.win_rate() * 100,
        "Best Trade [%]": trips.returns.max() * 100,
        "Worst Trade [%]": trips.returns.min() * 100,
        "Avg. Trade [%]": trips.returns.mean() * 100,
        "Max. Trade Duration": spans.max(),
        "Avg. Trade Duration": spans.mean(),
        "Expectancy": trips.expectancy(),
        "SQN": trips.sqn(),
        "Profit Factor": trips.profit_factor(),
        "Gross Exposure": (held / equity).mean(),
    }
    figures |= drawdown_figures(given, equity)
    # vectorbt resamples a day to its last row; its first day is against the cash before it
    daily = equity.resample("1D").last().ffill()
    returns = daily / daily.shift(fill_value=cash) - 1
    accessor = returns.vbt.returns(freq="1D", year_freq="365D")
    # its years are of the days that were begun; ours are of the time that passed
    years = pd.Timedelta(int(close_ns[-1] - given["open_ns"][0])) / pd.Timedelta("365D")
    growth = (1 + accessor.total()) ** (1 / years)
    figures |= {
        "Sharpe Ratio": accessor.sharpe_ratio(),
        "Sortino Ratio": accessor.sortino_ratio(),
        "Calmar Ratio": (growth - 1) / (figures["Max. Drawdown [%]"] / 100),
    }
    return {name: float(value) for name, value in figures.items()}, equity.to_numpy()


def drawdown_figures(given: Mapping[str, NDArray[Any]], equity: pd.Series) -> dict[str, float]:
    """The drawdown records of the equity, with the initial cash put before it."""
    times = np.concatenate((given["open_ns"][:1], given["close_ns"]))
    values = np.concatenate(([given["cash"]], equity))
    curve = pd.Series(values, index=pd.to_datetime(times))
    records = vbt.Drawdowns.from_ts(curve).recarray
    depth = 1 - records["valley_val"] / records["peak_val"]
    real = depth > 1e-12  # the rest is the rounding of its running sums
    spans = (times[records["end_idx"]] - times[records["peak_idx"]])[real]
    return {
        "Max. Drawdown [%]": depth[real].max() * 100,
        "Avg. Drawdown [%]": depth[real].mean() * 100,
        "Max. Drawdown Duration": spans.max(),
        "Avg. Drawdown Duration": spans.mean(),
    }


def answer(folder: Path) -> None:
    """Answer every case in the folder."""
    for file in sorted(folder.glob("*.npz")):
        figures, equity = figures_of(file)
        file.with_suffix(".json").write_text(json.dumps(figures))
        np.save(file.with_suffix(".npy"), equity)


if __name__ == "__main__":
    answer(Path(sys.argv[1]))
