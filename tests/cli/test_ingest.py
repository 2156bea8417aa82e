"""`bowline ingest`, as a person uses it: over real sockets, looked at, and ended by Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bowline.desk.ingest import keep_report
from bowline.runtime.ingest import HealthReport, InstrumentHealth
from tests.cli.played import played, started
from tests.conftest import Say

NAMED = ("--markets", "bybit:linear", "--symbols", "BTCUSDT")
BTC = "bybit:linear:BTCUSDT"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with played() as found:
        yield found


@pytest.fixture(autouse=True)
def _there(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOWLINE_VENUES_URL", url)


def recording(process: subprocess.Popen[str]) -> HealthReport:
    """The first report that has ticks and candles."""
    assert process.stdout is not None
    for line in process.stdout:
        report = msgspec.json.decode(line, type=HealthReport)
        if report.counts["ticks"] > 20 and report.counts["candles_repaired"] > 100:
            return report
    raise AssertionError(process.stderr.read() if process.stderr else "")


def test_a_recording_is_seen_refuses_a_second_one_and_keeps_all_at_ctrl_c(say: Say) -> None:
    say("instruments", "sync", "--markets", "bybit:linear")
    with started("ingest", *NAMED, "--json") as process:
        report = recording(process)
        assert [each.name for each in report.instruments] == [BTC]
        status = json.loads(say("ingest", "--status", "--json")[1])
        assert status["running"]
        code, _, err = say("ingest", *NAMED)
        assert (code, "another process records" in err) == (1, True)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "everything received is stored" in err
    last = msgspec.json.decode(out.splitlines()[-1], type=HealthReport)
    assert last.ended
    code, out, _ = say("ingest", "--status")
    assert (code, "NOT running" in out) == (1, True)
    (candles,) = json.loads(say("candles", "list", "--json")[1])
    counts = last.counts
    assert candles["candles"] == counts["candles_live"] + counts["candles_repaired"]
    assert candles["gaps"] == 0
    days = json.loads(say("tape", "list", "--json")[1])
    ticks = sum(each["coverage"]["ticks"] for each in days)
    assert 0 < ticks <= counts["ticks"]
    assert {each["coverage"]["day"]["kind"] for each in days} == {"trades", "quotes"}


def report_of(home: Path, *, age_s: float = 0.0, late: bool = False, ended: bool = False) -> None:
    seen_ns = time.time_ns() - int(age_s * 1e9)
    each = InstrumentHealth(BTC, seen_ns, seen_ns, 130.0, late)
    keep_report(home, HealthReport(seen_ns, seen_ns, {"ticks": 1}, (each,), "no reply", ended))


def test_the_status_tells_running_late_stopped_and_gone_apart(say: Say, home: Path) -> None:
    code, _, err = say("ingest", "--status")
    assert (code, "nothing has been recorded" in err) == (1, True)
    told = []
    for more in ({}, {"late": True}, {"ended": True}, {"age_s": 60.0}):
        report_of(home, **more)
        code, out, _ = say("ingest", "--status")
        told.append((code, out.startswith("running"), "LATE" in out))
        assert "last error: no reply" in out
    assert told == [(0, True, False), (1, True, True), (1, False, False), (1, False, False)]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--markets", "bybit:linear", "--symbols", "XRPUSDT"), "lists no XRPUSDT"),
        (("--markets", "okx:linear", "--symbols", "BTCUSDT"), "instruments sync"),
        (("--markets", "mtgox"), "mtgox"),
        ((), "no instrument is on the recording list"),
        (("--markets", "bybit:linear"), "on the recording list"),
        (("--symbols", "BTCUSDT"), "--symbols needs --markets"),
        ((*NAMED, "--channels", "candles,rumours"), "unknown channels"),
        ((*NAMED, "--since", "yesterday"), "yesterday"),
    ],
)
def test_what_cannot_be_recorded_is_said_before_anything_begins(
    say: Say, words: tuple[str, ...], complaint: str
) -> None:
    say("instruments", "sync", "--markets", "bybit:linear")
    code, _, err = say("ingest", *words)
    assert code == 1
    assert complaint in err
