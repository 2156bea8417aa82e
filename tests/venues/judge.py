"""ccxt as a judge of codecs: the same frames through its own handlers, without any network.

A codec and ccxt's handler were written by people who do not know each other; where both read the
same numbers out of a frame, it says them.
"""

from __future__ import annotations

from typing import Any

import ccxt.pro

SYMBOLS = {"spot": "BTC/USDT", "linear": "BTC/USDT:USDT"}


class _Socket:
    """What a handler sees of its connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.subscriptions: dict[str, Any] = {}
        self.sent: list[object] = []

    def resolve(self, result: object, message_hash: str | None = None) -> None:
        pass

    def reject(self, error: Exception, message_hash: str | None = None) -> None:
        raise error

    async def send(self, message: object) -> None:
        self.sent.append(message)


class Judge:
    """One exchange of ccxt with one market, BTC against USDT, that frames are fed to."""

    def __init__(self, venue: str, kind: str, word: str, url: str, size: float = 1) -> None:
        self.exchange = getattr(ccxt.pro, venue)()
        self.symbol = SYMBOLS[kind]
        linear = kind == "linear"
        market = {
            "id": word, "lowercaseId": word.lower(), "symbol": self.symbol,
            "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT",
            "settle": "USDT" if linear else None, "settleId": "USDT" if linear else None,
            "type": "swap" if linear else "spot", "spot": not linear, "swap": linear,
            "future": False, "option": False, "margin": False, "contract": linear,
            "linear": linear or None, "inverse": False if linear else None, "active": True,
            "contractSize": size if linear else None,
        }  # fmt: skip
        self.exchange.set_markets([self.exchange.safe_market_structure(market)])
        self.socket = _Socket(url)

    def feed(self, message: object) -> None:
        """Hand ccxt what its socket would have decoded: an object of JSON, or bytes."""
        self.exchange.handle_message(self.socket, message)

    def start_book(self, raw: dict[str, Any], number: int, bids: str, asks: str) -> None:
        """Give its book the start that it would have asked for."""
        book = self.exchange.order_book({}, 1000)
        start = self.exchange.parse_order_book(raw, self.symbol, None, bids, asks)
        start["nonce"] = number
        book.reset(start)
        self.exchange.orderbooks[self.symbol] = book

    @property
    def book(self) -> dict[str, list[tuple[float, float]]]:
        """Both sides of its book, best first."""
        book = self.exchange.orderbooks[self.symbol]
        book.limit()
        return {side: [tuple(level[:2]) for level in book[side]] for side in ("bids", "asks")}

    @property
    def trades(self) -> list[tuple[Any, ...]]:
        """Its trades: milliseconds, side, price, amount."""
        return [
            (each["timestamp"], each["side"], each["price"], each["amount"])
            for each in self.exchange.trades[self.symbol]
        ]

    @property
    def candles(self) -> list[list[float]]:
        """Its one-minute candles: milliseconds, open, high, low, close, volume."""
        return [list(each) for each in self.exchange.ohlcvs[self.symbol]["1m"]]
