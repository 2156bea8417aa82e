"""The demonstration: what it imports, which strategy it runs, what it comes to.

It lives in a folder of its own and must touch nothing else that Bowline keeps. Run again, it finds
its candles imported and makes a new run.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from bowline.core.completeness import Completeness
from bowline.core.errors import BadInput
from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.values import SECOND_NS
from bowline.desk.candle_import import (
    FileOptions,
    ImportOutcome,
    import_files,
    import_request,
)
from bowline.desk.report import completeness_document
from bowline.desk.steps import Steps
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.candles import Candles
from bowline.storage.files import write_candle_file

MARKET = "binance:spot"
SYMBOL = "DEMOUSDT"
_SEED = 5
_DAYS = 90
#: 2025-01-01 UTC
_START_S = 1_735_689_600

#: averages that cross, stops, and all the money each time: simple to follow on the report
SPEC: dict[str, Any] = {
    "version": 1,
    "timeframe": "15m",
    "direction": "long-short",
    "indicators": [{"id": "ema_cross", "params": {"fast": 16, "slow": 64}}],
    "stops": {"sl_pct": Decimal(2), "tp_pct": Decimal(6)},
    "sizing": {"mode": "all_in"},
}


class DemoSummary(Struct, frozen=True):
    """What the demonstration came to."""

    candles: int
    round_trips: int
    differences: int
    report: str
    journal: str


def summary_document(summary: DemoSummary, found: Completeness | None) -> dict[str, Any]:
    """The summary for machines, with how complete the candles were."""
    document: dict[str, Any] = asdict(summary)
    if found is not None:
        document["completeness"] = completeness_document(found)
    return document


def demo_symbol(candles: Path | None) -> str:
    """The symbol a file's candles are stored under: letters and digits of its name."""
    if candles is None:
        return SYMBOL
    return re.sub(r"[^A-Z0-9]", "", candles.stem.upper())[:30] or SYMBOL


def import_demo_candles(
    store: Candles, folder: Path, candles: Path | None, symbol: str, *, allow_jumps: bool = False
) -> ImportOutcome:
    """Import the made-up market, written out as a file first, or a person's own file."""
    steps = Steps()
    if candles is None:
        candles = folder / "made-up-market.csv"
        _write_market(candles, symbol)
        steps = Steps(Decimal("0.01"), Decimal("0.00001"), Decimal(5))
    # a file of one's own is of whatever it is of: the symbol is made of its name
    request = import_request(
        MARKET, symbol, steps, FileOptions(any_instrument=True), allow_jumps=allow_jumps
    )
    (outcome,) = import_files(store, [candles], request)
    if outcome.status == "refused":
        raise BadInput(outcome.error, problems=outcome.problems, hint=outcome.hint)
    return outcome


def _write_market(path: Path, symbol: str) -> None:
    instrument = InstrumentId(market_by_name(MARKET).market_id, symbol)
    minutes = synthetic_minutes(
        instrument, seed=_SEED, minutes=_DAYS * 1440, start_ns=_START_S * SECOND_NS
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_candle_file(minutes, path, ".csv")
