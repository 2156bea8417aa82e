"""Errors that a person can correct: one tree.

    BowlineError        what was wrong and where, what was expected, what to do
    ├── BadInput        a file, a spec, an option or a setting is not allowed
    ├── NotFound        something that was named does not exist
    ├── Conflict        it exists already, or is in use, or the state forbids it
    └── Damaged         stored data differs from what was written: never trade on it

A programming error is none of these and must stay an ordinary exception.
"""

from __future__ import annotations


class BowlineError(Exception):
    """`message` says what was wrong and where; `hint` says what was expected or what to do."""

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        #: one line per mistake, if there are several
        self.problems = problems


class BadInput(BowlineError):
    """Input that cannot be used."""


class NotFound(BowlineError):
    """Something that was named does not exist."""


class Conflict(BowlineError):
    """The present state does not allow it."""


class Unreachable(Conflict):
    """A store that does not answer now: what was asked of it may or may not have happened."""


class Damaged(BowlineError):
    """Stored data that fails its own check."""
