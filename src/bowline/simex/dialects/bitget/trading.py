"""Bitget v2 order endpoints, spot and mix. An acknowledgement says that an order was taken.

Trigger orders have endpoints and lists of their own, and are no orders until they are triggered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Protocol, TypeVar

from msgspec.structs import replace

from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import (
    Executed,
    NewOrder,
    Rejection,
    RejectReason,
    VenueOrder,
)
from bowline.core.venue import Listing, OrderKind, TimeInForce
from bowline.simex.dialects.bitget.market import kind_asked, listing_of
from bowline.simex.dialects.bitget.render import (
    FIELDS,
    MARGIN_MODES,
    PRODUCTS,
    SIDES,
    TIMES_IN_FORCE,
    client_id_text,
    error_for,
    fill_object,
    kind_of,
    linear_order,
    order_id_text,
    parse_order_id,
    spot_order,
    trade_id_text,
    wrong,
)
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import QuerySpan, ms

_CLIENT_ID = re.compile(r"[0-9A-Za-z_:#\-+]{1,64}")
_SIDES = {word: side for side, word in SIDES.items()}
_TIMES_IN_FORCE = {word: force for force, word in TIMES_IN_FORCE.items()}
#: `marginMode` in our words
MODES = {word: mode for mode, word in MARGIN_MODES.items()}
PAGE = 100

Fields = dict[str, str]


class _Numbered(Protocol):
    @property
    def order_id(self) -> int: ...


_Each = TypeVar("_Each", bound=_Numbered)


# orders


def place(call: ApiCall) -> object:
    """POST …/place-order."""
    fields = call.fields()
    listing = listing_of(call, fields)
    if fields.get("orderType") == "limit" and FIELDS.decimal(fields, "price") is None:
        raise wrong("price")
    return acknowledged(placed(call, listing, order_in(call, listing, fields)))


def placed(call: ApiCall, listing: Listing, order: NewOrder) -> VenueOrder:
    """The order as it was taken."""
    return _order_or_raise(listing, call.venue.place(order))


def order_in(call: ApiCall, listing: Listing, fields: Fields) -> NewOrder:
    """What a request asks for, trigger apart."""
    linear = listing.max_leverage is not None
    word, kind = _SIDES.get(fields.get("side", "").lower()), fields.get("orderType", "")
    size = FIELDS.decimal(fields, "size")
    if word is None or kind not in ("limit", "market"):
        raise wrong("side or orderType")
    if size is None or size <= 0:
        raise wrong("size")
    side, position_side = (
        _side_and_position_side(word, fields) if linear else (word, Direction.NEUTRAL)
    )
    if linear:
        _use_margin_mode(call, listing, fields)
    # a spot market buy says what it spends
    by_cost = not linear and kind == "market" and side is Side.BUY
    return NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=OrderKind.LIMIT if kind == "limit" else OrderKind.MARKET,
        quantity=None if by_cost else size,
        quote_cost=size if by_cost else None,
        price=FIELDS.decimal(fields, "price") if kind == "limit" else None,
        time_in_force=_TIMES_IN_FORCE.get(fields.get("force", "gtc").lower(), TimeInForce.GTC)
        if kind == "limit"
        else TimeInForce.GTC,
        reduce_only=linear and fields.get("reduceOnly", "NO").upper() == "YES",
        position_side=position_side,
        client_id=client_id_in(fields),
    )


def client_id_in(fields: Fields) -> str:
    """The client's id; empty if it sent none."""
    client_id = fields.get("clientOid", "")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise ApiError("40305", "clientOid length cannot greater than 64")
    return client_id


def _side_and_position_side(word: Side, fields: Fields) -> tuple[Side, Direction]:
    """Order side and position side: with a `tradeSide` the side is the position's."""
    match fields.get("tradeSide", "").lower():
        case "":
            return word, Direction.NEUTRAL
        case "open":
            side = word
        case "close":
            side = word.opposite
        case _:
            raise wrong("tradeSide")
    return side, Direction.LONG if word is Side.BUY else Direction.SHORT


def _use_margin_mode(call: ApiCall, listing: Listing, fields: Fields) -> None:
    """An order names its margin mode: the symbol changes to it, unless something is open."""
    mode = MODES.get(fields.get("marginMode", ""))
    if mode is None:
        raise wrong("marginMode")
    refused = call.venue.set_margin_mode(call.account, listing.instrument.id, mode)
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise margin_mode_in_use()


def margin_mode_in_use() -> ApiError:
    """Something is open."""
    words = "Currently holding positions or orders, the margin mode cannot be adjusted"
    return ApiError("45117", words)


def cancel(call: ApiCall) -> object:
    """POST …/cancel-order: by `orderId`, or by `clientOid` if that is not said."""
    fields = call.fields()
    listing = listing_of(call, fields)
    found = _open_one(call, listing, fields, plans=False)
    return acknowledged(_cancelled(call, listing, found))


