"""Strategies written in Python: the class a plugin fills in, the registry, and the guard around it.

A plugin is somebody else's code: what it gives must never be used unchecked, and what it raises
must never pass for a mistake of Bowline's own.

1. A plugin is a subclass of `Strategy`; registering it checks what it says about itself.
2. It sees candles it cannot write to and parameters that were checked against its bounds.
3. Its signals must be one direction a candle, and must not change when the candles after them are
   taken away: right behind some candles where it changed its mind, it is asked again.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from types import MappingProxyType
from typing import ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.errors import BadInput, BowlineError, NotFound
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.signals.catalogue import Parameter, Value
from bowline.core.signals.frame import DirectionColumn, SignalFrame, frame_of

#: how often a plugin's past is computed again to see whether it looks ahead
CAUSAL_CUTS = 4

_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
_GUIDE = "see docs/howto/write-a-strategy-plugin.md"


class Strategy(ABC):
    """What a plugin fills in. It must keep no state: the same candles give the same signals."""

    #: small letters, digits and _; unique among the plugins that are loaded
    id: ClassVar[str]
    version: ClassVar[int] = 1
    title: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def problems(self, params: Mapping[str, Value]) -> Sequence[str]:
        """What is wrong with parameters that are each within their bounds; nothing by default."""
        del params
        return ()

    @abstractmethod
    def warmup(self, params: Mapping[str, Value]) -> int:
        """Candles before the first signal that means something.

        That one is the first signal, which a run may have to wait out; what is given before it
        is never fresh either.
        """

    @abstractmethod
    def signals(self, candles: CandleFrame, params: Mapping[str, Value]) -> NDArray[np.integer]:
        """One whole number a candle: 1 LONG, -1 SHORT, 0 NEUTRAL.

        Value t may depend on candles 0 to t and on nothing else.
        """


class Registered(msgspec.Struct, frozen=True):
    """A strategy that may be used, where it came from, and the SHA-256 of its code.

    `root` is the file or the folder that its code lies in.
    """

    strategy: Strategy
    origin: str
    code: str
    root: str

    def resolve(self, params: Mapping[str, object]) -> tuple[dict[str, Value], list[str]]:
        """`params` filled up with defaults, and one message a mistake saying what was allowed."""
        known = {each.name: each for each in self.strategy.parameters}
        problems = [
            f"{name}: {self.strategy.id} has no such parameter: "
            f"expected {', '.join(known) or 'none'}"
            for name in params
            if name not in known
        ]
        values = {name: each.default for name, each in known.items()}
        for name in (each for each in known if each in params):
            value, problem = known[name].take(params[name])
            if value is None:
                problems.append(problem)
            else:
                values[name] = value
        if not problems:
            with blamed(self.origin, self.root):
                problems = [str(each) for each in self.strategy.problems(MappingProxyType(values))]
        return values, problems


class Fault(msgspec.Struct, frozen=True):
    """A plugin that could not be loaded, and why."""

    origin: str
    message: str
    hint: str = ""


class Strategies:
    """Every strategy plugin that may be used, by id, and those that could not be loaded."""

    def __init__(self, entries: Iterable[Registered] = (), faults: Iterable[Fault] = ()) -> None:
        self._by_id: dict[str, Registered] = {}
        found = list(faults)
        for entry in entries:
            earlier = self._by_id.setdefault(entry.strategy.id, entry)
            if earlier is not entry:
                found.append(
                    Fault(entry.origin, f"the id {entry.strategy.id} belongs to {earlier.origin}")
                )
        self.faults = tuple(found)

    def __iter__(self) -> Iterator[Registered]:
        return iter(self._by_id.values())

    def get(self, strategy_id: str) -> Registered:
        """The strategy of this id; NotFound says which there are."""
        entry = self._by_id.get(strategy_id)
        if entry is not None:
            return entry
        near = get_close_matches(strategy_id, self._by_id, n=1)
        hint = (
            f"did you mean {near[0]}?" if near else f"there are: {', '.join(self._by_id) or 'none'}"
        )
        if self.faults:
            hint += f"; {len(self.faults)} not loaded: see `bowline strategy plugins`"
        elif not self._by_id:
            hint += "; how to add one: docs/howto/write-a-strategy-plugin.md"
        raise NotFound(f"there is no strategy plugin {strategy_id!r}", hint=hint)


def register(strategy: object, origin: str, code: str, root: str) -> Registered:
    """`strategy` (an instance or its class) checked: BadInput has one problem a mistake."""
    with blamed(origin, root):
        made = strategy() if isinstance(strategy, type) else strategy
    if not isinstance(made, Strategy):
        raise BadInput(f"{origin}: {strategy!r} is not a Strategy", hint=_GUIDE)
    problems = list(_declaration_problems(made))
    if problems:
        raise BadInput(
            f"{origin}: {type(made).__name__} does not say what it is",
            problems=tuple(problems),
            hint=_GUIDE,
        )
    return Registered(made, origin, code, root)


def _declaration_problems(strategy: Strategy) -> Iterator[str]:
    found_id = getattr(strategy, "id", None)
    if not (isinstance(found_id, str) and _ID.fullmatch(found_id)):
        yield f"id: {found_id!r} is not an id: expected small letters, digits and _"
    if not (type(strategy.version) is int and strategy.version >= 1):
        yield f"version: {strategy.version!r} is not a version: expected 1, 2, …"
    title = getattr(strategy, "title", None)
    if not (isinstance(title, str) and title.strip()):
        yield f"title: {title!r} is not a title: expected a few words"
    parameters: object = strategy.parameters
    if not (isinstance(parameters, tuple) and all(isinstance(p, Parameter) for p in parameters)):
        yield f"parameters: {parameters!r} is not a tuple of Parameter"
        return
    if len({each.name for each in parameters}) < len(parameters):
        yield "parameters: a name is used twice"
    for each in parameters:
        if not _ID.fullmatch(each.name):
            yield f"parameters.{each.name}: expected small letters, digits and _"
        if None in (each.minimum, each.maximum, each.step) and not each.choices:
            yield f"parameters.{each.name}: a number needs a minimum, a maximum and a step"
        elif problem := each.take(each.default)[1]:
            yield f"parameters.{each.name}.default: {problem}"


class PluginOpinion(msgspec.Struct, frozen=True):
    """What a registered strategy with these parameters thinks of the market."""

    entry: Registered
    params: Mapping[str, Value]
    least_warmup: int

    @property
    def warmup(self) -> int:
        """What the strategy asks for, and not less than every run waits for."""
        return max(self.least_warmup, self._own_warmup())

    def _own_warmup(self) -> int:
        with blamed(self.entry.origin, self.entry.root):
            asked = self.entry.strategy.warmup(self.params)
        if type(asked) is not int or asked < 0:
            raise BadInput(
                f"{self.entry.origin}: warmup gave {asked!r}, expected 0 or more candles"
            )
        return asked

    def signals(self, candles: CandleFrame) -> SignalFrame:
        """The plugin's directions, checked; BadInput names the plugin and what is wrong."""
        locked = _locked(candles)
        direction = self._directions(locked)
        for cut in _cuts(direction):
            again = self._directions(locked.slice(0, cut))
            changed = np.flatnonzero(again != direction[:cut])
            if len(changed):
                raise BadInput(
                    f"{self.entry.origin}: {self.entry.strategy.id} looks ahead: its signal of "
                    f"candle {changed[0]} is another one when the candles after {cut - 1} are "
                    "not there",
                    hint="a signal may depend on its own and earlier candles only",
                )
        return frame_of(direction, first=self._own_warmup())

    def _directions(self, candles: CandleFrame) -> DirectionColumn:
        with blamed(self.entry.origin, self.entry.root):
            given: object = self.entry.strategy.signals(candles, self.params)
        if not isinstance(given, np.ndarray) or given.dtype.kind not in "iu" or given.ndim != 1:
            found = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given)
            raise self._bad(f"gave {found}, expected one whole number a candle (np.int8)")
        if len(given) != len(candles):
            raise self._bad(f"gave {len(given)} signals for {len(candles)} candles")
        if len(given) and not {int(given.min()), int(given.max())} <= {-1, 0, 1}:
            raise self._bad(f"gave {given.min()} to {given.max()}, expected -1, 0 and 1")
        return given.astype(np.int8, copy=True)

    def _bad(self, what: str) -> BadInput:
        return BadInput(f"{self.entry.origin}: {self.entry.strategy.id} {what}", hint=_GUIDE)


