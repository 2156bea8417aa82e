"""Bybit's rendering of orders, fills, positions and wallets, shared by REST and streams.

Pure: an object of the engine in, the venue's JSON object out.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import (
    EndReason,
    Executed,
    FundingPaid,
    Holding,
    PositionSnapshot,
    RejectReason,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import MarginMode, OrderKind, PositionMode, TimeInForce
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import FieldReader, ms, parse_int, plain, plain_or

#: spot orders are numbered, those of contracts look like UUIDs
_FIRST_NUMBER = 1_700_000_000_000_000_000
_UUID_HEAD = "5d1c09a2-7b3e-4f60-9e1a-"

# The document that this table came from is not recorded; to check it: bybit-
# exchange.github.io/docs/v5/enum.
SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
TIMES_IN_FORCE = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "PostOnly",
}
_STATES = {
    OrderState.PENDING: "Created",
    OrderState.WORKING: "New",
    OrderState.PARTLY_FILLED: "PartiallyFilled",
    OrderState.FILLED: "Filled",
    OrderState.CANCELLED: "Cancelled",
    OrderState.REJECTED: "Rejected",
}
_REJECTIONS = {
    EndReason.POST_ONLY: "EC_PostOnlyWillTakeLiquidity",
    EndReason.NO_LIQUIDITY: "EC_NoImmediateQtyToFill",
    EndReason.FOK: "EC_NoEnoughQtyToFill",
    EndReason.IOC: "EC_CancelForNoFullFill",
    EndReason.REQUESTED: "EC_PerCancelRequest",
    EndReason.REDUCE_ONLY: "EC_NoPositionCouldBeReduced",
    EndReason.INSUFFICIENT_FUNDS: "EC_BalanceNotEnough",
}

_CENTS = Decimal("0.00000001")

_R = RejectReason
# The document that this table came from is not recorded; to check it: bybit-
# exchange.github.io/docs/v5/error.
#: reason -> code and words, for contracts and for spot
_LINEAR: dict[RejectReason, tuple[int, str]] = {
    _R.ABOVE_MAX_QUANTITY: (10001, "The number of contracts exceeds maximum limit allowed"),
    _R.ABOVE_MAX_PRICE: (110003, "Order price exceeds the allowable range."),
    _R.INSUFFICIENT_FUNDS: (110007, "ab not enough for new order"),
    _R.BELOW_MIN_QUANTITY: (10001, "The number of contracts exceeds minimum limit allowed"),
    _R.BELOW_MIN_NOTIONAL: (110094, "Order does not meet minimum order value"),
    _R.LOT: (10001, "Qty invalid"),
    _R.TICK: (10001, "Price invalid"),
    _R.PRICE_BAND: (110003, "Order price exceeds the allowable range."),
    _R.REDUCE_ONLY: (110017, "current position is zero, cannot fix reduce-only order qty"),
    _R.DUPLICATE_ID: (110072, "OrderLinkedID is duplicate"),
    _R.UNKNOWN_ORDER: (110001, "order not exists or too late to cancel"),
    _R.ALREADY_DONE: (110001, "order not exists or too late to cancel"),
    _R.NOTHING_TO_AMEND: (10001, "order not modified"),
    _R.UNKNOWN_INSTRUMENT: (10001, "Not supported symbols"),
    _R.HALTED: (110066, "No trading is allowed at the current time"),
    _R.POSITION_MODE: (10001, "position idx not match position mode"),
    _R.LEVERAGE_TOO_HIGH: (110013, "cannot set leverage due to risk limit"),
    # "Error Codes": V5, unified trading 1100xx
    _R.POSITION_LIMIT: (
        110090,
        "Order placement failed as your position may exceed the max limit.",
    ),
    _R.MODE_IN_USE: (110024, "You have an existing position, so position mode cannot be switched"),
    _R.NOT_MODIFIED: (110025, "Position mode is not modified"),
    _R.TOO_MANY_OPEN_ORDERS: (110020, "Not allowed to have more than 500 active orders"),
}
_SPOT: dict[RejectReason, tuple[int, str]] = {
    _R.ABOVE_MAX_QUANTITY: (170135, "Order quantity exceeded upper limit."),
    _R.ABOVE_MAX_PRICE: (170132, "Order price too high."),
    _R.INSUFFICIENT_FUNDS: (170131, "Insufficient balance."),
    _R.BELOW_MIN_QUANTITY: (170136, "Order quantity exceeded lower limit."),
    _R.BELOW_MIN_NOTIONAL: (170140, "Order value exceeded lower limit."),
    _R.LOT: (170137, "Order volume decimal too long"),
    _R.TICK: (170134, "Order price has too many decimals."),
    _R.PRICE_BAND: (170193, "Buy order price cannot be higher than the limit."),
    _R.DUPLICATE_ID: (170141, "Duplicate clientOrderId"),
    _R.UNKNOWN_ORDER: (170213, "Order does not exist."),
    _R.ALREADY_DONE: (170213, "Order does not exist."),
    _R.UNKNOWN_INSTRUMENT: (170121, "Invalid symbol."),
    _R.HALTED: (170344, "Symbol is not supported on the current site."),
}
_OTHERWISE = (10001, "Request parameter error.")


def error_for(kind: str, reason: RejectReason, message: str = "") -> ApiError:
    """The venue's error for a rejection of the engine."""
    code, words = _OTHERWISE
    for table in (_SPOT, _LINEAR) if kind == "spot" else (_LINEAR,):
        if reason in table:
            code, words = table[reason]
            break
    return ApiError(code, words if code != _OTHERWISE[0] or not message else f"{words}: {message}")


