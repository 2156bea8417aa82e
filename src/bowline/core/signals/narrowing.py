"""An environment's own bounds: a narrower catalogue.

It must never let through a value that the packaged catalogue forbids.

    indicators:
      macd: {enabled: false}
      rsi: {params: {period: {min: 5, max: 50, step: 5, default: 10}}}
      some_choice: {params: {kind: {choices: [classic], default: classic}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from bowline.core.signals.entry import STEP_TOLERANCE, Indicator, Kind, Parameter


def narrow_entries(
    entries: Iterable[Indicator], raw: Mapping[str, object]
) -> tuple[list[Indicator], list[str]]:
    """The remaining entries with their new bounds, and one line per mistake."""
    wanted = raw.get("indicators")
    if not isinstance(wanted, Mapping) or set(raw) != {"indicators"}:
        return [], ["expected only 'indicators:', a mapping from ids to narrower bounds"]
    kept: list[Indicator] = []
    problems: list[str] = []
    by_id = {entry.id: entry for entry in entries}
    problems.extend(f"indicators.{name}: no such entry" for name in wanted if name not in by_id)
    for entry in by_id.values():
        change = wanted.get(entry.id, {})
        where = f"indicators.{entry.id}"
        if not isinstance(change, Mapping) or set(change) - {"enabled", "params"}:
            problems.append(f"{where}: expected no fields but 'enabled' and 'params'")
        elif not isinstance(change.get("enabled", True), bool):
            problems.append(f"{where}.enabled: expected true or false")
        elif change.get("enabled", True):
            kept.append(_narrow_entry(entry, change.get("params", {}), where, problems))
    return kept, problems


def _narrow_entry(entry: Indicator, change: object, where: str, problems: list[str]) -> Indicator:
    names = [each.name for each in entry.params]
    if not isinstance(change, Mapping):
        problems.append(f"{where}.params: expected a mapping of parameter to bounds")
        return entry
    problems.extend(
        f"{where}.params.{name}: no such parameter" for name in change if name not in names
    )
    params = tuple(
        _narrow_parameter(each, change[each.name], f"{where}.params.{each.name}", problems)
        if each.name in change
        else each
        for each in entry.params
    )
    narrowed = msgspec.structs.replace(entry, params=params)
    if not problems:
        problems.extend(f"{where}.params: {text}" for text in narrowed.resolve({})[1])
    return narrowed


def _narrow_parameter(old: Parameter, change: object, where: str, problems: list[str]) -> Parameter:
    fields = (
        {"choices", "default"} if old.kind is Kind.CHOICE else {"min", "max", "step", "default"}
    )
    if not isinstance(change, Mapping) or set(change) - fields:
        problems.append(f"{where}: expected a mapping with some of {', '.join(sorted(fields))}")
        return old
    if old.kind is Kind.CHOICE:
        new = _narrow_choices(old, change, where, problems)
    else:
        new = _narrow_bounds(old, change, where, problems)
    if new is not old:
        problem = new.take(new.default)[1]
        if problem:
            problems.append(f"{where}.default: {problem}")
    return new


def _narrow_choices(
    old: Parameter, change: Mapping[str, Any], where: str, problems: list[str]
) -> Parameter:
    choices = change.get("choices", old.choices)
    if not isinstance(choices, list | tuple) or not choices or set(choices) - set(old.choices):
        problems.append(f"{where}.choices: {choices!r} is not a subset of {', '.join(old.choices)}")
        return old
    default = change.get("default", old.default)
    return msgspec.structs.replace(old, choices=tuple(choices), default=default)


def _narrow_bounds(
    old: Parameter, change: Mapping[str, Any], where: str, problems: list[str]
) -> Parameter:
    if old.step is None:
        raise AssertionError(f"numeric parameter {old.name} has no step")
    found = len(problems)
    bounds = {"minimum": old.minimum, "maximum": old.maximum}
    for field, short in (("minimum", "min"), ("maximum", "max")):
        if short in change:
            # a narrower bound lies on the old grid and within the old bounds
            value, problem = old.take(change[short])
            bounds[field] = value  # type: ignore[assignment]
            if problem:
                problems.append(f"{where}.{short}: {problem}")
    step = change.get("step", old.step)
    if isinstance(step, bool) or not isinstance(step, int | float) or not _multiple(step, old.step):
        problems.append(f"{where}.step: {step!r} is not a multiple of {old.step}")
    if len(problems) > found:
        return old
    new = msgspec.structs.replace(
        old, step=step, default=change.get("default", old.default), **bounds
    )
    if new.minimum > new.maximum:  # type: ignore[operator]
        problems.append(f"{where}.min: {new.minimum} is above max {new.maximum}")
        return old
    return new


def _multiple(step: float, of: float) -> bool:
    times = step / of
    return round(times) >= 1 and abs(times - round(times)) <= STEP_TOLERANCE
