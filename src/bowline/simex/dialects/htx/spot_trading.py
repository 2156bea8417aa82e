"""HTX spot orders and accounts, v1 and v2."""

from __future__ import annotations

import re

from bowline.core.model.values import Side
from bowline.core.sim.exchange import NewOrder, Rejection, RejectReason, VenueOrder
from bowline.core.venue import OrderKind, TimeInForce
from bowline.simex.cancel_all_timer import CancelAllTimer
from bowline.simex.dialects.htx.errors import SPOT_FIELDS, error_for, invalid
from bowline.simex.dialects.htx.market import requested_listing
from bowline.simex.dialects.htx.spot_render import (
    account_number,
    balances,
    fill_object,
    order_object,
    status_code,
)
from bowline.simex.venue import dialect_state
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import QuerySpan, ms, parse_int

_KINDS: dict[str, TimeInForce | None] = {
    "limit": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "limit-fok": TimeInForce.FOK,
    "limit-maker": TimeInForce.POST_ONLY,
    "market": None,
}
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: what a cancel by our id says instead of a refusal
_STATES = {"canceled": 7, "filled": 6, "partial-canceled": 5}
_NOT_FOUND, _CANCELLING = 0, 10
_SHORTEST_S = 5


class SpotCancelAllTimer(CancelAllTimer):
    """The timer of spot; perpetuals have their own."""


def accounts(call: ApiCall) -> object:
    """GET /v1/account/accounts."""
    number = account_number(call.venue)
    return [{"id": number, "type": "spot", "subtype": "", "state": "working"}]


def balance(call: ApiCall) -> object:
    """GET /v1/account/accounts/{account_id}/balance."""
    if call.path_params["account_id"] != str(account_number(call.venue)):
        raise ApiError("account-get-balance-account-inexistent-error", "no such account")
    held = call.venue.view("spot").holdings(call.account)
    number = account_number(call.venue)
    return {"id": number, "type": "spot", "state": "working", "list": balances(held)}


def place(call: ApiCall) -> object:
    """POST /v1/order/orders/place: the order's id and nothing else."""
    fields = call.fields()
    listing = requested_listing(call, fields)
    side_word, _, kind = fields.get("type", "").partition("-")
    side, amount = _SIDES.get(side_word), SPOT_FIELDS.decimal(fields, "amount")
    price, client_id = SPOT_FIELDS.decimal(fields, "price"), fields.get("client-order-id", "")
    if fields.get("account-id") != str(account_number(call.venue)):
        raise ApiError("account-get-accounts-inexistent-error", "no such account")
    if side is None or kind not in _KINDS:
        raise invalid("spot", "invalid type")
    if amount is None or amount <= 0:
        raise ApiError("invalid-amount", "Paramemter `amount` is invalid.")
    force = _KINDS[kind]
    if force is not None and price is None:
        raise ApiError("order-invalid-price", "invalid price")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise ApiError("invalid-client-order-id", "invalid client order id")
    by_cost = force is None and side is Side.BUY
    placed = call.venue.place(
        NewOrder(
            account=call.account,
            instrument=listing.instrument.id,
            side=side,
            kind=OrderKind.MARKET if force is None else OrderKind.LIMIT,
            quantity=None if by_cost else amount,
            quote_cost=amount if by_cost else None,
            price=None if force is None else price,
            time_in_force=force or TimeInForce.GTC,
            client_id=client_id,
        )
    )
    return str(_order_or_raise(placed).order_id)


def cancel(call: ApiCall) -> object:
    """POST /v1/order/orders/{order_id}/submitcancel."""
    found = call.venue.view("spot").order(call.account, parse_int(call.path_params["order_id"], 0))
    if found is None:
        raise error_for("spot", RejectReason.UNKNOWN_ORDER)
    return str(
        _order_or_raise(call.venue.cancel(call.account, found.instrument, found.order_id)).order_id
    )


def cancel_by_client_id(call: ApiCall) -> object:
    """POST /v1/order/orders/submitCancelClientOrder: yes, and a number for what came of it."""
    client_id = call.fields().get("client-order-id", "")
    found = call.venue.view("spot").order(call.account, client_id)
    if found is None:
        return _NOT_FOUND
    if found.done:
        return _STATES[status_code(found)]
    call.venue.cancel(call.account, found.instrument, found.order_id)
    return _CANCELLING


