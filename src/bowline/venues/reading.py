"""What the codecs read frames with: number types that refuse nonsense, and one door for errors.

Bounds are checked by the decoder itself, so they cost next to nothing: a price is more than 0, a
size is 0 or more, neither is NaN or an infinity, a time fits in 64 bits of nanoseconds. No codec
may catch what the decoder raises in another way than `read` does.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from bowline.venues.feed import Unreadable

T = TypeVar("T")

_HUGE = 1e18
_MS = 1_000_000
_DIGITS = 18  # of a request's number, at most

Price = Annotated[float, Meta(gt=0, lt=_HUGE)]
Size = Annotated[float, Meta(ge=0, lt=_HUGE)]
Millis = Annotated[int, Meta(ge=0, lt=9_000_000_000_000)]
#: a venue's count of changes; a negative one is read by nobody but the venue that documents it
Sequence = Annotated[int, Meta(ge=0, lt=2**62)]

#: price and size of a side of a quote that nobody is on
NOBODY = (0.0, 0.0)


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """A decoder of `kind` that takes numbers written as texts, as all venues write them."""
    return msgspec.json.Decoder(kind, strict=False)


def read(by: msgspec.json.Decoder[T], frame: bytes | msgspec.Raw) -> T:
    """What `frame` holds. Raises Unreadable with the place and the beginning of the frame."""
    try:
        return by.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(str(error), frame) from None


def unreadable(why: str, frame: bytes | msgspec.Raw) -> Unreadable:
    """The error for a frame that is not what the venue documents."""
    return Unreadable(f"{why}, in {bytes(frame)[:200]!r}")


def ns(millis: int) -> int:
    """Milliseconds, as venues count, to our nanoseconds."""
    return millis * _MS


def request_number(text: str | int | None) -> int | None:
    """The number we gave a request, from what the venue echoes; None if it is not one of ours."""
    text = str(text)
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= _DIGITS else None


def ratio_of(contract_size: Decimal) -> tuple[float, float]:
    """Base units a contract as a fraction: `contracts * up / down` is rounded once, so it is exact.

    727 contracts of 0.01 are 7.27 this way, and 7.2700000000000005 by plain multiplication.
    """
    up, down = contract_size.as_integer_ratio()
    return float(up), float(down)
