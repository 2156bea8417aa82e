"""What can be traded in a simulated world: a coin against a quote, its first price and its steps.

The same coins are listed at every venue; each dialect lists them in its own words and units.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.errors import BadInput

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


def coin_of(symbol: str) -> Coin:
    """The coin that a symbol such as BTCUSDT names; BadInput if its quote is not known."""
    for quote in _QUOTES:
        base = symbol.upper().removesuffix(quote)
        if base and base != symbol.upper():
            price, tick, lot = map(Decimal, _KNOWN.get(base, _OTHERS))
            return Coin(base, quote, price, tick, lot)
    raise BadInput(
        f"{symbol} is no symbol that can be simulated", hint=f"expected a coin in {_QUOTES[0]}"
    )
