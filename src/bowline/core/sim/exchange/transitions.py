"""The order states at the venue and the transitions between them; an illegal step is a bug.

What a client can know about an order is another table (`core/model/order.py`).
"""

from __future__ import annotations

from enum import Enum

from bowline.core.model.order import OrderState


class OrderStep(Enum):
    """What the venue does with an order."""

    ACCEPT = "accept"
    FILL_PART = "fill_part"
    FILL_ALL = "fill_all"
    CANCEL = "cancel"
    REJECT = "reject"


_S, _E = OrderState, OrderStep
# fmt: off
ORDER_TRANSITIONS: dict[OrderState, dict[OrderStep, OrderState]] = {
    _S.PENDING: {
        _E.ACCEPT: _S.WORKING,      _E.FILL_PART: _S.PARTLY_FILLED, _E.FILL_ALL: _S.FILLED,
        _E.CANCEL: _S.CANCELLED,    _E.REJECT: _S.REJECTED,
    },
    _S.WORKING: {
        _E.FILL_PART: _S.PARTLY_FILLED, _E.FILL_ALL: _S.FILLED,
        _E.CANCEL: _S.CANCELLED,        _E.REJECT: _S.REJECTED,
    },
    _S.PARTLY_FILLED: {
        _E.FILL_PART: _S.PARTLY_FILLED, _E.FILL_ALL: _S.FILLED, _E.CANCEL: _S.CANCELLED,
    },
    _S.FILLED: {}, _S.CANCELLED: {}, _S.REJECTED: {},
}
# fmt: on
