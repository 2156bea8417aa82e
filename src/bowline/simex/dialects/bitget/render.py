"""Bitget's rendering of errors, orders, fills, positions and balances, shared by REST and streams.

Pure: an object of the engine in, the venue's JSON object out. In hedge mode `side` is the
position's, `buy` for a long, whether an order opens or closes it.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import (
    EndReason,
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
from bowline.simex.wire_values import FieldReader, ms, parse_int, plain, plain_or

_FIRST_ORDER = 1_311_000_000_000_000_000
_FIRST_TRADE = 1_322_000_000_000_000_000

# The document that this table came from is not recorded; to check it: bitget.com/api-doc,
# "enumeration" and "websocket/private/Order-Channel".
#: our kinds of market in the words of the streams; contracts are one of several products
PRODUCTS = {"spot": "SPOT", "linear": "USDT-FUTURES"}
SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
TIMES_IN_FORCE = {
    TimeInForce.GTC: "gtc",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
    TimeInForce.POST_ONLY: "post_only",
}
MARGIN_MODES = {MarginMode.CROSS: "crossed", MarginMode.ISOLATED: "isolated"}
POSITION_MODES = {PositionMode.ONE_WAY: "one_way_mode", PositionMode.HEDGE: "hedge_mode"}
TRIGGERS = {TriggerPrice.LAST: "fill_price", TriggerPrice.MARK: "mark_price"}
_POSITION_SIDES = {Direction.LONG: "long", Direction.SHORT: "short", Direction.NEUTRAL: "net"}
_STATES = {
    OrderState.PENDING: "live",
    OrderState.WORKING: "live",
    OrderState.PARTLY_FILLED: "partially_filled",
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "cancelled",
}
_PLAN_STATES = {
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "fail_trigger",
    OrderState.FILLED: "executed",
}
#: `planType` of what takes profit or stops the loss of a position, or of a part of it
TPSL_FORMS = {"pos_profit", "pos_loss", "profit_plan", "loss_plan"}
#: what pays fees at a discount; "Get Fills" tells the amount of it with a plus
_DEDUCTING = frozenset({"BGB"})
_CENTS = Decimal("0.00000001")

_R = RejectReason
# The document that this table came from is not recorded; to check it: bitget.com/api-doc,
# "error-code/restapi" of spot and contract.
#: reason -> code and words, for contracts and for spot
_LINEAR: dict[RejectReason, tuple[str, str]] = {
    _R.ABOVE_MAX_QUANTITY: ("45112", "more than the maximum order quantity"),
    _R.ABOVE_MAX_PRICE: ("43009", "The current commission price exceeds the limit"),
    _R.INSUFFICIENT_FUNDS: ("40762", "The order amount exceeds the balance"),
    _R.BELOW_MIN_QUANTITY: ("45111", "less than the minimum order quantity"),
    _R.BELOW_MIN_NOTIONAL: ("45110", "less than the minimum amount 5 USDT"),
    _R.LOT: ("40808", "Parameter verification exception size checkBDScale error"),
    _R.TICK: ("45115", "The price you enter should be a multiple of the price step"),
    _R.REDUCE_ONLY: ("22002", "No position to close"),
    _R.NO_LIQUIDITY: ("22045", "Insufficient liquidity in the market, please operate later"),
    _R.DUPLICATE_ID: ("40786", "Duplicate clientOid"),
    _R.UNKNOWN_ORDER: ("40768", "Order does not exist"),
    _R.ALREADY_DONE: ("22001", "No order to cancel"),
    _R.NOTHING_TO_AMEND: ("40923", "Order size and price have not changed"),
    _R.UNKNOWN_INSTRUMENT: ("40034", "Parameter symbol does not exist"),
    _R.HALTED: ("41114", "The current trading pair is under maintenance"),
    _R.POSITION_MODE: (
        "40774",
        "The order type for unilateral position must also be the unilateral position type.",
    ),
    # "Error Code", futures
    _R.POSITION_LIMIT: ("40797", "Exceeded the maximum settable leverage"),
    _R.LEVERAGE_TOO_HIGH: ("45045", "Exceeds the maximum possible leverage"),
    _R.TOO_MANY_OPEN_ORDERS: ("40761", "The total number of unfilled orders is too high"),
}
_SPOT: dict[RejectReason, tuple[str, str]] = {
    _R.ABOVE_MAX_QUANTITY: ("43007", "The order quantity is greater than the maximum"),
    _R.INSUFFICIENT_FUNDS: ("43012", "Insufficient balance"),
    _R.BELOW_MIN_QUANTITY: ("43006", "The order quantity is less than the minimum"),
    _R.TICK: ("41103", "param price scale error error"),
    _R.DUPLICATE_ID: ("43118", "clientOrderId duplicate"),
    _R.UNKNOWN_ORDER: ("43001", "The order does not exist"),
    _R.ALREADY_DONE: ("43001", "The order does not exist"),
    _R.TOO_MANY_OPEN_ORDERS: ("43005", "Exceed the maximum number of orders"),
}
_OTHERWISE = ("40017", "Parameter verification failed")


def error_for(kind: str, reason: RejectReason, message: str = "") -> ApiError:
    """The venue's error for a rejection of the engine."""
    for table in (_SPOT, _LINEAR) if kind == "spot" else (_LINEAR,):
        if reason in table:
            return ApiError(*table[reason])
    return wrong(message)


