"""The REST session of one market: ccxt's client over our transport, and error translation.

Every error of ccxt becomes one of the three venue errors; `parse` turns rows into records. It must
never send a request by itself.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from bowline.core.model.instrument import Market
from bowline.core.venue import Listing
from bowline.venues.clock import VenueClock
from bowline.venues.errors import Rejected, Retryable, Unknown, UnreadableReply
from bowline.venues.rate_limits import Priority, RateLimiter
from bowline.venues.rest.classify import RETRY_S, value_at
from bowline.venues.rest.client import (
    CCXT_PARSE_ERRORS,
    Credentials,
    make_client,
    parse_errors,
    raised_by_ccxt,
)
from bowline.venues.rest.quirks import Paging, Params, RestCall, VenueQuirks
from bowline.venues.rest.request import Variables, substitute
from bowline.venues.rest.transport import CURRENT_OPERATION, TIMEOUT_S, Operation, Transport

T = TypeVar("T")
#: a venue that returns more pages than this repeats itself
MAX_PAGES = 200
#: at most so many lists of an unreadable reply are searched for unreadable rows
MAX_LISTS = 6


class RestSession:
    """The client of one market. `account`: whose rate limits are counted."""

    def __init__(
        self,
        market: Market,
        quirks: VenueQuirks,
        *,
        rate_limiter: RateLimiter,
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
            rate_limiter=rate_limiter,
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

    async def account_id(self) -> str:
        """The venue's id of the spot account."""
        async with self.operation("account"):
            return str(await self.client.fetch_account_id_by_type("spot"))

    def market(self, listing: Listing) -> dict[str, Any]:
        """Ccxt's market of a listing. ValueError if ccxt has none."""
        return self.ccxt_market_by_symbol(listing.venue_symbol)

    def ccxt_market_by_symbol(self, venue_symbol: str) -> dict[str, Any]:
        """Ccxt's market of a venue symbol. ValueError if ccxt has none."""
        found: list[dict[str, Any]] = (self.client.markets_by_id or {}).get(venue_symbol, [])
        if not found:
            raise ValueError(f"ccxt has no market {venue_symbol}")
        return found[0]

    @asynccontextmanager
    async def operation(
        self,
        name: str,
        priority: Priority = Priority.READ,
        *,
        order: bool = False,
        moves_money: bool = False,
        no_content: bool = False,
    ) -> AsyncIterator[Operation]:
        """Context of one operation: errors inside become one of the three venue errors.

        `order`: the venue counts it as placing or cancelling. `moves_money`: after sending, only a
        readable reply ends the doubt. `no_content`: see `RestCall`.
        """
        operation = Operation(
            name,
            priority,
            weight=self._weights.get(name, 1),
            order=order,
            moves_money=moves_money,
            no_content=no_content,
        )
        token = CURRENT_OPERATION.set(operation)
        try:
            yield operation
        except CCXT_PARSE_ERRORS:
            raise self._unreadable_reply(operation) from None
        except BaseException as error:
            if raised_by_ccxt(error):
                raise self._refused(operation, type(error).__name__) from None
            raise
        finally:
            CURRENT_OPERATION.reset(token)

    async def load_markets(self) -> tuple[Mapping[str, Any], list[tuple[object, Exception]]]:
        """Markets by symbol, as ccxt has them, and the rows of those without a symbol or an id.

        ccxt fails as a whole over such a row: it sorts markets by both.
        """
        nameless: list[tuple[object, Exception]] = []
        fetch = self.client.fetch_markets

        async def named(params: Params) -> list[Any]:
            found = await fetch(params)
            why = ValueError("a market without a symbol or an id")
            nameless.extend((each.get("info"), why) for each in found if not _is_named(each))
            return [each for each in found if _is_named(each)]

        self.client.fetch_markets = named
        try:
            return await self.client.load_markets(reload=True), nameless
        finally:
            self.client.fetch_markets = fetch

    async def skip_unreadable_rows(
        self, fetch_rows: Callable[[], Awaitable[T]]
    ) -> tuple[T, list[tuple[object, Exception]]]:
        """The result of `fetch_rows`, and the rows that had to be left out for it.

        ccxt parses a list as a whole. If it fails, the recorded replies are parsed again without
        sending anything, until the rows that it fails over are found.
        """
        recorded: list[object] = []
        fetch = self._transport.fetch

        async def recording(*variables: Any, **more: Any) -> object:  # noqa: ANN401 - ccxt's
            reply = await fetch(*variables, **more)
            recorded.append(reply)
            return reply

        self.client.fetch = recording
        try:
            return await fetch_rows(), []
        except parse_errors() as error:
            if not recorded:
                raise
            return await self._without_bad_rows(fetch_rows, recorded, error)
        finally:
            self.client.fetch = fetch

    async def _without_bad_rows(
        self, fetch_rows: Callable[[], Awaitable[T]], recorded: list[object], error: Exception
    ) -> tuple[T, list[tuple[object, Exception]]]:
        for number, path in find_lists(recorded)[:MAX_LISTS]:
            rows: list[object] = value_at(recorded[number], path)  # type: ignore[assignment]

            async def read(some: list[object], number: int = number, path: str = path) -> T:
                replies = [copy.deepcopy(each) for each in recorded]
                replies[number] = replace_list(replies[number], path, copy.deepcopy(some))
                following = iter(replies)

                async def replay(*_: Any, **__: Any) -> object:  # noqa: ANN401
                    return next(following, {})

                self.client.fetch = replay
                return await fetch_rows()

            lost = await _find_unreadable(read, rows)
            if lost and len(lost) < len(rows):
                unreadable = {id(row) for row, _ in lost}
                return await read([row for row in rows if id(row) not in unreadable]), lost
        raise error

    async def call(self, call: RestCall, variables: Variables) -> Any:  # noqa: ANN401 - JSON
        """The reply to a call of the table. Raises Rejected if it refuses without a code."""
        return await self.send(call, substitute(call.params, variables))

    async def send(self, call: RestCall, params: Params) -> Any:  # noqa: ANN401 - JSON
        """As `call`, with the final parameters."""
        body = [dict(params)] if call.as_list else dict(params)
        reply = await getattr(self.client, call.method)(body)
        said = str(value_at(reply, call.rows)) if call.refusal_values else ""
        if said in call.refusal_values:
            raise Rejected(
                f"{self._name} {CURRENT_OPERATION.get().name}: refused ({said})", code=said
            )
        return reply

    async def rows(
        self, call: RestCall, variables: Variables, pages: Paging | None = None
    ) -> list[Any]:
        """The rows of all pages."""
        params = substitute(call.params, variables)
        if pages is None:
            return _rows(await self.send(call, params), call)
        if pages.size_param:
            params[pages.size_param] = pages.size
        rows: list[Any] = []
        for page in range(1, MAX_PAGES + 1):
            if pages.counted:
                params[pages.param] = page
            reply = await self.send(call, params)
            found = _rows(reply, call)
            rows += found
            following = (
                value_at(found[-1], pages.last_row_path) if found and pages.last_row_path else None
            )
            if pages.next_path:
                following = value_at(reply, pages.next_path)
            if len(found) < pages.size or not (pages.counted or following):
                return rows
            params |= pages.next_params
            if not pages.counted:
                params[pages.param] = following
        raise Retryable(f"{self._name}: more than {MAX_PAGES} pages", after_s=RETRY_S)

    def _refused(self, operation: Operation, kind: str) -> Rejected | Unknown | Retryable:
        if not operation.sent:
            return Rejected(f"{self._name} {operation.name}: {kind}, before anything was sent")
        return self._unreadable_reply(operation)

    def _unreadable_reply(self, operation: Operation) -> Unknown | Retryable:
        what = f"{self._name} {operation.name}: the reply does not match the venue's documentation"
        if operation.moves_money and operation.sent:
            return Unknown(what, hint="look the order up by its id")
        return UnreadableReply(what, after_s=RETRY_S)


