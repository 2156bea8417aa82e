"""Public feeds and account streams over WebSockets: one supervisor of each for every venue."""

from bowline.venues.stream.account_events import (
    AccountEvent,
    AccountSink,
    KeyRefused,
    OrderStateUnknown,
    RestFailed,
    RestPolled,
    RowUnreadable,
    StreamLive,
    StreamLost,
    StreamMissed,
)
from bowline.venues.stream.account_stream import AccountStream
from bowline.venues.stream.connection_books import FetchSnapshot
from bowline.venues.stream.feed_events import (
    BookInvalid,
    BookValid,
    ConnectionLost,
    FeedEvent,
    FeedSink,
    FrameUnreadable,
    TopicLive,
    TopicRefused,
    TopicSilent,
)
from bowline.venues.stream.listen_key import ListenKeyClient
from bowline.venues.stream.runner import FeedRunner
from bowline.venues.stream.transport import Connect, Disconnected, OnFrame, Socket, aiohttp_connect

__all__ = [
    "AccountEvent",
    "AccountSink",
    "AccountStream",
    "BookInvalid",
    "BookValid",
    "Connect",
    "ConnectionLost",
    "Disconnected",
    "FeedEvent",
    "FeedRunner",
    "FeedSink",
    "FetchSnapshot",
    "FrameUnreadable",
    "KeyRefused",
    "ListenKeyClient",
    "OnFrame",
    "OrderStateUnknown",
    "RestFailed",
    "RestPolled",
    "RowUnreadable",
    "Socket",
    "StreamLive",
    "StreamLost",
    "StreamMissed",
    "TopicLive",
    "TopicRefused",
    "TopicSilent",
    "aiohttp_connect",
]