def wrong(what: str) -> ApiError:
    """An invalid parameter."""
    code, words = _OTHERWISE
    return ApiError(code, f"{words} {what}".strip())


FIELDS = FieldReader(wrong)


def kind_of(instrument: InstrumentId) -> str:
    """`spot` or `linear`."""
    return market_by_id(instrument.market_id).kind


def order_id_text(order_id: int) -> str:
    """An order's id as the client sees it."""
    return str(_FIRST_ORDER + order_id)


def parse_order_id(word: str) -> int:
    """The other way; 0, which no order has, for what never was an id."""
    return _number(word, _FIRST_ORDER)


def trade_id_text(trade_id: int) -> str:
    """The id of an execution or a print."""
    return str(_FIRST_TRADE + trade_id)


def trade_number(word: str) -> int:
    """The other way."""
    return _number(word, _FIRST_TRADE)


def _number(word: str, first: int) -> int:
    return max(0, parse_int(word, 0) - first)


def client_id_text(order: VenueOrder) -> str:
    """`clientOid`; the venue makes one up for who sends none."""
    return order.client_id or order_id_text(order.order_id)


def at_step(number: Decimal, step: Decimal) -> str:
    """Always with the decimals of the step, as books and their checksums have it."""
    decimals = max(0, -int(step.normalize().as_tuple().exponent))
    return f"{number:.{decimals}f}"


def side_code(side: Side, position_side: Direction) -> str:
    """`side`: the order's, or in hedge mode the position's."""
    if position_side is Direction.NEUTRAL:
        return SIDES[side]
    return "buy" if position_side is Direction.LONG else "sell"


def trade_side(side: Side, position_side: Direction, *, by_venue: bool) -> str:
    """`tradeSide`: `open`, `close`, or the one-way `buy_single`; a liquidation says so."""
    if position_side is Direction.NEUTRAL:
        word = f"{SIDES[side]}_single"
        return f"burst_{word}" if by_venue else word
    if by_venue:
        return f"burst_close_{_POSITION_SIDES[position_side]}"
    return "open" if side.sign == (1 if position_side is Direction.LONG else -1) else "close"


def _average(order: VenueOrder) -> Decimal:
    return order.average_price.quantize(_CENTS) if order.average_price else ZERO


def _fee_sum(order: VenueOrder) -> Decimal:
    return sum((fee for asset, fee in order.fees if asset not in _DEDUCTING), ZERO)


def type_code(order: VenueOrder) -> str:
    """`orderType`: of a trigger order what it becomes."""
    return "market" if order.price is None else "limit"


