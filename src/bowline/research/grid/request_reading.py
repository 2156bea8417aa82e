"""From what a person wrote (plain values, already parsed) to a GridRequest, every mistake found.

It must never guess, repair or widen: every mistake is one line with the path of its field and what
is allowed, and one BadInput carries all of them. It must never take more than a moment either: what
it looks at one by one is bounded, the rest is counted.

1. What a grid has in common with a strategy (timeframe, direction, instrument, sizing, costs) is
   read by the strategy's own reader, so that it means the same.
2. Each indicator is a slot: its parameters become axes inside the catalogue's hard bounds, its
   constraints are the catalogue's and the request's.
3. `choose` says how many slots must agree at once; without it all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from math import comb
from typing import Any, TypeGuard

import msgspec

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.policy import DirectionMode
from bowline.core.numbers import show
from bowline.core.signals import (
    Catalogue,
    Indicator,
    Strategies,
    StrategySpec,
    beyond_close_fills,
    expressions,
    parse_spec,
)
from bowline.core.signals.spec_reading import (
    MAX_INDICATORS,
    SHORT_TAKE_PROFIT,
    STOP_LOSS,
    TAKE_PROFIT,
)
from bowline.research.grid.axes import CATALOGUE, read_axis, read_stops
from bowline.research.grid.request import MAX_TOP, GridRequest, Stop
from bowline.research.grid.space import GridAxis, Slot
from bowline.research.grid.topk import RANKINGS, RowBounds

DEFAULT_TOP = 300
DEFAULT_SHORTLIST = 20_000
#: slots of one request, and ways to choose among them
MOST_SLOTS = 400
MOST_SUBSETS = 100_000
#: points that constraints are tried on, of all slots together and of all subsets together
MOST_POSITIONS = 20_000_000
MOST_CONSTRAINTS = 40
#: values of all axes together
MOST_VALUES = 100_000

_OF_STRATEGY = (
    "version", "timeframe", "instrument", "direction", "sizing", "costs", "first_signal",
)  # fmt: skip
#: read only to be refused by name
_BEYOND = ("fills", "funding", "margin")
_OF_GRID = ("indicators", "choose", "constraints", "stops", "rank_by", "top", "shortlist", "keep")
_FIELDS = (*_OF_STRATEGY, *_OF_GRID, *_BEYOND)
_SIZE = re.compile(r"[0-9]{1,3}")
_GUIDE = "every field is described in docs/reference/grid.md"
_STAND_IN = {"indicators": [{"id": "heikin_ashi"}]}


def parse_grid(raw: Mapping[str, Any], catalogue: Catalogue) -> GridRequest:
    """The request that `raw` describes.

    Raises BadInput with one problem a mistake, each with the path of its field and what is allowed.
    """
    reader = _Reader(catalogue)
    request = reader.request(raw)
    if reader.problems or request is None:
        count = len(reader.problems)
        raise BadInput(
            f"the grid has {count} mistake{'s' if count != 1 else ''}",
            problems=tuple(reader.problems),
            hint=_GUIDE,
        )
    return request


class _Reader:
    """Reads one request; used once. `problems` grows as it goes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.problems: list[str] = []
        #: points of slots that constraints have been tried on so far, values of all axes
        self.tried = 0
        self.values = 0

    def wrong(self, path: str, what: str) -> None:
        self.problems.append(f"{path}: {what}")

    def request(self, raw: Mapping[str, Any]) -> GridRequest | None:
        self._known("", raw, (*_FIELDS, "limits"))
        if raw.get("limits"):
            self.wrong("limits", "a sweep knows no limits on entries: give them to a saved row")
        template = self._template(raw)
        slots = self._slots(raw.get("indicators"))
        least, most = self._choose(raw.get("choose"), len(slots))
        constraints = self._constraints(raw.get("constraints"), slots)
        direction = template.direction if template else None
        sl_pct, tp_pct = self._stops(raw.get("stops"), direction)
        rank_by = raw.get("rank_by", RANKINGS[0])
        if rank_by not in RANKINGS:
            self.wrong("rank_by", f"{rank_by}: expected one of {', '.join(RANKINGS)}")
        top = self._count("top", raw.get("top"), DEFAULT_TOP, 1, MAX_TOP)
        shortlist = self._count("shortlist", raw.get("shortlist"), DEFAULT_SHORTLIST, 0, 10**9)
        keep = self._keep(raw.get("keep"))
        if self.problems or template is None:
            return None
        request = GridRequest(
            template, tuple(slots), least, most, constraints, sl_pct, tp_pct, rank_by, top,
            shortlist, keep,
        )  # fmt: skip
        self._not_empty(request)
        return request

    # --- what a grid has in common with a strategy --------------------------------------------

    def _template(self, raw: Mapping[str, Any]) -> StrategySpec | None:
        said = {name: raw[name] for name in (*_OF_STRATEGY, *_BEYOND) if name in raw}
        sizing = said.get("sizing")
        if isinstance(sizing, Mapping) and sizing.get("mode") == "risk_pct":
            # the strategy's reader wants the stop that a grid has among its axes
            said["stops"] = {"sl_pct": 1}
        try:
            spec = parse_spec(said | _STAND_IN, _stand_in(self.catalogue), Strategies())
        except BadInput as error:
            self.problems += error.problems
            return None
        for words in beyond_close_fills(spec):
            self.wrong(words, "a sweep's kernel does not know it: give it to a saved row")
        return spec

    def _stops(
        self, raw: object, direction: DirectionMode | None
    ) -> tuple[tuple[Stop, ...], tuple[Stop, ...]]:
        fields = self._mapping("stops", raw, ("sl_pct", "tp_pct"))
        gain = SHORT_TAKE_PROFIT if direction is DirectionMode.SHORT_ONLY else TAKE_PROFIT
        return (
            read_stops(fields.get("sl_pct"), STOP_LOSS, "stops.sl_pct", self.wrong),
            read_stops(fields.get("tp_pct"), gain, "stops.tp_pct", self.wrong),
        )

    # --- slots --------------------------------------------------------------------------------

    def _slots(self, raw: object) -> list[Slot]:
        if isinstance(raw, Mapping):
            return self._whole_catalogue(raw)
        if not isinstance(raw, list | tuple) or not raw:
            self.wrong("indicators", "expected a list such as - id: sma_cross, or {catalogue: ...}")
            return []
        if len(raw) > MOST_SLOTS:
            self.wrong("indicators", f"{len(raw)} of them: at most {MOST_SLOTS}")
            return []
        slots: list[Slot] = []
        for at, each in enumerate(raw):
            slot = self._slot(f"indicators[{at}]", each)
            if slot is None:
                continue
            if slot.name in {other.name for other in slots}:
                self.wrong(f"indicators[{at}]", f"{slot.name} is there already: give it a name")
            slots.append(slot)
        return slots

    def _slot(self, path: str, raw: object) -> Slot | None:
        fields = self._mapping(path, raw, ("id", "name", "params", "constraints"))
        try:
            entry = self.catalogue.get(str(fields.get("id")))
        except NotFound as error:
            self.wrong(f"{path}.id", f"{error.message}: {error.hint}")
            return None
        if entry.rule is None:
            self.wrong(f"{path}.id", f"{entry.id} gives no signal, because it {entry.no_rule}")
            return None
        name = str(fields.get("name", entry.id))
        if not name.isidentifier():
            self.wrong(f"{path}.name", f"{name!r} is not a name: expected letters, digits and _")
        return self._axes(path, name, entry, fields)

    def _axes(
        self, path: str, name: str, entry: Indicator, fields: Mapping[str, Any]
    ) -> Slot | None:
        raw = fields.get("params")
        names = [each.name for each in entry.params]
        if raw == CATALOGUE or (isinstance(raw, Mapping) and set(raw) == {"points"}):
            raw = dict.fromkeys(names, raw)
        found = len(self.problems)
        if self.values > MOST_VALUES:
            many = f"more than {MOST_VALUES:,} values on all axes together: take fewer"
            if f"indicators: {many}" not in self.problems:
                self.wrong("indicators", many)
            return None
        given = self._mapping(f"{path}.params", raw, names)
        axes = tuple(
            GridAxis(
                each.name,
                read_axis(each, given[each.name], f"{path}.params.{each.name}", self.wrong)
                if each.name in given
                else (each.default,),
            )
            for each in entry.params
        )
        self.values += sum(len(axis.values) for axis in axes)
        numeric = {each.name for each in axes if each.values and each.numeric}
        asked = self._texts(f"{path}.constraints", fields.get("constraints"), numeric)
        if len(self.problems) > found:
            return None
        slot = Slot(name, entry, axes, (*entry.constraints, *asked))
        tried = slot.positions + (self.tried if slot.constraints else 0)
        if tried > MOST_POSITIONS:
            self.wrong(
                f"{path}.params",
                f"{slot.positions:,} sets, at most {MOST_POSITIONS:,} of all slots that have "
                f"constraints: narrow {_widest(slot)}",
            )
            return None
        if slot.constraints:
            self.tried = tried
        if not slot.count:
            self.wrong(f"{path}.params", f"no set of them holds {' and '.join(slot.constraints)}")
        return slot

    def _whole_catalogue(self, raw: Mapping[str, Any]) -> list[Slot]:
        """`{catalogue: {points: 3, groups: [...], without: [...]}}`: every entry with a rule."""
        fields = self._mapping("indicators", raw, (CATALOGUE,))
        path = f"indicators.{CATALOGUE}"
        asked = self._mapping(path, fields.get(CATALOGUE), ("points", "groups", "without"))
        points = self._count(f"{path}.points", asked.get("points"), 1, 1, 1000)
        ruled = [entry for entry in self.catalogue.entries if entry.rule is not None]
        groups = self._names(f"{path}.groups", asked.get("groups"))
        without = self._names(f"{path}.without", asked.get("without")) or ()
        there = sorted({entry.group for entry in ruled})
        for group in groups or ():
            if group not in there:
                self.wrong(f"{path}.groups", f"{group}: expected some of {', '.join(there)}")
        for each in without:
            if each not in {entry.id for entry in ruled}:
                self.wrong(f"{path}.without", f"there is no indicator {each} with a rule")
        params = {"points": points} if "points" in asked else None
        chosen = [
            entry
            for entry in ruled
            if entry.id not in without and (groups is None or entry.group in groups)
        ]
        slots = [self._axes(path, each.id, each, {"params": params}) for each in chosen]
        return [slot for slot in slots if slot is not None]

    def _choose(self, raw: object, slots: int) -> tuple[int, int]:
        """How many slots at least and at most must agree: `2`, `1..3` or `{least: 1, most: 3}`."""
        if not slots:
            return 1, 1
        if raw is None:
            if slots > MAX_INDICATORS:
                self.wrong("choose", f"missing: {slots} indicators cannot all agree, write 1, say")
            return slots, slots
        if isinstance(raw, Mapping):
            fields = self._mapping("choose", raw, ("size", "least", "most"))
            if "size" in fields:
                return self._choose(fields["size"], slots)
            ends: Sequence[object] = (fields.get("least", 1), fields.get("most"))
        else:
            parts = str(raw).split("..")
            ends = [int(p) if _SIZE.fullmatch(p) else None for p in (parts[0], parts[-1])]
        least, most = ends
        if not (
            _is_whole(least)
            and _is_whole(most)
            and 1 <= least <= most <= min(slots, MAX_INDICATORS)
        ):
            self.wrong(
                "choose", f"expected 2, 1..3, say, within 1 and {min(slots, MAX_INDICATORS)}"
            )
            return 1, 1
        ways = sum(comb(slots, size) for size in range(least, most + 1))
        if ways > MOST_SUBSETS:
            self.wrong(
                "choose", f"{ways:,} ways to choose {raw} of {slots}: at most {MOST_SUBSETS:,}"
            )
            return 1, 1
        return least, most

    def _constraints(self, raw: object, slots: Sequence[Slot]) -> tuple[str, ...]:
        known = {f"{s.name}_{axis.name}" for s in slots for axis in s.axes if axis.numeric}
        return self._texts("constraints", raw, known)

    def _texts(self, path: str, raw: object, known: set[str]) -> tuple[str, ...]:
        if raw is None:
            return ()
        texts: list[str] = []
        listed = raw if isinstance(raw, list | tuple) else (raw,)
        if len(listed) > MOST_CONSTRAINTS:
            self.wrong(path, f"{len(listed)} of them: at most {MOST_CONSTRAINTS}")
            return ()
        for at, each in enumerate(listed):
            try:
                tree = expressions.parse(str(each))
            except ValueError as error:
                self.wrong(f"{path}[{at}]", str(error))
                continue
            if not expressions.is_truth(tree) or expressions.looks_back(tree):
                self.wrong(f"{path}[{at}]", f"{each!r} must be a comparison such as fast < slow")
            elif strange := sorted(expressions.names(tree) - known):
                self.wrong(
                    f"{path}[{at}]",
                    f"{strange[0]!r} is no parameter here: expected {', '.join(sorted(known))}",
                )
            texts.append(str(each))
        return tuple(texts)

    # --- the rest -----------------------------------------------------------------------------

    def _keep(self, raw: object) -> RowBounds:
        names = [each.name for each in msgspec.structs.fields(RowBounds)]
        fields = self._mapping("keep", raw, names)
        try:
            return msgspec.convert(_floats(fields), RowBounds)
        except msgspec.ValidationError as error:
            self.wrong("keep", f"{error}")
            return RowBounds()

    def _not_empty(self, request: GridRequest) -> None:
        filtered = [subset for subset in request.space.subsets if subset.filtered]
        if (positions := sum(subset.positions for subset in filtered)) > MOST_POSITIONS:
            widest = max(filtered, key=lambda subset: subset.positions)
            names = " and ".join(slot.name for slot in widest.slots)
            self.wrong(
                "constraints",
                f"{names} together have {widest.positions:,} choices, and all that constraints "
                f"or twins of one indicator tie {positions:,}: at most {MOST_POSITIONS:,}, narrow "
                "one of them",
            )
            return
        if not request.space.bases:
            self.wrong("constraints", "no variant holds all of them")

    def _count(self, path: str, raw: object, without: int, least: int, most: int) -> int:
        if raw is None:
            return without
        if not _is_whole(raw) or not least <= raw <= most:
            self.wrong(path, f"{show(raw)} is not a whole number from {least} to {most}")
            return without
        return raw

    def _names(self, path: str, raw: object) -> tuple[str, ...] | None:
        if raw is None:
            return None
        if not isinstance(raw, list | tuple) or not all(isinstance(each, str) for each in raw):
            self.wrong(path, "expected a list of names")
            return ()
        return tuple(raw)

    def _mapping(self, path: str, raw: object, known: Sequence[str]) -> Mapping[str, Any]:
        if raw is None:
            return {}
        if not isinstance(raw, Mapping):
            self.wrong(path, "is not a mapping of names to values")
            return {}
        self._known(f"{path}.", raw, known)
        return {str(name): value for name, value in raw.items() if name in known}

    def _known(self, prefix: str, raw: Mapping[str, Any], known: Sequence[str]) -> None:
        for name in raw:
            if name not in known:
                near = get_close_matches(str(name), known, n=1, cutoff=0.5)
                meant = f"did you mean {near[0]}? " if near else ""
                allowed = ", ".join(known) or "nothing"
                self.wrong(f"{prefix}{name}", f"no such field: {meant}expected {allowed}")


def _is_whole(found: object) -> TypeGuard[int]:
    return isinstance(found, int) and not isinstance(found, bool)


def _stand_in(catalogue: Catalogue) -> Catalogue:
    """One entry for the strategy's reader, which wants rules, under an id of our own."""
    entry = next(each for each in catalogue.entries if each.rule is not None)
    return Catalogue((msgspec.structs.replace(entry, id="heikin_ashi"),))


def _widest(slot: Slot) -> str:
    if not slot.axes:
        return "the others"
    widest = max(slot.axes, key=lambda axis: len(axis.values))
    return f"{widest.name} ({len(widest.values):,} values)"


def _floats(value: object) -> object:
    """The same with floats for decimals."""
    if isinstance(value, Mapping):
        return {name: _floats(each) for name, each in value.items()}
    return float(value) if isinstance(value, Decimal) else value
