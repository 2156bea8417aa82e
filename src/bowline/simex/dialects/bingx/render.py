"""BingX's rendering of errors, orders, fills, positions and balances, shared by REST and streams.

Pure: an object of the engine in, the venue's JSON object out.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import (
    Executed,
    Holding,
    PositionSnapshot,
    RejectReason,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import MarginMode, PositionMode, TimeInForce
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import FieldReader, ms, parse_int, plain, plain_or, seconds

_FIRST_ORDER = 1_900_000_000_000_000_000
_FIRST_TRADE = 170_000_000

# The document that this table came from is not recorded; to check it: bingx-api.github.io/docs,
# the orders of spot and swap.
SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}
POSITION_SIDES = {Direction.LONG: "LONG", Direction.SHORT: "SHORT", Direction.NEUTRAL: "BOTH"}
TIMES_IN_FORCE = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "PostOnly",
}
MARGIN_MODES = {MarginMode.CROSS: "CROSSED", MarginMode.ISOLATED: "ISOLATED"}
TRIGGERS = {TriggerPrice.LAST: "CONTRACT_PRICE", TriggerPrice.MARK: "MARK_PRICE"}
_STATES = {
    OrderState.PENDING: "PENDING",
    OrderState.WORKING: "PENDING",
    OrderState.PARTLY_FILLED: "PARTIALLY_FILLED",
    OrderState.FILLED: "FILLED",
    OrderState.CANCELLED: "CANCELED",
    OrderState.REJECTED: "FAILED",
}
_CENTS = Decimal("0.00000001")

_R = RejectReason
# The document that this table came from is not recorded; to check it: bingx-api.github.io/docs,
# "Error codes" of spot and swap.
#: reason -> code and words, for perpetuals and for spot
_LINEAR: dict[RejectReason, tuple[int, str]] = {
    _R.INSUFFICIENT_FUNDS: (101204, "Insufficient margin"),
    _R.BELOW_MIN_QUANTITY: (101400, "The minimum order amount is not met"),
    _R.BELOW_MIN_NOTIONAL: (
        110425,
        "Please ensure that the minimum nominal value of the order placed must be greater",
    ),
    _R.POST_ONLY: (101215, "The Maker (Post Only) order would immediately match"),
    _R.REDUCE_ONLY: (101205, "No position to close"),
    _R.DUPLICATE_ID: (101481, "clientOrderID cannot be repeated"),
    _R.UNKNOWN_ORDER: (80016, "order does not exist"),
    _R.ALREADY_DONE: (80018, "order is already filled or cancelled"),
    _R.UNKNOWN_INSTRUMENT: (109425, "the symbol does not exist, please verify it"),
    _R.HALTED: (109418, "trading pair is offline and cannot be ordered through the api"),
    _R.POSITION_MODE: (109400, "the 'PositionSide' field does not fit the position mode"),
    _R.LEVERAGE_TOO_HIGH: (101414, "The maximum leverage for the trading pair is exceeded"),
    _R.MODE_IN_USE: (109400, "there is a position or an open order, the mode cannot be changed"),
    _R.TOO_MANY_OPEN_ORDERS: (80013, "the number of open orders is limited"),
}
_SPOT: dict[RejectReason, tuple[int, str]] = {
    _R.INSUFFICIENT_FUNDS: (100202, "Insufficient balance"),
    _R.DUPLICATE_ID: (101481, "clientOrderId exists"),
    _R.UNKNOWN_ORDER: (100404, "order not exist"),
    _R.ALREADY_DONE: (100404, "order not exist"),
    _R.HALTED: (100490, "spot symbol is offline"),
    _R.TOO_MANY_OPEN_ORDERS: (80013, "the number of open orders is limited"),
}


def error_for(kind: str, reason: RejectReason, message: str = "") -> ApiError:
    """The venue's error for a rejection of the engine."""
    table = _SPOT if kind == "spot" else _LINEAR
    if reason in table:
        return ApiError(*table[reason])
    return wrong(kind, f"{reason.value} {message}".strip())


def wrong(kind: str, what: str) -> ApiError:
    """An invalid parameter."""
    return ApiError(100400 if kind == "spot" else 109400, f"Invalid parameters, err: {what}")


_SPOT_FIELDS = FieldReader(lambda name: wrong("spot", name))
_LINEAR_FIELDS = FieldReader(lambda name: wrong("linear", name))


