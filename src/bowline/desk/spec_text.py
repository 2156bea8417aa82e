"""The file of a spec, a grid or a portfolio: small text with one mapping, read and written.

A file is read whole if it is small text; anything else is refused by its first bytes. What the text
means is `storage.document`'s: what it writes must read back as the same values.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from bowline.core.errors import BadInput, NotFound
from bowline.storage.document import NUMBER, NUMBER_TAG, read_document, read_yaml

#: a spec is a page of text; this is room for the longest there can be
MAX_BYTES = 64 * 1024
#: a file of this name is what is piped in
PIPED = "-"

_WANTED = "a spec is one mapping in YAML or JSON: see docs/reference/spec.md"


def is_spec_file(word: str) -> bool:
    """Whether `word` means a file (`-` is what is piped in) rather than a saved strategy."""
    return word == PIPED or word.endswith((".yaml", ".yml", ".json")) or os.sep in word


def read_spec_file(path: Path) -> dict[str, Any]:
    """The mapping in a YAML or JSON file, or in what is piped in.

    Raises NotFound if there is no such file, BadInput if it is not a mapping in small text.
    """
    if str(path) == PIPED:
        return _read(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
    try:
        if path.exists() and not (path.is_file() or path.is_fifo()):
            raise BadInput(f"{path} is not a file", hint=_WANTED)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", hint=_WANTED) from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}", hint=_WANTED) from None
    return _read(content, str(path))


def _read(content: bytes, where: str) -> dict[str, Any]:
    if len(content) > MAX_BYTES:
        raise BadInput(f"{where} is larger than {MAX_BYTES} bytes: not a spec", hint=_WANTED)
    return parse_spec_text(_text_of(content, where), where)


def parse_spec_text(text: str, where: str) -> dict[str, Any]:
    """The mapping written in `text`; `where` names it in errors. Raises BadInput."""
    value = read_document(text, where, _WANTED)
    if not isinstance(value, dict):
        found = "empty" if value is None else f"a {_KINDS.get(type(value), type(value).__name__)}"
        raise BadInput(f"{where} is {found}, not a mapping", hint=_WANTED)
    return value


def parse_value(text: str, where: str) -> object:
    """One value as it would stand in a spec, for a change given on the command line."""
    return read_yaml(text, where, _WANTED)


def write_yaml(document: Mapping[str, Any]) -> str:
    """`document` as YAML that reads back as the same values, plain fields before sections."""
    ordered = dict(sorted(document.items(), key=lambda item: isinstance(item[1], (dict, list))))
    return yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


_KINDS = {list: "list", str: "text", int: "number", Decimal: "number", bool: "truth"}


def _text_of(content: bytes, where: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{where} is not text: byte {content[error.start]:#04x} on line {line} is not UTF-8",
            hint=_WANTED,
        ) from None
    if "\0" in text:
        raise BadInput(f"{where} is not text: it holds a zero byte", hint=_WANTED)
    return text


class _Dumper(yaml.SafeDumper):
    """Writes Decimals as plain numbers, and text that would read as a number in quotes."""


def _represent_decimal(dumper: _Dumper, value: Decimal) -> yaml.ScalarNode:
    text = f"{value:f}"
    tag = NUMBER_TAG if "." in text else "tag:yaml.org,2002:int"
    return dumper.represent_scalar(tag, text)


def _represent_text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "'" if NUMBER.fullmatch(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(Decimal, _represent_decimal)
_Dumper.add_representer(str, _represent_text)
