"""An account: what it is for ever (paper, sandbox or live), and what its executor can do.

Rules ask what an account can do, never which life it is.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from bowline.core.model.values import AccountId


class Life(Enum):
    """What an account is, for ever. No limit and no sum reaches over two of them."""

    BACKTEST = "backtest"
    PAPER = "paper"
    SANDBOX = "sandbox"
    LIVE = "live"


class Capabilities(Struct, frozen=True, omit_defaults=True):
    """What the executor of an account can do, each with its source where it is declared.

    `book_per_run`: positions are kept for each run, not netted by instrument. `rests_stops` and
    `rests_take_profits`: such orders can rest there. `pairs_stops`: both at once, because both
    reduce only. `stops_lock`: what a resting stop would sell cannot be sold otherwise.
    `liquidates`: it closes positions without margin by itself. `continuous`: prices move
    between closes, so a position needs a guard there. `reports_money`: balances and
    positions are read from it.
    """

    book_per_run: bool = False
    rests_stops: bool = False
    rests_take_profits: bool = False
    pairs_stops: bool = False
    stops_lock: bool = False
    liquidates: bool = False
    continuous: bool = False
    reports_money: bool = False


class Account(Struct, frozen=True):
    """`quote` is the one currency that its rules count in.

    `completes_part_fills`: what an entry's first order leaves open is ordered once more.
    """

    id: AccountId
    life: Life
    quote: str
    can: Capabilities = Capabilities()
    completes_part_fills: bool = False
