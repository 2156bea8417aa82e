"""Protects the how-to: its fault table is the program's, its script is one, its lines run."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bowline.simex import DIALECTS, read_fault_script
from bowline.simex.fault_script import FAULTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "simex.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_every_fault_is_in_the_table_with_its_words() -> None:
    shown: dict[str, set[str]] = {}
    for line in PAGE.read_text().splitlines():
        cells = [each.strip() for each in line.strip("|").split("|")]
        names = re.findall(r"`(\w+)`", cells[0])
        if len(cells) == 4 and names:
            words = set(re.findall(r"`(\w+)`", cells[3]))
            shown |= {name: words if "(" not in cells[3] else set() for name in names}
    assert shown.keys() == FAULTS.keys()
    for name, words in shown.items():
        assert words <= FAULTS[name][1]
        assert words or FAULTS[name][1] <= {"count", "seconds"}, name


def test_the_script_that_is_shown_is_one(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    assert len(read_fault_script(path)) == 6


@pytest.mark.parametrize("venue", DIALECTS)
def test_the_lines_for_ccxt_run_as_printed(home: Path, venue: str) -> None:
    """For every venue; a child left alone would keep the pipe of stderr open, and time run out."""
    lines = blocks("python")[0].replace('VENUE = "bybit"', f'VENUE = "{venue}"', 1)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", lines],
        env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    book, number, balance = done.stdout.splitlines()
    assert "'bids': [[" in book
    assert number
    # 0.01 at 30,000 is held back, and the fee beside it where quote money pays it
    assert 300 <= ast.literal_eval(balance)["used"] <= 301
