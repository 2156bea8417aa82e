"""`python -m tests.simulation [SEED [COUNT]]`: a world that fails is one line that repeats it."""

from __future__ import annotations

import sys

from tests.simulation.world import World

first = int(sys.argv[1]) if len(sys.argv) > 1 else 0
count = int(sys.argv[2]) if len(sys.argv) > 2 else 1
failed = 0
for seed in range(first, first + count):
    try:
        World(seed).play()
    except Exception as error:  # noqa: BLE001 - whatever it is, the next world is played
        failed += 1
        said = f"python -m tests.simulation {seed}   # {type(error).__name__}: {error}"
        sys.stdout.write(said + "\n")
sys.stdout.write(f"{count} worlds, {failed} failed\n")
sys.exit(bool(failed))
