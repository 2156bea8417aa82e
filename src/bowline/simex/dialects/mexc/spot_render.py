"""MEXC's words for spot orders, fills and balances: numbers are text, ids begin with C02__."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Side
from bowline.core.sim.exchange import Executed, Holding, VenueOrder
from bowline.core.venue import OrderKind, TimeInForce
from bowline.simex.venue import SimulatedVenue
from bowline.simex.wire_values import ms, parse_int, plain, plain_or

_ORDER_HEAD = "C02__"
_FIRST_ORDER = 440_000_000_000_000_000_000
_FIRST_TRADE = 500_000_000_000_000_000
_CENTS = Decimal("0.00000001")

# The document that this table came from is not recorded; to check it: the enumerations of MEXC's
# spot v3.
SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}
#: `type` of a limit order, which is also how long it may wait
LIMITS = {
    TimeInForce.GTC: "LIMIT",
    TimeInForce.POST_ONLY: "LIMIT_MAKER",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
#: the same as the streams number them, a market order last
_NUMBERED = {"LIMIT": 1, "LIMIT_MAKER": 2, "IMMEDIATE_OR_CANCEL": 3, "FILL_OR_KILL": 4, "MARKET": 5}
_STATES = {"NEW": 1, "FILLED": 2, "PARTIALLY_FILLED": 3, "CANCELED": 4, "PARTIALLY_CANCELED": 5}
SIDE_NUMBERS = {Side.BUY: 1, Side.SELL: 2}


def order_id_text(order_id: int) -> str:
    """An order's id as the client sees it."""
    return f"{_ORDER_HEAD}{_FIRST_ORDER + order_id}"


def parse_order_id(word: str) -> int:
    """The other way; 0, which no order has, for what never was an id."""
    digits = word.removeprefix(_ORDER_HEAD)
    return 0 if digits == word else max(0, parse_int(digits, 0) - _FIRST_ORDER)


def trade_id_text(trade_id: int) -> str:
    """An execution's id."""
    return f"{_FIRST_TRADE + trade_id}X1"


def type_code(order: VenueOrder) -> str:
    """`type`."""
    if order.requested.kind is OrderKind.MARKET:
        return "MARKET"
    return LIMITS[order.requested.time_in_force]


def status_code(order: VenueOrder) -> str:
    """`status`: the venue has no word for a rejected order."""
    match order.state:
        case OrderState.FILLED:
            return "FILLED"
        case OrderState.PARTLY_FILLED:
            return "PARTIALLY_FILLED"
        case OrderState.CANCELLED | OrderState.REJECTED:
            return "PARTIALLY_CANCELED" if order.filled else "CANCELED"
        case _:
            return "NEW"


def order_object(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    """An order, as all end points have it."""
    requested = order.requested
    value = requested.quote_cost or (order.price or ZERO) * order.quantity
    return {
        "symbol": venue.listing(order.instrument).venue_symbol,
        "orderId": order_id_text(order.order_id),
        "orderListId": -1,
        "clientOrderId": order.client_id or None,
        "price": plain_or(order.price, "0"),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cummulativeQuoteQty": plain(order.cost),
        "status": status_code(order),
        "timeInForce": None,
        "type": type_code(order),
        "side": SIDES[order.side],
        "stopPrice": None,
        "icebergQty": None,
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "isWorking": not order.done,
        "origQuoteOrderQty": plain(value),
    }


def fill_object(venue: SimulatedVenue, fill: Executed) -> dict[str, object]:
    """An execution, as `myTrades` has it."""
    return {
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "id": trade_id_text(fill.trade_id),
        "orderId": order_id_text(fill.order_id),
        "orderListId": -1,
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "quoteQty": plain(fill.price * fill.quantity),
        "commission": plain(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": ms(fill.now_ns),
        "isBuyer": fill.side is Side.BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
        "isSelfTrade": False,
        "clientOrderId": fill.client_id or None,
    }


def balance_object(holding: Holding) -> dict[str, str]:
    """What an account has of an asset."""
    return {
        "asset": holding.asset, "free": plain(holding.free), "locked": plain(holding.locked),
    }  # fmt: skip


def order_fields(order: VenueOrder) -> list[tuple[int, str | int]]:
    """`PrivateOrdersV3Api`."""
    average = order.average_price.quantize(_CENTS) if order.average_price else ZERO
    remaining = ZERO if order.done else order.remaining
    value = order.requested.quote_cost or (order.price or ZERO) * order.quantity
    return [
        (1, order_id_text(order.order_id)),
        (2, order.client_id),
        (3, plain_or(order.price, "0")),
        (4, plain(order.quantity)),
        (5, plain(value)),
        (6, plain(average)),
        (7, _NUMBERED[type_code(order)]),
        (8, SIDE_NUMBERS[order.side]),
        (10, plain(remaining * (order.price or ZERO))),
        (11, plain(remaining)),
        (13, plain(order.filled)),
        (14, plain(order.cost)),
        (15, _STATES[status_code(order)]),
        (16, ms(order.created_ns)),
    ]


def fill_fields(fill: Executed) -> list[tuple[int, str | int]]:
    """`PrivateDealsV3Api`."""
    return [
        (1, plain(fill.price)),
        (2, plain(fill.quantity)),
        (3, plain(fill.price * fill.quantity)),
        (4, SIDE_NUMBERS[fill.side]),
        (5, int(fill.maker)),
        (7, trade_id_text(fill.trade_id)),
        (8, fill.client_id),
        (9, order_id_text(fill.order_id)),
        (10, plain(fill.fee)),
        (11, fill.fee_asset),
        (12, ms(fill.now_ns)),
    ]
