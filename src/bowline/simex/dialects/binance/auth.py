"""Authentication of requests to Binance: HMAC-SHA256 over all parameters as they were sent."""

from __future__ import annotations

import hashlib
import hmac
import re

from bowline.simex.dialects.binance.errors import missing
from bowline.simex.dialects.binance.request_fields import fields_of
from bowline.simex.payload import signatures_match
from bowline.simex.venue import ACCOUNT, SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms, parse_int

#: paths that ask for a key alone
_KEY_ALONE = {"/fapi/v1/listenKey"}
_WINDOW_MS = 5_000
_LONGEST_WINDOW_MS = 60_000
_EARLY_MS = 1_000
_SIGNATURE = re.compile(r"&?signature=[^&]*")


def authenticate(call: ApiCall) -> str:
    """The account of the key; WireRefusal if key, signature or time are wrong."""
    _check_key(call.venue, call.headers.get("X-MBX-APIKEY", ""))
    if call.path in _KEY_ALONE:
        return ACCOUNT
    body = call.body.decode("utf-8", "replace")
    signed = _SIGNATURE.sub("", call.raw_query) + _SIGNATURE.sub("", body)
    _check(call.venue, signed, fields_of(call))
    return ACCOUNT


def check_signed(venue: SimulatedVenue, params: dict[str, str]) -> None:
    """The same for the WebSocket API: the parameters in the order of their names."""
    _check_key(venue, params.get("apiKey", ""))
    signed = "&".join(f"{k}={v}" for k, v in sorted(params.items()) if k != "signature")
    _check(venue, signed, params)


def _check_key(venue: SimulatedVenue, key: str) -> None:
    if not key:
        raise ApiError(-2014, "API-key format invalid.", status=401)
    if key != venue.credentials.api_key or not venue.api_key_valid:
        text = "Invalid API-key, IP, or permissions for action."
        raise ApiError(-2015, text, status=401)


def _check(venue: SimulatedVenue, signed: str, fields: dict[str, str]) -> None:
    window_ms, sent_ms = (
        parse_int(fields.get("recvWindow"), _WINDOW_MS),
        fields.get("timestamp", ""),
    )
    for name in ("timestamp", "signature"):
        if not fields.get(name):
            raise missing(name)
    if window_ms > _LONGEST_WINDOW_MS:
        raise ApiError(-1131, "'recvWindow' must be less than 60000.")
    ahead_ms = parse_int(sent_ms, 0) - ms(venue.now_ns)
    if ahead_ms >= _EARLY_MS:
        text = "Timestamp for this request was 1000ms ahead of the server's time."
        raise ApiError(-1021, text)
    if -ahead_ms > window_ms:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
    expected = hmac.new(
        venue.credentials.secret.encode(), signed.encode(), hashlib.sha256
    ).hexdigest()
    if not signatures_match(expected, fields["signature"]):
        raise ApiError(-1022, "Signature for this request is not valid.")
