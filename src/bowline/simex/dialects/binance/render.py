"""Binance's rendering of orders, fills and positions, shared by REST and streams.

Pure: an object of the engine in, the venue's JSON object out.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import (
    EndReason,
    Executed,
    PositionSnapshot,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import MarginMode, OrderKind, PositionMode, TimeInForce
from bowline.simex.dialects.binance.request_fields import market_of
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.wire_values import ms, plain, plain_or

#: the engine numbers orders from here on; algo orders are numbered apart
FIRST_ORDER_ID = 40_000_000_001
_FIRST_ALGO_ID = 1_000_000_000_001

# The document that this table came from is not recorded; to check it: developers.binance.com,
# spot "Enums", USD-M futures "Event: Order Update".
SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}
TIMES_IN_FORCE = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "GTX",
}
POSITION_SIDES = {Direction.LONG: "LONG", Direction.SHORT: "SHORT", Direction.NEUTRAL: "BOTH"}
WORKING_TYPES = {TriggerPrice.LAST: "CONTRACT_PRICE", TriggerPrice.MARK: "MARK_PRICE"}
_STATES = {
    OrderState.PENDING: "NEW",
    OrderState.WORKING: "NEW",
    OrderState.PARTLY_FILLED: "PARTIALLY_FILLED",
    OrderState.FILLED: "FILLED",
    OrderState.CANCELLED: "CANCELED",
    OrderState.REJECTED: "REJECTED",
}
#: ends that nobody asked for
_EXPIRES = set(EndReason) - {EndReason.REQUESTED, EndReason.SCRIPT}
CENTS = Decimal("0.00000001")


def status_code(order: VenueOrder) -> str:
    """`status`: what the venue itself ends has expired."""
    if order.state is OrderState.CANCELLED and order.ended in _EXPIRES:
        return "EXPIRED"
    return _STATES[order.state]


def type_code(order: VenueOrder) -> str:
    """`type`, as it was asked for."""
    requested, spot = order.requested, market_of(order.instrument) == "spot"
    if requested.kind is OrderKind.MARKET:
        return "MARKET"
    if requested.kind is OrderKind.LIMIT:
        return (
            "LIMIT_MAKER" if spot and requested.time_in_force is TimeInForce.POST_ONLY else "LIMIT"
        )
    rising = (
        requested.side is Side.BUY if requested.trigger_rising is None else requested.trigger_rising
    )
    stops = rising is (requested.side is Side.BUY)
    limit = requested.price is not None
    if spot:
        return ("STOP_LOSS" if stops else "TAKE_PROFIT") + ("_LIMIT" if limit else "")
    return ("STOP" if stops else "TAKE_PROFIT") + ("" if limit else "_MARKET")


def engine_type_code(order: VenueOrder) -> str:
    """`type` of a futures order: what was an algo order is a limit or a market order now."""
    if not is_algo(order):
        return type_code(order)
    return "MARKET" if order.price is None else "LIMIT"


def time_in_force_code(order: VenueOrder) -> str:
    """`timeInForce`; spot says post-only with the type."""
    force = order.requested.time_in_force
    if market_of(order.instrument) == "spot" and force is TimeInForce.POST_ONLY:
        return "GTC"
    return TIMES_IN_FORCE[force]


def is_algo(order: VenueOrder) -> bool:
    """Whether a futures order was sent to the algo service, waiting or not."""
    return order.requested.kind is OrderKind.STOP and market_of(order.instrument) == "linear"


def in_engine(order: VenueOrder) -> bool:
    """Whether the order endpoints know it: an algo order only once it was triggered."""
    return order.triggered or not is_algo(order)


def algo_id(order: VenueOrder) -> int:
    """`algoId`."""
    return order.order_id - FIRST_ORDER_ID + _FIRST_ALGO_ID


def algo_order_id(number: int) -> int:
    """The engine's id of an algo order; 0, which no order has, for what never was one."""
    return max(0, number - _FIRST_ALGO_ID + FIRST_ORDER_ID)


def client_id_text(order: VenueOrder) -> str:
    """`clientOrderId`: a liquidation's is the venue's own."""
    return f"autoclose-{ms(order.created_ns)}" if order.by_venue else order.client_id


def average(order: VenueOrder) -> str:
    """The average price of its fills, `0` before the first."""
    price = order.average_price
    return "0" if price is None else plain(price.quantize(CENTS))


# --- spot -----------------------------------------------------------------------------------------


