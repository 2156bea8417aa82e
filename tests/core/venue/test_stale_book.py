"""A compiled book of another version is an error that says what to do, never a slower book."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import bowline.core.venue._book as compiled
import pytest

from bowline.core.compiled import StaleExtension
from bowline.core.venue.book import checked_book

ASK = """
import importlib.machinery as machinery, sys
from bowline.core.errors import Conflict

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "bowline.core.venue._book":
            loader = machinery.ExtensionFileLoader(name, sys.argv[1])
            return machinery.ModuleSpec(name, loader, origin=sys.argv[1])

if len(sys.argv) > 1:
    sys.meta_path.insert(0, Finder())
else:
    sys.modules["bowline.core.venue._book"] = None
try:
    import bowline.core.venue.book as book
except Conflict as error:
    print(type(error).__name__, error.message, error.hint, sep="|")
else:
    print(book.Book is book.ClearBook)
"""


def asked(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_one_that_lacks_what_the_clear_book_has_is_stale() -> None:
    assert checked_book(compiled) is compiled.CompiledBook
    older = ModuleType("_book")
    older.__file__ = "/there/_book.so"
    for book in (None, type("CompiledBook", (), {"replace": None, "change": None})):
        if book is not None:
            older.CompiledBook = book  # type: ignore[attr-defined]
        with pytest.raises(
            StaleExtension, match=r"/there/_book\.so .*it lacks .*_by_turns"
        ) as said:
            checked_book(older)
        assert "make setup" in said.value.hint


def test_one_that_cannot_be_loaded_is_told_and_none_at_all_is_the_clear_one(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "_book.so"
    broken.write_bytes(b"no library at all\n" * 100)
    kind, message, hint = asked(str(broken)).split("|")
    assert (kind, str(broken) in message, "make setup" in hint) == ("StaleExtension", True, True)
    assert asked(str(compiled.__file__)) == "False"
    assert asked() == "True"
