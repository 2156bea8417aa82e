"""The wire format of protocol buffers, as far as MEXC's spot messages need it.

A message is a series of fields: a key (number and wire type) and a value. `fields` yields them; the
caller knows the numbers and ignores unknown ones, as the format requires. Malformed input is a
DecodeError: a value beyond the end, an endless number, a group (a deprecated wire type).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bowline.venues.decoding import decode_error

#: protobuf.dev, "Encoding": wire types, and the width of the fixed ones
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
#: the bit of a byte that says that the number goes on
_MORE = 0x80
#: a number of 64 bits takes ten bytes at most
_MAX_SHIFT = 63
_MAX_FIELD = 2**29 - 1

#: fields 1 or 2 that hold a message of two short decimals: nearly every level of a book is one
_PAIR = re.compile(
    rb"([\n\x12])(.)\n(.)([0-9]{1,18}(?:\.[0-9]{1,30})?)\x12(.)([0-9]{1,18}(?:\.[0-9]{1,30})?)",
    re.DOTALL,
)
_DECIMAL = re.compile(rb"[0-9]{1,18}(\.[0-9]{1,30})?([eE]-?[0-9]{1,2})?")
Pair = tuple[float, float]
_BOTH = frozenset({1, 2})
_HUGE = 1e18
_LATEST_MS = 9_000_000_000_000


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: an int of 64 bits without sign, or bytes.

    Values of a fixed width are yielded as the bytes they are. Raises DecodeError.
    """
    at, end = 0, len(message)
    while at < end:
        key, at = (message[at], at + 1) if message[at] < _MORE else _number(message, at)
        number, kind = key >> 3, key & 7
        if not 1 <= number <= _MAX_FIELD:
            raise decode_error(f"field {number}", message)
        if kind == _VARINT:
            value, at = _number(message, at)
            yield number, value
            continue
        if kind == _LENGTH:
            length, at = _number(message, at)
        elif (length := _FIXED.get(kind, 0)) == 0:
            raise decode_error(f"field {number} of kind {kind}", message)
        if length > end - at:
            raise decode_error(f"field {number} ends beyond the message", message)
        yield number, message[at : at + length]
        at += length


def _number(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    end, value, shift = len(message), 0, 0
    while at < end:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            if value >> 64:
                break
            return value, at
        shift += 7
        if shift > _MAX_SHIFT:
            break
    raise decode_error("a number that does not end", message)


def wanted(message: bytes, numbers: frozenset[int]) -> dict[int, int | bytes]:
    """The fields with these numbers; of one that is repeated the last counts."""
    return {number: value for number, value in fields(message) if number in numbers}


def text(value: int | bytes | None, message: bytes) -> bytes:
    """A field that must be there and be bytes. Raises DecodeError."""
    if not isinstance(value, bytes):
        raise decode_error("a text is missing or is a number", message)
    return value


def millis(value: int | bytes | None, message: bytes) -> int:
    """A field that must be there and be a time in milliseconds. Raises DecodeError."""
    return _below(_LATEST_MS, value, message)


def seconds(value: int | bytes | None, message: bytes) -> int:
    """A field that must be there and be a time in seconds. Raises DecodeError."""
    return _below(_LATEST_MS // 1000, value, message)


def _below(latest: int, value: int | bytes | None, message: bytes) -> int:
    if not isinstance(value, int) or not value < latest:
        raise decode_error("a time is missing or is none", message)
    return value


def size(value: int | bytes | None, message: bytes) -> float:
    """A decimal written as text, 0 or more. Raises DecodeError."""
    if not isinstance(value, bytes) or not _DECIMAL.fullmatch(value):
        raise decode_error("a decimal is missing or is none", message)
    number = float(value)
    if not number < _HUGE:
        raise decode_error("a decimal is too large", message)
    return number


def price(value: int | bytes | None, message: bytes) -> float:
    """A decimal written as text, more than 0. Raises DecodeError."""
    number = size(value, message)
    if not number > 0:
        raise decode_error("a price of 0", message)
    return number


def pairs(message: bytes) -> tuple[list[Pair], list[Pair], dict[int, int | bytes]]:
    """The pairs of fields 1 and of fields 2, each a price and a size, and the other fields.

    What looks as it nearly always does is read in one step, all else by `fields`.
    Raises DecodeError.
    """
    ones: list[Pair] = []
    twos: list[Pair] = []
    at = 0
    while found := _PAIR.match(message, at):
        key, length, length_1, text_1, length_2, text_2 = found.groups()
        start, at_next = at, found.end()
        first, second = float(text_1), float(text_2)
        if (
            length[0] != at_next - start - 2
            or length_1[0] != len(text_1)
            or length_2[0] != len(text_2)
            or not 0 < first < _HUGE
            or not second < _HUGE
        ):
            break
        (ones if key == b"\n" else twos).append((first, second))
        at = at_next
    others: dict[int, int | bytes] = {}
    for number, value in fields(message[at:]):
        if number in _BOTH:
            (ones if number == 1 else twos).append(_pair(text(value, message)))
        else:
            others[number] = value
    return ones, twos, others


def _pair(message: bytes) -> Pair:
    values = wanted(message, _BOTH)
    return price(values.get(1), message), size(values.get(2), message)


def count(value: int | bytes | None, message: bytes) -> int:
    """A whole number written as text. Raises DecodeError."""
    digits = text(value, message)
    if not digits.isdigit() or not len(digits) <= 18:  # noqa: PLR2004 - digits in 63 bits
        raise decode_error("a count that is none", message)
    return int(digits)
