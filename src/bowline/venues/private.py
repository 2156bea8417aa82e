"""An account's own stream as pure rules: how to log in, what to ask for, what a frame says.

A codec knows one market of one venue at one account: bytes in, reports and control words out. It
must never open a socket, read a clock, keep state between frames, guess, or let a secret into what
it raises or shows. What it cannot read is `DecodeError`, and what a stream does not say REST must.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import Market
from bowline.core.model.order import OrderState
from bowline.core.model.values import SECOND_NS, ZERO, Direction
from bowline.core.venue import (
    Balance,
    FillReport,
    Listing,
    Listings,
    OrderReport,
    PositionReport,
)
from bowline.venues.decoding import decode_error, decode_json, decoder
from bowline.venues.feed import ControlMessage, DecodeError
from bowline.venues.rest import Credentials

Report = OrderReport | FillReport | Balance | PositionReport

_HUGE = Decimal(10) ** 18
#: no venue writes more decimals
_MOST_DECIMALS = 40
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
#: how contracts that expire end: BTCUSDT_260626, BTCUSDT-26JUN26, BTC_USDT_20260626
_DATED = re.compile(r"[-_]([0-9]{6}|[0-9]{8}|[0-9]{1,2}[A-Z]{3}[0-9]{2}|CW|NW|CQ|NQ)$", re.ASCII)
#: what perpetuals of this house are quoted and settled in
_QUOTE = "USDT"


class LoggedIn(Struct, frozen=True):
    """The venue knows who we are."""


class LoginRefused(Struct, frozen=True):
    """It does not; with its code and words."""

    code: str
    message: str


class Untold(Struct, frozen=True):
    """Something changed that the frame does not say whole, in these words: REST is to be asked."""

    what: str


class UnreadableItem(Struct, frozen=True):
    """One of several things that a frame told is not what the venue documents; the others count."""

    why: str


class ListenKey(Struct, frozen=True):
    """The URL ends in a key that REST gives: `parameter` names it, and it holds for `lives_s`."""

    parameter: str
    lives_s: float


#: what a frame may say
Word = Report | ControlMessage | LoggedIn | LoginRefused | Untold | UnreadableItem


class PrivateRules(Struct, frozen=True, kw_only=True):
    """What the runner must keep to; as `FeedRules`.

    An account may rest for days: `idle_timeout_s` counts on pings that are answered with frames.
    """

    url: str
    listen_key: ListenKey | None = None
    ping: bytes | None = None
    ping_interval_s: float = 20.0
    idle_timeout_s: float = 60.0
    connection_lifetime_s: float = 86_400.0


class PrivateCodec(Protocol):
    """One market's private streams at one account: orders, fills, balances, positions."""

    @property
    def market(self) -> Market:
        """The market it speaks for."""

    @property
    def rules(self) -> PrivateRules:
        """How the streams are carried."""

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """Frames that prove who we are; none where the URL or every request does."""

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """Frames that ask for everything there is, numbered from `request` on."""

    def decode(self, frame: bytes) -> Sequence[Word]:
        """What one frame says, nothing for a frame without news. Raises DecodeError."""


def amount(value: Decimal, frame: bytes) -> Decimal:
    """A number that money can have. Raises DecodeError for NaN, infinities and nonsense."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MOST_DECIMALS or not abs(value) < _HUGE:
        raise decode_error("no number that money can have", frame)
    return value


def size(value: Decimal, frame: bytes) -> Decimal:
    """The same, 0 or more."""
    if amount(value, frame) < ZERO:
        raise decode_error("a size below 0", frame)
    return value


def price(value: Decimal, frame: bytes) -> Decimal:
    """The same, more than 0."""
    if not amount(value, frame) > ZERO:
        raise decode_error("a price of 0 or less", frame)
    return value


def number(text: str, frame: bytes) -> Decimal | None:
    """A number written as text, None for an empty one. Raises DecodeError."""
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise decode_error(f"{text[:40]!r} is no number", frame)
    return amount(Decimal(text), frame)


def facing(signed: Decimal) -> Direction:
    """The direction of a quantity that is negative for a short; NEUTRAL for none."""
    if not signed:
        return Direction.NEUTRAL
    return Direction.LONG if signed > ZERO else Direction.SHORT


def login_with_passphrase(path: str, credentials: Credentials, now_ns: int) -> bytes:
    """The login of OKX's kind: a GET of `path` signed with the second, beside the passphrase."""
    now_s = str(now_ns // SECOND_NS)
    signed = f"{now_s}GET{path}".encode()
    sign = hmac.new(credentials.secret.encode(), signed, hashlib.sha256).digest()
    words = {
        "apiKey": credentials.key,
        "passphrase": credentials.password,
        "timestamp": now_s,
        "sign": base64.b64encode(sign).decode(),
    }
    return msgspec.json.encode({"op": "login", "args": [words]})


_LISTED = decoder(list[msgspec.Raw])


def items(listed: bytes | msgspec.Raw, one: Callable[[bytes], Iterable[Word]]) -> list[Word]:
    """What `one` reads of each of a frame's list, one by one.

    An item that cannot be read stops no other. Raises DecodeError where none can be.
    """
    words: list[Word] = []
    bad: list[DecodeError] = []
    for each in decode_json(_LISTED, listed):
        try:
            words += one(bytes(each))
        except DecodeError as error:
            bad.append(error)
    if bad and not words:
        raise bad[0]
    return [*words, *(UnreadableItem(error.message) for error in bad)]


class Words:
    """Which listing a word of the venue means."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._linear = market.kind != "spot"
        self._of = {each.venue_symbol: each for each in listings.all}

    def at(self, word: str, frame: bytes) -> Listing | None:
        """The listing; None for a contract that this house does not trade. Raises DecodeError.

        An account's stream tells of every contract, settled in whatever, and of dated ones. What
        looks like a perpetual of ours and is not listed may be a new one.
        """
        listing = self._of.get(word)
        foreign = self._linear and (_QUOTE not in word or _DATED.search(word))
        if listing is None and not foreign:
            raise decode_error(f"{word!r} is not listed", frame)
        return listing


def state_of(
    word: str, words: Mapping[str, OrderState], quantity: Decimal, filled: Decimal
) -> OrderState:
    """What a venue's word says of an order. What does not agree with what filled is not believed.

    One that was turned down after a part of it filled is over, and not as if nothing had happened.
    """
    state = words.get(word, OrderState.UNKNOWN)
    if state is OrderState.FILLED and filled < quantity:
        return OrderState.UNKNOWN
    if state is OrderState.WORKING and filled:
        return OrderState.PARTLY_FILLED
    if state is OrderState.REJECTED and filled:
        return OrderState.CANCELLED
    return state
