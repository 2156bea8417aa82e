"""A simulated venue in a process of its own, for commands that run in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Played:
    """Where it is, and the keys there by venue."""

    url: str
    keys: dict[str, dict[str, str]]

    def settings(self, venue: str) -> dict[str, str]:
        """The environment of somebody who trades there."""
        key, name = self.keys[venue], venue.upper()
        found = {
            "BOWLINE_VENUES_URL": self.url,
            f"BOWLINE_{name}_KEY": key["api_key"],
            f"BOWLINE_{name}_SECRET": key["secret"],
        }
        return found | {f"BOWLINE_{name}_PASSWORD": key["password"]}


@contextmanager
def played(*words: str) -> Iterator[Played]:
    """`bowline simex` with these options, until the end of the block."""
    run = "from bowline.cli import main; main()"
    command = [sys.executable, "-c", run, "simex", "--json", *words]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("BOWLINE_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ) as process:
        try:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            yield Played(f"http://127.0.0.1:{first['port']}", first["venues"])
        finally:
            process.terminate()
