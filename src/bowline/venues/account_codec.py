"""An account stream as pure rules: how to log in, what to subscribe to, what a frame means.

A codec knows one market of one venue at one account: bytes in, reports and control messages out. It
must never open a socket, read a clock, keep state between frames, guess, or put a secret into an
error. What it cannot read is a `DecodeError`; what a stream does not say is left to REST.
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
from bowline.venues.feed_codec import ControlMessage, DecodeError
from bowline.venues.rest import Credentials

AccountReport = OrderReport | FillReport | Balance | PositionReport

_HUGE = Decimal(10) ** 18
#: no venue writes more decimals
_MAX_DECIMALS = 40
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
#: how contracts that expire end: BTCUSDT_260626, BTCUSDT-26JUN26, BTC_USDT_20260626
_DATED_CONTRACT = re.compile(
    r"[-_]([0-9]{6}|[0-9]{8}|[0-9]{1,2}[A-Z]{3}[0-9]{2}|CW|NW|CQ|NQ)$", re.ASCII
)
#: the currency in which our perpetuals are quoted and settled
_QUOTE = "USDT"


class LoggedIn(Struct, frozen=True):
    """The login succeeded."""


class LoginRefused(Struct, frozen=True):
    """The login failed, with the venue's code and message."""

    code: str
    message: str


class IncompleteUpdate(Struct, frozen=True):
    """The frame does not say everything about a change (`what`): REST must be polled."""

    what: str


class UnreadableItem(Struct, frozen=True):
    """One item of a frame's list does not match the venue's documentation; the others count."""

    why: str


class ListenKeyRules(Struct, frozen=True):
    """The URL has a listen key in `parameter`; a key expires after `lifetime_s`."""

    parameter: str
    lifetime_s: float


#: the content of a frame
AccountMessage = (
    AccountReport | ControlMessage | LoggedIn | LoginRefused | IncompleteUpdate | UnreadableItem
)


class AccountStreamRules(Struct, frozen=True, kw_only=True):
    """How an account stream is carried; see `FeedRules`.

    An account may have no updates for days: `idle_timeout_s` relies on pings answered by frames.
    """

    url: str
    listen_key: ListenKeyRules | None = None
    ping: bytes | None = None
    ping_interval_s: float = 20.0
    idle_timeout_s: float = 60.0
    connection_lifetime_s: float = 86_400.0


class AccountCodec(Protocol):
    """One market's private streams at one account: orders, fills, balances, positions."""

    @property
    def market(self) -> Market:
        """The market of this codec."""

    @property
    def rules(self) -> AccountStreamRules:
        """How the stream is carried."""

    def login(self, credentials: Credentials, now_ns: int) -> list[bytes]:
        """Frames of the login; none where the URL or every request is authenticated."""

    def subscribe(self, credentials: Credentials, now_ns: int, request: int) -> list[bytes]:
        """Frames that subscribe to everything, numbered from `request` on."""

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        """The content of one frame; empty for a frame without news. Raises DecodeError."""


def checked_amount(value: Decimal, frame: bytes) -> Decimal:
    """A plausible amount. Raises DecodeError for NaN, infinities and absurd numbers."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MAX_DECIMALS or not abs(value) < _HUGE:
        raise decode_error("no number that money can have", frame)
    return value


def checked_size(value: Decimal, frame: bytes) -> Decimal:
    """A plausible amount, 0 or more."""
    if checked_amount(value, frame) < ZERO:
        raise decode_error("a size below 0", frame)
    return value


def checked_price(value: Decimal, frame: bytes) -> Decimal:
    """A plausible amount, more than 0."""
    if not checked_amount(value, frame) > ZERO:
        raise decode_error("a price of 0 or less", frame)
    return value


def parse_number(text: str, frame: bytes) -> Decimal | None:
    """A number written as text, None for an empty one. Raises DecodeError."""
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise decode_error(f"{text[:40]!r} is no number", frame)
    return checked_amount(Decimal(text), frame)


def direction_of(signed: Decimal) -> Direction:
    """The direction of a quantity that is negative for a short; NEUTRAL for none."""
    if not signed:
        return Direction.NEUTRAL
    return Direction.LONG if signed > ZERO else Direction.SHORT


def passphrase_login(path: str, credentials: Credentials, now_ns: int) -> bytes:
    """The login of OKX and Bitget: a signed GET of `path`, the time in seconds, the passphrase."""
    now_s = str(now_ns // SECOND_NS)
    signed = f"{now_s}GET{path}".encode()
    sign = hmac.new(credentials.secret.encode(), signed, hashlib.sha256).digest()
    params = {
        "apiKey": credentials.key,
        "passphrase": credentials.password,
        "timestamp": now_s,
        "sign": base64.b64encode(sign).decode(),
    }
    return msgspec.json.encode({"op": "login", "args": [params]})


_LISTED = decoder(list[msgspec.Raw])


def decode_items(
    listed: bytes | msgspec.Raw, decode_one: Callable[[bytes], Iterable[AccountMessage]]
) -> list[AccountMessage]:
    """The messages of every item of a frame's list.

    An unreadable item does not stop the others. Raises DecodeError if none can be read.
    """
    messages: list[AccountMessage] = []
    bad: list[DecodeError] = []
    for each in decode_json(_LISTED, listed):
        try:
            messages += decode_one(bytes(each))
        except DecodeError as error:
            bad.append(error)
    if bad and not messages:
        raise bad[0]
    return [*messages, *(UnreadableItem(error.message) for error in bad)]


class VenueSymbols:
    """The listings by venue symbol."""

    def __init__(self, market: Market, listings: Listings) -> None:
        self._linear = market.kind != "spot"
        self._of = {each.venue_symbol: each for each in listings.all}

    def listing_of(self, symbol: str, frame: bytes) -> Listing | None:
        """The listing; None for a contract that Bowline does not trade. Raises DecodeError.

        An account stream reports on all contracts, also on dated ones and other settlement
        currencies. A USDT perpetual that is not listed may be a new one.
        """
        listing = self._of.get(symbol)
        foreign = self._linear and (_QUOTE not in symbol or _DATED_CONTRACT.search(symbol))
        if listing is None and not foreign:
            raise decode_error(f"{symbol!r} is not listed", frame)
        return listing


def order_state(
    status: str, states: Mapping[str, OrderState], quantity: Decimal, filled: Decimal
) -> OrderState:
    """The state for a venue's status; UNKNOWN if it contradicts the filled quantity.

    An order that was rejected after a part of it filled is cancelled: it had fills.
    """
    state = states.get(status, OrderState.UNKNOWN)
    if state is OrderState.FILLED and filled < quantity:
        return OrderState.UNKNOWN
    if state is OrderState.WORKING and filled:
        return OrderState.PARTLY_FILLED
    if state is OrderState.REJECTED and filled:
        return OrderState.CANCELLED
    return state
