"""What a sweep costs as a user meets it: a command from cold start to its page, and memory.

Every figure is measured in a process of its own, against the limit that was set for it: `ratio` is
limit over value, so 1 and more is within. Beside the wall time stands what the processors worked,
which a busy machine changes little; the limits are for a machine that does nothing else.

    w_100k    `bowline grid`: 100,000 variants (4,000 crosses x 25 stops) x a year of minutes, from
              cold start to the HTML page, on all processors; with top 300, and with top 10
    first     seconds from the start of that command to its first result on stderr
    w_1m      1,000,000 variants (40,000 crosses x 25 stops) x 100,000 minutes, top 1000: the whole
              command, and the sweep alone in a process that holds nothing else; that also of
              exponential averages, whose signals are columns that are computed and packed

Memory is the most that the process and its children held at one moment, shared pages counted once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

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
  - id: {id}
    params: {{fast: {fast}, slow: {slow}}}
stops:
  sl_pct: [1, 2, 3, 4, 5]
  tp_pct: [2, 4, 6, 8, 10]
shortlist: 0
top: {top}
"""
YEARLY = {"fast": "{start: 10, stop: 205, step: 5}", "slow": "{start: 210, stop: 705, step: 5}"}
MILLION = {"fast": "{start: 2, stop: 201, step: 1}", "slow": "{start: 202, stop: 401, step: 1}"}


class Measured(NamedTuple):
    """Seconds to the first result and to the end, of processor time, and the most memory."""

    first_s: float
    wall_s: float
    cpu_s: float
    peak_mib: float


def emit(case: str, value: float, unit: str, limit: float, cpu_s: float | None = None) -> None:
    """One line of JSON."""
    line = {
        "bench": "sweep", "case": case, "value": round(value, 2), "unit": unit,
        "peer": f"limit {limit} {unit}", "ratio": round(limit / value, 2),
    }  # fmt: skip
    if cpu_s is not None:
        line["cpu_s"] = round(cpu_s, 2)
    print(json.dumps(line), flush=True)


def held_mib(process: int) -> float:
    """What a process and its children hold now, from Linux's own count."""
    try:
        folder = Path(f"/proc/{process}")
        lines = (folder / "smaps_rollup").read_text().splitlines()
        own = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
        children = [each.read_text().split() for each in folder.glob("task/*/children")]
    except OSError:  # it ended meanwhile
        return 0.0
    return own + sum(held_mib(int(child)) for each in children for child in each)


def measured(words: list[str], home: Path) -> Measured:
    """Run a command with this home, to its end."""
    began, first, peak = time.perf_counter(), 0.0, [0.0]
    process = subprocess.Popen(
        words, env=env(home), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            peak[0] = max(peak[0], held_mib(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert process.stderr is not None
    for line in process.stderr:
        if not first and "best" in line:
            first = time.perf_counter() - began
        elif "error" in line:
            print(line, file=sys.stderr)
    over.set()
    watcher.join()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(os.waitstatus_to_exitcode(status))
    wall = time.perf_counter() - began
    return Measured(first, wall, usage.ru_utime + usage.ru_stime, peak[0])


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


def swept(home: Path, asked: dict[str, str], top: int) -> Measured:
    """`bowline grid` from cold start to its page."""
    path = home / "grid.yaml"
    path.write_text(GRID.format(**asked, id="sma_cross", top=top))
    words = [bowline(), "grid", str(path), "--json", "--html", str(home / "sweep.html")]
    return measured(words, home)


def sweep_alone(indicator: str) -> None:
    """The stage that evaluates and ranks, of a million variants, and nothing beside it."""
    import yaml

    from bowline import wire
    from bowline.core.model.instrument import InstrumentId, MarketId
    from bowline.research import Grid, sweep
    from bowline.research.synthetic import synthetic_minutes

    candles = synthetic_minutes(
        InstrumentId(MarketId(1), "MADEUP"), seed=1, minutes=SHORT, start_ns=START_NS
    )
    raw = yaml.safe_load(GRID.format(**MILLION, id=indicator, top=1000))
    sweep(Grid(raw, wire.load_catalogue()), candles, threads=os.cpu_count() or 1, check=False)


def main() -> None:
    """All cases."""
    with tempfile.TemporaryDirectory() as folder:
        year, short = Path(folder) / "year", Path(folder) / "short"
        prepare(year, YEAR)
        for top in (300, 10):
            found = swept(year, YEARLY, top)
            name = f"w_100k x 525600, top {top}"
            emit(f"{name}, cold start to page", found.wall_s, "s", 20, found.cpu_s)
            emit(f"{name}, first result after the start", found.first_s, "s", 1)
            emit(f"{name}, memory", found.peak_mib, "MiB", 500)
        prepare(short, SHORT)
        found = swept(short, MILLION, 1000)
        emit("w_1m x 100000, top 1000, cold start to page", found.wall_s, "s", 60, found.cpu_s)
        emit("w_1m x 100000, top 1000, memory", found.peak_mib, "MiB", 500)
        for indicator in ("sma_cross", "ema_cross"):
            found = measured([sys.executable, __file__, indicator], short)
            name = f"w_1m x 100000, top 1000, the sweep of {indicator} alone"
            emit(name, found.wall_s, "s", 25, found.cpu_s)
            # 150 MB
            emit(f"{name}, memory", found.peak_mib, "MiB", 143)


if __name__ == "__main__":
    sweep_alone(sys.argv[1]) if sys.argv[1:] else main()
