"""Strategies for the user: create, list, show, clone, load.

A saved strategy must never change: a changed copy is another strategy. Nothing here runs one;
`load` and `opinion` return what a run is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.policy import FirstSignal
from bowline.core.signals import (
    Catalogue,
    Opinion,
    Strategies,
    StrategySpec,
    canonical_json,
    opinion_of,
    parse_spec,
    strategy_id,
    strategy_name,
)
from bowline.core.signals.spec import PluginUse
from bowline.desk.changes import apply_changes
from bowline.desk.spec_text import is_spec_file, parse_spec_text, read_spec_file

if TYPE_CHECKING:
    # a spec in a file needs no database, and its library takes a while to import
    from bowline.storage.tables import StrategyRecord, Tables

#: whoever sits at this machine; a face that knows its users gives one of them instead
LOCAL_OWNER = "local"


class SavedStrategy(Struct, frozen=True):
    """A strategy in the tables; `created` is False if it was there before."""

    record: StrategyRecord
    created: bool


def document_in(record: StrategyRecord) -> dict[str, Any]:
    """The plain values of a saved strategy as they would be written anew.

    One saved before there was `first_signal` has none: read as new it would mean something else.
    """
    document = parse_spec_text(record.spec, f"the saved strategy {record.name}")
    return {"first_signal": FirstSignal.ENTER.value} | document


def spec_in(raw: dict[str, Any], where: str) -> dict[str, Any]:
    """The spec in what a command printed as JSON: itself, or the `spec` of a row or a strategy.

    BadInput for a whole sweep, whose rows are many.
    """
    if "timeframe" in raw:
        return raw
    if isinstance(raw.get("spec"), dict):
        return dict(raw["spec"])
    if isinstance(raw.get("top"), list):
        raise BadInput(
            f"{where} is the result of a sweep, which has {len(raw['top'])} rows and no spec",
            hint="give the spec of one row, or save it: bowline grid save JOB ROW",
        )
    return raw


class StrategyDesk:
    """The verbs; a context manager, because it closes what it opened.

    What it is made of is opened or loaded when a verb first needs it: no plugin's code runs for a
    spec that uses none.
    """

    def __init__(
        self,
        open_tables: Callable[[], Tables],
        load_catalogue: Callable[[], Catalogue],
        load_plugins: Callable[[], Strategies],
        owner: str = LOCAL_OWNER,
    ) -> None:
        self._open_tables = open_tables
        self._load_catalogue = load_catalogue
        self._load_plugins = load_plugins
        self._owner = owner

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "_tables" in self.__dict__:
            self._tables.close()

    def create(self, spec: StrategySpec, now_ns: int) -> SavedStrategy:
        """Save `spec`; one that is there already is handed back as it is."""
        spec_id = strategy_id(spec)
        try:
            return SavedStrategy(self._tables.get_strategy(spec_id), created=False)
        except NotFound:
            text = canonical_json(spec).decode()
            name = strategy_name(spec)
            record = self._tables.save_strategy(spec_id, name, self._owner, text, now_ns)
            return SavedStrategy(record, created=True)

    def saved(self) -> list[StrategyRecord]:
        """All that are saved, oldest first."""
        return self._tables.list_strategies()

    def show(self, word: str) -> StrategyRecord:
        """The saved strategy with this id, beginning of an id, or name."""
        return self._tables.get_strategy(word)

    def load(self, word: str, changes: Sequence[str] = ()) -> StrategySpec:
        """The spec in a YAML or JSON file, or the saved one with this id, prefix or name.

        `changes` are `path=value` and made before it is parsed; nothing is saved.
        """
        return self.read(apply_changes(self._document(word), changes))

    def read(self, raw: Mapping[str, Any]) -> StrategySpec:
        """The spec that plain values describe; BadInput has one problem a mistake."""
        plugins = self._plugins if raw.get("strategy") is not None else Strategies()
        return parse_spec(raw, self._catalogue, plugins)

    def opinion(self, spec: StrategySpec) -> Opinion:
        """What a spec loaded here thinks of the market."""
        plugins = self._plugins if isinstance(spec.rules, PluginUse) else Strategies()
        return opinion_of(spec, self._catalogue, plugins)

    def _document(self, word: str) -> dict[str, Any]:
        if is_spec_file(word):
            return spec_in(read_spec_file(Path(word)), word)
        return document_in(self._tables.get_strategy(word))

    @cached_property
    def _tables(self) -> Tables:
        return self._open_tables()

    @cached_property
    def _catalogue(self) -> Catalogue:
        return self._load_catalogue()

    @cached_property
    def _plugins(self) -> Strategies:
        return self._load_plugins()
