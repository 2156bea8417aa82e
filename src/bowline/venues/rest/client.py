"""The ccxt client of one market: made quiet, exact, on our clock, and without a connection.

Nothing of ccxt may be imported before a client is wanted, and no request may leave but through
the transport it is given.

1. Its limiter, its retries and every probe that it would send unasked are off.
2. Numbers stay text, assets keep the venue's own names.
3. What is not ASCII in a symbol is percent-encoded before it is sent, and before it is signed where
   the venue signs what is sent.
4. Its time is the venue's, as our clock knows it.
5. Every address can be put on another host, its path and the venue's name kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.venues.clock import VenueClock
from bowline.venues.rest.quirks import Params, Quirks
from bowline.venues.rest.transport import Transport

#: the word for a venue's own test host
TESTNET = "testnet"
#: what ccxt trips over in a reply that is not what the venue documents
CCXT_TRIPS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_ASCII = "".join(map(chr, range(128)))
_HOST = re.compile(r"^(https?|wss?)://[^/]+")


class Credentials(Struct, frozen=True):
    """An API key. Its repr shows nothing."""

    key: str
    secret: str
    password: str = ""

    def __repr__(self) -> str:
        return "Credentials(***)"


def make_client(
    quirks: Quirks,
    kind: str,
    transport: Transport,
    clock: VenueClock,
    *,
    credentials: Credentials | None = None,
    url: str = "",
) -> Any:  # noqa: ANN401 - ccxt says nothing of its types
    """A ccxt client. `url`: empty, `testnet`, or a host to put before `/<venue>/` and the path.

    Raises BadInput where ccxt is missing or the venue has no test host.
    """
    try:
        ccxt = import_module("ccxt.async_support")
    except ModuleNotFoundError as error:
        raise BadInput(
            "talking to a venue needs ccxt, which is not installed",
            hint="in the checkout: make live",
        ) from error
    keys = credentials or Credentials("", "")
    config = {"apiKey": keys.key, "secret": keys.secret, "password": keys.password}
    client = getattr(ccxt, quirks.venue)({"enableRateLimit": False, **config})
    types = {"defaultType": "spot"}
    if kind == "linear":
        types = {"defaultType": "swap", "defaultSubType": "linear"}
    client.options = client.deep_extend(
        client.options,
        types,
        quirks.options,
        quirks.kind_options.get(kind, {}),
    )
    client.has["fetchCurrencies"] = False
    client.number = str
    client.commonCurrencies = {}
    _put_on_host(client, quirks.venue, url)
    client.milliseconds = clock.now_ms
    client.seconds = lambda: clock.now_ms() // 1000
    client.microseconds = lambda: clock.now_ns() // 1000
    client.fetch = transport.fetch
    if not quirks.signs_decoded:
        client.rawencode = lambda params, *more: ascii_only(type(client).rawencode(params, *more))
        client.implode_params = lambda text, params: ascii_only(
            type(client).implode_params(text, params)
        )
    transport.ask_ccxt = _opinion_of(client, ccxt.BaseError, quirks.judged_at.get(kind, ""))
    if own := quirks.markets[kind].fetch_markets:
        client.fetch_markets = getattr(client, own)
    for method, wanted in quirks.markets[kind].unasked.items():
        setattr(client, method, _only_with(wanted, getattr(client, method)))
    return client


def ascii_only(text: str) -> str:
    """A part of an address with what is not ASCII percent-encoded, and nothing else changed.

    ccxt leaves it raw where a venue wants a query as it is: what is signed must be what is sent.
    """
    return quote(text, safe=_ASCII)


def _only_with(wanted: Params | None, method: Any) -> Any:  # noqa: ANN401
    async def call(params: Params) -> object:
        if wanted is None or not wanted.items() <= params.items():
            return {}
        reply: object = await method(params)
        return reply

    return call


def trips() -> tuple[type[Exception], ...]:
    """What reading a reply may raise: ours, and ccxt's own."""
    return (*CCXT_TRIPS, import_module("ccxt").BaseError)


def refused_by_ccxt(error: BaseException) -> bool:
    """Whether ccxt itself raised this: before sending, or over a reply it could not read."""
    return isinstance(error, import_module("ccxt").BaseError)


def _put_on_host(client: Any, venue: str, url: str) -> None:  # noqa: ANN401
    if not url:
        return
    if url == TESTNET:
        if not client.urls.get("test"):
            raise BadInput(f"{venue} has no test host", hint=f"unset BOWLINE_{venue.upper()}_URL")
        client.set_sandbox_mode(True)
        return
    target = f"{url.rstrip('/')}/{venue}"
    client.urls["api"] = _rewritten(client.urls["api"], target)


def _rewritten(value: object, target: str) -> object:
    if isinstance(value, Mapping):
        return {key: _rewritten(each, target) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    socket = "ws" + target.removeprefix("http")
    return _HOST.sub(lambda found: socket if found[1].startswith("ws") else target, value)


def _opinion_of(client: Any, base_error: type[Exception], host: str) -> Any:  # noqa: ANN401
    def opinion(
        status: int, path: str, headers: Mapping[str, str], text: str, content: object
    ) -> str:
        url = host + path
        try:
            client.handle_errors(status, "", url, "", headers, text, content, None, None)
            client.handle_http_status_code(status, "", url, "", text)
        except base_error as error:
            return type(error).__name__
        except CCXT_TRIPS:
            return ""
        return ""

    return opinion
