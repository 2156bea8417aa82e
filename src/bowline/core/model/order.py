"""An order and its whole life as one total table: state × event → state, `SAME`, or `BUG`.

What the venue reports and what we did about an order come in any order, late, and repeated. The
table is a join: of all that was reported the furthest state counts, so no permutation or repetition
of reports changes the end. Quantities are joined beside it: the greatest cumulative figure, and the
sum of the fills, whichever is more.

    pending ──▶ working ⇄ partly filled ──▶ filled          armed ──▶ triggered ──▶ child order
       │ ↘          ↑↓           ↘ cancelling ──▶ cancelled | expired
       │  unknown ──┘
       └▶ denied · rejected      unknown ──(proof)──▶ absent

It must never leave `UNKNOWN` but by what the venue said or by proof. It books no money: fills do.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.intent import Reason
from bowline.core.model.values import ZERO, AccountId, Direction, OrderId, PlanId, RunId, Side


class OrderKind(Enum):
    """How an order meets the book. `STOP` becomes a market order when its trigger is reached."""

    LIMIT = "limit"
    MARKET = "market"
    STOP = "stop"


class TimeInForce(Enum):
    """How long a limit order may wait; `POST_ONLY` never takes."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class PriceSource(Enum):
    """Which price a trigger or a watch looks at; `BID_ASK` is the side that an exit would meet."""

    LAST = "last"
    MARK = "mark"
    BID_ASK = "bid_ask"
    VWAP = "vwap"


class Purpose(Enum):
    """What an order is for. Only entries add risk; all others reduce a position."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    FOLLOW_UP = "follow_up"
    ROLLBACK = "rollback"
    MANUAL = "manual"


class OrderState(Enum):
    """Where an order is, as far as is known here."""

    PENDING = "pending"
    ARMED = "armed"
    TRIGGERED = "triggered"
    WORKING = "working"
    PARTLY_FILLED = "partly_filled"
    CANCELLING = "cancelling"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    DENIED = "denied"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FILLED = "filled"


class OrderEvent(Enum):
    """What can be learned of an order. `PART` and `WHOLE` are told by the joined quantities."""

    ACCEPT = "accept"
    ARM = "arm"
    TRIGGER = "trigger"
    PART = "part"
    WHOLE = "whole"
    ASK_CANCEL = "ask_cancel"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REJECT = "reject"
    DENY = "deny"
    LOSE = "lose"
    PROVE_ABSENT = "prove_absent"


class Cell(Enum):
    """What a cell of the table says when it names no other state."""

    SAME = "same"
    BUG = "bug"


_S, _E = OrderState, OrderEvent
# One row a state, one column an event; "." leaves the state, "!" cannot happen. `deny` says that
# nothing left here, so it can only follow `pending` or a cancel of it. A denied or absent order
# that a venue reports after all lives again. Of two ends the later in `OrderState` counts:
# filled beats cancelled beats expired beats rejected.
_TABLE = """
              accept   arm    trigger    part          whole  ask_cancel cancel    expire  reject   deny   lose    prove_absent
