"""A home with something in every store, for the tests of backups and restores."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.model.event import SendLost
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.values import AccountId, OrderId, StrategyId
from bowline.desk.backup import CreatedBackup, create
from bowline.desk.journal import journal_path
from bowline.research.synthetic import synthetic_minutes
from bowline.storage.candles import CandleBatch
from bowline.storage.journal import Entry

BTC = InstrumentId(MarketId(1), "BTCUSDT")
#: 2025-01-01
START = 1_735_689_600 * 10**9
ENTRIES = 50
PLUGIN = "# a plugin of one's own\n"


def quiet(_name: str, _size: int) -> None:
    """Nobody looks on."""


def entries(first: int, count: int) -> list[Entry]:
    return [
        Entry(n, SendLost(n, AccountId("a"), OrderId(n), f"v-{n}"))
        for n in range(first, first + count)
    ]


@pytest.fixture
def kept(home: Path) -> Path:
    """A home with something in every store, and with things that no backup takes."""
    minutes = synthetic_minutes(BTC, seed=1, minutes=2_000, start_ns=START)
    instrument = Instrument(BTC, tick_size=Decimal("0.01"))
    wire.open_candles(home).write(
        CandleBatch(source="test", ingested_ns=START, candles=minutes, instrument=instrument)
    )
    with closing(wire.open_tables(home)) as tables:
        tables.save_strategy(StrategyId("ab" * 32), "trend", "local", "{}", START)
    for run in (1, 2):
        with closing(wire.open_journal(journal_path(home, run))) as journal:
            journal.append(entries(1, ENTRIES * run))
    plugins = home / "strategies"
    (plugins / "__pycache__").mkdir(parents=True)
    (plugins / "mine.py").write_text(PLUGIN)
    (plugins / ".env").write_text("SECRET=1\n")
    (plugins / "__pycache__" / "mine.pyc").write_text("made by Python")
    (home / "trusted_strategies.json").write_text("{}\n")
    (home / "report-1.html").write_text("can be made again")
    return home


FILES = {
    "tables.db", "candles.duckdb",
    "journals/run-1.db", "journals/run-2.db", "strategies/mine.py",
}  # fmt: skip


def backup(home: Path, keep: int = 7, folder: Path | None = None) -> CreatedBackup:
    return create(wire.stores_to_copy(home), folder or home / "backups", keep, quiet)
