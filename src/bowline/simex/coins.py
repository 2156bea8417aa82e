"""What can be traded in a simulated world: a coin against a quote, its first price and its steps.

The same coins are listed at every venue; each dialect lists them in its own words and units.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.values import ONE
from bowline.core.venue import Listing

#: first price, price step, quantity step
_KNOWN = {
    "BTC": ("60000", "0.1", "0.001"),
    "ETH": ("3000", "0.01", "0.01"),
    "SOL": ("150", "0.01", "0.1"),
    "BNB": ("600", "0.01", "0.01"),
    "XRP": ("0.6", "0.0001", "1"),
    "DOGE": ("0.15", "0.00001", "1"),
}
_OTHERS = ("10", "0.001", "0.1")
_QUOTES = ("USDT", "USDC")


class Coin(Struct, frozen=True):
    """`tick` and `lot` are in quote money and base units; so are the minima."""

    base: str
    quote: str
    price: Decimal
    tick: Decimal
    lot: Decimal
    min_notional: Decimal = Decimal(5)

    @property
    def symbol(self) -> str:
        """Our name for it, spot and perpetual alike."""
        return self.base + self.quote

    def listed(
        self,
        market: str,
        word: str,
        *,
        most_leverage: Decimal | int,
        contract_size: Decimal = ONE,
        lot: Decimal | None = None,
        min_notional: Decimal | None = None,
    ) -> Listing:
        """How a market (`venue:kind`) lists it as `word`; what is not said is the coin's own.

        `most_leverage` counts for perpetuals alone.
        """
        found = market_by_name(market)
        instrument = Instrument(
            InstrumentId(found.market_id, self.symbol),
            tick_size=self.tick,
            lot_step=self.lot if lot is None else lot,
            min_notional=self.min_notional if min_notional is None else min_notional,
            contract_size=contract_size,
        )
        return Listing(
            instrument,
            word,
            self.base,
            self.quote,
            min_quantity=instrument.lot_step,
            max_leverage=Decimal(most_leverage) if found.kind == "linear" else None,
        )


def coin_of(symbol: str) -> Coin:
    """The coin that a symbol such as BTCUSDT names; BadInput if its quote is not known."""
    for quote in _QUOTES:
        base = symbol.upper().removesuffix(quote)
        if base.isalnum() and base != symbol.upper():
            price, tick, lot = map(Decimal, _KNOWN.get(base, _OTHERS))
            return Coin(base, quote, price, tick, lot)
    raise BadInput(
        f"{symbol} is no symbol that can be simulated", hint=f"expected a coin in {_QUOTES[0]}"
    )


def price_of(asset: str) -> Decimal:
    """What an asset costs in quote money; a point is worth one unit of it."""
    return Decimal(1) if asset == "POINT" else Decimal(_KNOWN.get(asset, _OTHERS)[0])


def assets_of(listings: Iterable[Listing]) -> list[str]:
    """Every asset that is bought or paid with in these, once."""
    return sorted({asset for each in listings for asset in (each.base, each.quote)})
