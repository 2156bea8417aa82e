"""A venue's API as data: calls, responses, errors, and the routes from a path to a handler.

The same calls are made of REST requests and of requests over a WebSocket. Nothing here knows the
form in which a venue writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from bowline.simex.payload import read_object, text_fields
from bowline.simex.venue import SimulatedVenue


class ApiError(Exception):
    """A request refused by the venue: its own error code and message, HTTP status and headers.

    Raised by a handler, by `authenticate` or by a fault; the dialect renders it.
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
    """A response: `body` is encoded as JSON unless it is bytes."""

    body: object
    status: int = 200
    headers: dict[str, str] = {}
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


class ApiCall(Struct, kw_only=True):
    """One request. `path` and `raw_query` are as signed; `authenticate` sets `account`."""

    venue: SimulatedVenue
    method: str
    path: str
    raw_query: str = ""
    query: dict[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes = b""
    #: the values of the `{names}` in the route's path
    path_params: dict[str, str] = {}
    account: str = ""

    @property
    def now_ns(self) -> int:
        """The venue's time: the simulation's, plus the skew of a fault."""
        return self.venue.now_ns

    def json(self) -> dict[str, object]:
        """The body as a JSON object; empty if it is not one."""
        return read_object(self.body)

    def fields(self) -> dict[str, str]:
        """Query and JSON body together, values as text: what most handlers read."""
        return self.query | text_fields(self.json())


Handler = Callable[[ApiCall], Response | object]


class Route(Struct, frozen=True):
    """`path` may hold `{names}`. On a private route `authenticate` is called first.

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
    """A route without authentication."""
    return Route(method, path, handler, private=False, bucket=bucket, weight=weight)


def signed_route(method: str, path: str, handler: Handler, bucket: str, weight: int = 1) -> Route:
    """A route that requires a signature."""
    return Route(method, path, handler, private=True, bucket=bucket, weight=weight)
