"""The command line as a person uses it, in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bowline import cli

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Say:
    """Run `bowline …`: exit code, stdout, stderr."""
    del home

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["bowline", *words])
        monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as end:
            cli.main()
        out = capsys.readouterr()
        return int(end.value.code or 0), out.out, out.err

    return run
