"""Protects `bowline simex`: what it says first, that it serves, and that Ctrl-C ends it cleanly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Say

SCRIPT = "- {fault: status, request: GET /v5/market/time, status: 503}\n"


@contextmanager
def simex(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "from bowline.cli import main; main()", "simex", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> str:
    """What was still said after Ctrl-C."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out


def asked(port: int) -> dict[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/bybit/v5/market/time") as reply:
        answer: dict[str, object] = json.load(reply)
    return answer


def test_its_first_line_is_all_that_a_program_needs(home: Path) -> None:
    with simex("--venues", "bybit", "--symbols", "BTCUSDT", "--json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first.keys() == {"port", "venues"}
        assert first["venues"].keys() == {"bybit"}
        assert first["venues"]["bybit"].keys() == {"api_key", "secret", "password"}
        assert asked(first["port"])["retCode"] == 0
        assert ended(process) == ""


def test_a_person_is_told_where_it_is_and_what_a_script_did(home: Path, tmp_path: Path) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text(SCRIPT)
    with simex("--venues", "bybit", "--faults", str(script)) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(4)]
        address = next(word for word in lines[1].split() if word.startswith("http://"))
        port = int(address.split(":")[2].partition("/")[0])
        with pytest.raises(urllib.error.HTTPError):
            asked(port)
        assert asked(port)["retCode"] == 0
        out = ended(process)
        assert "status" in out
        assert "GET /v5/market/time" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--venues", "mtgox"), "nobody here plays mtgox"),
        (("--market", "random"), "--market random"),
        (("--market", "replay:x.csv"), "one symbol"),
        (("--clock", "sundial"), "--clock sundial"),
        (("--symbols", "BTCXYZ"), "BTCXYZ"),
        (("--faults", "nowhere.yaml"), "nowhere.yaml"),
        (("--faults", "."), "cannot read"),
        (("--venues", " , "), "no venue is named"),
        (("--symbols", ","), "no symbol is named"),
        (("--symbols", "B C/USDT"), "B C/USDT"),
    ],
)
def test_what_it_cannot_do_it_says(say: Say, words: tuple[str, ...], complaint: str) -> None:
    code, _, err = say("simex", *words)
    assert code == 1
    assert complaint in err
    code, out, err = say("simex", *words, "--json")
    assert code == 1
    assert complaint in json.loads(out or err)["error"]["message"]
