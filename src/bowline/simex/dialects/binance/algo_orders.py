"""Binance futures' conditional orders: a service beside the order endpoints, with its own ids."""

from __future__ import annotations

from bowline.core.sim.exchange import Rejection, RejectReason, VenueOrder
from bowline.core.venue import Listing
from bowline.simex.dialects.binance.errors import FIELDS, error_for, missing, order_not_found
from bowline.simex.dialects.binance.render import algo_id, algo_order, algo_order_id, is_algo
from bowline.simex.dialects.binance.request_fields import (
    Fields,
    fields_of,
    limit_in,
    listing_in,
    listings_in,
    window_in,
)
from bowline.simex.dialects.binance.trading import count_order, order_in, order_or_raise
from bowline.simex.venue_api import ApiCall, ApiError, Response
from bowline.simex.wire_values import ms


def place(call: ApiCall) -> Response:
    """POST algoOrder."""
    fields = fields_of(call)
    if fields.get("algoType") != "CONDITIONAL":
        raise missing("algoType")
    headers = count_order(call, "linear")
    order = order_in(call, listing_in(call, fields), fields)
    if order.trigger is None:
        raise ApiError(-1116, "Invalid orderType.")
    placed = order_or_raise(call, call.venue.place(order))
    return Response(algo_order(call.venue, placed), headers=headers)


def cancel(call: ApiCall) -> object:
    """DELETE algoOrder."""
    found = _find_order(call, fields_of(call))
    if found is None or found.triggered:
        raise error_for("linear", Rejection(RejectReason.UNKNOWN_ORDER))
    ended = order_or_raise(call, call.venue.cancel(call.account, found.instrument, found.order_id))
    names = {"algoId": algo_id(ended), "clientAlgoId": ended.client_id}
    return names | {"code": "200", "msg": "success"}


def cancel_all(call: ApiCall) -> object:
    """DELETE algoOpenOrders of one symbol."""
    instrument = listing_in(call, fields_of(call)).instrument.id
    for each in call.venue.view("linear").open_orders(call.account, instrument):
        if each.waiting:
            call.venue.cancel(call.account, instrument, each.order_id)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def look_up(call: ApiCall) -> object:
    """GET algoOrder: waiting, triggered or ended."""
    found = _find_order(call, fields_of(call))
    if found is None:
        raise order_not_found()
    return algo_order(call.venue, found)


def open_orders(call: ApiCall) -> object:
    """GET openAlgoOrders: those that wait."""
    chosen = {each.instrument.id for each in listings_in(call, fields_of(call))}
    found = call.venue.view("linear").open_orders(call.account)
    return [
        algo_order(call.venue, each) for each in found if each.waiting and each.instrument in chosen
    ]


def all_orders(call: ApiCall) -> object:
    """GET allAlgoOrders of a symbol, oldest first."""
    fields = fields_of(call)
    listing = listing_in(call, fields)
    start_ms, end_ms = window_in(fields)
    found = [
        each
        for each in _all_algo_orders(call, listing)
        if algo_id(each) >= FIELDS.integer(fields, "algoId", 0)
        and start_ms <= ms(each.created_ns) <= end_ms
    ]
    return [algo_order(call.venue, each) for each in found[-limit_in(fields, 500, 1000) :]]


def _all_algo_orders(call: ApiCall, listing: Listing) -> list[VenueOrder]:
    view, instrument = call.venue.view("linear"), listing.instrument.id
    found = view.closed_orders(call.account, instrument)
    found += view.open_orders(call.account, instrument)
    return sorted(filter(is_algo, found), key=lambda order: order.order_id)


def _find_order(call: ApiCall, fields: Fields) -> VenueOrder | None:
    key: int | str = fields.get("clientAlgoId", "")
    if fields.get("algoId"):
        key = algo_order_id(FIELDS.integer(fields, "algoId", 0))
    elif not key:
        raise missing("algoId")
    found = call.venue.view("linear").order(call.account, key)
    return found if found is not None and is_algo(found) else None
