"""House rules about modules: circles, libraries outside their rooms, names with two meanings.

As in `rules.py` they read and never run, and know nothing of exceptions.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tests.house.rules import Finding, Source, module_name

#: library -> the rooms and files below `src/bowline` that may import it; "" is everywhere
LIBRARIES: dict[str, tuple[str, ...]] = {
    "aiohttp": ("simex/", "venues/registry.py", "venues/rest/", "venues/stream/"),
    "alembic": ("storage/migrations/",),
    "ccxt": ("venues/rest/client.py",),
    "chdb": ("storage/servers/",),
    "clickhouse_connect": ("storage/servers/",),
    "dask": ("research/jobs/cluster.py",),
    "distributed": ("research/jobs/cluster.py",),
    "duckdb": ("storage/embedded/",),
    "msgspec": ("",),
    "numpy": ("",),
    "picows": ("venues/stream/",),
    "pg8000": ("storage/servers/",),
    "platformdirs": ("settings.py",),
    "pyarrow": (
        "desk/export.py",
        "research/grid/result.py",
        "storage/embedded/",
        "storage/files/",
        "storage/servers/",
        "storage/tape/",
    ),
    "redis": ("runtime/bus/",),
    "rich": ("cli/", "desk/portfolio_report/terminal.py", "desk/report/terminal.py"),
    "sqlalchemy": ("storage/", "wire.py"),
    "structlog": ("logs.py",),
    "talib": ("core/signals/ta_lib.py",),
    "typer": ("cli/",),
    "uvloop": ("cli/ingest.py",),
    "yaml": ("desk/spec_text.py", "storage/catalogue.py", "storage/document.py"),
    "yarl": ("venues/rest/",),
}
_LOADERS = {"import_module", "__import__"}


def libraries(source: Source) -> Iterator[Finding]:
    """A library is imported where its room is, and a new one gets a line in the table first."""
    if not source.in_src:
        return
    place = source.path.removeprefix("src/bowline/")
    for name in sorted(_foreign(source.tree)):
        rooms = LIBRARIES.get(name)
        if rooms is None:
            yield Finding("library", f"{source.path}:{name}", "has no room yet: see LIBRARIES")
        elif not place.startswith(rooms):
            yield Finding("library", f"{source.path}:{name}", f"is kept to {' '.join(rooms)}")


def _foreign(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {each.name for each in names}
            case ast.ImportFrom(module=str(module)):
                found.add(module)
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name),
                args=[ast.Constant(str(text)), *_],
            ) if name in _LOADERS:
                found.add(text)
    roots = {name.partition(".")[0] for name in found}
    return roots - sys.stdlib_module_names - {"bowline", "__future__"}


def circles(sources: Sequence[Source]) -> Iterator[Finding]:
    """Modules that import each other, directly or through others; annotations count as well.

    1. A module's imports are those anywhere in its file; `from a import b` is `a.b` if that is a
       module, and `a` otherwise.
    2. Modules that can reach each other are one component (Tarjan, 1972); of two or more, a circle.
    """
    modules = {module_name(source.path): source for source in sources if source.in_src}
    graph = {name: _imports(source.tree, modules) for name, source in modules.items()}
    for component in _components(graph):
        if len(component) > 1:
            names = " ".join(sorted(component))
            yield Finding("circle", names, "import each other: let one of them know less")


def _imports(tree: ast.Module, modules: Mapping[str, Source]) -> list[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {each.name for each in names}
            case ast.ImportFrom(module=str(module), names=names):
                for each in names:
                    below = f"{module}.{each.name}"
                    found.add(below if below in modules else module)
    return sorted(found & modules.keys())


def _components(graph: Mapping[str, list[str]]) -> list[set[str]]:
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    waiting: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        number[name] = lowest[name] = len(number)
        waiting.append(name)
        for each in graph[name]:
            if each not in number:
                visit(each)
            if each in waiting:
                lowest[name] = min(lowest[name], lowest[each])
        if lowest[name] == number[name]:
            at = waiting.index(name)
            found.append(set(waiting[at:]))
            del waiting[at:]

    for name in graph:
        if name not in number:
            visit(name)
    return found


def meanings(sources: Sequence[Source]) -> Iterator[Finding]:
    """The name of a public class means one thing: it is defined once under `src`."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for source in sources:
        for node in source.tree.body if source.in_src else ():
            if isinstance(node, ast.ClassDef) and node.name[0] != "_":
                places[node.name].append(source.path.removeprefix("src/bowline/"))
    for name, paths in places.items():
        if len(paths) > 1:
            yield Finding("meaning", name, f"a class in each of {', '.join(sorted(paths))}")


#: rooms whose records take keywords; a room that is done joins them and stays
KEYWORD_ROOMS = ("cli/", "desk/", "storage/")
MAX_POSITIONAL = 6


def positional(source: Source) -> Iterator[Finding]:
    """A record of many fields is built by keywords: in a row of seven values two change places."""
    if not (source.in_src and source.path.removeprefix("src/bowline/").startswith(KEYWORD_ROOMS)):
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ClassDef) or not _is_record(node):
            continue
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        if len(fields) > MAX_POSITIONAL and not any(k.arg == "kw_only" for k in node.keywords):
            message = f"{len(fields)} fields: more than {MAX_POSITIONAL} need kw_only=True"
            yield Finding("positional", f"{source.path}:{node.name}", message)


def _is_record(node: ast.ClassDef) -> bool:
    names = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    return not names.isdisjoint({"Struct", "NamedTuple"})
