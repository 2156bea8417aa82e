"""What a venue's HTTP reply means for money: its content, or exactly one of the three errors.

Pure. A reply that cannot be read after an order was sent must never pass for a refusal, and a
code that nobody knows is not one either. Nothing of the request may appear in a message: it is
signed.

1. 429, 418, a firewall's 403 and the venue's own codes for it: it refused to look. Retryable, and
   the limits stop.
2. No JSON, a redirect, or 5xx: of an order nobody knows; a read is asked again.
3. A code in the venue's table means what the table says.
4. Of another code ccxt's class of exception decides; where it has none, nobody knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus

from msgspec import Struct

from bowline.venues.errors import Rejected, Retryable, TooOld, Unknown, VenueError
from bowline.venues.rest.quirks import Codes

#: soon enough for a read, and no hammering
AGAIN_S = 1.0
BUSY_S = 5.0
_TEXT = 200

#: ccxt's name of the exception it would raise for a reply with this JSON, `""` if none
Opinion = Callable[[object], str]


class Meaning(Enum):
    """What a code says."""

    FINE = "fine"
    NOT_MODIFIED = "not modified"
    NOT_FOUND = "not found"
    DUPLICATE = "an order with this id exists"
    UNKNOWN = "it may have happened"
    LIMITED = "too many requests"
    BANNED = "banned"
    CLOCK = "outside the time window"
    BUSY = "not now"
    REJECTED = "refused"
    TOO_OLD = "older than the venue tells"
    UNREADABLE = "not what the venue documents"


class Verdict(Struct, frozen=True):
    """A reply, judged. `content` is its JSON, numbers with a point as text."""

    meaning: Meaning
    content: object = None
    code: str = ""
    message: str = ""


_BY_CCXT = {
    "OrderNotFound": Meaning.NOT_FOUND,
    "OrderNotCached": Meaning.NOT_FOUND,
    "DuplicateOrderId": Meaning.DUPLICATE,
    "NoChange": Meaning.NOT_MODIFIED,
    "MarginModeAlreadySet": Meaning.NOT_MODIFIED,
    "RateLimitExceeded": Meaning.LIMITED,
    "DDoSProtection": Meaning.LIMITED,
    "InvalidNonce": Meaning.CLOCK,
    "OnMaintenance": Meaning.BUSY,
    "ExchangeNotAvailable": Meaning.UNKNOWN,
    "RequestTimeout": Meaning.UNKNOWN,
    "NetworkError": Meaning.UNKNOWN,
    "OperationFailed": Meaning.UNKNOWN,
    "BadResponse": Meaning.UNKNOWN,
    "NullResponse": Meaning.UNKNOWN,
    "CancelPending": Meaning.UNKNOWN,
    # what ccxt calls so has a code that ccxt does not know
    "ExchangeError": Meaning.UNKNOWN,
    "": Meaning.UNKNOWN,
}


def judge(codes: Codes, status: int, text: str, opinion: Opinion) -> Verdict:
    """What a reply says; `opinion` is asked only where the table is silent."""
    content = _content(text)
    code, message = _code(codes, content)
    meaning = _by_status(status, code) or _listed(codes, code, message)
    if meaning is None and (content is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        meaning = Meaning.UNREADABLE
    if meaning is None and code and code not in codes.fine:
        meaning = _BY_CCXT.get(opinion(content), Meaning.REJECTED)
    if meaning is None and status >= HTTPStatus.MULTIPLE_CHOICES:
        meaning = Meaning.UNREADABLE
    if meaning is None:
        return Verdict(Meaning.FINE, content)
    return Verdict(meaning, content, code or str(status), message)


def _by_status(status: int, code: str) -> Meaning | None:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Meaning.LIMITED
    # a firewall's 403 has no code of the venue's
    if status == HTTPStatus.IM_A_TEAPOT or (status == HTTPStatus.FORBIDDEN and not code):
        return Meaning.BANNED
    return None


def failure(
    verdict: Verdict, *, what: str, moves_money: bool, after_s: float, enters: bool = False
) -> VenueError | None:
    """The error this verdict is for a request; None where the answer is yes.

    `what` names venue and operation. NOT_FOUND is a refusal here: who looked for an order looks at
    the verdict first. To a new order, which `enters` is for, it is no answer.
    """
    said = f"{what}: {verdict.meaning.value}"
    said += (
        f" ({verdict.code} {verdict.message[:_TEXT]})".replace(" )", ")") if verdict.code else ""
    )
    code, error = verdict.code, None
    match verdict.meaning:
        case Meaning.FINE | Meaning.NOT_MODIFIED:
            pass
        case Meaning.LIMITED | Meaning.BANNED:
            error = Retryable(said, after_s=after_s, code=code)
        case Meaning.CLOCK:
            error = Retryable(said, after_s=0.0, code=code)
        case Meaning.BUSY:
            error = Retryable(said, after_s=BUSY_S, code=code)
        case Meaning.DUPLICATE | Meaning.UNKNOWN | Meaning.UNREADABLE if moves_money:
            return Unknown(said, code=code, hint="look the order up by its id")
        case Meaning.NOT_FOUND if enters:
            return Unknown(said, code=code, hint="look the order up by its id")
        case Meaning.UNKNOWN | Meaning.UNREADABLE:
            error = Retryable(said, after_s=AGAIN_S, code=code)
        case Meaning.TOO_OLD:
            return TooOld(said, code=code)
        case _:
            return Rejected(said, code=code)
    return error


def at(content: object, path: str) -> object:
    """What lies at a path of keys and list numbers; None where it does not reach."""
    for key in path.split(".") if path else ():
        if isinstance(content, Mapping):
            content = content.get(key)
        elif isinstance(content, list) and key.isdigit() and int(key) < len(content):
            content = content[int(key)]
        else:
            return None
    return content


def _content(text: str) -> object:
    """Parsed, with every number that has a point as the text it came as: no float is made."""
    try:
        return json.loads(text, parse_float=str)
    except (ValueError, RecursionError):
        return None


def _code(codes: Codes, content: object) -> tuple[str, str]:
    """The reply's code and words, the inner ones where they say more."""
    code = next((str(c) for path in codes.at if (c := at(content, path)) is not None), "")
    message = next((str(m) for path in codes.message_at if (m := at(content, path))), "")
    if code and code not in codes.fine and codes.inner:
        inner = at(content, codes.inner)
        if inner is not None and str(inner) not in codes.fine:
            return str(inner), str(at(content, codes.inner_message) or message)
    return code, message


def _listed(codes: Codes, code: str, message: str) -> Meaning | None:
    said = message.casefold()
    if any(text.casefold() in said for text in codes.duplicate_texts):
        return Meaning.DUPLICATE
    if any(text in said for text in codes.too_old_texts):
        return Meaning.TOO_OLD
    if code not in codes.unknown and any(text in message for text in codes.clock_texts):
        return Meaning.CLOCK
    named = (
        (codes.not_modified, Meaning.NOT_MODIFIED),
        (codes.not_found, Meaning.NOT_FOUND),
        (codes.duplicate, Meaning.DUPLICATE),
        (codes.unknown, Meaning.UNKNOWN),
        (codes.limited, Meaning.LIMITED),
        (codes.clock, Meaning.CLOCK),
        (codes.busy, Meaning.BUSY),
        (codes.in_use | codes.rejected, Meaning.REJECTED),
    )
    return next((meaning for listed, meaning in named if code in listed), None)
