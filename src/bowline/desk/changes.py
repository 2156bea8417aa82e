"""Changes to a spec written as `path=value`: `stops.sl_pct=2`, `indicators[0].params.fast=12`.

A change must never touch the document it was made from. What comes out has still to be parsed:
nothing here knows which fields a spec has.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from bowline.core.errors import BadInput
from bowline.desk.spec_text import parse_value

_PATH = re.compile(r"[A-Za-z_]\w*(\[\d{1,4}\])*(\.[A-Za-z_]\w*(\[\d{1,4}\])*)*")
_PART = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]")

_FORM = "write path=value, such as indicators[0].params.fast=12; null as the value takes it away"


def apply_changes(document: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """A copy of `document` with each change made in turn; BadInput has one problem a mistake."""
    changed = copy.deepcopy(dict(document))
    problems = []
    for change in changes:
        try:
            _apply(changed, change)
        except BadInput as error:
            problems.append(error.message)
    if problems:
        raise BadInput("a change cannot be made", problems=tuple(problems), hint=_FORM)
    return changed


def _apply(document: dict[str, Any], change: str) -> None:
    path, equals, text = change.partition("=")
    path = path.strip()
    if not equals or not _PATH.fullmatch(path):
        raise BadInput(f"{change!r} is not a change: expected path=value")
    value = parse_value(text, path)
    parts = [int(index) if index else name for name, index in _PART.findall(path)]
    place: Any = document
    for at, (part, following) in enumerate(pairwise(parts)):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(part, str) and isinstance(place, dict) and place.get(part) is None:
            place[part] = empty
        _demand(place, part, path, at)
        place = place[part]
    _set(place, parts[-1], value, path)


def _demand(place: object, part: int | str, path: str, at: int) -> None:
    """That `place` has `part`: what is left of a path cannot lead through a plain value."""
    kind = list if isinstance(part, int) else dict
    if not isinstance(place, kind):
        wanted = "a list" if kind is list else "a mapping"
        raise BadInput(f"{path}: part {at + 1} of the path needs {wanted} to look into")
    if isinstance(part, int) and isinstance(place, list) and part >= len(place):
        raise BadInput(f"{path}: there is no [{part}], only {len(place)} of them")


def _set(place: Any, part: int | str, value: object, path: str) -> None:  # noqa: ANN401 - list or dict
    if isinstance(part, int) and isinstance(place, list) and part == len(place):
        place.append(value)
        return
    _demand(place, part, path, path.count(".") + path.count("["))
    if value is not None:
        place[part] = value
    elif isinstance(part, int) or part in place:
        del place[part]
