"""MEXC's error codes: one table for spot, one for contracts.

Its pages do not say how a repeated id is answered; the two entries for it are our reading.
"""

from __future__ import annotations

from bowline.core.sim.exchange import Rejection, RejectReason, VenueOrder
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import FieldReader

_R = RejectReason
# The document that this table came from is not recorded; to check it: the error codes of MEXC's
# spot v3 and contract v1.
_SPOT: dict[RejectReason, tuple[int, str]] = {
    _R.ABOVE_MAX_QUANTITY: (
        30003,
        "The maximum transaction volume cannot be greater than the limit",
    ),
    _R.ABOVE_MAX_PRICE: (30087, "Order price exceeds allowed range"),
    _R.INSUFFICIENT_FUNDS: (30004, "Insufficient position"),
    _R.BELOW_MIN_QUANTITY: (30002, "The minimum transaction volume cannot be less than the limit"),
    _R.BELOW_MIN_NOTIONAL: (30002, "The minimum transaction volume cannot be less than：5USDT"),
    _R.LOT: (400, "amount scale is invalid"),
    _R.TICK: (400, "price scale is invalid"),
    _R.PRICE_BAND: (30010, "no valid trade price"),
    _R.NO_LIQUIDITY: (30025, "no exist opponent order"),
    _R.DUPLICATE_ID: (400, "duplicate clientOrderId"),
    _R.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    _R.ALREADY_DONE: (-2011, "Unknown order sent."),
    _R.UNKNOWN_INSTRUMENT: (-1121, "Invalid symbol."),
    _R.HALTED: (30016, "Trading disabled"),
    _R.TOO_MANY_OPEN_ORDERS: (30029, "Cannot exceed the maximum order limit"),
}
_LINEAR: dict[RejectReason, tuple[int, str]] = {
    _R.ABOVE_MAX_QUANTITY: (2012, "Order quantity error"),
    _R.ABOVE_MAX_PRICE: (2007, "Order price error"),
    _R.INSUFFICIENT_FUNDS: (2005, "Balance insufficient"),
    _R.BELOW_MIN_QUANTITY: (2008, "The quantity is insufficient"),
    _R.LOT: (2015, "The price or quantity accuracy error"),
    _R.TICK: (2015, "The price or quantity accuracy error"),
    _R.PRICE_BAND: (2007, "Order price error"),
    _R.REDUCE_ONLY: (2009, "Position is not exists or closed."),
    _R.DUPLICATE_ID: (600, "externalOid exist"),
    _R.UNKNOWN_ORDER: (2040, "order not exist"),
    _R.ALREADY_DONE: (2041, "order state cannot be cancelled"),
    _R.UNKNOWN_INSTRUMENT: (1001, "Contract not exists"),
    _R.HALTED: (1002, "Contract not allow place order!"),
    _R.POSITION_MODE: (2022, "Wrong position type"),
    _R.LEVERAGE_TOO_HIGH: (2006, "Leverage ratio error"),
    _R.MODE_IN_USE: (2019, "There is an active open position"),
    _R.TOO_MANY_OPEN_ORDERS: (2036, "The number of orders exceeds the limit"),
}


def spot_error(refused: Rejection) -> ApiError:
    """In the words of spot."""
    code, words = _SPOT.get(refused.reason, (33333, f"Param error: {refused.message}"))
    return ApiError(code, words)


def linear_error(refused: Rejection) -> ApiError:
    """In the words of contracts."""
    code, words = _LINEAR.get(refused.reason, (600, f"Parameter error! {refused.message}"))
    return ApiError(code, words)


def spot_order_or_raise(answer: VenueOrder | Rejection) -> VenueOrder:
    """The order, or the venue's no."""
    if isinstance(answer, Rejection):
        raise spot_error(answer)
    return answer


def linear_order_or_raise(answer: VenueOrder | Rejection) -> VenueOrder:
    """The order, or the venue's no."""
    if isinstance(answer, Rejection):
        raise linear_error(answer)
    return answer


SPOT_FIELDS = FieldReader(lambda name: ApiError(33333, f"Param error: {name}"))
LINEAR_FIELDS = FieldReader(lambda name: ApiError(600, f"Parameter error! {name}"))
