"""The life of an order at the venue, written down once more: no step passes that is not in it."""

from __future__ import annotations

import pytest

from bowline.core.model.order import OrderState
from bowline.core.sim.exchange.transitions import ORDER_TRANSITIONS, OrderStep

#: an order that has a fill is not refused any more
LEGAL = {
    "pending": "accept fill_part fill_all cancel reject",
    "working": "fill_part fill_all cancel reject",
    "partly_filled": "fill_part fill_all cancel",
    "filled": "",
    "cancelled": "",
    "rejected": "",
}
BECOMES = {
    "accept": "working", "fill_part": "partly_filled", "fill_all": "filled",
    "cancel": "cancelled", "reject": "rejected",
}  # fmt: skip


@pytest.mark.parametrize("step", OrderStep)
@pytest.mark.parametrize("state", LEGAL)
def test_every_step_of_every_state_is_legal_or_not(state, step):
    found = ORDER_TRANSITIONS[OrderState(state)].get(step)
    expected = BECOMES[step.value] if step.value in LEGAL[state].split() else None
    assert (found and found.value) == expected
