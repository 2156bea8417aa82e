"""The page of simulated venues: its table and lists, written and read back. It asks nobody."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bowline.simex import DIALECTS
from tests.simex.clients import CLASSES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "simex.md"
KINDS = ("spot", "linear")
YES, NO, ABSENT = "yes", "no", "·"


def rows(cells: dict[tuple[str, str], dict[str, str]], names: Iterable[str]) -> list[str]:
    """The table as the page has it; a column for each market of each venue."""
    markets = [(venue, kind) for venue in CLASSES for kind in KINDS]
    lines = [
        "| | " + " | ".join(f"{venue} {kind}" for venue, kind in markets) + " |",
        "|---|" + "---|" * len(markets),
    ]
    for name in names:
        marks = [_mark(cells, market, name) for market in markets]
        lines.append(f"| {name} | " + " | ".join(marks) + " |")
    return lines


def _mark(cells: dict[tuple[str, str], dict[str, str]], market: tuple[str, str], name: str) -> str:
    answers = cells.get(market, {})
    if name not in answers:
        return ABSENT
    return NO if answers[name] else YES


def cells_of_page() -> dict[tuple[str, str], dict[str, str]]:
    """What the page says: market -> operation -> mark."""
    text = PAGE.read_text("utf-8").partition("<!-- the judge's table -->")[2]
    table = text.partition("<!-- end of the judge's table -->")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    heads = [tuple(each.split()) for each in _cells(lines[0])[1:]]
    said: dict[tuple[str, str], dict[str, str]] = {(v, k): {} for v, k in heads}
    for line in lines[1:]:
        name, *marks = _cells(line)
        for (venue, kind), mark in zip(heads, marks, strict=True):
            said[venue, kind][name] = mark
    return said


def _cells(line: str) -> list[str]:
    return [each.strip() for each in line.strip().strip("|").split("|")]


def between(text: str, name: str, lines: list[str]) -> str:
    """The page with these lines between the marks of this name."""
    mark, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    head, _, rest = text.partition(mark)
    return head + mark + "\n".join(lines) + "\n" + end + rest.partition(end)[2]


def played() -> list[str]:
    """Every route and endpoint of every dialect, as the page has them."""
    lines = []
    for venue, dialect in DIALECTS.items():
        speaks = dialect()
        routes = sorted((route.path, route.method) for route in speaks.routes)
        lines += ["", f"### {venue}", ""]
        lines += [f"    {method:6} {path}" for path, method in routes]
        lines += [f"    WS     {endpoint.path}" for endpoint in speaks.endpoints]
    return lines
