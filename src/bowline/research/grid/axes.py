"""Axes of a grid: the values that a grid file gives for a parameter or a stop.

An axis may be narrower than the catalogue's bounds and never wider: a value outside them, or
between two steps, is a problem that states what is allowed. Values are computed in decimals, so
that 0.1 three times is 0.3.

    14                               one value
    [10, 20, 50]                     these values
    {start: 10, stop: 50, step: 5}   10, 15, … 50; what is left out is the catalogue's
    {points: 5, start: 5, stop: 80}  five of the catalogue's steps, spread from start to stop
    catalogue                        every value the catalogue allows
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from bowline.core.document_reader import Bounds
from bowline.core.numbers import exact, show
from bowline.core.signals.catalogue import Kind, Parameter, Value
from bowline.core.signals.spec import plain_decimal

#: most values of one axis
MAX_AXIS_VALUES = 100_000
#: from this ratio of stop to start on, points are spread by ratio: 5, 10, 20, not 5, 100, 200
SPREAD_BY_RATIO = Decimal(8)
CATALOGUE = "catalogue"
OFF = "off"

_RANGE = ("start", "stop", "step", "points")
_FORMS = "a value, a list, {start, stop, step}, {points: 5} or catalogue"

ReportProblem = Callable[[str, str], None]


def read_axis(
    parameter: Parameter, raw: object, path: str, wrong: ReportProblem
) -> tuple[Value, ...]:
    """The values that `raw` gives for `parameter`; problems are reported to `wrong`."""
    if parameter.kind is Kind.CHOICE:
        found = parameter.choices if raw == CATALOGUE or _is_points(raw) else raw
        return _checked_values(parameter, found, path, wrong)
    if raw == CATALOGUE:
        raw = {}
    if isinstance(raw, Mapping):
        values = _range(parameter, raw, path, wrong)
        return _checked_values(parameter, values, path, wrong) if values else ()
    return _checked_values(parameter, raw, path, wrong)


def read_stops(
    raw: object, bounds: Bounds, path: str, wrong: ReportProblem
) -> tuple[Decimal | None, ...]:
    """The values of a stop axis; None is off. An axis that is left out is off."""
    if isinstance(raw, Mapping):
        start, stop, step = (exact(raw.get(name)) for name in _RANGE[:3])
        odd = sorted(str(name) for name in raw if name not in _RANGE[:3])
        if odd or start is None or stop is None or step is None or step <= 0 or start > stop:
            wrong(
                path, "is not a range: expected {start: 1, stop: 5, step: 0.5} with start <= stop"
            )
            return ()
        if (stop - start) / step >= MAX_AXIS_VALUES:
            wrong(path, f"has more than {MAX_AXIS_VALUES} values: take a larger step")
            return ()
        raw = [start + step * i for i in range(int((stop - start) / step) + 1)]
    values: list[Decimal | None] = []
    for each in raw if isinstance(raw, list | tuple) else (raw,):
        value = exact(each)
        if each is None or each == OFF:
            values.append(None)
        elif value is None or not bounds.holds(value):
            wrong(path, f"{show(each)} is not allowed: expected {bounds.allowed}, or {OFF}")
        else:
            values.append(plain_decimal(value))
    if not isinstance(raw, list | tuple) or raw:
        return _distinct(values, path, wrong)
    wrong(path, "is empty: expected values, or leave it out")
    return ()


def _checked_values(
    parameter: Parameter, raw: object, path: str, wrong: ReportProblem
) -> tuple[Value, ...]:
    values: list[Value] = []
    if isinstance(raw, Mapping) or (isinstance(raw, list | tuple) and not raw):
        wrong(path, f"expected {_FORMS}")
        return ()
    for each in raw if isinstance(raw, list | tuple) else (raw,):
        value, problem = parameter.take(each)
        if value is None:
            # the problem begins with the parameter's name, which the path already ends with
            wrong(path, problem.partition(": ")[2])
        else:
            values.append(value)
    return _distinct(values, path, wrong)


def _distinct(values: list[Any], path: str, wrong: ReportProblem) -> tuple[Any, ...]:
    seen: set[Any] = set()
    for each in values:
        if each in seen:
            wrong(path, f"{OFF if each is None else each} is given twice: keep one")
            break
        seen.add(each)
    return tuple(values)


def _range(
    parameter: Parameter, raw: Mapping[str, Any], path: str, wrong: ReportProblem
) -> list[Decimal]:
    least, most, step = (
        Decimal(str(each)) for each in (parameter.minimum, parameter.maximum, parameter.step)
    )
    start, stop = exact(raw.get("start", least)), exact(raw.get("stop", most))
    stride, points = exact(raw.get("step", step)), raw.get("points")
    problem = ""
    if not set(raw) <= set(_RANGE) or {"points", "step"} <= set(raw):
        problem = f"expected {_FORMS}, found {', '.join(str(each) for each in raw)}"
    elif start is None or stop is None or stride is None:
        problem = "start, stop and step must be numbers"
    elif not least <= start <= stop <= most:
        problem = f"{start} to {stop} is not within what is allowed: {parameter.allowed()}"
    elif stride <= 0 or stride % step:
        problem = f"step {stride} is not a multiple of {step}: {parameter.allowed()}"
    elif points is not None and not _is_count(points):
        problem = f"points {show(points)} is not a whole number from 1 to {MAX_AXIS_VALUES}"
    elif points is None and (stop - start) / stride >= MAX_AXIS_VALUES:
        problem = f"has more than {MAX_AXIS_VALUES} values: take a larger step"
    if problem or start is None or stop is None or stride is None:
        wrong(path, problem)
        return []
    if points is not None:
        return _spread(start, stop, points, least, step)
    return [start + stride * i for i in range(int((stop - start) / stride) + 1)]


def _is_count(found: object) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and 1 <= found <= MAX_AXIS_VALUES


def _spread(
    start: Decimal, stop: Decimal, points: int, least: Decimal, step: Decimal
) -> list[Decimal]:
    """`points` of the catalogue's steps from `start` to `stop`.

    Fewer where two fall on one step.
    """
    if points == 1:
        raw = [(start + stop) / 2]
    elif start > 0 and stop / start >= SPREAD_BY_RATIO:
        ratio = float(stop / start)
        raw = [start * Decimal(repr(ratio ** (i / (points - 1)))) for i in range(points)]
    else:
        raw = [start + (stop - start) * i / (points - 1) for i in range(points)]
    steps = [min(int((stop - least) / step), round((each - least) / step)) for each in raw]
    return sorted({least + step * each for each in steps})


def _is_points(raw: object) -> bool:
    return isinstance(raw, Mapping) and set(raw) == {"points"}
