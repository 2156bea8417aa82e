"""Frames that a venue sends as gzip. The output is bounded, so that a bomb is only a DecodeError.

A frame is exactly one gzip member: bytes after it, or a truncated member, are an error.
"""

from __future__ import annotations

import zlib

from bowline.venues.decoding import decode_error

#: largest output; the largest whole books are a hundredth of it
MAX_BYTES = 8 * 1024 * 1024

_GZIP = 16 + zlib.MAX_WBITS


def gunzip(frame: bytes) -> bytes:
    """The decompressed frame. Raises DecodeError."""
    member = zlib.decompressobj(_GZIP)
    try:
        text = member.decompress(frame, MAX_BYTES)
    except zlib.error as error:
        raise decode_error(f"no gzip: {error}", frame) from None
    if not member.eof:
        why = "gzip that is cut short" if len(text) < MAX_BYTES else "gzip that holds too much"
        raise decode_error(why, frame)
    if member.unused_data:
        raise decode_error("bytes after the gzip", frame)
    return text