def cancel_symbol(call: ApiCall) -> object:
    """POST /api/v2/spot/trade/cancel-symbol-order."""
    listing = listing_of(call, call.fields())
    for order in open_orders(call, "spot", listing, plans=False):
        call.venue.cancel(call.account, order.instrument, order.order_id)
    return {"symbol": listing.venue_symbol}


def cancel_many(call: ApiCall) -> object:
    """POST /api/v2/mix/order/batch-cancel-orders: those listed, or all of a symbol."""
    return cancel_list(call, plans=False)


def cancel_list(call: ApiCall, *, plans: bool) -> object:
    """Cancel those that are named, or all of a symbol; what became of each."""
    fields, named = call.fields(), call.json().get("orderIdList")
    kind = kind_asked(call, fields)
    listing = listing_of(call, fields) if fields.get("symbol") else None
    orders = open_orders(call, kind, listing, plans=plans) if kind in PRODUCTS else []
    done, missing = [], []
    if isinstance(named, list):
        wanted = [{k: str(v) for k, v in each.items()} for each in named if isinstance(each, dict)]
        missing = [each for each in wanted if not any(is_named(order, each) for order in orders)]
        orders = [order for order in orders if any(is_named(order, each) for each in wanted)]
    for order in orders:
        call.venue.cancel(call.account, order.instrument, order.order_id)
        done.append(acknowledged(order))
    words = {"errorMsg": "Order does not exist", "errorCode": "40768"}
    return {"successList": done, "failureList": [each | words for each in missing]}


def modify(call: ApiCall) -> object:
    """POST /api/v2/mix/order/modify-order: the order ends, and a new one takes its place."""
    fields = call.fields()
    return _replaced(
        call,
        size=FIELDS.decimal(fields, "newSize"),
        price=FIELDS.decimal(fields, "newPrice"),
        client_id=fields.get("newClientOid", ""),
    )


def cancel_replace(call: ApiCall) -> object:
    """POST /api/v2/spot/trade/cancel-replace-order: the same."""
    fields = call.fields()
    made = _replaced(
        call,
        size=FIELDS.decimal(fields, "size"),
        price=FIELDS.decimal(fields, "price"),
        client_id=fields.get("newClientOid", ""),
    )
    return made | {"success": "success", "msg": None}


def _replaced(
    call: ApiCall, *, size: Decimal | None, price: Decimal | None, client_id: str
) -> Fields:
    fields = call.fields()
    listing = listing_of(call, fields)
    order = _open_one(call, listing, fields, plans=False)
    if order.price is None:
        raise wrong("only a limit order can be modified")
    kind = kind_of(order.instrument)
    if client_id and call.venue.view(kind).order(call.account, client_id) is not None:
        raise error_for(kind, RejectReason.DUPLICATE_ID)
    requested = replace(
        order.requested,
        quantity=order.quantity if size is None else size,
        price=order.price if price is None else price,
        client_id=client_id,
    )
    if not (
        requested.quantity and requested.quantity > 0 and requested.price and requested.price > 0
    ):
        raise wrong("size or price")
    if (requested.quantity, requested.price) == (order.quantity, order.price):
        raise error_for(kind, RejectReason.NOTHING_TO_AMEND)
    _cancelled(call, listing, order)
    return acknowledged(placed(call, listing, requested))


def _cancelled(call: ApiCall, listing: Listing, order: VenueOrder) -> VenueOrder:
    return _order_or_raise(
        listing, call.venue.cancel(call.account, order.instrument, order.order_id)
    )


# lists


def detail(call: ApiCall) -> object:
    """GET /api/v2/mix/order/detail."""
    listing = listing_of(call, call.query)
    order = _known(call, "linear", call.query)
    if order is None or order.instrument != listing.instrument.id or order.waiting:
        words = "The data of the order cannot be found, please confirm the order number"
        raise ApiError("40109", words)
    return linear_order(call.venue, order, state_name="state")


def spot_detail(call: ApiCall) -> object:
    """GET /api/v2/spot/trade/orderInfo: a list of one, or of none."""
    order = _known(call, "spot", call.query)
    if order is None or order.waiting:
        return []
    return [spot_order(call.venue, order, pending=False)]


def unfilled(call: ApiCall) -> object:
    """GET /api/v2/spot/trade/unfilled-orders."""
    orders = matching_orders(call, "spot", call.venue.view("spot").open_orders(call.account))
    shown = page(call, [each for each in orders if not each.waiting])
    return [spot_order(call.venue, each, pending=True) for each in shown]


def history(call: ApiCall) -> object:
    """GET /api/v2/spot/trade/history-orders."""
    shown = page(
        call, matching_orders(call, "spot", call.venue.view("spot").closed_orders(call.account))
    )
    return [spot_order(call.venue, each, pending=False) for each in shown]


def pending(call: ApiCall) -> object:
    """GET /api/v2/mix/order/orders-pending."""
    orders = matching_orders(call, "linear", call.venue.view("linear").open_orders(call.account))
    return _entrusted(call, [each for each in orders if not each.waiting])


