"""A wallet: the money of one run, or of all runs of a portfolio, and what their positions tie up.

`cash` holds what is not in a long position and, for a short, the proceeds of its sale; `safe` is
the part of it that profit lock has set aside. Each run keeps its own stake here up to date; a
wallet must never look into a run.

    equity = cash + sum of signed values
    free = equity - safe - sum of |value| / leverage
    backing of a run's position = cash + sum over the other stakes of (value - maintenance margin)
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from bowline.core.model.values import ZERO, Direction, RunId


class Stake(Struct):
    """A position at its run's last close, or an entry that is `working`: nothing in equity yet.

    `quantity` is signed; margin and maintenance margin are shares of the position's size.
    """

    quantity: Decimal
    price: Decimal
    leverage: Decimal
    maintenance_rate: Decimal
    working: bool = False

    @property
    def value(self) -> Decimal:
        """What it is worth, negative for a short."""
        return self.quantity * self.price

    @property
    def size(self) -> Decimal:
        """The same without its sign."""
        return abs(self.value)


class Wallet(Struct):
    """One account's money. Every figure is of the last closes its runs have seen."""

    account: str
    cash: Decimal
    #: money of the account that a strategy's budget leaves alone
    idle: Decimal = ZERO
    safe: Decimal = ZERO
    stakes: dict[RunId, Stake] = {}
    day: int = -1
    day_equity: Decimal = ZERO
    #: the highest equity at any moment before `seen_ns`; of a shared wallet only
    peak: Decimal | None = None
    seen_ns: int = -1

    @property
    def equity(self) -> Decimal:
        """Money with all positions marked."""
        return sum((s.value for s in self.stakes.values() if not s.working), self.cash)

    @property
    def free(self) -> Decimal:
        """What neither a position, nor a working entry, nor profit lock holds."""
        tied = sum((s.size / s.leverage for s in self.stakes.values()), ZERO)
        return self.equity - self.safe - tied

    @property
    def gross_exposure(self) -> Decimal:
        """The sizes of all positions and working entries."""
        return sum((s.size for s in self.stakes.values()), ZERO)

    def backing(self, run_id: RunId) -> Decimal:
        """What stands behind the position of this run: cash, and what the others can spare."""
        others = (s for of, s in self.stakes.items() if of != run_id and not s.working)
        return sum((s.value - s.size * s.maintenance_rate for s in others), self.cash)

    def see_moment(self, seen_ns: int, day: int) -> None:
        """A new moment and a new UTC day begin with the marks of the last one."""
        if day != self.day:
            self.day_equity = self.equity
            self.day = day
        if self.peak is not None and seen_ns != self.seen_ns:
            self.peak = max(self.peak, self.equity)
            self.seen_ns = seen_ns


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
