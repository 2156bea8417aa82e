"""The one gate before every entry. Exits never pass through it: leaving is always allowed.

Only this module may make an `Approved`. Rules are asked in order and the first refusal counts.
"""

from __future__ import annotations

from bowline.core.engine.ledger import Ledger
from bowline.core.model.intent import Approved, Enter, Refusal, Refused, Verdict
from bowline.core.model.values import HUNDRED, ZERO


def check(ledger: Ledger, intent: Enter) -> Verdict:
    """Whether this entry may be made now."""
    for rule in RULES:
        refusal = rule(ledger)
        if refusal is not None:
            return Refused(intent, refusal)
    return Approved(intent)


def _one_position(ledger: Ledger) -> Refusal | None:
    busy = ledger.position is not None or ledger.order is not None
    return Refusal.POSITION_OPEN if busy else None


def _cooldown(ledger: Ledger) -> Refusal | None:
    wait = ledger.run.policy.limits.cooldown_candles
    if ledger.last_exit_candle is None or ledger.candles - ledger.last_exit_candle >= wait:
        return None
    return Refusal.COOLDOWN


def _daily_loss(ledger: Ledger) -> Refusal | None:
    limit = ledger.run.policy.limits.daily_loss_pct
    if limit == ZERO:
        return None
    loss = ledger.day_equity - ledger.equity
    return Refusal.DAILY_LOSS if loss * HUNDRED >= limit * ledger.day_equity else None


def _something_available(ledger: Ledger) -> Refusal | None:
    return None if ledger.available > ZERO else Refusal.NOTHING_AVAILABLE


#: The place where every further rule goes.
RULES = (_one_position, _cooldown, _daily_loss, _something_available)
