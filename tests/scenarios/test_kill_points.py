"""A paper run that is killed at any moment ends exactly as one that was left alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bowline import wire
from bowline.core.model.event import CandleClosed
from bowline.core.model.market import CandleFrame
from bowline.core.signals import parse_spec
from bowline.core.signals.strategy import Strategies
from bowline.desk.paper import run_paper
from bowline.runtime import feed, loop
from bowline.storage.embedded.sqlite_journal import SqliteJournal
from bowline.storage.journal import Entry, Snapshot
from tests.memory_journal import MemoryJournal
from tests.paper_runs import play, recorded_minutes, setup_of

KILL_POINTS = 200
#: the kill points are shared out, so that they can be tried side by side
SHARES = 4
MINUTES = 900
#: a frame is written at once: so small that there are more moments than kills
FRAME_MINUTES = 4
SPEC = {
    "version": 1,
    "timeframe": "1m",
    "direction": "long-short",
    "indicators": [{"id": "sma_cross", "params": {"fast": 2, "slow": 7}}],
    "stops": {"sl_pct": Decimal("0.3"), "tp_pct": Decimal("0.5")},
    "sizing": {"mode": "strategy_compound_profit_lock", "safe_profit_pct": Decimal(30)},
    "limits": {"daily_loss_pct": Decimal(8), "cooldown_candles": 1},
}


@pytest.fixture(scope="module")
def paper(shared_data):
    catalogue = wire.load_catalogue()
    name = "binance_usdm_ADAUSDT_1m_2025-05-25_2025-06-24.feather"
    minutes = recorded_minutes(shared_data / "candles" / name, 2, "ADAUSDT").slice(0, MINUTES)
    spec = parse_spec(SPEC, catalogue, Strategies())
    return setup_of(spec, minutes, catalogue), minutes


class KilledAt:
    """A journal whose process is killed with SIGKILL around its n-th append: no moment is luck."""

    def __init__(self, journal: SqliteJournal, number: int, *, written: bool) -> None:
        self._journal = journal
        self._left = number
        self._written = written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def append(self, entries: Sequence[Entry]) -> None:
        self._left -= 1
        if self._left == 0 and self._written:
            self._journal.append(entries)
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._journal.append(entries)


def in_child(paper, path: Path, kill: tuple[int, bool] | None = None) -> int:
    """Play the run in a process of its own, killed there if asked; how the process ended."""
    child = os.fork()
    if child == 0:
        journal = SqliteJournal(path)
        play(*paper, journal if kill is None else KilledAt(journal, kill[0], written=kill[1]))
        journal.close()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Counting:
    """A journal that counts how often it was written to."""

    def __init__(self) -> None:
        self._journal = MemoryJournal()
        self.appends = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    def append(self, entries: Sequence[Entry]) -> None:
        self.appends += 1
        self._journal.append(entries)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_a_run_killed_at_any_moment_ends_with_the_same_journal(paper, tmp_path, monkeypatch, share):
    """200 processes killed with SIGKILL, before or after a write, and started again: 200 same ends.

    Every third one is killed once more on its way back. Odd shares take snapshots on their way, so
    that half of the restarts begin in the middle and half at the first candle.
    """
    monkeypatch.setattr(feed, "_FULL_SPEED_MINUTES", FRAME_MINUTES)
    if share % 2:
        monkeypatch.setattr(loop, "SNAPSHOT_CANDLES", 100)
    left_alone = tmp_path / "left-alone.db"
    assert in_child(paper, left_alone) == 0
    undisturbed = SqliteJournal(left_alone, read_only=True)
    expected = (undisturbed.head, [e.payload for e in undisturbed.entries()])
    counting = Counting()
    play(*paper, counting)
    last = counting.appends
    assert last > KILL_POINTS  # there are as many moments as kills
    undisturbed.close()
    for number in range(share, KILL_POINTS, SHARES):
        path = tmp_path / f"killed-{number}.db"
        moment = 1 + number * (last - 1) // KILL_POINTS
        assert in_child(paper, path, (moment, number % 2 == 0)) == -signal.SIGKILL
        if number % 3 == 0:
            # at the last moment there may be nothing left to write
            assert in_child(paper, path, (1, number % 2 == 1)) in {-signal.SIGKILL, 0}
        assert in_child(paper, path) == 0
        again = SqliteJournal(path, read_only=True)
        assert (again.head, [e.payload for e in again.entries()]) == expected
        checked = again.verify()
        assert checked.damage is None
        assert (checked.snapshots > 2) == bool(share % 2)
        again.close()


class InterruptedFeed:
    """Candles in frames of a hundred, and after the first of them somebody presses Ctrl-C."""

    def __init__(self, candles: CandleFrame) -> None:
        self._candles = candles

    async def candles(self, from_ns: int, past_ns: int) -> AsyncIterator[CandleFrame]:
        del past_ns
        start = int(self._candles.open_ns.searchsorted(from_ns))
        yield self._candles.slice(start, start + 100)
        raise asyncio.CancelledError


def quiet(_: object) -> None:
    """Nobody looks on."""


def test_a_run_that_is_interrupted_goes_on_where_it_was(paper):
    """Stopped with Ctrl-C, it reports the candles it came to; the same command goes on."""
    setup, minutes = paper
    undisturbed, journal = MemoryJournal(), MemoryJournal()
    play(setup, minutes, undisturbed)
    for seen in (100, 200):
        result = run_paper(setup, journal, InterruptedFeed(minutes), quiet, quiet)
        assert (result.finished, result.differences) == (False, ())
        assert len(result.record.candles) == seen
    assert play(setup, minutes, journal).finished
    assert journal.head == undisturbed.head


def test_a_snapshot_of_a_former_version_costs_time_and_nothing_else(paper):
    """An update in the middle of a run: the journal alone has it all."""
    setup, minutes = paper
    undisturbed = MemoryJournal()
    play(setup, minutes, undisturbed)
    entries = list(undisturbed.entries())
    candles = [at for at, e in enumerate(entries) if isinstance(e.payload, CandleClosed)]
    written = entries[: candles[len(candles) // 2]]
    journal = MemoryJournal()
    journal.append(written)
    former = b'{"engine":"AAAA","next_open_ns":7}'
    journal.save_snapshot(Snapshot(written[-1].seq, former))
    assert play(setup, minutes, journal).finished
    assert journal.head == undisturbed.head
