"""How long a person waits before anything happens: `bowline --help` and the smallest commands.

Each is the median of several fresh processes, the interpreter's own start included. The limit for
`--help` is 0.3 s, for a backtest of 130,708 stored minutes, three months, 2 s; the peer of the
others is the bare interpreter, measured in the same run. Beside the wall time stands what the
processors worked.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPEATS = 7
HELP_LIMIT_S, BACKTEST_LIMIT_S = 0.3, 2.0
MINUTES = 130_708
SPEC = """
version: 1
timeframe: 1m
instrument: {market: "binance:spot", symbol: MADEUP}
direction: long-short
sizing: {mode: all_in}
indicators:
  - id: sma_cross
    params: {fast: 50, slow: 200}
"""
RUN = "from bowline.cli import main; main()"


def seconds(home: str, *arguments: str) -> tuple[float, float]:
    """Median wall time and processor time of `python arguments` with this home."""
    wall, worked = [], []
    env = {**os.environ, "BOWLINE_HOME": home}
    for _ in range(REPEATS):
        start, before = time.perf_counter(), of_children()
        subprocess.run([sys.executable, *arguments], env=env, check=True, capture_output=True)
        wall.append(time.perf_counter() - start)
        worked.append(of_children() - before)
    return statistics.median(wall), statistics.median(worked)


def of_children() -> float:
    """Processor seconds of all processes that ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def store_minutes(home: str) -> str:
    """Made-up minutes in a home; the path of a strategy for them."""
    from bowline.core.model.instrument import InstrumentId, MarketId
    from bowline.research.synthetic import synthetic_minutes
    from bowline.storage.files import write_candle_file

    instrument = InstrumentId(MarketId(1), "MADEUP")
    start_ns = 1_704_067_200 * 10**9
    candles = synthetic_minutes(instrument, seed=1, minutes=MINUTES, start_ns=start_ns)
    path, spec = Path(home) / "MADEUP-1m.parquet", Path(home) / "spec.yaml"
    write_candle_file(candles, path, ".parquet")
    spec.write_text(SPEC)
    words = ("candles", "import", str(path), "--market", "binance:spot", "--symbol", "MADEUP")
    env = {**os.environ, "BOWLINE_HOME": home}
    subprocess.run([sys.executable, "-c", RUN, *words], env=env, check=True, capture_output=True)
    return str(spec)


def show(case: str, found: tuple[float, float], peer: str, against: float) -> None:
    """One figure as a JSON line; the ratio is value to peer, smaller is better."""
    line = {"bench": "start_up", "case": case, "value": round(found[0], 3), "unit": "s"}
    print(
        json.dumps(
            {
                **line,
                "cpu_s": round(found[1], 3),
                "peer": peer,
                "ratio": round(found[0] / against, 2),
            }
        )
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as home:
        show("bowline --help", seconds(home, "-c", RUN, "--help"), "limit of 0.3 s", HELP_LIMIT_S)
        bare = seconds(home, "-c", "pass")[0]
        for words in (["--version"], ["strategy", "list"], ["doctor"]):
            found = seconds(home, "-c", RUN, *words)
            show("bowline " + " ".join(words), found, "bare interpreter", bare)
        found = seconds(home, "-c", RUN, "backtest", store_minutes(home))
        show(f"bowline backtest, {MINUTES} minutes", found, "limit of 2 s", BACKTEST_LIMIT_S)


if __name__ == "__main__":
    main()
