"""Markets and instruments: what can be traded, where, and in which steps.

An instrument is `(market_id, symbol)`. `venue:kind:symbol` is its name for people and streams and
must never be used as a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NewType

import msgspec

from bowline.core.model.values import ONE, ZERO, floor_to_step

MarketId = NewType("MarketId", int)


class Market(msgspec.Struct, frozen=True):
    """A kind of trading at a venue. `taker_fee_pct` is the default cost of a backtest there."""

    market_id: MarketId
    venue: str
    kind: str
    taker_fee_pct: Decimal

    @property
    def name(self) -> str:
        """`venue:kind`, the way a person writes it."""
        return f"{self.venue}:{self.kind}"


class InstrumentId(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """The key of an instrument everywhere."""

    market_id: MarketId
    symbol: str


class Instrument(msgspec.Struct, frozen=True):
    """What the venue lets one trade, and in which steps. A step or minimum of 0 means none known.

    `contract_size` is base units a contract: quantities here are always base units.
    """

    id: InstrumentId
    tick_size: Decimal = ZERO
    lot_step: Decimal = ZERO
    min_notional: Decimal = ZERO
    contract_size: Decimal = ONE
    taker_fee_pct: Decimal = ZERO
    #: the assets that it trades, in the venue's spelling; empty where nobody said
    base: str = ""
    quote: str = ""

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_step", "min_notional", "taker_fee_pct"):
            if not getattr(self, name) >= ZERO:
                raise ValueError(f"{name} of {self.id.symbol} must be 0 or more")
        if not self.contract_size > ZERO:
            raise ValueError(f"contract_size of {self.id.symbol} must be more than 0")

    @property
    def key(self) -> str:
        """`venue:kind:symbol`, for people and stream names only."""
        return f"{market_by_id(self.id.market_id).name}:{self.id.symbol}"

    def tradable_quantity(self, quantity: Decimal) -> Decimal:
        """`quantity` rounded down to the venue's lot step."""
        return floor_to_step(quantity, self.lot_step)


def instrument_with(key: InstrumentId, numbers: Sequence[str]) -> Instrument:
    """An instrument with tick, lot step, minimum notional, contract size and taker fee as text."""
    tick, lot, minimum, contract, fee = map(Decimal, numbers)
    return Instrument(key, tick, lot, minimum, contract, fee)


_SPOT_FEE = Decimal("0.075")
_LINEAR_FEE = Decimal("0.1")
_VENUES = ("binance", "bybit", "bitget", "bingx", "gate", "okx", "htx", "mexc")

#: Candles read straight from a file belong to no venue; nothing is ever stored under this market.
FILE_MARKET = Market(MarketId(0), "file", "candles", _SPOT_FEE)

#: Ids are fixed for ever: stored rows carry them.
MARKETS: tuple[Market, ...] = tuple(
    Market(MarketId(2 * i + j + 1), venue, kind, fee)
    for i, venue in enumerate(_VENUES)
    for j, (kind, fee) in enumerate((("spot", _SPOT_FEE), ("linear", _LINEAR_FEE)))
)
_KIND_ALIASES = {"futures": "linear", "perp": "linear", "perpetual": "linear", "swap": "linear"}


def market_by_id(market_id: MarketId) -> Market:
    """The market with this id; KeyError if there is none."""
    for market in (FILE_MARKET, *MARKETS):
        if market.market_id == market_id:
            return market
    raise KeyError(f"no market has id {market_id}")


def market_by_name(name: str) -> Market:
    """The market a person calls `venue:kind`; ValueError lists the names there are."""
    venue, _, kind = name.strip().lower().partition(":")
    kind = _KIND_ALIASES.get(kind, kind)
    for market in MARKETS:
        if (market.venue, market.kind) == (venue, kind):
            return market
    allowed = ", ".join(m.name for m in MARKETS)
    raise ValueError(f"unknown market {name!r}: expected one of {allowed}")