pending       working  armed  triggered  partly_filled filled cancelling cancelled expired rejected denied unknown absent
armed         .        .      triggered  partly_filled filled cancelling cancelled expired rejected !      unknown .
triggered     .        .      .          partly_filled filled cancelling cancelled expired rejected !      unknown .
working       .        armed  triggered  partly_filled filled cancelling cancelled expired rejected !      unknown .
partly_filled .        .      .          .             filled cancelling cancelled expired rejected !      unknown .
cancelling    .        .      .          .             filled .          cancelled expired rejected denied .       absent
unknown       working  armed  triggered  partly_filled filled .          cancelled expired rejected !      .       absent
absent        working  armed  triggered  partly_filled filled .          cancelled expired rejected !      .       .
denied        working  armed  triggered  partly_filled filled .          cancelled expired rejected .      .       .
rejected      .        .      .          .             filled .          cancelled expired .        !      .       .
expired       .        .      .          .             filled .          cancelled .       .        !      .       .
cancelled     .        .      .          .             filled .          .         .       .        !      .       .
filled        .        .      .          .             .      .          .         .       .        !      .       .
"""  # noqa: E501 - a table is read as one


def _read_table(text: str) -> dict[OrderState, dict[OrderEvent, OrderState | Cell]]:
    head, *rows = (line.split() for line in text.strip().splitlines())
    signs: dict[str, OrderState | Cell] = {state.value: state for state in OrderState}
    signs |= {".": Cell.SAME, "!": Cell.BUG}
    return {
        OrderState(row[0]): {
            OrderEvent(event): signs[cell] for event, cell in zip(head, row[1:], strict=True)
        }
        for row in rows
    }


TRANSITIONS = _read_table(_TABLE)
#: nothing more is expected of an order in one of these
ENDED = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.DENIED, _S.ABSENT})
#: ends that a venue may still contradict: here nothing is known of an order there
UNSEEN = frozenset({_S.DENIED, _S.ABSENT})
#: what a venue's report of a state says happened; quantities are joined beside it
REPORTED: dict[OrderState, OrderEvent | None] = {
    _S.PENDING: _E.ACCEPT,
    _S.WORKING: _E.ACCEPT,
    _S.ARMED: _E.ARM,
    _S.TRIGGERED: _E.TRIGGER,
    _S.PARTLY_FILLED: _E.ACCEPT,
    _S.FILLED: _E.WHOLE,
    _S.CANCELLED: _E.CANCEL,
    _S.EXPIRED: _E.EXPIRE,
    _S.REJECTED: _E.REJECT,
    # a word that nobody here knows says nothing: the state stays, and new risk is frozen
    _S.UNKNOWN: None,
    # no venue reports what only we can know
    _S.CANCELLING: _E.ACCEPT,
    _S.ABSENT: None,
    _S.DENIED: None,
}


class Fill(Struct, frozen=True, omit_defaults=True):
    """One execution booked to an order of ours: base units and quote money.

    `fee` is what it cost in quote money, whatever asset it was taken in; `fee_base` is the part of
    the quantity that the venue kept as its fee, 0 where the fee was taken in another asset.
    """

    order_id: OrderId
    trade_id: str
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    event_ns: int
    fee_base: Decimal = ZERO


class Order(Struct, frozen=True, omit_defaults=True):
    """An order of a run; `id` is also the client order id at the venue.

    `attempt` counts the orders that one wish has led to; after `fence_ns` (0: not sent yet) an
    order that never arrived can no longer do so.
    """

    id: OrderId
    account: AccountId
    run_id: RunId
    instrument: InstrumentId
    side: Side
    quantity: Decimal
    reason: Reason
    purpose: Purpose = Purpose.ENTRY
    kind: OrderKind = OrderKind.MARKET
    price: Decimal | None = None
    trigger: Decimal | None = None
    trigger_source: PriceSource = PriceSource.LAST
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    plan_id: PlanId = PlanId(0)
    attempt: int = 1
    fence_ns: int = 0
    state: OrderState = OrderState.PENDING
    venue_order_id: str = ""
    #: what the fills came to, and the most that a report said
    filled_quantity: Decimal = ZERO
    reported_quantity: Decimal = ZERO
    #: a state word of the venue that nobody here knows
    alien_word: str = ""
    #: look-ups that found nothing after the fence
    not_found: frozenset[str] = frozenset()

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.state in ENDED

    @property
    def done_quantity(self) -> Decimal:
        """What filled, by fills or by reports, whichever says more."""
        return max(self.filled_quantity, self.reported_quantity)

    @property
    def owed_quantity(self) -> Decimal:
        """What a report says has filled and no fill has told yet: it must be asked for."""
        return max(ZERO, self.reported_quantity - self.filled_quantity)

    @property
    def exposed_quantity(self) -> Decimal:
        """What may still fill, counted in full while anything is in doubt."""
        return ZERO if self.ended else self.quantity - self.filled_quantity

    @property
    def direction(self) -> Direction:
        """The position that it adds to."""
        return Direction(self.side.sign)

    def after(self, event: OrderEvent) -> Order:
        """The order after this event; ValueError where the table says that it cannot be."""
        cell = TRANSITIONS[self.state][event]
        if cell is Cell.BUG:
            raise ValueError(f"order {self.id} is {self.state.value}: cannot {event.value}")
        return self if isinstance(cell, Cell) else replace(self, state=cell)

    def after_fill(self, quantity: Decimal) -> Order:
        """The order after `quantity` more of it filled.

        ValueError if that is more than was ordered: whoever books must have told repetitions apart.
        """
        filled = self.filled_quantity + quantity
        if not quantity > ZERO or filled > self.quantity:
            raise ValueError(f"order {self.id} of {self.quantity} cannot have {filled} filled")
        return _with_quantities(replace(self, filled_quantity=filled))

    def after_report(
        self, event: OrderEvent | None, filled: Decimal, venue_order_id: str, word: str = ""
    ) -> Order:
        """The order joined with a report: its state, the greatest filled, the venue's id."""
        order = replace(
            self,
            reported_quantity=max(self.reported_quantity, min(filled, self.quantity)),
            venue_order_id=self.venue_order_id or venue_order_id,
            alien_word=max(self.alien_word, word) if event is None else self.alien_word,
        )
        # a whole fill is told by quantities alone: a report may name the state before the figure
        if event is not None and event is not OrderEvent.WHOLE:
            order = order.after(event)
        return _with_quantities(order, whole=event is OrderEvent.WHOLE)


def _with_quantities(order: Order, *, whole: bool = False) -> Order:
    """The order with the state that its joined quantities say."""
    done = order.done_quantity
    if whole or done == order.quantity:
        return order.after(OrderEvent.WHOLE)
    return order.after(OrderEvent.PART) if done else order
