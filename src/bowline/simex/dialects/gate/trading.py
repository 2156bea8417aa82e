"""Gate API v4 order endpoints. The reply to an order is the order after it was matched.

The order channels of the streams call the same functions: each takes the fields that a client sent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import NewOrder, Rejection, RejectReason, VenueOrder
from bowline.core.venue import Listing, OrderKind, PositionMode, TimeInForce
from bowline.simex.cancel_all_timer import CancelAllTimer
from bowline.simex.dialects.gate.errors import FIELDS, error_for, gone, invalid
from bowline.simex.dialects.gate.market import kind_at, requested_listing
from bowline.simex.dialects.gate.render import (
    SIDES,
    TIMES_IN_FORCE,
    futures_fill,
    futures_order,
    spot_fill,
    spot_order,
)
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue, dialect_state
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import QuerySpan, ms, parse_int, seconds

_CLIENT_ID = re.compile(r"t-[A-Za-z0-9_.-]{1,28}")
_SIDES = {word: side for side, word in SIDES.items()}
_TIMES_IN_FORCE = {word: force for force, word in TIMES_IN_FORCE.items()}
_POSITION_SIDES = {"close_long": Direction.LONG, "close_short": Direction.SHORT}
_SHORTEST_COUNTDOWN_S = 5

Fields = dict[str, str]
_Each = TypeVar("_Each")


class GateCancelAllTimers:
    """The timers: one for each market, and one for each instrument that was named."""

    def __init__(self) -> None:
        self.of: defaultdict[tuple[str, InstrumentId | None], CancelAllTimer] = defaultdict(
            CancelAllTimer
        )


def create(call: ApiCall) -> object:
    """POST /spot/orders and /futures/{settle}/orders."""
    return place(call, call.fields())


def place(call: ApiCall, fields: Fields) -> JsonObject:
    """Take an order."""
    listing = requested_listing(call, fields)
    form = _spot_order if kind_at(call) == "spot" else _futures_order
    placed = call.venue.place(form(call, listing, fields))
    return rendered_order(call, taken(call, placed))


def _spot_order(call: ApiCall, listing: Listing, fields: Fields) -> NewOrder:
    side, kind = _SIDES.get(fields.get("side", "")), fields.get("type", "limit")
    amount, price = FIELDS.decimal(fields, "amount"), FIELDS.decimal(fields, "price")
    if side is None or kind not in ("limit", "market"):
        raise invalid("invalid side or type")
    if fields.get("account", "spot") != "spot":
        raise invalid("only the spot account is played here")
    if amount is None or amount <= 0 or (kind == "limit" and price is None):
        raise invalid("invalid amount or price")
    limit = kind == "limit"
    force = _force(fields, "time_in_force", limit=limit)
    by_cost = side is Side.BUY and not limit
    return NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=OrderKind.LIMIT if limit else OrderKind.MARKET,
        quantity=None if by_cost else amount,
        quote_cost=amount if by_cost else None,
        price=price if limit else None,
        time_in_force=force,
        client_id=client_id_in(fields),
    )


def _futures_order(call: ApiCall, listing: Listing, fields: Fields) -> NewOrder:
    size, price = FIELDS.decimal(fields, "size"), FIELDS.decimal(fields, "price") or ZERO
    if size is None or size % 1:
        raise invalid("size must be a whole number of contracts")
    reduces = fields.get("reduce_only") == "true" or fields.get("close") == "true"
    if not size:
        size = _closing_size(call, listing, fields)
        reduces = True
    limit = bool(price)
    if not limit and fields.get("tif", "gtc") not in ("ioc", "fok"):
        raise invalid("a market order is ioc or fok")
    side = Side.BUY if size > 0 else Side.SELL
    return NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=OrderKind.LIMIT if limit else OrderKind.MARKET,
        quantity=abs(size) * listing.instrument.contract_size,
        price=price or None,
        time_in_force=_force(fields, "tif", limit=limit),
        reduce_only=reduces,
        position_side=position_side_of(call, listing, side, reduces=reduces),
        client_id=client_id_in(fields),
    )


def _closing_size(call: ApiCall, listing: Listing, fields: Fields) -> Decimal:
    """Size 0 closes a position: the one there is, or in hedge mode the one that is named."""
    position_side = _POSITION_SIDES.get(fields.get("auto_size", ""))
    if position_side is None and fields.get("close") != "true":
        raise invalid("size must not be 0")
    for each in call.venue.view("linear").positions(call.account, listing.instrument.id):
        if position_side in (None, each.direction):
            contracts = each.quantity / listing.instrument.contract_size
            return contracts if each.direction is Direction.SHORT else -contracts
    raise error_for("linear", RejectReason.REDUCE_ONLY)


def position_side_of(call: ApiCall, listing: Listing, side: Side, *, reduces: bool) -> Direction:
    """In hedge mode an order opens the position of its side, or reduces the other."""
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    if settings.position_mode is PositionMode.ONE_WAY:
        return Direction.NEUTRAL
    return Direction.LONG if (side is Side.BUY) is not reduces else Direction.SHORT


def _force(fields: Fields, name: str, *, limit: bool) -> TimeInForce:
    word = fields.get(name, "gtc" if limit else "ioc")
    if word not in _TIMES_IN_FORCE or (word == "poc" and not limit):
        raise invalid(f"invalid {name}")
    return _TIMES_IN_FORCE[word] if limit else TimeInForce.GTC


def client_id_in(fields: Fields) -> str:
    """`text`, of the venue's own grammar."""
    text = fields.get("text", "")
    if text and not _CLIENT_ID.fullmatch(text):
        raise invalid("text must begin with t- and have at most 28 letters, digits, _, - or . more")
    return text


