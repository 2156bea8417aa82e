"""Orders at a simulated venue: request, state, and the reasons for a rejection or an end.

Quantities are base units, prices and costs quote money. Nothing here decides anything.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange.transitions import ORDER_TRANSITIONS
from bowline.core.venue import OrderKind, TimeInForce


class TriggerPrice(Enum):
    """The price that triggers a stop."""

    LAST = "last"
    MARK = "mark"


class RejectReason(Enum):
    """Why a request was rejected. A dialect maps each to its venue's own code."""

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
    """Why an order ended before it was filled completely."""

    REQUESTED = "requested"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"
    NO_LIQUIDITY = "no_liquidity"
    REDUCE_ONLY = "reduce_only"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LIQUIDATION = "liquidation"
    DELISTED = "delisted"
    SCRIPT = "script"


class Rejection(Struct, frozen=True):
    """A request was rejected; nothing has changed."""

    reason: RejectReason
    message: str = ""


class NewOrder(Struct, frozen=True):
    """An order request. `client_id` is the text that the client sent, "" if none.

    A limit order has a `price`, a stop a `trigger`; a stop with a `price` becomes a limit order
    when it is triggered, one without a market order. A market order has a `quantity`, or for a spot
    buy a `quote_cost` to spend. `position_side` is LONG or SHORT in hedge mode, else NEUTRAL.
    `trigger_rising` None: a buy waits for a rise, a sell for a fall. `form` is the dialect's own
    mark for the endpoint or type of the request, stored with the order.
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
    position_side: Direction = Direction.NEUTRAL
    client_id: str = ""
    form: str = ""


class VenueOrder(Struct, frozen=True):
    """The complete state of an order at `updated_ns`.

    `quantity` of a buy by `quote_cost` is calculated from the book at entry. `cost` is the
    quote money of all fills, `fees` what they cost, an amount for each asset. A stop that waits is
    WORKING with `triggered` False. `by_venue` marks a liquidation order.
    """

    order_id: int
    requested: NewOrder
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
    reject_reason: RejectReason | None = None

    @property
    def account(self) -> str:
        """The account that owns the order."""
        return self.requested.account

    @property
    def client_id(self) -> str:
        """The text that the client sent."""
        return self.requested.client_id

    @property
    def instrument(self) -> InstrumentId:
        """The traded instrument."""
        return self.requested.instrument

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return self.requested.side

    @property
    def remaining(self) -> Decimal:
        """The unfilled quantity, in base units."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """Quote money a base unit over all fills; None until something filled."""
        return self.cost / self.filled if self.filled else None

    @property
    def done(self) -> bool:
        """Whether the state is final."""
        return not ORDER_TRANSITIONS[self.state]

    @property
    def waiting(self) -> bool:
        """Whether it is a stop that is not triggered yet."""
        return self.requested.kind is OrderKind.STOP and not self.triggered
