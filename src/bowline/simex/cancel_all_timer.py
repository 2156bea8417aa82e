"""The dead man's switch: cancels an account's orders unless the client sets it again in time.

Every venue has one under a name and with bounds of its own (countdownCancelAll, cancel-all-after,
countdown_cancel_all); what it does is the same everywhere, and is here.
"""

from __future__ import annotations

from collections.abc import Sequence

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import SECOND_NS
from bowline.simex.venue import SimulatedVenue


class CancelAllTimer:
    """One timer: `start` sets it or sets it anew, `stop` turns it off."""

    def __init__(self) -> None:
        #: when it fires, by the simulation's clock; 0: it is off
        self.due_ns = 0

    def start(
        self,
        venue: SimulatedVenue,
        account: str,
        wait_s: float,
        kinds: Sequence[str],
        instrument: InstrumentId | None = None,
    ) -> None:
        """Cancel the account's orders in these markets, or one instrument, after `wait_s`."""
        self.due_ns = due_ns = venue.scheduler.now_ns + int(wait_s * SECOND_NS)

        def fire() -> None:
            if self.due_ns != due_ns:
                return
            self.due_ns = 0
            for kind in kinds:
                venue.cancel_all(account, kind, instrument)
            venue.publish()

        venue.scheduler.call_later(wait_s, fire)

    def stop(self) -> None:
        """Turn it off."""
        self.due_ns = 0
