"""One HTML file that needs nothing else: no network, no font, no script from outside.

A page is a frame, a body and a few scripts, each a file of a package. The content security policy
of the frame allows only the scripts assembled here, and the data of the charts is JSON that cannot
end its element. Nothing here may know what a page is about; the caller escapes the text of a body.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from string import Template

import msgspec

from bowline.desk.output_files import Output

_HERE = "bowline.desk.page"
#: scripts of every page, before its own
_SCRIPTS = ("format.js", "chart.js", "table.js")


def assemble(
    package: str,
    name: str,
    *,
    title: str,
    scripts: Iterable[str],
    drawing: object,
    fields: Mapping[str, str],
) -> str:
    """The page `name`.html of `package` with `name`.css, in the common frame.

    `fields` fill the body and must be escaped already; `title` is plain; `drawing` becomes JSON.
    """
    script = "".join(_part(_HERE, common) for common in _SCRIPTS)
    script += "".join(_part(package, own) for own in scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(_part(_HERE, "frame.html")).substitute(
        title=escape(title),
        style=_part(_HERE, "page.css") + _part(package, f"{name}.css"),
        body=Template(_part(package, f"{name}.html")).substitute(fields),
        drawing=_json(drawing),
        script=script,
        script_hash=digest,
    )


def write_page(page: str, out: Output) -> None:
    """Write the page. Raises BowlineError if it cannot be written there."""
    with out.draft() as path:
        # a file name may hold bytes that are no text: they are shown as escapes
        path.write_text(page, encoding="utf-8", errors="backslashreplace")


def definitions(lines: Iterable[tuple[str, str]]) -> str:
    """The inside of a `dl`: a name and its text each."""
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in lines)


def sign(value: float | None) -> str:
    """The class that colours a figure."""
    if not value:
        return "flat"
    return "gain" if value > 0 else "loss"


def _part(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text("utf-8")


def _json(value: object) -> str:
    # inside a script element only `<` could end it, and names may hold anything
    return msgspec.json.encode(value).decode().replace("<", "\\u003c")
