"""The public feed of one market: its topics split over connections, each with a supervisor.

It knows no venue; the codec holds the differences. It must never end because a venue fails.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from random import Random

from bowline.venues.feed_codec import FeedCodec, FeedTopic
from bowline.venues.stream.connection_books import FetchSnapshot
from bowline.venues.stream.feed_events import FeedSink
from bowline.venues.stream.supervisor import ConnectionSupervisor
from bowline.venues.stream.transport import Connect

#: interval between two openings of connections to the same venue
STAGGER_S = 0.25


class FeedRunner:
    """Runs a feed. `rewrite_url` maps a venue's URL to the one to connect to."""

    def __init__(
        self,
        codec: FeedCodec,
        connect: Connect,
        fetch: FetchSnapshot,
        sink: FeedSink,
        *,
        now_ns: Callable[[], int],
        random: Random,
        rewrite_url: Callable[[str], str] = str,
    ) -> None:
        self._codec = codec
        self._connect = connect
        self._fetch = fetch
        self._sink = sink
        self._now_ns = now_ns
        self._random = random
        self._rewrite_url = rewrite_url

    async def run(self, topics: Iterable[FeedTopic]) -> None:
        """Keep these topics alive until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for supervisor in self._supervisors(topics):
                tasks.create_task(supervisor.run())
                await asyncio.sleep(STAGGER_S)

    def _supervisors(self, topics: Iterable[FeedTopic]) -> Iterator[ConnectionSupervisor]:
        by_url: dict[str, list[FeedTopic]] = defaultdict(list)
        for topic in sorted(set(topics)):
            by_url[self._codec.rules(topic.channel).url].append(topic)
        for url, together in by_url.items():
            rules = self._codec.rules(together[0].channel)
            size = rules.topics_per_connection
            for at in range(0, len(together), size):
                yield ConnectionSupervisor(
                    codec=self._codec,
                    rules=rules,
                    url=self._rewrite_url(url),
                    topics=together[at : at + size],
                    connect=self._connect,
                    fetch=self._fetch,
                    sink=self._sink,
                    now_ns=self._now_ns,
                    random=self._random,
                )
