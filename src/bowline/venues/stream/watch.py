"""What has become of each topic that was asked for. A silent topic must never pass for a quiet one.

    state     meaning                                     leaves it when
    ASKED     the frame is sent, nobody has answered      acknowledged, first tick, refused, late
    TAKEN     acknowledged, no tick yet                   first tick, late
    LIVE      ticks come                                  no tick for its patience
    SILENT    no first tick in time, or none any more     asked again, a tick
    REFUSED   the venue said no                           asked again

A silent topic that speaks when it is asked again was merely quiet: its patience doubles. One that
does not is asked again ever more seldom, and so is a refused one: neither is a reason to end the
connection of the others, for a market may be delisted, or nobody may trade there. The connection is
deaf when every topic that owes a tick is silent though it was asked again, for much longer than the
connection was ever without a tick. Times are monotonic seconds that the caller hands in; nothing
here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

from bowline.venues.feed import Channel, Topic

#: an acknowledgement and a first tick are owed within this long
ANSWER_S = 10.0
#: how long a live topic may say nothing; trades of a thin market may rest for hours
PATIENCE_S: Mapping[Channel, float] = {
    Channel.BOOK: 10.0,
    Channel.QUOTES: 30.0,
    Channel.CANDLES: 150.0,
    Channel.TRADES: float("inf"),
}
#: how far a quiet topic's patience may grow
MOST_PATIENCE_S = 300.0
#: a topic that is refused, or silent although it was asked again, waits this long, then twice as
#: long, and so on
AGAIN_S = 60.0
MOST_AGAIN_S = 600.0
#: a connection whose every topic is silent is deaf after so many times its longest quiet
DEAF_TIMES = 4.0
#: but not before this long, and at this long in any case
LEAST_DEAF_S = 2 * ANSWER_S
MOST_DEAF_S = 300.0
#: ticks until the longest quiet of a connection says something
TICKS_KNOWN = 20


class TopicState(Enum):
    """Where a topic is."""

    ASKED = "asked"
    TAKEN = "taken"
    LIVE = "live"
    SILENT = "silent"
    REFUSED = "refused"


_IN_VAIN = frozenset({TopicState.SILENT, TopicState.REFUSED})


class _Watched:
    __slots__ = ("answered", "due_s", "patience_s", "refused", "since_s", "state", "vain")

    def __init__(self, now_s: float, patience_s: float) -> None:
        self.state = TopicState.ASKED
        self.since_s = now_s
        self.patience_s = patience_s
        #: how often it was asked again without a tick since
        self.vain = 0
        #: when a silent or refused one is asked again
        self.due_s = now_s
        #: whether the venue has acknowledged it, and whether it was refused, since its last tick
        self.answered = self.refused = False

    def wait(self, now_s: float) -> None:
        """Set when it is asked again."""
        if self.vain or self.state is TopicState.REFUSED:
            self.due_s = now_s + min(AGAIN_S * 2.0 ** min(max(0, self.vain - 1), 10), MOST_AGAIN_S)
        else:
            self.due_s = now_s


class TopicWatch:
    """The topics of one connection."""

    def __init__(self, patience_s: Mapping[Channel, float] = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._topics: dict[Topic, _Watched] = {}
        self._tick_s: float | None = None
        self._ticks = 0
        self._longest_s = 0.0

    def ask(self, topics: Iterable[Topic], now_s: float) -> None:
        """Their subscription has been sent."""
        for topic in topics:
            watched = self._topics.get(topic)
            if watched is None:
                self._topics[topic] = _Watched(now_s, self._patience_s[topic.channel])
                continue
            if watched.state in _IN_VAIN:
                watched.vain += 1
            watched.state, watched.since_s = TopicState.ASKED, now_s

    def forget(self, topics: Iterable[Topic]) -> None:
        """They are not wanted any more."""
        for topic in topics:
            self._topics.pop(topic, None)

    def take(self, topics: Iterable[Topic]) -> None:
        """The venue has acknowledged them."""
        for topic in topics:
            watched = self._topics.get(topic)
            if watched is not None and watched.state is TopicState.ASKED:
                watched.state, watched.answered = TopicState.TAKEN, True

    def refuse(self, topic: Topic, now_s: float) -> bool:
        """The venue has refused it; True if that is news."""
        watched = self._topics.get(topic)
        if watched is None:
            return False
        news, watched.refused = not watched.refused, True
        watched.state, watched.since_s = TopicState.REFUSED, now_s
        watched.wait(now_s)
        return news

    def tick(self, topic: Topic, now_s: float) -> bool:
        """A tick of it came; True if that is news: it was not live before."""
        watched = self._topics.get(topic)
        if watched is None:
            return False
        if self._tick_s is not None:
            self._longest_s = max(self._longest_s, now_s - self._tick_s)
        self._tick_s, self._ticks = now_s, self._ticks + 1
        fresh = watched.state is not TopicState.LIVE
        watched.state, watched.since_s = TopicState.LIVE, now_s
        if watched.vain:
            watched.vain = 0
            longer_s = min(2 * watched.patience_s, MOST_PATIENCE_S)
            watched.patience_s = max(watched.patience_s, longer_s)
        watched.refused, watched.answered = False, True
        return fresh

    def fallen_silent(self, now_s: float) -> Iterator[Topic]:
        """Topics whose time is up, each told once until it speaks again."""
        for topic, watched in self._topics.items():
            waited = now_s - watched.since_s
            if watched.state is TopicState.LIVE:
                late = waited > watched.patience_s
            else:
                owed = watched.state is TopicState.ASKED or topic.channel is not Channel.TRADES
                open_ = watched.state in {TopicState.ASKED, TopicState.TAKEN}
                late = open_ and owed and waited > ANSWER_S
            if late:
                watched.state, watched.since_s = TopicState.SILENT, now_s
                watched.wait(now_s)
                if not watched.vain:
                    yield topic

    def due(self, now_s: float) -> Iterator[tuple[Topic, bool]]:
        """Topics to be asked for again, each once, and whether the venue has ever taken them.

        One that it never took may be what it refused a whole frame for.
        """
        for topic, watched in self._topics.items():
            if watched.state in _IN_VAIN and watched.due_s <= now_s:
                watched.due_s = float("inf")
                yield topic, watched.answered

    def deaf(self, now_s: float, opened_s: float) -> list[Topic]:
        """All that owes a tick, if none of it comes any more though it was asked for again."""
        owing = [
            (topic, watched)
            for topic, watched in self._topics.items()
            if topic.channel is not Channel.TRADES and watched.state is not TopicState.REFUSED
        ]
        quiet_s = now_s - (opened_s if self._tick_s is None else self._tick_s)
        known = self._ticks >= TICKS_KNOWN
        most_s = DEAF_TIMES * self._longest_s if known else MOST_DEAF_S
        if not quiet_s > min(MOST_DEAF_S, max(LEAST_DEAF_S, most_s)):
            return []
        if not all(each.vain and each.state is TopicState.SILENT for _, each in owing):
            return []
        return [topic for topic, _ in owing]

    def state(self, topic: Topic) -> TopicState | None:
        """Where a topic is; None if nobody asked for it."""
        watched = self._topics.get(topic)
        return watched.state if watched else None

    @property
    def settled(self) -> bool:
        """Whether every topic has been answered: there is nothing left to wait for."""
        return all(
            watched.state is not TopicState.ASKED
            and (watched.state is not TopicState.TAKEN or topic.channel is Channel.TRADES)
            for topic, watched in self._topics.items()
        )

    def __iter__(self) -> Iterator[Topic]:
        return iter(tuple(self._topics))
