"""Protects: what a file says is read digit by digit; what is no spec is refused in words."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from bowline.core.errors import BadInput, NotFound
from bowline.core.signals import (
    Strategies,
    StrategySpec,
    document_of,
    parse_spec,
    spec_json,
)
from bowline.desk.spec_text import MAX_BYTES, parse_spec_text, read_spec_file, write_yaml
from tests.generators import catalogue, specs

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", Decimal("0.1")),
        ("1.50", Decimal("1.50")),
        ("1e3", Decimal("1E+3")),
        ("-.5", Decimal("-0.5")),
        ("10", 10),
        ("010", 10),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1m", "1m"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("true", True),
        ("2025-01-01", "2025-01-01"),
        ("0.1234567890123456789", Decimal("0.1234567890123456789")),
        (".nan", ".nan"),
        ("null", None),
        ("", None),
    ],
)
def test_a_plain_scalar_means_what_it_looks_like(text: str, value: Any) -> None:
    """No octals, no minutes, no truths but true and false, no floats."""
    found = parse_spec_text(f"x: {text}\n", "spec")["x"]
    assert found == value
    assert type(found) is type(value)
    if isinstance(value, Decimal):
        assert str(parse_spec_text(f'{{"x": {text}}}', "spec")["x"]) == str(value)


@given(specs())
def test_yaml_and_json_read_back_as_the_same_spec(spec: StrategySpec) -> None:
    for text in (write_yaml(document_of(spec)), spec_json(document_of(spec)).decode()):
        assert parse_spec(parse_spec_text(text, "spec"), catalogue(), Strategies()) == spec


def test_text_that_looks_like_a_number_stays_text() -> None:
    document = {
        "a": "1e3",
        "b": "5",
        "c": "null",
        "d": "x: y",
        "e": Decimal(5),
        "f": Decimal("0.5"),
    }
    assert parse_spec_text(write_yaml(document), "spec") == document


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", ("spec line 3, column 2",)),
        ("a: 1\n\tb: 2\n", ("spec line 2, column 1", "tab")),
        ("a: 1\nb: 2\na: 3\n", ("spec line 3, column 1", "'a' is written twice")),
        ("a: {b: 1, b: 2}\n", ("spec line 1", "'b' is written twice")),
        ('{"a": {"b": 1, "b": 2}}', ("'b' is written twice",)),
        ("a: &x 1\nb: *x\n", ("line 1, column 4", "anchors and aliases")),
        ("a: *x\n", ("line 1", "aliases")),
        ("a: !!python/object/apply:os.system ['true']\n", ("line 1", "a tag such as")),
        ("a: !!int abc\n", ("line 1, column 4", "a tag such as tag:yaml.org,2002:int")),
        ("a: !!timestamp 2001-99-99\n", ("line 1, column 4", "a tag such as")),
        ("a: ! 5\n", ("line 1, column 4", "a tag such as")),
        ("a: 1\nfast: 1e9999999\n", ("line 2, column 7", "'1e9999999' is not a number")),
        ("a: -1e-9999999\n", ("line 1, column 4", "is not a number")),
        ('{"a": 1,\n "fast": 1e9999999}', ("line 2, column 10", "'1e9999999' is not a number")),
        ('{"a": 1e31}', ("line 1", "'1e31' is not a number")),
        ('a: "\\ud800"\n', ("line 1, column 4", "is not text")),
        ('{"a": "\\ud800"}', ("is not text",)),
        ('{"\\ud800": 1}', ("is not text",)),
        ('{"a": ' + "[" * 12 + "]" * 12 + "}", ("nested deeper than 12 levels",)),
        ("a: 1.0\n? [x]\n: 1\n", ("a key must be a name",)),
        ("1: a\n", ("a key must be a name",)),
        ("a: 1\n---\nb: 2\n", ("line 2", "document")),
        ("a: " + "[" * 40 + "]" * 40, ("nested deeper than 12 levels",)),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", ("nested deeper than 12 levels",)),
        ('{"a": NaN}', ("NaN is not a number",)),
        ('{"a": ' + "1" * 41 + "}", ("line 1, column 7", "at most 40 digits")),
        ("a: " + "1" * 41, ("line 1, column 4", "not a number")),
        ("- a\n- b\n", ("spec is a list, not a mapping",)),
        ("hello", ("spec is a text, not a mapping",)),
        ("", ("spec is empty, not a mapping",)),
        ("# nothing\n", ("spec is empty, not a mapping",)),
        ('{"a": 1', ("spec line 1",)),
        ("a: 'x\n", ("spec line",)),
        ("a: \x07", ("is not text",)),
    ],
)
def test_what_cannot_be_read_says_where(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as caught:
        parse_spec_text(text, "spec")
    for word in words:
        assert word in caught.value.message


def test_a_file_that_is_no_small_text_is_refused(tmp_path: Path) -> None:
    huge, binary, odd = tmp_path / "huge.yaml", tmp_path / "binary.yaml", tmp_path / "odd.yaml"
    huge.write_bytes(b"a: 1\n" * MAX_BYTES)
    binary.write_bytes(b"PK\x03\x04\xff\xfe")
    odd.write_bytes(b"a: 1\0")
    for path, words in ((huge, "larger than"), (binary, "not UTF-8"), (odd, "zero byte")):
        with pytest.raises(BadInput, match=words):
            read_spec_file(path)
    with pytest.raises(NotFound, match="there is no file"):
        read_spec_file(tmp_path / "none.yaml")
    with pytest.raises(BadInput, match="is not a file"):
        read_spec_file(tmp_path)
    with pytest.raises(BadInput, match="cannot read"):
        read_spec_file(tmp_path / ("x" * 5000 + ".yaml"))
    if os.geteuid():
        huge.chmod(0)
        with pytest.raises(BadInput, match="cannot read"):
            read_spec_file(huge)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "marked.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\n")
    assert read_spec_file(path) == {"version": 1}


def test_the_examples_are_good() -> None:
    """A newcomer copies them first."""
    for path in sorted((EXAMPLES / "specs").glob("*.yaml")):
        raw = read_spec_file(path)
        if "strategy" not in raw:
            parse_spec(raw, catalogue(), Strategies())
