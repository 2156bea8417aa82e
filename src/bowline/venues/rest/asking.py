"""The words of a quirk table, given values: what goes into a request.

Pure. A word that a table uses and nobody knows is a bug and raises KeyError; a word without a
value leaves its parameter out. No quantity may be rounded here: what does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bowline.core.model.values import ZERO, Direction, OrderId, Side, to_float
from bowline.core.venue import (
    Listing,
    MarginMode,
    OrderKind,
    OrderRequest,
    PositionMode,
)
from bowline.venues.errors import Rejected
from bowline.venues.rest.quirks import MarketQuirks, Params, Placing, Quirks

Words = Mapping[str, object]


def filled_in(params: Params, words: Words) -> dict[str, object]:
    """`params` with every word replaced; those without a value left out."""
    found: dict[str, object] = {}
    for name, value in params.items():
        known = value
        if isinstance(value, str) and value.startswith("$"):
            word, dash, rest = value.partition("-")
            known = f"{words[word]}-{rest}" if dash else words[word]
        if known is not None:
            found[name] = known
    return found


def plain(value: Decimal) -> str:
    """A number as venues write it: no exponent, no needless zero."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def instrument_words(listing: Listing | None) -> dict[str, object]:
    """The words of an instrument; without one they have no value."""
    if listing is None:
        return {"$symbol": None, "$base": None, "$quote": None}
    return {"$symbol": listing.venue_symbol, "$base": listing.base, "$quote": listing.quote}


def id_words(client_id: OrderId) -> dict[str, object]:
    """The words of our id. ValueError if it is not one that every venue takes."""
    if not 0 < client_id < 2**63:
        raise ValueError(f"client id {client_id} is not a positive 63-bit integer")
    return {"$id": str(client_id), "$number": client_id, "$tagged": f"t-{client_id}"}


def window_words(since_ms: int, until_ms: int) -> dict[str, object]:
    """The words of a window of time, both ends included."""
    return {
        "$since": since_ms,
        "$until": until_ms,
        "$since_s": since_ms // 1000,
        "$until_s": -(-until_ms // 1000),
    }


def leverage_words(quirks: Quirks, leverage: Decimal, mode: MarginMode) -> dict[str, object]:
    """The words of leverage and margin mode. Rejected for a leverage that is no whole number."""
    if leverage < 1 or leverage != leverage.to_integral_value():
        raise Rejected(f"leverage {leverage}: expected a whole number, 1 or more")
    return {
        "$leverage": str(int(leverage)),
        "$leverage_int": int(leverage),
        "$own_leverage": "0" if mode is MarginMode.CROSS else str(int(leverage)),
        "$cross_leverage": str(int(leverage)) if mode is MarginMode.CROSS else None,
        "$mode": quirks.margin_words.get(mode),
    }


def mode_words(quirks: Quirks, mode: PositionMode) -> dict[str, object]:
    """The word of a position mode."""
    return {"$hedge": quirks.hedge_words[0 if mode is PositionMode.HEDGE else 1]}


def deadman_words(seconds: int) -> dict[str, object]:
    """The words of the dead-man switch."""
    return {
        "$seconds": seconds,
        "$seconds_text": str(seconds),
        "$ms": seconds * 1000,
        "$armed": "ACTIVATE" if seconds else "CLOSE",
        "$on": 1 if seconds else 0,
    }


def order_words(order: OrderRequest, listing: Listing) -> dict[str, object]:
    """The words of an order. Rejected where it does not fit the instrument's steps."""
    instrument = listing.instrument
    _check_step("quantity", order.quantity, instrument.lot_step)
    for price in (order.price, order.trigger):
        if price is not None:
            _check_step("price", price, instrument.tick_size)
    units = order.quantity / instrument.contract_size
    price_text = None if order.price is None else plain(order.price)
    words: dict[str, object] = {
        "$quantity": plain(units),
        "$quantity_number": _json_number(units),
        "$signed": plain(units * order.side.sign),
        "$signed_number": _json_number(units * order.side.sign),
        "$price": price_text,
        "$price_number": None if order.price is None else _json_number(order.price),
        "$trigger": None if order.trigger is None else plain(order.trigger),
        "$rises": 1 if order.side is Side.BUY else 2,
        "$side": order.side.value,
        "$SIDE": order.side.value.upper(),
        "$Side": order.side.value.title(),
    }
    return instrument_words(listing) | id_words(order.client_id) | words | _position_words(order)


def _position_words(order: OrderRequest) -> dict[str, object]:
    buys = order.side is Side.BUY
    if order.position is Direction.NEUTRAL:
        # one position: a buy opens a long unless it may only reduce a short
        deal = {(True, False): 1, (True, True): 2, (False, False): 3, (False, True): 4}
        return {
            "$position": None, "$POSITION": None, "$index": 0,
            "$open_side": None, "$open_close": None,
            "$deal": deal[buys, order.reduce_only],
        }  # fmt: skip
    long = order.position is Direction.LONG
    opens = buys is long
    return {
        "$position": "long" if long else "short",
        "$POSITION": "LONG" if long else "SHORT",
        "$index": 1 if long else 2,
        "$open_side": "buy" if long else "sell",
        "$open_close": "open" if opens else "close",
        "$deal": (1 if opens else 4) if long else (3 if opens else 2),
    }


def check_order(placing: Placing, order: OrderRequest) -> None:
    """Rejected for an order that this venue cannot be told, or not in base units."""
    style = style_of(order)
    if style not in placing.styles:
        raise Rejected(f"order {order.client_id}: this venue is sent no {style} order")
    if style == "market" and order.side is Side.BUY and not placing.market_buys:
        raise Rejected(
            f"order {order.client_id}: this venue takes the size of a market buy in quote money",
            hint="send a limit order with time in force IOC instead",
        )
    opens = (order.side is Side.BUY) is (order.position is Direction.LONG)
    if order.reduce_only and opens and order.position is not Direction.NEUTRAL:
        raise Rejected(f"order {order.client_id}: it would open a position and only reduce one")


def order_params(quirks: MarketQuirks, order: OrderRequest, words: Words) -> dict[str, object]:
    """Everything that is sent for an order that `check_order` let pass."""
    placing = quirks.placing
    hedged = order.position is not Direction.NEUTRAL
    params = dict(placing.call.params) | dict(placing.styles[style_of(order)])
    params |= placing.hedge if hedged else placing.one_way
    params |= placing.closing if words["$open_close"] == "close" else {}
    if order.reduce_only and not (hedged and placing.hedge_reduces):
        params |= placing.reduce_only
    return filled_in(params, words)


def style_of(order: OrderRequest) -> str:
    """The name of how an order meets the book, as the tables call it."""
    return order.time_in_force.value if order.kind is OrderKind.LIMIT else order.kind.value


def least_notional(listing: Listing, price: Decimal, floor: Decimal = ZERO) -> Decimal:
    """The least that an order at this price may come to, where the venue names none as well."""
    instrument = listing.instrument
    return max(instrument.min_notional, listing.min_quantity * price, floor)


def _check_step(name: str, value: Decimal, step: Decimal) -> None:
    if step and value % step:
        raise Rejected(f"{name} {plain(value)} is not a multiple of {plain(step)}")


def _json_number(value: Decimal) -> int | float:
    """For a venue that takes JSON numbers alone. Rejected if a double cannot say it exactly."""
    if value == value.to_integral_value():
        return int(value)
    number = to_float(value)
    if Decimal(repr(number)) != value:
        raise Rejected(f"{plain(value)} has more digits than this venue takes")
    return number