def _common(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    return {
        "symbol": venue.listing(order.instrument).venue_symbol,
        "orderId": order_id_text(order.order_id),
        "clientOid": client_id_text(order),
        "size": plain(order.requested.quote_cost or order.quantity),
        "orderType": type_code(order),
        "side": side_code(order.side, order.requested.position_side),
        "enterPointSource": "SYS" if order.by_venue else "API",
        "cTime": str(ms(order.created_ns)),
        "uTime": str(ms(order.updated_ns)),
    }


def spot_order(venue: SimulatedVenue, order: VenueOrder, *, pending: bool) -> dict[str, object]:
    """A spot order. Where pending ones are listed its price is called `priceAvg`."""
    shown = _common(venue, order) | {
        "userId": venue.credentials.user_id,
        "status": _STATES[order.state],
        "baseVolume": plain(order.filled),
        "quoteVolume": plain(order.cost),
        "orderSource": "market" if order.price is None else "normal",
        "triggerPrice": None,
        "tpslType": "normal",
    }
    if pending:
        averages = {"priceAvg": plain_or(order.price, "0"), "basePrice": plain(_average(order))}
        return shown | averages | {"force": TIMES_IN_FORCE[order.requested.time_in_force]}
    return shown | {
        "price": plain_or(order.price, "0"),
        "priceAvg": plain(_average(order)),
        "feeDetail": _fee_text(order),
        "cancelReason": _cancel_reason(order),
    }


def _fee_text(order: VenueOrder) -> str:
    """JSON within JSON: what was paid in each coin, as a negative number."""
    if not order.fees:
        return ""
    of_coin = {
        asset: {
            "deduction": asset in _DEDUCTING,
            "feeCoinCode": asset,
            "totalDeductionFee": 0,
            "totalFee": float(fee if asset in _DEDUCTING else -fee),
        }
        for asset, fee in order.fees
    }
    return msgspec.json.encode(of_coin).decode()


def _cancel_reason(order: VenueOrder) -> str:
    return "normal_cancel" if order.ended is EndReason.REQUESTED else ""


def linear_order(venue: SimulatedVenue, order: VenueOrder, *, state_name: str) -> dict[str, object]:
    """An order of contracts; its state is called `state` by itself and `status` in a list."""
    return (
        _common(venue, order)
        | _contract_fields(venue, order)
        | {
            state_name: _STATES[order.state].replace("cancelled", "canceled"),
            "baseVolume": plain(order.filled),
            "quoteVolume": plain(order.cost),
            "fee": plain(-_fee_sum(order)),
            "price": plain_or(order.price, ""),
            "priceAvg": plain(_average(order)) if order.filled else "",
            "force": TIMES_IN_FORCE[order.requested.time_in_force],
            "totalProfits": "0",
            "orderSource": "normal",
            "presetStopSurplusPrice": "",
            "presetStopLossPrice": "",
            "cancelReason": _cancel_reason(order),
        }
    )


def _contract_fields(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    position_side = order.requested.position_side
    settings = venue.view("linear").settings(order.account, order.instrument)
    trade_side_code = trade_side(order.side, position_side, by_venue=order.by_venue)
    return {
        "posSide": _POSITION_SIDES[position_side],
        "tradeSide": trade_side_code,
        "posMode": POSITION_MODES[
            PositionMode.ONE_WAY if position_side is Direction.NEUTRAL else PositionMode.HEDGE
        ],
        "reduceOnly": "YES" if order.requested.reduce_only or trade_side_code == "close" else "NO",
        "marginCoin": venue.listing(order.instrument).quote,
        "marginMode": MARGIN_MODES[settings.margin_mode],
        "leverage": plain(settings.leverage),
    }


def plan_type(order: VenueOrder) -> str:
    """`planType` of a contract's trigger order."""
    return order.requested.form or "normal_plan"


def _plan_state(order: VenueOrder) -> str:
    if order.triggered and order.state is not OrderState.REJECTED:
        return "executed"
    return _PLAN_STATES.get(order.state, "live")


def plan_order(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    """A trigger order, in its own list and with its own word for its state."""
    linear = kind_of(order.instrument) == "linear"
    form, trigger = plan_type(order), plain_or(order.requested.trigger)
    price = plain_or(order.price, "0")
    loss, gain = form in ("pos_loss", "loss_plan"), form in ("pos_profit", "profit_plan")
    of_position = {
        "price": plain_or(order.price, ""),
        "stopLossTriggerPrice": trigger if loss else "",
        "stopLossExecutePrice": price if loss else "",
        "stopSurplusTriggerPrice": trigger if gain else "",
        "stopSurplusExecutePrice": price if gain else "",
        # "Get History Trigger Order": what it has become
        "executeOrderId": order_id_text(order.order_id) if order.triggered else "",
    }
    return (
        _common(venue, order)
        | (_contract_fields(venue, order) if linear else {})
        | {
            "planType": form if linear else "amount",
            "planStatus" if linear else "status": _plan_state(order),
            "triggerPrice": trigger,
            "triggerType": TRIGGERS[order.requested.trigger_by],
            "executePrice": price,
        }
        | (of_position if linear else {})
    )


def fee_detail(fill: Executed) -> dict[str, object]:
    """What an execution cost: a negative number, a rebate a positive one; in BGB a positive one."""
    deducted = fill.fee_asset in _DEDUCTING
    return {
        "deduction": "yes" if deducted else "no",
        "feeCoin": fill.fee_asset,
        "totalDeductionFee": "0",
        "totalFee": plain(fill.fee if deducted else -fill.fee),
    }


def fill_object(
    venue: SimulatedVenue, fill: Executed, *, fees_as_list: bool = True
) -> dict[str, object]:
    """An execution; only the list of spot executions has its fee not within a list."""
    # not the venue's view, which a fault may keep from seeing what is new
    order = venue.engine_of(fill.instrument).view.order(fill.account, fill.order_id)
    assert order is not None
    spot = kind_of(fill.instrument) == "spot"
    detail, cost = fee_detail(fill), plain(fill.price * fill.quantity)
    shown: dict[str, object] = {
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "orderId": order_id_text(fill.order_id),
        "clientOid": client_id_text(order),
        "tradeId": trade_id_text(fill.trade_id),
        "orderType": type_code(order),
        "side": side_code(fill.side, fill.position_side),
        "tradeScope": "maker" if fill.maker else "taker",
        "feeDetail": [detail] if fees_as_list else detail,
        "cTime": str(ms(fill.now_ns)),
        "uTime": str(ms(fill.now_ns)),
    }
    if spot:
        return shown | {
            "userId": venue.credentials.user_id,
            "priceAvg": plain(fill.price),
            "size": plain(fill.quantity),
            "amount": cost,
        }
    hedged = fill.position_side is not Direction.NEUTRAL
    return shown | {
        "price": plain(fill.price),
        "baseVolume": plain(fill.quantity),
        "quoteVolume": cost,
        "profit": plain(fill.realised),
        "tradeSide": trade_side(fill.side, fill.position_side, by_venue=fill.liquidation),
        "posMode": POSITION_MODES[PositionMode.HEDGE if hedged else PositionMode.ONE_WAY],
        "enterPointSource": "api",
    }


def position_object(venue: SimulatedVenue, position: PositionSnapshot) -> dict[str, object]:
    """An open position; a one-way one is `long` or `short` too."""
    liquidation = position.liquidation_price
    entry = position.entry_price.quantize(_CENTS)
    value = position.quantity * (position.mark or entry)
    return {
        "symbol": venue.listing(position.instrument).venue_symbol,
        "marginCoin": venue.listing(position.instrument).quote,
        "holdSide": _POSITION_SIDES[position.direction],
        "openDelegateSize": "0",
        "marginSize": plain(position.margin),
        "available": plain(position.quantity),
        "locked": "0",
        "total": plain(position.quantity),
        "leverage": plain(position.leverage),
        "achievedProfits": plain(position.realised),
        "openPriceAvg": plain(entry),
        "marginMode": MARGIN_MODES[position.margin_mode],
        "posMode": POSITION_MODES[position.mode],
        "unrealizedPL": plain(position.unrealised),
        "liquidationPrice": plain(liquidation.quantize(_CENTS)) if liquidation else "0",
        "keepMarginRate": plain((position.maintenance / value).quantize(_CENTS)) if value else "0",
        "markPrice": plain_or(position.mark, "0"),
        "marginRatio": "0",
        "breakEvenPrice": plain(entry),
        "totalFee": "",
        "deductedFee": "0",
        "autoMargin": "off",
        "cTime": str(ms(position.updated_ns)),
        "uTime": str(ms(position.updated_ns)),
    }


def coin_object(holding: Holding, now_ns: int) -> dict[str, object]:
    """A coin of the spot account."""
    return {
        "coin": holding.asset,
        "available": plain(holding.free),
        "frozen": plain(holding.locked),
        "locked": "0",
        "limitAvailable": "0",
        "uTime": str(ms(now_ns)),
    }


def margin_object(holding: Holding) -> dict[str, object]:
    """The futures account, as REST has it."""
    equity = plain(holding.total + holding.unrealised)
    return {
        "marginCoin": holding.asset,
        "locked": plain(holding.locked),
        "available": plain(holding.total - holding.locked),
        "crossedMaxAvailable": plain(holding.free),
        "isolatedMaxAvailable": plain(holding.free),
        "maxTransferOut": plain(holding.free),
        "accountEquity": equity,
        "usdtEquity": equity,
        "btcEquity": "0",
        "crossedRiskRate": "0",
        "unrealizedPL": plain(holding.unrealised),
        "coupon": "0",
        "crossedUnrealizedPL": plain(holding.unrealised),
        "isolatedUnrealizedPL": "0",
        "assetMode": "single",
    }
