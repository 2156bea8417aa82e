"""What every test may ask for: the shared market data, an own home, the same choices every time."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from bowline import cli
from tests import chance

if TYPE_CHECKING:
    from tests.desk.browser import Browser

REPO = Path(__file__).resolve().parent.parent

#: a machine that is busy is no fault, and no run may hang on what an earlier one left behind
_ANYWHERE = {
    "deadline": None,
    "database": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow],
}
# the same examples in every run: what is red here is red wherever it is looked at
settings.register_profile("fixed", derandomize=True, **_ANYWHERE)
# in a search Hypothesis draws from --hypothesis-seed, and more where a test sets no number
settings.register_profile("search", derandomize=False, max_examples=300, **_ANYWHERE)
settings.load_profile("search" if chance.SEARCH else "fixed")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a search, only what draws anything is run, and it draws from the number of the search."""
    if not chance.SEARCH:
        return
    drawing = [
        each for each in items if {"hypothesis", "chance"} & {m.name for m in each.iter_markers()}
    ]
    config.hook.pytest_deselected(items=[each for each in items if each not in drawing])
    items[:] = drawing


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
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)
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


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser for pages. Absent, the test is skipped and says so; with CI set, it fails."""
    from tests.desk import browser

    browser.needed()
    opened = browser.Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


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
