"""Simulated venues beside the test, and commands in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_MAIN = "from bowline.cli import main; main()"


@contextmanager
def started(*words: str, **more: str) -> Iterator[subprocess.Popen[str]]:
    """`bowline …`, killed at the end if it is still there."""
    with subprocess.Popen(
        [sys.executable, "-c", _MAIN, *words], text=True, env=os.environ | more,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def played(*words: str) -> Iterator[str]:
    """Where a simulated Bybit with one coin is."""
    asked = ("simex", "--venues", "bybit", "--symbols", "BTCUSDT", "--json")
    with started(*asked, *words) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        yield f"http://127.0.0.1:{port}"


@dataclass
class Seat:
    """Where simulated venues are, and the keys there by venue."""

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
def seated(*words: str) -> Iterator[Seat]:
    """`bowline simex` with these options, until the end of the block."""
    with started("simex", "--json", *words) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        yield Seat(f"http://127.0.0.1:{first['port']}", first["venues"])
