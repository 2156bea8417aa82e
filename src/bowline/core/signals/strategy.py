"""Strategy plugins: the class a plugin implements, the registry, and the checks around it.

A plugin is third-party code: its output must never be used unchecked, and its exceptions must never
pass for an error of Bowline's own.

1. A plugin is a subclass of `Strategy`; registering it checks its declarations.
2. It gets read-only candles, and parameters that were checked against their bounds.
3. Its signals must be one direction per candle, and must not change when later candles are removed:
   this is tested just after some of the candles where its signal changed.
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

#: how often a plugin's signals are computed again on fewer candles, to detect look-ahead
CAUSAL_CUTS = 4

_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
_GUIDE = "see docs/howto/write-a-strategy-plugin.md"


class Strategy(ABC):
    """The interface of a plugin. It must keep no state: the same candles give the same signals."""

    #: small letters, digits and _; unique among the loaded plugins
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
        """Candles before the first meaningful signal.

        That is the first signal, which a run may have to wait out; an earlier one is never fresh.
        """

    @abstractmethod
    def signals(self, candles: CandleFrame, params: Mapping[str, Value]) -> NDArray[np.integer]:
        """One whole number per candle: 1 LONG, -1 SHORT, 0 NEUTRAL.

        Value t may depend on candles 0 to t only.
        """


class RegisteredStrategy(msgspec.Struct, frozen=True):
    """A usable strategy, its origin, and the SHA-256 of its code.

    `root` is the file or the folder of its code.
    """

    strategy: Strategy
    origin: str
    code: str
    root: str

    def resolve(self, params: Mapping[str, object]) -> tuple[dict[str, Value], list[str]]:
        """`params` completed with defaults, and one message per mistake.

        Stating what is allowed.
        """
        known = {each.name: each for each in self.strategy.parameters}
        problems = [
            f"{name}: no such parameter of {self.strategy.id}: "
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
            with plugin_errors(self.origin, self.root):
                problems = [str(each) for each in self.strategy.problems(MappingProxyType(values))]
        return values, problems


class PluginFailure(msgspec.Struct, frozen=True):
    """A plugin that could not be loaded, and why."""

    origin: str
    message: str
    hint: str = ""


class Strategies:
    """Every usable strategy plugin, by id, and those that could not be loaded."""

    def __init__(
        self, entries: Iterable[RegisteredStrategy] = (), failures: Iterable[PluginFailure] = ()
    ) -> None:
        self._by_id: dict[str, RegisteredStrategy] = {}
        found = list(failures)
        for entry in entries:
            earlier = self._by_id.setdefault(entry.strategy.id, entry)
            if earlier is not entry:
                found.append(
                    PluginFailure(
                        entry.origin, f"the id {entry.strategy.id} belongs to {earlier.origin}"
                    )
                )
        self.failures = tuple(found)

    def __iter__(self) -> Iterator[RegisteredStrategy]:
        return iter(self._by_id.values())

    def get(self, strategy_id: str) -> RegisteredStrategy:
        """The strategy with this id; NotFound lists the existing ones."""
        entry = self._by_id.get(strategy_id)
        if entry is not None:
            return entry
        near = get_close_matches(strategy_id, self._by_id, n=1)
        hint = (
            f"did you mean {near[0]}?" if near else f"there are: {', '.join(self._by_id) or 'none'}"
        )
        if self.failures:
            hint += f"; {len(self.failures)} not loaded: see `bowline strategy plugins`"
        elif not self._by_id:
            hint += "; how to add one: docs/howto/write-a-strategy-plugin.md"
        raise NotFound(f"there is no strategy plugin {strategy_id!r}", hint=hint)


def register(strategy: object, origin: str, code: str, root: str) -> RegisteredStrategy:
    """`strategy` (an instance or its class), checked; BadInput has one problem per mistake."""
    with plugin_errors(origin, root):
        made = strategy() if isinstance(strategy, type) else strategy
    if not isinstance(made, Strategy):
        raise BadInput(f"{origin}: {strategy!r} is not a Strategy", hint=_GUIDE)
    problems = list(_declaration_problems(made))
    if problems:
        raise BadInput(
            f"{origin}: the declarations of {type(made).__name__} have mistakes",
            problems=tuple(problems),
            hint=_GUIDE,
        )
    return RegisteredStrategy(made, origin, code, root)


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
    """The signals of a registered strategy with these parameters."""

    entry: RegisteredStrategy
    params: Mapping[str, Value]
    least_warmup: int

    @property
    def warmup(self) -> int:
        """The strategy's warm-up, at least `least_warmup`."""
        return max(self.least_warmup, self._own_warmup())

    def _own_warmup(self) -> int:
        with plugin_errors(self.entry.origin, self.entry.root):
            asked = self.entry.strategy.warmup(self.params)
        if type(asked) is not int or asked < 0:
            raise BadInput(
                f"{self.entry.origin}: warmup returned {asked!r}, expected 0 or more candles"
            )
        return asked

    def signals(self, candles: CandleFrame) -> SignalFrame:
        """The plugin's directions, checked; BadInput names the plugin and what is wrong."""
        locked = _read_only(candles)
        direction = self._directions(locked)
        for cut in _cuts(direction):
            again = self._directions(locked.slice(0, cut))
            changed = np.flatnonzero(again != direction[:cut])
            if len(changed):
                raise BadInput(
                    f"{self.entry.origin}: {self.entry.strategy.id} looks ahead: its signal of "
                    f"candle {changed[0]} changes when the candles after {cut - 1} are "
                    "removed",
                    hint="a signal may depend on its own and earlier candles only",
                )
        return frame_of(direction, first=self._own_warmup())

    def _directions(self, candles: CandleFrame) -> DirectionColumn:
        with plugin_errors(self.entry.origin, self.entry.root):
            given: object = self.entry.strategy.signals(candles, self.params)
        if not isinstance(given, np.ndarray) or given.dtype.kind not in "iu" or given.ndim != 1:
            found = f"{given.dtype} {given.shape}" if isinstance(given, np.ndarray) else type(given)
            raise self._bad(f"returned {found}, expected one whole number per candle (np.int8)")
        if len(given) != len(candles):
            raise self._bad(f"returned {len(given)} signals for {len(candles)} candles")
        if len(given) and not {int(given.min()), int(given.max())} <= {-1, 0, 1}:
            raise self._bad(f"returned {given.min()} to {given.max()}, expected -1, 0 and 1")
        return given.astype(np.int8, copy=True)

    def _bad(self, what: str) -> BadInput:
        return BadInput(f"{self.entry.origin}: {self.entry.strategy.id} {what}", hint=_GUIDE)


