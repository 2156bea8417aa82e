"""What it takes to speak as a venue: tables of routes, endpoints and renderings, in its own words.

    a dialect       says                                            the framework does
    ──────────────────────────────────────────────────────────────────────────────────────────
    routes          method, path, handler, whether it is private    match, parse, reply
    budgets         how much weight a bucket takes in how long      count, refuse
    who             whose key it is, if signature and time hold     call it before a private handler
    refuse          an error in the venue's form and status         call it for every `ApiError`
    endpoints           WebSocket paths, and what a frame asks for      accept, queue, ping, close
    opening         the first frames of a topic                     send them to its subscriber
    telling         the frames that a fact is, for a topic          send them to all subscribers

Dialects share mechanics and no words. One must never touch a socket, a clock or another dialect;
it reads and moves its `Floor` and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.sim.exchange import VenueRules
from bowline.core.venue import Listing
from bowline.simex.payload import read_object, text_fields
from bowline.simex.request_quotas import QuotaUsage, RequestQuota
from bowline.simex.symbol_specs import SymbolSpec

if TYPE_CHECKING:
    from bowline.simex.floor import Floor
    from bowline.simex.session import Session
    from bowline.simex.venue_updates import VenueUpdate

#: a frame as a dialect makes it: an object to be encoded, or finished text or bytes
Frame = object


class ApiError(Exception):
    """The venue says no to a request: its own code and words, HTTP status and headers.

    Raised by a handler, by `authenticate` or by a fault; the dialect gives it its form.
    """

    def __init__(
        self,
        code: str | int,
        message: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = dict(headers or {})


class Response(Struct):
    """What goes back: `body` is encoded as JSON unless it is bytes."""

    body: object
    status: int = 200
    headers: dict[str, str] = {}
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        """The body as it goes over the wire."""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


class ApiCall(Struct, kw_only=True):
    """One request. `path` and `raw_query` are as signed; `authenticate` sets `account`."""

    floor: Floor
    method: str
    path: str
    raw_query: str = ""
    query: dict[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""
    #: parts of the path that the route's template names
    path_params: dict[str, str] = {}
    account: str = ""

    @property
    def now_ns(self) -> int:
        """The venue's time: the world's, and what a fault put on top."""
        return self.floor.now_ns

    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty if it is none."""
        return read_object(self.body)

    def fields(self) -> dict[str, str]:
        """Query and JSON body together, values as text: what most handlers read."""
        return self.query | text_fields(self.json())


Handler = Callable[[ApiCall], Response | object]


class Route(Struct, frozen=True):
    """`path` may hold `{names}`. A private route has `authenticate` called first.

    `bucket` names the budget that `weight` comes out of.
    """

    method: str
    path: str
    handler: Handler
    private: bool = False
    bucket: str = "public"
    weight: int = 1


def public_route(
    method: str, path: str, handler: Handler, bucket: str = "public", weight: int = 1
) -> Route:
    """A route that anybody may take."""
    return Route(method, path, handler, private=False, bucket=bucket, weight=weight)


def signed_route(method: str, path: str, handler: Handler, bucket: str, weight: int = 1) -> Route:
    """A route for those who sign."""
    return Route(method, path, handler, private=True, bucket=bucket, weight=weight)


class StreamChannel(StrEnum):
    """What a topic tells of: what is behind it is a kind of `VenueUpdate`."""

    BOOK = "book"
    TRADES = "trades"
    CANDLES = "candles"
    TICKER = "ticker"
    MARK = "mark"
    ORDERS = "orders"
    FILLS = "fills"
    POSITIONS = "positions"
    BALANCES = "balances"
    FUNDING = "funding"
    LIQUIDATIONS = "liquidations"
    LISTINGS = "listings"


class StreamTopic(Struct, frozen=True):
    """What a session has subscribed to: `word` is the venue's own name for it.

    `instrument` None: all of them. `depth` 0: the whole book. `account` is set on private channels;
    there `wallet` (`spot`, `linear`) leaves out what happens in another one, where there are two.
    `interval` and `note` are the dialect's own.
    """

    channel: StreamChannel
    word: str
    instrument: InstrumentId | None = None
    depth: int = 0
    account: str = ""
    wallet: str = ""
    interval: str = ""
    note: str = ""


class WebSocketEndpoint(Struct, frozen=True):
    """A WebSocket endpoint: called on open, each message and close.

    The venue pings every `ping_interval_s`, if not 0, with `ping_frame` or the protocol's own.
    It closes a connection that it has not heard from for `idle_timeout_s`, if not 0.
    """

    path: str
    on_message: Callable[[Session, str | bytes], None]
    on_open: Callable[[Session], None] | None = None
    on_close: Callable[[Session], None] | None = None
    ping_frame: Callable[[Session], Frame] | None = None
    ping_interval_s: float = 0.0
    idle_timeout_s: float = 0.0


class Wallet(Struct, frozen=True):
    """Markets (`spot`, `linear`) whose accounts are one, and their rules."""

    kinds: tuple[str, ...]
    rules: VenueRules


class Dialect(Protocol):
    """One venue's way of speaking, spot and linear together."""

    @property
    def venue(self) -> str:
        """The venue's name in our words, and the prefix of its paths."""

    def wallets(self, listings: Sequence[Listing]) -> Sequence[Wallet]:
        """How accounts are kept: one for both markets, or one each, with their rules."""

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """How the spot or the linear market lists a symbol."""

    @property
    def routes(self) -> Sequence[Route]:
        """REST."""

    @property
    def endpoints(self) -> Sequence[WebSocketEndpoint]:
        """WebSocket."""

    @property
    def quotas(self) -> dict[str, RequestQuota]:
        """Rate limits, by bucket."""

    def authenticate(self, call: ApiCall) -> str:
        """The account whose key signed this in time; WireRefusal otherwise."""

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """What a handler returned, in the venue's envelope."""

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """What this venue says to a path that it does not know."""

    def maintenance_error(self) -> ApiError:
        """What this venue says to everybody during maintenance."""

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """An error as this venue words it."""

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """Headers that tell how the quota stands; WireRefusal if it is exceeded."""

    def encode_frame(self, frame: Frame) -> str | bytes:
        """A frame for the wire: text, or bytes where the venue sends binary."""

    def initial_frames(self, floor: Floor, topic: StreamTopic) -> Iterable[Frame]:
        """What a new subscriber is sent at once."""

    def render_update(
        self, floor: Floor, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """What subscribers of a topic are sent when this happens; nothing is a right answer."""
