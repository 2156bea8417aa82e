"""What can be subscribed to on a stream: channels, and topics by instrument, depth and account.

The channels are those that the eight venues have in common; what a venue calls a topic, and which
it has, is its dialect's. No rendering here.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId

#: a frame as a dialect makes it: an object to be encoded, or finished text or bytes
Frame = object


class StreamChannel(StrEnum):
    """The kinds of `VenueUpdate` that topics carry."""

    BOOK = "book"
    TRADES = "trades"
    CANDLES = "candles"
    TICKER = "ticker"
    MARK = "mark"
    ORDERS = "orders"
    FILLS = "fills"
    POSITIONS = "positions"
    BALANCES = "balances"
    FUNDING = "funding"
    LIQUIDATIONS = "liquidations"
    LISTINGS = "listings"


class StreamTopic(Struct, frozen=True, kw_only=True):
    """What a session subscribes to: `name` is the venue's own name for it.

    `instrument` None: all of them. `depth` 0: the whole book. `account` is set on private channels;
    there `wallet` (`spot`, `linear`) leaves out the updates of the other one, where there are two.
    `interval` and `note` are the dialect's own.
    """

    channel: StreamChannel
    name: str
    instrument: InstrumentId | None = None
    depth: int = 0
    account: str = ""
    wallet: str = ""
    interval: str = ""
    note: str = ""
