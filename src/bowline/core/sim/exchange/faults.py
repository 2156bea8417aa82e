"""What a fault script may do to orders. Nothing here happens unless it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ONE, ZERO
from bowline.core.sim.exchange.intake import part
from bowline.core.sim.exchange.matching import fill_resting, order_at
from bowline.core.sim.exchange.moves import end_order
from bowline.core.sim.exchange.orders import EndReason, RefusalReason, VenueOrder
from bowline.core.sim.exchange.state import Armed, VenueState


class Faults:
    """Faults of a `VenueEngine`. What is armed hits the account's next order or cancel, once."""

    def __init__(self, state: VenueState, settle: Callable[[], None]) -> None:
        self._state = state
        self._settle = settle

    def fill_next_partly(self, account: str, ratio: Decimal) -> None:
        """The next order meets the market for `ratio` (0 to 1) of its quantity; a rest is ended."""
        _within(ratio)
        self._arm(account).ratio = ratio

    def reject_next(self, account: str, reason: RefusalReason) -> None:
        """The next order is accepted (WORKING) and then rejected, untouched by the market."""
        self._arm(account).reject = reason

    def hold_next_cancel(self, account: str) -> None:
        """The next cancel is acknowledged and stays in flight until `finish_cancel`."""
        self._arm(account).hold_cancel = True

    def finish_cancel(self, now_ns: int, order_id: int, fill_ratio: Decimal = ZERO) -> VenueOrder:
        """Let a held cancel take effect, after a late fill of `fill_ratio` of what remained.

        KeyError if no cancel of that order is held or it is done already.
        """
        order = order_at(self._state, order_id)
        if not order.cancelling:
            raise KeyError(f"no cancel of order {order_id} is held")
        if fill_ratio:
            order = self._fill(now_ns, order, fill_ratio)
        self._state.advance(now_ns)
        if not order.done:
            order = end_order(self._state, order, EndReason.ASKED)
        self._settle()
        return order

    def charge(self, asset: str, maker: Decimal | None, taker: Decimal | None) -> None:
        """Fees in `asset` from now on ("": in what is traded), at these rates; None: as before."""
        self._state.charged = {"third_asset": asset}
        for name, rate in (("maker_rate", maker), ("taker_rate", taker)):
            if rate is not None:
                self._state.charged[name] = rate

    def restart_numbers(self, instrument: InstrumentId) -> None:
        """Number the changes of a book from 1 again, as after a restart of the venue's service."""
        self._state.books[instrument].sequence = 0

    def fill(self, now_ns: int, order_id: int, ratio: Decimal) -> VenueOrder:
        """Fill `ratio` of what remains of a resting order at its own price, as maker.

        KeyError if it does not rest in the book.
        """
        order = self._fill(now_ns, order_at(self._state, order_id), ratio)
        self._settle()
        return self._state.order(order)

    def _fill(self, now_ns: int, order: VenueOrder, ratio: Decimal) -> VenueOrder:
        _within(ratio)
        book = self._state.books[order.instrument]
        if not book.rests(order.order_id):
            raise KeyError(f"order {order.order_id} does not rest in the book")
        self._state.advance(now_ns)
        quantity = min(part(self._state, order, ratio), book.shown(order.order_id))
        if quantity:
            fill_resting(self._state, order, quantity)
        return self._state.order(order)

    def _arm(self, account: str) -> Armed:
        if account not in self._state.accounts:
            raise KeyError(f"no account {account!r}")
        return self._state.armed.setdefault(account, Armed())


def _within(ratio: Decimal) -> None:
    if not ZERO <= ratio <= ONE:
        raise ValueError(f"ratio {ratio} is not between 0 and 1")
