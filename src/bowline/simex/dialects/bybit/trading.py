"""Bybit v5 order endpoints. An acknowledgement says that an order was taken; its state comes later.

The trade stream calls the same functions: each takes the fields that a client sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import (
    Executed,
    FundingPaid,
    NewOrder,
    Rejection,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import Listing, OrderKind, TimeInForce
from bowline.simex.dialects.bybit.market import kind_of, listing_of
from bowline.simex.dialects.bybit.render import (
    FIELDS,
    SIDES,
    TIMES_IN_FORCE,
    error_for,
    exec_type,
    fill_object,
    funding_object,
    order_id_text,
    order_object,
    parse_order_id,
)
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import QuerySpan, ms

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_SIDES = {word: side for side, word in SIDES.items()}
_TIMES_IN_FORCE = {word: force for force, word in TIMES_IN_FORCE.items()}
_POSITION_SIDES = {"1": Direction.LONG, "2": Direction.SHORT}

Fields = dict[str, str]
_Each = TypeVar("_Each")


def create(call: ApiCall) -> object:
    """POST /v5/order/create."""
    return place(call, call.fields())


def place(call: ApiCall, fields: Fields) -> dict[str, str]:
    """Take an order."""
    listing = listing_of(call, fields)
    placed = call.venue.place(_order_in(call.account, listing, fields))
    return _acknowledged(_order_or_raise(listing, placed))


def _order_in(account: str, listing: Listing, fields: Fields) -> NewOrder:
    side, kind = _SIDES.get(fields.get("side", "")), fields.get("orderType", "")
    quantity, price = FIELDS.decimal(fields, "qty"), FIELDS.decimal(fields, "price")
    trigger = FIELDS.decimal(fields, "triggerPrice")
    if side is None or kind not in ("Limit", "Market"):
        raise ApiError(10001, "params error: side or orderType invalid")
    if quantity is None or quantity <= 0 or (kind == "Limit" and price is None):
        raise ApiError(10001, "params error: qty or price invalid")
    client_id = fields.get("orderLinkId", "")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise ApiError(10001, "params error: OrderLinkId invalid")
    # a spot market buy is in quote money unless it says otherwise, a sell in base units
    market_unit = fields.get("marketUnit", "quoteCoin" if side is Side.BUY else "baseCoin")
    by_cost = fields["category"] == "spot" and kind == "Market" and market_unit == "quoteCoin"
    if by_cost and (side is Side.SELL or trigger):
        raise ApiError(10001, "params error: marketUnit quoteCoin is played for buys only")
    return NewOrder(
        account=account,
        instrument=listing.instrument.id,
        side=side,
        kind=OrderKind.STOP
        if trigger
        else OrderKind.LIMIT
        if kind == "Limit"
        else OrderKind.MARKET,
        quantity=None if by_cost else quantity,
        quote_cost=quantity if by_cost else None,
        price=price if kind == "Limit" else None,
        trigger=trigger or None,
        trigger_by=TriggerPrice.MARK
        if fields.get("triggerBy") == "MarkPrice"
        else TriggerPrice.LAST,
        trigger_rising={"1": True, "2": False}.get(fields.get("triggerDirection", "")),
        time_in_force=_TIMES_IN_FORCE.get(fields.get("timeInForce", "GTC"), TimeInForce.GTC)
        if kind == "Limit"
        else TimeInForce.GTC,
        reduce_only=fields.get("reduceOnly") == "true",
        position_side=_POSITION_SIDES.get(fields.get("positionIdx", "0"), Direction.NEUTRAL),
        client_id=client_id,
    )


def cancel(call: ApiCall) -> object:
    """POST /v5/order/cancel."""
    return withdraw(call, call.fields())


def withdraw(call: ApiCall, fields: Fields) -> dict[str, str]:
    """Cancel by `orderId`, or by `orderLinkId` if that is not said."""
    listing = listing_of(call, fields)
    ended = call.venue.cancel(call.account, listing.instrument.id, _order_key(fields))
    return _acknowledged(_order_or_raise(listing, ended))


def cancel_all(call: ApiCall) -> object:
    """POST /v5/order/cancel-all."""
    fields = call.fields()
    kind = kind_of(fields)
    instrument = listing_of(call, fields).instrument.id if fields.get("symbol") else None
    ended = call.venue.cancel_all(call.account, kind, instrument)
    return {"list": [_acknowledged(each) for each in ended], "success": "1"}


def amend(call: ApiCall) -> object:
    """POST /v5/order/amend."""
    return change(call, call.fields())


def change(call: ApiCall, fields: Fields) -> dict[str, str]:
    """Another quantity or price for an open limit order."""
    listing = listing_of(call, fields)
    changed = call.venue.amend(
        call.account,
        listing.instrument.id,
        _order_key(fields),
        quantity=FIELDS.decimal(fields, "qty"),
        price=FIELDS.decimal(fields, "price"),
    )
    return _acknowledged(_order_or_raise(listing, changed))


def realtime(call: ApiCall) -> object:
    """GET /v5/order/realtime: open orders; by id, recent closed ones too."""
    kind = kind_of(call.query)
    if _names_one(call.query):
        return _page(call, kind, _named_any(call, kind))
    if call.query.get("openOnly") == "1":
        return _page(call, kind, _closed(call, kind)[:500])
    found = call.venue.view(kind).open_orders(call.account)
    return _page(call, kind, _chosen(call, kind, reversed(found)))


def history(call: ApiCall) -> object:
    """GET /v5/order/history: closed orders, the newest first."""
    kind = kind_of(call.query)
    if _names_one(call.query):
        return _page(call, kind, [each for each in _named_any(call, kind) if each.done])
    return _page(call, kind, _closed(call, kind))


def executions(call: ApiCall) -> object:
    """GET /v5/execution/list: the newest first."""
    kind, query = kind_of(call.query), call.query
    mine = {each.instrument.id: each for each in call.venue.listings(kind)}
    start_ms, end_ms = FIELDS.bounded_window(query, "startTime", "endTime", _week(call))
    wanted = parse_order_id(query["orderId"]) if "orderId" in query else None
    view = call.venue.view(kind)
    funding = [] if {"orderId", "orderLinkId"} & query.keys() else view.funding(call.account)
    found: list[Executed | FundingPaid] = [*view.fills(call.account), *funding]
    shown_of = [
        each
        for each in sorted(found, key=lambda each: -each.now_ns)
        if each.instrument in mine
        and query.get("symbol", "") in ("", mine[each.instrument].venue_symbol)
        and start_ms <= ms(each.now_ns) <= end_ms
        and (isinstance(each, FundingPaid) or _is_of(each, wanted, query))
        and query.get("execType", "") in ("", exec_type(each))
    ]
    shown, cursor = _cut(shown_of, query, 50, 100)
    rows = [
        funding_object(call.venue, each)
        if isinstance(each, FundingPaid)
        else fill_object(call.venue, each)
        for each in shown
    ]
    return {"category": kind, "list": rows, "nextPageCursor": cursor}


def _is_of(fill: Executed, order_id: int | None, query: Fields) -> bool:
    named = query.get("orderLinkId", fill.client_id) == fill.client_id
    return named and order_id in (None, fill.order_id)


def _acknowledged(order: VenueOrder) -> dict[str, str]:
    return {
        "orderId": order_id_text(order.instrument, order.order_id),
        "orderLinkId": order.client_id,
    }


def _order_or_raise(listing: Listing, answer: VenueOrder | Rejection) -> VenueOrder:
    if isinstance(answer, Rejection):
        kind = "linear" if listing.max_leverage is not None else "spot"
        raise error_for(kind, answer.reason, answer.message)
    return answer


def _order_key(fields: Fields) -> int | str:
    if fields.get("orderId"):
        return parse_order_id(fields["orderId"])
    if fields.get("orderLinkId"):
        return fields["orderLinkId"]
    raise ApiError(10001, "params error: orderId or orderLinkId is required")


def _names_one(query: Fields) -> bool:
    return bool(query.get("orderId") or query.get("orderLinkId"))


def _named_any(call: ApiCall, kind: str) -> list[VenueOrder]:
    """The order that a query names; none if this market has none."""
    found = call.venue.view(kind).order(call.account, _order_key(call.query))
    mine = {each.instrument.id for each in call.venue.listings(kind)}
    return [found] if found is not None and found.instrument in mine else []


def _closed(call: ApiCall, kind: str) -> list[VenueOrder]:
    start_ms, end_ms = FIELDS.bounded_window(call.query, "startTime", "endTime", _week(call))
    found = reversed(call.venue.view(kind).closed_orders(call.account))
    return _chosen(call, kind, (e for e in found if start_ms <= ms(e.created_ns) <= end_ms))


def _week(call: ApiCall) -> QuerySpan:
    """Bybit v5 "Get Trade History", "Get Order History": endTime - startTime <= 7 days."""
    words = "The time range between startTime and endTime cannot exceed 7 days."
    return QuerySpan(ms(call.now_ns), 7 * 86_400_000, ApiError(10001, words))


def _chosen(call: ApiCall, kind: str, orders: Iterable[VenueOrder]) -> list[VenueOrder]:
    query = call.query
    mine = {
        each.instrument.id
        for each in call.venue.listings(kind)
        if query.get("symbol", "") in ("", each.venue_symbol)
        and query.get("settleCoin", each.quote) == each.quote
    }
    stops = {"StopOrder": True, "Order": False}.get(query.get("orderFilter", ""))
    return [
        each
        for each in orders
        if each.instrument in mine and stops in (None, each.requested.kind is OrderKind.STOP)
    ]


def _page(call: ApiCall, kind: str, orders: list[VenueOrder]) -> dict[str, object]:
    shown, cursor = _cut(orders, call.query, 20, 50)
    return {
        "category": kind,
        "list": [order_object(call.venue, each) for each in shown],
        "nextPageCursor": cursor,
    }


def _cut(found: list[_Each], query: Fields, usual: int, most: int) -> tuple[list[_Each], str]:
    """One page and the cursor of the next, empty on the last."""
    at = FIELDS.integer(query, "cursor", 0)
    end = at + FIELDS.limit(query, "limit", usual, most)
    return found[at:end], str(end) if end < len(found) else ""
