"""The ccxt client of one market: without its own connection, limiter, retries and clock.

ccxt must not be imported before a client is created, and every request must go through the given
transport.

1. Its rate limiter, its retries and the extra requests that it would send by itself are off.
2. Numbers stay text, and assets keep the venue's names.
3. Non-ASCII characters of a symbol are percent-encoded before a request is sent, and before it is
   signed where the venue signs the encoded form.
4. Its clock is our estimate of the venue's time.
5. Every URL can be moved to another host; its path is kept, after the venue's name.
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
from bowline.venues.rest.quirks import Params, VenueQuirks
from bowline.venues.rest.transport import Transport

#: the value of a URL setting that selects a venue's own test host
TESTNET = "testnet"
#: errors that ccxt raises for a reply that does not match the venue's documentation
CCXT_PARSE_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
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
    quirks: VenueQuirks,
    kind: str,
    transport: Transport,
    clock: VenueClock,
    *,
    credentials: Credentials | None = None,
    url: str = "",
) -> Any:  # noqa: ANN401 - ccxt says nothing of its types
    """A ccxt client. `url`: empty, `testnet`, or a host to put before `/<venue>/` and the path.

    Raises BadInput if ccxt is not installed or the venue has no test host.
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
    _use_host(client, quirks.venue, url)
    client.milliseconds = clock.now_ms
    client.seconds = lambda: clock.now_ms() // 1000
    client.microseconds = lambda: clock.now_ns() // 1000
    client.fetch = transport.fetch
    if not quirks.signs_unencoded:
        client.rawencode = lambda params, *more: ascii_only(type(client).rawencode(params, *more))
        client.implode_params = lambda text, params: ascii_only(
            type(client).implode_params(text, params)
        )
    transport.classify_with_ccxt = _classifier_of(
        client, ccxt.BaseError, quirks.classify_hosts.get(kind, "")
    )
    if own := quirks.markets[kind].fetch_markets:
        client.fetch_markets = getattr(client, own)
    for method, wanted in quirks.markets[kind].suppressed_calls.items():
        setattr(client, method, _only_with_params(wanted, getattr(client, method)))
    return client


def ascii_only(text: str) -> str:
    """A part of a URL with non-ASCII characters percent-encoded and nothing else changed.

    ccxt leaves them unencoded for venues that sign the raw query; what is signed must be what is
    sent.
    """
    return quote(text, safe=_ASCII)


def _only_with_params(wanted: Params | None, method: Any) -> Any:  # noqa: ANN401
    async def call(params: Params) -> object:
        if wanted is None or not wanted.items() <= params.items():
            return {}
        reply: object = await method(params)
        return reply

    return call


def parse_errors() -> tuple[type[Exception], ...]:
    """The exceptions that parsing a reply may raise: built-in ones and ccxt's."""
    return (*CCXT_PARSE_ERRORS, import_module("ccxt").BaseError)


def raised_by_ccxt(error: BaseException) -> bool:
    """Whether ccxt raised this error: before sending, or for a reply that it cannot parse."""
    return isinstance(error, import_module("ccxt").BaseError)


def _use_host(client: Any, venue: str, url: str) -> None:  # noqa: ANN401
    if not url:
        return
    if url == TESTNET:
        if not client.urls.get("test"):
            raise BadInput(f"{venue} has no test host", hint=f"unset BOWLINE_{venue.upper()}_URL")
        client.set_sandbox_mode(True)
        return
    target = f"{url.rstrip('/')}/{venue}"
    client.urls["api"] = _replace_host(client.urls["api"], target)


def _replace_host(value: object, target: str) -> object:
    if isinstance(value, Mapping):
        return {key: _replace_host(each, target) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    socket = "ws" + target.removeprefix("http")
    return _HOST.sub(lambda found: socket if found[1].startswith("ws") else target, value)


def _classifier_of(client: Any, base_error: type[Exception], host: str) -> Any:  # noqa: ANN401
    def ccxt_class(
        status: int, path: str, headers: Mapping[str, str], text: str, content: object
    ) -> str:
        url = host + path
        try:
            client.handle_errors(status, "", url, "", headers, text, content, None, None)
            client.handle_http_status_code(status, "", url, "", text)
        except base_error as error:
            return type(error).__name__
        except CCXT_PARSE_ERRORS:
            return ""
        return ""

    return ccxt_class
