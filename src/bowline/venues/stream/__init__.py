"""Feeds kept alive: one runner for every venue's public streams, over any WebSocket."""

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
from bowline.venues.stream.runner import FeedRunner
from bowline.venues.stream.shelf import Fetch
from bowline.venues.stream.transport import Connect, Lost, Socket, aiohttp_connect

__all__ = [
    "BookInvalid",
    "BookValid",
    "Connect",
    "ConnectionLost",
    "FeedRunner",
    "FeedSink",
    "Fetch",
    "FrameUnreadable",
    "Lost",
    "Notice",
    "Socket",
    "TopicLive",
    "TopicRefused",
    "TopicSilent",
    "aiohttp_connect",
]
