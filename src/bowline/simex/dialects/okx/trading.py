"""OKX v5 order endpoints. Each order of a request is answered on its own, with its own code.

The private stream calls the same functions: each takes the rows that a client sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from bowline.core.model.values import SECOND_NS, Direction, Side
from bowline.core.sim.exchange import NewOrder, Rejection, RejectReason, VenueOrder
from bowline.core.venue import Listing, OrderKind, TimeInForce
from bowline.simex.cancel_all_timer import CancelAllTimer
from bowline.simex.dialects.okx.errors import FIELDS, error_for, order_not_found, wrong
from bowline.simex.dialects.okx.margin_modes import use_mode
from bowline.simex.dialects.okx.render import (
    ORDER_TYPES,
    POSITION_SIDES,
    SIDES,
    fill_object,
    in_engine,
    kind_of,
    order_object,
    quantity_of,
)
from bowline.simex.dialects.okx.request_fields import (
    Fields,
    listing_in,
    page,
    requested_listings,
    rows_of,
)
from bowline.simex.payload import JsonObject
from bowline.simex.venue import dialect_state
from bowline.simex.venue_api import ApiCall, ApiError, Response
from bowline.simex.wire_values import ms

_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_SIDES = {word: side for side, word in SIDES.items()}
_POSITION_SIDES = {word: position_side for position_side, word in POSITION_SIDES.items()}
_TIMES_IN_FORCE = {word: force for force, word in ORDER_TYPES.items()}
_MOST_ROWS = 20
#: OKX v5 "Get transaction details (last 3 days)", "(last 3 months)", "Get order history (last 7
#: days)", "(last 3 months)": days of each
_KEPT_DAYS = {"fills": 3, "fills-history": 92, "orders-history": 7, "orders-history-archive": 92}

#: what one row of a request does
Act = Callable[[ApiCall, Fields], VenueOrder]


def place(call: ApiCall) -> Response:
    """POST trade/order."""
    return acted(call, rows_of(call)[:1], place_one)


def place_many(call: ApiCall) -> Response:
    """POST trade/batch-orders."""
    return acted(call, rows_of(call), place_one)


def cancel(call: ApiCall) -> Response:
    """POST trade/cancel-order."""
    return acted(call, rows_of(call)[:1], cancel_one)


def cancel_many(call: ApiCall) -> Response:
    """POST trade/cancel-batch-orders."""
    return acted(call, rows_of(call), cancel_one)


def amend(call: ApiCall) -> Response:
    """POST trade/amend-order."""
    return acted(call, rows_of(call)[:1], amend_one)


def acted(call: ApiCall, rows: list[Fields], act: Act) -> Response:
    """Every row by itself: code 0 if all went well, 1 if none did, 2 for some."""
    if not rows or len(rows) > _MOST_ROWS:
        raise ApiError(50014 if not rows else 51000, "Parameter cannot be empty.")
    items = [_item(call, fields, act) for fields in rows]
    good = [each["sCode"] == "0" for each in items]
    code, text = ("0", "") if all(good) else ("2", "Bulk operation partially succeeded.")
    if not any(good):
        code, text = "1", "All operations failed"
    now = str(ms(call.now_ns) * 1_000)
    return Response({"code": code, "msg": text, "data": items, "inTime": now, "outTime": now})


def _item(call: ApiCall, fields: Fields, act: Act) -> JsonObject:
    stamp: JsonObject = {"tag": fields.get("tag", ""), "ts": str(ms(call.now_ns))}
    try:
        order = act(call, fields)
    except ApiError as no:
        names = {"ordId": fields.get("ordId", ""), "clOrdId": fields.get("clOrdId", "")}
        return stamp | names | {"sCode": str(no.code), "sMsg": no.message}
    names = {"ordId": str(order.order_id), "clOrdId": order.client_id}
    return stamp | names | {"sCode": "0", "sMsg": ""}


def place_one(call: ApiCall, fields: Fields) -> VenueOrder:
    """Take an order."""
    listing = listing_in(call, fields)
    order = _order_in(call, listing, fields)
    use_mode(call, listing, fields.get("tdMode", ""))
    return order_or_raise(call.venue.place(order))


def _order_in(call: ApiCall, listing: Listing, fields: Fields) -> NewOrder:
    kind, word = kind_of(listing.instrument.id), fields.get("ordType", "")
    if word not in _TIMES_IN_FORCE and word != "market":
        raise wrong("ordType")
    limit, side = word != "market", side_in(fields)
    size = number_in(fields, "sz")
    usual = "quote_ccy" if side is Side.BUY else "base_ccy"
    by_cost = kind == "spot" and not limit and fields.get("tgtCcy", usual) == "quote_ccy"
    if by_cost and side is Side.SELL:
        raise wrong("tgtCcy")
    return NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=OrderKind.LIMIT if limit else OrderKind.MARKET,
        quantity=None if by_cost else quantity_of(listing, size),
        quote_cost=size if by_cost else None,
        price=number_in(fields, "px") if limit else None,
        time_in_force=_TIMES_IN_FORCE.get(word, TimeInForce.GTC),
        reduce_only=kind == "linear" and fields.get("reduceOnly") == "true",
        position_side=position_side_in(kind, fields),
        client_id=client_id_in(fields, "clOrdId"),
    )


def side_in(fields: Fields) -> Side:
    """Buy or sell."""
    side = _SIDES.get(fields.get("side", ""))
    if side is None:
        raise wrong("side")
    return side


def position_side_in(kind: str, fields: Fields) -> Direction:
    """`posSide`: net, or the position side in hedge mode; spot has none."""
    position_side = _POSITION_SIDES.get(fields.get("posSide") or "net")
    if position_side is None:
        raise wrong("posSide")
    return position_side if kind == "linear" else Direction.NEUTRAL


def client_id_in(fields: Fields, name: str) -> str:
    """Letters and digits, 32 at most; none is fine."""
    client_id = fields.get(name, "")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise wrong(name)
    return client_id


def cancel_one(call: ApiCall, fields: Fields) -> VenueOrder:
    """By `ordId`, or by `clOrdId` if that is not said."""
    listing = listing_in(call, fields)
    found = find_order(call, listing, fields)
    if found is None:
        raise error_for(Rejection(RejectReason.UNKNOWN_ORDER), "cancel")
    ended = call.venue.cancel(call.account, listing.instrument.id, found.order_id)
    return order_or_raise(ended, "cancel")


def amend_one(call: ApiCall, fields: Fields) -> VenueOrder:
    """Another size or price."""
    listing = listing_in(call, fields)
    found = find_order(call, listing, fields)
    if found is None:
        raise error_for(Rejection(RejectReason.UNKNOWN_ORDER), "amend")
    size, price = FIELDS.decimal(fields, "newSz"), FIELDS.decimal(fields, "newPx")
    if size is None and price is None:
        raise wrong("newSz or newPx")
    changed = call.venue.amend(
        call.account,
        listing.instrument.id,
        found.order_id,
        quantity=None if size is None else quantity_of(listing, size),
        price=price,
    )
    return order_or_raise(changed, "amend")


def look_up(call: ApiCall) -> object:
    """GET trade/order: open or closed; of those with one client id the latest."""
    listing = listing_in(call, call.query)
    found = find_order(call, listing, call.query)
    if found is None:
        raise order_not_found()
    return [order_object(call.venue, found)]


def pending(call: ApiCall) -> object:
    """GET trade/orders-pending: the newest first."""
    return _page(call, call.venue.view("spot").open_orders(call.account))


def history(call: ApiCall) -> object:
    """GET trade/orders-history and orders-history-archive: what has ended, the newest first."""
    if not call.query.get("instType"):
        raise wrong("instType")
    since_ns = _kept_since(call)
    closed = call.venue.view("spot").closed_orders(call.account)
    return _page(call, (each for each in closed if each.updated_ns >= since_ns))


def _kept_since(call: ApiCall) -> int:
    """Since when this list knows of anything, as the pages of the lists say."""
    days = _KEPT_DAYS[call.path.rpartition("/")[2]]
    return call.now_ns - days * 86_400 * SECOND_NS


def _page(call: ApiCall, orders: Iterable[VenueOrder]) -> list[JsonObject]:
    wanted = {each.instrument.id for each in requested_listings(call, call.query)}
    rows = [
        (each.order_id, order_object(call.venue, each))
        for each in orders
        if each.instrument in wanted and in_engine(each)
    ]
    return page(rows, call.query, 100)


def fills(call: ApiCall) -> object:
    """GET trade/fills and fills-history: the newest first, numbered by bill."""
    begin, end = FIELDS.window(call.query, "begin", "end")
    wanted = {each.instrument.id for each in requested_listings(call, call.query)}
    order_id, since_ns = call.query.get("ordId"), _kept_since(call)
    rows = [
        (int(str(words["billId"])), words)
        for each in call.venue.view("spot").fills(call.account)
        if each.instrument in wanted
        and begin <= ms(each.now_ns) <= end
        and each.now_ns >= since_ns
        and order_id in (None, "", str(each.order_id))
        for words in [fill_object(call.venue, each)]
    ]
    return page(rows, call.query, 100)


def cancel_all_after(call: ApiCall) -> object:
    """POST trade/cancel-all-after: all orders go unless this is said again in time; 0 disarms."""
    fields, venue = next(iter(rows_of(call)), {}), call.venue
    wait_s = FIELDS.integer(fields, "timeOut", -1)
    if wait_s and not 10 <= wait_s <= 120:  # noqa: PLR2004 - the venue's own bounds
        raise wrong("timeOut")
    timer, stamp = dialect_state(venue, CancelAllTimer), {"tag": "", "ts": str(ms(call.now_ns))}
    if not wait_s:
        timer.stop()
        return [{"triggerTime": "0"} | stamp]
    timer.start(venue, call.account, wait_s, ("spot", "linear"))
    return [{"triggerTime": str(ms(timer.due_ns))} | stamp]


def find_order(call: ApiCall, listing: Listing, fields: Fields) -> VenueOrder | None:
    """The order that a request names; an algo order is none."""
    key: int | str = FIELDS.integer(fields, "ordId", 0) or fields.get("clOrdId", "")
    if not key:
        raise wrong("ordId or clOrdId")
    found = call.venue.view("spot").order(call.account, key)
    if found is None or found.instrument != listing.instrument.id or not in_engine(found):
        return None
    return found


def order_or_raise(answer: VenueOrder | Rejection, doing: str = "place") -> VenueOrder:
    """The order, or the no in the venue's words."""
    if isinstance(answer, Rejection):
        raise error_for(answer, doing)
    return answer


def number_in(fields: Fields, name: str) -> Decimal:
    """A number above 0 that must be there."""
    number = FIELDS.decimal(fields, name)
    if number is None or number <= 0:
        raise wrong(name)
    return number
