"""Orders that are cancelled after a while, unless the client says again in time that it lives.

Every venue has such a switch under a name and with bounds of its own; what it does is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import SECOND_NS
from bowline.simex.venue import SimulatedVenue


class CancelAllTimer:
    """One switch: `start` sets it or puts it off, `stop` takes it back."""

    def __init__(self) -> None:
        #: when it goes off, by the world's clock; 0: it is not set
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
        """Nothing happens any more."""
        self.due_ns = 0
