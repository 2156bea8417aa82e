"""Binance's error codes and messages: one table for spot, one for futures."""

from __future__ import annotations

from bowline.core.sim.exchange import Rejection, RejectReason
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import FieldReader

_R = RejectReason
# The document that this table came from is not recorded; to check it: developers.binance.com,
# spot "Errors", USD-M futures "Error Codes".
_COMMON: dict[RejectReason, tuple[int, str]] = {
    _R.UNKNOWN_INSTRUMENT: (-1121, "Invalid symbol."),
    _R.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    _R.ALREADY_DONE: (-2011, "Unknown order sent."),
}
_SPOT: dict[RejectReason, tuple[int, str]] = {
    _R.ABOVE_MAX_QUANTITY: (-1013, "Filter failure: LOT_SIZE"),
    _R.ABOVE_MAX_PRICE: (-1013, "Filter failure: PRICE_FILTER"),
    _R.INSUFFICIENT_FUNDS: (-2010, "Account has insufficient balance for requested action."),
    _R.BELOW_MIN_QUANTITY: (-1013, "Filter failure: LOT_SIZE"),
    _R.LOT: (-1013, "Filter failure: LOT_SIZE"),
    _R.BELOW_MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    _R.TICK: (-1013, "Filter failure: PRICE_FILTER"),
    _R.PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    _R.POST_ONLY: (-2010, "Order would immediately match and take."),
    _R.NO_LIQUIDITY: (
        -2010,
        "Order book liquidity is less than LOT_SIZE filter minimum quantity.",
    ),
    _R.DUPLICATE_ID: (-2010, "Duplicate order sent."),
    _R.HALTED: (-1013, "Market is closed."),
    _R.TOO_MANY_OPEN_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
}
_LINEAR: dict[RejectReason, tuple[int, str]] = {
    # "Error Codes" of USDⓈ-M futures: QTY_GREATER_THAN_MAX_QTY, PRICE_GREATER_THAN_MAX_PRICE
    _R.ABOVE_MAX_QUANTITY: (-4005, "Quantity greater than max quantity."),
    _R.ABOVE_MAX_PRICE: (-4002, "Price greater than max price."),
    _R.INSUFFICIENT_FUNDS: (-2019, "Margin is insufficient."),
    _R.BELOW_MIN_QUANTITY: (-4004, "Quantity less than min quantity."),
    _R.LOT: (-1111, "Precision is over the maximum defined for this asset."),
    _R.BELOW_MIN_NOTIONAL: (
        -4164,
        "Order's notional must be no smaller than 5 (unless you choose reduce only).",
    ),
    _R.TICK: (-4014, "Price not increased by tick size."),
    _R.PRICE_BAND: (-4024, "Price is out of the multiplier limit."),
    _R.POST_ONLY: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    _R.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    _R.NO_LIQUIDITY: (-2020, "Unable to fill."),
    _R.DUPLICATE_ID: (-4116, "ClientOrderId is duplicated."),
    _R.HALTED: (-4140, "Invalid symbol status for opening position."),
    _R.POSITION_MODE: (-4061, "Order's position side does not match user's setting."),
    _R.LEVERAGE_TOO_HIGH: (-4028, "Leverage is not valid"),
    # "Error Codes": 20xx processing issues
    _R.POSITION_LIMIT: (-2027, "Exceeded the maximum allowable position at current leverage."),
    _R.NOTHING_TO_AMEND: (-5027, "No need to modify the order."),
    _R.TOO_MANY_OPEN_ORDERS: (-2025, "Reach max open order limit."),
}


def error_for(kind: str, refused: Rejection) -> ApiError:
    """The venue's error for a rejection of the engine."""
    table = _COMMON | (_SPOT if kind == "spot" else _LINEAR)
    if refused.reason in table:
        return ApiError(*table[refused.reason])
    return ApiError(-1130, f"Data sent for a parameter is not valid: {refused.message}")


def missing(name: str) -> ApiError:
    """A parameter that must be there."""
    words = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    return ApiError(-1102, words)


def order_not_found() -> ApiError:
    """What a look-up finds; a cancel says it with another code."""
    return ApiError(-2013, "Order does not exist.")


def malformed(name: str) -> ApiError:
    """A number that is none, in the words that the venue has for it."""
    words = f"Illegal characters found in parameter '{name}'; legal range is"
    return ApiError(-1100, f"{words} '^([0-9]{{1,20}})(\\.[0-9]{{1,20}})?$'.")


FIELDS = FieldReader(malformed)