def plugin_opinion(
    entry: Registered, params: Mapping[str, Value], least_warmup: int
) -> PluginOpinion:
    """What `entry` thinks under resolved `params`."""
    return PluginOpinion(entry, MappingProxyType(dict(params)), least_warmup)


@contextmanager
def blamed(origin: str, root: str) -> Iterator[None]:
    """Whatever the plugin's code raises in here becomes a BadInput that names its file and line."""
    try:
        yield
    except BowlineError:
        raise
    except (Exception, SystemExit) as error:
        # a plugin is somebody else's code and may raise anything at all
        place = _place_of(error, root)
        where = f"{origin}: {place}" if place and root != origin else place or origin
        raise BadInput(f"{where}: {type(error).__name__}: {error}", hint=_GUIDE) from error


def _place_of(error: BaseException, root: str) -> str:
    """File and line of the last place inside the plugin's own code, if there is one."""
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(root):
        return f"{error.filename} line {error.lineno}"
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(root):
            place = f"{file} line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _cuts(direction: DirectionColumn) -> list[int]:
    """Lengths to compute again: right behind changes of mind, where looking ahead must show."""
    if len(direction) < 2:  # noqa: PLR2004 - there is nothing to take away
        return []
    places = np.flatnonzero(np.diff(direction)) + 2
    if not len(places):
        places = np.arange(1, len(direction))
    picked = np.linspace(0, len(places) - 1, CAUSAL_CUTS).astype(np.int64)
    return sorted({int(places[each]) for each in picked})


def _locked(candles: CandleFrame) -> CandleFrame:
    """The same candles as views that cannot be written to, without their source."""
    columns = {}
    for name in ("open_ns", *VALUE_COLUMNS):
        view = getattr(candles, name).view()
        view.flags.writeable = False
        columns[name] = view
    return msgspec.structs.replace(candles, **columns, source=None)
