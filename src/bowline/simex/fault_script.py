"""Fault scripts: rules of what goes wrong at which venue, and when. Only read and checked here.

A script is a list of rules: `fault` names the fault, `venue` the venue (default: all), one of three
kinds of fields the trigger, and the rest are the fault's own fields:

    request: POST /v5/order/*     requests that match, with `nth`, `every` or `chance`
    channel: book                 frames of that channel, likewise; `symbol` narrows both down
    at_s: 30 / every_s: 10        seconds after the start

`times` limits how often it happens: once for `nth` and `at_s`, unlimited (0) otherwise.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from bowline.core.errors import BadInput, NotFound
from bowline.core.sim.exchange import RejectReason
from bowline.core.venue import ListingStatus
from bowline.simex.stream_topics import StreamChannel
from bowline.simex.wire_values import parse_decimal
from bowline.storage.document import read_entries

#: fault -> its triggers, and its own fields
FAULTS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    name: (frozenset(triggers.split()), frozenset(fields.split()))
    for name, triggers, fields in (
        ("delay", "request", "seconds"),
        ("reset", "request", ""),
        ("drop_reply", "request", ""),
        ("garble", "request", "body"),
        ("status", "request", "status retry_after_s accepted"),
        ("error", "request", "code message status accepted"),
        ("partial_fill", "request time", "ratio"),
        ("async_reject", "request time", "reason"),
        ("late_fill", "request time", "seconds ratio"),
        ("gap", "frame", "count"),
        ("duplicate", "frame", ""),
        ("reorder", "frame", ""),
        ("cross", "request time", "symbol"),
        ("hide", "request time", "seconds"),
        ("mute", "frame time", "channel symbol seconds"),
        ("freeze", "request frame time", "seconds"),
        ("disconnect", "request frame time", ""),
        ("clock_skew", "request time", "seconds"),
        ("maintenance", "request time", "seconds"),
        ("revoke_key", "request time", "seconds"),
        ("fees", "request time", "asset maker taker"),
        ("restart_numbers", "request time", "symbol"),
        ("listing", "request time", "symbol listing tick lot"),
    )
}
_TRIGGER_FIELDS = {"request": "request", "channel": "frame", "at_s": "time", "every_s": "time"}
_COMMON_FIELDS = {"fault", "venue", "nth", "every", "chance", "times", *_TRIGGER_FIELDS, "symbol"}
#: a script is a page of text
MAX_BYTES = 256 * 1024
#: no fault lasts, or is scheduled, longer than a year
_MAX_SECONDS = 366 * 86_400
_MAX_COUNT = 10**9
#: of HTTP (RFC 9110, 15)
_FIRST_STATUS, _LAST_STATUS = 200, 599
_HINT = "expected a list in YAML: `- fault: delay` and so on, see docs/reference/simex.md"
_BODIES = ("html", "empty", "truncated")


class FaultRule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule. `line` is its line in the file, 0 for a rule made in a program."""

    fault: str
    venue: str = "all"
    request: str = ""
    channel: str = ""
    symbol: str = ""
    nth: int = 0
    every: int = 0
    chance: float = 0.0
    at_s: float | None = None
    every_s: float | None = None
    times: int | None = None
    seconds: float = 1.0
    status: int | None = None
    retry_after_s: float | None = None
    #: whether the request is carried out before the error is sent
    accepted: bool = False
    code: str = ""
    message: str = "a fault script says so"
    ratio: float = 0.5
    count: int = 1
    body: str = "html"
    reason: str = "insufficient funds"
    listing: str = "halted"
    tick: str = ""
    lot: str = ""
    #: what spot and perpetuals pay fees in (GT, POINT, BGB, BNB), and rates; below 0: a rebate
    asset: str = ""
    maker: str = ""
    taker: str = ""
    line: int = 0

    @property
    def trigger(self) -> str:
        """`request`, `frame` or `time`."""
        if self.at_s is not None or self.every_s is not None:
            return "time"
        return "frame" if self.channel and not self.request else "request"

    @property
    def max_times(self) -> int:
        """How often it may happen; 0: unlimited."""
        if self.times is not None:
            return self.times
        return 0 if self.every or self.chance or self.every_s is not None else 1