def cancel(call: ApiCall) -> object:
    """DELETE …/orders/{order_id}."""
    return withdraw(call, call.query)


def withdraw(call: ApiCall, fields: Fields) -> JsonObject:
    """Cancel by id or by text."""
    order = find(call, fields)
    if order.done:
        raise gone(kind_at(call), order)
    return rendered_order(
        call, taken(call, call.venue.cancel(call.account, order.instrument, order.order_id))
    )


def cancel_all(call: ApiCall) -> object:
    """DELETE …/orders: of one instrument; spot alone may leave it out. Waiting stops stay."""
    kind = kind_at(call)
    given = kind == "linear" or "currency_pair" in call.query
    wanted = requested_listing(call, call.query).instrument.id if given else None
    found = call.venue.view(kind).open_orders(call.account, wanted)
    return [rendered_order(call, each) for each in cancel_these(call, found)]


def cancel_these(
    call: ApiCall, orders: Iterable[VenueOrder], *, stops: bool = False
) -> list[VenueOrder]:
    """Cancel those of the orders that wait for a trigger, or those that do not."""
    ended = []
    for each in orders:
        if each.waiting is stops:
            answer = call.venue.cancel(call.account, each.instrument, each.order_id)
            if isinstance(answer, VenueOrder):
                ended.append(answer)
    return ended


def amend(call: ApiCall) -> object:
    """PATCH /spot/orders/{order_id}, PUT /futures/{settle}/orders/{order_id}."""
    return change(call, call.fields())


def change(call: ApiCall, fields: Fields) -> JsonObject:
    """Another quantity or price for an open limit order."""
    order = find(call, fields)
    if order.done:
        raise gone(kind_at(call), order)
    name, unit = ("amount", Decimal(1))
    if kind_at(call) == "linear":
        name, unit = "size", call.venue.listing(order.instrument).instrument.contract_size
    given = FIELDS.decimal(fields, name)
    changed = call.venue.amend(
        call.account,
        order.instrument,
        order.order_id,
        quantity=None if given is None else abs(given) * unit,
        price=FIELDS.decimal(fields, "price"),
    )
    return rendered_order(call, taken(call, changed))


def one(call: ApiCall) -> object:
    """GET …/orders/{order_id}."""
    return look_up(call, call.query)


def look_up(call: ApiCall, fields: Fields) -> JsonObject:
    """By id or by text, open or closed."""
    return rendered_order(call, find(call, fields))


def some(call: ApiCall) -> object:
    """GET …/orders: those that are `open` or `finished`, the newest first."""
    kind, query = kind_at(call), call.query
    status = query.get("status", "")
    if status not in ("open", "finished"):
        raise invalid("status must be open or finished")
    given = kind == "spot" or "contract" in query
    wanted = requested_listing(call, query).instrument.id if given else None
    view = call.venue.view(kind)
    listed = view.open_orders if status == "open" else view.closed_orders
    last = FIELDS.integer(query, "last_id", 1 << 62) or 1 << 62
    found = sorted(
        (each for each in listed(call.account, wanted) if each.order_id < last),
        key=lambda each: -each.order_id,
    )
    return [rendered_order(call, each) for each in page(found, query) if not each.waiting]


