"""A view of an engine that lags behind: orders and fills are found only from a certain age on.

Venues answer queries from replicas: right after an acknowledgement a look-up may find nothing.
"""

from __future__ import annotations

from bowline.core.model.instrument import InstrumentId
from bowline.core.sim.exchange import Executed, VenueOrder, VenueView


class DelayedView(VenueView):
    """As `view`, without the orders and fills from after `until_ns`."""

    def __init__(self, view: VenueView, until_ns: int) -> None:
        # every other query is answered from the same state
        vars(self).update(vars(view))
        self._view = view
        self._until_ns = until_ns

    def order(self, account: str, order: int | str) -> VenueOrder | None:
        """By id, if it is old enough."""
        found = self._view.order(account, order)
        return found if found is not None and found.created_ns <= self._until_ns else None

    def open_orders(self, account: str, instrument: InstrumentId | None = None) -> list[VenueOrder]:
        """Those that are old enough."""
        return self._old(self._view.open_orders(account, instrument))

    def closed_orders(
        self, account: str, instrument: InstrumentId | None = None
    ) -> list[VenueOrder]:
        """Those that are old enough."""
        return self._old(self._view.closed_orders(account, instrument))

    def fills(
        self, account: str, instrument: InstrumentId | None = None, after_trade_id: int = 0
    ) -> list[Executed]:
        """Those that are old enough."""
        found = self._view.fills(account, instrument, after_trade_id)
        return [each for each in found if each.now_ns <= self._until_ns]

    def _old(self, orders: list[VenueOrder]) -> list[VenueOrder]:
        return [each for each in orders if each.created_ns <= self._until_ns]
