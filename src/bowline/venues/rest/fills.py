"""Reading fills on from a cursor, so that none is missed and each is told once.

Venues tell fills by windows of time, often the newest first and never more than a page; some by a
trade id that rises. A page that is full may hide others, so it must never be believed.

By time:
1. Ask for a window that begins where the cursor is and is no longer than the venue allows.
2. A full page: halve the window and ask again. The next page follows on it. A moment that fills a
   page is read page by page: one order may meet a hundred others at once.
3. Tell what the cursor has not seen. It moves on to the window's end, but never past a minute
   ago, because venues list fills late; what lies after it is remembered, and asked for again once
   the last page has come.
By trade id: ask for what follows the last one; before there is one, for what follows a moment,
window by window up to now, for a venue tells no more than a window's length from where it begins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from msgspec import Struct

from bowline.core.venue import FillReport
from bowline.venues.errors import Retryable
from bowline.venues.protocol import FillPage, Told
from bowline.venues.rest.asking import window_words
from bowline.venues.rest.judging import AGAIN_S
from bowline.venues.rest.quirks import Fills, FillsBy

#: a fill may be listed this much after it happened
LATE_MS = 60_000
#: a window as long as the venue allows, or as old as it tells, would be too long or too old by the
#: time that it arrives there, and by the seconds that some venues count in
MARGIN_MS = 60_000
_MS_NS = 1_000_000

Rows = Callable[[dict[str, object]], Awaitable[list[Any]]]
Read = Callable[[list[Any]], Told[FillReport]]


class Cursor(Struct, frozen=True):
    """Read up to `since_ms`, and of what is later these ids, with their times; or up to `last_id`.

    `next_ms` is where the next page of this round begins, None where a new round does.
    """

    since_ms: int | None = None
    seen: frozenset[tuple[str, int]] = frozenset()
    last_id: int | None = None
    next_ms: int | None = None

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """What `str` gave; ValueError for what it never did. An empty text is the beginning."""
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
        raise ValueError(f"{text!r} is no cursor of fills")

    def __str__(self) -> str:
        if self.last_id is not None:
            return f"id:{self.last_id}"
        span = f"{self.since_ms}" if self.next_ms is None else f"{self.since_ms}>{self.next_ms}"
        seen = (f"{trade_id}@{at_ms}" for trade_id, at_ms in sorted(self.seen))
        return f"ms:{span}:{','.join(seen)}"


class Asking(NamedTuple):
    """How pages are asked for and read; `all_rows` follows the pages of one window."""

    rows: Rows
    all_rows: Rows
    read: Read


async def read_page(rules: Fills, cursor: Cursor, now_ms: int, asking: Asking) -> FillPage:
    """The next page. Raises Retryable if a moment holds more fills than can be asked for."""
    oldest_ms = now_ms - rules.keep_s * 1000 + MARGIN_MS if rules.keep_s else 0
    if rules.by is FillsBy.TRADE_ID:
        return await _by_id(rules, cursor, (oldest_ms, now_ms), asking)
    since_ms = max(oldest_ms, cursor.since_ms or oldest_ms)
    begin_ms = max(since_ms, cursor.next_ms or since_ms)
    found, until_ms = await _window(rules, begin_ms, now_ms, asking)
    told = {trade_id for trade_id, _ in cursor.seen}
    page = asking.read(found)
    fills = [each for each in page if each.event_ns >= since_ms * _MS_NS]
    following_ms = max(since_ms, min(until_ms, now_ms - LATE_MS))
    known = cursor.seen | {(each.trade_id, each.event_ns // _MS_NS) for each in fills}
    complete = until_ms >= now_ms
    following = Cursor(
        following_ms,
        frozenset(each for each in known if each[1] >= following_ms),
        next_ms=None if complete or until_ms <= following_ms else until_ms,
    )
    new = _sorted([each for each in fills if each.trade_id not in told])
    return FillPage(tuple(new), str(following), complete, page.unreadable)


async def _window(
    rules: Fills, begin_ms: int, now_ms: int, asking: Asking
) -> tuple[list[Any], int]:
    """Every row from `begin_ms` up to the moment that is returned, as far as a window reaches."""
    span_ms = rules.window_s * 1000
    span_ms -= MARGIN_MS if span_ms > 2 * MARGIN_MS else 0
    until_ms = min(now_ms, begin_ms + span_ms)
    while len(found := await asking.rows(window_words(begin_ms, until_ms))) >= rules.page:
        if until_ms - begin_ms <= rules.step_ms:
            if rules.pages is None:
                raise Retryable(f"{len(found)} fills within {rules.step_ms} ms", after_s=AGAIN_S)
            return await asking.all_rows(window_words(begin_ms, until_ms)), until_ms
        until_ms = begin_ms + (until_ms - begin_ms) // 2
    return found, until_ms


async def _by_id(
    rules: Fills, cursor: Cursor, ends_ms: tuple[int, int], asking: Asking
) -> FillPage:
    last = cursor.last_id
    if last is None and cursor.since_ms is not None:
        return await _first_id(rules, cursor.since_ms, ends_ms, asking)
    found = await asking.rows(_from_id(0 if last is None else last + 1))
    page = asking.read(found)
    new = [fill for fill in _sorted(page) if last is None or int(fill.trade_id) > last]
    following = Cursor(
        last_id=max([int(fill.trade_id) for fill in new] + [-1 if last is None else last])
    )
    complete = len(found) < rules.page
    return FillPage(tuple(new), str(following), complete, page.unreadable)


async def _first_id(
    rules: Fills, since_ms: int, ends_ms: tuple[int, int], asking: Asking
) -> FillPage:
    """The first trade after a moment, looked for window by window: then its id leads on."""
    oldest_ms, now_ms = ends_ms
    begin_ms = max(since_ms, oldest_ms)

    async def rows(words: dict[str, object]) -> list[Any]:
        return await asking.rows({**_from_id(None), **words})

    found, until_ms = await _window(rules, begin_ms, now_ms, asking._replace(rows=rows))
    page = asking.read(found)
    new, complete = _sorted(page), until_ms >= now_ms
    following = Cursor(since_ms=max(begin_ms, min(until_ms, now_ms - LATE_MS)))
    if new:
        following = Cursor(last_id=max(int(fill.trade_id) for fill in new))
    return FillPage(tuple(new), str(following), complete, page.unreadable)


def _from_id(trade_id: int | None) -> dict[str, object]:
    return {"$from_id": trade_id, "$since": None, "$until": None}


def _sorted(fills: list[FillReport]) -> list[FillReport]:
    return sorted(fills, key=lambda fill: (fill.event_ns, fill.trade_id))
