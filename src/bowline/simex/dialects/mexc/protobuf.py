"""Protocol buffers, as far as MEXC's spot streams need them: texts, whole numbers, messages.

A field that has its default (an empty text, 0, false) is left out, as the format has it. The
numbers are those of the venue's `.proto` files; nothing here reads.
"""

from __future__ import annotations

from collections.abc import Iterable

#: a text, a whole number or flag, or a message that is encoded already
Value = str | int | bytes

_VARINT, _LENGTH = 0, 2
_MOST_BYTES = 1 << 20


def message(fields: Iterable[tuple[int, Value]]) -> bytes:
    """The fields one after another. ValueError for a number below 0 or a message of a megabyte."""
    parts = []
    for number, value in fields:
        if isinstance(value, int):
            if value:
                parts += [_varint(number << 3 | _VARINT), _varint(value)]
            continue
        text = value.encode() if isinstance(value, str) else value
        if text or isinstance(value, bytes):
            parts += [_varint(number << 3 | _LENGTH), _varint(len(text)), text]
    encoded = b"".join(parts)
    if len(encoded) > _MOST_BYTES:
        raise ValueError(f"a message of {len(encoded)} bytes")
    return encoded


def _varint(value: int) -> bytes:
    if value < 0:
        raise ValueError(f"{value} is below 0")
    digits = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte, the lowest first
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
