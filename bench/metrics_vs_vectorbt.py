"""The report's equity and metrics against vectorbt's, on the same fills.

The first run makes an environment of its own, `.venv-vectorbt` in the checkout (ignored by git).

1. Draw fills at closes: random targets, so that positions grow, shrink, close and flip.
2. Make our report of them.
3. Hand candles and fills to `peers/vectorbt_report.py`, run by that environment.
4. Print one JSON line a figure: the largest relative difference over all runs.

It leaves with exit code 1 if one of them is above the limit. Where vectorbt defines a figure in
another way, the peer builds ours from its records: `docs/reference/metrics.md` says which.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyarrow import feather

from bowline.core.model.event import Run
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Reason
from bowline.core.model.market import CandleFrame
from bowline.core.model.order import Fill
from bowline.core.model.policy import AllIn, Costs, DirectionMode, Limits, Policy, Stops
from bowline.core.model.values import OrderId, RunId, Side, StrategyId, Timeframe
from bowline.core.report import Execution, RunRecord, make_report

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv-vectorbt"
PEER = ROOT / "bench" / "peers" / "vectorbt_report.py"
VECTORBT = "1.2.0"
LIMIT = 1e-9
FILES = {
    "BTC 1m spot, 90 days": "binance_spot_BTCUSDT_1m_2025-05-20_2025-08-18.feather",
    "ADA 1m perp": "binance_usdm_ADAUSDT_1m_2023-07_2023-08-17.feather",
    "BTC 5m perp, 499 days": "binance_usdm_BTCUSDT_5m_2023-01-01_2024-05-14.feather",
}


def real_candles(name: str) -> CandleFrame | None:
    """One of the shared candle files, or None, said on stderr, if it is not here."""
    folder = Path(os.environ.get("BOWLINE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    file = folder / "candles" / FILES[name]
    if not file.exists():
        print(f"skipped {name!r}: no file {file}; set BOWLINE_SHARED_DATA", file=sys.stderr)
        return None
    table = feather.read_table(file)
    open_ns = table["date"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    columns = {n: table[n].to_numpy() for n in ("open", "high", "low", "close", "volume")}
    timeframe = Timeframe.parse(file.name.split("_")[3])
    return CandleFrame(InstrumentId(MarketId(1), "X"), timeframe, open_ns=open_ns, **columns)


def random_candles(seed: int, count: int) -> CandleFrame:
    """A random walk of hourly candles."""
    steps = np.random.default_rng(seed).normal(0, 0.01, count)
    close = np.round(100 * np.exp(np.cumsum(steps)), 2)
    columns = dict.fromkeys(("open", "high", "low", "close"), close)
    open_ns = 1_735_689_600_000_000_000 + 3_600_000_000_000 * np.arange(count, dtype=np.int64)
    return CandleFrame(
        InstrumentId(MarketId(1), "X"), Timeframe.H1, open_ns=open_ns, volume=close, **columns
    )


def random_record(candles: CandleFrame, seed: int, *, longs_only: bool, fills: int) -> RunRecord:
    """Fills at random closes towards random targets of at most the equity, in one order each."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(candles), size=fills, replace=False)).tolist()
    targets = rng.choice([0.0, 0.0, 0.3, 0.6, 0.9], size=fills)
    if not longs_only:
        targets *= rng.choice([-1, 1], size=fills)
    cash, held, executions = Decimal(10_000), Decimal(0), []
    for row, target in zip(rows, targets.tolist(), strict=True):
        close = Decimal(repr(float(candles.close[row])))
        wanted = Decimal(repr(target)) * (cash + held * close) / close
        size = (wanted - held).quantize(Decimal("0.00000001"))
        if not size:
            continue
        side = Side.BUY if size > 0 else Side.SELL
        price = close * (1 + side.sign * Decimal("0.0001"))
        fee = abs(size) * price * Decimal("0.0002")
        cash -= size * price + fee
        held += size
        fill = Fill(
            OrderId(1), "", candles.instrument, side, abs(size), price, fee,
            int(candles.close_ns[row]),
        )  # fmt: skip
        executions.append(Execution(fill, Reason.SIGNAL))
    costs = Costs(Decimal(0), Decimal(0))
    policy = Policy(DirectionMode.LONG_SHORT, Stops(), AllIn(), costs, Limits())
    start_ns = int(candles.open_ns[0])
    run = Run(
        RunId(1), StrategyId(""), "", Instrument(candles.instrument), candles.timeframe, policy,
        Decimal(10_000), start_ns, start_ns,
    )  # fmt: skip
    return RunRecord(run, candles, tuple(executions), {}, 0)


