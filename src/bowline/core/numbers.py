"""Numbers as documents hold them: to the digit, and never beyond what anybody means.

Every reader of a document asks here whether a value is a number. An exponent can make one of any
size, so nothing may be computed with a value before it was asked for here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

#: more digits than any number of a document can need
MAX_DIGITS = 40
#: and more powers of ten
MOST_POWER = 30
_MOST = 10**MOST_POWER
_SHOWN_CHARS = 40


def exact(found: object) -> Decimal | None:
    """The number that a document's value is, to the digit; None for what is none or beyond bounds.

    A float, from a document that was read elsewhere, counts as the shortest text that means it. A
    truth is no number.
    """
    if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
        return None
    if isinstance(found, int):
        return Decimal(found) if -_MOST < found < _MOST else None
    value = Decimal(repr(found)) if isinstance(found, float) else found
    return value if is_meant(value) else None


def is_meant(value: Decimal) -> bool:
    """Whether it is finite and within the powers of ten that a number may have; so is a zero."""
    return value.is_finite() and abs(value.adjusted()) < MOST_POWER


def show(found: object) -> str:
    """What was found, short and the way it would be written."""
    match found:
        case None:
            return "missing"
        case bool():
            return str(found).lower()
        case str():
            text = repr(found)
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case int() if not -_MOST < found < _MOST:
            text = "a number of too many digits"
        case Decimal() | int() | float():
            text = str(found)
        case _:
            text = f"a {type(found).__name__}"
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
