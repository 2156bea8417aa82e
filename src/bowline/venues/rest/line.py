"""The line to one market of a venue: ccxt's client over our transport, and what may come of it.

Whatever ccxt raises ends here as one of the three errors; whatever it makes of a row is read in
`reading`. It must never send on its own account.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from bowline.core.model.instrument import Market
from bowline.core.venue import Listing
from bowline.venues.clock import VenueClock
from bowline.venues.errors import NotUnderstood, Rejected, Retryable, Unknown
from bowline.venues.limits import Lane, Limits
from bowline.venues.rest.asking import Words, filled_in
from bowline.venues.rest.client import (
    CCXT_TRIPS,
    Credentials,
    make_client,
    refused_by_ccxt,
    trips,
)
from bowline.venues.rest.judging import AGAIN_S, at
from bowline.venues.rest.quirks import Call, Pages, Params, Quirks
from bowline.venues.rest.transport import SENDING, TIMEOUT_S, Sending, Transport

T = TypeVar("T")
#: more pages than this is a venue that turns in a circle
MOST_PAGES = 200
#: so many lists of a reply that cannot be read are searched for the rows that spoil it
MOST_LISTS = 6


class Line:
    """One market's client. `account` names whose limits are counted."""

    def __init__(
        self,
        market: Market,
        quirks: Quirks,
        *,
        limits: Limits,
        clock: VenueClock,
        account: str = "",
        credentials: Credentials | None = None,
        url: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._name = market.name
        self._weights = quirks.markets[market.kind].weights
        secrets = (credentials.key, credentials.secret, credentials.password) if credentials else ()
        self._transport = Transport(
            quirks,
            market.kind,
            limits=limits,
            clock=clock,
            account=account,
            secrets=secrets,
            timeout_s=timeout_s,
        )
        self.client: Any = make_client(
            quirks, market.kind, self._transport, clock, credentials=credentials, url=url
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def account(self) -> str:
        """The venue's own number of the spot account."""
        async with self.asking("account"):
            return str(await self.client.fetch_account_id_by_type("spot"))

    def market(self, listing: Listing) -> dict[str, Any]:
        """What ccxt calls a listing. ValueError if ccxt lists none by that word."""
        return self.at_word(listing.venue_symbol)

    def at_word(self, venue_symbol: str) -> dict[str, Any]:
        """What ccxt calls this word of the venue; ValueError if it lists none."""
        found: list[dict[str, Any]] = (self.client.markets_by_id or {}).get(venue_symbol, [])
        if not found:
            raise ValueError(f"nothing is listed as {venue_symbol}")
        return found[0]

    @asynccontextmanager
    async def asking(
        self,
        name: str,
        lane: Lane = Lane.READ,
        *,
        order: bool = False,
        moves_money: bool = False,
    ) -> AsyncIterator[Sending]:
        """What happens inside is one operation; what goes wrong in it is one of the three errors.

        `order`: the venue counts it as placing or cancelling. `moves_money`: once sent, only a
        readable answer ends the doubt.
        """
        weight = self._weights.get(name, 1)
        sending = Sending(name, lane, weight=weight, order=order, moves_money=moves_money)
        token = SENDING.set(sending)
        try:
            yield sending
        except CCXT_TRIPS:
            raise self._not_understood(sending) from None
        except BaseException as error:
            if refused_by_ccxt(error):
                raise self._refused(sending, type(error).__name__) from None
            raise
        finally:
            SENDING.reset(token)

    async def salvaged(
        self, ask: Callable[[], Awaitable[T]]
    ) -> tuple[T, list[tuple[object, Exception]]]:
        """What `ask` makes of the venue's replies, and the rows that had to be left out for it.

        ccxt reads a list as a whole: where it fails over one row, the same replies are read again
        without sending anything, until the rows are found that it fails over.
        """
        recorded: list[object] = []
        fetch = self._transport.fetch

        async def recording(*words: Any, **more: Any) -> object:  # noqa: ANN401 - ccxt's
            reply = await fetch(*words, **more)
            recorded.append(reply)
            return reply

        self.client.fetch = recording
        try:
            return await ask(), []
        except trips() as error:
            if not recorded:
                raise
            return await self._without_bad_rows(ask, recorded, error)
        finally:
            self.client.fetch = fetch

    async def _without_bad_rows(
        self, ask: Callable[[], Awaitable[T]], recorded: list[object], error: Exception
    ) -> tuple[T, list[tuple[object, Exception]]]:
        for number, path in lists_in(recorded)[:MOST_LISTS]:
            rows: list[object] = at(recorded[number], path)  # type: ignore[assignment]

            async def read(some: list[object], number: int = number, path: str = path) -> T:
                replies = [copy.deepcopy(each) for each in recorded]
                replies[number] = with_list(replies[number], path, copy.deepcopy(some))
                following = iter(replies)

                async def replay(*_: Any, **__: Any) -> object:  # noqa: ANN401
                    return next(following, {})

                self.client.fetch = replay
                return await ask()

            lost = await _bad(read, rows)
            if lost and len(lost) < len(rows):
                left_out = {id(row) for row, _ in lost}
                return await read([row for row in rows if id(row) not in left_out]), lost
        raise error

    async def call(self, call: Call, words: Words) -> Any:  # noqa: ANN401 - JSON
        """The reply to a call of the table. Rejected where it says no without a code."""
        return await self.send(call, filled_in(call.params, words))

    async def send(self, call: Call, params: Params) -> Any:  # noqa: ANN401 - JSON
        """The same with every parameter given."""
        body = [dict(params)] if call.listed else dict(params)
        reply = await getattr(self.client, call.method)(body)
        said = str(at(reply, call.rows)) if call.refused else ""
        if said in call.refused:
            raise Rejected(f"{self._name} {SENDING.get().name}: refused ({said})", code=said)
        return reply

    async def rows(self, call: Call, words: Words, pages: Pages | None = None) -> list[Any]:
        """Every row of every page."""
        params = filled_in(call.params, words)
        if pages is None:
            return _rows(await self.send(call, params), call)
        if pages.size_param:
            params[pages.size_param] = pages.size
        rows: list[Any] = []
        for page in range(1, MOST_PAGES + 1):
            if pages.counted:
                params[pages.param] = page
            reply = await self.send(call, params)
            found = _rows(reply, call)
            rows += found
            following = at(found[-1], pages.of_last) if found and pages.of_last else None
            if pages.at:
                following = at(reply, pages.at)
            if len(found) < pages.size or not (pages.counted or following):
                return rows
            params |= pages.more
            if not pages.counted:
                params[pages.param] = following
        raise Retryable(f"{self._name}: more than {MOST_PAGES} pages", after_s=AGAIN_S)

    def _refused(self, sending: Sending, kind: str) -> Rejected | Unknown | Retryable:
        if not sending.sent:
            return Rejected(f"{self._name} {sending.name}: {kind}, before anything was sent")
        return self._not_understood(sending)

    def _not_understood(self, sending: Sending) -> Unknown | Retryable:
        what = f"{self._name} {sending.name}: the reply is not what the venue documents"
        if sending.moves_money and sending.sent:
            return Unknown(what, hint="look the order up by its id")
        return NotUnderstood(what, after_s=AGAIN_S)


async def _bad(
    read: Callable[[list[object]], Awaitable[object]], rows: list[object]
) -> list[tuple[object, Exception]]:
    """The rows that `read` fails over, found by halves."""
    try:
        await read(rows)
    except trips() as failed:
        if len(rows) == 1:
            return [(rows[0], failed)]
        half = len(rows) // 2
        return [*await _bad(read, rows[:half]), *await _bad(read, rows[half:])] if rows else []
    return []


def lists_in(replies: list[object]) -> list[tuple[int, str]]:
    """Which reply has a list of rows, and at which path: the outermost first, then the longest."""
    found: list[tuple[int, int, int, str]] = []

    def look(number: int, value: object, path: str, depth: int) -> None:
        inside: Iterable[tuple[object, object]] = ()
        if isinstance(value, list):
            found.append((depth, -len(value), number, path))
            inside = enumerate(value[:1])
        elif isinstance(value, Mapping):
            inside = value.items()
        for key, each in inside:
            look(number, each, f"{path}.{key}" if path else str(key), depth + 1)

    for number, reply in enumerate(replies):
        look(number, reply, "", 0)
    return [(number, path) for *_, number, path in sorted(found)]


def with_list(reply: object, path: str, rows: list[object]) -> object:
    """The reply with other rows at that path."""
    above, _, key = path.rpartition(".")
    if not path:
        return rows
    holder = at(reply, above)
    assert isinstance(holder, dict)
    holder[key] = rows
    return reply


def _rows(reply: object, call: Call) -> list[Any]:
    """The rows of one reply; ValueError without a list. Nothing at all is an empty one."""
    found = at(reply, call.rows)
    if found is None and call.rows and at(reply, call.rows.rpartition(".")[0]) is not None:
        return []
    if not isinstance(found, list):
        raise ValueError("no list where the rows should be")  # noqa: TRY004 - of the reply
    if not call.inner:
        return found
    return [row for each in found for row in (at(each, call.inner) or [])]  # type: ignore[attr-defined]
