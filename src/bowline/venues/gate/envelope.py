"""The envelope of every Gate frame, and the messages about the connection itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from bowline.core.model.instrument import Market
from bowline.core.model.values import SECOND_NS
from bowline.venues import decoding
from bowline.venues.decoding import Millis, decoder, ms_to_ns
from bowline.venues.feed_codec import (
    ClosingAnnounced,
    ControlMessage,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)

SPOT, FUTURES = "spot", "futures"
#: gate.com/docs/developers, apiv4/ws/en and futures/ws/en: addresses, and a ping at any interval
URLS = {SPOT: "wss://api.gateio.ws/ws/v4/", FUTURES: "wss://fx-ws.gateio.ws/v4/ws/usdt"}
PING_INTERVAL_S = 10.0

Seconds = Annotated[int, Meta(ge=0, lt=9_000_000_000)]
_MS_TEXT = re.compile(r"[0-9]{13}(\.[0-9]{1,6})?")


class Error(Struct, gc=False):
    """Why a request was refused."""

    code: int
    message: str = ""


class Frame(Struct):
    """A frame of any kind; `result` is read by whoever knows the channel."""

    channel: str = ""
    event: str = ""
    time: Seconds = 0
    time_ms: Millis = 0
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Error | None = None
    id: int | str | None = None
    type: str = ""
    msg: str = ""

    @property
    def event_ns(self) -> int:
        """When it was sent."""
        return ms_to_ns(self.time_ms) if self.time_ms else self.time * SECOND_NS


class Notice(Struct, gc=False):
    """A word about the connection: `upgrade` is its end."""

    type: str
    msg: str = ""


FRAME = decoder(Frame)
NOTICE = decoder(Notice)


def prefix_of(market: Market) -> str:
    """What the names of a market's channels begin with."""
    return SPOT if market.kind == SPOT else FUTURES


def ping_of(prefix: str) -> bytes:
    """Their own example of it sends any time."""
    return msgspec.json.encode({"time": 1, "channel": f"{prefix}.ping"})


def ms_text_to_ns(millis: str, frame: Frame) -> int:
    """`1606292218213.4578` milliseconds."""
    if not _MS_TEXT.fullmatch(millis):
        raise decoding.decode_error(f"no time: {millis!r}", frame.result)
    whole, _, part = millis.partition(".")
    return ms_to_ns(int(whole)) + int(part.ljust(6, "0"))


def control_messages(frame: Frame, raw: bytes) -> Sequence[ControlMessage]:
    """What a frame that is no news says of the connection. Raises DecodeError."""
    request = decoding.parse_request_id(frame.id)
    if frame.channel.endswith(".pong"):
        return (PongReceived(),)  # one that carries an error is one too
    if frame.type:
        return notice_messages(Notice(frame.type, frame.msg))
    if frame.event == "unsubscribe":
        return ()
    if frame.error is not None:
        return (SubscriptionRefused(str(frame.error.code), frame.error.message, request),)
    if frame.event != "subscribe":
        raise decoding.decode_error(f"unknown event {frame.event!r}", raw)
    return (Subscribed(request),)


def notice_messages(notice: Notice) -> Sequence[ControlMessage]:
    """What a notice says; nothing, if it is of something else."""
    return (ClosingAnnounced(notice.msg),) if notice.type == "upgrade" else ()
