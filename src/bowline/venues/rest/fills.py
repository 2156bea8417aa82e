"""Reading fills after a cursor, so that none is missed and each is returned once.

Venues serve fills by time windows, often newest first and at most one page, or by an increasing
trade id. A full page may hide other fills, so it is never taken as complete.

By time:
1. Request a window that starts at the cursor and is no longer than the venue allows.
2. If the page is full, halve the window and request it again; the next page follows it. If the
   shortest window still fills a page, its pages are read one by one.
3. Return the fills that the cursor has not seen. The cursor moves to the end of the window, but not
   past one minute ago, because venues list fills late. Later fills are remembered and requested
   again once the last page has been read.
By trade id: request what follows the last id. Before the first id is known, request windows after a
start time, because venues limit the span of a request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from msgspec import Struct

from bowline.core.venue import FillReport
from bowline.venues.errors import Retryable
from bowline.venues.protocol import FillPage, ParsedRows
from bowline.venues.rest.classify import RETRY_S
from bowline.venues.rest.quirks import FillCursorKind, FillsQuirks
from bowline.venues.rest.request import window_variables

#: a fill may be listed this long after it happened
LATE_MS = 60_000
#: subtracted from the longest window and the retention: a request takes time to arrive, and some
#: venues count in whole seconds
MARGIN_MS = 60_000
_MS_NS = 1_000_000

Rows = Callable[[dict[str, object]], Awaitable[list[Any]]]
Parse = Callable[[list[Any]], ParsedRows[FillReport]]


class FillCursor(Struct, frozen=True):
    """Position in an account's fills: a time with the ids seen after it, or the last trade id.

    `next_ms`: start of the next page of this round; None if the next round starts at `since_ms`.
    """

    since_ms: int | None = None
    seen: frozenset[tuple[str, int]] = frozenset()
    last_id: int | None = None
    next_ms: int | None = None

    @classmethod
    def parse(cls, text: str) -> FillCursor:
        """Parse the text form of a cursor. Raises ValueError; an empty text is the beginning."""
        kind, _, rest = text.partition(":")
        span, _, listed = rest.partition(":")
        since, _, following = span.partition(">")
        match kind:
            case "":
                return cls()
            case "id":
                return cls(last_id=int(rest))
            case "ms":
                pairs = (each.rpartition("@") for each in listed.split(",") if each)
                seen = frozenset((trade_id, int(at_ms)) for trade_id, _, at_ms in pairs)
                return cls(int(since), seen, next_ms=int(following) if following else None)
        raise ValueError(f"invalid fill cursor {text!r}")

    def __str__(self) -> str:
        if self.last_id is not None:
            return f"id:{self.last_id}"
        span = f"{self.since_ms}" if self.next_ms is None else f"{self.since_ms}>{self.next_ms}"
        seen = (f"{trade_id}@{at_ms}" for trade_id, at_ms in sorted(self.seen))
        return f"ms:{span}:{','.join(seen)}"


class FillRequests(NamedTuple):
    """How pages are requested and parsed; `all_rows` follows the pages of one window."""

    rows: Rows
    all_rows: Rows
    parse: Parse


async def fetch_fill_page(
    rules: FillsQuirks, cursor: FillCursor, now_ms: int, requests: FillRequests
) -> FillPage:
    """The next page of fills. Raises Retryable if the shortest window holds too many fills."""
    oldest_ms = now_ms - rules.retention_s * 1000 + MARGIN_MS if rules.retention_s else 0
    if rules.by is FillCursorKind.TRADE_ID:
        return await _by_id(rules, cursor, (oldest_ms, now_ms), requests)
    since_ms = max(oldest_ms, cursor.since_ms or oldest_ms)
    begin_ms = max(since_ms, cursor.next_ms or since_ms)
    found, until_ms = await _window(rules, begin_ms, now_ms, requests)
    told = {trade_id for trade_id, _ in cursor.seen}
    page = requests.parse(found)
    fills = [each for each in page if each.event_ns >= since_ms * _MS_NS]
    following_ms = max(since_ms, min(until_ms, now_ms - LATE_MS))
    known = cursor.seen | {(each.trade_id, each.event_ns // _MS_NS) for each in fills}
    complete = until_ms >= now_ms
    following = FillCursor(
        following_ms,
        frozenset(each for each in known if each[1] >= following_ms),
        next_ms=None if complete or until_ms <= following_ms else until_ms,
    )
    new = _sorted([each for each in fills if each.trade_id not in told])
    return FillPage(tuple(new), str(following), complete, page.unreadable)


async def _window(
    rules: FillsQuirks, begin_ms: int, now_ms: int, requests: FillRequests
) -> tuple[list[Any], int]:
    """All rows from `begin_ms` up to the returned time, at most one window."""
    span_ms = rules.window_s * 1000
    span_ms -= MARGIN_MS if span_ms > 2 * MARGIN_MS else 0
    until_ms = min(now_ms, begin_ms + span_ms)
    while (
        len(found := await requests.rows(window_variables(begin_ms, until_ms))) >= rules.page_size
    ):
        if until_ms - begin_ms <= rules.min_window_ms:
            if rules.pages is None:
                raise Retryable(
                    f"{len(found)} fills within {rules.min_window_ms} ms", after_s=RETRY_S
                )
            return await requests.all_rows(window_variables(begin_ms, until_ms)), until_ms
        until_ms = begin_ms + (until_ms - begin_ms) // 2
    return found, until_ms


async def _by_id(
    rules: FillsQuirks, cursor: FillCursor, ends_ms: tuple[int, int], requests: FillRequests
) -> FillPage:
    last = cursor.last_id
    if last is None and cursor.since_ms is not None:
        return await _first_id(rules, cursor.since_ms, ends_ms, requests)
    found = await requests.rows(_from_id(0 if last is None else last + 1))
    page = requests.parse(found)
    new = [fill for fill in _sorted(page) if last is None or int(fill.trade_id) > last]
    following = FillCursor(
        last_id=max([int(fill.trade_id) for fill in new] + [-1 if last is None else last])
    )
    complete = len(found) < rules.page_size
    return FillPage(tuple(new), str(following), complete, page.unreadable)


async def _first_id(
    rules: FillsQuirks, since_ms: int, ends_ms: tuple[int, int], requests: FillRequests
) -> FillPage:
    """Search window by window for the first trade after a time; then its id is the cursor."""
    oldest_ms, now_ms = ends_ms
    begin_ms = max(since_ms, oldest_ms)

    async def rows(variables: dict[str, object]) -> list[Any]:
        return await requests.rows({**_from_id(None), **variables})

    found, until_ms = await _window(rules, begin_ms, now_ms, requests._replace(rows=rows))
    page = requests.parse(found)
    new, complete = _sorted(page), until_ms >= now_ms
    following = FillCursor(since_ms=max(begin_ms, min(until_ms, now_ms - LATE_MS)))
    if new:
        following = FillCursor(last_id=max(int(fill.trade_id) for fill in new))
    return FillPage(tuple(new), str(following), complete, page.unreadable)


def _from_id(trade_id: int | None) -> dict[str, object]:
    return {"$from_id": trade_id, "$since": None, "$until": None}


def _sorted(fills: list[FillReport]) -> list[FillReport]:
    return sorted(fills, key=lambda fill: (fill.event_ns, fill.trade_id))
