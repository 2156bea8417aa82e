"""Asks freqtrade what it finds at the simulated venues, and says where it does not agree.

    python -m tests.simex.freqtrade_judge                  all of them, and write the page's table
    python -m tests.simex.freqtrade_judge gate:linear      one market, with what freqtrade logged

It exits 1 if any step failed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from tests.simex.freqtrade_judge.bout import STEPS, judge
from tests.simex.freqtrade_judge.environment import DEFAULT, Environment
from tests.simex.page import KINDS

VENUES = ("binance", "bybit", "okx", "gate", "bitget")
MARKETS = tuple((venue, kind) for venue in VENUES for kind in KINDS)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


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
    environment = Environment(asked.environment)
    failed = False
    for name in asked.markets or known:
        found, complaints = asyncio.run(judge(environment, *known[name], asked.stop, asked.keep))
        wrong = {step: why for step, why in found.items() if why}
        failed |= bool(wrong)
        marks = [f"{step}: {'no' if found[step] else 'yes'}" for step in STEPS if step in found]
        say(f"{name:16}{'  '.join(marks)}")
        for step, why in wrong.items():
            say(f"    {step}: {why}")
            say("\n".join(f"        {line}" for line in complaints[-30:]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
