"""Protects the server itself, over real sockets: what is too long, too deep or no text is refused.

Nothing of it may be an HTTP 5xx, end another's connection or be logged as an error.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from bowline.simex import DIALECTS, SyntheticMarket, VenueSimulator, serve, symbol_spec

PATHS = {
    "binance": "/api/v3/order", "bybit": "/v5/order/create", "okx": "/api/v5/trade/order",
    "gate": "/api/v4/spot/orders", "bitget": "/api/v2/spot/trade/place-order",
    "bingx": "/openApi/spot/v1/trade/order", "htx": "/v1/order/orders/place",
    "mexc": "/api/v1/private/order/create",
}  # fmt: skip
#: headers that hold a key, a signature or a time at one venue or another
NAMED = (
    "X-MBX-APIKEY", "X-BAPI-API-KEY", "X-BAPI-SIGN", "X-BAPI-TIMESTAMP", "OK-ACCESS-KEY",
    "OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP", "OK-ACCESS-PASSPHRASE", "ACCESS-KEY", "ACCESS-SIGN",
    "ACCESS-TIMESTAMP", "ACCESS-PASSPHRASE", "KEY", "SIGN", "Timestamp", "X-BX-APIKEY",
    "X-MEXC-APIKEY", "ApiKey", "Signature", "Request-Time",
)  # fmt: skip


def raw(path: str, head: bytes = b"", body: bytes = b"") -> bytes:
    length = f"\r\nContent-Length: {len(body)}\r\n".encode()
    start = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close".encode()
    return start + length + head + b"\r\n" + body


def requests(path: str) -> list[bytes]:
    strange = b"".join(b"%s: \xff\xfe\xc3\xa9\r\n" % name.encode() for name in NAMED)
    return [
        raw(path, strange),
        raw(path, b"X-Long: " + b"a" * 100_000 + b"\r\n"),
        raw(path, b"".join(b"X-%d: a\r\n" % each for each in range(5_000))),
        raw(path + "?" + "a" * 100_000),
        raw(path + "?signature=%ff%fe&timestamp=%00&symbol=%ed%a0%80"),
        raw(path, b"Content-Type: application/json\r\n", b"[" * 1_000_000),
        raw(path, b"", b"a" * 3_000_000),
        raw(path, b"Content-Encoding: gzip\r\n", b"no gzip"),
        raw(path, b"Upgrade: websocket\r\n"),
        raw("/" + "\u00e9" * 20),
    ]


async def status_of(port: int, sent: bytes) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        await writer.drain()
        line = await asyncio.wait_for(reader.readline(), 10)
    finally:
        writer.close()
    return int(line.split()[1])


@pytest.mark.parametrize("venue", DIALECTS)
def test_whatever_arrives_is_refused(venue: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> list[int]:
        market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, history_minutes=3, levels=5)
        async with serve(VenueSimulator([venue], market=market)) as address:
            return [
                await status_of(address.port, each) for each in requests(f"/{venue}{PATHS[venue]}")
            ]

    with caplog.at_level(logging.ERROR):
        statuses = asyncio.run(scene())
    assert all(status < 500 for status in statuses), statuses
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


_UPGRADE = (
    b"GET /bybit/v5/public/spot HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
#: RFC 6455, 5.5.2: an empty ping, its mask all zeros
_PING = b"\x89\x80\0\0\0\0"


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /bybit/v5/order/create HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
        _UPGRADE + _PING * 20_000,
        _UPGRADE + _PING[:3],
    ],
)
def test_a_client_that_goes_away_in_the_middle_is_no_error(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> int:
        market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, history_minutes=3, levels=5)
        async with serve(VenueSimulator(["bybit"], market=market)) as address:
            for _ in range(5):
                _, writer = await asyncio.open_connection("127.0.0.1", address.port)
                writer.write(sent)
                await asyncio.sleep(0.05)
                writer.transport.abort()
            return await status_of(address.port, raw("/bybit/v5/market/time"))

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(scene()) < 500
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize("venue", ["bybit", "okx", "gate", "binance"])
def test_a_stream_goes_on_after_what_it_cannot_read(venue: str) -> None:
    endpoints = {
        "bybit": "/v5/private", "okx": "/ws/v5/private", "gate": "/ws/v4/",
        "binance": "/ws-api/v3",
    }  # fmt: skip

    async def scene() -> Any:
        import aiohttp

        market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, history_minutes=3, levels=5)
        async with (
            serve(VenueSimulator([venue], market=market)) as address,
            aiohttp.ClientSession() as http,
            http.ws_connect(address.ws(venue) + endpoints[venue]) as socket,
        ):
            for text in ("[" * 100_000, "{", "1" * 10_000, '{"op":' * 50_000, "\U0001f680"):
                await socket.send_str(text)
                assert (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT
            await socket.send_bytes(b"\xff\xfe")
            return (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT

    assert asyncio.run(scene())
