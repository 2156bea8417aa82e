"""Gate's authentication: key, time and an HMAC-SHA512 in hex, the same over REST and streams."""

from __future__ import annotations

import hashlib
import hmac

from bowline.simex.payload import signatures_match
from bowline.simex.venue import ACCOUNT, SimulatedVenue
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import parse_int, seconds

#: how far a request's time may be from the venue's
WINDOW_S = 60


def check(venue: SimulatedVenue, key: str, stamp: str, signed: str, signature: str) -> str:
    """The account whose key signed this text in time; WireRefusal otherwise."""
    if key != venue.credentials.api_key or not venue.api_key_valid:
        raise ApiError("INVALID_KEY", "Invalid key provided", status=401)
    if not in_time(venue, stamp):
        words = f"gap between request Timestamp and server time exceeds {WINDOW_S}"
        raise ApiError("REQUEST_EXPIRED", words, status=403)
    expected = hmac.new(
        venue.credentials.secret.encode(), signed.encode(), hashlib.sha512
    ).hexdigest()
    if not signatures_match(expected, signature):
        raise ApiError("INVALID_SIGNATURE", "Signature mismatch", status=401)
    return ACCOUNT


def in_time(venue: SimulatedVenue, stamp: str) -> bool:
    """Whether a time in seconds is near enough."""
    return abs(parse_int(stamp, 0) - seconds(venue.now_ns)) <= WINDOW_S
