"""JSON decoding for the codecs: number types that reject nonsense, and one error for all of it.

The decoder itself checks the bounds, so they cost next to nothing: a price is more than 0, a size
is 0 or more, neither is NaN or infinite, a time fits in 64 bits of nanoseconds. Codecs must decode
with `decode_json` only, so that every failure is a `DecodeError`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from bowline.venues.feed_codec import DecodeError

T = TypeVar("T")

_HUGE = 1e18
_MS = 1_000_000
_MAX_DIGITS = 18  # of a request number

Price = Annotated[float, Meta(gt=0, lt=_HUGE)]
Size = Annotated[float, Meta(ge=0, lt=_HUGE)]
Millis = Annotated[int, Meta(ge=0, lt=9_000_000_000_000)]
#: a venue's number of a change; the codecs of venues with negative ones have a type of their own
SequenceNumber = Annotated[int, Meta(ge=0, lt=2**62)]

#: price and size of the side of a quote without orders
EMPTY_SIDE = (0.0, 0.0)


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """A decoder of `kind` that accepts numbers written as strings, as all venues write them."""
    return msgspec.json.Decoder(kind, strict=False)


def decode_json(by: msgspec.json.Decoder[T], frame: bytes | msgspec.Raw) -> T:
    """The decoded frame. Raises DecodeError with the place and the start of the frame."""
    try:
        return by.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise decode_error(str(error), frame) from None


def decode_error(why: str, frame: bytes | msgspec.Raw) -> DecodeError:
    """The error for a frame that does not match the venue's documentation."""
    return DecodeError(f"{why}, in {bytes(frame)[:200]!r}")


def ms_to_ns(millis: int) -> int:
    """Milliseconds, as venues send them, in nanoseconds."""
    return millis * _MS


def parse_request_id(text: str | int | None) -> int | None:
    """Our request number from the id that the venue echoes; None if it is not one of ours."""
    text = str(text)
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS else None


def as_float_ratio(contract_size: Decimal) -> tuple[float, float]:
    """A contract size as a fraction: `contracts * up / down` is rounded only once.

    727 contracts of 0.01 are 7.27 this way, and 7.2700000000000005 by plain multiplication.
    """
    up, down = contract_size.as_integer_ratio()
    return float(up), float(down)
