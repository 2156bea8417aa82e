"""One connection of an account stream, from login to its end.

A session runs once. Its end is raised as `Disconnected`; its stream decides about the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from bowline.venues.account_codec import (
    AccountCodec,
    AccountMessage,
    AccountReport,
    IncompleteUpdate,
    LoggedIn,
    LoginRefused,
    UnreadableItem,
)
from bowline.venues.feed_codec import (
    ClosingAnnounced,
    PingReceived,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.rest import Credentials
from bowline.venues.stream.transport import Disconnected, Socket

#: time limit of the answer to a login or subscription
ANSWER_TIMEOUT_S = 10.0
WATCHDOG_INTERVAL_S = 0.25


class AccountSession:
    """One connection from login to its end."""

    def __init__(
        self,
        codec: AccountCodec,
        on_message: Callable[
            [AccountReport | LoginRefused | IncompleteUpdate | UnreadableItem], None
        ],
        on_live: Callable[[], None],
    ) -> None:
        self._codec = codec
        self._on_message = on_message
        self._on_live = on_live
        self._clock_s = asyncio.get_running_loop().time
        self._last_frame_s = self._clock_s()
        self._replies: asyncio.Queue[PingReceived] = asyncio.Queue()
        self._logged_in = asyncio.Event()
        self._acknowledged = asyncio.Semaphore(0)
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        #: the venue refused the key or a subscription
        self.refused = False

    def decode(self, frame: bytes) -> Iterable[AccountMessage]:
        """Decode a frame. Raises DecodeError."""
        self._last_frame_s = self._clock_s()
        return self._codec.decode(frame)

    def end(self, message: str) -> None:
        """End the connection."""
        if not self._ended.done():
            self._ended.set_result(message)

    def handle(self, item: AccountMessage) -> None:
        """Pass a report on; act on everything else."""
        match item:
            case LoggedIn():
                self._logged_in.set()
            case LoginRefused(code, message):
                self.refused = True
                self._on_message(item)
                self.end(f"the key was refused: {message} ({code})")
            case Subscribed():
                self._acknowledged.release()
            case SubscriptionRefused(code, message):
                self.refused = True
                self.end(f"a subscription was refused: {message} ({code})")
            case PingReceived():
                self._replies.put_nowait(item)
            case ClosingAnnounced(message):
                self.end(f"the venue ends it: {message}")
            case PongReceived():
                pass
            case _:
                self._on_message(item)

    async def open(
        self, socket: Socket, credentials: Credentials, venue_now_ns: Callable[[], int]
    ) -> None:
        """Log in and subscribe to everything. Raises Disconnected."""
        frames = self._codec.login(credentials, venue_now_ns())
        for frame in frames:
            await socket.send(frame)
        if frames:
            await _within_timeout(self._logged_in.wait(), "the login was not answered")
        frames_sent = self._codec.subscribe(credentials, venue_now_ns(), 1)
        for frame in frames_sent:
            await socket.send(frame)
        for _ in frames_sent:
            await _within_timeout(self._acknowledged.acquire(), "a subscription was not answered")
        self._on_live()

    async def send_replies(self, socket: Socket) -> None:
        """Send the replies that the venue expects. Raises Disconnected."""
        while True:
            reply = await self._replies.get()
            await socket.send(reply.frame, binary=reply.binary)

    async def run_watchdog(self, socket: Socket, max_age_s: float) -> None:
        """Send pings; raises Disconnected when the connection has ended, is silent or too old."""
        rules, opened_s = self._codec.rules, self._clock_s()
        self._last_frame_s = last_ping_s = opened_s
        closed = asyncio.ensure_future(socket.wait_closed())
        try:
            while True:
                await asyncio.wait(
                    {closed, self._ended},
                    timeout=WATCHDOG_INTERVAL_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                now_s = self._clock_s()
                if self._ended.done():
                    raise Disconnected(self._ended.result())
                if closed.done():
                    raise Disconnected(closed.result())
                if now_s - self._last_frame_s > rules.idle_timeout_s:
                    raise Disconnected(f"no frame for {rules.idle_timeout_s:g} s")
                if now_s - opened_s > max_age_s:
                    raise Disconnected("it is old: the venue would end it soon")
                if rules.ping is not None and now_s - last_ping_s >= rules.ping_interval_s:
                    last_ping_s = now_s
                    await socket.send(rules.ping)
        finally:
            closed.cancel()


async def _within_timeout(awaited: Awaitable[object], message: str) -> None:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await awaited
    except TimeoutError:
        raise Disconnected(f"{message} within {ANSWER_TIMEOUT_S:g} s") from None
