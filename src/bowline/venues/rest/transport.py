"""HTTP for one market of a venue: limits before, bytes, the reply judged after.

ccxt makes and signs a request and hands it over here; it never opens a connection itself. Nothing
is retried: what came of a request is said once, and the caller decides. An address or header must
never reach a message or a log: they carry keys and signatures.

1. Wait for the limits' leave, or be refused.
2. Send. From the moment there is a connection the bytes count as written.
3. Tell the limits what the reply's headers say, then judge it.
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
from bowline.venues.limits import Ask, Lane, Limits, pass_through
from bowline.venues.rest.judging import AGAIN_S, Meaning, Verdict, failure, judge
from bowline.venues.rest.quirks import Quirks
from bowline.venues.retry_after import wait_named_s

TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
#: the longest list of instruments is a fourth of it; what is longer is no answer
MOST_BYTES = 1 << 26
#: operations that need no key
PUBLIC = frozenset({"time", "listings", "candles", "book"})

_ASCII = "".join(map(chr, range(128)))

#: asks ccxt what it would make of a reply: status, path, headers, body, JSON
AskCcxt = Callable[[int, str, Mapping[str, str], str, object], str]


class Sending:
    """What one operation sends: its name, why, what it weighs, and whether bytes have left."""

    __slots__ = ("lane", "moves_money", "name", "order", "sent", "verdict", "weight")

    def __init__(
        self,
        name: str,
        lane: Lane = Lane.READ,
        *,
        weight: int = 1,
        order: bool = False,
        moves_money: bool = False,
    ) -> None:
        self.name = name
        self.lane = lane
        self.weight = weight
        self.order = order
        self.moves_money = moves_money
        self.sent = False
        #: of the last reply, for who looks for an order
        self.verdict: Verdict | None = None


SENDING: ContextVar[Sending] = ContextVar("sending")


class Transport:
    """One market's connections. `secrets` are cut out of whatever the venue says in words."""

    def __init__(
        self,
        quirks: Quirks,
        kind: str,
        *,
        limits: Limits,
        clock: VenueClock,
        account: str = "",
        secrets: tuple[str, ...] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._quirks = quirks
        self._kind = kind
        self._limits = limits
        self._clock = clock
        self._account = account
        self._secrets = tuple(filter(None, secrets))
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_s, sock_connect=min(CONNECT_TIMEOUT_S, timeout_s)
        )
        self._session: aiohttp.ClientSession | None = None
        self.ask_ccxt: AskCcxt = lambda *_: ""

    async def fetch(
        self,
        url: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
    ) -> object:
        """Send one request that ccxt made; the reply's JSON. Raises the three errors."""
        verdict, _ = await self._asked(SENDING.get(), url, method, headers, body)
        return verdict.content

    async def public(self, url: str, name: str, weight: int = 1) -> bytes:
        """The body of a GET that needs no key, judged like any other reply. Raises VenueError."""
        _, text = await self._asked(Sending(name, weight=weight), url, "GET", None, None)
        return text.encode()

    async def _asked(
        self,
        sending: Sending,
        url: str,
        method: str,
        headers: Mapping[str, str] | None,
        body: str | None,
    ) -> tuple[Verdict, str]:
        path = urlsplit(url).path
        ask = Ask(
            sending.lane,
            self._kind,
            path,
            self._account,
            sending.weight,
            order=sending.order,
            signed=sending.name not in PUBLIC,
        )
        await pass_through(self._limits, ask, time.monotonic)
        status, replied, text = await self._sent(sending, url, method, headers, body)
        self._limits.observe(ask, replied, time.monotonic())
        verdict = judge(
            self._quirks.codes,
            status,
            text,
            lambda content: self.ask_ccxt(status, path, replied, text, content),
        )
        sending.verdict = verdict
        error = self._failure(sending, verdict, status, replied)
        if error is not None:
            raise error
        return verdict, text

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _sent(
        self,
        sending: Sending,
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
                # another host must not get what was signed for this one
                allow_redirects=False,
                trace_request_ctx=sending,
            ) as response:
                text = (await _whole(response)).decode("utf-8", "replace")
                lowered = {name.lower(): value for name, value in response.headers.items()}
                return response.status, lowered, text
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise self._lost(sending, type(error).__name__) from None

    def _lost(self, sending: Sending, kind: str) -> VenueError:
        what = f"{self._quirks.venue} {sending.name}"
        if sending.sent and sending.moves_money:
            return Unknown(
                f"{what}: sent, and no reply ({kind})", hint="look the order up by its id"
            )
        state = "no reply" if sending.sent else "not sent"
        return Retryable(f"{what}: {state} ({kind})", after_s=AGAIN_S)

    def _failure(
        self, sending: Sending, verdict: Verdict, status: int, headers: Mapping[str, str]
    ) -> VenueError | None:
        now_s = time.monotonic()
        after_s = AGAIN_S
        # before it is cut to length: half a key is a secret too
        message = verdict.message
        for secret in self._secrets:
            message = message.replace(secret, "***")
        verdict = replace(verdict, message=message)
        named_s = wait_named_s(headers, message, self._clock.now_ns(), self._quirks.retry_at_ms)
        if verdict.meaning is Meaning.LIMITED:
            after_s = self._limits.stop(self._kind, named_s, now_s)
        elif verdict.meaning is Meaning.BANNED:
            after_s = self._limits.ban(named_s, now_s)
        elif verdict.meaning is Meaning.CLOCK:
            self._clock.doubt(f"{self._quirks.venue} refused our time ({verdict.code})")
        error = failure(
            verdict,
            what=f"{self._quirks.venue} {sending.name}",
            moves_money=sending.moves_money,
            after_s=after_s,
            enters=sending.name == "place",
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


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """The body, unpacked. Raises ClientError for one that does not seem to end."""
    body = bytearray()
    async for part in response.content.iter_chunked(1 << 16):
        body += part
        if len(body) > MOST_BYTES:
            raise aiohttp.ClientPayloadError("a reply without end")
    return bytes(body)


async def _mark_sent(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: object
) -> None:
    sending: Sending = context.trace_request_ctx
    if sending.sent and sending.moves_money:
        # a DELETE that lost its connection is sent again by aiohttp, which has no say in that
        raise aiohttp.ClientConnectionError("sent once already")
    sending.sent = True
