"""Protects `bowline doctor`: it finds what is wrong, says what to do, and shows no secret."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bowline.desk import checkup
from bowline.desk.checkup import CheckStatus

CANARY = "hunter2-canary-Zq8"


def doctor(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOWLINE_")}
    return subprocess.run(
        [sys.executable, "-c", "from bowline.cli import main; main()", "doctor", *arguments],
        env={**env, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_a_house_that_is_well_ends_with_0_and_says_so(home: Path) -> None:
    done = doctor("--json", BOWLINE_HOME=str(home))
    assert done.returncode == 0, done.stdout
    found = checks(done)
    assert json.loads(done.stdout)["ok"] is True
    assert {check["state"] for check in found.values()} <= {"OK", "WARN"}
    expected = {"python", "bowline", "duckdb", "settings", "logs", "home", "disk", "candle store",
                "TA-Lib", "indicators", "runs", "plugins"}  # fmt: skip
    assert expected <= found.keys()
    assert str(home) in found["home"]["finding"]


def test_for_people_it_is_a_table() -> None:
    done = doctor(BOWLINE_HOME="/nowhere/to/be/found")
    assert "python" in done.stdout
    assert "OK" in done.stdout


def test_every_wrong_setting_is_a_failed_line_with_what_to_do() -> None:
    done = doctor("--json", BOWLINE_SLIPAGE_PCT="1", BOWLINE_LOG_LEVEL="loud")
    assert done.returncode == 1
    failed = [c for c in json.loads(done.stdout)["checks"] if c["state"] == "FAIL"]
    assert len(failed) == 2
    assert all("docs/reference/settings.md" in check["hint"] for check in failed)


def test_a_store_that_cannot_be_opened_fails_without_showing_its_password(home: Path) -> None:
    url = f"clickhouse://trader:{CANARY}@127.0.0.1:1/market"
    for arguments in (["--json"], []):
        done = doctor(*arguments, BOWLINE_HOME=str(home), BOWLINE_CANDLES=url)
        assert done.returncode == 1
        assert "candle store" in done.stdout
        assert CANARY not in done.stdout + done.stderr


def test_a_journal_that_is_none_fails(home: Path) -> None:
    (home / "journals").mkdir()
    (home / "journals" / "run-7.db").write_bytes(b"this was never a journal" * 100)
    done = doctor("--json", BOWLINE_HOME=str(home))
    assert done.returncode == 1
    check = checks(done)["runs"]
    assert (check["state"], "run-7.db" in check["finding"]) == ("FAIL", True)


def test_a_plugin_that_is_not_loaded_is_a_warning(home: Path) -> None:
    (home / "strategies").mkdir()
    (home / "strategies" / "mine.py").write_text("raise RuntimeError")
    done = doctor("--json", BOWLINE_HOME=str(home))
    check = checks(done)["plugins"]
    assert (done.returncode, check["state"]) == (0, "WARN")
    assert check["hint"]


def test_a_home_that_is_a_file_fails(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (check,) = checkup.home_checks(file / "below")
    assert check.state is CheckStatus.FAIL
    assert check.hint


def test_a_home_that_is_not_there_yet_is_fine_and_stays_unmade(tmp_path: Path) -> None:
    home, _ = checkup.home_checks(tmp_path / "a" / "b")
    assert home.state is CheckStatus.OK
    assert not (tmp_path / "a").exists()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, state in (
        ("SCARCE_BYTES", CheckStatus.FAIL),
        ("COMFORTABLE_BYTES", CheckStatus.WARN),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(checkup, limit, 10**18)
            (_, disk) = checkup.home_checks(tmp_path)
            assert disk.state is state
            assert disk.hint


def test_a_secret_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text("")
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    (check,) = checkup.secret_file_checks([("BOWLINE_SECRETS_FILE", file)])
    assert check.state is CheckStatus.OK
    file.chmod(0o644)
    (check,) = checkup.secret_file_checks([("BOWLINE_SECRETS_FILE", file)])
    assert check.state is CheckStatus.WARN
    assert check.hint == f"chmod 600 {file}"


def test_assertions_that_are_off_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-c", "from bowline.desk.checkup import *; print(python_check())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "FAIL" in done.stdout


def test_a_bus_that_does_not_answer_fails_and_one_in_memory_does_not(home: Path) -> None:
    """Port 1 refuses; a listener that never answers is given up on."""
    assert checks(doctor("--json", BOWLINE_HOME=str(home)))["bus"]["state"] == "OK"
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        for port in (1, deaf.getsockname()[1]):
            url = f"redis://:{CANARY}@127.0.0.1:{port}/0"
            done = doctor("--json", BOWLINE_HOME=str(home), BOWLINE_BUS=url)
            check = checks(done)["bus"]
            assert (done.returncode, check["state"]) == (1, "FAIL")
            assert "does not answer" in check["finding"]
            assert "BOWLINE_BUS" in check["hint"]
            assert CANARY not in done.stdout + done.stderr


def test_a_database_that_does_not_answer_fails_without_a_home_too(tmp_path: Path) -> None:
    url = f"postgresql://bowline:{CANARY}@127.0.0.1:1/bowline"
    done = doctor("--json", BOWLINE_HOME=str(tmp_path / "absent"), BOWLINE_DATABASE=url)
    assert (done.returncode, checks(done)["runs"]["state"]) == (1, "FAIL")
    assert CANARY not in done.stdout + done.stderr


def test_what_others_can_read_is_a_warning_that_says_how_to_close_it(home: Path) -> None:
    """Modes do not stop root, but everyone can see them."""
    home.chmod(0o700)
    (home / "journals").mkdir(mode=0o700)
    assert checks(doctor("--json", BOWLINE_HOME=str(home)))["permissions"]["state"] == "OK"
    (home / "tables.db").chmod(0o644)
    tape = home.parent / "a tape"
    tape.mkdir(mode=0o755)
    for place, settings in ((home, {}), (tape, {"BOWLINE_TAPE": str(tape)})):
        check = checks(doctor("--json", BOWLINE_HOME=str(home), **settings))["permissions"]
        assert check["state"] == "WARN"
        subprocess.run(check["hint"], shell=True, check=True)
        assert place.stat().st_mode & 0o777 == 0o700
        check = checks(doctor("--json", BOWLINE_HOME=str(home), **settings))["permissions"]
        assert check["state"] == "OK"
    assert (home / "tables.db").stat().st_mode & 0o777 == 0o600


def test_every_optional_package_is_named_with_what_adds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = checkup.version

    def bare(name: str) -> str:
        if name in checkup.OPTIONAL:
            raise checkup.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(checkup, "version", bare)
    found = {check.name: check for check in checkup.package_checks()}
    expected = {"ccxt": "live", "redis": "servers", "pg8000": "servers", "chdb": "chdb",
                "clickhouse-connect": "servers", "distributed": "cluster"}  # fmt: skip
    for name, target in expected.items():
        assert found[name].state is CheckStatus.OK
        assert found[name].hint == f"in the checkout: make {target}"


def test_a_bowline_that_was_never_installed_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_name: str) -> list[str]:
        raise checkup.PackageNotFoundError

    monkeypatch.setattr(checkup, "requires", unknown)
    check = next(check for check in checkup.package_checks() if check.name == "bowline")
    assert (check.state, "make setup" in check.hint) == (CheckStatus.WARN, True)
