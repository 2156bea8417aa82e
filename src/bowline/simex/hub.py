"""Who listens to what at one venue: news in, frames to the sessions whose topics they concern.

A frame is rendered once for all who have the same topic. It must never decide what is told: the
dialect does.
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
from bowline.simex.dialect import Channel, Frame, Topic
from bowline.simex.news import DepthMoved, News, TickerMoved

_CHANNELS: dict[type, Channel] = {
    DepthMoved: Channel.BOOK,
    TradePublished: Channel.TRADES,
    CandleUpdated: Channel.CANDLES,
    TickerMoved: Channel.TICKER,
    MarkUpdated: Channel.MARK,
    OrderUpdated: Channel.ORDERS,
    Executed: Channel.FILLS,
    PositionUpdated: Channel.POSITIONS,
    BalanceUpdated: Channel.BALANCES,
    FundingPaid: Channel.FUNDING,
    Liquidated: Channel.LIQUIDATIONS,
    ListingChanged: Channel.LISTINGS,
}


class Listener(Protocol):
    """A session, as far as the hub knows it."""

    account: str
    frozen_until_ns: int

    def push(self, frame: Frame, topic: Topic | None = None) -> None:
        """Send a frame, in its turn."""

    def cut(self) -> None:
        """End the connection without a word."""


class Hub:
    """`telling` gives the frames that a piece of news is for a topic."""

    def __init__(self, telling: Callable[[Topic, News], Iterable[Frame]]) -> None:
        self._telling = telling
        #: every session that is connected, with or without a topic
        self.listeners: list[Listener] = []
        self._topics: dict[tuple[Channel, InstrumentId | None], dict[Topic, list[Listener]]] = {}

    def add(self, listener: Listener, topic: Topic) -> None:
        """Tell this one of this topic."""
        group = self._topics.setdefault((topic.channel, topic.instrument), {})
        group.setdefault(topic, []).append(listener)

    def drop(self, listener: Listener, topic: Topic) -> None:
        """No longer; ValueError if it never was."""
        group = self._topics[topic.channel, topic.instrument]
        group[topic].remove(listener)
        if not group[topic]:
            del group[topic]

    def freeze(self, until_ns: int) -> None:
        """No news for anybody until then; connections stay and pings are answered."""
        for listener in self.listeners:
            listener.frozen_until_ns = until_ns

    def cut(self) -> None:
        """End every connection without a word."""
        for listener in list(self.listeners):
            listener.cut()

    def has_account(self, account: str) -> bool:
        """Whether somebody is logged in as this."""
        return any(each.account == account for each in self.listeners)

    def topics(self, channel: Channel) -> list[Topic]:
        """The topics of a channel that somebody listens to."""
        groups = [group for (each, _), group in self._topics.items() if each is channel]
        return [topic for group in groups for topic in group]

    def tell(self, news: News, kinds: Collection[str]) -> None:
        """Render the news of a wallet for each topic that it concerns, for all who listen.

        `kinds` are the markets of that wallet.
        """
        channel, instrument = _CHANNELS[type(news)], instrument_of(news)
        for key in {(channel, instrument), (channel, None)}:
            for topic, listeners in list(self._topics.get(key, {}).items()):
                if _concerns(topic, news, kinds):
                    for frame in self._telling(topic, news):
                        for listener in list(listeners):
                            listener.push(frame, topic)


def instrument_of(news: News) -> InstrumentId | None:
    """What it is about; None for a balance."""
    match news:
        case BalanceUpdated():
            return None
        case DepthMoved(view=view):
            return view.instrument
        case OrderUpdated(order=order):
            return order.instrument
        case PositionUpdated(position=position):
            return position.instrument
        case ListingChanged(listing=listing):
            return listing.instrument.id
        case _:
            return news.instrument


def account_of(news: News) -> str:
    """Whose it is; empty for what is public."""
    match news:
        case OrderUpdated(order=order):
            return order.account
        case PositionUpdated(position=position):
            return position.account
        case BalanceUpdated() | Executed() | FundingPaid() | Liquidated():
            return news.account
        case _:
            return ""


def _concerns(topic: Topic, news: News, kinds: Collection[str]) -> bool:
    if topic.account:
        return account_of(news) == topic.account and (not topic.wallet or topic.wallet in kinds)
    return not isinstance(news, DepthMoved) or news.view.depth == topic.depth
