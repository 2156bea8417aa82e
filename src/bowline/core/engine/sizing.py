"""How much: from available money and a price to a quantity the venue takes.

With p the expected fill price, f the fee rate and A the available money:
all of it is q = A / (p·(1+f)), for a long and for a short alike; a fixed notional N is
q = min(N, A / (1+f)) / p. Quantities are rounded down to the lot step, never up.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.engine.ledger import Ledger
from bowline.core.model.intent import Approved, Refusal, Refused
from bowline.core.model.policy import FixedQuote
from bowline.core.model.values import ONE, ZERO, Side


def entry_quantity(ledger: Ledger, approved: Approved) -> Decimal | Refused:
    """Base units to enter with at the last close, or why there is no such quantity."""
    policy, instrument = ledger.run.policy, ledger.run.instrument
    side = Side.entering(approved.intent.direction)
    price = ledger.last_close * (ONE + side.sign * policy.costs.slippage_rate)
    notional = ledger.available / (ONE + policy.costs.fee_rate)
    if isinstance(policy.sizing, FixedQuote):
        notional = min(policy.sizing.quote, notional)
    quantity = instrument.tradable_quantity(notional / price)
    if quantity <= ZERO:
        return Refused(approved.intent, Refusal.BELOW_LOT_STEP)
    if quantity * price < instrument.min_notional:
        return Refused(approved.intent, Refusal.BELOW_MIN_NOTIONAL)
    return quantity
