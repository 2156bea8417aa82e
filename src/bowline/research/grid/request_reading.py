"""Reads a GridRequest from a parsed document, reporting every mistake.

It must never guess, repair or widen. It must also take no noticeable time, whatever it is given:
what it examines one by one is limited, the rest is only counted.

1. The fields that a grid shares with a spec (timeframe, direction, instrument, sizing, costs) are
   read by the spec's reader, so that they mean the same.
2. Each indicator is a slot: its parameters become axes within the catalogue's bounds, its
   constraints are the catalogue's and the request's.
3. `choose` sets how many slots must agree at once; without it all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import comb
from typing import Any

from msgspec import structs

from bowline.core.document_reader import Bounds, DocumentReader, is_whole
from bowline.core.errors import BadInput, NotFound
from bowline.core.model.policy import DirectionMode
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
from bowline.research.grid.topk import RANKINGS, LossWindow, RowBounds

DEFAULT_TOP = 300
DEFAULT_SHORTLIST = 20_000
#: limits of one request: slots, ways to choose among them
MOST_SLOTS = 400
MOST_SUBSETS = 100_000
#: points that constraints are evaluated on, over all slots and over all subsets
MOST_POSITIONS = 20_000_000
MOST_CONSTRAINTS = 40
#: values of all axes
MOST_VALUES = 100_000

_OF_STRATEGY = (
    "version", "timeframe", "instrument", "direction", "sizing", "costs", "first_signal",
)  # fmt: skip
#: fields that are read only to report them as unsupported
_BEYOND = ("fills", "funding", "margin")
_OF_GRID = ("indicators", "choose", "constraints", "stops", "rank_by", "top", "shortlist", "keep")
_FIELDS = (*_OF_STRATEGY, *_OF_GRID, *_BEYOND)
_SIZE = re.compile(r"[0-9]{1,3}")
_GUIDE = "every field is described in docs/reference/grid.md"
_PERCENT = Bounds("a percentage of 0 or more", least=Decimal(0))
_MAX_ROUND_TRIPS = 10**9
_LIST = "a list such as - id: sma_cross, or {catalogue: ...}"
_STAND_IN = {"indicators": [{"id": "heikin_ashi"}]}


def parse_grid(raw: Mapping[str, Any], catalogue: Catalogue) -> GridRequest:
    """The request that `raw` describes.

    BadInput with one problem per mistake, each with the path of its field and what is allowed.
    """
    reader = _Reader(catalogue)
    request = reader.request(raw)
    if reader.doc.problems or request is None:
        raise reader.doc.refusal(_GUIDE)
    return request


class _Reader:
    """Reads one request; used once."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.doc = DocumentReader("the grid")
        #: points of slots that constraints have been tried on so far, values of all axes
        self.tried = 0
        self.values = 0

    def request(self, raw: Mapping[str, Any]) -> GridRequest | None:
        self.doc.check_names("", raw, (*_FIELDS, "limits"))
        if raw.get("limits"):
            self.doc.problem(
                "limits", "a sweep does not support limits on entries: add them to a saved row"
            )
        template = self._template(raw)
        slots = self._slots(raw.get("indicators"))
        least, most = self._choose(raw.get("choose"), len(slots))
        constraints = self._constraints(raw.get("constraints"), slots)
        direction = template.direction if template else None
        sl_pct, tp_pct = self._stops(raw.get("stops"), direction)
        rank_by = raw.get("rank_by", RANKINGS[0])
        if rank_by not in RANKINGS:
            self.doc.problem("rank_by", f"{rank_by}: expected one of {', '.join(RANKINGS)}")
        top = self.doc.whole("top", raw.get("top"), default=DEFAULT_TOP, least=1, most=MAX_TOP)
        shortlist = self.doc.whole(
            "shortlist", raw.get("shortlist"), default=DEFAULT_SHORTLIST, least=0, most=10**9
        )
        keep = self._keep(raw.get("keep"))
        if self.doc.problems or template is None:
            return None
        request = GridRequest(
            template=template,
            slots=tuple(slots),
            least=least,
            most=most,
            constraints=constraints,
            sl_pct=sl_pct,
            tp_pct=tp_pct,
            rank_by=rank_by,
            top=top,
            shortlist=shortlist,
            keep=keep,
        )
        self._not_empty(request)
        return request

    # --- what a grid has in common with a strategy --------------------------------------------

    def _template(self, raw: Mapping[str, Any]) -> StrategySpec | None:
        said = {name: raw[name] for name in (*_OF_STRATEGY, *_BEYOND) if name in raw}
        sizing = said.get("sizing")
        if isinstance(sizing, Mapping) and sizing.get("mode") == "risk_pct":
            # the spec's reader requires the stop, which a grid has among its axes
            said["stops"] = {"sl_pct": 1}
        try:
            spec = parse_spec(said | _STAND_IN, _stand_in(self.catalogue), Strategies())
        except BadInput as error:
            self.doc.problems += error.problems
            return None
        for words in beyond_close_fills(spec):
            self.doc.problem(words, "a sweep does not support it: add it to a saved row")
        return spec

    def _stops(
        self, raw: object, direction: DirectionMode | None
    ) -> tuple[tuple[Stop, ...], tuple[Stop, ...]]:
        fields = self.doc.section("stops", raw, ("sl_pct", "tp_pct")) or {}
        gain = SHORT_TAKE_PROFIT if direction is DirectionMode.SHORT_ONLY else TAKE_PROFIT
        return (
            read_stops(fields.get("sl_pct"), STOP_LOSS, "stops.sl_pct", self.doc.problem),
            read_stops(fields.get("tp_pct"), gain, "stops.tp_pct", self.doc.problem),
        )

    # --- slots --------------------------------------------------------------------------------

    def _slots(self, raw: object) -> list[Slot]:
        if isinstance(raw, Mapping):
            return self._whole_catalogue(raw)
        slots: list[Slot] = []
        for at, each in enumerate(self.doc.items("indicators", raw, _LIST, MOST_SLOTS)):
            slot = self._slot(f"indicators[{at}]", each)
            if slot is None:
                continue
            if slot.name in {other.name for other in slots}:
                self.doc.problem(
                    f"indicators[{at}]", f"{slot.name} is used twice: give it a `name`"
                )
            slots.append(slot)
        return slots

    def _slot(self, path: str, raw: object) -> Slot | None:
        fields = self.doc.section(path, raw, ("id", "name", "params", "constraints")) or {}
        try:
            entry = self.catalogue.get(str(fields.get("id")))
        except NotFound as error:
            self.doc.problem(f"{path}.id", f"{error.message}: {error.hint}")
            return None
        if entry.rule is None:
            self.doc.problem(
                f"{path}.id", f"{entry.id} gives no signal, because it {entry.no_rule}"
            )
            return None
        name = str(fields.get("name", entry.id))
        if not name.isidentifier():
            self.doc.problem(
                f"{path}.name", f"{name!r} is not a name: expected letters, digits and _"
            )
        return self._axes(path, name, entry, fields)

    def _axes(
        self, path: str, name: str, entry: Indicator, fields: Mapping[str, Any]
    ) -> Slot | None:
        raw = fields.get("params")
        names = [each.name for each in entry.params]
        if raw == CATALOGUE or (isinstance(raw, Mapping) and set(raw) == {"points"}):
            raw = dict.fromkeys(names, raw)
        found = len(self.doc.problems)
        if self.values > MOST_VALUES:
            many = f"more than {MOST_VALUES:,} values on all axes: take fewer"
            if f"indicators: {many}" not in self.doc.problems:
                self.doc.problem("indicators", many)
            return None
        given = self.doc.section(f"{path}.params", raw, names) or {}
        axes = tuple(
            GridAxis(
                each.name,
                read_axis(each, given[each.name], f"{path}.params.{each.name}", self.doc.problem)
                if each.name in given
                else (each.default,),
            )
            for each in entry.params
        )
        self.values += sum(len(axis.values) for axis in axes)
        numeric = {each.name for each in axes if each.values and each.numeric}
        asked = self._texts(f"{path}.constraints", fields.get("constraints"), numeric)
        if len(self.doc.problems) > found:
            return None
        slot = Slot(name, entry, axes, (*entry.constraints, *asked))
        tried = slot.positions + (self.tried if slot.constraints else 0)
        if tried > MOST_POSITIONS:
            self.doc.problem(
                f"{path}.params",
                f"{slot.positions:,} sets, at most {MOST_POSITIONS:,} over all slots with "
                f"constraints: narrow {_widest(slot)}",
            )
            return None
        if slot.constraints:
            self.tried = tried
        if not slot.count:
            self.doc.problem(f"{path}.params", f"no set satisfies {' and '.join(slot.constraints)}")
        return slot

    def _whole_catalogue(self, raw: Mapping[str, Any]) -> list[Slot]:
        """`{catalogue: {points: 3, groups: [...], without: [...]}}`.

        Every indicator with a rule.
        """
        fields = self.doc.section("indicators", raw, (CATALOGUE,)) or {}
        path = f"indicators.{CATALOGUE}"
        asked = self.doc.section(path, fields.get(CATALOGUE), ("points", "groups", "without")) or {}
        points = self.doc.whole(
            f"{path}.points", asked.get("points"), default=1, least=1, most=1000
        )
        ruled = [entry for entry in self.catalogue.entries if entry.rule is not None]
        groups = self.doc.texts(f"{path}.groups", asked.get("groups"))
        without = self.doc.texts(f"{path}.without", asked.get("without")) or ()
        there = sorted({entry.group for entry in ruled})
        for group in groups or ():
            if group not in there:
                self.doc.problem(f"{path}.groups", f"{group}: expected some of {', '.join(there)}")
        for each in without:
            if each not in {entry.id for entry in ruled}:
                self.doc.problem(f"{path}.without", f"{each} is not an indicator with a rule")
        params = {"points": points} if "points" in asked else None
        chosen = [
            entry
            for entry in ruled
            if entry.id not in without and (groups is None or entry.group in groups)
        ]
        slots = [self._axes(path, each.id, each, {"params": params}) for each in chosen]
        return [slot for slot in slots if slot is not None]

    def _choose(self, raw: object, slots: int) -> tuple[int, int]:
        """How many slots must agree, at least and at most: `2`, `1..3` or `{least: 1, most: 3}`."""
        if not slots:
            return 1, 1
        if raw is None:
            if slots > MAX_INDICATORS:
                self.doc.problem(
                    "choose", f"missing: {slots} indicators cannot all agree, write choose: 1"
                )
            return slots, slots
        if isinstance(raw, Mapping):
            fields = self.doc.section("choose", raw, ("size", "least", "most")) or {}
            if "size" in fields:
                return self._choose(fields["size"], slots)
            ends: Sequence[object] = (fields.get("least", 1), fields.get("most"))
        else:
            parts = str(raw).split("..")
            ends = [int(p) if _SIZE.fullmatch(p) else None for p in (parts[0], parts[-1])]
        least, most = ends
        if not (
            is_whole(least) and is_whole(most) and 1 <= least <= most <= min(slots, MAX_INDICATORS)
        ):
            self.doc.problem(
                "choose",
                f"expected a number or a range such as 1..3, up to {min(slots, MAX_INDICATORS)}",
            )
            return 1, 1
        ways = sum(comb(slots, size) for size in range(least, most + 1))
        if ways > MOST_SUBSETS:
            self.doc.problem(
                "choose", f"{ways:,} ways to choose {raw} out of {slots}: at most {MOST_SUBSETS:,}"
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
            self.doc.problem(path, f"{len(listed)} of them: at most {MOST_CONSTRAINTS}")
            return ()
        for at, each in enumerate(listed):
            try:
                tree = expressions.parse(str(each))
            except ValueError as error:
                self.doc.problem(f"{path}[{at}]", str(error))
                continue
            if not expressions.is_condition(tree) or expressions.uses_prev(tree):
                self.doc.problem(
                    f"{path}[{at}]", f"{each!r} must be a comparison such as fast < slow"
                )
            elif strange := sorted(expressions.names(tree) - known):
                self.doc.problem(
                    f"{path}[{at}]",
                    f"{strange[0]!r} is not a parameter: expected {', '.join(sorted(known))}",
                )
            texts.append(str(each))
        return tuple(texts)

    # --- the rest -----------------------------------------------------------------------------

    def _keep(self, raw: object) -> RowBounds:
        fields = self.doc.section("keep", raw, [each.name for each in structs.fields(RowBounds)])
        found: dict[str, Any] = {}
        for name, value in (fields or {}).items():
            path = f"keep.{name}"
            if name == "loss_window":
                found[name] = self._loss_window(path, value)
            elif name.endswith("_round_trips"):
                found[name] = self._count(path, value)
            else:
                found[name] = _float_or_none(self.doc.number(path, value, _PERCENT))
        return RowBounds(**found)

    def _count(self, path: str, found: object) -> int | None:
        if found is None:
            return None
        return self.doc.whole(path, found, default=0, least=0, most=_MAX_ROUND_TRIPS)

    def _loss_window(self, path: str, raw: object) -> LossWindow | None:
        fields = self.doc.section(path, raw, ("days", "loss_pct"))
        if raw is None or fields is None:
            return None
        for name in ("days", "loss_pct"):
            if fields.get(name) is None:
                self.doc.problem(f"{path}.{name}", "missing: a loss window has days and loss_pct")
        days = self.doc.whole(f"{path}.days", fields.get("days"), default=1, least=1, most=365)
        loss = self.doc.number(f"{path}.loss_pct", fields.get("loss_pct"), _PERCENT)
        return None if loss is None else LossWindow(days, float(loss))

    def _not_empty(self, request: GridRequest) -> None:
        filtered = [subset for subset in request.space.subsets if subset.filtered]
        if (positions := sum(subset.positions for subset in filtered)) > MOST_POSITIONS:
            widest = max(filtered, key=lambda subset: subset.positions)
            names = " and ".join(slot.name for slot in widest.slots)
            self.doc.problem(
                "constraints",
                f"{names} have {widest.positions:,} combinations, and all combinations with "
                f"constraints or with an indicator used twice are {positions:,}: at most "
                f"{MOST_POSITIONS:,}, narrow one of them",
            )
            return
        if not request.space.bases:
            self.doc.problem("constraints", "no variant satisfies all of them")


def _stand_in(catalogue: Catalogue) -> Catalogue:
    """A catalogue of one indicator with a rule, because the spec's reader requires one."""
    entry = next(each for each in catalogue.entries if each.rule is not None)
    return Catalogue((structs.replace(entry, id="heikin_ashi"),))


def _widest(slot: Slot) -> str:
    if not slot.axes:
        return "the others"
    widest = max(slot.axes, key=lambda axis: len(axis.values))
    return f"{widest.name} ({len(widest.values):,} values)"


def _float_or_none(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
