"""What a wallet is worth, and what of it an entry may use. Pure: it reads the state and no more.

    equity = cash + sum of signed values
    free = equity - safe - sum of |value| / leverage, working entries included
    backing of a run's position = cash + sum of (value - maintenance margin) of the others

An account that reports its money bounds an entry too: what the venue calls free, less what orders
that are not contained in that figure yet will take.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from bowline.core.engine.levels import NEVER
from bowline.core.engine.state import RunState, State, Wallet
from bowline.core.model.values import HUNDRED, ONE, ZERO, RunId


class Stake(Struct, frozen=True):
    """What a run ties up: a position at its last close, or an entry that is `working`.

    `quantity` is signed; margin and maintenance margin are shares of its size.
    """

    run_id: RunId
    quantity: Decimal
    price: Decimal
    leverage: Decimal
    maintenance_rate: Decimal
    working: bool

    @property
    def value(self) -> Decimal:
        """What it is worth, negative for a short."""
        return self.quantity * self.price

    @property
    def size(self) -> Decimal:
        """The same without its sign."""
        return abs(self.value)


def stakes(state: State, wallet: Wallet) -> Iterator[Stake]:
    """Every position and working entry of the wallet's runs."""
    for run_id in wallet.runs:
        run = state.runs[run_id]
        policy = run.run.policy
        if run.position is not None:
            yield Stake(
                run_id, run.position.signed_quantity, state.marks[run_id].close,
                policy.leverage, policy.maintenance_rate, working=False,
            )  # fmt: skip
        order = None if run.entry_order is None else state.orders[run.entry_order]
        if order is not None and order.exposed_quantity:
            with_fee = ONE + policy.costs.fee_rate * policy.leverage
            yield Stake(
                run_id, order.exposed_quantity * with_fee, run.reserve_price,
                policy.leverage, policy.maintenance_rate, working=True,
            )  # fmt: skip


def equity(state: State, wallet: Wallet) -> Decimal:
    """Money with all positions marked at their last closes."""
    return sum((s.value for s in stakes(state, wallet) if not s.working), wallet.cash)


def free(state: State, wallet: Wallet) -> Decimal:
    """What neither a position, nor a working entry, nor profit lock holds."""
    tied = sum((s.size / s.leverage for s in stakes(state, wallet)), ZERO)
    return equity(state, wallet) - wallet.safe - tied


def gross_exposure(state: State, wallet: Wallet) -> Decimal:
    """The sizes of all positions and working entries."""
    return sum((s.size for s in stakes(state, wallet)), ZERO)


def backing(state: State, wallet: Wallet, run_id: RunId) -> Decimal:
    """What stands behind the position of this run: cash, and what the others can spare."""
    others = (s for s in stakes(state, wallet) if s.run_id != run_id and not s.working)
    return sum((s.value - s.size * s.maintenance_rate for s in others), wallet.cash)


def claim(state: State, run: RunState) -> Decimal:
    """What of its wallet this run may ever use."""
    wallet, sharing = state.wallets[run.wallet_id], run.run.policy.sharing
    money = equity(state, wallet) - wallet.safe
    return money if sharing is None else money * sharing.share_pct / HUNDRED


def available(state: State, run: RunState) -> Decimal:
    """What an entry may use now."""
    money = claim(state, run)
    if run.run.policy.sharing is not None:
        money = min(money, free(state, state.wallets[run.wallet_id]))
    return min(money, account_free(state, run))


def account_free(state: State, run: RunState) -> Decimal:
    """What the venue says is free, less what it cannot have counted; no bound if it is silent."""
    account = state.accounts[run.run.account]
    if not account.account.can.reports_money:
        return NEVER
    balance = account.balances.get(account.account.quote)
    return (ZERO if balance is None else balance.free) - reserved(state, account.account.id)


def reserved(state: State, account_id: str) -> Decimal:
    """Money that working entries may still take, in the account's quote."""
    total = ZERO
    for run in state.runs.values():
        if run.run.account != account_id or run.entry_order is None:
            continue
        order = state.orders[run.entry_order]
        policy = run.run.policy
        rate = ONE / policy.leverage + policy.costs.fee_rate
        total += order.exposed_quantity * run.reserve_price * rate
    return total


def exposure_left(state: State, run: RunState) -> Decimal:
    """What the portfolio's limit leaves of gross exposure to one more entry."""
    sharing = run.run.policy.sharing
    if sharing is None or sharing.max_gross_exposure_pct == ZERO:
        return NEVER
    wallet = state.wallets[run.wallet_id]
    most = equity(state, wallet) * sharing.max_gross_exposure_pct / HUNDRED
    return most - gross_exposure(state, wallet)
