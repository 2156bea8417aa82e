"""HTX's Signature v2: HMAC-SHA256 in base64 over method, host, path and sorted query.

The host is part of what is signed. Here it may be any of the venue's own, or this machine; a client
that cannot tell host and path of a stream's address apart signs the whole address, and is believed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import unquote, urlencode

from bowline.simex.payload import signatures_match
from bowline.simex.session import Session
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import seconds

_HOSTS = (
    "api.huobi.pro", "api-aws.huobi.pro", "api.htx.com", "api.hbdm.com", "api.hbdm.vn",
)  # fmt: skip
#: how far a time stamp may be from the venue's
_WINDOW_S = 300


def flaw_of_call(call: ApiCall) -> str:
    """What is wrong with the proof of a request; nothing if it holds."""
    parts = [each for each in call.raw_query.split("&") if each]
    signed = [each for each in parts if not each.startswith("Signature=")]
    signed.sort(key=lambda each: each.partition("=")[0])
    hosts = (*_HOSTS, call.headers.get("Host", ""))
    texts = [f"{call.method}\n{host}\n{call.path}\n{'&'.join(signed)}" for host in hosts]
    query = call.query
    return _flaw(
        call.venue,
        query.get("AccessKeyId", ""),
        query.get("Timestamp", ""),
        query.get("Signature", ""),
        texts,
    )


def flaw_of_login(session: Session, path: str, params: dict[str, str], signature: str) -> str:
    """The same of a login over a stream; `params` are what is signed."""
    query = urlencode(sorted(params.items()))
    venue = session.venue.name
    paths = (path, f"ws://{session.host}/{venue}{path}")
    texts = [f"GET\n{host}\n{each}\n{query}" for host in (*_HOSTS, session.host) for each in paths]
    key = params.get("AccessKeyId") or params.get("accessKey", "")
    stamp = params.get("Timestamp") or params.get("timestamp", "")
    return _flaw(session.venue, key, stamp, signature, texts)


def _flaw(venue: SimulatedVenue, key: str, stamp: str, signature: str, texts: Iterable[str]) -> str:
    if key != venue.credentials.api_key or not venue.api_key_valid:
        return "Incorrect Access key"
    if not _in_time(venue, stamp):
        return "Incorrect Timestamp"
    secret = venue.credentials.secret.encode()
    for text in texts:
        digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        if signatures_match(base64.b64encode(digest).decode(), unquote(signature)):
            return ""
    return "Verification failure"


def _in_time(venue: SimulatedVenue, stamp: str) -> bool:
    try:
        sent = datetime.strptime(unquote(stamp), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(sent.timestamp() - seconds(venue.now_ns)) <= _WINDOW_S