FIELDS = FieldReader(lambda name: ApiError(10001, f"params error: {name} invalid"))


def category_of(instrument: InstrumentId) -> str:
    """`spot` or `linear`."""
    return market_by_id(instrument.market_id).kind


def order_id_text(instrument: InstrumentId, order_id: int) -> str:
    """An order's id as the client sees it."""
    if category_of(instrument) == "spot":
        return str(_FIRST_NUMBER + order_id)
    return f"{_UUID_HEAD}{order_id:012x}"


def parse_order_id(word: str) -> int:
    """The other way; 0, which no order has, for what never was an id."""
    if not word.startswith(_UUID_HEAD):
        return max(0, parse_int(word, 0) - _FIRST_NUMBER)
    try:
        return int(word.removeprefix(_UUID_HEAD), 16)
    except ValueError:
        return 0


def trade_id_text(instrument: InstrumentId, trade_id: int) -> str:
    """The id of an execution or a print."""
    return order_id_text(instrument, trade_id).replace("5d1c09a2", "e0cbe81d", 1)


def position_index(mode: PositionMode, direction: Direction) -> int:
    """0 one-way, 1 the long and 2 the short of hedge mode."""
    if mode is PositionMode.ONE_WAY:
        return 0
    return 1 if direction is Direction.LONG else 2


def status_code(order: VenueOrder) -> str:
    """`orderStatus`."""
    if order.waiting:
        return "Deactivated" if order.done else "Untriggered"
    cut_short = order.state is OrderState.CANCELLED and order.filled
    if cut_short and category_of(order.instrument) == "spot":
        return "PartiallyFilledCanceled"
    return _STATES[order.state]


