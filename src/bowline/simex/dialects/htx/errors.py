"""HTX's codes for what an engine refuses: words on spot, numbers on swaps.

Pure: a reason in, the venue's code and message out.
"""

from __future__ import annotations

from bowline.core.sim.exchange import RejectReason
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import FieldReader

_R = RejectReason
# The document that this table came from is not recorded; to check it: the error codes of HTX's
# spot API and of its swap API v5.
_SPOT: dict[RejectReason, tuple[str, str]] = {
    _R.ABOVE_MAX_QUANTITY: ("order-limitorder-amount-max-error", "limit order amount error"),
    _R.ABOVE_MAX_PRICE: ("order-limitorder-price-max-error", "limit order price error"),
    _R.INSUFFICIENT_FUNDS: (
        "account-frozen-balance-insufficient-error", "trade account balance is not enough",
    ),
    _R.BELOW_MIN_QUANTITY: ("order-limitorder-amount-min-error", "limit order amount error"),
    _R.BELOW_MIN_NOTIONAL: ("order-value-min-error", "Order total is too small"),
    _R.LOT: ("order-orderamount-precision-error", "order amount precision error"),
    _R.TICK: ("order-orderprice-precision-error", "order price precision error"),
    _R.NO_LIQUIDITY: ("order-marketorder-no-price", "no price for a market order"),
    # the venue's pages do not name the code; ids are said to be unique for a day
    _R.DUPLICATE_ID: ("client-order-id-duplicate", "duplicate client order id"),
    _R.UNKNOWN_ORDER: ("base-record-invalid", "record invalid"),
    _R.ALREADY_DONE: ("order-orderstate-error", "Incorrect order state"),
    _R.UNKNOWN_INSTRUMENT: ("invalid-parameter", "invalid symbol"),
    _R.HALTED: ("base-symbol-trade-disabled", "Trading is disabled for this symbol"),
    _R.TOO_MANY_OPEN_ORDERS: ("order-accountorder-limit", "too many open orders"),
}  # fmt: skip
_SWAP: dict[RejectReason, tuple[int, str]] = {
    _R.ABOVE_MAX_QUANTITY: (1041, "The order amount exceeds the limit."),
    _R.ABOVE_MAX_PRICE: (1039, "The price is out of range."),
    _R.INSUFFICIENT_FUNDS: (1047, "Insufficient margin available."),
    _R.BELOW_MIN_QUANTITY: (1040, "Invalid amount, please modify and order again."),
    _R.LOT: (1040, "Invalid amount, please modify and order again."),
    _R.TICK: (1038, "The price precision exceeds the limit."),
    _R.PRICE_BAND: (1039, "The price is out of range."),
    _R.REDUCE_ONLY: (1048, "Insufficient close amount available."),
    _R.DUPLICATE_ID: (1077, "client_order_id is repeated"),
    _R.UNKNOWN_ORDER: (1061, "This order doesnt exist."),
    _R.ALREADY_DONE: (1061, "This order doesnt exist."),
    _R.UNKNOWN_INSTRUMENT: (1013, "This contract symbol doesnt exist."),
    _R.HALTED: (1014, "This contract doesnt trade now."),
    _R.LEVERAGE_TOO_HIGH: (1037, "The leverage is invalid."),
    _R.NOT_MODIFIED: (1232, "The position mode is already so."),
    _R.MODE_IN_USE: (1045, "There are open orders or positions, it cannot be switched."),
    _R.TOO_MANY_OPEN_ORDERS: (1029, "The number of open orders exceeds the limit."),
}


def error_for(kind: str, reason: RejectReason, message: str = "") -> ApiError:
    """The venue's error for a rejection of the engine."""
    table: dict[RejectReason, tuple[str, str]] | dict[RejectReason, tuple[int, str]]
    table = _SPOT if kind == "spot" else _SWAP
    if reason in table:
        return ApiError(*table[reason])
    return invalid(kind, message or reason.value)


def invalid(kind: str, message: str) -> ApiError:
    """A field that is not as it must be."""
    return ApiError("invalid-parameter" if kind == "spot" else 1030, message)


SPOT_FIELDS = FieldReader(lambda name: invalid("spot", f"invalid field value in `{name}`"))
SWAP_FIELDS = FieldReader(lambda name: invalid("linear", f"The {name} field is invalid."))


def field_reader(kind: str) -> FieldReader:
    """What reads the numbers of this market's requests."""
    return SPOT_FIELDS if kind == "spot" else SWAP_FIELDS