def field_reader(kind: str) -> FieldReader:
    """What reads the numbers of this market's requests."""
    return _SPOT_FIELDS if kind == "spot" else _LINEAR_FIELDS


def kind_of(instrument: InstrumentId) -> str:
    """`spot` or `linear`."""
    return market_by_id(instrument.market_id).kind


def order_id_text(order_id: int) -> int:
    """An order's id as the client sees it: a number too long for a double."""
    return _FIRST_ORDER + order_id


def type_code(order: VenueOrder) -> str:
    """`type` as it was asked for; of a liquidation what it is."""
    return order.requested.form or ("MARKET" if order.price is None else "LIMIT")


def parse_order_id(word: str) -> int:
    """The other way; 0, which no order has, for what never was an id."""
    return max(0, parse_int(word, 0) - _FIRST_ORDER)


def trade_id_text(trade_id: int) -> int:
    """The id of an execution or a print."""
    return _FIRST_TRADE + trade_id


def status_code(order: VenueOrder) -> str:
    """`status`; spot and perpetuals spell a cancelled order alike here, as streams do."""
    return "NEW" if order.waiting and not order.done else _STATES[order.state]


def average_of(order: VenueOrder) -> Decimal:
    """What it was filled at, 0 if it was not."""
    return order.average_price.quantize(_CENTS) if order.average_price else ZERO


def fee_of(order: VenueOrder) -> Decimal:
    """What it has cost, as a negative number."""
    return -sum((fee for _, fee in order.fees), ZERO)


