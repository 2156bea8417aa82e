"""What clients send, read without trust: JSON of any depth, any number, any bytes.

A payload that cannot be read is None; nothing that arrives may raise. No venue's wording here.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

import msgspec

#: objects and lists inside each other: no venue's requests have more than three
_DEEPEST = 32
#: what an encoder of JSON takes as a number
_LONGEST_INT = 1 << 63


def read_json(sent: str | bytes) -> object:
    """The value that a text is, whole numbers beyond 64 bits as text; None if it is not JSON."""
    try:
        return _tame(msgspec.json.decode(sent), _DEEPEST)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def read_object(sent: str | bytes) -> dict[str, object]:
    """The object that a text is; an empty one if it is none."""
    read = read_json(sent)
    return read if isinstance(read, dict) else {}


def as_fields(read: Mapping[str, object]) -> dict[str, str]:
    """Values as text, as JSON spells them: true, 1.5; what is null is not there."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in read.items()
        if value is not None
    }


def same(expected: str, sent: str) -> bool:
    """Whether a signature is the expected one: all of it, in constant time, whatever was sent."""
    # header bytes that are no UTF-8 arrive as surrogates
    return hmac.compare_digest(expected.encode(), sent.encode("utf-8", "surrogatepass"))


def _tame(value: object, left: int) -> object:
    if isinstance(value, dict | list) and not left:
        raise RecursionError("nested too deeply")
    if isinstance(value, dict):
        return {name: _tame(each, left - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_tame(each, left - 1) for each in value]
    if isinstance(value, int) and not -_LONGEST_INT <= value < _LONGEST_INT:
        return str(value)
    return value
