"""Each venue's rule for a signature, written again from its documents and not from ccxt."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, unquote

from tests.venues.rest.stub import CREDENTIALS, Asked

#: parameters that belong to the signature and not to the request
AUTH_PARAMS = {
    "timestamp", "recvWindow", "signature", "Signature", "SignatureMethod", "SignatureVersion",
    "Timestamp", "AccessKeyId", "channel_code",
}  # fmt: skip

_HTX_HOSTS = {"/v1/": "api.huobi.pro", "/v2/": "api.huobi.pro", "/v5/": "api.hbdm.vn"}


def _hex(text: str, algorithm: str = "sha256") -> str:
    return hmac.new(CREDENTIALS.secret.encode(), text.encode(), algorithm).hexdigest()


def _digest(text: str) -> str:
    return base64.b64encode(
        hmac.new(CREDENTIALS.secret.encode(), text.encode(), hashlib.sha256).digest()
    ).decode()


def check_signature(venue: str, asked: Asked) -> None:
    """Fails unless the request carries the key and a signature that the venue would accept."""
    head = {name.lower(): value for name, value in asked.headers.items()}
    match venue:
        case "binance":
            signed, _, signature = (asked.body or asked.query).rpartition("&signature=")
            assert head["x-mbx-apikey"] == CREDENTIALS.key
            assert signature == _hex(signed)
        case "bybit":
            stamp, window = head["x-bapi-timestamp"], head["x-bapi-recv-window"]
            signed = stamp + CREDENTIALS.key + window + (asked.body or asked.query)
            assert (head["x-bapi-api-key"], window) == (CREDENTIALS.key, "5000")
            assert head["x-bapi-sign"] == _hex(signed)
        case "okx" | "bitget":
            prefix = "ok-access" if venue == "okx" else "access"
            query = f"?{asked.query}" if asked.query else ""
            signed = head[f"{prefix}-timestamp"] + asked.method + asked.path + query + asked.body
            assert head[f"{prefix}-key"] == CREDENTIALS.key
            assert head[f"{prefix}-passphrase"] == CREDENTIALS.password
            assert head[f"{prefix}-sign"] == _digest(signed)
        case "bingx":
            query, _, signature = asked.query.rpartition("&signature=")
            plain = "&".join(f"{k}={v}" for k, v in sorted(parse_qsl(query)))
            assert head["x-bx-apikey"] == CREDENTIALS.key
            assert signature == _hex(plain)
        case "gate":
            digest = hashlib.sha512(asked.body.encode()).hexdigest()
            lines = (asked.method, asked.path, unquote(asked.query), digest, head["timestamp"])
            assert head["key"] == CREDENTIALS.key
            assert head["sign"] == _hex("\n".join(lines), "sha512")
        case "htx":
            _check_htx(asked)
        case "mexc":
            _check_mexc(asked, head)
        case _:
            raise AssertionError(venue)


def _check_htx(asked: Asked) -> None:
    query, _, signature = asked.query.rpartition("&Signature=")
    assert f"AccessKeyId={CREDENTIALS.key}" in query
    names = [part.partition("=")[0] for part in query.split("&")]
    assert names == sorted(names)
    host = _HTX_HOSTS[asked.path[:4]]
    signed = f"{asked.method}\n{host}\n{asked.path}\n{query}"
    assert unquote(signature) == _digest(signed)


def _check_mexc(asked: Asked, head: dict[str, str]) -> None:
    if "signature" in head:
        stamp = head["request-time"]
        assert head["apikey"] == CREDENTIALS.key
        assert head["signature"] == _hex(CREDENTIALS.key + stamp + (asked.body or asked.query))
        return
    signed, _, signature = asked.query.rpartition("&signature=")
    assert head["x-mexc-apikey"] == CREDENTIALS.key
    assert signature == _hex(signed)
