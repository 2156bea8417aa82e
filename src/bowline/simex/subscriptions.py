"""The subscriptions of one venue's sessions: updates in, frames out to the topics that match.

A frame is rendered once for all subscribers of a topic. What an update looks like for a topic, and
whether it is a frame at all, is the dialect's to say and must never be decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from bowline.core.model.instrument import InstrumentId
from bowline.core.sim.exchange import (
    BalanceUpdated,
    CandleUpdated,
    Executed,
    FundingPaid,
    Liquidated,
    ListingChanged,
    MarkUpdated,
    OrderUpdated,
    PositionUpdated,
    TradePublished,
)
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate

_CHANNELS: dict[type, StreamChannel] = {
    DepthUpdated: StreamChannel.BOOK,
    TradePublished: StreamChannel.TRADES,
    CandleUpdated: StreamChannel.CANDLES,
    TickerUpdated: StreamChannel.TICKER,
    MarkUpdated: StreamChannel.MARK,
    OrderUpdated: StreamChannel.ORDERS,
    Executed: StreamChannel.FILLS,
    PositionUpdated: StreamChannel.POSITIONS,
    BalanceUpdated: StreamChannel.BALANCES,
    FundingPaid: StreamChannel.FUNDING,
    Liquidated: StreamChannel.LIQUIDATIONS,
    ListingChanged: StreamChannel.LISTINGS,
}


class Subscriber(Protocol):
    """A session, as far as its subscriptions need it."""

    account: str
    frozen_until_ns: int

    def send(self, frame: Frame, topic: StreamTopic | None = None) -> None:
        """Queue a frame."""

    def abort(self) -> None:
        """Drop the connection without a closing frame."""


class Subscriptions:
    """`render_update` gives the frames that an update is for a topic."""

    def __init__(
        self, render_update: Callable[[StreamTopic, VenueUpdate], Iterable[Frame]]
    ) -> None:
        self._render = render_update
        #: every session that is connected, with or without a topic
        self.subscribers: list[Subscriber] = []
        self._topics: dict[
            tuple[StreamChannel, InstrumentId | None], dict[StreamTopic, list[Subscriber]]
        ] = {}

    def add(self, subscriber: Subscriber, topic: StreamTopic) -> None:
        """Send this topic's frames to the subscriber from now on."""
        group = self._topics.setdefault((topic.channel, topic.instrument), {})
        group.setdefault(topic, []).append(subscriber)

    def remove(self, subscriber: Subscriber, topic: StreamTopic) -> None:
        """Send no more of them; ValueError if it was not subscribed."""
        group = self._topics[topic.channel, topic.instrument]
        group[topic].remove(subscriber)
        if not group[topic]:
            del group[topic]

    def pause(self, until_ns: int) -> None:
        """Send no updates until then; connections stay and pings are answered."""
        for subscriber in self.subscribers:
            subscriber.frozen_until_ns = until_ns

    def abort_all(self) -> None:
        """Drop every connection without a closing frame."""
        for subscriber in list(self.subscribers):
            subscriber.abort()

    def has_account(self, account: str) -> bool:
        """Whether a session is logged in to this account."""
        return any(each.account == account for each in self.subscribers)

    def topics(self, channel: StreamChannel) -> list[StreamTopic]:
        """The topics of a channel that have subscribers."""
        groups = [group for (each, _), group in self._topics.items() if each is channel]
        return [topic for group in groups for topic in group]

    def publish(self, update: VenueUpdate, kinds: Collection[str]) -> None:
        """Render an update of a wallet for each topic that it matches, and send the frames.

        `kinds` are the markets of that wallet.
        """
        channel, instrument = _CHANNELS[type(update)], instrument_of(update)
        for key in {(channel, instrument), (channel, None)}:
            for topic, subscribers in list(self._topics.get(key, {}).items()):
                if _matches(topic, update, kinds):
                    for frame in self._render(topic, update):
                        for subscriber in list(subscribers):
                            subscriber.send(frame, topic)


def instrument_of(update: VenueUpdate) -> InstrumentId | None:
    """The instrument of an update; None for a balance."""
    match update:
        case BalanceUpdated():
            return None
        case DepthUpdated(view=view):
            return view.instrument
        case OrderUpdated(order=order):
            return order.instrument
        case PositionUpdated(position=position):
            return position.instrument
        case ListingChanged(listing=listing):
            return listing.instrument.id
        case _:
            return update.instrument


def account_of(update: VenueUpdate) -> str:
    """The account of an update; empty if it is public."""
    match update:
        case OrderUpdated(order=order):
            return order.account
        case PositionUpdated(position=position):
            return position.account
        case BalanceUpdated() | Executed() | FundingPaid() | Liquidated():
            return update.account
        case _:
            return ""


def _matches(topic: StreamTopic, update: VenueUpdate, kinds: Collection[str]) -> bool:
    if topic.account:
        return account_of(update) == topic.account and (not topic.wallet or topic.wallet in kinds)
    return not isinstance(update, DepthUpdated) or update.view.depth == topic.depth
