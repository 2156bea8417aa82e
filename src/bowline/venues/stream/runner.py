"""The public feed of one market: topics shared out over lines, each line kept alive.

It knows no venue: what is particular is the codec's. It must never end because a venue does.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from random import Random

from bowline.venues.feed import FeedCodec, Topic
from bowline.venues.stream.line import Line
from bowline.venues.stream.notices import FeedSink
from bowline.venues.stream.shelf import Fetch
from bowline.venues.stream.transport import Connect

#: between two openings of connections to the same venue
STAGGER_S = 0.25


class FeedRunner:
    """`place` says where a venue's URL really lies: another host in a test, else itself."""

    def __init__(
        self,
        codec: FeedCodec,
        connect: Connect,
        fetch: Fetch,
        sink: FeedSink,
        *,
        now_ns: Callable[[], int],
        random: Random,
        place: Callable[[str], str] = str,
    ) -> None:
        self._codec = codec
        self._connect = connect
        self._fetch = fetch
        self._sink = sink
        self._now_ns = now_ns
        self._random = random
        self._place = place

    async def run(self, topics: Iterable[Topic]) -> None:
        """Keep these topics alive until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for line in self._lines(topics):
                tasks.create_task(line.run())
                await asyncio.sleep(STAGGER_S)

    def _lines(self, topics: Iterable[Topic]) -> Iterator[Line]:
        by_url: dict[str, list[Topic]] = defaultdict(list)
        for topic in sorted(set(topics)):
            by_url[self._codec.rules(topic.channel).url].append(topic)
        for url, together in by_url.items():
            rules = self._codec.rules(together[0].channel)
            size = rules.topics_a_connection
            for at in range(0, len(together), size):
                yield Line(
                    self._codec,
                    rules,
                    self._place(url),
                    together[at : at + size],
                    self._connect,
                    self._fetch,
                    self._sink,
                    self._now_ns,
                    self._random,
                )
