"""Gate's labels for what an engine refuses: one table for spot, one for perpetuals.

Pure: a reason in, the venue's label, words and HTTP status out.
"""

from __future__ import annotations

from bowline.core.model.order import OrderState
from bowline.core.sim.exchange import RejectReason, VenueOrder
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import FieldReader

_R = RejectReason
# The document that this table came from is not recorded; to check it: the labels in
# gate.com/docs/developers/apiv4.
_SPOT: dict[RejectReason, tuple[str, str]] = {
    _R.ABOVE_MAX_QUANTITY: ("AMOUNT_TOO_MUCH", "Your order size is too large"),
    _R.ABOVE_MAX_PRICE: ("INVALID_PARAM_VALUE", "Your order price is too high"),
    _R.INSUFFICIENT_FUNDS: ("BALANCE_NOT_ENOUGH", "Not enough balance"),
    _R.BELOW_MIN_QUANTITY: ("INVALID_PARAM_VALUE", "Your order size is too small"),
    _R.BELOW_MIN_NOTIONAL: ("INVALID_PARAM_VALUE", "Your order size is too small"),
    _R.LOT: ("INVALID_PRECISION", "Invalid amount precision"),
    _R.TICK: ("INVALID_PRECISION", "Invalid price precision"),
    _R.POST_ONLY: (
        "POC_FILL_IMMEDIATELY",
        "Order would match and take immediately so its cancelled",
    ),
    _R.NO_LIQUIDITY: ("QUANTITY_NOT_ENOUGH", "Market quantity not enough"),
    # the venue's pages do not say whether it refuses a text twice; here it does, among open orders
    _R.DUPLICATE_ID: ("REPEATED_CREATION", "text is duplicate"),
    _R.UNKNOWN_ORDER: ("ORDER_NOT_FOUND", "Order not found"),
    _R.UNKNOWN_INSTRUMENT: ("INVALID_CURRENCY_PAIR", "Invalid currency pair"),
    _R.HALTED: ("TRADE_RESTRICTED", "Trading is not open for this currency pair"),
    _R.TOO_MANY_OPEN_ORDERS: ("TOO_MANY_ORDERS", "Too many open orders"),
    _R.NOTHING_TO_AMEND: ("NO_CHANGE", "No change is made"),
}
_FUTURES: dict[RejectReason, tuple[str, str]] = {
    _R.ABOVE_MAX_QUANTITY: ("SIZE_TOO_LARGE", "order size is too large"),
    _R.ABOVE_MAX_PRICE: ("PRICE_TOO_DEVIATED", "order price is too far from the mark price"),
    _R.INSUFFICIENT_FUNDS: ("INSUFFICIENT_AVAILABLE", "not enough available balance"),
    _R.BELOW_MIN_QUANTITY: ("SIZE_TOO_SMALL", "order size is too small"),
    _R.TICK: ("INVALID_PARAM_VALUE", "price is not a multiple of order_price_round"),
    _R.PRICE_BAND: ("PRICE_TOO_DEVIATED", "order price is too far from the mark price"),
    _R.POST_ONLY: ("ORDER_POC_IMMEDIATE", "order would take immediately"),
    _R.REDUCE_ONLY: ("POSITION_EMPTY", "there is no position to reduce"),
    _R.NO_LIQUIDITY: ("CONTRACT_NO_COUNTER", "no orders on the other side"),
    _R.UNKNOWN_INSTRUMENT: ("CONTRACT_NOT_FOUND", "contract not found"),
    _R.HALTED: ("CONTRACT_IN_DELISTING", "contract is not open for trading"),
    _R.POSITION_LIMIT: ("RISK_LIMIT_EXCEEDED", "position is above the risk limit"),
    _R.LEVERAGE_TOO_HIGH: ("LEVERAGE_TOO_HIGH", "leverage is out of range"),
    _R.MODE_IN_USE: ("POSITION_HOLDING", "a position or an order is open"),
    _R.NOT_MODIFIED: ("NO_CHANGE", "No change is made"),
}
_STATUSES = {"ORDER_NOT_FOUND": 404, "CONTRACT_NOT_FOUND": 404}


def error_for(kind: str, reason: RejectReason, message: str = "") -> ApiError:
    """The venue's label and words for an engine's no."""
    for table in (_SPOT,) if kind == "spot" else (_FUTURES, _SPOT):
        if reason in table:
            label, words = table[reason]
            return ApiError(
                label, f"{words}: {message}" if message else words, status=_STATUSES.get(label)
            )
    return invalid(message or reason.value)


def invalid(message: str) -> ApiError:
    """A field that is not as it must be."""
    return ApiError("INVALID_PARAM_VALUE", message)


def gone(kind: str, order: VenueOrder) -> ApiError:
    """The order is done already; spot tells how."""
    if kind != "spot":
        return ApiError("ORDER_FINISHED", "order finished")
    if order.state is OrderState.FILLED:
        return ApiError("ORDER_CLOSED", "Order already closed")
    return ApiError("ORDER_CANCELLED", "Order already cancelled")


FIELDS = FieldReader(lambda name: invalid(f"invalid argument: {name}"))
