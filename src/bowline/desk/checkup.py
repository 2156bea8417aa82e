"""Health checks of the installation and the home, a line each.

A check must never repair, create or delete anything lasting, and never raise for what it finds.
"""

from __future__ import annotations

import platform
import shlex
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from re import match

from msgspec import Struct

from bowline import __version__
from bowline.core.errors import BowlineError
from bowline.desk.restore import unfinished

OLDEST_PYTHON = (3, 11)
#: a year of one-minute candles of ten instruments, with room for journals and reports
COMFORTABLE_BYTES = 2_000_000_000
SCARCE_BYTES = 200_000_000
_RIGHTS = "give this user the right to write there, or set BOWLINE_HOME to another folder"
_SET_UP = "in the checkout: make setup"
#: what is installed; `bowline` on the public index is another project's
DISTRIBUTION = "bowline-trading"
#: what each optional package is for, and the target of the Makefile that adds it
OPTIONAL = {
    "ccxt": ("live", "real and simulated venues"),
    "clickhouse-connect": ("servers", "candles on a ClickHouse server"),
    "pg8000": ("servers", "strategies, runs and jobs on a PostgreSQL server"),
    "redis": ("servers", "the bus on a Redis server"),
    "chdb": ("chdb", "candles in an embedded ClickHouse"),
    "distributed": ("cluster", "sweeps on a Dask cluster"),
}


class CheckStatus(Enum):
    """How well it is."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


class HealthCheck(Struct, frozen=True):
    """What was looked at, how it is, what was found, and what to do if it is not well."""

    name: str
    state: CheckStatus
    finding: str
    hint: str = ""


def attempt(name: str, look: Callable[[], str]) -> HealthCheck:
    """OK with what `look` says, or FAIL with the error it ends in."""
    try:
        return HealthCheck(name, CheckStatus.OK, look())
    except BowlineError as error:
        finding = "; ".join((error.message, *error.problems))
        return HealthCheck(name, CheckStatus.FAIL, finding, error.hint)
    except ImportError as error:
        return HealthCheck(
            name, CheckStatus.FAIL, f"{error.name} is not installed", "see the packages above"
        )


def python_check() -> HealthCheck:
    """The interpreter: new enough, and with its assertions on."""
    finding = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        needed = ".".join(map(str, OLDEST_PYTHON))
        return HealthCheck("python", CheckStatus.FAIL, finding, f"install Python {needed} or newer")
    if not __debug__:
        hint = "start it without -O and PYTHONOPTIMIZE: assertions protect trades"
        return HealthCheck("python", CheckStatus.FAIL, f"{finding}, assertions off", hint)
    return HealthCheck("python", CheckStatus.OK, finding)


def package_checks() -> tuple[HealthCheck, ...]:
    """Bowline itself, what it requires, and what it can use."""
    return (
        *_required_checks(),
        *(_optional(name, target, what) for name, (target, what) in OPTIONAL.items()),
    )


def _required_checks() -> Iterator[HealthCheck]:
    try:
        names = [text for text in requires(DISTRIBUTION) or () if "extra ==" not in text]
    except PackageNotFoundError:
        finding = f"{__version__}, not installed: its requirements are not known"
        yield HealthCheck("bowline", CheckStatus.WARN, finding, _SET_UP)
        return
    yield HealthCheck("bowline", CheckStatus.OK, version(DISTRIBUTION))
    for name in sorted({found[0].lower() for text in names if (found := match(r"[\w.-]+", text))}):
        try:
            yield HealthCheck(name, CheckStatus.OK, version(name))
        except PackageNotFoundError:
            yield HealthCheck(name, CheckStatus.FAIL, "not installed", _SET_UP)


def _optional(name: str, target: str, what: str) -> HealthCheck:
    try:
        return HealthCheck(name, CheckStatus.OK, version(name))
    except PackageNotFoundError:
        finding = f"not installed; needed only for {what}"
        return HealthCheck(name, CheckStatus.OK, finding, f"in the checkout: make {target}")


def home_checks(home: Path) -> tuple[HealthCheck, ...]:
    """The folder for everything that is kept: whole, there or makeable, writable, with room."""
    try:
        nearest = next(folder for folder in (home, *home.parents) if folder.exists())
        cut_off = unfinished(home)
    except OSError as error:
        return (HealthCheck("home", CheckStatus.FAIL, f"{home}: {error.strerror}", _RIGHTS),)
    if not nearest.is_dir():
        hint = "BOWLINE_HOME must be a folder"
        return (HealthCheck("home", CheckStatus.FAIL, f"{nearest} is not a folder", hint),)
    if cut_off is not None:
        return (HealthCheck("home", CheckStatus.FAIL, cut_off.message, cut_off.hint),)
    try:
        with tempfile.TemporaryFile(dir=nearest):
            made = "" if nearest == home else ", not created yet"
    except OSError as error:
        return (HealthCheck("home", CheckStatus.FAIL, f"{home}: {error.strerror}", _RIGHTS),)
    return HealthCheck("home", CheckStatus.OK, f"{home}{made}"), _room_check(nearest)


def exposed_check(roots: Iterable[Path]) -> HealthCheck:
    """Whether others can read or change these folders and files, or what lies directly in them."""
    found = {root: exposed for root in roots if (exposed := _exposed(root))}
    if not found:
        return HealthCheck("permissions", CheckStatus.OK, "no other user can read the files")
    paths = [path for exposed in found.values() for path in exposed]
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    finding = f"{paths[0]}{more} can be read by others"
    return HealthCheck(
        "permissions", CheckStatus.WARN, finding, f"chmod -R go= {shlex.join(map(str, found))}"
    )


def _exposed(root: Path) -> list[Path]:
    try:
        places = [root, *sorted(root.iterdir())] if root.is_dir() else [root]
        modes = [(path, path.lstat().st_mode) for path in places]
    except OSError:
        # what is not there, or not ours to look into, exposes nothing of ours
        return []
    # a link's own mode says nothing
    others = stat.S_IRWXG | stat.S_IRWXO
    return [path for path, mode in modes if mode & others and not stat.S_ISLNK(mode)]


def _room_check(folder: Path) -> HealthCheck:
    free = shutil.disk_usage(folder).free
    state = CheckStatus.WARN if free < COMFORTABLE_BYTES else CheckStatus.OK
    state = CheckStatus.FAIL if free < SCARCE_BYTES else state
    hint = "" if state is CheckStatus.OK else "free some space, or set BOWLINE_HOME to another disk"
    return HealthCheck("disk", state, f"{free / 1e9:.1f} GB free", hint)


def secret_file_checks(files: Iterable[tuple[str, Path]]) -> tuple[HealthCheck, ...]:
    """Files with secrets in them, by variable: only their owner should be able to read them."""
    return tuple(_secret_file_check(name, path) for name, path in files)


def _secret_file_check(name: str, path: Path) -> HealthCheck:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return HealthCheck(
            name, CheckStatus.FAIL, f"{path}: {error.strerror}", "name an existing file"
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        finding = f"{path} can be read by others ({stat.filemode(mode)})"
        return HealthCheck(name, CheckStatus.WARN, finding, f"chmod 600 {path}")
    return HealthCheck(name, CheckStatus.OK, str(path))
