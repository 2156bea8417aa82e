"""A public feed as pure rules: which frames to send, and what a received frame means.

A codec knows one market of one venue: bytes in, ticks and control messages out. It must never open
a socket, read a clock, keep state between frames or guess: what it cannot read is a `DecodeError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, StrEnum
from typing import Protocol

from msgspec import Struct

from bowline.core.errors import BowlineError
from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.venue import BookReplaced, Tick


class DecodeError(BowlineError):
    """A frame or reply that does not match the venue's documentation; the message says where."""


class FeedChannel(StrEnum):
    """A kind of stream; candles cover one minute."""

    TRADES = "trades"
    QUOTES = "quotes"
    BOOK = "book"
    CANDLES = "candles"


class FeedTopic(Struct, frozen=True, order=True):
    """One stream of one instrument."""

    channel: FeedChannel
    instrument: InstrumentId


class Subscribed(Struct, frozen=True):
    """The venue accepted a subscription: that with number `request`, or that of `topics`.

    `channel`: its answer names only the channel; the first unanswered request of it is meant.
    """

    request: int | None = None
    topics: tuple[FeedTopic, ...] = ()
    channel: FeedChannel | None = None


class SubscriptionRefused(Struct, frozen=True):
    """The venue refused a subscription, with its code and message; see `Subscribed`."""

    code: str
    message: str
    request: int | None = None
    topics: tuple[FeedTopic, ...] = ()


class PingReceived(Struct, frozen=True):
    """The venue sent a ping; `frame` is the reply that it expects."""

    frame: bytes
    binary: bool = False


class PongReceived(Struct, frozen=True):
    """The venue replied to our ping."""


class ClosingAnnounced(Struct, frozen=True):
    """The venue announced the end of this connection: it should be replaced before that."""

    message: str


ControlMessage = Subscribed | SubscriptionRefused | PingReceived | PongReceived | ClosingAnnounced


class Sequencing(Enum):
    """How changes of a book prove that none is missing.

    `PREVIOUS`: each names the number of the last one. `CONTIGUOUS`: its first number follows on the
    last one. `INCREASING`: numbers only increase, which is enough for whole books; changes also
    need the venue's checksum. `NONE`: whole books without numbers.
    """

    PREVIOUS = "previous"
    CONTIGUOUS = "adjoining"
    INCREASING = "rising"
    NONE = "none"


class FeedRules(Struct, frozen=True, kw_only=True):
    """How streams of a channel are carried. `url` is the venue's own.

    `snapshot_by_rest`: the stream has no snapshot of a book, it is requested: see `snapshot_path`.
    `ping` None: the venue sends pings, or needs none but those of the WebSocket protocol.
    """

    url: str
    sequencing: Sequencing
    snapshot_by_rest: bool = False
    ping: bytes | None = None
    ping_interval_s: float = 20.0
    #: without any frame for this long the connection is dead
    idle_timeout_s: float = 60.0
    topics_per_frame: int = 10
    topics_per_connection: int = 100
    frames_per_second: float = 5.0
    connection_lifetime_s: float = 86_400.0
    book_depth: int = 50
    #: changes between two checks of the venue's checksum; 0: sequence numbers are the proof
    checksum_every: int = 0


class FeedCodec(Protocol):
    """One market's public feed. Rules are per channel: some venues use several URLs."""

    @property
    def market(self) -> Market:
        """The market of this codec."""

    def rules(self, channel: FeedChannel) -> FeedRules:
        """How streams of this channel are carried; equal `url`s share connections."""

    def subscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """Frames that subscribe to these topics; `request` is their number if the venue has one."""

    def unsubscribe(self, topics: Sequence[FeedTopic], request: int) -> list[bytes]:
        """Frames that unsubscribe from them."""

    def decode(self, frame: bytes) -> Sequence[Tick | ControlMessage]:
        """The content of one frame; empty for a frame without news. Raises DecodeError."""

    def snapshot_path(self, instrument: InstrumentId) -> str | bytes:
        """Path and query of the REST request for a snapshot; ValueError if none is needed.

        Bytes: a frame that requests it over the socket; `decode` reads the answer.
        """

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """The snapshot in its reply. Raises DecodeError."""
