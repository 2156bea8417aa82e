"""The catalogue of indicators.

Built from plain values, narrowed by an environment, looked up by id. It reads no file (see
`wire.load_catalogue`). No entry may be used unchecked: `Catalogue.build` finds every mistake before
the first entry is used.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from bowline.core.document_reader import mistakes
from bowline.core.errors import NotFound
from bowline.core.signals.entry import Indicator, Kind, Parameter, Rule, Step, Value
from bowline.core.signals.entry_reading import read_entries
from bowline.core.signals.narrowing import narrow_entries

__all__ = ["Catalogue", "Indicator", "Kind", "Parameter", "Rule", "Step", "Value"]


class Catalogue:
    """Every indicator that may be used, by id, in the order of the files."""

    def __init__(self, entries: Iterable[Indicator]) -> None:
        self.entries: tuple[Indicator, ...] = tuple(entries)
        self._by_id = {entry.id: entry for entry in self.entries}

    @classmethod
    def build(cls, raw: Mapping[str, object]) -> Catalogue:
        """The catalogue described by `raw` (`{"indicators": [entry, …]}`).

        BadInput with one problem per mistake, each with the path of its field.
        """
        entries, problems = read_entries(raw)
        if problems:
            raise mistakes(
                "the indicator catalogue",
                problems,
                "correct these fields: docs/reference/indicators.md describes the format",
            )
        return cls(entries)

    def ids(self) -> tuple[str, ...]:
        """The id of every entry, in order."""
        return tuple(self._by_id)

    def narrow(self, raw: Mapping[str, object]) -> Catalogue:
        """The catalogue within an environment's bounds (`{"indicators": {id: …}}`).

        Bounds may be narrowed and entries disabled, never widened or added: BadInput lists every
        mistake with the path of its field.
        """
        entries, problems = narrow_entries(self.entries, raw)
        if problems:
            raise mistakes(
                "the file of indicator bounds",
                problems,
                "bounds may only be narrower than those of `bowline indicators show ID`",
            )
        return Catalogue(entries)

    def get(self, indicator_id: str) -> Indicator:
        """The entry with this id; NotFound suggests similar ids."""
        entry = self._by_id.get(indicator_id)
        if entry is not None:
            return entry
        near = difflib.get_close_matches(indicator_id.lower(), self._by_id, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see `bowline indicators list`"
        raise NotFound(f"there is no indicator {indicator_id!r} in the catalogue", hint=hint)
