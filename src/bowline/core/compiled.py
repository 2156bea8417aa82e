"""Compiled parts of the package: the error for one that is not of this version, or is damaged.

What was never compiled is no error: clear Python runs in its place. What was compiled of other
sources (before an update) or cannot be loaded must never be used, nor passed over without a word.
"""

from __future__ import annotations

from bowline.core.errors import Conflict


class StaleExtension(Conflict):
    """A compiled part that does not fit the Python around it."""

    def __init__(self, path: str, cause: object) -> None:
        super().__init__(
            f"the compiled {path} is not of this version of Bowline, or damaged: {cause}",
            hint="compile it again, in a checkout: delete it, then touch setup.py && make setup; "
            "elsewhere reinstall bowline-trading",
        )
