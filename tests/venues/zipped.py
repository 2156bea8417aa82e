"""Frames of venues that send gzip, and a codec that is fed what is inside."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import pytest

from bowline.venues.feed_codec import DecodeError, FeedChannel, FeedCodec, FeedRules
from bowline.venues.gunzip import MAX_BYTES
from tests.venues import recorded


def zipped(message: object) -> bytes:
    """A frame as it went over the wire."""
    text = message if isinstance(message, bytes) else recorded.raw(message)
    return gzip.compress(text, 1)


class Inside:
    """A codec that takes the text of a frame: what is damaged there survives the gzip."""

    def __init__(self, codec: FeedCodec) -> None:
        self.codec = codec

    def rules(self, channel: FeedChannel) -> FeedRules:
        return self.codec.rules(channel)

    def decode(self, frame: bytes) -> Sequence[object]:
        return self.codec.decode(zipped(frame))


def refuses_what_is_no_gzip(codec: FeedCodec, frame: bytes) -> None:
    """Assert that a bomb, a torn frame, a doubled one and plain text are all DecodeError."""
    assert codec.decode(frame)
    bomb = gzip.compress(bytes(MAX_BYTES + 1))
    assert len(bomb) < 10_000
    for bad in (bomb, frame[:-1], frame + frame, frame + b"\0", gzip.decompress(frame), b""):
        with pytest.raises(DecodeError, match="gzip"):
            codec.decode(bad)
