"""Files that hold no table: what they are instead, named in words, with what their text says.

What a download saves under the name of a table is often the server's answer to it: an error in
JSON, a web page, a line of text. Nothing here may refuse what a reader can read: it is asked where
reading is not possible.

1. The first bytes name other formats: pictures, archives, databases, workbooks.
2. JSON is told by its keys: an error with its code and its message, an answer with rows in it, or
   neither.
3. A web page is told by its title, an XML document by its message.
4. A few short lines of text are shown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from bowline.core.errors import BadInput

_MAGIC = (
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook"),
    (b"\x89HDF\r\n", "an HDF5 file"),
)
#: names in a zip that is a workbook, not an archive of files
_WORKBOOK = frozenset({"[Content_Types].xml", "content.xml"})
_LFS = "version https://git-lfs.github.com/spec/"

#: where venues put the code and the message of a refusal, each after its own documents: code, msg
#: (Binance, OKX, Bitget, MEXC, BingX), retCode, retMsg (Bybit v5), label, message (Gate v4),
#: err-code, err-msg (HTX spot), err_code, err_msg (HTX swaps), error (Kraken)
_CODES = ("code", "retCode", "label", "err-code", "err_code", "error_code", "errorCode")
_MESSAGES = (
    "msg",
    "retMsg",
    "message",
    "err-msg",
    "err_msg",
    "error",
    "errors",
    "detail",
    "reason",
)
_FINE = frozenset({"", "0", "00000", "200", "ok", "success", "none", "null", "[]", "{}"})
_NAMED_KEYS = 6
#: a row of candles has no fewer cells
_LEAST_CELLS = 5
_LEVELS = 4

#: what is looked at of a file
LOOKED_AT_BYTES = 1 << 20
_SHOWN = 200
_HEAD_LETTERS = 65_536
#: an answer in text is short
_LINES, _LINE = 3, 200

_SERVER = (
    "It is what the server answered to the download: put right what it says, and download again."
)
_ROWS = (
    "Candles of a venue come by `bowline candles download`; else save its rows as CSV under the "
    "headings time, open, high, low, close, volume."
)
_CONVERT = "Save it as CSV with the headings time, open, high, low, close, volume."
_OTHER = "Is it the right file? Known: CSV, zip, gzip, freqtrade feather and JSON, Parquet."
_LINE_HINT = (
    "If it is what a server answered to a download, put right what it says; a table needs a header "
    "line: time, open, high, low, close, volume."
)


class _Foreign(NamedTuple):
    what: str
    hint: str


def foreign_bytes(name: str, head: bytes, wanted: str) -> BadInput | None:
    """The error for a file of another format by its first bytes; None for one that may be read."""
    found = next((what for magic, what in _MAGIC if head.startswith(magic)), None)
    if found is None:
        return None
    hint = "Unpack it first." if "archive" in found else _OTHER
    return _error(name, _Foreign(found, hint), wanted)


def foreign_zip(name: str, members: list[str], wanted: str) -> BadInput | None:
    """The error for a zip that is a workbook; None for an archive of files."""
    if _WORKBOOK.isdisjoint(members):
        return None
    return _error(name, _Foreign("a workbook of a spreadsheet program", _CONVERT), wanted)


def foreign_text(name: str, content: bytes, wanted: str) -> BadInput | None:
    """The error for text that is no table; None if it cannot be told what it is."""
    text = content[:LOOKED_AT_BYTES].decode(errors="replace")
    text = re.sub(r"\A(?:\s|\ufeff|(?:#|//)[^\n]*\n)*", "", text)
    found = _told(text, whole=len(content) <= LOOKED_AT_BYTES)
    return None if found is None else _error(name, found, wanted)


def _error(name: str, found: _Foreign, wanted: str) -> BadInput:
    return BadInput(f"{name}, row 1: this is {found.what}, not {wanted}", hint=found.hint)


def _told(text: str, *, whole: bool) -> _Foreign | None:
    start = text[:64].lower()
    if start.startswith(("{", "[", '"', "null", "true", "false")):
        return _of_json(text, whole=whole)
    if start.startswith("<"):
        return _of_markup(text)
    if start.startswith("http/"):
        line = _short(text.split("\n", 1)[0])
        return _Foreign(f"a reply of a web server with its headers ({line})", _SERVER)
    if start.startswith(_LFS):
        hint = "Fetch the file itself: git lfs pull."
        return _Foreign("a pointer of Git LFS to the file", hint)
    lines = text.strip().splitlines()
    if lines and len(lines) <= _LINES and max(map(len, lines)) <= _LINE:
        return _Foreign(f"a line of text ({_short(lines[0])})", _LINE_HINT)
    return None


def _of_json(text: str, *, whole: bool) -> _Foreign | None:
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return _of_json_lines(text, whole=whole)
    if isinstance(value, dict):
        return _of_object(value)
    if isinstance(value, list) and value and isinstance(value[0], list):
        return None
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return _Foreign(f"a list of JSON objects ({_keys(value[0])})", _ROWS)
    return _Foreign(f"a value in JSON ({_short(text.strip())})", _SERVER)


def _of_json_lines(text: str, *, whole: bool) -> _Foreign | None:
    """Objects one a line, or one that is too long to be looked at as a whole."""
    try:
        first = msgspec.json.decode(text.split("\n", 1)[0])
    except (msgspec.DecodeError, RecursionError):
        if text.startswith("{"):
            what = "JSON that breaks off or is damaged" if whole else "a large JSON object"
            return _Foreign(what, _ROWS)
        return None
    if isinstance(first, dict):
        return _Foreign(f"JSON objects, one a line ({_keys(first)})", _ROWS)
    return None


def _of_object(value: dict[str, Any]) -> _Foreign:
    if (path := _rows_path(value, (), _LEVELS)) is not None:
        where = ".".join(path)
        return _Foreign(f"an answer of a server in JSON, with rows under {_short(where)}", _ROWS)
    said = [*_said(value, _CODES), *_said(value, _MESSAGES)]
    if said:
        return _Foreign(f"an error of a server in JSON ({_short(': '.join(said))})", _SERVER)
    return _Foreign(f"a JSON object ({_keys(value)})", _ROWS)


def _said(value: dict[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    """What stands there under these keys, but for what says that all is well."""
    for key in keys:
        if key not in value:
            continue
        found = value[key]
        if isinstance(found, list) and found:
            found = found[0]
        if isinstance(found, dict):
            yield from [*_said(found, _CODES), *_said(found, _MESSAGES)][:2]
        elif str(found).lower() not in _FINE:
            yield str(found)


def _rows_path(value: object, path: tuple[str, ...], levels: int) -> tuple[str, ...] | None:
    """Where in an object a list of rows is: of lists of cells, or of objects of as many."""
    if isinstance(value, list):
        rowlike = value and isinstance(value[0], list | dict) and len(value[0]) >= _LEAST_CELLS
        return path if rowlike else None
    if isinstance(value, dict) and levels:
        for key, inner in value.items():
            if (found := _rows_path(inner, (*path, str(key)), levels - 1)) is not None:
                return found
    return None


def _of_markup(text: str) -> _Foreign:
    if title := _element(text, "title"):
        return _Foreign(f"a web page ({_short(title)})", _SERVER)
    if text[:5].lower() == "<?xml" and "<html" not in text[:1000].lower():
        words = filter(None, (_element(text, "Code"), _element(text, "Message")))
        said = f" ({found})" if (found := _short(": ".join(words))) else ""
        return _Foreign(f"an XML document{said}", _SERVER)
    return _Foreign("a web page", _SERVER)


def _element(text: str, tag: str) -> str:
    """What the first element of this name holds, if it is short and stands near the beginning."""
    start = text[:_HEAD_LETTERS]
    opened = re.search(rf"<{tag}\b[^<>]{{0,{_SHOWN}}}>", start, re.IGNORECASE)
    if opened is None:
        return ""
    closed = re.search(rf"</{tag}>", start[opened.end() :], re.IGNORECASE)
    return "" if closed is None else start[opened.end() :][: closed.start()]


def _keys(value: dict[str, Any]) -> str:
    more = ", …" if len(value) > _NAMED_KEYS else ""
    return f"keys {_short(', '.join(list(value)[:_NAMED_KEYS]))}{more}"


def _short(text: str) -> str:
    """Words of somebody else in one line, without what a terminal would obey."""
    plain = " ".join(html.unescape(text).split())
    shown = "".join(letter if letter.isprintable() else "?" for letter in plain[:_SHOWN])
    return f"{shown}…" if len(plain) > _SHOWN else shown
