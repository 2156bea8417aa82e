"""What a fault script may do to orders. Nothing here happens unless it is asked for."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import ZERO
from bowline.core.sim.exchange.orders import RefusalReason, VenueOrder


class Faults:
    """Faults of a `VenueEngine`. What is armed hits the account's next order or cancel, once."""

    def fill_next_partly(self, account: str, ratio: Decimal) -> None:
        """The next order meets the market for `ratio` (0 to 1) of its quantity; a rest is ended."""
        raise NotImplementedError

    def reject_next(self, account: str, reason: RefusalReason) -> None:
        """The next order is accepted (WORKING) and then rejected, untouched by the market."""
        raise NotImplementedError

    def hold_next_cancel(self, account: str) -> None:
        """The next cancel is acknowledged and stays in flight until `finish_cancel`."""
        raise NotImplementedError

    def finish_cancel(self, now_ns: int, order_id: int, fill_ratio: Decimal = ZERO) -> VenueOrder:
        """Let a held cancel take effect, after a late fill of `fill_ratio` of what remained.

        KeyError if no cancel of that order is held or it is done already.
        """
        raise NotImplementedError

    def fill(self, now_ns: int, order_id: int, ratio: Decimal) -> VenueOrder:
        """Fill `ratio` of what remains of a resting order at its own price, as maker.

        KeyError if it does not rest in the book.
        """
        raise NotImplementedError
