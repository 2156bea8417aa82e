"""The text of a spec made into plain values: mappings, lists, text, whole numbers and Decimals.

Numbers keep the digits that were written and must never pass through a float. A key written twice,
an anchor, an alias or a tag is refused: what a person reads in the file must be what is run.

1. A file is read whole if it is small text; anything else is refused by its first bytes.
2. JSON is read as JSON, the rest as YAML with the plain scalars of YAML 1.2: `yes`, `010` and
   `12:30` are not a truth, an octal and a number of minutes.
3. Where reading fails, the error names line and column.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import yaml

from bowline.core.errors import BadInput, NotFound

#: a spec is a page of text; this is room for the longest there can be
MAX_BYTES = 64 * 1024
#: mappings and lists inside one another
MAX_DEPTH = 12
#: more digits than any number here can need
MAX_DIGITS = 40

_WANTED = "a spec is one mapping in YAML or JSON: see docs/reference/spec.md"


def is_spec_file(word: str) -> bool:
    """Whether `word` means a file rather than a saved strategy's id or name."""
    return word.endswith((".yaml", ".yml", ".json")) or os.sep in word


def read_spec_file(path: Path) -> dict[str, Any]:
    """The mapping in a YAML or JSON file.

    Raises NotFound if there is no such file, BadInput if it is not a mapping in small text.
    """
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"{path} is not a file", hint=_WANTED)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", hint=_WANTED) from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}", hint=_WANTED) from None
    if len(content) > MAX_BYTES:
        raise BadInput(f"{path} is larger than {MAX_BYTES} bytes: not a spec", hint=_WANTED)
    return parse_spec_text(_text_of(content, str(path)), str(path))


def parse_spec_text(text: str, where: str) -> dict[str, Any]:
    """The mapping written in `text`; `where` names it in errors. Raises BadInput."""
    value = _parse_json(text, where) if text.lstrip().startswith("{") else None
    if value is None:
        value = _parse_yaml(text, where)
    if not isinstance(value, dict):
        found = "empty" if value is None else f"a {_KINDS.get(type(value), type(value).__name__)}"
        raise BadInput(f"{where} is {found}, not a mapping", hint=_WANTED)
    return value


def parse_value(text: str, where: str) -> object:
    """One value as it would stand in a spec, for a change given on the command line."""
    return _parse_yaml(text, where)


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


# --- JSON -------------------------------------------------------------------------------------


def _parse_json(text: str, where: str) -> object:
    """None if the text is not JSON: a mapping in braces may still be YAML."""

    def pairs(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in items:
            if key in mapping:
                raise BadInput(f"{where}: the key {key!r} is written twice", hint="keep one")
            mapping[key] = value
        return mapping

    try:
        return json.loads(
            text,
            object_pairs_hook=pairs,
            parse_float=_decimal,
            parse_int=_whole,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError:
        return None
    except RecursionError:
        raise _too_deep(where) from None
    except ValueError as error:
        raise BadInput(f"{where}: {error}", hint="write numbers in plain digits") from None


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number a spec can have")


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:20]}... has more than {MAX_DIGITS} digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:20]}... has more than {MAX_DIGITS} digits")
    return Decimal(text)


# --- YAML -------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML with plain scalars only, no repeated key, no alias, and a limit on depth."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way to say it

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases are not allowed: write the value out",
                problem_mark=event.start_mark,
            )
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(
                    problem="a key must be a name", problem_mark=key.start_mark
                )
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is written twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _construct_number(_loader: _Loader, node: yaml.ScalarNode) -> int | Decimal:
    text: str = node.value
    try:
        return _whole(text) if _WHOLE.fullmatch(text) else _decimal(text)
    except (ValueError, ArithmeticError):
        raise yaml.MarkedYAMLError(
            problem=f"{text[:20]!r} is not a number a spec can have", problem_mark=node.start_mark
        ) from None


_WHOLE = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_NUMBER_TAG = "tag:yaml.org,2002:float"

_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_Loader.add_implicit_resolver(_NUMBER_TAG, _NUMBER, list("-+.0123456789"))
_Loader.add_constructor(_NUMBER_TAG, _construct_number)


def _parse_yaml(text: str, where: str) -> object:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise _bad_yaml(error, where) from None
    except yaml.reader.ReaderError as error:
        raise BadInput(
            f"{where} is not text: character {error.character!r} at position {error.position}",
            hint=_WANTED,
        ) from None


def _bad_yaml(error: yaml.MarkedYAMLError, where: str) -> BadInput:
    mark = error.problem_mark or error.context_mark
    place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = error.problem or error.context or "not YAML"
    if "cannot start any token" in problem and "\\t" in problem:
        problem = "a tab cannot indent YAML: use spaces"
    return BadInput(f"{where}{place}: {problem}", hint=_WANTED)


def _too_deep(where: str) -> BadInput:
    return BadInput(f"{where} is nested deeper than {MAX_DEPTH} levels", hint=_WANTED)


class _Dumper(yaml.SafeDumper):
    """Writes Decimals as plain numbers, and text that would read as a number in quotes."""


def _represent_decimal(dumper: _Dumper, value: Decimal) -> yaml.ScalarNode:
    text = f"{value:f}"
    tag = _NUMBER_TAG if "." in text else "tag:yaml.org,2002:int"
    return dumper.represent_scalar(tag, text)


def _represent_text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    style = "'" if _NUMBER.fullmatch(value) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(Decimal, _represent_decimal)
_Dumper.add_representer(str, _represent_text)
