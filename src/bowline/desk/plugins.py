"""Loading strategy plugins: from a folder of trusted files, and from installed packages.

No line of a file may run before the user has trusted it: a file that is new or has changed since is
refused before Python reads it. A plugin that cannot be loaded never keeps another from loading.

From the folder (`BOWLINE_STRATEGIES`, else `strategies` in the home):
1. Read the file's bytes once and take their SHA-256.
2. Refuse it unless the record of trust holds this hash for this path.
3. Compile and run those very bytes; every `Strategy` class defined in them is registered with
   that hash as its code.
From packages (entry points of the group `bowline.strategies`): installing a package is the trust;
the code hash is over every Python file of its top-level package.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

import msgspec

from bowline.core.errors import BadInput, BowlineError, Conflict, Damaged, NotFound
from bowline.core.signals import PluginFailure, RegisteredStrategy, Strategies, Strategy, register
from bowline.core.signals.strategy import plugin_errors

ENTRY_POINT_GROUP = "bowline.strategies"
MAX_PLUGIN_BYTES = 1024 * 1024

_GUIDE = "see docs/howto/write-a-strategy-plugin.md"


class TrustedFile(msgspec.Struct, frozen=True):
    """A file a person trusted, as it was then."""

    path: str
    sha256: str


class PluginFolder:
    """A folder of plugin files and the record of which of them are trusted."""

    def __init__(self, folder: Path, trust_file: Path) -> None:
        self.folder = folder
        self._trust_file = trust_file

    def trust(self, name: str) -> TrustedFile:
        """Record the SHA-256 of a file in the folder, given by its path or its name.

        Nothing in the file is run. Raises NotFound, or BadInput if it lies elsewhere.
        """
        path = Path(name) if Path(name).is_file() else self.folder / name
        if not path.is_file():
            raise NotFound(f"no file {path}", hint=f"put the plugin into {self.folder}")
        path = path.resolve()
        if path.parent != self.folder.resolve() or path.suffix != ".py":
            raise BadInput(
                f"{path} is not a .py file in the strategies folder",
                hint=f"copy it into {self.folder} and trust it there",
            )
        trusted = TrustedFile(str(path), _sha256(_content(path)))
        record = self._record() | {trusted.path: trusted.sha256}
        _replace(self._trust_file, json.dumps(record, indent=1, sort_keys=True) + "\n")
        return trusted

    def load(self) -> tuple[list[RegisteredStrategy], list[PluginFailure]]:
        """Every strategy of every trusted file, and a fault for each file that is not to be had."""
        entries: list[RegisteredStrategy] = []
        failures: list[PluginFailure] = []
        if not self.folder.is_dir():
            return entries, failures
        record = self._record()
        for path in sorted(self.folder.glob("*.py")):
            try:
                entries.extend(_from_file(path.resolve(), record))
            except BowlineError as error:
                failures.append(_fault(str(path), error))
        return entries, failures

    def _record(self) -> dict[str, str]:
        if not self._trust_file.exists():
            return {}
        try:
            return msgspec.json.decode(self._trust_file.read_bytes(), type=dict[str, str])
        except OSError as error:
            raise Conflict(
                f"the record of trusted plugins {self._trust_file} cannot be read: {error.strerror}"
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Damaged(
                f"the record of trusted plugins {self._trust_file} cannot be read: {error}",
                hint="delete it and trust the files again",
            ) from None


def load_plugins(folder: PluginFolder, points: Iterable[EntryPoint] | None = None) -> Strategies:
    """Every plugin there is, by folder and by entry point; `points` are the installed ones."""
    entries, failures = folder.load()
    found = entry_points(group=ENTRY_POINT_GROUP) if points is None else points
    for point in sorted(found, key=lambda each: (each.name, each.value)):
        try:
            entries.append(_from_package(point))
        except BowlineError as error:
            failures.append(_fault(_origin(point), error))
    return Strategies(entries, failures)


def _from_file(path: Path, record: dict[str, str]) -> list[RegisteredStrategy]:
    content = _content(path)
    code = _sha256(content)
    known = record.get(str(path))
    if known != code:
        why = "is not trusted" if known is None else "has changed since it was trusted"
        raise BadInput(
            f"{path} {why}, so it was not run",
            hint=f"read it, then run `bowline strategy trust {path}`",
        )
    origin = str(path)
    module = ModuleType(f"bowline_strategies.{path.stem}")
    module.__file__, module.__package__ = origin, ""
    with plugin_errors(origin, origin):
        # the bytes that were hashed are the bytes that run: nothing is read a second time
        exec(compile(content, origin, "exec"), module.__dict__)  # noqa: S102
    classes = [each for each in vars(module).values() if _is_own_strategy(each, module)]
    if not classes:
        raise BadInput(f"{path} defines no subclass of Strategy", hint=_GUIDE)
    return [register(each, origin, code, origin) for each in classes]


def _is_own_strategy(found: object, module: ModuleType) -> bool:
    # a class with a leading _ is there to be inherited from
    return (
        isinstance(found, type)
        and issubclass(found, Strategy)
        and found.__module__ == module.__name__
        and not found.__name__.startswith("_")
    )


def _from_package(point: EntryPoint) -> RegisteredStrategy:
    origin = _origin(point)
    files = _package_files(point.module)
    root = str(files[0].parent if len(files) > 1 else files[0])
    code = _files_hash(files)
    with plugin_errors(origin, root):
        found = point.load()
    return register(found, origin, code, root)


def _package_files(module: str) -> list[Path]:
    """The Python files of the module's top-level package, or the one file of a lone module."""
    name = module.partition(".")[0]
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise BadInput(f"the package {name} cannot be found", hint="install it again")
    first = Path(spec.origin)
    return sorted(first.parent.rglob("*.py")) if spec.submodule_search_locations else [first]


def _files_hash(files: list[Path]) -> str:
    """SHA-256 over names and contents; the folder that they lie in does not matter."""
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        name = path.relative_to(files[0].parent).as_posix()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _origin(point: EntryPoint) -> str:
    package = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
    return f"{point.name} = {point.value}{package}"


def _fault(origin: str, error: BowlineError) -> PluginFailure:
    message = "; ".join((error.message, *error.problems))
    return PluginFailure(origin, message, error.hint)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PLUGIN_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_PLUGIN_BYTES:
        raise BadInput(f"{path} is larger than {MAX_PLUGIN_BYTES} bytes: not a plugin")
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all, for its owner's eyes only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        _write_durably(handle, Path(name), text, path)
    except OSError as error:
        raise Conflict(
            f"{path} cannot be written: {error.strerror}",
            hint="nothing was trusted; check the folder, its permissions and free space",
        ) from error


def _write_durably(handle: int, draft: Path, text: str, path: Path) -> None:
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
