"""Public trades of one instrument, its one-minute candles, last price and mark price.

A minute without a trade is a flat candle at the previous close, as venues publish it; there are no
candles before the first trade. What is stored is limited.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import MINUTE_NS, ZERO
from bowline.core.sim.exchange.facts import MinuteCandle, TradePublished

#: closed minutes that are stored: more than a day
MINUTES = 2_000


class TradeHistory:
    """Trades and minutes of one instrument. `mark` is None until a mark price was set."""

    def __init__(self, instrument: InstrumentId, history: int) -> None:
        self.instrument = instrument
        self.prints: deque[TradePublished] = deque(maxlen=history)
        self.minutes: deque[MinuteCandle] = deque(maxlen=MINUTES)
        self.forming: MinuteCandle | None = None
        self.last: Decimal | None = None
        self.mark: Decimal | None = None
        #: lowest and highest trade price since stops were last checked
        self.trigger_range: tuple[Decimal, Decimal] | None = None

    def add(self, trade: TradePublished) -> None:
        """Add a trade; earlier minutes must have been closed."""
        price, quantity = trade.price, trade.quantity
        self.prints.append(trade)
        self.last = price
        low, high = self.trigger_range or (price, price)
        self.trigger_range = min(low, price), max(high, price)
        now, value = self.forming, price * quantity
        if now is None:
            open_ns = trade.now_ns - trade.now_ns % MINUTE_NS
            self.forming = MinuteCandle(open_ns, price, price, price, price, quantity, value, 1)
            return
        self.forming = MinuteCandle(
            now.open_ns, now.open, max(now.high, price), min(now.low, price), price,
            now.volume + quantity, now.turnover + value, now.trades + 1,
        )  # fmt: skip

    def close_minutes(self, now_ns: int) -> list[MinuteCandle]:
        """Close the minutes that have passed, at most `MINUTES` flat ones; oldest first."""
        closed: list[MinuteCandle] = []
        this_ns = now_ns - now_ns % MINUTE_NS
        if self.forming is not None and self.forming.open_ns < this_ns:
            closed.append(self.forming)
            self.forming = None
        before = closed[-1] if closed else self.minutes[-1] if self.minutes else None
        if before is not None and self.forming is None:
            first_ns = max(before.open_ns + MINUTE_NS, this_ns - MINUTES * MINUTE_NS)
            flat = (before.close,) * 4
            closed += (
                MinuteCandle(open_ns, *flat, ZERO, ZERO, 0)
                for open_ns in range(first_ns, this_ns, MINUTE_NS)
            )
        self.minutes.extend(closed)
        return closed
