"""What a sweep costs as a user meets it: a command from cold start to its page, and memory.

Every figure is measured in a process of its own, against the limit that was set for it: `ratio` is
limit over value, so 1 and more is within.

    w_100k    `bowline grid`: 100,000 variants (4,000 crosses x 25 stops) x a year of minutes, from
              cold start to the HTML page, on all processors; and without running the top again
    first     seconds from the start of that command to its first result on stderr
    w_1m      1,000,000 variants (40,000 crosses x 25 stops) x 100,000 minutes: time, memory at most
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START_NS = 1_704_067_200 * 10**9
YEAR = 525_600
SHORT = 100_000
GRID = """
version: 1
timeframe: 1m
instrument: {{market: "binance:spot", symbol: MADEUP}}
direction: long-short
sizing: {{mode: all_in}}
indicators:
  - id: sma_cross
    params: {{fast: {fast}, slow: {slow}}}
stops:
  sl_pct: [1, 2, 3, 4, 5]
  tp_pct: [2, 4, 6, 8, 10]
shortlist: 0
top: {top}
"""
YEARLY = {"fast": "{start: 10, stop: 205, step: 5}", "slow": "{start: 210, stop: 705, step: 5}"}
MILLION = {"fast": "{start: 2, stop: 201, step: 1}", "slow": "{start: 202, stop: 401, step: 1}"}


def emit(case: str, value: float, unit: str, limit: float) -> None:
    """One line of JSON."""
    line = {
        "bench": "sweep", "case": case, "value": round(value, 2), "unit": unit,
        "peer": f"limit {limit} {unit}", "ratio": round(limit / value, 2),
    }  # fmt: skip
    print(json.dumps(line), flush=True)


def prepare(home: Path, minutes: int) -> None:
    """Made-up minutes, imported into a home of their own."""
    from bowline.core.model.instrument import InstrumentId, MarketId
    from bowline.research.synthetic import synthetic_minutes
    from bowline.storage.files import write_candle_file

    home.mkdir()
    candles = synthetic_minutes(
        InstrumentId(MarketId(1), "MADEUP"), seed=1, minutes=minutes, start_ns=START_NS
    )
    path = home / "MADEUP-1m.parquet"
    write_candle_file(candles, path, ".parquet")
    words = ("candles", "import", str(path), "--market", "binance:spot", "--symbol", "MADEUP")
    subprocess.run([bowline(), *words], env=env(home), check=True, capture_output=True)


def bowline() -> str:
    """The command beside this interpreter."""
    return str(Path(sys.executable).parent / "bowline")


def env(home: Path) -> dict[str, str]:
    """The environment with this home and no other setting."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BOWLINE_")}
    return {**kept, "BOWLINE_HOME": str(home)}


def swept(home: Path, asked: dict[str, str], top: int) -> tuple[float, float]:
    """Seconds to the first result on stderr, and to the end with its page."""
    path = home / "grid.yaml"
    path.write_text(GRID.format(**asked, top=top))
    began = time.perf_counter()
    words = [bowline(), "grid", str(path), "--json", "--html", str(home / "sweep.html")]
    first = 0.0
    with subprocess.Popen(
        words, env=env(home), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if not first and "best" in line:
                first = time.perf_counter() - began
            elif "error" in line:
                print(line, file=sys.stderr)
    if process.returncode:
        raise SystemExit(process.returncode)
    return first, time.perf_counter() - began


def main() -> None:
    """All cases; memory is of the largest child, so the largest comes last."""
    with tempfile.TemporaryDirectory() as folder:
        year, short = Path(folder) / "year", Path(folder) / "short"
        prepare(year, YEAR)
        first, total = swept(year, YEARLY, 300)
        emit("w_100k x 525600, top 300, cold start to page", total, "s", 20)
        emit("first result after the start", first, "s", 1)
        _, total = swept(year, YEARLY, 10)
        emit("w_100k x 525600, top 10, cold start to page", total, "s", 20)
        prepare(short, SHORT)
        _, total = swept(short, MILLION, 1000)
        emit("w_1m x 100000, top 1000, cold start to page", total, "s", 60)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        emit("largest resident memory of all of these", peak, "MiB", 500)


if __name__ == "__main__":
    main()