def order_object(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    """An order, as it is looked up and listed."""
    form = _spot_order if kind_of(order.instrument) == "spot" else _linear_order
    return {
        "symbol": venue.listing(order.instrument).venue_symbol,
        "orderId": order_id_text(order.order_id),
        "side": SIDES[order.side],
        "type": type_code(order),
        "status": status_code(order),
        "price": plain_or(order.price, "0"),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
    } | form(order)


def _spot_order(order: VenueOrder) -> dict[str, object]:
    return {
        "StopPrice": plain_or(order.requested.trigger, "0"),
        "cummulativeQuoteQty": plain(order.cost),
        "origQuoteOrderQty": plain_or(order.requested.quote_cost, "0"),
        "fee": plain(fee_of(order)),
        "feeAsset": order.fees[0][0] if order.fees else "",
        "clientOrderID": order.client_id,
        "avgPrice": plain(average_of(order)),
    }


def _linear_order(order: VenueOrder) -> dict[str, object]:
    return {
        "positionSide": POSITION_SIDES[order.requested.position_side],
        "stopPrice": plain_or(order.requested.trigger),
        "avgPrice": plain(average_of(order)),
        "cumQuote": plain(order.cost),
        "profit": "0",
        "commission": plain(fee_of(order)),
        "clientOrderId": order.client_id,
        "leverage": "",
        "workingType": TRIGGERS[order.requested.trigger_by],
        "timeInForce": TIMES_IN_FORCE[order.requested.time_in_force],
        "onlyOnePosition": order.requested.position_side is Direction.NEUTRAL,
        "reduceOnly": order.requested.reduce_only,
        "postOnly": order.requested.time_in_force is TimeInForce.POST_ONLY,
        "stopGuaranteed": "false",
        "triggerOrderId": 0,
        "trailingStopRate": 0,
        "closePosition": "",
    }


def placed_object(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    """An order that was just taken."""
    common: dict[str, object] = {
        "symbol": venue.listing(order.instrument).venue_symbol,
        "orderId": order_id_text(order.order_id),
        "side": SIDES[order.side],
        "type": type_code(order),
        "clientOrderID": order.client_id,
    }
    if kind_of(order.instrument) == "spot":
        return common | {
            "transactTime": ms(order.updated_ns),
            "price": plain_or(order.price, "0"),
            "stopPrice": plain_or(order.requested.trigger, "0"),
            "origQty": plain(order.quantity),
            "executedQty": plain(order.filled),
            "cummulativeQuoteQty": plain(order.cost),
            "status": status_code(order),
        }
    return common | {
        "orderID": str(order_id_text(order.order_id)),
        "positionSide": POSITION_SIDES[order.requested.position_side],
        "price": float(order.price or 0),
        "quantity": float(order.quantity),
        "stopPrice": float(order.requested.trigger or 0),
        "workingType": TRIGGERS[order.requested.trigger_by],
        "timeInForce": TIMES_IN_FORCE[order.requested.time_in_force],
        "reduceOnly": order.requested.reduce_only,
        "status": status_code(order),
        "avgPrice": plain(average_of(order)),
        "executedQty": plain(order.filled),
    }


def spot_fill(venue: SimulatedVenue, fill: Executed) -> dict[str, object]:
    """A spot execution."""
    return {
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "id": trade_id_text(fill.trade_id),
        "orderId": order_id_text(fill.order_id),
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "quoteQty": plain(fill.price * fill.quantity),
        "commission": float(-fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": ms(fill.now_ns),
        "isBuyer": fill.side is Side.BUY,
        "isMaker": fill.maker,
    }


def linear_fill(venue: SimulatedVenue, fill: Executed, utc: str) -> dict[str, object]:
    """An execution of a perpetual; `utc` is its time to the millisecond."""
    return {
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "filledTm": f"{utc}Z",
        "filledTime": f"{utc}+0000",
        "volume": plain(fill.quantity),
        "qty": plain(fill.quantity),
        "price": plain(fill.price),
        "amount": plain(fill.price * fill.quantity),
        "quoteQty": plain(fill.price * fill.quantity),
        "commission": plain(-fill.fee),
        "currency": fill.fee_asset,
        "commissionAsset": fill.fee_asset,
        "orderId": str(order_id_text(fill.order_id)),
        "tradeId": str(trade_id_text(fill.trade_id)),
        "clientOrderId": fill.client_id,
        "side": SIDES[fill.side],
        "positionSide": POSITION_SIDES[fill.position_side],
        "role": "maker" if fill.maker else "taker",
        "liquidatedPrice": "0.00",
        "liquidatedMarginRatio": "0.00",
    }


def position_object(venue: SimulatedVenue, position: PositionSnapshot) -> dict[str, object]:
    """An open position: LONG or SHORT, in one-way mode too."""
    liquidation = position.liquidation_price
    value = position.quantity * (position.mark or position.entry_price)
    ratio = position.unrealised / position.margin if position.margin else ZERO
    return {
        "positionId": str(seconds(position.updated_ns)),
        "symbol": venue.listing(position.instrument).venue_symbol,
        "currency": venue.listing(position.instrument).quote,
        "positionAmt": plain(position.quantity),
        "availableAmt": plain(position.quantity),
        "positionSide": POSITION_SIDES[position.direction],
        "isolated": position.margin_mode is MarginMode.ISOLATED,
        "avgPrice": plain(position.entry_price.quantize(_CENTS)),
        "initialMargin": plain(position.margin.quantize(_CENTS)),
        "margin": plain((position.margin + position.unrealised).quantize(_CENTS)),
        "leverage": int(position.leverage),
        "unrealizedProfit": plain(position.unrealised.quantize(_CENTS)),
        "realisedProfit": plain(position.realised.quantize(_CENTS)),
        "liquidationPrice": float(liquidation) if liquidation else 0,
        "pnlRatio": plain(ratio.quantize(_CENTS)),
        "maxMarginReduction": "0",
        "riskRate": "0",
        "markPrice": plain_or(position.mark),
        "positionValue": plain(value.quantize(_CENTS)),
        "onlyOnePosition": position.mode is PositionMode.ONE_WAY,
        "updateTime": ms(position.updated_ns),
    }


def coin_object(holding: Holding) -> dict[str, object]:
    """A coin of the spot account."""
    return {
        "asset": holding.asset,
        "displayName": holding.asset,
        "free": plain(holding.free),
        "locked": plain(holding.locked),
    }


def margin_object(venue: SimulatedVenue, holding: Holding) -> dict[str, object]:
    """The account of the perpetuals."""
    return {
        "userId": venue.credentials.user_id,
        "asset": holding.asset,
        "balance": plain(holding.total),
        "equity": plain(holding.total + holding.unrealised),
        "unrealizedProfit": plain(holding.unrealised),
        "realisedProfit": "0",
        "availableMargin": plain(holding.free),
        "usedMargin": plain(holding.margin),
        "freezedMargin": plain(holding.locked),
        "shortUid": venue.credentials.user_id,
    }
