"""The one gate before every entry. Exits never pass through it: leaving is always allowed.

Only this module may make an `Approved`. Rules are asked in order and the first refusal counts. A
rule reads the state and the clock of the fact; a limit of 0 is off.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from bowline.core.engine.money import available, equity, exposure_left, free, stakes
from bowline.core.engine.state import RunState, State, Wallet
from bowline.core.model.intent import Approved, Enter, Refusal, Refused, Verdict
from bowline.core.model.values import HUNDRED, ZERO

#: of a wallet: what is left over by rounding is nothing to enter with
_CRUMB = Decimal("1e-9")

Rule = Callable[[State, RunState], Refusal | None]


def check(state: State, intent: Enter) -> Verdict:
    """Whether this entry may be made now."""
    run = state.runs[intent.run_id]
    for rule in RULES:
        refusal = rule(state, run)
        if refusal is not None:
            return Refused(intent, refusal)
    return Approved(intent)


def scopes_of(run: RunState) -> tuple[str, ...]:
    """The scopes of halts that a run lies in."""
    of = run.run.instrument.id
    return (
        "all",
        f"account:{run.run.account}",
        f"instrument:{of.market_id}:{of.symbol}",
        f"run:{run.run.id}",
    )


def _halted(state: State, run: RunState) -> Refusal | None:
    if not state.halts:
        return None
    scopes = scopes_of(run)
    halted = any(key.partition("|")[0] in scopes for key in state.halts)
    return Refusal.HALTED if halted else None


def _stopped(_state: State, run: RunState) -> Refusal | None:
    return Refusal.RUN_STOPPED if run.stopped else None


def _owner(state: State, run: RunState) -> Refusal | None:
    """An instrument of an account has one owner at a time, unless it keeps a book for each run."""
    account = state.accounts[run.run.account].account
    if account.can.book_per_run:
        return None
    mine = (run.run.account, run.run.instrument.id)
    for other in state.runs.values():
        theirs = (other.run.account, other.run.instrument.id)
        holds = other.position is not None or other.entry_order is not None
        if other is not run and theirs == mine and holds:
            return Refusal.OTHER_OWNER
    return None


def _one_position(state: State, run: RunState) -> Refusal | None:
    working = run.entry_order is not None and not state.orders[run.entry_order].ended
    return Refusal.POSITION_OPEN if run.position is not None or working else None


def _in_doubt(state: State, run: RunState) -> Refusal | None:
    """A word that nobody here knows, or a fill that no order of ours explains, freezes new risk."""
    of = run.run.instrument.id
    if any(each.report.instrument == of for each in state.held.values()):
        return Refusal.IN_DOUBT
    doubtful = (
        order
        for order in state.orders.values()
        if order.alien_word and not order.ended and order.instrument == of
    )
    return Refusal.IN_DOUBT if next(doubtful, None) is not None else None


def _cooldown(state: State, run: RunState) -> Refusal | None:
    wait = run.run.policy.limits.cooldown_candles
    if run.last_exit_candle is None:
        return None
    if state.marks[run.run.id].candles - run.last_exit_candle >= wait:
        return None
    return Refusal.COOLDOWN


def _daily_loss(state: State, run: RunState) -> Refusal | None:
    limit = run.run.policy.limits.daily_loss_pct
    if limit == ZERO:
        return None
    wallet = state.wallets[run.wallet_id]
    return Refusal.DAILY_LOSS if _lost(state, wallet, wallet.day_equity, limit) else None


def _portfolio(state: State, run: RunState) -> Refusal | None:
    """What the runs of one wallet may do together."""
    if (sharing := run.run.policy.sharing) is None:
        return None
    wallet = state.wallets[run.wallet_id]
    if _lost(state, wallet, wallet.peak, sharing.max_drawdown_pct):
        return Refusal.MAX_DRAWDOWN
    if _lost(state, wallet, wallet.day_equity, sharing.daily_loss_pct):
        return Refusal.PORTFOLIO_DAILY_LOSS
    held = {stake.run_id for stake in stakes(state, wallet)}
    if sharing.max_positions and len(held) >= sharing.max_positions:
        return Refusal.MAX_POSITIONS
    crumb = equity(state, wallet) * _CRUMB
    if exposure_left(state, run) <= crumb:
        return Refusal.MAX_GROSS_EXPOSURE
    return Refusal.NOTHING_AVAILABLE if free(state, wallet) <= crumb else None


def _lost(state: State, wallet: Wallet, before: Decimal | None, limit_pct: Decimal) -> bool:
    """Whether that share of the equity there was is gone; a limit of 0 is off."""
    if limit_pct == ZERO or before is None:
        return False
    return (before - equity(state, wallet)) * HUNDRED >= limit_pct * before


def _something_available(state: State, run: RunState) -> Refusal | None:
    return None if available(state, run) > ZERO else Refusal.NOTHING_AVAILABLE


#: The place where every further rule goes.
RULES: tuple[Rule, ...] = (
    _halted,
    _stopped,
    _owner,
    _one_position,
    _in_doubt,
    _cooldown,
    _daily_loss,
    _portfolio,
    _something_available,
)
