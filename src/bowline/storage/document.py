"""Text made into plain values: mappings, lists, text, whole numbers and Decimals.

Numbers keep the digits that were written and must never pass through a float. What a person reads
must be what is meant, and reading must never take more than a moment: a key written twice, an
anchor, an alias, a tag, a number beyond any that is meant, deep nesting are refused.

1. JSON is read as JSON, the rest as YAML with the plain scalars of YAML 1.2: `yes`, `010` and
   `12:30` are not a truth, an octal and a number of minutes.
2. A number has at most `MAX_DIGITS` digits and is 0 or within 10^-`MAX_POWER` and 10^`MAX_POWER`.
3. Where reading fails, the error names line and column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NoReturn

import yaml

from bowline.core.errors import BadInput
from bowline.core.numbers import MAX_DIGITS, MAX_POWER, is_in_range

#: mappings and lists inside one another
MAX_DEPTH = 12

NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
NUMBER_TAG = "tag:yaml.org,2002:float"
_TEXT_TAG = "tag:yaml.org,2002:str"
_WHOLE = re.compile(r"[-+]?[0-9]+")
_ALLOWED = f"at most {MAX_DIGITS} digits, 0 or within 10^-{MAX_POWER} and 10^{MAX_POWER}"


def read_document(text: str, where: str, hint: str) -> object:
    """The value written in `text`; BadInput names `where`, line and column, and has `hint`."""
    value = _read_json(text, where, hint) if text.lstrip().startswith("{") else None
    return read_yaml(text, where, hint) if value is None else value


def read_yaml(text: str, where: str, hint: str) -> object:
    """The same for what may be a single scalar, such as a word of a command line."""
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _bad_yaml(error, where, hint) from None


def read_entries(text: str, where: str, hint: str) -> list[tuple[int, object]]:
    """The entries of a list, each with its line; the list may be the only field of a mapping.

    BadInput as for `read_document`, and where there is no list.
    """
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if isinstance(root, yaml.MappingNode) and len(root.value) == 1:
                root = root.value[0][1]
            if not isinstance(root, yaml.SequenceNode):
                raise BadInput(f"{where} holds no list", hint=hint)
            return [
                (node.start_mark.line + 1, loader.construct_document(node)) for node in root.value
            ]
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _bad_yaml(error, where, hint) from None


# --- JSON -------------------------------------------------------------------------------------


def _read_json(text: str, where: str, hint: str) -> object:
    """None if the text is not JSON: a mapping in braces may still be YAML."""

    def pairs(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in items:
            if key in mapping:
                raise BadInput(f"{where}: the key {key!r} is written twice", hint="keep one")
            mapping[key] = value
        return mapping

    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_float=_decimal,
            parse_int=_whole,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError:
        return None
    except RecursionError:
        raise _too_deep(where, hint) from None
    except ValueError as error:
        # read as YAML it is refused with line and column
        read_yaml(text, where, hint)
        raise BadInput(f"{where}: {error}", hint="write numbers in plain digits") from None
    _check(value, where, hint)
    return value


def _check(value: object, where: str, hint: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        for each in level:
            for text in (each, *each) if isinstance(each, dict) else (each,):
                if isinstance(text, str) and not _is_text(text):
                    raise BadInput(f"{where}: {text!r} is not text", hint=hint)
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise _too_deep(where, hint)


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _is_text(text: str) -> bool:
    """Whether it can be written: half of a pair of surrogates cannot."""
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number a document can have")


def _whole(text: str) -> int:
    _hold_digits(text)
    value = int(text)
    if not is_in_range(Decimal(value)):
        raise ValueError(f"{text} is beyond 10^{MAX_POWER}")
    return value


def _decimal(text: str) -> Decimal:
    _hold_digits(text)
    value = Decimal(text)
    if not is_in_range(value):
        raise ValueError(f"{text} is beyond 10^-{MAX_POWER} to 10^{MAX_POWER}")
    return value


def _hold_digits(text: str) -> None:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"{text[:20]}... has more than {MAX_DIGITS} digits")


# --- YAML -------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML with plain scalars only, no repeated key, no alias, no tag, and a limit on depth."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way to say it

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _wrong("anchors and aliases are not allowed: write the value out", event)
        if (tag := getattr(event, "tag", None)) is not None:
            raise _wrong(f"a tag such as {tag} is not allowed: write the plain value", event)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _wrong(f"nested deeper than {MAX_DEPTH} levels", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.ScalarNode) and not _is_text(node.value):
            raise _wrong(f"{node.value!r} is not text", node)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT_TAG:
                raise _wrong("a key must be a name", key)
            if key.value in seen:
                raise _wrong(f"the key {key.value!r} is written twice", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _construct_number(_loader: _Loader, node: yaml.ScalarNode) -> int | Decimal:
    text: str = node.value
    try:
        return _whole(text) if _WHOLE.fullmatch(text) else _decimal(text)
    except (ValueError, ArithmeticError):
        raise _wrong(
            f"{text[:20]!r} is not a number a document can have: {_ALLOWED}", node
        ) from None


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"(~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_Loader.add_implicit_resolver(NUMBER_TAG, NUMBER, list("-+.0123456789"))
_Loader.add_constructor(NUMBER_TAG, _construct_number)


def _wrong(problem: str, there: Any) -> yaml.MarkedYAMLError:  # noqa: ANN401 - event or node, whose marks PyYAML types apart
    return yaml.MarkedYAMLError(problem=problem, problem_mark=there.start_mark)


def _bad_yaml(error: yaml.YAMLError, where: str, hint: str) -> BadInput:
    if isinstance(error, yaml.reader.ReaderError):
        return BadInput(
            f"{where} is not text: character {error.character!r} at position {error.position}",
            hint=hint,
        )
    if not isinstance(error, yaml.MarkedYAMLError):
        return BadInput(f"{where} is not YAML: {error}", hint=hint)
    mark = error.problem_mark or error.context_mark
    place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    problem = error.problem or error.context or "not YAML"
    if "cannot start any token" in problem and "\\t" in problem:
        problem = "a tab cannot indent YAML: use spaces"
    return BadInput(f"{where}{place}: {problem}", hint=hint)


def _too_deep(where: str, hint: str) -> BadInput:
    return BadInput(f"{where} is nested deeper than {MAX_DEPTH} levels", hint=hint)
