"""Protects the frame of the command: exit codes, light start, a bug that shows no secret."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bowline import __version__, cli
from bowline.cli.output import emit_table
from bowline.core.errors import BadInput

CANARY = "hunter2-canary-Zq8"
STORE = f"clickhouse://trader:{CANARY}@db.example/market"


@pytest.fixture
def with_command(monkeypatch: pytest.MonkeyPatch, home: Path) -> typer.Typer:
    """The real command line with one more command, to be given a body by the test."""
    app = typer.Typer()
    app.callback()(cli.root)
    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(sys, "argv", ["bowline", "try"])
    monkeypatch.setenv("BOWLINE_CANDLES", STORE)
    return app


def exit_code() -> object:
    with pytest.raises(SystemExit) as left:
        cli.main()
    return left.value.code


def test_what_a_person_can_mend_ends_with_1_and_every_problem(
    with_command: typer.Typer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @with_command.command("try")
    def command(as_json: bool = typer.Option(False, "--json")) -> None:
        raise BadInput("it is wrong", hint="mend it", problems=("first", "second"))

    assert exit_code() == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "error: it is wrong\n  - first\n  - second\nhint: mend it\n"
    monkeypatch.setattr(sys, "argv", ["bowline", "try", "--json"])
    assert exit_code() == 1
    error = json.loads(capsys.readouterr().err)["error"]
    assert error == {
        "kind": "BadInput", "message": "it is wrong", "problems": ["first", "second"],
        "hint": "mend it",
    }  # fmt: skip


def test_a_bug_ends_with_70_and_a_traceback_without_secrets(
    with_command: typer.Typer, capsys: pytest.CaptureFixture[str]
) -> None:
    """S8: the text of an exception nobody thought of may hold the whole address of the store."""

    @with_command.command("try")
    def command() -> None:
        raise RuntimeError(f"driver gave up on {STORE} with {CANARY}")

    assert exit_code() == cli.EXIT_BUG
    err = capsys.readouterr().err
    assert "RuntimeError: driver gave up on" in err
    assert CANARY not in err


def test_wrong_usage_ends_with_2(with_command: typer.Typer) -> None:
    @with_command.command("try")
    def command(count: int) -> None:
        raise AssertionError(count)

    assert exit_code() == 2


def test_a_line_of_a_library_is_json_and_masked() -> None:
    """Nothing sets up the logs until somebody writes one; then it comes out as the settings say."""
    program = (
        "import logging, os\n"
        "from bowline.cli import lazy_logs\n"
        "lazy_logs.start_logs_on_first_record()\n"
        f"os.environ['BOWLINE_CANDLES'] = {STORE!r}\n"
        f"logging.getLogger('driver').warning('lost %s', {CANARY!r})\n"
        "logging.getLogger('driver').warning('again')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    first, second = (json.loads(line) for line in done.stderr.splitlines())
    assert (first["event"], first["logger"]) == ("lost ***", "driver")
    assert second["event"] == "again"


def test_help_and_version_import_nothing_heavy() -> None:
    """`bowline --help` stays fast because nothing but the frame is imported for it."""
    program = (
        "import sys\n"
        "from bowline.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    for argument in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", program, argument], capture_output=True, text=True, check=True
        )
        loaded = set(json.loads(done.stderr.splitlines()[-1].replace("'", '"')))
        heavy = {"numpy", "duckdb", "pyarrow", "sqlalchemy", "alembic", "structlog", "yaml", "rich"}
        assert not loaded & heavy
    assert done.stdout.strip() == f"bowline {__version__}"


def test_what_runs_on_stored_candles_waits_for_no_reader_of_files() -> None:
    """Nor does a backtest wait for the kernel of sweeps."""
    program = (
        "import sys\n"
        "import bowline.desk.setup, bowline.research\n"
        "print('bowline.research.grid' in sys.modules)\n"
        "import bowline.desk.sweeps, bowline.desk.jobs\n"
        "print(*{'pyarrow', 'structlog', 'pandas'} & set(sys.modules))\n"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n\n"


def test_off_a_terminal_a_table_breaks_no_cell_and_an_empty_one_says_so(capsys) -> None:
    emit_table(("name", "value"), [("x" * 300, "y" * 300)])
    assert capsys.readouterr().out.split() == ["name", "value", "x" * 300, "y" * 300]
    emit_table(("name", "value"), [])
    assert capsys.readouterr().out.split() == ["name", "value", "none"]
