"""Whatever a command makes is for its owner alone, whatever the user's mask says.

Modes do not stop root: so the modes themselves are looked at, which is the same for everyone.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.candle_files import csv_bytes, made_rows

SPEC = """
name: one
indicators: [{id: sma_cross}]
"""


def bowline(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOWLINE_")}
    return subprocess.run(
        [sys.executable, "-c", "from bowline.cli import main; main()", *words],
        env={**env, "BOWLINE_HOME": str(home), **settings},
        capture_output=True, text=True, check=False, umask=0, cwd=home.parent,
    )  # fmt: skip


def test_homes_stores_locks_logs_and_exports_are_closed(tmp_path: Path) -> None:
    home = tmp_path / "folder" / "home"
    (tmp_path / "folder").mkdir()
    candles = tmp_path / "a.csv"
    candles.write_bytes(csv_bytes(made_rows()))
    named = ("--market", "binance:spot", "--symbol", "BTCUSDT")
    log = {"BOWLINE_LOG_FILE": str(home / "logs" / "bowline.log")}
    for words in (
        ("candles", "import", str(candles), *named),
        ("candles", "export", "out.csv", *named),
        ("demo",),
        ("jobs", "list"),
        ("backup", "create"),
        ("simex", "--port", "99999"),
    ):
        done = bowline(home, *words, **log)
        assert done.returncode in {0, 1, 2}, (words, done.stderr)
    made = [home, *home.rglob("*"), tmp_path / "folder" / "out.csv"]
    names = {path.name for path in made}
    assert {"tables.db", "candles.duckdb", "demo", "backups", "out.csv"} <= names
    assert any(name.endswith((".lock", "run-1.db")) for name in names)
    for path in made:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
