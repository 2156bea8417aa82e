"""Protects the proof of who asks, at every dialect: each character of it, key and time.

Right requests are made by ccxt and over streams by each venue's own recipe; one thing is changed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from bowline.core.model.values import SECOND_NS
from bowline.simex import DIALECTS
from bowline.simex.credentials import ApiCredentials
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from tests.simex.clients import Seat
from tests.simex.lines import heard
from tests.simex.test_hostile import VENUES

Play = Callable[..., None]
#: where the signature and the key are: a header, or a parameter of the query
SIGNATURE = {
    ("binance", "spot"): "signature", ("binance", "linear"): "signature",
    ("bybit", "spot"): "X-BAPI-SIGN", ("bybit", "linear"): "X-BAPI-SIGN",
    ("okx", "spot"): "OK-ACCESS-SIGN", ("okx", "linear"): "OK-ACCESS-SIGN",
    ("bitget", "spot"): "ACCESS-SIGN", ("bitget", "linear"): "ACCESS-SIGN",
    ("gate", "spot"): "SIGN", ("gate", "linear"): "SIGN",
    ("bingx", "spot"): "signature", ("bingx", "linear"): "signature",
    ("htx", "spot"): "Signature", ("htx", "linear"): "Signature",
    ("mexc", "spot"): "signature", ("mexc", "linear"): "Signature",
}  # fmt: skip
KEY = {
    "binance": "X-MBX-APIKEY", "bybit": "X-BAPI-API-KEY", "okx": "OK-ACCESS-KEY",
    "bitget": "ACCESS-KEY", "gate": "KEY", "bingx": "X-BX-APIKEY", "htx": "AccessKeyId",
}  # fmt: skip
PASSPHRASE = {"okx": "OK-ACCESS-PASSPHRASE", "bitget": "ACCESS-PASSPHRASE"}
#: further from the venue's time than any of them allows
FAR_S = 400


class Caught(Exception):
    """A request that ccxt made and did not send."""

    def __init__(self, url: str, method: str, headers: dict[str, str], body: str | None) -> None:
        super().__init__(url)
        self.url, self.method, self.headers, self.body = url, method, headers, body

    def call(self, seat: Seat) -> ApiCall:
        path, _, query = self.url.removeprefix(seat.address.http(seat.venue)).partition("?")
        return ApiCall(
            venue=seat.simulator.venues[seat.venue],
            method=self.method,
            path=path,
            raw_query=query,
            query=dict(parse_qsl(query, keep_blank_values=True)),
            headers=Headers(self.headers),
            body=(self.body or "").encode(),
        )

    def changed(self, name: str, otherwise: Callable[[str], str]) -> Caught:
        headers, url, body = dict(self.headers), self.url, self.body
        found = next((each for each in headers if each.lower() == name.lower()), "")
        if found:
            headers[found] = otherwise(headers[found])
            return Caught(url, self.method, headers, body)
        for text in (url.partition("?")[2], body or ""):
            for part in text.split("&"):
                label = part.partition("=")[0]
                if label == name:
                    new = f"{label}={quote(otherwise(dict(parse_qsl(part))[name]))}"
                    return Caught(
                        url.replace(part, new),
                        self.method,
                        headers,
                        (body or "").replace(part, new),
                    )
        raise AssertionError(f"no {name} in {self.url} {self.headers}")


class Headers(dict[str, str]):
    """Names in any case, as HTTP has them."""

    def __init__(self, sent: dict[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in sent.items()})

    def get(self, name: str, otherwise: Any = None) -> Any:
        return super().get(name.lower(), otherwise)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())


def flips(text: str) -> Iterator[str]:
    """One character otherwise, each in its turn; and what only begins or ends like it."""
    for at, letter in enumerate(text):
        other = "0" if letter != "0" else "1"
        yield f"{text[:at]}{other}{text[at + 1 :]}"
    yield from ("", text[:8], text[:-1], text + "0", text * 2, "é" + text[1:], "\udcff" * len(text))


@pytest.mark.parametrize(("venue", "kind"), SIGNATURE)
def test_a_request_is_believed_only_if_all_of_its_proof_holds(
    play: Play, venue: str, kind: str
) -> None:
    async def scene(seat: Seat) -> None:
        async def fetch(
            url: str, method: str = "GET", headers: Any = None, body: Any = None
        ) -> None:
            raise Caught(url, method, headers or {}, body)

        seat.client.fetch = fetch
        simulated = seat.simulator.venues[venue]
        in_contracts = (seat.client.market(seat.symbol)["contractSize"] or 1) != 1
        amount = 1 if in_contracts else 0.01
        acts = (
            lambda: seat.client.fetch_my_trades(seat.symbol),
            lambda: seat.client.create_order(seat.symbol, "limit", "buy", amount, 40_000),
        )
        for act in acts:
            with pytest.raises(Caught) as held:
                await act()
            right = held.value
            believed(right, seat)
            place = SIGNATURE[venue, kind]
            signature: list[str] = []
            right.changed(place, lambda text, kept=signature: kept.append(text) or text)
            for wrong in flips(signature[0]):
                # what is no UTF-8 cannot stand in a query
                if "\udcff" not in wrong or place not in ("signature", "Signature"):
                    refused(right.changed(place, lambda _, new=wrong: new), seat)
            name = KEY.get(venue) or ("X-MEXC-APIKEY" if kind == "spot" else "ApiKey")
            refused(right.changed(name, lambda text: text[:-1] + "z"), seat)
            if venue in PASSPHRASE:
                for cut in (lambda text: text[:-1] + "z", lambda _: "", lambda text: text + "z"):
                    refused(right.changed(PASSPHRASE[venue], cut), seat)
            for late_s in (FAR_S, -FAR_S):
                simulated.clock_skew_ns = late_s * SECOND_NS
                refused(right, seat)
            simulated.clock_skew_ns = 0

    play(venue, kind, scene)


def believed(request: Caught, seat: Seat) -> None:
    assert seat.simulator.dialects[seat.venue].authenticate(request.call(seat))


def refused(request: Caught, seat: Seat) -> None:
    call, dialect = request.call(seat), seat.simulator.dialects[seat.venue]
    with pytest.raises(ApiError) as no:
        dialect.authenticate(call)
    reply = dialect.render_error(call, no.value)
    assert reply.status < 500
    reply.encoded()


def mac(keys: ApiCredentials, text: str) -> bytes:
    return hmac.new(keys.secret.encode(), text.encode(), hashlib.sha256).digest()


Frame = dict[str, Any]
#: endpoint, what is signed, how the signature is spelled, the frame it goes into, what a yes holds
Login = tuple[str, Callable[[ApiCredentials, int], tuple[str, Callable[[str], Frame]]], str]


def bybit(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """Bybit v5, "Connect", authentication."""
    expires = str(now_ms + 10_000)
    return mac(keys, f"GET/realtime{expires}").hex(), lambda signature: {
        "op": "auth", "args": [keys.api_key, expires, signature],
    }  # fmt: skip


def okx(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """OKX v5, WebSocket "Login"."""
    stamp = str(now_ms // 1000)
    signature = base64.b64encode(mac(keys, f"{stamp}GET/users/self/verify")).decode()
    args = {"apiKey": keys.api_key, "passphrase": keys.password, "timestamp": stamp}
    return signature, lambda sign: {"op": "login", "args": [args | {"sign": sign}]}


def bitget(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """Bitget v2, WebSocket "Login"."""
    stamp = str(now_ms // 1000)
    signature = base64.b64encode(mac(keys, f"{stamp}GET/user/verify")).decode()
    args = {"apiKey": keys.api_key, "passphrase": keys.password, "timestamp": stamp}
    return signature, lambda sign: {"op": "login", "args": [args | {"sign": sign}]}


def gate(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """Gate v4 WebSocket, "Authentication": HMAC-SHA512 of channel, event and time."""
    stamp = now_ms // 1000
    text = f"channel=spot.balances&event=subscribe&time={stamp}"
    signature = hmac.new(keys.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
    return signature, lambda sign: {
        "time": stamp, "channel": "spot.balances", "event": "subscribe", "payload": [],
        "auth": {"method": "api_key", "KEY": keys.api_key, "SIGN": sign},
    }  # fmt: skip


def gate_orders(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """Gate v4 WebSocket, "Login": api, channel, parameters and time, a line each."""
    stamp = str(now_ms // 1000)
    text = f"api\nspot.login\n\n{stamp}"
    signature = hmac.new(keys.secret.encode(), text.encode(), hashlib.sha512).hexdigest()
    return signature, lambda sign: {
        "time": now_ms // 1000, "channel": "spot.login", "event": "api",
        "payload": {
            "api_key": keys.api_key, "signature": sign, "timestamp": stamp, "req_id": "1",
        },
    }  # fmt: skip


def binance(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """Binance WebSocket API, SIGNED requests: the parameters in the order of their names."""
    params = {"apiKey": keys.api_key, "recvWindow": 5000, "timestamp": now_ms}
    return mac(keys, urlencode(params)).hex(), lambda sign: {
        "id": 1, "method": "account.status", "params": params | {"signature": sign},
    }  # fmt: skip


def mexc(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """MEXC contract WebSocket, "Login": key and time."""
    return mac(keys, f"{keys.api_key}{now_ms}").hex(), lambda sign: {
        "method": "login",
        "param": {"apiKey": keys.api_key, "reqTime": str(now_ms), "signature": sign},
    }


def htx_spot(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """HTX spot WebSocket v2, "Authentication": signature version 2.1."""
    params = {
        "accessKey": keys.api_key, "signatureMethod": "HmacSHA256", "signatureVersion": "2.1",
        "timestamp": f"{datetime.fromtimestamp(now_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}",
    }  # fmt: skip
    text = f"GET\napi.huobi.pro\n/ws/v2\n{urlencode(sorted(params.items()))}"
    return base64.b64encode(mac(keys, text)).decode(), lambda sign: {
        "action": "req", "ch": "auth", "params": {"authType": "api"} | params | {"signature": sign},
    }  # fmt: skip


def htx_swap(keys: ApiCredentials, now_ms: int) -> tuple[str, Callable[[str], Frame]]:
    """HTX USDT-margined contracts, "Authentication" of the notification stream."""
    params = {
        "AccessKeyId": keys.api_key, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2",
        "Timestamp": f"{datetime.fromtimestamp(now_ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}",
    }  # fmt: skip
    text = f"GET\napi.hbdm.com\n/ws/v5/notification\n{urlencode(sorted(params.items()))}"
    return base64.b64encode(mac(keys, text)).decode(), lambda sign: {
        "op": "auth", "type": "api", **params, "Signature": sign,
    }  # fmt: skip


LOGINS: tuple[tuple[str, str, Any, str], ...] = (
    ("binance", "/ws-api/v3", binance, '"status":200'),
    ("binance", "/ws-fapi/v1", binance, '"status":200'),
    ("bybit", "/v5/private", bybit, '"success":true'),
    ("bybit", "/v5/trade", bybit, '"retCode":0'),
    ("okx", "/ws/v5/{endpoint}", okx, '"event":"login"'),
    ("bitget", "/v2/ws/private", bitget, '"event":"login"'),
    ("gate", "/ws/v4/", gate, '"status":"success"'),
    ("gate", "/ws/v4/", gate_orders, '"uid"'),
    ("htx", "/ws/v2", htx_spot, '"code":200,'),
    ("htx", "/ws/v5/notification", htx_swap, '"err-code":0'),
    ("mexc", "/edge", mexc, '"rs.login"'),
)


@pytest.mark.parametrize(("venue", "endpoint", "recipe", "yes"), LOGINS)
def test_a_stream_is_opened_only_by_the_whole_signature(
    venue: str, endpoint: str, recipe: Any, yes: str
) -> None:
    simulated: SimulatedVenue = VENUES[venue]
    signature, framed = recipe(simulated.credentials, simulated.now_ns // 1_000_000)
    for wrong in flips(signature):
        if "\udcff" in wrong:
            continue  # no JSON can hold it
        session, said = heard(simulated, endpoint, json.dumps(framed(wrong)))
        assert said, "a refusal is told"
        assert yes not in said[-1], wrong
        assert not session.account, wrong
    session, said = heard(simulated, endpoint, json.dumps(framed(signature)))
    assert yes in "".join(said)
    simulated.clock_skew_ns = FAR_S * SECOND_NS
    _, said = heard(simulated, endpoint, json.dumps(framed(signature)))
    simulated.clock_skew_ns = 0
    assert yes not in "".join(said)


def test_every_dialect_is_looked_at() -> None:
    assert {venue for venue, _ in SIGNATURE} == set(DIALECTS)
