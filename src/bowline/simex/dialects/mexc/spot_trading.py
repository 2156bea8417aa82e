"""MEXC spot v3: orders, fills, the account, and the keys of its private streams.

Everything travels in the query, whatever the method. A listen key lives for an hour.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TypeVar

from bowline.core.model.values import SECOND_NS, ZERO
from bowline.core.sim.exchange import NewOrder, Rejection, RejectReason, VenueOrder
from bowline.core.venue import Listing, OrderKind
from bowline.simex.dialects.mexc.errors import SPOT_FIELDS, spot_error, spot_order_or_raise
from bowline.simex.dialects.mexc.spot_market import listing_of
from bowline.simex.dialects.mexc.spot_render import (
    LIMITS,
    SIDES,
    balance_object,
    fill_object,
    order_id_text,
    order_object,
    parse_order_id,
)
from bowline.simex.venue import SimulatedVenue, dialect_state
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SIDES = {word: side for side, word in SIDES.items()}
_TIMES_IN_FORCE = {word: force for force, word in LIMITS.items()}
_MOST_ORDERS, _MOST_FILLS = 1000, 100
_KEY_LIVES_NS = 3600 * SECOND_NS
_WRONG = 33333
_Each = TypeVar("_Each")


class MexcListenKeys:
    """When each listen key expires."""

    def __init__(self) -> None:
        self.until_ns: dict[str, int] = {}


def place(call: ApiCall) -> object:
    """POST /api/v3/order."""
    listing = listing_of(call, call.query)
    order = spot_order_or_raise(call.venue.place(_order_in(call, listing)))
    shown = order_object(call.venue, order)
    said = ("symbol", "orderId", "orderListId", "price", "origQty", "type", "side")
    return {name: shown[name] for name in said} | {"transactTime": ms(order.created_ns)}


def _order_in(call: ApiCall, listing: Listing) -> NewOrder:
    query = call.query
    side, kind = _SIDES.get(query.get("side", "")), query.get("type", "")
    quantity, price = SPOT_FIELDS.decimal(query, "quantity"), SPOT_FIELDS.decimal(query, "price")
    cost = SPOT_FIELDS.decimal(query, "quoteOrderQty")
    market = kind == "MARKET"
    if side is None or (kind not in _TIMES_IN_FORCE and not market):
        raise ApiError(_WRONG, "Mandatory parameter 'side' or 'type' was not sent or malformed.")
    if (price is None and not market) or (quantity is None and not (market and cost)):
        raise ApiError(700004, "Mandatory parameter 'quantity' or 'price' was not sent.")
    client_id = query.get("newClientOrderId", "")
    if client_id and not _CLIENT_ID.fullmatch(client_id):
        raise ApiError(700008, "Illegal characters found in parameter 'newClientOrderId'.")
    return NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=OrderKind.MARKET if market else OrderKind.LIMIT,
        quantity=quantity,
        quote_cost=cost if market and quantity is None else None,
        price=None if market else price,
        time_in_force=_TIMES_IN_FORCE.get(kind, _TIMES_IN_FORCE["LIMIT"]),
        client_id=client_id,
    )


def cancel(call: ApiCall) -> object:
    """DELETE /api/v3/order."""
    listing = listing_of(call, call.query)
    known = _find_order(call, listing)
    if known is None:
        raise spot_error(Rejection(RejectReason.UNKNOWN_ORDER))
    ended = call.venue.cancel(call.account, listing.instrument.id, known.order_id)
    return _cancelled(call.venue, spot_order_or_raise(ended))


def cancel_open(call: ApiCall) -> object:
    """DELETE /api/v3/openOrders: of up to five symbols."""
    ended: list[VenueOrder] = []
    for word in call.query.get("symbol", "").split(",")[:5]:
        instrument = listing_of(call, {"symbol": word}).instrument.id
        ended += call.venue.cancel_all(call.account, "spot", instrument)
    return [_cancelled(call.venue, each) for each in ended]


def _cancelled(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    return order_object(venue, order) | {"origClientOrderId": order.client_id or None}


def look_up(call: ApiCall) -> object:
    """GET /api/v3/order."""
    found = _find_order(call, listing_of(call, call.query))
    if found is None:
        raise ApiError(-2013, "Order does not exist.")
    return order_object(call.venue, found)


def _find_order(call: ApiCall, listing: Listing) -> VenueOrder | None:
    """The order of this symbol that a query names."""
    order_id, client_id = call.query.get("orderId"), call.query.get("origClientOrderId")
    if not order_id and not client_id:
        raise ApiError(700004, "Param 'origClientOrderId' or 'orderId' must be sent")
    key = parse_order_id(order_id) if order_id else client_id
    found = call.venue.view("spot").order(call.account, key or "")
    return found if found is not None and found.instrument == listing.instrument.id else None


def open_orders(call: ApiCall) -> object:
    """GET /api/v3/openOrders: of one symbol."""
    found = call.venue.view("spot").open_orders(
        call.account, listing_of(call, call.query).instrument.id
    )
    return [order_object(call.venue, each) for each in reversed(found)]


def all_orders(call: ApiCall) -> object:
    """GET /api/v3/allOrders: open and closed, the newest first."""
    instrument, view = listing_of(call, call.query).instrument.id, call.venue.view("spot")
    known = view.open_orders(call.account, instrument) + view.closed_orders(
        call.account, instrument
    )
    start_ms, end_ms = _window(call)
    shown = [each for each in known if start_ms <= ms(each.created_ns) <= end_ms]
    shown.sort(key=lambda each: each.order_id, reverse=True)
    return [order_object(call.venue, each) for each in _first(call, shown, 500, _MOST_ORDERS)]


def my_trades(call: ApiCall) -> object:
    """GET /api/v3/myTrades: the newest first, a month of them."""
    instrument = listing_of(call, call.query).instrument.id
    start_ms, end_ms = _window(call)
    order_id = call.query.get("orderId", "")
    fills = [
        each
        for each in reversed(call.venue.view("spot").fills(call.account, instrument))
        if start_ms <= ms(each.now_ns) <= end_ms and order_id in ("", order_id_text(each.order_id))
    ]
    return [fill_object(call.venue, each) for each in _first(call, fills, _MOST_FILLS, _MOST_FILLS)]


def _window(call: ApiCall) -> tuple[int, int]:
    return SPOT_FIELDS.window(call.query, "startTime", "endTime")


def _first(call: ApiCall, found: Sequence[_Each], usual: int, most: int) -> Sequence[_Each]:
    return found[: SPOT_FIELDS.limit(call.query, "limit", usual, most)]


def account(call: ApiCall) -> object:
    """GET /api/v3/account."""
    held = [each for each in call.venue.view("spot").holdings(call.account) if each.total > ZERO]
    return {
        "makerCommission": None,
        "takerCommission": None,
        "buyerCommission": None,
        "sellerCommission": None,
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "updateTime": None,
        "accountType": "SPOT",
        "balances": [balance_object(each) for each in held],
        "permissions": ["SPOT"],
    }


def new_listen_key(call: ApiCall) -> object:
    """POST /api/v3/userDataStream."""
    until_ns = dialect_state(call.venue, MexcListenKeys).until_ns
    seed = f"{call.venue.credentials.secret} {len(until_ns)} {call.now_ns}"
    key = hashlib.sha256(seed.encode()).hexdigest()
    until_ns[key] = call.venue.scheduler.now_ns + _KEY_LIVES_NS
    return {"listenKey": key}


def listen_keys(call: ApiCall) -> object:
    """GET /api/v3/userDataStream."""
    known = dialect_state(call.venue, MexcListenKeys).until_ns
    return {"listenKey": [key for key in known if listens(call.venue, key)]}


def keep_listen_key(call: ApiCall) -> object:
    """PUT /api/v3/userDataStream: an hour more."""
    key = _known_key(call)
    dialect_state(call.venue, MexcListenKeys).until_ns[key] = (
        call.venue.scheduler.now_ns + _KEY_LIVES_NS
    )
    return {"listenKey": key}


def drop_listen_key(call: ApiCall) -> object:
    """DELETE /api/v3/userDataStream."""
    key = _known_key(call)
    # its place stays, so that no two keys are the same
    dialect_state(call.venue, MexcListenKeys).until_ns[key] = 0
    return {"listenKey": key}


def _known_key(call: ApiCall) -> str:
    key = call.query.get("listenKey", "")
    if not listens(call.venue, key):
        raise ApiError(730002, "Your input param is invalid")
    return key


def listens(venue: SimulatedVenue, key: str) -> bool:
    """Whether a stream may be opened with this key now."""
    return venue.scheduler.now_ns < dialect_state(venue, MexcListenKeys).until_ns.get(key, 0)
