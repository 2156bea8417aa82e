"""HTTP for one market of a venue: rate limits before, classification of the reply after.

ccxt builds and signs a request and passes it on; it never opens a connection. Nothing is retried:
the outcome is reported once and the caller decides. URLs and headers contain keys and signatures
and must never reach a message or a log.

1. Acquire the rate limits, or raise Retryable.
2. Send. From the moment a connection is open, the bytes count as sent.
3. Pass the reply's headers to the rate limiter, then classify the reply.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import SimpleNamespace
from urllib.parse import quote, urlsplit

import aiohttp
from msgspec.structs import replace
from yarl import URL

from bowline.venues.clock import VenueClock
from bowline.venues.errors import Retryable, Unknown, VenueError
from bowline.venues.rate_limits import LimitedRequest, Priority, RateLimiter, acquire
from bowline.venues.rest.classify import RETRY_S, ClassifiedReply, ReplyMeaning, classify, to_error
from bowline.venues.rest.quirks import VenueQuirks
from bowline.venues.retry_after import requested_wait_s

TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
#: four times the longest market list; a longer reply is refused
MAX_BYTES = 1 << 26
#: operations that need no API key
PUBLIC = frozenset({"time", "listings", "candles", "book"})

_ASCII = "".join(map(chr, range(128)))

#: asks ccxt how it classifies a reply: status, path, headers, body, JSON
ClassifyWithCcxt = Callable[[int, str, Mapping[str, str], str, object], str]


class Operation:
    """One operation: its name, priority and weight, and whether a request has been sent."""

    __slots__ = (
        "classified", "moves_money", "name", "no_content", "order", "priority", "sent", "weight",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        priority: Priority = Priority.READ,
        *,
        weight: int = 1,
        order: bool = False,
        moves_money: bool = False,
        no_content: bool = False,
    ) -> None:
        self.name = name
        self.priority = priority
        self.weight = weight
        self.order = order
        self.moves_money = moves_money
        self.no_content = no_content
        self.sent = False
        #: the last reply, for look-ups of orders
        self.classified: ClassifiedReply | None = None


CURRENT_OPERATION: ContextVar[Operation] = ContextVar("operation")


class Transport:
    """HTTP connections of one market. `secrets` are removed from the venue's messages."""

    def __init__(
        self,
        quirks: VenueQuirks,
        kind: str,
        *,
        rate_limiter: RateLimiter,
        clock: VenueClock,
        account: str = "",
        secrets: tuple[str, ...] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._quirks = quirks
        self._kind = kind
        self._rate_limiter = rate_limiter
        self._clock = clock
        self._account = account
        self._secrets = tuple(filter(None, secrets))
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_s, sock_connect=min(CONNECT_TIMEOUT_S, timeout_s)
        )
        self._session: aiohttp.ClientSession | None = None
        self.classify_with_ccxt: ClassifyWithCcxt = lambda *_: ""

    async def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
    ) -> object:
        """Send one request that ccxt built; returns the reply's JSON. Raises VenueError."""
        classified, _ = await self._request(CURRENT_OPERATION.get(), url, method, headers, body)
        return classified.content

    async def fetch_public(self, url: str, name: str, weight: int = 1) -> bytes:
        """The body of a GET without a key, classified like any other reply. Raises VenueError."""
        _, text = await self._request(Operation(name, weight=weight), url, "GET", None, None)
        return text.encode()

    async def _request(
        self,
        operation: Operation,
        url: str,
        method: str,
        headers: Mapping[str, str] | None,
        body: str | None,
    ) -> tuple[ClassifiedReply, str]:
        path = urlsplit(url).path
        request = LimitedRequest(
            operation.priority,
            self._kind,
            path,
            self._account,
            operation.weight,
            order=operation.order,
            signed=operation.name not in PUBLIC,
        )
        await acquire(self._rate_limiter, request, time.monotonic)
        status, replied, text = await self._send(operation, url, method, headers, body)
        self._rate_limiter.observe(request, replied, time.monotonic())
        classified = classify(
            self._quirks.codes,
            status,
            text,
            lambda content: self.classify_with_ccxt(status, path, replied, text, content),
            no_content=operation.no_content,
        )
        operation.classified = classified
        error = self._failure(operation, classified, status, replied)
        if error is not None:
            raise error
        return classified, text

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(
        self,
        operation: Operation,
        url: str,
        method: str,
        headers: Mapping[str, str] | None,
        body: str | None,
    ) -> tuple[int, Mapping[str, str], str]:
        try:
            async with self._open().request(
                method,
                URL(quote(url, safe=_ASCII), encoded=True),
                data=body.encode() if body else None,
                headers=dict(headers or {}),
                timeout=self._timeout,
                # a signed request must not be sent to another host
                allow_redirects=False,
                trace_request_ctx=operation,
            ) as response:
                text = (await _read_body(response)).decode("utf-8", "replace")
                lowered = {name.lower(): value for name, value in response.headers.items()}
                return response.status, lowered, text
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._no_reply(operation, type(error).__name__) from None

    def _no_reply(self, operation: Operation, kind: str) -> VenueError:
        what = f"{self._quirks.venue} {operation.name}"
        if operation.sent and operation.moves_money:
            return Unknown(
                f"{what}: sent, and no reply ({kind})", hint="look the order up by its id"
            )
        state = "no reply" if operation.sent else "not sent"
        return Retryable(f"{what}: {state} ({kind})", after_s=RETRY_S)

    def _failure(
        self,
        operation: Operation,
        classified: ClassifiedReply,
        status: int,
        headers: Mapping[str, str],
    ) -> VenueError | None:
        now_s = time.monotonic()
        after_s = RETRY_S
        # before the message is shortened: part of a key is a secret too
        message = classified.message
        for secret in self._secrets:
            message = message.replace(secret, "***")
        classified = replace(classified, message=message)
        asked_wait_s = requested_wait_s(
            headers, message, self._clock.now_ns(), self._quirks.limit_reset_header
        )
        if classified.meaning is ReplyMeaning.LIMITED:
            after_s = self._rate_limiter.pause(self._kind, asked_wait_s, now_s)
        elif classified.meaning is ReplyMeaning.BANNED:
            after_s = self._rate_limiter.ban(asked_wait_s, now_s)
        elif classified.meaning is ReplyMeaning.CLOCK:
            self._clock.invalidate(
                f"{self._quirks.venue} refused our time stamp ({classified.code})"
            )
        error = to_error(
            classified,
            what=f"{self._quirks.venue} {operation.name}",
            moves_money=operation.moves_money,
            after_s=after_s,
            enters=operation.name == "place",
        )
        if error is not None and not error.code:
            error.code = str(status)
        return error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(_mark_sent)
            trace.on_connection_reuseconn.append(_mark_sent)
            self._session = aiohttp.ClientSession(trace_configs=[trace])
        return self._session


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """The body, decompressed. Raises ClientError if it is longer than `MAX_BYTES`."""
    body = bytearray()
    async for part in response.content.iter_chunked(1 << 16):
        body += part
        if len(body) > MAX_BYTES:
            raise aiohttp.ClientPayloadError(f"the reply is longer than {MAX_BYTES} bytes")
    return bytes(body)


async def _mark_sent(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: object
) -> None:
    operation: Operation = context.trace_request_ctx
    if operation.sent and operation.moves_money:
        # aiohttp repeats a DELETE by itself when its connection is lost
        raise aiohttp.ClientConnectionError("the request was sent already")
    operation.sent = True
