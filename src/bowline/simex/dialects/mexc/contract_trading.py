"""MEXC contracts v1: orders and fills. A body may be a list; cancelling answers for each order.

An order that opens names its margin mode, and its leverage in isolated mode: both are set with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.values import Direction
from bowline.core.sim.exchange import NewOrder, Rejection, RejectReason, VenueOrder
from bowline.core.venue import Listing, MarginMode, OrderKind, PositionMode, TimeInForce
from bowline.simex.dialects.mexc.contract_market import contract_of, listing_of
from bowline.simex.dialects.mexc.contract_render import (
    CLOSING,
    LIMITS,
    MARGIN_MODES,
    MARKETS,
    POSITION_MODES,
    SIDES,
    fill_object,
    order_id_text,
    order_object,
    parse_order_id,
    plan_object,
)
from bowline.simex.dialects.mexc.errors import LINEAR_FIELDS, linear_error, linear_order_or_raise
from bowline.simex.payload import read_json, text_fields
from bowline.simex.venue import set_margin_terms as set_terms_of
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_MOST_CANCELS = 50

Fields = dict[str, str]


def create(call: ApiCall) -> object:
    """POST /api/v1/private/order/create."""
    fields = call.fields()
    listing = contract_of(call.venue, fields.get("symbol", ""))
    requested, instrument = _order_in(call, listing, fields), listing.instrument.id
    before = call.venue.view("linear").settings(call.account, instrument)
    if LINEAR_FIELDS.integer(fields, "side", 0) not in CLOSING:
        _set_terms(call, listing, fields)
    placed = call.venue.place(requested)
    if isinstance(placed, Rejection):
        set_terms_of(call.venue, call.account, instrument, before.margin_mode, before.leverage)
    order = linear_order_or_raise(placed)
    return {"orderId": order_id_text(order.order_id), "ts": ms(call.now_ns)}


def _order_in(call: ApiCall, listing: Listing, fields: Fields) -> NewOrder:
    number = LINEAR_FIELDS.integer(fields, "type", 0)
    price = LINEAR_FIELDS.decimal(fields, "price")
    if number not in LIMITS and number not in MARKETS:
        raise ApiError(2029, "Error order type")
    if number in LIMITS and not price:
        raise ApiError(2007, "Order price error")
    return _new_order(
        call, listing, fields,
        kind=OrderKind.MARKET if number in MARKETS else OrderKind.LIMIT,
        price=None if number in MARKETS else price,
        force=LIMITS.get(number, TimeInForce.GTC),
    )  # fmt: skip


def _new_order(
    call: ApiCall,
    listing: Listing,
    fields: Fields,
    *,
    kind: OrderKind,
    price: Decimal | None = None,
    force: TimeInForce = TimeInForce.GTC,
    trigger: Decimal | None = None,
    rising: bool | None = None,
) -> NewOrder:
    """What `side`, `vol`, `externalOid` and the mode say of an order, whatever its kind."""
    side, position = SIDES.get(LINEAR_FIELDS.integer(fields, "side", 0), (None, Direction.NEUTRAL))
    vol = LINEAR_FIELDS.decimal(fields, "vol")
    if side is None:
        raise ApiError(2001, "Wrong order direction")
    if vol is None or vol <= 0:
        raise ApiError(2012, "Order quantity error")
    external_id = fields.get("externalOid", "")
    if external_id and not _EXTERNAL_ID.fullmatch(external_id):
        raise ApiError(2030, "External order ID is too long or has other letters")
    hedge = _mode(call, listing, fields) is PositionMode.HEDGE
    closes = LINEAR_FIELDS.integer(fields, "side", 0) in CLOSING
    return NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=kind,
        quantity=vol * listing.instrument.contract_size,
        price=price,
        trigger=trigger,
        trigger_rising=rising,
        time_in_force=force,
        reduce_only=closes if hedge else closes or fields.get("reduceOnly") == "true",
        position_side=position if hedge else Direction.NEUTRAL,
        client_id=external_id,
    )


def _mode(call: ApiCall, listing: Listing, fields: Fields) -> PositionMode:
    """The account's; an order that names another one is refused."""
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    named = POSITION_MODES.get(
        LINEAR_FIELDS.integer(fields, "positionMode", 0), settings.position_mode
    )
    if named is not settings.position_mode:
        raise linear_error(Rejection(RejectReason.POSITION_MODE))
    return named


def _set_terms(call: ApiCall, listing: Listing, fields: Fields) -> None:
    """Margin mode and leverage, as the order names them."""
    mode = MARGIN_MODES.get(LINEAR_FIELDS.integer(fields, "openType", 0))
    leverage = LINEAR_FIELDS.decimal(fields, "leverage")
    if mode is None:
        raise ApiError(2002, "Wrong opening type")
    if mode is MarginMode.ISOLATED and leverage is None:
        raise ApiError(600, "Parameter error! leverage")
    set_margin_terms(call, listing, mode, leverage)


