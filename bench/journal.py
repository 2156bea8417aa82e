"""What durability costs: one commit of the journal, beside a bare SQLite commit of one row.

Both write with WAL and `synchronous=FULL` on the disk of the working folder (a temporary folder
may be memory), in turns, so that what else the disk does hits both alike. Then reading and
checking a journal, beside SHA-256 over the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from bowline import wire
from bowline.core.model.event import FillReported
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.trading import FillReport
from bowline.core.model.values import AccountId, OrderId, Side
from bowline.storage.journal import Entry, Journal, encode_entry

COMMITS = 2_000
ENTRIES = 100_000
BTC = InstrumentId(MarketId(1), "BTCUSDT")
STEP = 3  # entries of one decision: order, acceptance, fill


def entry(seq: int) -> Entry:
    """A fill, the largest of the entries that come often."""
    price = Decimal(4_321_010 + seq % 1000) / 100
    order_id, event_ns = OrderId(1_700_000_000_000_000_000 + seq), 1_704_067_200_000_000_000 + seq
    quantity, fee = Decimal("0.013"), Decimal("0.4213")
    fill = FillReport(
        BTC, f"trade-{seq}", f"v{seq}", order_id, Side.BUY, quantity, price, fee, "USDT", event_ns
    )
    return Entry(seq, FillReported(event_ns, AccountId("a"), fill))


def report(case: str, value: float, unit: str, peer: str, ratio: float) -> None:
    """One figure; a ratio of 2 is twice the peer's."""
    line = {"bench": "journal", "case": case, "value": round(value, 4), "unit": unit}
    print(json.dumps({**line, "peer": peer, "ratio": round(ratio, 3)}))


def bare(folder: Path) -> sqlite3.Connection:
    """A table of one text column."""
    db = sqlite3.connect(folder / "bare.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, payload TEXT NOT NULL)")
    return db


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def commits(journal: Journal, db: sqlite3.Connection, size: int) -> None:
    """Commits of `size` entries in turns with bare commits of as many rows."""
    mine, theirs = [], []
    first = journal.last_seq + 1
    for at in range(COMMITS):
        seqs = range(first + at * size, first + (at + 1) * size)
        entries = [entry(seq) for seq in seqs]
        rows = [(seq, encode_entry(e).decode()) for seq, e in zip(seqs, entries, strict=True)]
        mine.append(timed(lambda entries=entries: journal.append(entries)))
        theirs.append(timed(lambda rows=rows: commit(db, rows)))
    mine.sort()
    theirs.sort()
    peer = f"bare SQLite, {size} rows a commit"
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        place = int(share * COMMITS)
        value = mine[place]
        report(f"commit of {size}, {name}", value * 1e3, "ms", peer, value / theirs[place])


def commit(db: sqlite3.Connection, rows: list[tuple[int, str]]) -> None:
    """What any journal in SQLite pays."""
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO rows VALUES (?, ?)", rows)
    db.execute("COMMIT")


def reading(journal: Journal) -> None:
    """Reading and checking, beside SHA-256 alone over the same payloads."""
    payloads = [encode_entry(entry) for entry in journal.entries()]
    count = len(payloads)
    digest = hashlib.sha256
    hashed = timed(lambda: [digest(payload).digest() for payload in payloads])
    for case, work in (("read", lambda: list(journal.entries())), ("verify", journal.verify)):
        seconds = timed(work)
        report(
            case, count / seconds, "entries/s", "SHA-256 of each payload alone", hashed / seconds
        )


def main() -> None:
    """All figures."""
    with TemporaryDirectory(dir=".", prefix=".bench-journal-") as name:
        folder = Path(name)
        journal, db = wire.open_journal(folder / "run-1.db"), bare(folder)
        commits(journal, db, 1)
        commits(journal, db, STEP)
        first = journal.last_seq + 1
        journal.append([entry(seq) for seq in range(first, first + ENTRIES)])
        reading(journal)
        journal.close()
        db.close()


if __name__ == "__main__":
    main()
