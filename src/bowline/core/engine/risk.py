"""The one gate before every entry. Exits never pass through it: leaving is always allowed.

Only this module may make an `Approved`. Rules are asked in order and the first refusal counts.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.engine.ledger import Ledger
from bowline.core.engine.wallet import Wallet
from bowline.core.model.intent import Approved, Enter, Refusal, Refused, Verdict
from bowline.core.model.values import HUNDRED, ZERO

#: of a wallet: what is left over by rounding is nothing to enter with
_CRUMB = Decimal("1e-9")


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
    wallet, limit = ledger.wallet, ledger.run.policy.limits.daily_loss_pct
    return Refusal.DAILY_LOSS if _lost(wallet, wallet.day_equity, limit) else None


def _portfolio(ledger: Ledger) -> Refusal | None:
    """What the runs of one wallet may do together."""
    if (sharing := ledger.run.policy.sharing) is None:
        return None
    wallet = ledger.wallet
    if _lost(wallet, wallet.peak, sharing.max_drawdown_pct):
        return Refusal.MAX_DRAWDOWN
    if _lost(wallet, wallet.day_equity, sharing.daily_loss_pct):
        return Refusal.PORTFOLIO_DAILY_LOSS
    if sharing.max_positions and len(wallet.stakes) >= sharing.max_positions:
        return Refusal.MAX_POSITIONS
    crumb = wallet.equity * _CRUMB
    if ledger.exposure_left <= crumb:
        return Refusal.MAX_GROSS_EXPOSURE
    return Refusal.NOTHING_AVAILABLE if wallet.free <= crumb else None


def _lost(wallet: Wallet, before: Decimal | None, limit_pct: Decimal) -> bool:
    """Whether that share of the equity there was is gone; a limit of 0 is off."""
    if limit_pct == ZERO or before is None:
        return False
    return (before - wallet.equity) * HUNDRED >= limit_pct * before


def _something_available(ledger: Ledger) -> Refusal | None:
    return None if ledger.available > ZERO else Refusal.NOTHING_AVAILABLE


#: The place where every further rule goes.
RULES = (_one_position, _cooldown, _daily_loss, _portfolio, _something_available)