def read_fault_script(path: Path) -> tuple[FaultRule, ...]:
    """The faults of a YAML file; BadInput names every line that is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"no fault script at {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}", hint=_HINT) from None
    if len(content) > MAX_BYTES:
        raise BadInput(f"{path} is larger than {MAX_BYTES} bytes: no fault script", hint=_HINT)
    faults, problems = [], []
    for line, fields in read_entries(text, str(path), _HINT):
        try:
            faults.append(parse_fault(fields, line))
        except BadInput as error:
            problems.append(f"line {line}: {error.message}")
    if problems:
        raise BadInput(
            f"{path} is not a fault script", problems=tuple(problems),
            hint=f"faults are {', '.join(FAULTS)}",
        )  # fmt: skip
    return tuple(faults)


def parse_fault(fields: object, line: int = 0) -> FaultRule:
    """One rule, checked; BadInput says what is wrong with it."""
    if not isinstance(fields, dict) or str(fields.get("fault")) not in FAULTS:
        raise BadInput(
            f"no such fault: {fields.get('fault') if isinstance(fields, dict) else fields}"
        )
    name = str(fields["fault"])
    triggers, own = FAULTS[name]
    if unknown := sorted(set(map(str, fields)) - _COMMON_FIELDS - own):
        raise BadInput(f"{name} knows no word {', '.join(unknown)}")
    if "body" in fields and fields["body"] not in _BODIES:
        raise BadInput(f"body is one of {', '.join(_BODIES)}")
    try:
        fault = msgspec.convert(_floats(fields) | {"line": line}, FaultRule, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"{name}: {error}") from None
    if not _TRIGGER_FIELDS.keys() & fields.keys():
        raise BadInput(f"{name} has nothing to set it off: say request, channel, at_s or every_s")
    if fault.trigger not in triggers:
        raise BadInput(f"{name} is set off by {' or '.join(sorted(triggers))}")
    _check_values(fault)
    return fault


def _floats(fields: dict[Any, Any]) -> dict[Any, Any]:
    return {
        name: float(value) if isinstance(value, Decimal) else value
        for name, value in fields.items()
    }


def _check_values(fault: FaultRule) -> None:
    known = {
        "channel": {each.value for each in StreamChannel} | {""},
        "reason": {each.value for each in RejectReason},
        "listing": {each.value for each in ListingStatus},
    }
    for name, allowed in known.items():
        if (value := getattr(fault, name)) not in allowed:
            raise BadInput(f"{name} {value} is none of {', '.join(sorted(allowed - {''}))}")
    _check_numbers(fault)
    _check_amounts(fault)
    if fault.trigger != "time" and sum(map(bool, (fault.nth, fault.every, fault.chance))) > 1:
        raise BadInput("say one of nth, every and chance")


def _check_numbers(fault: FaultRule) -> None:
    for name in ("seconds", "at_s", "every_s", "retry_after_s"):
        # a clock may be slow as well as fast
        least = -_MAX_SECONDS if (fault.fault, name) == ("clock_skew", "seconds") else 0
        if (value := getattr(fault, name)) is not None and not least <= value <= _MAX_SECONDS:
            raise BadInput(f"{name} {value} is no number of seconds up to a year")
    for name in ("nth", "every", "times", "count"):
        if (value := getattr(fault, name)) is not None and not 0 <= value <= _MAX_COUNT:
            raise BadInput(f"{name} {value} is no whole number from 0 to {_MAX_COUNT}")
    if fault.status is not None and not _FIRST_STATUS <= fault.status <= _LAST_STATUS:
        raise BadInput(f"status {fault.status} is none: expected {_FIRST_STATUS} to {_LAST_STATUS}")
    if fault.every_s == 0:
        raise BadInput("every_s 0 would never end: expected seconds above 0")
    if not 0 <= fault.ratio <= 1 or not 0 <= fault.chance <= 1:
        raise BadInput("ratio and chance are numbers from 0 to 1")


def _check_amounts(fault: FaultRule) -> None:
    for name in ("maker", "taker"):
        rate = parse_decimal(getattr(fault, name) or "0")
        if rate is None or not -1 < rate < 1:
            raise BadInput(f"{name} {getattr(fault, name)} is no share such as 0.001 or -0.0001")
    for name in ("tick", "lot"):
        step = parse_decimal(getattr(fault, name) or "1")
        if step is None or step <= 0:
            raise BadInput(f"{name} {getattr(fault, name)} is no number above 0")
