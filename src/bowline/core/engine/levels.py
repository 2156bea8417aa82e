"""The prices at which a position is left: stop loss, take profit, and ruin.

It must never choose between two that a candle reached: that is the executor's, which knows its way.
"""

from __future__ import annotations

from decimal import Context, Decimal

from msgspec import Struct

from bowline.core.model.intent import Reason
from bowline.core.model.policy import Policy
from bowline.core.model.position import Position
from bowline.core.model.values import HUNDRED, ONE, ZERO, Direction

NEVER = Decimal("Infinity")
#: An entry price is a quotient, and what 28 digits leave of it may lie one beside the price that
#: was paid. A level that is met is compared without its last digits: so a close that is exactly on
#: the level meets it. Prices, percentages and rates have fewer digits than this together.
_MET = Context(prec=24)


class ExitLevels(Struct, frozen=True):
    """Prices at which an open position is left: at or below `lower`, at or above `upper`.

    `lower_met` and `upper_met` are these without what rounding left; a price is held against them.
    """

    lower: Decimal
    lower_reason: Reason
    upper: Decimal
    upper_reason: Reason
    lower_met: Decimal
    upper_met: Decimal

    @classmethod
    def of(cls, lower: Decimal, low: Reason, upper: Decimal, high: Reason) -> ExitLevels:
        """The levels at these prices, for these reasons."""
        return cls(lower, low, upper, high, as_met(lower), as_met(upper))

    def hit(self, price: Decimal) -> Reason | None:
        """Why this price ends the position, if it does."""
        if price <= self.lower_met:
            return self.lower_reason
        if price >= self.upper_met:
            return self.upper_reason
        return None

    @property
    def stop(self) -> tuple[Decimal, Reason] | None:
        """The level that loses, if there is one."""
        return self._side(take_profit=False)

    @property
    def take_profit(self) -> tuple[Decimal, Reason] | None:
        """The level that gains, if there is one."""
        return self._side(take_profit=True)

    def _side(self, *, take_profit: bool) -> tuple[Decimal, Reason] | None:
        sides = ((self.lower, self.lower_reason), (self.upper, self.upper_reason))
        for price, reason in sides:
            if (reason is Reason.TAKE_PROFIT) is take_profit and ZERO < price < NEVER:
                return price, reason
        return None


def as_met(level: Decimal) -> Decimal:
    """A level as prices are held against it: without what rounding left."""
    return _MET.plus(level)


def exit_levels(
    position: Position, policy: Policy, backing: Decimal, *, liquidates: bool
) -> ExitLevels:
    """The levels of a position behind which `backing` stands.

    A venue that `liquidates` by itself needs no level of ruin here.
    """
    entry, direction = position.entry_price, position.direction
    sl_pct, tp_pct = policy.stops.sl_pct, policy.stops.tp_pct
    ruin_reason = Reason.BUST if policy.margin is None else Reason.LIQUIDATION
    ruin = ruin_price(backing, position.quantity, direction, policy.maintenance_rate)
    if direction is Direction.LONG:
        stop = _moved(entry, sl_pct, -1, ZERO)
        lower = (ruin, ruin_reason) if ruin > stop and not liquidates else (stop, Reason.STOP_LOSS)
        return ExitLevels.of(*lower, _moved(entry, tp_pct, 1, NEVER), Reason.TAKE_PROFIT)
    stop = _moved(entry, sl_pct, 1, NEVER)
    upper = (ruin, ruin_reason) if ruin < stop and not liquidates else (stop, Reason.STOP_LOSS)
    return ExitLevels.of(_moved(entry, tp_pct, -1, ZERO), Reason.TAKE_PROFIT, *upper)


def _moved(entry: Decimal, pct: Decimal | None, sign: int, without: Decimal) -> Decimal:
    return without if pct is None else entry * (ONE + sign * pct / HUNDRED)


def ruin_price(
    backing: Decimal, quantity: Decimal, direction: Direction, maintenance_rate: Decimal
) -> Decimal:
    """The price p at which what stands behind a position is down to its maintenance margin.

    backing + direction * quantity * p = maintenance_rate * quantity * p, solved for p: a long has
    none (0 or less) if its backing is positive. With backing = wallet balance - direction *
    quantity * entry price this is Binance's liquidation price of a USD-M perpetual:
    https://www.binance.com/en/support/faq/b3c689c1f50a44cabb3a84e663b81d93
    """
    return backing / (quantity * (maintenance_rate - direction))
