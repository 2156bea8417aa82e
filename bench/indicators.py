"""What indicators cost: loading the catalogue, and computing entries over 130,000 candles.

Loading is measured against its limit of 80 ms and against reading and checking the YAML files.
An entry of two TA-Lib averages is measured against the two calls alone, the whole catalogue by the
candle against the slowest entry.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.signals import compute, signal, ta_lib
from bowline.research.synthetic import synthetic_minutes
from bowline.storage import catalogue as stored

CANDLES = 130_000
LOAD_LIMIT = 0.080


def main() -> None:
    """Measure and print."""
    load = best(stored.read_catalogue)
    show("load", load, "s", "the limit of 80 ms", LOAD_LIMIT)
    show("load", load, "s", "the YAML files read and checked", best(read_yaml))
    frame = synthetic_minutes(
        InstrumentId(MarketId(1), "BTCUSDT"),
        seed=1,
        minutes=CANDLES,
        start_ns=1_672_531_200 * 10**9,
    )
    catalogue = stored.read_catalogue()
    cross = catalogue.get("sma_cross")
    params = cross.defaults()
    ours = best(lambda: signal(cross, params, frame))
    bare = best(lambda: [ta_lib.run("SMA", frame.close, period) for period in (10, 50)])
    show("sma_cross signal", CANDLES / ours, "candles/s", "the two averages alone", CANDLES / bare)
    costs = {
        entry.id: best(lambda e=entry: compute(e, e.defaults(), frame), times=1)
        for entry in catalogue.entries
    }
    slowest = max(costs, key=costs.__getitem__)
    mean = sum(costs.values()) / len(costs)
    show(
        "mean entry",
        CANDLES / mean,
        "candles/s",
        f"the slowest, {slowest}",
        CANDLES / costs[slowest],
    )


def read_yaml() -> object:
    """The same catalogue without its compiled copy."""
    return stored._build(stored._texts())  # noqa: SLF001 - the slow way is not for others


def best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the quickest run."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def show(case: str, value: float, unit: str, peer: str, other: float) -> None:
    """One figure as a JSON line; the ratio is ours to the peer's."""
    line = {"bench": "indicators", "case": case, "value": round(value, 6), "unit": unit}
    print(json.dumps({**line, "peer": peer, "ratio": round(value / other, 4)}))


if __name__ == "__main__":
    main()