def plugin_opinion(
    entry: RegisteredStrategy, params: Mapping[str, Value], least_warmup: int
) -> PluginOpinion:
    """The signals of `entry` with resolved `params`."""
    return PluginOpinion(entry, MappingProxyType(dict(params)), least_warmup)


@contextmanager
def plugin_errors(origin: str, root: str) -> Iterator[None]:
    """Turns any exception of the plugin's code into a BadInput that names its file and line."""
    try:
        yield
    except BowlineError:
        raise
    except (Exception, SystemExit) as error:
        # a plugin is third-party code and may raise anything
        place = _place_of(error, root)
        where = f"{origin}: {place}" if place and root != origin else place or origin
        raise BadInput(f"{where}: {type(error).__name__}: {error}", hint=_GUIDE) from error


def _place_of(error: BaseException, root: str) -> str:
    """File and line of the last place within the plugin's own code, if there is one."""
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
    """The lengths to compute again.

    Just after changes of the signal, where look-ahead shows most.
    """
    if len(direction) < 2:  # noqa: PLR2004 - no candle can be removed
        return []
    places = np.flatnonzero(np.diff(direction)) + 2
    if not len(places):
        places = np.arange(1, len(direction))
    picked = np.linspace(0, len(places) - 1, CAUSAL_CUTS).astype(np.int64)
    return sorted({int(places[each]) for each in picked})


def _read_only(candles: CandleFrame) -> CandleFrame:
    """The same candles as read-only views, without their source."""
    columns = {}
    for name in ("open_ns", *VALUE_COLUMNS):
        view = getattr(candles, name).view()
        view.flags.writeable = False
        columns[name] = view
    return msgspec.structs.replace(candles, **columns, source=None)
