"""The state of every requested topic, so that a silent topic is never taken for a quiet market.

    state         meaning                              leaves it on
    REQUESTED     subscription sent, no answer         acknowledgement, first tick, refusal, timeout
    ACKNOWLEDGED  acknowledged, no tick yet            first tick, timeout
    LIVE          ticks arrive                         no tick for its silence timeout
    SILENT        no first tick in time, or no more    new request, a tick
    REFUSED       the venue refused it                 new request

If a silent topic ticks after it was requested again, it was only quiet, and its silence timeout
doubles. If it does not, it is requested again at growing intervals, and so is a refused topic.
Neither ends the connection of the others: a market may be delisted, or nobody may trade there.

A connection is stalled when every topic that should tick is silent although it was requested again,
and for much longer than the longest gap between ticks so far. Times are monotonic seconds and
parameters; no clock is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum

from bowline.venues.feed_codec import FeedChannel, FeedTopic

#: time limit of an acknowledgement and of the first tick
ANSWER_TIMEOUT_S = 10.0
#: longest silence of a live topic; a market may be without trades for hours
SILENCE_TIMEOUTS_S: Mapping[FeedChannel, float] = {
    FeedChannel.BOOK: 10.0,
    FeedChannel.QUOTES: 30.0,
    FeedChannel.CANDLES: 150.0,
    FeedChannel.TRADES: float("inf"),
}
#: the longest that a quiet topic's timeout may grow to
MAX_SILENCE_TIMEOUT_S = 300.0
#: wait before a topic that was refused, or stayed silent, is requested again; it doubles each time
RETRY_S = 60.0
MAX_RETRY_S = 600.0
#: a connection is stalled after so many times its longest gap between ticks
STALL_FACTOR = 4.0
#: bounds of that time
MIN_STALL_S = 2 * ANSWER_TIMEOUT_S
MAX_STALL_S = 300.0
#: ticks from which the longest gap is meaningful
MIN_TICKS = 20


class TopicState(Enum):
    """The state of a topic."""

    REQUESTED = "requested"
    ACKNOWLEDGED = "acknowledged"
    LIVE = "live"
    SILENT = "silent"
    REFUSED = "refused"


_RETRIED = frozenset({TopicState.SILENT, TopicState.REFUSED})


class _TopicStatus:
    __slots__ = (
        "acknowledged",
        "refused",
        "retries",
        "retry_at_s",
        "silence_timeout_s",
        "since_s",
        "state",
    )

    def __init__(self, now_s: float, silence_timeout_s: float) -> None:
        self.state = TopicState.REQUESTED
        self.since_s = now_s
        self.silence_timeout_s = silence_timeout_s
        #: requests since the last tick, without the first one
        self.retries = 0
        #: when a silent or refused topic is requested again
        self.retry_at_s = now_s
        #: whether the venue acknowledged it, and whether it refused it since its last tick
        self.acknowledged = self.refused = False

    def schedule_retry(self, now_s: float) -> None:
        """Set when it is requested again."""
        if self.retries or self.state is TopicState.REFUSED:
            self.retry_at_s = now_s + min(
                RETRY_S * 2.0 ** min(max(0, self.retries - 1), 10), MAX_RETRY_S
            )
        else:
            self.retry_at_s = now_s


class TopicMonitor:
    """The topics of one connection."""

    def __init__(self, silence_timeout_s: Mapping[FeedChannel, float] = SILENCE_TIMEOUTS_S) -> None:
        self._silence_timeouts_s = silence_timeout_s
        self._topics: dict[FeedTopic, _TopicStatus] = {}
        self._last_tick_s: float | None = None
        self._ticks = 0
        self._longest_gap_s = 0.0

    def request(self, topics: Iterable[FeedTopic], now_s: float) -> None:
        """Their subscription was sent."""
        for topic in topics:
            status = self._topics.get(topic)
            if status is None:
                self._topics[topic] = _TopicStatus(now_s, self._silence_timeouts_s[topic.channel])
                continue
            if status.state in _RETRIED:
                status.retries += 1
            status.state, status.since_s = TopicState.REQUESTED, now_s

    def forget(self, topics: Iterable[FeedTopic]) -> None:
        """They are not subscribed any more."""
        for topic in topics:
            self._topics.pop(topic, None)

    def acknowledge(self, topics: Iterable[FeedTopic]) -> None:
        """The venue acknowledged them."""
        for topic in topics:
            status = self._topics.get(topic)
            if status is not None and status.state is TopicState.REQUESTED:
                status.state, status.acknowledged = TopicState.ACKNOWLEDGED, True

    def refuse(self, topic: FeedTopic, now_s: float) -> bool:
        """The venue refused it; True if it had not been refused since its last tick."""
        status = self._topics.get(topic)
        if status is None:
            return False
        news, status.refused = not status.refused, True
        status.state, status.since_s = TopicState.REFUSED, now_s
        status.schedule_retry(now_s)
        return news

    def tick(self, topic: FeedTopic, now_s: float) -> bool:
        """A tick arrived; True if the topic was not live before."""
        status = self._topics.get(topic)
        if status is None:
            return False
        if self._last_tick_s is not None:
            self._longest_gap_s = max(self._longest_gap_s, now_s - self._last_tick_s)
        self._last_tick_s, self._ticks = now_s, self._ticks + 1
        news = status.state is not TopicState.LIVE
        status.state, status.since_s = TopicState.LIVE, now_s
        if status.retries:
            status.retries = 0
            doubled_s = min(2 * status.silence_timeout_s, MAX_SILENCE_TIMEOUT_S)
            status.silence_timeout_s = max(status.silence_timeout_s, doubled_s)
        status.refused, status.acknowledged = False, True
        return news

    def newly_silent(self, now_s: float) -> Iterator[FeedTopic]:
        """Topics whose timeout has passed, each returned once until it ticks again."""
        for topic, status in self._topics.items():
            waited = now_s - status.since_s
            if status.state is TopicState.LIVE:
                late = waited > status.silence_timeout_s
            else:
                expects_tick = (
                    status.state is TopicState.REQUESTED or topic.channel is not FeedChannel.TRADES
                )
                open_ = status.state in {TopicState.REQUESTED, TopicState.ACKNOWLEDGED}
                late = open_ and expects_tick and waited > ANSWER_TIMEOUT_S
            if late:
                status.state, status.since_s = TopicState.SILENT, now_s
                status.schedule_retry(now_s)
                if not status.retries:
                    yield topic

    def due_for_retry(self, now_s: float) -> Iterator[tuple[FeedTopic, bool]]:
        """Topics to be requested again, each once, and whether the venue ever acknowledged them.

        One that it never acknowledged may be the reason why it refused a whole frame.
        """
        for topic, status in self._topics.items():
            if status.state in _RETRIED and status.retry_at_s <= now_s:
                status.retry_at_s = float("inf")
                yield topic, status.acknowledged

    def stalled(self, now_s: float, opened_s: float) -> list[FeedTopic]:
        """All topics that should tick, if the connection is stalled; else none."""
        expecting = [
            (topic, status)
            for topic, status in self._topics.items()
            if topic.channel is not FeedChannel.TRADES and status.state is not TopicState.REFUSED
        ]
        gap_s = now_s - (opened_s if self._last_tick_s is None else self._last_tick_s)
        known = self._ticks >= MIN_TICKS
        limit_s = STALL_FACTOR * self._longest_gap_s if known else MAX_STALL_S
        if not gap_s > min(MAX_STALL_S, max(MIN_STALL_S, limit_s)):
            return []
        if not all(each.retries and each.state is TopicState.SILENT for _, each in expecting):
            return []
        return [topic for topic, _ in expecting]

    def state(self, topic: FeedTopic) -> TopicState | None:
        """The state of a topic; None if it was never requested."""
        status = self._topics.get(topic)
        return status.state if status else None

    @property
    def settled(self) -> bool:
        """Whether no topic waits for an answer or a first tick."""
        return all(
            status.state is not TopicState.REQUESTED
            and (status.state is not TopicState.ACKNOWLEDGED or topic.channel is FeedChannel.TRADES)
            for topic, status in self._topics.items()
        )

    def __iter__(self) -> Iterator[FeedTopic]:
        return iter(tuple(self._topics))
