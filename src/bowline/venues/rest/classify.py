"""Classifying a venue's HTTP reply: its content, or exactly one of the three errors.

Pure. An unreadable reply to an order must never count as a refusal, nor must an unknown code. No
message may contain anything of the request, which is signed.

1. 429, 418, a firewall's 403, and the venue's own codes for rate limits: the request was not
   processed. Retryable, and the rate limiter pauses.
2. No JSON, a redirect, or 5xx: Unknown for an order, Retryable for a read.
3. A code in the venue's table means what the table says.
4. For other codes ccxt's exception class decides; without one the outcome is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import Enum
from http import HTTPStatus

from msgspec import Struct

from bowline.venues.errors import Rejected, Retryable, TooOld, Unknown, VenueError
from bowline.venues.rest.quirks import ErrorCodes

#: seconds until a failed read may be repeated
RETRY_S = 1.0
BUSY_S = 5.0
_TEXT = 200

#: the name of the exception that ccxt would raise for a reply with this JSON; `""` if none
CcxtClassifier = Callable[[object], str]


class ReplyMeaning(Enum):
    """What a reply means."""

    OK = "ok"
    NOT_MODIFIED = "not modified"
    NOT_FOUND = "not found"
    DUPLICATE = "an order with this id exists"
    UNKNOWN = "the outcome is unknown"
    LIMITED = "too many requests"
    BANNED = "banned"
    CLOCK = "time stamp refused"
    BUSY = "temporarily unavailable"
    REJECTED = "refused"
    TOO_OLD = "too old for the venue"
    UNREADABLE = "unreadable reply"


class ClassifiedReply(Struct, frozen=True):
    """A classified reply. `content` is its JSON, with numbers that have a decimal point as text."""

    meaning: ReplyMeaning
    content: object = None
    code: str = ""
    message: str = ""


_BY_CCXT = {
    "OrderNotFound": ReplyMeaning.NOT_FOUND,
    "OrderNotCached": ReplyMeaning.NOT_FOUND,
    "DuplicateOrderId": ReplyMeaning.DUPLICATE,
    "NoChange": ReplyMeaning.NOT_MODIFIED,
    "MarginModeAlreadySet": ReplyMeaning.NOT_MODIFIED,
    "RateLimitExceeded": ReplyMeaning.LIMITED,
    "DDoSProtection": ReplyMeaning.LIMITED,
    "InvalidNonce": ReplyMeaning.CLOCK,
    "OnMaintenance": ReplyMeaning.BUSY,
    "ExchangeNotAvailable": ReplyMeaning.UNKNOWN,
    "RequestTimeout": ReplyMeaning.UNKNOWN,
    "NetworkError": ReplyMeaning.UNKNOWN,
    "OperationFailed": ReplyMeaning.UNKNOWN,
    "BadResponse": ReplyMeaning.UNKNOWN,
    "NullResponse": ReplyMeaning.UNKNOWN,
    "CancelPending": ReplyMeaning.UNKNOWN,
    # ccxt raises this for codes that it does not know
    "ExchangeError": ReplyMeaning.UNKNOWN,
    "": ReplyMeaning.UNKNOWN,
}


#: what an empty reply means where success has no content
_EMPTY = {HTTPStatus.OK: ReplyMeaning.OK, HTTPStatus.NOT_FOUND: ReplyMeaning.NOT_FOUND}


def classify(
    codes: ErrorCodes,
    status: int,
    text: str,
    ccxt_class: CcxtClassifier,
    *,
    no_content: bool = False,
) -> ClassifiedReply:
    """Classify a reply; `ccxt_class` is called only if the table has no entry for the code.

    `no_content`: success is an empty reply.
    """
    if no_content and not text.strip() and status in _EMPTY:
        return ClassifiedReply(_EMPTY[HTTPStatus(status)], {}, str(status))
    content = _content(text)
    code, message = _code(codes, content)
    meaning = _by_status(status, code) or _with_listings(codes, code, message)
    if meaning is None and (content is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR):
        meaning = ReplyMeaning.UNREADABLE
    if meaning is None and code and code not in codes.ok:
        meaning = _BY_CCXT.get(ccxt_class(content), ReplyMeaning.REJECTED)
    if meaning is None and status >= HTTPStatus.MULTIPLE_CHOICES:
        meaning = ReplyMeaning.UNREADABLE
    if meaning is None:
        return ClassifiedReply(ReplyMeaning.OK, content)
    return ClassifiedReply(meaning, content, code or str(status), message)


def _by_status(status: int, code: str) -> ReplyMeaning | None:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ReplyMeaning.LIMITED
    # a firewall's 403 carries no code of the venue
    if status == HTTPStatus.IM_A_TEAPOT or (status == HTTPStatus.FORBIDDEN and not code):
        return ReplyMeaning.BANNED
    return None


def to_error(
    classified: ClassifiedReply,
    *,
    what: str,
    moves_money: bool,
    after_s: float,
    enters: bool = False,
) -> VenueError | None:
    """The error for a classified reply; None if the request succeeded.

    `what` names venue and operation, for the message. NOT_FOUND becomes Rejected here; a look-up
    checks `classified` first. For a new order (`enters`) it becomes Unknown.
    """
    said = f"{what}: {classified.meaning.value}"
    said += (
        f" ({classified.code} {classified.message[:_TEXT]})".replace(" )", ")")
        if classified.code
        else ""
    )
    code, error = classified.code, None
    match classified.meaning:
        case ReplyMeaning.OK | ReplyMeaning.NOT_MODIFIED:
            pass
        case ReplyMeaning.LIMITED | ReplyMeaning.BANNED:
            error = Retryable(said, after_s=after_s, code=code)
        case ReplyMeaning.CLOCK:
            error = Retryable(said, after_s=0.0, code=code)
        case ReplyMeaning.BUSY:
            error = Retryable(said, after_s=BUSY_S, code=code)
        case ReplyMeaning.DUPLICATE | ReplyMeaning.UNKNOWN | ReplyMeaning.UNREADABLE if moves_money:
            return Unknown(said, code=code, hint="look the order up by its id")
        case ReplyMeaning.NOT_FOUND if enters:
            return Unknown(said, code=code, hint="look the order up by its id")
        case ReplyMeaning.UNKNOWN | ReplyMeaning.UNREADABLE:
            error = Retryable(said, after_s=RETRY_S, code=code)
        case ReplyMeaning.TOO_OLD:
            return TooOld(said, code=code)
        case _:
            return Rejected(said, code=code)
    return error


def value_at(content: object, path: str) -> object:
    """The value at a dotted path of keys and list indexes; None if there is none."""
    for key in path.split(".") if path else ():
        if isinstance(content, Mapping):
            content = content.get(key)
        elif isinstance(content, list) and key.isdigit() and int(key) < len(content):
            content = content[int(key)]
        else:
            return None
    return content


def _content(text: str) -> object:
    """The parsed JSON, with numbers that have a decimal point as text, so that no float is made."""
    try:
        return json.loads(text, parse_float=str)
    except (ValueError, RecursionError):
        return None


def _code(codes: ErrorCodes, content: object) -> tuple[str, str]:
    """The reply's code and message; the inner ones where they are more specific."""
    code = next((str(c) for path in codes.paths if (c := value_at(content, path)) is not None), "")
    message = next((str(m) for path in codes.message_paths if (m := value_at(content, path))), "")
    if code and code not in codes.ok and codes.inner_path:
        inner = value_at(content, codes.inner_path)
        if inner is not None and str(inner) not in codes.ok:
            return str(inner), str(value_at(content, codes.inner_message_path) or message)
    return code, message


def _with_listings(codes: ErrorCodes, code: str, message: str) -> ReplyMeaning | None:
    said = message.casefold()
    if any(text.casefold() in said for text in codes.duplicate_texts):
        return ReplyMeaning.DUPLICATE
    if any(text in said for text in codes.too_old_texts):
        return ReplyMeaning.TOO_OLD
    if code not in codes.unknown and any(text in message for text in codes.clock_texts):
        return ReplyMeaning.CLOCK
    named = (
        (codes.not_modified, ReplyMeaning.NOT_MODIFIED),
        (codes.not_found, ReplyMeaning.NOT_FOUND),
        (codes.duplicate, ReplyMeaning.DUPLICATE),
        (codes.unknown, ReplyMeaning.UNKNOWN),
        (codes.limited, ReplyMeaning.LIMITED),
        (codes.clock, ReplyMeaning.CLOCK),
        (codes.busy, ReplyMeaning.BUSY),
        (codes.in_use | codes.rejected, ReplyMeaning.REJECTED),
    )
    return next((meaning for listed, meaning in named if code in listed), None)
