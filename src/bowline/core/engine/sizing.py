"""How much: from available money and a price to a quantity the venue takes.

With p the expected fill price, f the fee rate, L the leverage and A the available money:
- all of it is a notional of A / (1/L + f), its margin and its fee, for a long and a short alike,
- a fixed notional is that, or all of it if that is less,
- a risk of r is r * money / loss, where loss is what one unit of notional loses if the stop loss at
  distance d is met, both fills with their costs. With s the slippage rate, the exit fills at
  x = (1 - d)(1 - s) of p for a long and (1 + d)(1 + s) for a short: loss = |1 - x| + f (1 + x).
Whatever the mode, A bounds it, and the portfolio's exposure. Quantities are rounded down to the lot
step, never up.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.engine.money import available, backing, claim, exposure_left
from bowline.core.engine.state import RunState, State
from bowline.core.model.intent import Approved, Refusal, Refused
from bowline.core.model.policy import FixedQuote, Policy, RiskPct
from bowline.core.model.values import HUNDRED, ONE, ZERO, Side


def entry_quantity(state: State, approved: Approved) -> Decimal | Refused:
    """Base units to enter with at the last close, or why there is no such quantity."""
    run = state.runs[approved.intent.run_id]
    policy, instrument = run.run.policy, run.run.instrument
    side = Side.entering(approved.intent.direction)
    price = state.marks[run.run.id].close * (ONE + side.sign * policy.costs.slippage_rate)
    most = available(state, run) / (ONE / policy.leverage + policy.costs.fee_rate)
    if isinstance(policy.sizing, RiskPct) and not loss_at_stop(policy, side) > ZERO:
        return Refused(approved.intent, Refusal.NO_STOP_DISTANCE)
    notional = min(_wanted(state, run, side, most), most, exposure_left(state, run))
    quantity = instrument.tradable_quantity(notional / price)
    if quantity <= ZERO:
        return Refused(approved.intent, Refusal.BELOW_LOT_STEP)
    if quantity * price < instrument.min_notional:
        return Refused(approved.intent, Refusal.BELOW_MIN_NOTIONAL)
    if policy.margin is not None and _left_after(state, run, quantity, price) <= ZERO:
        return Refused(approved.intent, Refusal.BELOW_MAINTENANCE)
    return quantity


def loss_at_stop(policy: Policy, side: Side) -> Decimal:
    """What a unit of entry notional loses if its stop loss is met; 0 if no stop can lose.

    A stop that is missing, at the entry, or on its winning side is none to size by.
    """
    distance_pct = policy.stops.sl_pct
    if distance_pct is None or distance_pct <= ZERO:
        return ZERO
    slippage, fee = policy.costs.slippage_rate, policy.costs.fee_rate
    exit_ = (ONE - side.sign * distance_pct / HUNDRED) * (ONE - side.sign * slippage)
    return abs(ONE - exit_) + fee * (ONE + exit_)


def _wanted(state: State, run: RunState, side: Side, most: Decimal) -> Decimal:
    """The notional that the sizing asks for."""
    policy = run.run.policy
    match policy.sizing:
        case FixedQuote(quote):
            return quote
        case RiskPct(risk_pct):
            return claim(state, run) * risk_pct / HUNDRED / loss_at_stop(policy, side)
    return most


def _left_after(state: State, run: RunState, quantity: Decimal, price: Decimal) -> Decimal:
    """What the wallet has above all maintenance margins right after an entry, at the last close."""
    policy, close = run.run.policy, state.marks[run.run.id].close
    cost = quantity * (price * policy.costs.fee_rate + abs(price - close))
    behind = backing(state, state.wallets[run.wallet_id], run.run.id)
    return behind - cost - quantity * close * policy.maintenance_rate
