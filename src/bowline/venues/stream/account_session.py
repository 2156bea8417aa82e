"""One connection of an account's stream, from login to its end.

It lives once. What ends it is told as `Lost`; whether there is another is its stream's to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from bowline.venues.feed import Answer, Closing, Pong, Subscribed, SubscriptionRefused
from bowline.venues.private import (
    LoggedIn,
    LoginRefused,
    PrivateCodec,
    Report,
    UnreadableItem,
    Untold,
    Word,
)
from bowline.venues.rest import Credentials
from bowline.venues.stream.transport import Lost, Socket

#: a login, and an answer to a subscription, are owed within this long
ANSWER_S = 10.0
LOOK_EVERY_S = 0.25


class AccountSession:
    """One connection from login to its end."""

    def __init__(
        self,
        codec: PrivateCodec,
        hear: Callable[[Report | LoginRefused | Untold | UnreadableItem], None],
        now_heard: Callable[[], None],
    ) -> None:
        self._codec = codec
        self._hear = hear
        self._now_heard = now_heard
        self._clock_s = asyncio.get_running_loop().time
        self._heard_s = self._clock_s()
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self._known = asyncio.Event()
        self._taken = asyncio.Semaphore(0)
        self._over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        #: the venue did not take the key
        self.refused = False

    def read(self, frame: bytes) -> Iterable[Word]:
        """What a frame says. Raises Unreadable."""
        self._heard_s = self._clock_s()
        return self._codec.decode(frame)

    def end(self, why: str) -> None:
        """End the connection."""
        if not self._over.done():
            self._over.set_result(why)

    def take(self, item: Word) -> None:
        """Hand on a report; obey all else."""
        match item:
            case LoggedIn():
                self._known.set()
            case LoginRefused(code, message):
                self.refused = True
                self._hear(item)
                self.end(f"the key was refused: {message} ({code})")
            case Subscribed():
                self._taken.release()
            case SubscriptionRefused(code, message):
                self.refused = True
                self.end(f"a subscription was refused: {message} ({code})")
            case Answer():
                self._answers.put_nowait(item)
            case Closing(message):
                self.end(f"the venue ends it: {message}")
            case Pong():
                pass
            case _:
                self._hear(item)

    async def open(
        self, socket: Socket, credentials: Credentials, venue_now_ns: Callable[[], int]
    ) -> None:
        """Log in and ask for everything. Raises Lost."""
        frames = self._codec.login(credentials, venue_now_ns())
        for frame in frames:
            await socket.send(frame)
        if frames:
            await _in_time(self._known.wait(), "the login was not answered")
        asked = self._codec.subscribe(credentials, venue_now_ns(), 1)
        for frame in asked:
            await socket.send(frame)
        for _ in asked:
            await _in_time(self._taken.acquire(), "a subscription was not answered")
        self._now_heard()

    async def answer(self, socket: Socket) -> None:
        """Send what the venue expects back. Raises Lost."""
        while True:
            answer = await self._answers.get()
            await socket.send(answer.frame, binary=answer.binary)

    async def watch(self, socket: Socket, age_s: float) -> None:
        """Ping, and end what is over. Raises Lost."""
        rules, born_s = self._codec.rules, self._clock_s()
        self._heard_s = pinged_s = born_s
        ended = asyncio.ensure_future(socket.ended())
        try:
            while True:
                await asyncio.wait(
                    {ended, self._over},
                    timeout=LOOK_EVERY_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                now_s = self._clock_s()
                if self._over.done():
                    raise Lost(self._over.result())
                if ended.done():
                    raise Lost(ended.result())
                if now_s - self._heard_s > rules.silent_after_s:
                    raise Lost(f"no frame for {rules.silent_after_s:g} s")
                if now_s - born_s > age_s:
                    raise Lost("it is old: the venue would end it soon")
                if rules.ping is not None and now_s - pinged_s >= rules.ping_every_s:
                    pinged_s = now_s
                    await socket.send(rules.ping)
        finally:
            ended.cancel()


async def _in_time(waited: Awaitable[object], why: str) -> None:
    try:
        async with asyncio.timeout(ANSWER_S):
            await waited
    except TimeoutError:
        raise Lost(f"{why} within {ANSWER_S:g} s") from None
