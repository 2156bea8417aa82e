"""An order at the played venue: what was asked, where it is, and why one was refused or ended.

Quantities are base units, prices and costs quote money. Nothing here decides anything.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange.life import ORDER_LIFE
from bowline.core.venue import OrderKind, TimeInForce


class TriggerPrice(Enum):
    """Which price a stop watches."""

    LAST = "last"
    MARK = "mark"


class RefusalReason(Enum):
    """Why the venue said no. A dialect knows its own code for each."""

    INSUFFICIENT_FUNDS = "insufficient funds"
    BELOW_MIN_QUANTITY = "below the minimum quantity"
    ABOVE_MAX_QUANTITY = "above the maximum quantity"
    ABOVE_MAX_PRICE = "above the maximum price"
    BELOW_MIN_NOTIONAL = "below the minimum notional"
    LOT = "not a multiple of the lot step"
    TICK = "not a multiple of the tick size"
    PRICE_BAND = "too far from the market"
    POST_ONLY = "a post-only order would take"
    REDUCE_ONLY = "a reduce-only order has nothing to reduce"
    NO_LIQUIDITY = "nobody is on the other side"
    BAD_ORDER = "fields that do not go together"
    DUPLICATE_ID = "the client id is in use"
    UNKNOWN_ORDER = "no such order"
    ALREADY_DONE = "the order is done"
    NOTHING_TO_AMEND = "the order is already so"
    UNKNOWN_INSTRUMENT = "no such instrument"
    HALTED = "no orders are taken for this instrument"
    POSITION_MODE = "the order does not fit the position mode"
    LEVERAGE_TOO_HIGH = "leverage above what is allowed, or below 1"
    POSITION_LIMIT = "more than may be held at this leverage"
    MODE_IN_USE = "a position or an order is open"
    NOT_MODIFIED = "it is already so"
    TOO_MANY_OPEN_ORDERS = "too many open orders"


class EndReason(Enum):
    """Why an order ended that was not filled in whole."""

    ASKED = "asked"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"
    NO_LIQUIDITY = "no_liquidity"
    REDUCE_ONLY = "reduce_only"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIQUIDATION = "liquidation"
    DELISTED = "delisted"
    SCRIPT = "script"


class Refused(Struct, frozen=True):
    """A no, for good: nothing has changed."""

    reason: RefusalReason
    message: str = ""


class NewOrder(Struct, frozen=True):
    """What an account asks for. `client_id` is the text that the client sent, "" if none.

    A limit order has a `price`, a stop a `trigger`; a stop with a `price` becomes a limit order
    when it is triggered, one without a market order. A market order has a `quantity`, or for a spot
    buy a `quote_cost` to spend. `position` is LONG or SHORT in hedge mode and NEUTRAL otherwise.
    `trigger_rising` None: a buy waits for a rise, a sell for a fall. `form` is the dialect's own
    word for the way it was asked for, kept with the order.
    """

    account: str
    instrument: InstrumentId
    side: Side
    kind: OrderKind
    quantity: Decimal | None = None
    price: Decimal | None = None
    quote_cost: Decimal | None = None
    trigger: Decimal | None = None
    trigger_by: TriggerPrice = TriggerPrice.LAST
    trigger_rising: bool | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    position: Direction = Direction.NEUTRAL
    client_id: str = ""
    form: str = ""


class VenueOrder(Struct, frozen=True):
    """The whole of an order as the venue knows it at `updated_ns`.

    `quantity` of a buy by `quote_cost` is what that buys from the book it meets. `cost` is the
    quote money of all fills, `fees` what they cost, an amount for each asset. A stop that waits is
    WORKING with `triggered` False. `by_venue` marks a liquidation order.
    """

    order_id: int
    asked: NewOrder
    state: OrderState
    quantity: Decimal
    created_ns: int
    updated_ns: int
    price: Decimal | None = None
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fees: tuple[tuple[str, Decimal], ...] = ()
    triggered: bool = False
    cancelling: bool = False
    by_venue: bool = False
    ended: EndReason | None = None
    refusal: RefusalReason | None = None

    @property
    def account(self) -> str:
        """Whose it is."""
        return self.asked.account

    @property
    def client_id(self) -> str:
        """The text that the client sent."""
        return self.asked.client_id

    @property
    def instrument(self) -> InstrumentId:
        """What is traded."""
        return self.asked.instrument

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return self.asked.side

    @property
    def remaining(self) -> Decimal:
        """What is not filled yet, in base units."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """Quote money a base unit over all fills; None until something filled."""
        return self.cost / self.filled if self.filled else None

    @property
    def done(self) -> bool:
        """Whether nothing more can happen to it."""
        return not ORDER_LIFE[self.state]

    @property
    def waiting(self) -> bool:
        """Whether it is a stop that was not triggered yet."""
        return self.asked.kind is OrderKind.STOP and not self.triggered
