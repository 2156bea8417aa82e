"""Decoding of what clients send: JSON of any depth, any number, any bytes.

A payload that cannot be decoded is None: nothing that arrives may raise. No venue's wording here.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping

import msgspec

JsonObject = dict[str, object]

#: nesting of objects and lists: no venue's requests have more than three levels
_MAX_DEPTH = 32
#: whole numbers below this fit 64 bits, and so msgspec's JSON encoder
_INT64_END = 1 << 63


def read_json(sent: str | bytes) -> object:
    """The JSON value, whole numbers beyond 64 bits as text; None if it is not JSON."""
    try:
        return _limited(msgspec.json.decode(sent), _MAX_DEPTH)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def read_object(sent: str | bytes) -> dict[str, object]:
    """The JSON object; an empty one if it is not JSON, or another value."""
    read = read_json(sent)
    return read if isinstance(read, dict) else {}


def text_fields(read: Mapping[str, object]) -> dict[str, str]:
    """Values as text, as JSON spells them: true, 1.5; fields that are null are left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in read.items()
        if value is not None
    }


def signatures_match(expected: str, sent: str) -> bool:
    """Whether a signature is the expected one, compared in constant time, whatever was sent."""
    # aiohttp passes header bytes that are not UTF-8 on as surrogates
    return hmac.compare_digest(expected.encode(), sent.encode("utf-8", "surrogatepass"))


def _limited(value: object, depth: int) -> object:
    if isinstance(value, dict | list) and not depth:
        raise RecursionError("nested too deeply")
    if isinstance(value, dict):
        return {name: _limited(each, depth - 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_limited(each, depth - 1) for each in value]
    if isinstance(value, int) and not -_INT64_END <= value < _INT64_END:
        return str(value)
    return value
