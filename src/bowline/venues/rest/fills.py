"""Reading fills on from a cursor, so that none is missed and each is told once.

Venues tell fills by windows of time, often the newest first and never more than a page; some by a
trade id that rises. A page that is full may hide others, so it must never be believed.

By time:
1. Ask for a window that begins where the cursor is and is no longer than the venue allows.
2. A full page: halve the window and ask again.
3. Tell what the cursor has not seen. It moves on to the window's end, but never past a minute
   ago, because venues list fills late; what lies after it is remembered by id.
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
    """Read up to `since_ms`, and of what is later these ids; or up to `last_id`."""

    since_ms: int | None = None
    seen: frozenset[str] = frozenset()
    last_id: int | None = None

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """What `str` gave; ValueError for what it never did. An empty text is the beginning."""
        kind, _, rest = text.partition(":")
        since, _, seen = rest.partition(":")
        match kind:
            case "":
                return cls()
            case "id":
                return cls(last_id=int(rest))
            case "ms":
                return cls(int(since), frozenset(filter(None, seen.split(","))))
        raise ValueError(f"{text!r} is no cursor of fills")

    def __str__(self) -> str:
        if self.last_id is not None:
            return f"id:{self.last_id}"
        return f"ms:{self.since_ms}:{','.join(sorted(self.seen))}"


async def read_page(rules: Fills, cursor: Cursor, now_ms: int, rows: Rows, read: Read) -> FillPage:
    """The next page. Raises Retryable if a moment holds more fills than a page."""
    if rules.by is FillsBy.TRADE_ID:
        return await _by_id(rules, cursor, rows, read)
    oldest_ms = now_ms - rules.keep_s * 1000
    since_ms = max(oldest_ms, cursor.since_ms or oldest_ms)
    until_ms = min(now_ms, since_ms + rules.window_s * 1000)
    while len(found := await rows(window_words(since_ms, until_ms))) >= rules.page:
        if until_ms - since_ms <= rules.step_ms:
            raise Retryable(f"{len(found)} fills within {rules.step_ms} ms", after_s=AGAIN_S)
        until_ms = since_ms + (until_ms - since_ms) // 2
    fills = _sorted([read(row) for row in found])
    following_ms = max(since_ms, min(until_ms, now_ms - LATE_MS))
    later = {fill.trade_id for fill in fills if fill.event_ns >= following_ms * _MS_NS}
    new = [
        fill
        for fill in fills
        if fill.trade_id not in cursor.seen and fill.event_ns >= since_ms * _MS_NS
    ]
    # what was seen and is still later than the new beginning is in `later` again: the venue
    # told it this time too, or it was before
    remembered = cursor.seen if following_ms == since_ms else frozenset[str]()
    following = Cursor(following_ms, frozenset(later) | remembered)
    return FillPage(tuple(new), str(following), until_ms >= now_ms)


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