def hand_over(record: RunRecord, file: Path) -> None:
    """Candles and fills as arrays: one signed order a row, as vectorbt takes them."""
    candles, count = record.candles, len(record.candles)
    size, price, fee = np.zeros(count), candles.close.copy(), np.zeros(count)
    for done in record.executions:
        row = int(np.searchsorted(candles.close_ns, done.fill.event_ns))
        size[row] = done.fill.side.sign * done.fill.quantity
        price[row], fee[row] = done.fill.price, done.fill.fee
    np.savez(
        file, open_ns=candles.open_ns, close_ns=candles.close_ns, close=candles.close,
        size=size, price=price, fee=fee, cash=float(record.run.initial_cash),
    )  # fmt: skip


def our_figures(record: RunRecord) -> tuple[dict[str, float | None], NDArray[np.float64]]:
    """Every metric that is a number, the profit factor, and the equity."""
    report = make_report(record)
    figures = {t: None if v is None else float(v) for t, v in report.by_title().items()}
    figures["Profit Factor"] = report.closed.profit_factor
    return figures, report.curves.equity


def peer_python() -> Path:
    """The interpreter of vectorbt's environment, made if it is not there."""
    python = ENVIRONMENT / "bin" / "python"
    has = f"import vectorbt; assert vectorbt.__version__ == {VECTORBT!r}"
    if python.exists() and subprocess.run([python, "-c", has], check=False).returncode == 0:
        return python
    print(f"making {ENVIRONMENT.name} with vectorbt {VECTORBT} ...", file=sys.stderr)
    venv.create(ENVIRONMENT, with_pip=True)
    install = [python, "-m", "pip", "install", "-q", f"vectorbt=={VECTORBT}"]
    if subprocess.run(install, check=False).returncode:
        sys.exit(f"vectorbt {VECTORBT} could not be installed (pip said why above): no comparison")
    return python


def cases() -> dict[str, RunRecord]:
    """Named records: random walks and real markets, long only and both ways."""
    found = {}
    for seed in range(6):
        walk = random_candles(seed, 3000)
        found[f"random walk {seed}"] = random_record(walk, seed, longs_only=seed < 2, fills=400)
    for name in FILES:
        if (candles := real_candles(name)) is not None:
            for longs_only in (True, False):
                label = f"{name}, {'long only' if longs_only else 'both ways'}"
                found[label] = random_record(candles, 9, longs_only=longs_only, fills=600)
    return found


def difference(ours: float | None, theirs: float) -> float:
    """Relative to theirs, from 1e-6 upwards; a figure only one side has differs infinitely."""
    if ours is None or not np.isfinite(theirs):
        return 0.0 if ours is None and not np.isfinite(theirs) else float("inf")
    return abs(ours - theirs) / max(abs(theirs), 1e-6)


def main() -> None:
    """Compare, print, and fail above the limit."""
    python = peer_python()
    worst: dict[str, tuple[float, str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records = dict(enumerate(cases().items()))
        for number, (_, record) in records.items():
            hand_over(record, folder / f"{number:03}.npz")
        subprocess.run([python, PEER, folder], check=True)
        for number, (label, record) in records.items():
            figures, equity = our_figures(record)
            theirs = json.loads((folder / f"{number:03}.json").read_text())
            curve = np.load(folder / f"{number:03}.npy")
            gaps = {title: difference(value, theirs[title]) for title, value in figures.items()}
            gaps["equity"] = float(np.max(np.abs(equity - curve) / np.abs(curve)))
            for title, gap in gaps.items():
                worst[title] = max(worst.get(title, (0.0, label)), (gap, label))
    for title, (gap, label) in worst.items():
        line = {
            "bench": "metrics_vs_vectorbt",
            "case": f"{title} ({len(records)} runs, worst: {label})",
            "value": gap, "unit": "relative difference",
            "peer": f"vectorbt {VECTORBT}, limit {LIMIT}", "ratio": gap / LIMIT,
        }  # fmt: skip
        print(json.dumps(line))
    if any(gap > LIMIT for gap, _ in worst.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