def cancel_open(call: ApiCall) -> object:
    """POST /v1/order/orders/batchCancelOpenOrders: of some symbols, or all."""
    fields = call.fields()
    wanted = {each for each in fields.get("symbol", "").split(",") if each}
    ended: list[VenueOrder] = []
    for listing in call.venue.listings("spot"):
        if not wanted or listing.venue_symbol in wanted:
            ended += call.venue.cancel_all(call.account, "spot", listing.instrument.id)
    return {"success-count": len(ended), "failed-count": 0, "next-id": -1}


def one(call: ApiCall) -> object:
    """GET /v1/order/orders/{order_id}."""
    return _shown(call, parse_int(call.path_params["order_id"], 0))


def by_client_id(call: ApiCall) -> object:
    """GET /v1/order/orders/getClientOrder."""
    return _shown(call, call.query.get("clientOrderId", ""))


def _shown(call: ApiCall, name: int | str) -> object:
    found = call.venue.view("spot").order(call.account, name)
    if found is None:
        raise error_for("spot", RejectReason.UNKNOWN_ORDER)
    return order_object(call.venue, found)


def open_orders(call: ApiCall) -> object:
    """GET /v1/order/openOrders: the newest first, older than `from`."""
    return _page(call, call.venue.view("spot").open_orders(call.account), 100)


def orders(call: ApiCall) -> object:
    """GET /v1/order/orders: those in one of the `states`."""
    view = call.venue.view("spot")
    states = set(call.query.get("states", "").split(","))
    known = [*view.open_orders(call.account), *view.closed_orders(call.account)]
    return _page(call, [each for each in known if status_code(each) in states], 100)


def _page(call: ApiCall, found: list[VenueOrder], usual: int) -> object:
    query = call.query
    wanted = requested_listing(call, query).instrument.id if query.get("symbol") else None
    before = SPOT_FIELDS.integer(query, "from", 1 << 62)
    chosen = [e for e in found if e.order_id < before and wanted in (None, e.instrument)]
    chosen.sort(key=lambda each: -each.order_id)
    limit = SPOT_FIELDS.limit(query, "size", usual, 500)
    return [order_object(call.venue, each) for each in chosen[:limit]]


def match_results(call: ApiCall) -> object:
    """GET /v1/order/matchresults: the newest first."""
    query = call.query
    wanted = requested_listing(call, query).instrument.id if query.get("symbol") else None
    # "Search Match Results": 48 hours at most, the last ones by default
    words = "start-time and end-time are more than 48 hours apart"
    span = QuerySpan(ms(call.now_ns), 48 * 3_600_000, ApiError("invalid_interval", words))
    start_ms, end_ms = SPOT_FIELDS.bounded_window(query, "start-time", "end-time", span)
    order_id = call.path_params.get("order_id", "")
    found = [
        each
        for each in reversed(call.venue.view("spot").fills(call.account, wanted))
        if start_ms <= ms(each.now_ns) <= end_ms and order_id in ("", str(each.order_id))
    ]
    limit = SPOT_FIELDS.limit(query, "size", 100, 500)
    return [fill_object(call.venue, each) for each in found[:limit]]


def cancel_all_after(call: ApiCall) -> object:
    """POST /v2/algo-orders/cancel-all-after: cancel all of spot then, unless asked again."""
    venue, timeout_s = call.venue, SPOT_FIELDS.integer(call.fields(), "timeout", -1)
    if timeout_s and timeout_s < _SHORTEST_S:
        raise ApiError(2002, "invalid field value in `timeout`")
    now = ms(venue.now_ns)
    timer = dialect_state(venue, SpotCancelAllTimer)
    if not timeout_s:
        timer.stop()
        return {"currentTime": now, "triggerTime": 0}
    timer.start(venue, call.account, timeout_s, ("spot",))
    return {"currentTime": now, "triggerTime": now + timeout_s * 1000}


def _order_or_raise(answer: VenueOrder | Rejection) -> VenueOrder:
    if isinstance(answer, Rejection):
        raise error_for("spot", answer.reason, answer.message)
    return answer