def open_by_pair(call: ApiCall) -> object:
    """GET /spot/open_orders: a list of orders for each pair."""
    found = [e for e in call.venue.view("spot").open_orders(call.account) if not e.waiting]
    grouped = []
    for listing in call.venue.listings("spot"):
        mine = [each for each in reversed(found) if each.instrument == listing.instrument.id]
        if mine:
            orders = [spot_order(call.venue, each) for each in page(mine, call.query)]
            pair = {"currency_pair": listing.venue_symbol, "total": len(mine), "orders": orders}
            grouped.append(pair)
    return grouped


def fills(call: ApiCall) -> object:
    """GET /spot/my_trades, /futures/{settle}/my_trades and my_trades_timerange: newest first."""
    kind, query = kind_at(call), call.query
    name = "currency_pair" if kind == "spot" else "contract"
    wanted = requested_listing(call, query).instrument.id if name in query else None
    start_s, end_s = _period(call)
    order_id = query.get("order_id" if kind == "spot" else "order", "")
    found = [
        each
        for each in reversed(call.venue.view(kind).fills(call.account, wanted))
        if start_s <= seconds(each.now_ns) <= end_s and order_id in ("", str(each.order_id))
    ]
    shown = page(found, query)
    if kind == "spot":
        return [spot_fill(call.venue, each) for each in shown]
    ranged = call.path.endswith("timerange")
    return [
        futures_fill(call.venue, each)
        | ({"trade_id": str(each.trade_id)} if ranged else {"id": each.trade_id})
        for each in shown
    ]


def _period(call: ApiCall) -> tuple[int, int]:
    """Gate v4 "List personal trading history": the last 7 days by default, 30 days at most."""
    words = "time range between from and to must not exceed 30 days"
    month = QuerySpan(seconds(call.now_ns), 30 * 86_400, invalid(words))
    start_s, end_s = FIELDS.bounded_window(call.query, "from", "to", month)
    if not {"from", "to"} & call.query.keys():
        start_s = seconds(call.now_ns) - 7 * 86_400
    return start_s, end_s


def countdown_cancel_all(call: ApiCall) -> object:
    """POST …/countdown_cancel_all: cancel everything then, unless asked again; 0 takes it back."""
    kind, fields = kind_at(call), call.fields()
    timeout_s = FIELDS.integer(fields, "timeout", -1)
    if timeout_s and timeout_s < _SHORTEST_COUNTDOWN_S:
        raise invalid("timeout must be 0, or 5 seconds or more")
    name = "currency_pair" if kind == "spot" else "contract"
    instrument = requested_listing(call, fields).instrument.id if fields.get(name) else None
    timer = dialect_state(call.venue, GateCancelAllTimers).of[kind, instrument]
    if not timeout_s:
        timer.stop()
        return {"triggerTime": 0}
    timer.start(call.venue, call.account, timeout_s, (kind,), instrument)
    return {"triggerTime": ms(call.now_ns) + timeout_s * 1000}


def find(call: ApiCall, fields: Fields) -> VenueOrder:
    """The order of the path or of `order_id`; of spot it must be of the pair that is named too."""
    kind = kind_at(call)
    word = call.path_params.get("order_id", fields.get("order_id", ""))
    found = call.venue.view(kind).order(
        call.account, word if word[:2] == "t-" else parse_int(word, 0)
    )
    elsewhere = (
        kind == "spot"
        and found
        and requested_listing(call, fields).instrument.id != found.instrument
    )
    if found is None or elsewhere or found.waiting:
        raise error_for(kind, RejectReason.UNKNOWN_ORDER)
    return found


def rendered_order(call: ApiCall, order: VenueOrder) -> JsonObject:
    """An order in the words of its market."""
    form: Callable[[SimulatedVenue, VenueOrder], JsonObject] = (
        spot_order if kind_at(call) == "spot" else futures_order
    )
    return form(call.venue, order)


def taken(call: ApiCall, answer: VenueOrder | Rejection) -> VenueOrder:
    """The order, unless there was a no."""
    if isinstance(answer, Rejection):
        raise error_for(kind_at(call), answer.reason, answer.message)
    return answer


def page(found: list[_Each], query: Fields) -> list[_Each]:
    """`limit` of them, from `offset` or `page` on."""
    limit = FIELDS.limit(query, "limit", 100, 1000)
    at = max(FIELDS.integer(query, "offset", 0), 0) or limit * (
        max(FIELDS.integer(query, "page", 1), 1) - 1
    )
    return found[at : at + limit]
