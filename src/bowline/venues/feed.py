"""A public feed as pure rules: which frames to send, and what a received frame says.

A codec knows one market of one venue: bytes in, ticks and control words out. It must never open a
socket, read a clock, keep state between frames or guess: what it cannot read is `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, StrEnum
from typing import Protocol

from msgspec import Struct

from bowline.core.errors import BowlineError
from bowline.core.model.instrument import InstrumentId, Market
from bowline.core.venue import BookReplaced, Tick


class Unreadable(BowlineError):
    """A frame or reply that is not what the venue documents; the message says where."""


class Channel(StrEnum):
    """A kind of stream; candles are of one minute."""

    TRADES = "trades"
    QUOTES = "quotes"
    BOOK = "book"
    CANDLES = "candles"


class Topic(Struct, frozen=True, order=True):
    """One stream of one instrument."""

    channel: Channel
    instrument: InstrumentId


class Subscribed(Struct, frozen=True):
    """The venue took a subscription: `request` is its number, or `topics` are what it named.

    `channel`: it named no more than that; what was asked of it first and is unanswered is meant.
    """

    request: int | None = None
    topics: tuple[Topic, ...] = ()
    channel: Channel | None = None


class SubscriptionRefused(Struct, frozen=True):
    """The venue has not; as `Subscribed`, with the venue's code and words."""

    code: str
    message: str
    request: int | None = None
    topics: tuple[Topic, ...] = ()


class Answer(Struct, frozen=True):
    """A frame the venue expects back at once: the reply to its ping."""

    frame: bytes
    binary: bool = False


class Pong(Struct, frozen=True):
    """The venue's reply to our ping."""


class Closing(Struct, frozen=True):
    """The venue says that it will end this connection: make another before it does."""

    message: str


Control = Subscribed | SubscriptionRefused | Answer | Pong | Closing


class Sequencing(Enum):
    """How changes of a book prove that none is missing.

    `PREVIOUS`: each names the last before it. `ADJOINING`: its first follows on the last before.
    `RISING`: numbers only rise, which proves whole books; changes need the venue's checksum
    besides. `NONE`: whole books without numbers.
    """

    PREVIOUS = "previous"
    ADJOINING = "adjoining"
    RISING = "rising"
    NONE = "none"


class FeedRules(Struct, frozen=True, kw_only=True):
    """What the runner must keep to. `url` is the venue's own; a test puts another host before it.

    `snapshot_by_rest`: the book's start is not in the stream, we ask for it: see `snapshot_path`.
    `ping` None: the venue pings, or wants none but the WebSocket's own.
    """

    url: str
    sequencing: Sequencing
    snapshot_by_rest: bool = False
    ping: bytes | None = None
    ping_every_s: float = 20.0
    #: frames received carry no news for this long only if the connection is dead
    silent_after_s: float = 60.0
    topics_a_frame: int = 10
    topics_a_connection: int = 100
    frames_a_second: float = 5.0
    connection_lives_s: float = 86_400.0
    book_depth: int = 50
    #: compare the book with the venue's checksum at every so many changes; 0: sequence proves it
    checksum_every: int = 0


class FeedCodec(Protocol):
    """One market's public feed. `rules` by channel: some venues split streams over several URLs."""

    @property
    def market(self) -> Market:
        """The market it speaks for."""

    def rules(self, channel: Channel) -> FeedRules:
        """How streams of this channel are carried; equal `url`s share connections."""

    def subscribe(self, topics: Sequence[Topic], request: int) -> list[bytes]:
        """Frames that ask for these topics; `request` numbers them where the venue allows it."""

    def unsubscribe(self, topics: Sequence[Topic], request: int) -> list[bytes]:
        """Frames that end them."""

    def decode(self, frame: bytes) -> Sequence[Tick | Control]:
        """What one frame says, nothing for a frame without news. Raises Unreadable."""

    def snapshot_path(self, instrument: InstrumentId) -> str | bytes:
        """Path and query of the REST request for a whole book; ValueError if none is needed.

        Bytes: a frame that asks for it over the socket instead; `decode` reads the answer.
        """

    def decode_snapshot(self, instrument: InstrumentId, body: bytes) -> BookReplaced:
        """What it answers. Raises Unreadable."""
