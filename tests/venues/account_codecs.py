"""What the tests of private codecs share: a codec, ccxt's view of the same frame, a storm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any

from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.values import SECOND_NS
from bowline.core.venue import FillReport, Listing, Listings, OrderReport
from bowline.venues.account_codec import AccountCodec, AccountMessage
from bowline.venues.codecs import ACCOUNT_CODECS
from bowline.venues.rest import Credentials
from tests.venues import fuzz
from tests.venues.judge import Judge

KEYS = Credentials("the-key", "the-secret", "the-word")
NOW_S = 1_700_000_000
NOW_NS = NOW_S * SECOND_NS
D = Decimal


def instrument_of(name: str, symbol: str = "BTCUSDT") -> InstrumentId:
    return InstrumentId(market_by_name(name).market_id, symbol)


def codec_of(name: str, *words: str, size: str = "1") -> AccountCodec:
    """A codec of a market with these words of the venue, each its own symbol, the first BTCUSDT."""
    market = market_by_name(name)
    symbols = ["BTCUSDT", *words[1:]]
    listings = [
        Listing(
            Instrument(InstrumentId(market.market_id, symbol), contract_size=Decimal(size)),
            word,
            base="BTC",
            quote="USDT",
        )
        for word, symbol in zip(words, symbols, strict=True)
    ]
    return ACCOUNT_CODECS[name](market, Listings(listings), "20011")


def judge_of(name: str, word: str, url: str, size: float = 1) -> Judge:
    """A ccxt client at the same account, its clock stopped."""
    venue, _, kind = name.partition(":")
    judge = Judge(venue, kind, word, url, size)
    exchange = judge.exchange
    exchange.apiKey, exchange.secret, exchange.password = KEYS.key, KEYS.secret, KEYS.password
    exchange.milliseconds = lambda: NOW_S * 1000
    exchange.seconds = lambda: NOW_S
    exchange.nonce = lambda: NOW_S * 1000
    return judge


def sent_by(judge: Judge, asking: Callable[[Any], Coroutine[Any, Any, Any]]) -> list[Any]:
    """What ccxt would send: URL and message of each request, its waiting cut short."""
    sent: list[Any] = []

    def watch(url: str, message_hash: str, message: Any = None, *_: Any) -> asyncio.Future[None]:
        sent.append((url, message))
        answered = asyncio.get_running_loop().create_future()
        answered.set_result(None)
        return answered

    async def ask() -> None:
        judge.exchange.watch = watch
        task = asyncio.ensure_future(asking(judge.exchange))
        await asyncio.wait({task}, timeout=0.05)
        task.cancel()
        await judge.exchange.close()

    asyncio.run(ask())
    return sent


def same_order(ours: AccountMessage, theirs: dict[str, Any], size: str = "1") -> OrderReport:
    """Our order, held to what ccxt read."""
    assert isinstance(ours, OrderReport)
    assert theirs["id"] == ours.venue_order_id
    assert theirs["side"] == ours.side.value
    told = [(theirs["amount"], ours.quantity), (theirs["filled"], ours.filled)]
    for number, quantity in told:
        if number is not None:
            assert D(str(number)) * D(size) == quantity
    return ours


def same_fill(ours: AccountMessage, theirs: dict[str, Any], size: str = "1") -> FillReport:
    """Our fill, held to what ccxt read."""
    assert isinstance(ours, FillReport)
    assert theirs["order"] == ours.venue_order_id
    assert theirs["side"] == ours.side.value
    # theirs are floats
    assert float(D(str(theirs["amount"])) * D(size)) == float(ours.quantity)
    assert theirs["price"] == float(ours.price)
    return ours


class _Checked:
    """A codec whose every number is looked at."""

    def __init__(self, codec: AccountCodec) -> None:
        self._codec = codec

    def decode(self, frame: bytes) -> Sequence[AccountMessage]:
        words = self._codec.decode(frame)
        for word in words:
            for name in word.__struct_fields__:
                value = getattr(word, name)
                if isinstance(value, Decimal):
                    assert value.is_finite(), frame
                    assert abs(value) < 10**22, frame
        return words


def storm(codec: AccountCodec, frames: Sequence[bytes]) -> None:
    """20,000 damaged frames: DecodeError, or what money can have."""
    fuzz.storm(_Checked(codec), frames)  # type: ignore[arg-type]
