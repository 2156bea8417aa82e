"""Feeds and accounts' streams kept alive: one runner each for every venue, over any WebSocket."""

from bowline.venues.stream.account_notices import (
    AccountNotice,
    AccountSink,
    KeyRefused,
    OrderInDoubt,
    RestAsked,
    RestSilent,
    RowUnreadable,
    StreamLive,
    StreamLost,
    StreamMissed,
)
from bowline.venues.stream.notices import (
    BookInvalid,
    BookValid,
    ConnectionLost,
    FeedSink,
    FrameUnreadable,
    Notice,
    TopicLive,
    TopicRefused,
    TopicSilent,
)
from bowline.venues.stream.private import AccountStream
from bowline.venues.stream.runner import FeedRunner
from bowline.venues.stream.shelf import Fetch
from bowline.venues.stream.stream_key import StreamKeys
from bowline.venues.stream.transport import Connect, Lost, OnFrame, Socket, aiohttp_connect

__all__ = [
    "AccountNotice",
    "AccountSink",
    "AccountStream",
    "BookInvalid",
    "BookValid",
    "Connect",
    "ConnectionLost",
    "FeedRunner",
    "FeedSink",
    "Fetch",
    "FrameUnreadable",
    "KeyRefused",
    "Lost",
    "Notice",
    "OnFrame",
    "OrderInDoubt",
    "RestAsked",
    "RestSilent",
    "RowUnreadable",
    "Socket",
    "StreamKeys",
    "StreamLive",
    "StreamLost",
    "StreamMissed",
    "TopicLive",
    "TopicRefused",
    "TopicSilent",
    "aiohttp_connect",
]
