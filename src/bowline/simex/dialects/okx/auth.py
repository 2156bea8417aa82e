"""Authentication of requests to OKX: HMAC-SHA256 in base64, a key and its passphrase."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

from bowline.core.model.values import SECOND_NS
from bowline.simex.payload import signatures_match
from bowline.simex.venue import ACCOUNT, SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms, parse_int

_WINDOW_MS = 30_000


def authenticate(call: ApiCall) -> str:
    """Timestamp, method, path with query, and body; WireRefusal if anything is wrong."""
    said = {name: call.headers.get(f"OK-ACCESS-{name}", "") for name in _MISSING}
    for name, code in _MISSING.items():
        if not said[name]:
            raise _auth_error(code, f'Request header "OK-ACCESS-{name}" cannot be empty.')
    keys = call.venue.credentials
    if said["KEY"] != keys.api_key or not call.venue.api_key_valid:
        raise _auth_error(50111, "Invalid OK-ACCESS-KEY")
    sent_ms = _milliseconds(said["TIMESTAMP"])
    if sent_ms is None:
        raise _auth_error(50112, "Invalid OK-ACCESS-TIMESTAMP")
    if abs(ms(call.now_ns) - sent_ms) > _WINDOW_MS:
        raise _auth_error(50102, "Timestamp request expired")
    if said["PASSPHRASE"] != keys.password:
        raise _auth_error(50105, 'Request header "OK-ACCESS-PASSPHRASE" incorrect.')
    path = f"{call.path}?{call.raw_query}" if call.raw_query else call.path
    text = f"{said['TIMESTAMP']}{call.method}{path}".encode() + call.body
    if not _signed(call.venue, text, said["SIGN"]):
        raise _auth_error(50113, "Invalid Sign")
    return ACCOUNT


def check_login(venue: SimulatedVenue, words: dict[str, str]) -> None:
    """The same for a socket, which signs a fixed path with whole seconds."""
    if words.get("apiKey") != venue.credentials.api_key or not venue.api_key_valid:
        raise ApiError(60005, "Invalid apiKey")
    stamp = words.get("timestamp", "")
    if abs(ms(venue.now_ns) - parse_int(stamp, 0) * 1_000) > _WINDOW_MS:
        raise ApiError(60006, "Timestamp request expired")
    if words.get("passphrase") != venue.credentials.password:
        raise ApiError(60024, "Wrong passphrase")
    if not _signed(venue, f"{stamp}GET/users/self/verify".encode(), words.get("sign", "")):
        raise ApiError(60007, "Invalid sign")


_MISSING = {"KEY": 50103, "PASSPHRASE": 50104, "SIGN": 50106, "TIMESTAMP": 50107}


def _auth_error(code: int, words: str) -> ApiError:
    return ApiError(code, words, status=401)


def _milliseconds(stamp: str) -> int | None:
    try:
        read = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    if read.tzinfo is None:
        return None
    return ms(int(read.timestamp() * SECOND_NS))


def _signed(venue: SimulatedVenue, text: bytes, signature: str) -> bool:
    expected = hmac.new(venue.credentials.secret.encode(), text, hashlib.sha256).digest()
    return signatures_match(base64.b64encode(expected).decode(), signature)