def order_object(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    """An order, as `realtime`, `history` and the order stream have it."""
    requested, remaining = order.requested, ZERO if order.done else order.remaining
    return {
        "category": category_of(order.instrument),
        "symbol": venue.listing(order.instrument).venue_symbol,
        "orderId": order_id_text(order.instrument, order.order_id),
        "orderLinkId": order.client_id,
        "side": SIDES[order.side],
        "orderType": type_code(order),
        "price": plain_or(order.price, "0"),
        "qty": plain(requested.quote_cost or order.quantity),
        "marketUnit": "quoteCoin" if requested.quote_cost else "baseCoin",
        "orderStatus": status_code(order),
        "cancelType": "CancelByUser" if order.ended is EndReason.REQUESTED else "UNKNOWN",
        "rejectReason": _reject_reason(order),
        "avgPrice": plain_or(order.average_price and order.average_price.quantize(_CENTS), ""),
        "leavesQty": plain(remaining),
        "leavesValue": plain(remaining * (order.price or ZERO)),
        "cumExecQty": plain(order.filled),
        "cumExecValue": plain(order.cost),
        "cumExecFee": plain(sum((fee for _, fee in order.fees), ZERO)),
        "cumFeeDetail": {asset: plain(fee) for asset, fee in order.fees},
        "feeCurrency": order.fees[0][0] if order.fees else "",
        "timeInForce": "IOC" if order.price is None else TIMES_IN_FORCE[requested.time_in_force],
        "reduceOnly": requested.reduce_only,
        "createType": "CreateByLiq" if order.by_venue else "CreateByUser",
        "isLeverage": "0",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "createdTime": str(ms(order.created_ns)),
        "updatedTime": str(ms(order.updated_ns)),
        **_trigger_fields(order),
        **(_contract_fields(order) if category_of(order.instrument) == "linear" else {}),
    }


def type_code(order: VenueOrder) -> str:
    """`orderType`: of a conditional order what it becomes."""
    return "Market" if order.price is None else "Limit"


def _reject_reason(order: VenueOrder) -> str:
    if order.reject_reason is not None:
        return "EC_Others"
    return "EC_NoError" if order.ended is None else _REJECTIONS.get(order.ended, "EC_Others")


def _trigger_fields(order: VenueOrder) -> dict[str, object]:
    requested = order.requested
    if requested.kind is not OrderKind.STOP:
        return {"stopOrderType": "", "triggerPrice": "", "triggerBy": "", "triggerDirection": 0}
    rising = (
        requested.side is Side.BUY if requested.trigger_rising is None else requested.trigger_rising
    )
    return {
        "stopOrderType": "Stop",
        "triggerPrice": plain_or(requested.trigger),
        "triggerBy": "LastPrice" if requested.trigger_by is TriggerPrice.LAST else "MarkPrice",
        "triggerDirection": 1 if rising else 2,
    }


def _contract_fields(order: VenueOrder) -> dict[str, object]:
    """What spot orders do not have: some clients tell the two apart by it."""
    return {
        "positionIdx": {Direction.LONG: 1, Direction.SHORT: 2}.get(
            order.requested.position_side, 0
        ),
        "closeOnTrigger": False,
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "tpslMode": "UNKNOWN",
    }


def exec_type(each: Executed | FundingPaid) -> str:
    """Bybit v5 "Enum Definitions", execType."""
    if isinstance(each, FundingPaid):
        return "Funding"
    return "BustTrade" if each.liquidation else "Trade"


def funding_object(venue: SimulatedVenue, paid: FundingPaid) -> dict[str, object]:
    """Funding among the executions: the side is the position's, the fee what was paid."""
    listing, at = venue.listing(paid.instrument), str(ms(paid.now_ns))
    nothing = dict.fromkeys(
        ("orderLinkId", "markIv", "tradeIv", "underlyingPrice", "blockTradeId", "execPnl"), ""
    )
    return nothing | {
        "category": "linear",
        "symbol": listing.venue_symbol,
        "execId": f"{_UUID_HEAD}{paid.now_ns // 1_000_000:012x}",
        "orderId": f"{paid.instrument.symbol}-{at}",
        "side": "Buy" if paid.direction is Direction.LONG else "Sell",
        "orderType": "UNKNOWN",
        "stopOrderType": "UNKNOWN",
        "createType": "",
        "execType": "Funding",
        "orderPrice": "0",
        "orderQty": "0",
        "leavesQty": "0",
        "execPrice": plain(paid.mark),
        "execQty": plain(paid.quantity),
        "execValue": plain(paid.quantity * paid.mark),
        "execFee": plain(paid.amount),
        "feeRate": plain(paid.rate),
        "feeCurrency": "",
        "isMaker": False,
        "isLeverage": "0",
        "closedSize": "0",
        "markPrice": plain(paid.mark),
        "indexPrice": plain(paid.mark),
        "seq": ms(paid.now_ns),
        "execTime": at,
    }


def fill_object(venue: SimulatedVenue, fill: Executed) -> dict[str, object]:
    """An execution, as `execution/list` and the execution stream have it."""
    # not the venue's view, which a fault may keep from seeing what is new
    view = venue.engine_of(fill.instrument).view
    order = view.order(fill.account, fill.order_id)
    assert order is not None
    value = fill.price * fill.quantity
    base = (
        fill.fee * fill.price
        if fill.fee_asset != venue.listing(fill.instrument).quote
        else fill.fee
    )
    mark = view.ticker(fill.instrument).mark
    return {
        "category": category_of(fill.instrument),
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "execId": trade_id_text(fill.instrument, fill.trade_id),
        "orderId": order_id_text(fill.instrument, fill.order_id),
        "orderLinkId": fill.client_id,
        "side": SIDES[fill.side],
        "orderPrice": plain_or(order.price, "0"),
        "orderQty": plain(order.quantity),
        "leavesQty": plain(ZERO if order.done else order.remaining),
        "orderType": type_code(order),
        "stopOrderType": "Stop" if order.requested.kind is OrderKind.STOP else "UNKNOWN",
        "createType": "CreateByLiq" if fill.liquidation else "CreateByUser",
        "execType": exec_type(fill),
        "execPrice": plain(fill.price),
        "execQty": plain(fill.quantity),
        "execValue": plain(value),
        "execFee": plain(fill.fee),
        "feeCurrency": fill.fee_asset,
        "feeRate": plain((base / value).quantize(_CENTS)) if value else "0",
        "execPnl": plain(fill.realised),
        "isMaker": fill.maker,
        "isLeverage": "0",
        "closedSize": plain(fill.quantity if fill.realised else ZERO),
        "markPrice": plain_or(mark),
        "indexPrice": plain_or(mark),
        "markIv": "",
        "tradeIv": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "seq": fill.trade_id,
        "execTime": str(ms(fill.now_ns)),
    }


def position_object(venue: SimulatedVenue, position: PositionSnapshot) -> dict[str, object]:
    """A position, as `position/list` and the position stream have it."""
    value = position.quantity * (position.mark or position.entry_price)
    side = {Direction.LONG: "Buy", Direction.SHORT: "Sell"}.get(position.direction, "")
    entry = plain(position.entry_price.quantize(_CENTS))
    return {
        "category": "linear",
        "symbol": venue.listing(position.instrument).venue_symbol,
        "positionIdx": position_index(position.mode, position.direction),
        "side": side if position.quantity else "",
        "size": plain(position.quantity),
        "avgPrice": entry,
        "entryPrice": entry,
        "positionValue": plain(value),
        "leverage": plain(position.leverage),
        "tradeMode": int(position.margin_mode is MarginMode.ISOLATED),
        "positionStatus": "Normal",
        "markPrice": plain_or(position.mark),
        "liqPrice": plain_or(
            position.liquidation_price and position.liquidation_price.quantize(_CENTS)
        ),
        "bustPrice": "",
        "positionBalance": plain(position.margin),
        "positionIM": plain(position.margin),
        "positionMM": plain(position.maintenance),
        "unrealisedPnl": plain(position.unrealised),
        "curRealisedPnl": plain(position.realised),
        "cumRealisedPnl": plain(position.realised),
        "riskId": 1,
        "riskLimitValue": "2000000",
        "autoAddMargin": 0,
        "adlRankIndicator": 0,
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "tpslMode": "Full",
        "isReduceOnly": False,
        "seq": ms(position.updated_ns),
        "createdTime": str(ms(position.updated_ns)),
        "updatedTime": str(ms(position.updated_ns)),
    }


def wallet_object(holdings: list[Holding]) -> dict[str, object]:
    """The unified account, as `wallet-balance` and the wallet stream have it."""
    quote = next((each for each in holdings if each.asset == "USDT"), None)
    equity = quote.total + quote.unrealised if quote else ZERO
    return {
        "accountType": "UNIFIED",
        "accountIMRate": "0",
        "accountMMRate": "0",
        "accountLTV": "0",
        "totalEquity": plain(equity),
        "totalWalletBalance": plain(quote.total if quote else ZERO),
        "totalMarginBalance": plain(equity),
        "totalAvailableBalance": plain(quote.free if quote else ZERO),
        "totalPerpUPL": plain(quote.unrealised if quote else ZERO),
        "totalInitialMargin": plain(quote.margin if quote else ZERO),
        "totalMaintenanceMargin": "0",
        "coin": [_coin_object(each) for each in holdings],
    }


def _coin_object(holding: Holding) -> dict[str, object]:
    equity = holding.total + holding.unrealised
    return {
        "coin": holding.asset,
        "equity": plain(equity),
        "usdValue": plain(equity) if holding.asset.startswith("USD") else "0",
        "walletBalance": plain(holding.total),
        "locked": plain(holding.locked),
        "availableToWithdraw": plain(holding.free),
        "availableToBorrow": "",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "totalOrderIM": "0",
        "totalPositionIM": plain(holding.margin),
        "totalPositionMM": "0",
        "unrealisedPnl": plain(holding.unrealised),
        "cumRealisedPnl": "0",
        "bonus": "0",
        "collateralSwitch": True,
        "marginCollateral": True,
        "spotBorrow": "0",
    }
