"""Numbers in documents: exact, and within a range that any meaningful number fits in.

Every reader of a document uses `exact` before computing with a value: a short exponent can make a
number of any size.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

#: most digits of a number in a document
MAX_DIGITS = 40
#: largest absolute power of ten
MAX_POWER = 30
_MOST = 10**MAX_POWER
_SHOWN_CHARS = 40


def exact(found: object) -> Decimal | None:
    """The number of a document's value, exactly; None if it is not a number or out of range.

    A float, from a document parsed elsewhere, is the shortest decimal that denotes it. A truth
    value is not a number.
    """
    if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
        return None
    if isinstance(found, int):
        return Decimal(found) if -_MOST < found < _MOST else None
    value = Decimal(repr(found)) if isinstance(found, float) else found
    return value if is_in_range(value) else None


def is_in_range(value: Decimal) -> bool:
    """Whether it is finite and its magnitude is allowed, zeros included."""
    return value.is_finite() and abs(value.adjusted()) < MAX_POWER


def show(found: object) -> str:
    """A found value as short text, the way it would be written."""
    match found:
        case None:
            return "missing"
        case bool():
            return str(found).lower()
        case str():
            text = repr(found)
        case Mapping():
            return "a mapping" if found else "an empty mapping"
        case list() | tuple():
            return "a list" if found else "an empty list"
        case int() if not -_MOST < found < _MOST:
            text = "a number of too many digits"
        case Decimal() | int() | float():
            text = str(found)
        case _:
            text = f"a {type(found).__name__}"
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
