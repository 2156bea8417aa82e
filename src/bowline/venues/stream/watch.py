"""What has become of each topic that was asked for. A silent topic must never pass for a quiet one.

    state     meaning                                     leaves it when
    ASKED     the frame is sent, nobody has answered      acknowledged, first tick, refused, late
    TAKEN     acknowledged, no tick yet                   first tick, late
    LIVE      ticks come                                  no tick for its patience
    SILENT    no first tick in time, or none any more     asked again, a tick
    REFUSED   the venue said no                           asked again

A silent topic that speaks when it is asked again was merely quiet: its patience doubles. One that
does not is lost. Times are monotonic seconds that the caller hands in; nothing here reads a clock.
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


class TopicState(Enum):
    """Where a topic is."""

    ASKED = "asked"
    TAKEN = "taken"
    LIVE = "live"
    SILENT = "silent"
    REFUSED = "refused"


#: how far a quiet topic's patience may grow
MOST_PATIENCE_S = 300.0


class _Watched:
    __slots__ = ("again", "patience_s", "since_s", "state")

    def __init__(self, now_s: float, patience_s: float, *, again: bool) -> None:
        self.state = TopicState.ASKED
        self.since_s = now_s
        self.patience_s = patience_s
        self.again = again


class TopicWatch:
    """The topics of one connection."""

    def __init__(self, patience_s: Mapping[Channel, float] = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._topics: dict[Topic, _Watched] = {}

    def ask(self, topics: Iterable[Topic], now_s: float) -> None:
        """Their subscription has been sent."""
        for topic in topics:
            before = self._topics.get(topic)
            patience_s = before.patience_s if before else self._patience_s[topic.channel]
            silent = before is not None and before.state is TopicState.SILENT
            self._topics[topic] = _Watched(now_s, patience_s, again=silent)

    def forget(self, topics: Iterable[Topic]) -> None:
        """They are not wanted any more."""
        for topic in topics:
            self._topics.pop(topic, None)

    def take(self, topics: Iterable[Topic]) -> None:
        """The venue has acknowledged them."""
        for topic in topics:
            watched = self._topics.get(topic)
            if watched is not None and watched.state is TopicState.ASKED:
                watched.state = TopicState.TAKEN

    def refuse(self, topics: Iterable[Topic], now_s: float) -> None:
        """The venue has refused them."""
        for topic in topics:
            watched = self._topics.get(topic)
            if watched is not None:
                watched.state, watched.since_s = TopicState.REFUSED, now_s

    def tick(self, topic: Topic, now_s: float) -> bool:
        """A tick of it came; True if that is news: it was not live before."""
        watched = self._topics.get(topic)
        if watched is None:
            return False
        fresh = watched.state is not TopicState.LIVE
        watched.state, watched.since_s = TopicState.LIVE, now_s
        if watched.again:
            watched.again = False
            watched.patience_s = max(
                watched.patience_s, min(2 * watched.patience_s, MOST_PATIENCE_S)
            )
        return fresh

    def fallen_silent(self, now_s: float) -> Iterator[Topic]:
        """Topics whose time is up, each told once."""
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
                yield topic

    def lost(self) -> Iterator[Topic]:
        """Topics that stayed silent when they were asked again."""
        for topic, watched in self._topics.items():
            if watched.again and watched.state is TopicState.SILENT:
                yield topic

    def refused_before(self, then_s: float) -> Iterator[Topic]:
        """Topics that were refused before a moment."""
        for topic, watched in self._topics.items():
            if watched.state is TopicState.REFUSED and watched.since_s < then_s:
                yield topic

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
