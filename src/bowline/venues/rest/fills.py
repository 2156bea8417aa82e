"""Reading fills on from a cursor, so that none is missed and each is told once.

Venues tell fills by windows of time, often the newest first and never more than a page; some by a
trade id that rises. A page that is full may hide others, so it must never be believed.

By time:
1. Ask for a window that begins where the cursor is and is no longer than the venue allows.
2. A full page: halve the window and ask again. The next page follows on it.
3. Tell what the cursor has not seen. It moves on to the window's end, but never past a minute
   ago, because venues list fills late; what lies after it is remembered, and asked for again once
   the last page has come.
By trade id: ask for what follows the last one; before there is one, for what follows a moment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from bowline.core.venue import FillReport
from bowline.venues.errors import Retryable
from bowline.venues.protocol import FillPage
from bowline.venues.rest.asking import window_words
from bowline.venues.rest.judging import AGAIN_S
from bowline.venues.rest.quirks import Fills, FillsBy

#: a fill may be listed this much after it happened
LATE_MS = 60_000
_MS_NS = 1_000_000

Rows = Callable[[dict[str, object]], Awaitable[list[Any]]]
Read = Callable[[Any], FillReport]


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


async def read_page(rules: Fills, cursor: Cursor, now_ms: int, rows: Rows, read: Read) -> FillPage:
    """The next page. Raises Retryable if a moment holds more fills than a page."""
    if rules.by is FillsBy.TRADE_ID:
        return await _by_id(rules, cursor, rows, read)
    oldest_ms = now_ms - rules.keep_s * 1000
    since_ms = max(oldest_ms, cursor.since_ms or oldest_ms)
    begin_ms = max(since_ms, cursor.next_ms or since_ms)
    until_ms = min(now_ms, begin_ms + rules.window_s * 1000)
    while len(found := await rows(window_words(begin_ms, until_ms))) >= rules.page:
        if until_ms - begin_ms <= rules.step_ms:
            raise Retryable(f"{len(found)} fills within {rules.step_ms} ms", after_s=AGAIN_S)
        until_ms = begin_ms + (until_ms - begin_ms) // 2
    told = {trade_id for trade_id, _ in cursor.seen}
    fills = [each for each in map(read, found) if each.event_ns >= since_ms * _MS_NS]
    following_ms = max(since_ms, min(until_ms, now_ms - LATE_MS))
    known = cursor.seen | {(each.trade_id, each.event_ns // _MS_NS) for each in fills}
    complete = until_ms >= now_ms
    following = Cursor(
        following_ms,
        frozenset(each for each in known if each[1] >= following_ms),
        next_ms=None if complete or until_ms <= following_ms else until_ms,
    )
    new = _sorted([each for each in fills if each.trade_id not in told])
    return FillPage(tuple(new), str(following), complete)


async def _by_id(rules: Fills, cursor: Cursor, rows: Rows, read: Read) -> FillPage:
    last, since_ms = cursor.last_id, cursor.since_ms
    if last is None and since_ms is not None:
        found = await rows({"$from_id": None, "$since": since_ms})
    else:
        found = await rows({"$from_id": 0 if last is None else last + 1, "$since": None})
    fills = _sorted([read(row) for row in found])
    new = [fill for fill in fills if last is None or int(fill.trade_id) > last]
    ids = [int(fill.trade_id) for fill in new]
    if not ids and last is None and since_ms is not None:
        return FillPage((), str(cursor), complete=True)
    following = Cursor(last_id=max(ids, default=last if last is not None else -1))
    return FillPage(tuple(new), str(following), len(found) < rules.page)


def _sorted(fills: list[FillReport]) -> list[FillReport]:
    return sorted(fills, key=lambda fill: (fill.event_ns, fill.trade_id))
