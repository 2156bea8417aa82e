"""The house rules as functions: a source file in, what breaks the rule out. They read, never run.

A finding's `place` carries no line number, so that an exception for it survives an edit above it.
A rule knows nothing of exceptions; `tests/test_house.py` holds the list.
"""

from __future__ import annotations

import ast
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from io import StringIO
from pathlib import PurePosixPath

FILE_LINES = 500
FUNCTION_LINES = 60
PUBLIC_METHODS = 20


@dataclass(frozen=True)
class Source:
    """One file: its path from the repository's root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def in_src(self) -> bool:
        return self.path.startswith("src/")


@dataclass(frozen=True, order=True)
class Finding:
    """What broke which rule, and where. `rule place` is the key of an exception."""

    rule: str
    place: str
    message: str

    @property
    def key(self) -> str:
        return f"{self.rule} {self.place}"


Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


def definitions(tree: ast.Module) -> Iterator[Definition]:
    """Every class and function, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            yield node


def sizes(source: Source) -> Iterator[Finding]:
    """Files under 500 lines, functions under 60, classes under 20 public methods."""
    lines = source.text.count("\n")
    if lines >= FILE_LINES:
        yield Finding("size", source.path, f"{lines} lines: the limit is {FILE_LINES}")
    for node in definitions(source.tree):
        place = f"{source.path}:{node.name}"
        if isinstance(node, ast.ClassDef):
            public = [m for m in node.body if isinstance(m, Function) and m.name[0] != "_"]
            if len(public) >= PUBLIC_METHODS:
                yield Finding("size", place, f"{len(public)} public methods")
        elif (length := (node.end_lineno or node.lineno) - node.lineno + 1) >= FUNCTION_LINES:
            yield Finding("size", place, f"{length} lines: the limit is {FUNCTION_LINES}")


_LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(source: Source) -> int:
    """Lines that hold code: no blank line, no comment, no docstring, no import."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(StringIO(source.text).readline):
        if token.type not in _LAYOUT:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(source.tree):
        skipped: ast.stmt | None = None
        if isinstance(node, ast.Import | ast.ImportFrom):
            skipped = node
        elif isinstance(node, ast.Module | Definition) and ast.get_docstring(node) is not None:
            skipped = node.body[0]
        if skipped is not None:
            lines -= set(range(skipped.lineno, (skipped.end_lineno or skipped.lineno) + 1))
    return len(lines)


_EMPTY_WORDS = {
    "manager", "service", "helper", "helpers", "util", "utils", "base", "impl", "data", "info",
}  # fmt: skip
_OTHER_TONGUES = {
    "kline": "candle", "klines": "candles", "bar": "candle", "bars": "candles",
    "exchange": "venue", "exchanges": "venues", "broker": "venue", "brokers": "venues",
}  # fmt: skip


def names(source: Source) -> Iterator[Finding]:
    """Modules, classes, functions: no word that says nothing, none of another glossary."""
    stem = PurePosixPath(source.path).stem
    for name in (stem, *(node.name for node in definitions(source.tree))):
        words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
        for word in sorted(words & _EMPTY_WORDS):
            yield Finding(
                "name", f"{source.path}:{name}", f"{word!r} says nothing: name what it is"
            )
        # a test may speak of the files that others made
        for word in sorted(words & _OTHER_TONGUES.keys() if source.in_src else ()):
            ours = _OTHER_TONGUES[word]
            yield Finding("name", f"{source.path}:{name}", f"{word!r} is {ours!r} in this house")


_LIVES = {"live", "paper", "backtest", "backtesting", "dry_run", "dryrun", "sandbox", "simulated"}
_MODE_NAME = re.compile(
    r"_*(is|in|not)_(live|paper|backtest|backtesting|sandbox|simulated)(_mode)?"
    r"|_*dry_?run"
    r"|_*(live|paper|backtest|sandbox|trading|execution)_mode"
)


def mode_words(source: Source) -> Iterator[Finding]:
    """Only `wire.py` may know which life this is: no such name, no question about it."""
    if not source.in_src or source.path == "src/bowline/wire.py":
        return
    for node in ast.walk(source.tree):
        for name in _spelled(node):
            if _MODE_NAME.fullmatch(name):
                yield Finding("mode", f"{source.path}:{name}", "a name that asks for the mode")
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            for name in {n for part in ast.walk(node.test) for n in _spelled(part)} & _LIVES:
                yield Finding("mode", f"{source.path}:{name}", "a condition on the mode")
        if isinstance(node, ast.Compare):
            texts = {p.value for p in ast.walk(node) if isinstance(p, ast.Constant)}
            for text in sorted(t for t in texts if isinstance(t, str) and t in _LIVES):
                yield Finding("mode", f"{source.path}:{text}", "a comparison with a mode")


def _spelled(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name):
            return (name,)
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.keyword(arg=str(name)) | ast.alias(asname=str(name)):
            return (name,)
    return ()


def broad_excepts(source: Source) -> Iterator[Finding]:
    """Nobody catches everything, by `except` or by `suppress`.

    `except BaseException` that ends in a bare `raise` cleans up and catches nothing.
    """
    if not source.in_src:
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.ExceptHandler(
                type=ast.Name(id="BaseException"), body=[*_, ast.Raise(exc=None)]
            ):
                continue
            case ast.ExceptHandler(type=None):
                yield Finding("except", source.path, "a bare except")
            case ast.ExceptHandler(type=kind) if kind is not None and _catches_all(kind):
                yield Finding("except", source.path, "catches every exception")
            case ast.Call(func=function, args=kinds) if _last_name(function) == "suppress":
                if any(_catches_all(kind) for kind in kinds):
                    yield Finding("except", source.path, "suppresses every exception")


def _catches_all(kind: ast.expr) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(_last_name(each) in {"Exception", "BaseException"} for each in kinds)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


_EXACT_ROOMS = ("src/bowline/core/model/", "src/bowline/core/engine/")


def floats(source: Source) -> Iterator[Finding]:
    """Money is Decimal where decisions and records are made: no float there in any form."""
    if not source.path.startswith(_EXACT_ROOMS):
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Constant(value=float()):
                yield Finding("float", source.path, f"line {node.lineno}: the literal {node.value}")
            case ast.Name(id="float"):
                yield Finding("float", source.path, f"line {node.lineno}: float")
            case ast.Attribute(attr=("float64" | "float32") as name):
                yield Finding("float", source.path, f"line {node.lineno}: {name}")


def approvals(source: Source) -> Iterator[Finding]:
    """An `Approved` is made in `core/engine/risk.py` and nowhere else."""
    if not source.in_src or source.path == "src/bowline/core/engine/risk.py":
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and _last_name(node.func) == "Approved":
            yield Finding("approved", source.path, f"line {node.lineno}: only the gate says yes")


_PURE_MODULES = {
    "__future__", "abc", "bisect", "bowline", "collections", "contextlib", "dataclasses",
    "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq",
    "itertools", "json", "math", "msgspec", "numbers", "numpy", "operator", "re", "statistics",
    "string", "talib", "textwrap", "types", "typing",
}  # fmt: skip
_IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "breakpoint", "__import__"}
_IMPURE_METHODS = {"now", "utcnow", "today", "memmap", "fromfile", "tofile", "savez", "default_rng"}


def purity(source: Source) -> Iterator[Finding]:
    """The core imports only what computes, and never reads a clock, a file or a random number."""
    if not source.path.startswith("src/bowline/core/"):
        return
    for root in sorted({name.partition(".")[0] for name in imported(source.tree)}):
        if root not in _PURE_MODULES:
            yield Finding(
                "pure", f"{source.path}:{root}", "not among the modules that only compute"
            )
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in _IMPURE_CALLS:
                yield Finding("pure", f"{source.path}:{name}", "acts on the world outside")
            case ast.Attribute(attr=name) if name in _IMPURE_METHODS:
                yield Finding("pure", f"{source.path}:{name}", "reads a clock, a file or chance")
            case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="random"):
                yield Finding("pure", f"{source.path}:random", "reads chance")


def imported(tree: ast.Module) -> set[str]:
    """Names of everything imported, wherever in the file; `from a import b` gives `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def docstrings(source: Source) -> Iterator[Finding]:
    """Every module says what it is and what it must never do; an empty file is no module yet."""
    if source.text.strip() and not ast.get_docstring(source.tree):
        yield Finding("docstring", source.path, "opens without a docstring")


#: a store, a venue's own room, or a table of all of them
_CONCRETE = re.compile(
    r"bowline\.(storage\.(embedded|servers)"
    r"|venues\.(binance|bingx|bitget|bybit|gate|htx|mexc|okx|codecs|rest))\b"
)
_MAY_NAME_CONCRETE = ("src/bowline/wire.py", "src/bowline/storage/", "src/bowline/venues/")


def concrete_names(source: Source) -> Iterator[Finding]:
    """Only `wire.py` names a concrete store or venue; the others get one handed."""
    if not source.in_src or source.path.startswith(_MAY_NAME_CONCRETE):
        return
    for name in sorted(imported(source.tree)):
        if found := _CONCRETE.match(name):
            yield Finding("concrete", f"{source.path}:{found[0]}", "ask wire for it")


_UNFINISHED = re.compile(r"\b(TO[D]O|FI[X]ME|X[X]X|HA[C]K)\b")
#: a path only one machine has, or a registry that only some can reach
_SOMEWHERE = re.compile(
    r"(?<![\w.>-])/(work|home|root|Users|opt)/\w+|[p]ypi\.org|[p]ythonhosted\.org|[n]pmjs\.org"
    r"|--(extra-)?[i]ndex-url|--[f]ind-links"
)


def finished(source: Source) -> Iterator[Finding]:
    """Nothing is left to be done later without an issue, in any text of the repository."""
    for found in _UNFINISHED.finditer(source.text):
        yield Finding("unfinished", source.path, f"{found[0]} near {_line(source, found)!r}")


def portable(source: Source) -> Iterator[Finding]:
    """Nothing names a path of one machine or the host of a package registry."""
    for found in _SOMEWHERE.finditer(source.text):
        yield Finding("portable", source.path, f"{found[0]} near {_line(source, found)!r}")


def _line(source: Source, found: re.Match[str]) -> str:
    start = source.text.rfind("\n", 0, found.start()) + 1
    return source.text[start:].partition("\n")[0].strip()[:80]


#: rules over Python files one by one
PYTHON_RULES: tuple[Callable[[Source], Iterator[Finding]], ...] = (
    sizes, names, mode_words, broad_excepts, floats, approvals, purity, docstrings, concrete_names,
)  # fmt: skip
#: rules over every text file
TEXT_RULES: tuple[Callable[[Source], Iterator[Finding]], ...] = (finished, portable)


def check(source: Source) -> Iterator[Finding]:
    """All that one file breaks."""
    rules = (*PYTHON_RULES, *TEXT_RULES) if source.path.endswith(".py") else TEXT_RULES
    for rule in rules:
        yield from rule(source)


def unreached(sources: list[Source], entries: set[str]) -> Iterator[Finding]:
    """Dead files: modules under `src` that no import leads to from the entry modules.

    1. A module's name is its path below `src`; a package's file is its `__init__`. An entry
       `a.b.*` is every module below `a.b`.
    2. From each entry, follow every import, in functions too; a module pulls in its packages.
    3. What is left over is dead.
    """
    modules = {module_name(source.path): source for source in sources if source.in_src}
    reached: set[str] = set()
    waiting = [name for name in modules for entry in entries if fnmatchcase(name, entry)]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in modules:
            continue
        reached.add(name)
        waiting.extend(imported(modules[name].tree))
        waiting.append(name.rpartition(".")[0])
    for name in sorted(modules.keys() - reached):
        yield Finding("dead", modules[name].path, "nothing leads to it: use it or delete it")


def module_name(path: str) -> str:
    """`src/bowline/cli/__init__.py` is `bowline.cli`."""
    parts = PurePosixPath(path).relative_to("src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unfaced(paths: set[str]) -> Iterator[Finding]:
    """A folder of modules without `__init__` is not in the wheel and invisible to the layers."""
    python = {PurePosixPath(path) for path in paths if path.startswith("src/")}
    for folder in sorted({path.parent for path in python if path.suffix == ".py"}):
        if folder / "__init__.py" not in python:
            yield Finding("face", str(folder), "a package without its __init__")
