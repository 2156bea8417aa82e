"""Venues: one narrow protocol, our own market data feeds, and one package per venue.

Nothing above this package may see a venue's own names and codes, and no venue imports another.
"""

from bowline.venues.errors import Rejected, Retryable, TooOld, Unknown, VenueError
from bowline.venues.feed_codec import (
    ClosingAnnounced,
    ControlMessage,
    DecodeError,
    FeedChannel,
    FeedCodec,
    FeedRules,
    FeedTopic,
    PingReceived,
    PongReceived,
    Sequencing,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.local_book import BookState, InvalidReason, LocalBook, local_book_of
from bowline.venues.protocol import FillPage, KeyRights, PublicVenue, Venue

__all__ = [
    "BookState",
    "ClosingAnnounced",
    "ControlMessage",
    "DecodeError",
    "FeedChannel",
    "FeedCodec",
    "FeedRules",
    "FeedTopic",
    "FillPage",
    "InvalidReason",
    "KeyRights",
    "LocalBook",
    "PingReceived",
    "PongReceived",
    "PublicVenue",
    "Rejected",
    "Retryable",
    "Sequencing",
    "Subscribed",
    "SubscriptionRefused",
    "TooOld",
    "Unknown",
    "Venue",
    "VenueError",
    "local_book_of",
]
