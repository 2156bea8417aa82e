"""How long a person waits before anything happens: `bowline --help` and the smallest commands.

Each is the median of several fresh processes, the interpreter's own start included. The limit for
`--help` is 0.3 s; the peer of the others is the bare interpreter, measured in the same run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

REPEATS = 7
HELP_LIMIT_S = 0.3
RUN = "from bowline.cli import main; main()"


def seconds(*arguments: str) -> float:
    """Median wall time of `python arguments`, with an empty home."""
    taken = []
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "BOWLINE_HOME": home}
        for _ in range(REPEATS):
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], env=env, check=True, capture_output=True)
            taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def show(case: str, value: float, peer: str, against: float) -> None:
    """One figure as a JSON line; the ratio is value to peer, smaller is better."""
    line = {"bench": "start_up", "case": case, "value": round(value, 3), "unit": "s"}
    print(json.dumps({**line, "peer": peer, "ratio": round(value / against, 2)}))


def main() -> None:
    """Measure and print."""
    show("bowline --help", seconds("-c", RUN, "--help"), "limit of 0.3 s", HELP_LIMIT_S)
    bare = seconds("-c", "pass")
    for words in (["--version"], ["strategy", "list"], ["doctor"]):
        show("bowline " + " ".join(words), seconds("-c", RUN, *words), "bare interpreter", bare)


if __name__ == "__main__":
    main()