def orders_history(call: ApiCall) -> object:
    """GET /api/v2/mix/order/orders-history."""
    closed = call.venue.view("linear").closed_orders(call.account)
    return _entrusted(call, matching_orders(call, "linear", closed))


def _entrusted(call: ApiCall, orders: list[VenueOrder]) -> object:
    shown = page(call, orders)
    return {
        "entrustedList": [linear_order(call.venue, each, state_name="status") for each in shown]
        or None,
        "endId": order_id_text(shown[-1].order_id) if shown else None,
    }


def spot_fills(call: ApiCall) -> object:
    """GET /api/v2/spot/trade/fills."""
    return [fill_object(call.venue, each, fees_as_list=False) for each in _fill_page(call, "spot")]


def mix_fills(call: ApiCall) -> object:
    """GET /api/v2/mix/order/fills."""
    shown = _fill_page(call, "linear")
    return {
        "fillList": [fill_object(call.venue, each) for each in shown],
        "endId": trade_id_text(shown[-1].trade_id) if shown else None,
    }


def _fill_page(call: ApiCall, kind: str) -> list[Executed]:
    query = call.query
    # "Get Fills": startTime to endTime 90 days at most; the code is 40705 of the error pages
    words = "The start and end time cannot exceed 90 days"
    span = QuerySpan(ms(call.now_ns), 90 * 86_400_000, ApiError("40705", words))
    start_ms, end_ms = FIELDS.bounded_window(query, "startTime", "endTime", span)
    listing = listing_of(call, query) if query.get("symbol") else None
    if kind_asked(call, query) != kind:
        return []
    fills = [
        each
        for each in call.venue.view(kind).fills(call.account)
        if (listing is None or each.instrument == listing.instrument.id)
        and start_ms <= ms(each.now_ns) <= end_ms
        and query.get("orderId") in (None, "", order_id_text(each.order_id))
    ]
    return page(call, fills, lambda fill: trade_id_text(fill.trade_id))


def page(
    call: ApiCall,
    found: list[_Each],
    word: Callable[[_Each], str] = lambda order: order_id_text(order.order_id),
) -> list[_Each]:
    """The newest first, those before `idLessThan`."""
    limit = FIELDS.limit(call.query, "limit", PAGE, PAGE)
    before = FIELDS.integer(call.query, "idLessThan", 1 << 62)
    return [each for each in sorted(found, key=word, reverse=True) if int(word(each)) < before][
        :limit
    ]


def matching_orders(call: ApiCall, kind: str, orders: Iterable[VenueOrder]) -> list[VenueOrder]:
    """Those of the symbol, window and id that the query names."""
    query = call.query
    if kind_asked(call, query) != kind:
        return []
    listing = listing_of(call, query) if query.get("symbol") else None
    start_ms, end_ms = FIELDS.window(query, "startTime", "endTime")
    return [
        each
        for each in orders
        if (listing is None or each.instrument == listing.instrument.id)
        and start_ms <= ms(each.created_ns) <= end_ms
        and (not (query.get("orderId") or query.get("clientOid")) or is_named(each, query))
    ]


def open_orders(
    call: ApiCall, kind: str, listing: Listing | None, *, plans: bool
) -> list[VenueOrder]:
    """Open orders, or the trigger orders that wait."""
    instrument = None if listing is None else listing.instrument.id
    found = call.venue.view(kind).open_orders(call.account, instrument)
    return [each for each in found if each.waiting is plans]


def _open_one(call: ApiCall, listing: Listing, fields: Fields, *, plans: bool) -> VenueOrder:
    """The open order that a request names; refused as unknown or done."""
    kind = kind_of(listing.instrument.id)
    order = _known(call, kind, fields)
    if order is None or order.instrument != listing.instrument.id or order.waiting is not plans:
        raise error_for(kind, RejectReason.UNKNOWN_ORDER)
    if order.done:
        raise error_for(kind, RejectReason.ALREADY_DONE)
    return order


def _known(call: ApiCall, kind: str, fields: Fields) -> VenueOrder | None:
    if not (fields.get("orderId") or fields.get("clientOid")):
        raise ApiError("40924", "orderId and clientOid must have one")
    word = fields.get("orderId", "")
    return call.venue.view(kind).order(
        call.account, parse_order_id(word) if word else fields["clientOid"]
    )


def is_named(order: VenueOrder, fields: Fields) -> bool:
    """Whether these fields name it."""
    if fields.get("orderId"):
        return fields["orderId"] == order_id_text(order.order_id)
    return fields.get("clientOid") == client_id_text(order)


def acknowledged(order: VenueOrder) -> dict[str, str]:
    """Both ids."""
    return {"orderId": order_id_text(order.order_id), "clientOid": client_id_text(order)}


def _order_or_raise(listing: Listing, answer: VenueOrder | Rejection) -> VenueOrder:
    if isinstance(answer, Rejection):
        raise error_for(kind_of(listing.instrument.id), answer.reason, answer.message)
    return answer