def set_margin_terms(
    call: ApiCall, listing: Listing, mode: MarginMode, leverage: Decimal | None
) -> None:
    """Set both; what is so already is no error."""
    refused = set_terms_of(call.venue, call.account, listing.instrument.id, mode, leverage)
    if refused is None:
        return
    if refused.reason is RejectReason.MODE_IN_USE:
        raise ApiError(2027, "There is only one cross or isolated in the same direction")
    raise linear_error(refused)


def cancel(call: ApiCall) -> object:
    """POST /api/v1/private/order/cancel: a list of ids."""
    found = []
    for word in _items(call):
        order = _by_id(call, parse_order_id(word))
        found.append({"orderId": word} | _ended(call, order))
    return found


def cancel_external(call: ApiCall) -> object:
    """POST /api/v1/private/order/cancel_with_external: a list of symbols and ids of the client's.

    Older pages of the venue show one object instead; it is taken too.
    """
    found = []
    for item in _items(call):
        fields = text_fields(item) if isinstance(item, dict) else {}
        order = _by_external(call, fields.get("symbol", ""), fields.get("externalOid", ""))
        number = None if order is None else order_id_text(order.order_id)
        found.append({"orderId": number} | _ended(call, order))
    return found


def _items(call: ApiCall) -> list[object]:
    read = read_json(call.body or b"[]")
    items = read if isinstance(read, list) else [read]
    if not 0 < len(items) <= _MOST_CANCELS:
        raise ApiError(2013, "Cancel orders over maximum limit")
    return items


def _ended(call: ApiCall, order: VenueOrder | None) -> dict[str, object]:
    refused: VenueOrder | Rejection = Rejection(RejectReason.UNKNOWN_ORDER)
    if order is not None:
        refused = call.venue.cancel(call.account, order.instrument, order.order_id)
    if isinstance(refused, Rejection):
        no = linear_error(refused)
        return {"errorCode": no.code, "errorMsg": no.message}
    return {"errorCode": 0, "errorMsg": "success"}


def cancel_all(call: ApiCall) -> object:
    """POST /api/v1/private/order/cancel_all: trigger orders stay."""
    return _cancel_those(call, stops=False)


def cancel_plans(call: ApiCall) -> object:
    """POST /api/v1/private/planorder/cancel_all."""
    return _cancel_those(call, stops=True)


def _cancel_those(call: ApiCall, *, stops: bool) -> object:
    word = call.fields().get("symbol", "")
    instrument = contract_of(call.venue, word).instrument.id if word else None
    for order in call.venue.view("linear").open_orders(call.account, instrument):
        if order.waiting is stops:
            call.venue.cancel(call.account, order.instrument, order.order_id)
    return {}


def change(call: ApiCall) -> object:
    """POST /api/v1/private/order/change_limit_order."""
    fields = call.fields()
    order = _by_id(call, parse_order_id(fields.get("orderId", "")))
    if order is None:
        raise linear_error(Rejection(RejectReason.UNKNOWN_ORDER))
    vol = LINEAR_FIELDS.decimal(fields, "vol")
    size = call.venue.listing(order.instrument).instrument.contract_size
    changed = call.venue.amend(
        call.account, order.instrument, order.order_id,
        quantity=None if vol is None else vol * size, price=LINEAR_FIELDS.decimal(fields, "price"),
    )  # fmt: skip
    return order_id_text(linear_order_or_raise(changed).order_id)


def look_up(call: ApiCall) -> object:
    """GET /api/v1/private/order/get/{order_id}."""
    return _shown(call, _by_id(call, parse_order_id(call.path_params["order_id"])))


def look_up_external(call: ApiCall) -> object:
    """GET /api/v1/private/order/external/{symbol}/{external_oid}."""
    return _shown(
        call, _by_external(call, call.path_params["symbol"], call.path_params["external_oid"])
    )


def _shown(call: ApiCall, order: VenueOrder | None) -> object:
    if order is None:
        raise linear_error(Rejection(RejectReason.UNKNOWN_ORDER))
    return order_object(call.venue, order)


def _by_id(call: ApiCall, number: int) -> VenueOrder | None:
    return call.venue.view("linear").order(call.account, number)


def _by_external(call: ApiCall, symbol: str, external_id: str) -> VenueOrder | None:
    instrument = contract_of(call.venue, symbol).instrument.id
    found = call.venue.view("linear").order(call.account, external_id)
    return found if found is not None and found.instrument == instrument else None


