"""Venues: one narrow protocol, own public feeds, and a room a venue for its dialect.

Nothing above this room may see a venue's own words, and no venue here knows another.
"""

from bowline.venues.books import BookKeeper, BookState, Loss, keeper_of
from bowline.venues.errors import Rejected, Retryable, TooOld, Unknown, VenueError
from bowline.venues.feed import (
    Answer,
    Channel,
    Closing,
    Control,
    FeedCodec,
    FeedRules,
    Pong,
    Sequencing,
    Subscribed,
    SubscriptionRefused,
    Topic,
    Unreadable,
)
from bowline.venues.protocol import FillPage, KeyRights, PublicVenue, Venue

__all__ = [
    "Answer",
    "BookKeeper",
    "BookState",
    "Channel",
    "Closing",
    "Control",
    "FeedCodec",
    "FeedRules",
    "FillPage",
    "KeyRights",
    "Loss",
    "Pong",
    "PublicVenue",
    "Rejected",
    "Retryable",
    "Sequencing",
    "Subscribed",
    "SubscriptionRefused",
    "TooOld",
    "Topic",
    "Unknown",
    "Unreadable",
    "Venue",
    "VenueError",
    "keeper_of",
]
