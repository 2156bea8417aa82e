"""A paper run that is killed at any moment ends exactly as one that was left alone."""

from __future__ import annotations

import os
import random
import signal
import time
from decimal import Decimal
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.signals import parse_spec
from bowline.core.signals.strategy import Strategies
from bowline.storage.embedded.sqlite_journal import SqliteJournal
from tests.paper_runs import play, recorded_minutes, setup_of

KILL_POINTS = 200
#: the kill points are shared out, so that they can be tried side by side
SHARES = 4
MINUTES = 1_500
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


def in_child(paper, path: Path, after_s: float | None) -> int:
    """Play the run in a process of its own, killed after a while; how the process ended."""
    child = os.fork()
    if child == 0:
        journal = SqliteJournal(path)
        play(*paper, journal)
        journal.close()
        os._exit(0)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_a_run_killed_at_any_moment_ends_with_the_same_journal(paper, tmp_path, share):
    """200 processes killed with SIGKILL, each started again: 200 identical ends."""
    left_alone = tmp_path / "left-alone.db"
    start = time.monotonic()
    assert in_child(paper, left_alone, None) == 0
    lasted = time.monotonic() - start
    undisturbed = SqliteJournal(left_alone, read_only=True)
    expected = (undisturbed.head, [e.payload for e in undisturbed.entries()])
    assert len(expected[1]) > 300  # there is something to lose
    chance = random.Random(share)
    killed = cut_short = 0
    for number in range(KILL_POINTS // SHARES):
        path = tmp_path / f"killed-{number}.db"
        killed += in_child(paper, path, chance.uniform(0, lasted)) == -signal.SIGKILL
        if path.exists():
            with_less = SqliteJournal(path)
            cut_short += 0 < with_less.last_seq < undisturbed.last_seq
            with_less.close()
        assert in_child(paper, path, None) == 0
        again = SqliteJournal(path, read_only=True)
        assert (again.head, [e.payload for e in again.entries()]) == expected
        assert again.verify().damage is None
        again.close()
    undisturbed.close()
    assert killed > KILL_POINTS / SHARES * 0.6
    assert cut_short > KILL_POINTS / SHARES * 0.3
