"""How a run may act on its signals: directions, stops, sizing, costs and limits. Numbers only.

Everything here is part of a strategy's content hash, so a field must never change its meaning.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.values import HUNDRED, ONE, ZERO, Direction


class DirectionMode(Enum):
    """Which positions a run may hold; `LONG_SHORT` flips from one to the other."""

    LONG_ONLY = "long-only"
    SHORT_ONLY = "short-only"
    LONG_SHORT = "long-short"

    def allows(self, direction: Direction) -> bool:
        """Whether a position of this direction may be entered."""
        forbidden = {
            DirectionMode.LONG_ONLY: Direction.SHORT,
            DirectionMode.SHORT_ONLY: Direction.LONG,
        }
        return direction is not forbidden.get(self)


class Fills(Enum):
    """At which prices stops are looked at and filled; entries and signal exits are at the close.

    `CLOSE`: at closes. `INTRABAR`: inside each candle, of which open, high and low are known.
    `MINUTES`: inside each of the one-minute candles that it is made of, in their order.
    """

    CLOSE = "close"
    INTRABAR = "intrabar"
    MINUTES = "minutes"


class FirstSignal(Enum):
    """What an entry makes of the first signal after the warm-up, which follows no other one.

    `WAIT`: nothing. Nobody knows how old it is, so the run waits until the signal changes.
    `ENTER`: an entry, as if it had taken its direction just then.
    """

    WAIT = "wait"
    ENTER = "enter"


class Stops(Struct, frozen=True, forbid_unknown_fields=True):
    """Stops, in percent of the entry fill price; None is off."""

    sl_pct: Decimal | None = None
    tp_pct: Decimal | None = None


class AllIn(Struct, frozen=True, tag="all_in", tag_field="mode", forbid_unknown_fields=True):
    """Every entry uses all that is available."""


class FixedQuote(
    Struct, frozen=True, tag="fixed_quote", tag_field="mode", forbid_unknown_fields=True
):
    """Every entry has this notional in quote money, or what is available if that is less."""

    quote: Decimal


class StrategyCompound(
    Struct, frozen=True, tag="strategy_compound", tag_field="mode", forbid_unknown_fields=True
):
    """The strategy starts with its own budget and every entry uses all that has become of it."""

    budget_quote: Decimal | None = None


class ProfitLock(
    Struct,
    frozen=True,
    tag="strategy_compound_profit_lock",
    tag_field="mode",
    forbid_unknown_fields=True,
):
    """As `StrategyCompound`, but this share of every net profit is set aside for good."""

    safe_profit_pct: Decimal
    budget_quote: Decimal | None = None


class RiskPct(Struct, frozen=True, tag="risk_pct", tag_field="mode", forbid_unknown_fields=True):
    """Every entry loses this share of the run's money if its stop loss is met, costs included."""

    risk_pct: Decimal


Sizing = AllIn | FixedQuote | StrategyCompound | ProfitLock | RiskPct


class Margin(Struct, frozen=True, forbid_unknown_fields=True):
    """An entry needs its notional / `leverage`; to keep it, `maintenance_pct` of its value."""

    leverage: Decimal
    maintenance_pct: Decimal


class Costs(Struct, frozen=True, forbid_unknown_fields=True):
    """`fee_pct` of the notional and `slippage_pct` of the price, on every fill, either side."""

    fee_pct: Decimal
    slippage_pct: Decimal

    @property
    def fee_rate(self) -> Decimal:
        """The fee as a fraction of the notional."""
        return self.fee_pct / HUNDRED

    @property
    def slippage_rate(self) -> Decimal:
        """The slippage as a fraction of the price."""
        return self.slippage_pct / HUNDRED


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds on entries; 0 is off. A day is a UTC day, a cooldown counts closed candles."""

    daily_loss_pct: Decimal = ZERO
    cooldown_candles: int = 0


class Sharing(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place in a portfolio, whose runs have the wallet of their account in common.

    `share_pct` of its money is this run's to use; the rest bounds entries of all of them, 0 is off.
    """

    share_pct: Decimal = HUNDRED
    max_positions: int = 0
    max_gross_exposure_pct: Decimal = ZERO
    max_drawdown_pct: Decimal = ZERO
    daily_loss_pct: Decimal = ZERO


class Policy(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All of it, with costs settled. What is at its default leaves no trace in a journal."""

    direction: DirectionMode
    stops: Stops
    sizing: Sizing
    costs: Costs
    limits: Limits
    fills: Fills = Fills.CLOSE
    #: whether the position of a perpetual pays and receives funding
    funding: bool = False
    #: what is borrowed against; None is nothing: all that is bought is paid for
    margin: Margin | None = None
    #: None is a wallet of its own
    sharing: Sharing | None = None
    #: the default is what every run did before there was a choice
    first_signal: FirstSignal = FirstSignal.ENTER

    @property
    def leverage(self) -> Decimal:
        """How much of a position one unit of margin carries."""
        return ONE if self.margin is None else self.margin.leverage

    @property
    def maintenance_rate(self) -> Decimal:
        """The share of its value that a position must have behind it."""
        return ZERO if self.margin is None else self.margin.maintenance_pct / HUNDRED
