"""What a simulated venue lists: symbols with their first price, tick and lot.

Every venue lists the same symbols; each dialect under its own name and in its own units. The values
are made up here, near to what the large venues list, and must not be taken for any venue's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.instrument import Instrument, InstrumentId, market_by_name
from bowline.core.model.values import ONE
from bowline.core.venue import Listing

#: base asset: first price, tick, lot
_SPECS = {
    "BTC": ("60000", "0.1", "0.001"),
    "ETH": ("3000", "0.01", "0.01"),
    "SOL": ("150", "0.01", "0.1"),
    "BNB": ("600", "0.01", "0.01"),
    "XRP": ("0.6", "0.0001", "1"),
    "DOGE": ("0.15", "0.00001", "1"),
}
_DEFAULT_SPEC = ("10", "0.001", "0.1")
_QUOTES = ("USDT", "USDC")


class SymbolSpec(Struct, frozen=True):
    """`price`, `tick` and `min_notional` are in the quote asset, `lot` in base units."""

    base: str
    quote: str
    price: Decimal
    tick: Decimal
    lot: Decimal
    min_notional: Decimal = Decimal(5)

    @property
    def symbol(self) -> str:
        """The name that spot and perpetual have in this program."""
        return self.base + self.quote

    def to_listing(
        self,
        market: str,
        venue_symbol: str,
        *,
        max_leverage: Decimal | int,
        contract_size: Decimal = ONE,
        lot: Decimal | None = None,
        min_notional: Decimal | None = None,
    ) -> Listing:
        """How a market (`venue:kind`) lists it; what is not given is the symbol's own.

        `max_leverage` counts for perpetuals alone.
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
            venue_symbol,
            self.base,
            self.quote,
            min_quantity=instrument.lot_step,
            max_leverage=Decimal(max_leverage) if found.kind == "linear" else None,
        )


def symbol_spec(symbol: str) -> SymbolSpec:
    """The specification of a symbol such as BTCUSDT; BadInput if its quote is not known."""
    for quote in _QUOTES:
        base = symbol.upper().removesuffix(quote)
        if base.isalnum() and base != symbol.upper():
            price, tick, lot = map(Decimal, _SPECS.get(base, _DEFAULT_SPEC))
            return SymbolSpec(base, quote, price, tick, lot)
    raise BadInput(
        f"{symbol} is no symbol that can be simulated", hint=f"expected a coin in {_QUOTES[0]}"
    )


def reference_price(asset: str) -> Decimal:
    """What an asset costs in quote money; Gate's POINT is worth one unit of it."""
    return Decimal(1) if asset == "POINT" else Decimal(_SPECS.get(asset, _DEFAULT_SPEC)[0])


def traded_assets(listings: Iterable[Listing]) -> list[str]:
    """Every base and quote asset of these listings, once."""
    return sorted({asset for each in listings for asset in (each.base, each.quote)})