def _spot_core(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    return {
        "symbol": venue.listing(order.instrument).venue_symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_id,
    }


def _spot_rest(order: VenueOrder) -> JsonObject:
    return {
        "price": plain_or(order.price, "0"),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "origQuoteOrderQty": plain_or(order.requested.quote_cost, "0"),
        "cummulativeQuoteQty": plain(order.cost),
        "status": status_code(order),
        "timeInForce": time_in_force_code(order),
        "type": type_code(order),
        "side": SIDES[order.side],
        "selfTradePreventionMode": "NONE",
        **({"stopPrice": plain(order.requested.trigger)} if order.requested.trigger else {}),
    }


def spot_order(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An order that is looked up."""
    return _spot_core(venue, order) | _spot_rest(order) | {
        "stopPrice": plain_or(order.requested.trigger, "0"),
        "icebergQty": "0",
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "isWorking": not order.waiting,
        "workingTime": -1 if order.waiting else ms(order.created_ns),
    }  # fmt: skip


def spot_placed(
    venue: SimulatedVenue, order: VenueOrder, how: str, fills: Iterable[Executed]
) -> JsonObject:
    """What placing answers: ACK, RESULT or FULL."""
    words = _spot_core(venue, order) | {"transactTime": ms(order.updated_ns)}
    if how == "ACK":
        return words
    words |= _spot_rest(order) | {"workingTime": ms(order.created_ns)}
    if how == "RESULT":
        return words
    return words | {
        "fills": [
            {
                "price": plain(each.price),
                "qty": plain(each.quantity),
                "commission": plain(each.fee),
                "commissionAsset": each.fee_asset,
                "tradeId": each.trade_id,
            }
            for each in fills
        ]
    }


def spot_cancelled(venue: SimulatedVenue, order: VenueOrder, by: str) -> JsonObject:
    """What cancelling answers: the cancel has a client id of its own."""
    names = {"origClientOrderId": order.client_id, "clientOrderId": by}
    stamp = {"transactTime": ms(order.updated_ns)}
    return _spot_core(venue, order) | names | stamp | _spot_rest(order)


def spot_fill(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """A row of myTrades."""
    return {
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
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
    }


# --- futures --------------------------------------------------------------------------------------


def linear_order(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An order, wherever it is told."""
    requested = order.requested
    return {
        "orderId": order.order_id,
        "symbol": venue.listing(order.instrument).venue_symbol,
        "status": status_code(order),
        "clientOrderId": client_id_text(order),
        "price": plain_or(order.price, "0"),
        "avgPrice": average(order),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cumQty": plain(order.filled),
        "cumQuote": plain(order.cost),
        "timeInForce": time_in_force_code(order),
        "type": engine_type_code(order),
        "reduceOnly": requested.reduce_only,
        "closePosition": False,
        "side": SIDES[order.side],
        "positionSide": POSITION_SIDES[requested.position_side],
        "stopPrice": "0",
        "workingType": WORKING_TYPES[requested.trigger_by],
        "priceProtect": False,
        "origType": type_code(order),
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
    }


def algo_status_code(order: VenueOrder) -> str:
    """`algoStatus`."""
    if not order.triggered:
        return {OrderState.WORKING: "NEW", OrderState.CANCELLED: "CANCELED"}.get(
            order.state, "REJECTED"
        )
    if order.state is OrderState.REJECTED:
        return "REJECTED"
    return "FINISHED" if order.done else "TRIGGERED"


def algo_order(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """A conditional order."""
    requested = order.requested
    return {
        "algoId": algo_id(order),
        "clientAlgoId": order.client_id,
        "algoType": "CONDITIONAL",
        "orderType": type_code(order),
        "symbol": venue.listing(order.instrument).venue_symbol,
        "side": SIDES[order.side],
        "positionSide": POSITION_SIDES[requested.position_side],
        "timeInForce": time_in_force_code(order),
        "quantity": plain(order.quantity),
        "algoStatus": algo_status_code(order),
        "actualOrderId": str(order.order_id) if order.triggered else "",
        "actualPrice": average(order),
        "triggerPrice": plain_or(requested.trigger, "0"),
        "price": plain_or(order.price, "0"),
        "icebergQuantity": None,
        "selfTradePreventionMode": "NONE",
        "workingType": WORKING_TYPES[requested.trigger_by],
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": requested.reduce_only,
        "createTime": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "triggerTime": ms(order.updated_ns) if order.triggered else 0,
        "goodTillDate": 0,
    }


def linear_fill(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """A row of userTrades."""
    return {
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "side": SIDES[fill.side],
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "realizedPnl": plain(fill.realised),
        "quoteQty": plain(fill.price * fill.quantity),
        "commission": plain(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": ms(fill.now_ns),
        "positionSide": POSITION_SIDES[fill.position_side],
        "buyer": fill.side is Side.BUY,
        "maker": fill.maker,
    }


def signed(position: PositionSnapshot, amount: Decimal) -> Decimal:
    """Negative for a short position."""
    return -amount if position.direction is Direction.SHORT else amount


def position_side_code(position: PositionSnapshot) -> str:
    """`positionSide`: a one-way position is BOTH, whatever way it goes."""
    return "BOTH" if position.mode is PositionMode.ONE_WAY else POSITION_SIDES[position.direction]


def linear_position(venue: SimulatedVenue, position: PositionSnapshot) -> JsonObject:
    """A row of positionRisk. The third version tells no leverage: it is what the margins say."""
    mark = position.mark or position.entry_price
    notional = position.quantity * mark
    entry = plain(position.entry_price.quantize(CENTS))
    margin = notional / position.leverage
    isolated = position.margin_mode is MarginMode.ISOLATED
    liquidation = position.liquidation_price
    return {
        "symbol": venue.listing(position.instrument).venue_symbol,
        "positionSide": position_side_code(position),
        "positionAmt": plain(signed(position, position.quantity)),
        "entryPrice": entry,
        "breakEvenPrice": entry,
        "markPrice": plain(mark),
        "unRealizedProfit": plain(position.unrealised),
        "liquidationPrice": plain_or(liquidation and liquidation.quantize(CENTS), "0"),
        "isolatedMargin": plain(position.margin + position.unrealised) if isolated else "0",
        "notional": plain(signed(position, notional)),
        "marginAsset": venue.listing(position.instrument).quote,
        "isolatedWallet": plain(position.margin) if isolated else "0",
        "initialMargin": plain(margin.quantize(CENTS)),
        "maintMargin": plain(position.maintenance),
        "positionInitialMargin": plain(margin.quantize(CENTS)),
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": ms(position.updated_ns),
    }
