"""From opinion to permission: signal, intent, verdict.

A signal has no size, an intent has no order, and only `core/engine/risk.py` may make an `Approved`.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from bowline.core.model.values import Direction, RunId


class Signal(Struct, frozen=True):
    """The final opinion at one close; `edge` is its direction if that is new at this candle.

    `first`: no signal was known before, so that `edge` may be new to the run alone.
    """

    direction: Direction
    edge: Direction
    first: bool = False


class Reason(Enum):
    """Why a position is entered or left."""

    SIGNAL = "signal"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    BUST = "bust"
    LIQUIDATION = "liquidation"
    FLATTEN = "flatten"
    RUN_STOPPED = "run_stopped"


class Enter(Struct, frozen=True, tag=True):
    """A wish to hold a position of this direction."""

    run_id: RunId
    direction: Direction


class Exit(Struct, frozen=True, tag=True):
    """A wish to be flat."""

    run_id: RunId
    reason: Reason


class Flip(Struct, frozen=True, tag=True):
    """A wish to be flat and then to hold a position of this direction, at the same close."""

    run_id: RunId
    reason: Reason
    direction: Direction


Intent = Enter | Exit | Flip


class Refusal(Enum):
    """Why an entry was not allowed."""

    HALTED = "entries are halted"
    RUN_STOPPED = "the run is stopped"
    OTHER_OWNER = "another run holds this instrument of the account"
    IN_DOUBT = "something at the venue is in doubt"
    POSITION_OPEN = "a position is open or an order is working"
    COOLDOWN = "cooling down after the last exit"
    DAILY_LOSS = "the day's loss limit is reached"
    NOTHING_AVAILABLE = "no money is available"
    NO_STOP_DISTANCE = "no stop loss on the losing side to size by"
    BELOW_MAINTENANCE = "entering would leave less than the maintenance margin"
    MAX_POSITIONS = "the portfolio holds as many positions as it may"
    MAX_GROSS_EXPOSURE = "the portfolio's exposure is at its limit"
    MAX_DRAWDOWN = "the portfolio's drawdown is at its limit"
    PORTFOLIO_DAILY_LOSS = "the portfolio's daily loss is at its limit"
    BELOW_LOT_STEP = "the quantity rounds down to nothing"
    BELOW_MIN_NOTIONAL = "the notional is below the venue's minimum"


class Approved(Struct, frozen=True):
    """The gate's yes to an entry."""

    intent: Enter


class Refused(Struct, frozen=True):
    """A no, with its reason."""

    intent: Enter
    reason: Refusal


Verdict = Approved | Refused
