"""Faults that a fault script injects into a matching engine. None happens unless it is called."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ONE, ZERO
from bowline.core.sim.exchange.matching import fill_resting, find_open_order
from bowline.core.sim.exchange.mutations import end_order
from bowline.core.sim.exchange.order_entry import ratio_in_lots
from bowline.core.sim.exchange.orders import EndReason, RejectReason, VenueOrder
from bowline.core.sim.exchange.state import ArmedFaults, VenueState


class EngineFaults:
    """Faults of a `MatchingEngine`. An armed fault applies to the next order or cancel, once."""

    def __init__(self, state: VenueState, process_triggers: Callable[[], None]) -> None:
        self._state = state
        self._process_triggers = process_triggers

    def fill_next_partly(self, account: str, ratio: Decimal) -> None:
        """The next order is matched for `ratio` (0 to 1) of its quantity; the rest is cancelled."""
        _check_ratio(ratio)
        self._arm(account).ratio = ratio

    def reject_next(self, account: str, reason: RejectReason) -> None:
        """The next order is accepted (WORKING) and then rejected without being matched."""
        self._arm(account).reject = reason

    def hold_next_cancel(self, account: str) -> None:
        """The next cancel is acknowledged and stays in flight until `finish_cancel`."""
        self._arm(account).hold_cancel = True

    def finish_cancel(self, now_ns: int, order_id: int, fill_ratio: Decimal = ZERO) -> VenueOrder:
        """Carry out a held cancel, after a late fill of `fill_ratio` of the remaining quantity.

        KeyError if no cancel of that order is held or it is done already.
        """
        order = find_open_order(self._state, order_id)
        if not order.cancelling:
            raise KeyError(f"no cancel of order {order_id} is held")
        if fill_ratio:
            order = self._fill(now_ns, order, fill_ratio)
        self._state.advance(now_ns)
        if not order.done:
            order = end_order(self._state, order, EndReason.REQUESTED)
        self._process_triggers()
        return order

    def charge(self, asset: str, maker: Decimal | None, taker: Decimal | None) -> None:
        """Charge fees in `asset` ("": the traded assets) and at these rates; None: unchanged."""
        self._state.fee_overrides = {"third_asset": asset}
        for name, rate in (("maker_rate", maker), ("taker_rate", taker)):
            if rate is not None:
                self._state.fee_overrides[name] = rate

    def restart_numbers(self, instrument: InstrumentId) -> None:
        """Number the changes of a book from 1 again, as after a restart of the venue's service."""
        self._state.books[instrument].sequence = 0

    def fill(self, now_ns: int, order_id: int, ratio: Decimal) -> VenueOrder:
        """Fill `ratio` of the remaining quantity of a resting order at its own price, as maker.

        KeyError if it is not in the book.
        """
        order = self._fill(now_ns, find_open_order(self._state, order_id), ratio)
        self._process_triggers()
        return self._state.order(order)

    def _fill(self, now_ns: int, order: VenueOrder, ratio: Decimal) -> VenueOrder:
        _check_ratio(ratio)
        book = self._state.books[order.instrument]
        if not book.rests(order.order_id):
            raise KeyError(f"order {order.order_id} is not in the book")
        self._state.advance(now_ns)
        quantity = min(ratio_in_lots(self._state, order, ratio), book.displayed(order.order_id))
        if quantity:
            fill_resting(self._state, order, quantity)
        return self._state.order(order)

    def _arm(self, account: str) -> ArmedFaults:
        if account not in self._state.accounts:
            raise KeyError(f"no account {account!r}")
        return self._state.armed.setdefault(account, ArmedFaults())


def _check_ratio(ratio: Decimal) -> None:
    if not ZERO <= ratio <= ONE:
        raise ValueError(f"ratio {ratio} is not between 0 and 1")