def _is_named(market: Mapping[str, Any]) -> bool:
    return bool(market.get("symbol")) and bool(market.get("id"))


async def _find_unreadable(
    read: Callable[[list[object]], Awaitable[object]], rows: list[object]
) -> list[tuple[object, Exception]]:
    """The rows that `read` fails over, by binary search."""
    try:
        await read(rows)
    except parse_errors() as failed:
        if len(rows) == 1:
            return [(rows[0], failed)]
        half = len(rows) // 2
        return (
            [*await _find_unreadable(read, rows[:half]), *await _find_unreadable(read, rows[half:])]
            if rows
            else []
        )
    return []


def find_lists(replies: list[object]) -> list[tuple[int, str]]:
    """The lists in the replies, as reply number and path: outermost first, then the longest."""
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


def replace_list(reply: object, path: str, rows: list[object]) -> object:
    """The reply with the list at `path` replaced."""
    above, _, key = path.rpartition(".")
    if not path:
        return rows
    holder = value_at(reply, above)
    assert isinstance(holder, dict)
    holder[key] = rows
    return reply


def _rows(reply: object, call: RestCall) -> list[Any]:
    """The rows of one reply; empty if their key is missing. ValueError without a list."""
    found = value_at(reply, call.rows)
    if found is None and call.rows and value_at(reply, call.rows.rpartition(".")[0]) is not None:
        return []
    if not isinstance(found, list):
        raise ValueError("the reply has no list of rows")  # noqa: TRY004 - of the reply
    if not call.nested_rows:
        return found
    return [row for each in found for row in (value_at(each, call.nested_rows) or [])]  # type: ignore[attr-defined]
