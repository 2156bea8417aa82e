"""What can go wrong in a way a person can mend: one tree, drawn first.

    BowlineError        what was wrong and where, what was expected, what to do
    ├── BadInput        a file, a spec, an option or a setting is not what it must be
    ├── NotFound        a thing that was named does not exist
    ├── Conflict        it exists already, or is in use, or the state forbids it
    │   └── Unreachable a store takes or gives nothing now: in use, a full disk, a dead server
    └── Damaged         stored data is not what was written: never trade on it

A programming error is none of these and must stay an ordinary exception.
"""

from __future__ import annotations


class BowlineError(Exception):
    """`message` says what was wrong and where; `hint` says what was expected or what to do."""

    def __init__(self, message: str, *, hint: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        #: one line a mistake, when there are several
        self.problems = problems


class BadInput(BowlineError):
    """Input that cannot be used as it is."""


class NotFound(BowlineError):
    """Something named that is not there."""


class Conflict(BowlineError):
    """Something that the present state does not allow."""


class Unreachable(Conflict):
    """A store that does not answer now: what was asked of it may or may not have happened."""


class Damaged(BowlineError):
    """Stored data that fails its own check."""
