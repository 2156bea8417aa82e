"""OKX's error codes and messages."""

from __future__ import annotations

from bowline.core.sim.exchange import Rejection, RejectReason
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import FieldReader

_R = RejectReason
# The document that this table came from is not recorded; to check it: OKX's guide, "Error Code",
# trade class.
_CODES: dict[RejectReason, tuple[int, str]] = {
    _R.ABOVE_MAX_QUANTITY: (51203, "Order amount exceeds the limit"),
    _R.ABOVE_MAX_PRICE: (51116, "Order price or trigger price exceeds the limit"),
    _R.INSUFFICIENT_FUNDS: (51008, "Order failed. Insufficient balance in account"),
    _R.BELOW_MIN_QUANTITY: (
        51020,
        "Your order should meet or exceed the minimum order amount.",
    ),
    _R.LOT: (51121, "Order quantity must be a multiple of the lot size."),
    _R.TICK: (51000, "Parameter px error"),
    _R.PRICE_BAND: (51006, "Order price is not within the price limit"),
    _R.REDUCE_ONLY: (
        51169,
        "Order failed because you don't have any positions in this direction to reduce or close.",
    ),
    _R.DUPLICATE_ID: (51016, "Client order ID already exists."),
    _R.UNKNOWN_INSTRUMENT: (51001, "Instrument ID, Instrument ID code doesn't exist."),
    _R.HALTED: (51022, "Contract suspended."),
    _R.POSITION_MODE: (51000, "Parameter posSide error"),
    # OKX's guide, "Error Code", trade class
    _R.POSITION_LIMIT: (
        51004,
        "Order failed. More than the maximum position amount under current leverage.",
    ),
    _R.LEVERAGE_TOO_HIGH: (59102, "Leverage exceeds the maximum limit. Please lower the leverage."),
    _R.MODE_IN_USE: (
        59000,
        "Setting failed. Cancel any open orders, close positions, and stop trading bots first.",
    ),
    _R.TOO_MANY_OPEN_ORDERS: (51025, "Order count exceeds the limit."),
}
#: what is said of an order that is gone, by what was to be done with it
GONE = {
    "cancel": (51400, "Order cancellation failed as the order has been filled, canceled or does "),
    "amend": (51503, "Order modification failed as the order has been filled, canceled or does "),
}


def error_for(refused: Rejection, doing: str = "place") -> ApiError:
    """The venue's error for a rejection of the engine."""
    if refused.reason in (_R.UNKNOWN_ORDER, _R.ALREADY_DONE) and doing in GONE:
        code, words = GONE[doing]
        return ApiError(code, f"{words}not exist.")
    if refused.reason in _CODES:
        return ApiError(*_CODES[refused.reason])
    return ApiError(51000, f"Parameter error: {refused.message or refused.reason.value}")


def wrong(name: str) -> ApiError:
    """A parameter that is not there or makes no sense."""
    return ApiError(51000, f"Parameter {name} error")


def order_not_found() -> ApiError:
    """What a look-up finds."""
    return ApiError(51603, "Order does not exist")


FIELDS = FieldReader(wrong)
