"""Reads the fields of a parsed document (spec, grid, portfolio, catalogue), collecting problems.

A value must never be guessed or repaired. A value that is not allowed becomes one line: the path of
its field, what was found, what is expected. One BadInput carries all lines, so that a person can
correct the whole document at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from typing import Any, NamedTuple, TypeGuard, TypeVar

from bowline.core.errors import BadInput
from bowline.core.numbers import exact, show

Choice = TypeVar("Choice", bound=Enum)

#: names at least this similar are suggested
_SIMILARITY = 0.5


class Bounds(NamedTuple):
    """The allowed values of a number; `above` and `below` are exclusive."""

    allowed: str
    least: Decimal | None = None
    above: Decimal | None = None
    most: Decimal | None = None
    below: Decimal | None = None

    def holds(self, value: Decimal) -> bool:
        """Whether `value` is allowed."""
        return not (
            (self.least is not None and value < self.least)
            or (self.above is not None and value <= self.above)
            or (self.most is not None and value > self.most)
            or (self.below is not None and value >= self.below)
        )


class DocumentReader:
    """Reads one document, whose name in errors is `document` ("the spec"); used once.

    Paths are those of fields, such as `stops.sl_pct`; the path of the document itself is "".
    """

    def __init__(self, document: str) -> None:
        self.document = document
        self.problems: list[str] = []

    def problem(self, path: str, what: str) -> None:
        """Add one problem."""
        self.problems.append(f"{path or self.document}: {what}")

    def refusal(self, guide: str) -> BadInput:
        """The error with all problems; `guide` says where the fields are described."""
        return mistakes(self.document, self.problems, guide)

    def mapping(self, path: str, found: object) -> Mapping[str, Any] | None:
        """The mapping at `path`; None if it is something else, which is a problem."""
        if isinstance(found, Mapping):
            return found
        self.problem(path, f"{show(found)} is not a mapping of names to values")
        return None

    def section(self, path: str, found: object, known: Sequence[str]) -> dict[str, Any] | None:
        """The known fields of the mapping at `path`, empty if it is missing; None as `mapping`.

        Every other field is a problem.
        """
        fields = {} if found is None else self.mapping(path, found)
        if fields is None:
            return None
        self.check_names(path, fields, known)
        return {name: value for name, value in fields.items() if name in known}

    def check_names(self, path: str, found: Iterable[object], known: Sequence[str]) -> None:
        """A problem for every name that is not known, with the most similar known one."""
        for name in found:
            if name not in known:
                place = f"{path}.{name}" if path else str(name)
                expected = ", ".join(known) or "nothing"
                self.problem(place, f"no such field: {_suggestion(name, known)}expected {expected}")

    def choice(self, path: str, found: object, choices: type[Choice]) -> Choice | None:
        """The member of `choices` with this value; None if there is none, which is a problem."""
        for each in choices:
            if each.value == found:
                return each
        self.not_one_of(path, found, [each.value for each in choices])
        return None

    def optional_choice(self, path: str, found: object, default: Choice) -> Choice:
        """As `choice`; `default` if the field is missing or wrong."""
        value = None if found is None else self.choice(path, found, type(default))
        return default if value is None else value

    def not_one_of(self, path: str, found: object, allowed: Sequence[str]) -> None:
        """The problem of a value that is none of `allowed`."""
        meant = _suggestion(found, allowed)
        self.problem(path, f"{show(found)}: {meant}expected one of {', '.join(allowed)}")

    def number(
        self, path: str, found: object, bounds: Bounds, places: int | None = None
    ) -> Decimal | None:
        """The number at `path`, exactly as written; None if it is missing or wrong.

        `places` is the largest number of digits after the decimal point.
        """
        if found is None:
            return None
        value = exact(found)
        if value is None:
            self.problem(path, f"{show(found)} is not a number: expected {bounds.allowed}")
        elif not bounds.holds(value):
            self.problem(path, f"{show(found)} is not allowed: expected {bounds.allowed}")
        elif places is not None and _places(value) > places:
            self.problem(path, f"{show(found)} has more than {places} digits after the point")
        else:
            return value
        return None

    def whole(self, path: str, found: object, *, default: int, least: int, most: int) -> int:
        """The whole number at `path`; `default` if it is missing or wrong."""
        if found is None:
            return default
        if not is_whole(found) or not least <= found <= most:
            self.problem(path, f"{show(found)} is not a whole number from {least} to {most}")
            return default
        return found

    def flag(self, path: str, found: object) -> bool:
        """The truth value at `path`; False if it is missing or wrong."""
        if found is not None and not isinstance(found, bool):
            self.problem(path, f"{show(found)}: expected true or false")
        return found is True

    def text(self, path: str, found: object) -> str:
        """The text at `path`; empty if it is missing or wrong."""
        if found is None or isinstance(found, str):
            return found or ""
        self.problem(path, f"{show(found)}: expected a text")
        return ""

    def texts(self, path: str, found: object) -> tuple[str, ...] | None:
        """The list of texts at `path`; None if it is missing, empty if it is wrong."""
        if found is None:
            return None
        if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
            self.problem(path, f"{show(found)}: expected a list of names")
            return ()
        return tuple(found)

    def items(self, path: str, found: object, expected: str, most: int) -> Sequence[Any]:
        """The list at `path`, of 1 to `most` items; empty if it is wrong, which is a problem."""
        if not isinstance(found, list | tuple) or not found:
            self.problem(path, f"{show(found)}: expected {expected}")
            return ()
        if len(found) > most:
            self.problem(path, f"{len(found)} of them: at most {most}")
            return ()
        return found


def mistakes(document: str, problems: Sequence[str], hint: str) -> BadInput:
    """The error of a document with these problems."""
    count = len(problems)
    return BadInput(
        f"{document} has {count} mistake{'s' if count != 1 else ''}",
        problems=tuple(problems),
        hint=hint,
    )


def is_whole(found: object) -> TypeGuard[int]:
    """Whether a document's value is a whole number; a truth value is not."""
    return isinstance(found, int) and not isinstance(found, bool)


def _suggestion(found: object, known: Sequence[str]) -> str:
    near = get_close_matches(str(found), known, n=1, cutoff=_SIMILARITY)
    return f"did you mean {near[0]}? " if near else ""


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0