def open_orders(call: ApiCall) -> object:
    """GET /api/v1/private/order/list/open_orders: of all contracts or of one, a page."""
    known = reversed(call.venue.view("linear").open_orders(call.account))
    return _page(call, (each for each in known if not each.waiting))


def history(call: ApiCall) -> object:
    """GET /api/v1/private/order/list/history_orders: closed ones, the newest first."""
    known = reversed(call.venue.view("linear").closed_orders(call.account))
    states = set(filter(None, call.query.get("states", "").split(",")))
    shown = (each for each in known if not each.waiting)
    if states:
        shown = (each for each in shown if str(order_object(call.venue, each)["state"]) in states)
    return _page(call, shown)


def plans(call: ApiCall) -> object:
    """GET /api/v1/private/planorder/list/orders: of the `states` that are named."""
    view = call.venue.view("linear")
    known = view.open_orders(call.account) + view.closed_orders(call.account)
    states = set(filter(None, call.query.get("states", "").split(",")))
    found = [each for each in known if each.requested.kind is OrderKind.STOP]
    rows = [plan_object(call.venue, each) for each in _of_symbol(call, reversed(found))]
    return _cut(call, [row for row in rows if not states or str(row["state"]) in states])


def _page(call: ApiCall, orders: Iterable[VenueOrder]) -> object:
    start_ms, end_ms = _window(call)
    shown = [each for each in _of_symbol(call, orders) if start_ms <= ms(each.created_ns) <= end_ms]
    return _cut(call, [order_object(call.venue, each) for each in shown])


def _of_symbol(call: ApiCall, orders: Iterable[VenueOrder]) -> list[VenueOrder]:
    word = call.path_params.get("symbol") or call.query.get("symbol", "")
    wanted = contract_of(call.venue, word).instrument.id if word else None
    return [each for each in orders if wanted in (None, each.instrument)]


def _window(call: ApiCall) -> tuple[int, int]:
    return LINEAR_FIELDS.window(call.query, "start_time", "end_time")


def _cut(call: ApiCall, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    size = LINEAR_FIELDS.limit(call.query, "page_size", 20, 100)
    at = (max(LINEAR_FIELDS.integer(call.query, "page_num", 1), 1) - 1) * size
    return rows[at : at + size]


def deals(call: ApiCall) -> object:
    """GET /api/v1/private/order/list/order_deals: fills of a contract, the newest first."""
    listing = listing_of(call)
    start_ms, end_ms = _window(call)
    known = call.venue.view("linear").fills(call.account, listing.instrument.id)
    shown = [each for each in reversed(known) if start_ms <= ms(each.now_ns) <= end_ms]
    return _cut(call, [fill_object(call.venue, each) for each in shown])


def deals_of_order(call: ApiCall) -> object:
    """GET /api/v1/private/order/deal_details/{order_id}."""
    wanted = parse_order_id(call.path_params["order_id"])
    known = call.venue.view("linear").fills(call.account)
    return [fill_object(call.venue, each) for each in known if each.order_id == wanted]


def place_plan(call: ApiCall) -> object:
    """POST /api/v1/private/planorder/place: a limit or a market order that waits for a price."""
    fields = call.fields()
    listing = contract_of(call.venue, fields.get("symbol", ""))
    trigger = LINEAR_FIELDS.decimal(fields, "triggerPrice")
    if not trigger:
        raise ApiError(3004, "Trigger price error")
    kind, price = LINEAR_FIELDS.integer(fields, "orderType", 0), None
    if kind not in MARKETS:
        price = LINEAR_FIELDS.decimal(fields, "price")
        if kind not in LIMITS or not price:
            raise ApiError(2029 if kind not in LIMITS else 2007, "Error order type or price")
    rising = {"1": True, "2": False}.get(fields.get("triggerType", ""))
    if rising is None:
        raise ApiError(3002, "Trigger type error")
    requested = _new_order(
        call, listing, fields, kind=OrderKind.STOP, trigger=trigger, rising=rising,
        price=price, force=LIMITS.get(kind, TimeInForce.GTC),
    )  # fmt: skip
    return order_id_text(linear_order_or_raise(call.venue.place(requested)).order_id)


def cancel_plan(call: ApiCall) -> object:
    """POST /api/v1/private/planorder/cancel: a list of symbols and ids."""
    for item in _items(call):
        fields = text_fields(item) if isinstance(item, dict) else {}
        order = _by_id(call, parse_order_id(fields.get("orderId", "")))
        if order is None or not order.waiting:
            raise linear_error(Rejection(RejectReason.UNKNOWN_ORDER))
        linear_order_or_raise(call.venue.cancel(call.account, order.instrument, order.order_id))
    return {}
