"""What every test may ask for: the shared market data, an own home, a fixed random order in CI."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bowline import cli

REPO = Path(__file__).resolve().parent.parent

settings.register_profile("dev", deadline=None)
# the same examples on every run: a red build must be red again when it is looked at
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real market data, which is never part of the repository.

    Absent, the test is skipped and says so; with CI set, it fails.
    """
    folder = Path(os.environ.get("BOWLINE_SHARED_DATA", REPO.parent / "shared" / "data"))
    if folder.is_dir():
        return folder
    message = f"no market data at {folder}: set BOWLINE_SHARED_DATA to the folder that has it"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty BOWLINE_HOME of this test's own, and no other BOWLINE_ variable set."""
    for name in [name for name in os.environ if name.startswith("BOWLINE_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("BOWLINE_HOME", str(folder))
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own, once of each kind; see tests/databases.py."""
    from tests.databases import database

    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """A command sets up the logs of its process; a test must not leave that to the next one."""
    root, hook = logging.getLogger(), sys.excepthook
    before, level = list(root.handlers), root.level
    yield
    if root.handlers == before and sys.excepthook is hook:
        return
    for handler in [each for each in root.handlers if each not in before]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    logging.getLogger("bowline").setLevel(logging.NOTSET)
    logging.captureWarnings(capture=False)
    sys.excepthook = hook
    if structlog := sys.modules.get("structlog"):
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()


Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Say:
    """Run `bowline …` in this process and in a home of its own: exit code, stdout, stderr."""
    del home

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["bowline", *words])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as end:
            cli.main()
        out = capsys.readouterr()
        return int(end.value.code or 0), out.out, out.err

    return run
