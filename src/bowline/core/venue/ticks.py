"""What a venue pushes about its markets, decoded: trades, quotes, books and candles.

Numbers are float64, because these are looked at thousands of times a second; a decision that
moves money takes them through `to_decimals`. An event must say what the venue said and nothing
more: a missing number, an unknown word or a guess never becomes one. `event_ns` is the venue's
time of the event, 0 where it gives none.
"""

from __future__ import annotations

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import Side

#: price and size of one level, in quote money and base units; size 0 takes the level away
Level = tuple[float, float]


class TradePrinted(Struct, frozen=True, tag=True, gc=False):
    """A public trade. `side` is the taker's; `trade_id` is empty where the venue gives none."""

    instrument: InstrumentId
    event_ns: int
    price: float
    quantity: float
    side: Side
    trade_id: str


class QuoteChanged(Struct, frozen=True, tag=True, gc=False):
    """The best bid and ask, sizes in base units; price and size 0: nobody is on that side."""

    instrument: InstrumentId
    event_ns: int
    bid: float
    bid_size: float
    ask: float
    ask_size: float


class QuotePart(Struct, frozen=True, tag=True, gc=False):
    """A quote of which the venue tells only what is new; None: that side is as it was."""

    instrument: InstrumentId
    event_ns: int
    bid: Level | None
    ask: Level | None

    def after(self, quote: QuoteChanged) -> QuoteChanged:
        """The whole quote, if `quote` was the one before."""
        bid = self.bid or (quote.bid, quote.bid_size)
        ask = self.ask or (quote.ask, quote.ask_size)
        return QuoteChanged(self.instrument, self.event_ns, *bid, *ask)


class BookReplaced(Struct, frozen=True, tag=True):
    """A whole book: what was known before is void. Levels best first.

    `sequence` is the venue's number of the last change that is in it; 0 where it counts none.
    """

    instrument: InstrumentId
    event_ns: int
    bids: list[Level]
    asks: list[Level]
    sequence: int = 0
    checksum: int | None = None


class BookChanged(Struct, frozen=True, tag=True):
    """Levels that are new; the changes `first` to `last` of the venue's count.

    `previous` is the `last` of the change before, where the venue says it.
    """

    instrument: InstrumentId
    event_ns: int
    bids: list[Level]
    asks: list[Level]
    first: int
    last: int
    previous: int | None = None
    checksum: int | None = None


class CandleSeen(Struct, frozen=True, tag=True, gc=False):
    """A one-minute candle as far as the venue has it; `closed` only if the venue says so."""

    instrument: InstrumentId
    event_ns: int
    open_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    closed: bool


Tick = TradePrinted | QuoteChanged | QuotePart | BookReplaced | BookChanged | CandleSeen
