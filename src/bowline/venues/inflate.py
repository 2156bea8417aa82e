"""Frames that a venue sends as gzip. What comes out is bounded: a bomb is Unreadable, no harm.

One frame is one gzip member, whole: bytes after it, or a member cut short, are no frame.
"""

from __future__ import annotations

import zlib

from bowline.venues.reading import unreadable

#: what a frame may become; the largest whole books are a hundredth of it
MOST_BYTES = 8 * 1024 * 1024

_GZIP = 16 + zlib.MAX_WBITS


def inflated(frame: bytes) -> bytes:
    """What the gzip member holds. Raises Unreadable."""
    member = zlib.decompressobj(_GZIP)
    try:
        text = member.decompress(frame, MOST_BYTES)
    except zlib.error as error:
        raise unreadable(f"no gzip: {error}", frame) from None
    if not member.eof:
        why = "gzip that is cut short" if len(text) < MOST_BYTES else "gzip that holds too much"
        raise unreadable(why, frame)
    if member.unused_data:
        raise unreadable("bytes after the gzip", frame)
    return text
