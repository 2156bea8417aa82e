"""Building request parameters: the variables of a quirk table and their values.

Pure. An unknown variable in a table raises KeyError; a variable without a value leaves its
parameter out. Quantities must never be rounded here: what does not fit is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from bowline.core.model.values import Direction, OrderId, Side, to_float
from bowline.core.venue import (
    Listing,
    MarginMode,
    OrderKind,
    OrderRequest,
    PositionMode,
)
from bowline.venues.errors import Rejected
from bowline.venues.rest.quirks import MarketQuirks, OrderQuirks, Params, VenueQuirks

Variables = Mapping[str, object]


def substitute(params: Params, variables: Variables) -> dict[str, object]:
    """`params` with every variable replaced; those without a value are left out."""
    found: dict[str, object] = {}
    for name, value in params.items():
        known = value
        if isinstance(value, str) and value.startswith("$"):
            word, dash, rest = value.partition("-")
            known = f"{variables[word]}-{rest}" if dash else variables[word]
        if known is not None:
            found[name] = known
    return found


def format_decimal(value: Decimal) -> str:
    """A decimal number without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def instrument_variables(listing: Listing | None) -> dict[str, object]:
    """The variables of an instrument; None without a listing."""
    if listing is None:
        return {"$symbol": None, "$base": None, "$quote": None}
    return {"$symbol": listing.venue_symbol, "$base": listing.base, "$quote": listing.quote}


def id_variables(client_id: OrderId) -> dict[str, object]:
    """The variables of a client id. ValueError if it is not a positive 63-bit integer."""
    if not 0 < client_id < 2**63:
        raise ValueError(f"client id {client_id} is not a positive 63-bit integer")
    return {"$id": str(client_id), "$number": client_id, "$tagged": f"t-{client_id}"}


def window_variables(since_ms: int, until_ms: int) -> dict[str, object]:
    """The variables of a time window, both ends included."""
    return {
        "$since": since_ms,
        "$until": until_ms,
        "$since_s": since_ms // 1000,
        "$until_s": -(-until_ms // 1000),
    }


def leverage_variables(
    quirks: VenueQuirks, leverage: Decimal, mode: MarginMode
) -> dict[str, object]:
    """The variables of leverage and margin mode. Rejected if leverage is not a whole number."""
    if leverage < 1 or leverage != leverage.to_integral_value():
        raise Rejected(f"leverage {leverage}: expected a whole number, 1 or more")
    return {
        "$leverage": str(int(leverage)),
        "$leverage_int": int(leverage),
        "$own_leverage": "0" if mode is MarginMode.CROSS else str(int(leverage)),
        "$cross_leverage": str(int(leverage)) if mode is MarginMode.CROSS else None,
        "$mode": quirks.margin_mode_values.get(mode),
    }


def mode_variables(quirks: VenueQuirks, mode: PositionMode) -> dict[str, object]:
    """The variable of a position mode."""
    return {"$hedge": quirks.position_mode_values[0 if mode is PositionMode.HEDGE else 1]}


def deadman_variables(seconds: int) -> dict[str, object]:
    """The variables of the dead-man switch."""
    return {
        "$seconds": seconds,
        "$seconds_text": str(seconds),
        "$ms": seconds * 1000,
        "$armed": "ACTIVATE" if seconds else "CLOSE",
        "$on": 1 if seconds else 0,
    }


def order_variables(order: OrderRequest, listing: Listing) -> dict[str, object]:
    """The variables of an order. Rejected if it does not fit the instrument's steps."""
    instrument = listing.instrument
    _check_step("quantity", order.quantity, instrument.lot_step)
    for price in (order.price, order.trigger):
        if price is not None:
            _check_step("price", price, instrument.tick_size)
    units = order.quantity / instrument.contract_size
    price_text = None if order.price is None else format_decimal(order.price)
    variables: dict[str, object] = {
        "$quantity": format_decimal(units),
        "$quantity_number": _json_number(units),
        "$signed": format_decimal(units * order.side.sign),
        "$signed_number": _json_number(units * order.side.sign),
        "$price": price_text,
        "$price_number": None if order.price is None else _json_number(order.price),
        "$trigger": None if order.trigger is None else format_decimal(order.trigger),
        "$rises": 1 if order.side is Side.BUY else 2,
        "$side": order.side.value,
        "$SIDE": order.side.value.upper(),
        "$Side": order.side.value.title(),
    }
    return (
        instrument_variables(listing)
        | id_variables(order.client_id)
        | variables
        | _position_variables(order)
    )


def _position_variables(order: OrderRequest) -> dict[str, object]:
    buys = order.side is Side.BUY
    if order.position is Direction.NEUTRAL:
        # in one-way mode a buy opens a long position unless it is reduce-only
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


def check_order(placing: OrderQuirks, order: OrderRequest) -> None:
    """Raises Rejected for an order that this venue does not support."""
    style = order_style(order)
    if style not in placing.styles:
        raise Rejected(f"order {order.client_id}: {style} orders are not supported at this venue")
    if style == "market" and order.side is Side.BUY and not placing.base_market_buys:
        raise Rejected(
            f"order {order.client_id}: this venue sizes a spot market buy in quote currency",
            hint="send a limit order with time in force IOC instead",
        )
    opens = (order.side is Side.BUY) is (order.position is Direction.LONG)
    if order.reduce_only and opens and order.position is not Direction.NEUTRAL:
        raise Rejected(f"order {order.client_id}: a reduce-only order cannot open a position")


def order_params(
    quirks: MarketQuirks, order: OrderRequest, variables: Variables
) -> dict[str, object]:
    """All parameters of an order that `check_order` accepted."""
    placing = quirks.placing
    hedged = order.position is not Direction.NEUTRAL
    params = dict(placing.call.params) | dict(placing.styles[order_style(order)])
    params |= placing.hedge if hedged else placing.one_way
    params |= placing.close if variables["$open_close"] == "close" else {}
    if order.reduce_only and not (hedged and placing.hedge_reduce_only):
        params |= placing.reduce_only
    return substitute(params, variables)


def order_style(order: OrderRequest) -> str:
    """The style of an order as the quirk tables name it."""
    return order.time_in_force.value if order.kind is OrderKind.LIMIT else order.kind.value


def _check_step(name: str, value: Decimal, step: Decimal) -> None:
    if step and value % step:
        raise Rejected(
            f"{name} {format_decimal(value)} is not a multiple of {format_decimal(step)}"
        )


def _json_number(value: Decimal) -> int | float:
    """A JSON number. Rejected if a double cannot represent it exactly."""
    if value == value.to_integral_value():
        return int(value)
    number = to_float(value)
    if Decimal(repr(number)) != value:
        raise Rejected(f"{format_decimal(value)} has more digits than this venue accepts")
    return number
