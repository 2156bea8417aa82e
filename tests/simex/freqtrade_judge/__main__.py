"""Asks freqtrade what it finds at the simulated venues, and says where it does not agree.

    python -m tests.simex.freqtrade_judge                  all of them, and write the page's table
    python -m tests.simex.freqtrade_judge gate:linear      one market, with what freqtrade logged

It exits 1 if any step failed.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import sys
from pathlib import Path

from tests.simex.freqtrade_judge.bout import STEPS, judge
from tests.simex.freqtrade_judge.environment import DEFAULT, Environment
from tests.simex.page import ABSENT, KINDS, NO, PAGE, YES, between

VENUES = ("binance", "bybit", "okx", "gate", "bitget")
MARKETS = tuple((venue, kind) for venue in VENUES for kind in KINDS)
#: of freqtrade's log: the last lines say why
_LAST_LINES = 30

Found = dict[tuple[str, str], dict[str, str]]


def main() -> int:
    words = argparse.ArgumentParser(prog="python -m tests.simex.freqtrade_judge")
    words.add_argument("markets", nargs="*", help="such as okx:spot; all if none is said")
    words.add_argument("--environment", type=Path, default=DEFAULT, help="where freqtrade lives")
    words.add_argument("--stop", choices=("limit", "market"), default="limit")
    words.add_argument("--keep", type=Path, help="a folder for freqtrade's logs and database")
    asked = words.parse_args()
    known = {":".join(market): market for market in MARKETS}
    if unknown := [each for each in asked.markets if each not in known]:
        words.error(f"no market {', '.join(unknown)}: expected some of {', '.join(known)}")
    if asked.keep and asked.keep.exists() and any(asked.keep.iterdir()):
        words.error(f"{asked.keep} is not empty: freqtrade would go on with what it finds there")
    environment = Environment(asked.environment)
    found: Found = {}
    for name in asked.markets or known:
        market = known[name]
        found[market], complaints = asyncio.run(judge(environment, *market, asked.stop, asked.keep))
        _tell(name, found[market], complaints)
    if not asked.markets and asked.stop == "limit":
        text = PAGE.read_text("utf-8")
        lines = table(found, environment.versions())
        PAGE.write_text(between(text, "freqtrade's table", lines), "utf-8")
    return int(any(why for steps in found.values() for why in steps.values()))


def _tell(name: str, steps: dict[str, str], complaints: list[str]) -> None:
    cells = "  ".join(f"{step}: {_mark(steps, step)}" for step in STEPS)
    said = [f"{name:16}{cells}"]
    for step, why in steps.items():
        if why:
            said += [f"    {step}: {why}"]
            said += [f"        {line}" for line in complaints[-_LAST_LINES:]]
    sys.stdout.write("\n".join(said) + "\n")
    sys.stdout.flush()


def table(found: Found, versions: dict[str, str]) -> list[str]:
    """The page's table, with its date and versions."""
    today = dt.datetime.now(dt.UTC).date()
    return [
        f"freqtrade {versions['freqtrade']} with ccxt {versions['ccxt']}, {today}.",
        "",
        "| | " + " | ".join(STEPS) + " |",
        "|---|" + "---|" * len(STEPS),
        *(
            f"| {venue} {kind} | " + " | ".join(_mark(steps, step) for step in STEPS) + " |"
            for (venue, kind), steps in found.items()
        ),
    ]


def _mark(steps: dict[str, str], step: str) -> str:
    return ABSENT if step not in steps else NO if steps[step] else YES


if __name__ == "__main__":
    sys.exit(main())
