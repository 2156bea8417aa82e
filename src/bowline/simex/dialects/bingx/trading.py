"""BingX order endpoints, spot v1 and swap v2. What is sent comes in the query, POST or not.

A client's id is kept in lower case. Trigger orders are orders like others, and in the same lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import (
    Executed,
    NewOrder,
    Rejection,
    RejectReason,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import Listing, OrderKind, TimeInForce
from bowline.simex.cancel_all_timer import CancelAllTimer
from bowline.simex.dialects.bingx.market import kind_asked, listing_of
from bowline.simex.dialects.bingx.render import (
    POSITION_SIDES,
    SIDES,
    TIMES_IN_FORCE,
    TRIGGERS,
    error_for,
    field_reader,
    linear_fill,
    order_object,
    parse_order_id,
    placed_object,
    spot_fill,
    wrong,
)
from bowline.simex.venue import dialect_state
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import FieldReader, QuerySpan, ms, seconds

_ID_NAMES = ("newClientOrderId", "clientOrderID", "clientOrderId")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_.:/-]{1,40}")
_SIDES = {word: side for side, word in SIDES.items()}
_TIMES_IN_FORCE = {word: force for force, word in TIMES_IN_FORCE.items()}
_POSITION_SIDES = {word: position_side for position_side, word in POSITION_SIDES.items()}
_TRIGGERS = {word: price for price, word in TRIGGERS.items()}
#: `type` -> what it is, and whether it has (or then gets) a limit: "Place order" of both markets
_KINDS = {
    "LIMIT": (OrderKind.LIMIT, True),
    "MARKET": (OrderKind.MARKET, False),
    "TRIGGER_LIMIT": (OrderKind.STOP, True),
    "TRIGGER_MARKET": (OrderKind.STOP, False),
    "STOP": (OrderKind.STOP, True),
    "STOP_MARKET": (OrderKind.STOP, False),
    "TAKE_STOP_LIMIT": (OrderKind.STOP, True),
    "TAKE_STOP_MARKET": (OrderKind.STOP, False),
}
#: the shortest and the longest cancel-all timer
_TIMER_RANGE_S = (10, 120)

Fields = dict[str, str]


def place(call: ApiCall) -> object:
    """POST /openApi/spot/v1/trade/order and /openApi/swap/v2/trade/order."""
    fields = call.fields()
    listing = listing_of(call, fields)
    shown = placed_object(call.venue, _place(call, _order_in(call, listing, fields)))
    return shown if kind_asked(call) == "spot" else {"order": shown}


def _place(call: ApiCall, order: NewOrder) -> VenueOrder:
    return _order_or_raise(call, call.venue.place(order))


def _order_in(call: ApiCall, listing: Listing, fields: Fields) -> NewOrder:
    venue_kind = kind_asked(call)
    side, meant = _SIDES.get(fields.get("side", "")), _KINDS.get(fields.get("type", ""))
    price, trigger = (
        _field_reader(call).decimal(fields, "price"),
        _field_reader(call).decimal(fields, "stopPrice"),
    )
    if side is None or meant is None:
        raise wrong(venue_kind, "side or type")
    kind, limit = meant
    if (limit and price is None) or (kind is OrderKind.STOP and not trigger):
        raise wrong(venue_kind, "price or stopPrice")
    quantity, cost = (
        _field_reader(call).decimal(fields, "quantity"),
        _field_reader(call).decimal(fields, "quoteOrderQty"),
    )
    by_cost = quantity is None and cost is not None
    if quantity is None and (cost is None or kind is not OrderKind.MARKET or side is Side.SELL):
        raise wrong(venue_kind, "quantity; quoteOrderQty is played for market buys alone")
    order = NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=kind,
        quantity=quantity,
        quote_cost=cost if by_cost else None,
        price=price if limit else None,
        time_in_force=_force_in(venue_kind, fields) if limit else TimeInForce.GTC,
        client_id=_client_id_in(venue_kind, fields),
        form=fields["type"],
    )
    if kind is OrderKind.STOP:
        order = _as_stop(call, order, fields)
    return order if venue_kind == "spot" else _with_position_side(order, fields)


def _force_in(venue_kind: str, fields: Fields) -> TimeInForce:
    force = _TIMES_IN_FORCE.get(fields.get("timeInForce") or "GTC")
    if force is None or (venue_kind == "spot" and force is TimeInForce.FOK):
        raise wrong(venue_kind, "timeInForce")
    return force


def _client_id_in(venue_kind: str, fields: Fields) -> str:
    word = next((fields[name] for name in _ID_NAMES if fields.get(name)), "")
    if word and not _CLIENT_ID.fullmatch(word):
        raise wrong(venue_kind, "clientOrderID")
    return word.lower()


def _as_stop(call: ApiCall, order: NewOrder, fields: Fields) -> NewOrder:
    """It waits for its price from the side on which the market is now."""
    trigger = _field_reader(call).decimal(fields, "stopPrice")
    by = _TRIGGERS.get(fields.get("workingType") or "", TriggerPrice.LAST)
    ticker = call.venue.ticker(order.instrument)
    now = ticker.mark if by is TriggerPrice.MARK else ticker.last
    assert trigger is not None, "a stop has a trigger"
    rising = now is None or trigger > now
    return replace(order, trigger=trigger, trigger_by=by, trigger_rising=rising)


def _with_position_side(order: NewOrder, fields: Fields) -> NewOrder:
    position_side = _POSITION_SIDES.get(fields.get("positionSide") or "BOTH")
    if position_side is None:
        raise wrong("linear", "positionSide")
    # in hedge mode the position side says what closes; the flag is for one-way mode
    reduces = fields.get("reduceOnly") == "true" and position_side is Direction.NEUTRAL
    return replace(order, position_side=position_side, reduce_only=reduces)


def cancel(call: ApiCall) -> object:
    """POST /openApi/spot/v1/trade/cancel and DELETE /openApi/swap/v2/trade/order."""
    fields = call.fields()
    ended = _cancelled(call, listing_of(call, fields), _order_key(call, fields))
    shown = order_object(call.venue, ended)
    return shown if kind_asked(call) == "spot" else {"order": shown}


def _cancelled(call: ApiCall, listing: Listing, order: int | str) -> VenueOrder:
    return _order_or_raise(call, call.venue.cancel(call.account, listing.instrument.id, order))


def cancel_all(call: ApiCall) -> object:
    """POST …/trade/cancelOpenOrders and DELETE …/trade/allOpenOrders."""
    fields, kind = call.fields(), kind_asked(call)
    instrument = listing_of(call, fields).instrument.id if fields.get("symbol") else None
    ended = call.venue.cancel_all(call.account, kind, instrument)
    shown = [order_object(call.venue, each) for each in ended]
    return {"orders": shown} if kind == "spot" else {"success": shown, "failed": None}


def cancel_replace(call: ApiCall) -> object:
    """POST …/trade/order/cancelReplace and /openApi/swap/v1/trade/cancelReplace."""
    fields, kind = call.fields(), kind_asked(call)
    listing = listing_of(call, fields)
    named = {"orderId": fields.get("cancelOrderId", "")}
    named["clientOrderId"] = fields.get("cancelClientOrderID", "")
    order = _order_in(call, listing, fields)
    ended = order_object(call.venue, _cancelled(call, listing, _order_key(call, named)))
    made = placed_object(call.venue, _place(call, order))
    if kind == "spot":
        fine = {"code": "0", "msg": "", "result": True}
        return {
            "cancelResult": fine,
            "openResult": fine,
            "orderOpenResponse": made,
            "orderCancelResponse": ended,
        }
    return {
        "cancelResult": "true",
        "cancelMsg": "",
        "cancelResponse": ended | {"cancelOrderId": ended["orderId"]},
        "replaceResult": "true",
        "replaceMsg": "",
        "newOrderResponse": made,
    }


class BingxCancelAllTimers:
    """The timers of spot and of perpetuals."""

    def __init__(self) -> None:
        self.of = {kind: CancelAllTimer() for kind in ("spot", "linear")}


def cancel_all_after(call: ApiCall) -> object:
    """POST …/trade/cancelAllAfter: cancel all orders, unless called again in time."""
    fields, venue, kind = call.fields(), call.venue, kind_asked(call)
    timer = dialect_state(venue, BingxCancelAllTimers).of[kind]
    if fields.get("type") == "CLOSE":
        timer.stop()
        return {"triggerTime": 0, "status": "CLOSED", "note": ""}
    wait_s = _field_reader(call).integer(fields, "timeOut", 0)
    if fields.get("type") != "ACTIVATE" or not _TIMER_RANGE_S[0] <= wait_s <= _TIMER_RANGE_S[1]:
        raise wrong(kind, "type or timeOut")
    timer.start(venue, call.account, wait_s, (kind,))
    words = "All your pending orders will be closed automatically at that time"
    return {"triggerTime": seconds(timer.due_ns), "status": "ACTIVATED", "note": words}


# lists


def look_up(call: ApiCall) -> object:
    """GET /openApi/spot/v1/trade/query and /openApi/swap/v2/trade/order."""
    listing, kind = listing_of(call, call.query), kind_asked(call)
    found = call.venue.view(kind).order(call.account, _order_key(call, call.query))
    if found is None or found.instrument != listing.instrument.id:
        raise error_for(kind, RejectReason.UNKNOWN_ORDER)
    shown = order_object(call.venue, found)
    return shown if kind == "spot" else {"order": shown}


def open_orders(call: ApiCall) -> object:
    """GET …/trade/openOrders: of one symbol, or all."""
    found = call.venue.view(kind_asked(call)).open_orders(call.account)
    return {"orders": _listed(call, found)}


def closed_orders(call: ApiCall) -> object:
    """GET /openApi/spot/v1/trade/historyOrders and /openApi/swap/v2/trade/allOrders."""
    limit = _field_reader(call).limit(call.query, "limit", 500, 1000)
    found = call.venue.view(kind_asked(call)).closed_orders(call.account)
    return {"orders": _listed(call, found)[:limit]}


def _listed(call: ApiCall, orders: Iterable[VenueOrder]) -> list[object]:
    listing = listing_of(call, call.query) if call.query.get("symbol") else None
    start_ms, end_ms = _week(call, "startTime", "endTime")
    mine = [
        each
        for each in orders
        if (listing is None or each.instrument == listing.instrument.id)
        and start_ms <= ms(each.created_ns) <= end_ms
    ]
    return [order_object(call.venue, each) for each in reversed(mine)]


def _week(call: ApiCall, start: str, end: str) -> tuple[int, int]:
    """A range of 7 days at most, if one is named: "Query Order history", "transaction details"."""
    if not {start, end} & call.query.keys():
        return 0, 1 << 62
    no = wrong(kind_asked(call), "the query range of the time must not exceed 7 days")
    span = QuerySpan(ms(call.now_ns), 7 * 86_400_000, no)
    return _field_reader(call).bounded_window(call.query, start, end, span)


def spot_fills(call: ApiCall) -> object:
    """GET /openApi/spot/v1/trade/myTrades: from the oldest on."""
    limit = _field_reader(call).limit(call.query, "limit", 500, 1000)
    found = _fills(call, ("startTime", "endTime"))[:limit]
    return {"fills": [spot_fill(call.venue, each) for each in found]}


def all_fills(call: ApiCall) -> object:
    """GET /openApi/swap/v2/trade/allFillOrders: the newest first."""
    found = _fills(call, ("startTs", "endTs"), needed=True)
    return {"fill_orders": [_linear_fill(call, each) for each in reversed(found)]}


def fill_history(call: ApiCall) -> object:
    """GET /openApi/swap/v2/trade/fillHistory: pages of the newest first."""
    size = _field_reader(call).limit(call.query, "pageSize", 50, 1000)
    at = (max(_field_reader(call).integer(call.query, "pageIndex", 1), 1) - 1) * size
    found = _fills(call, ("startTs", "endTs"), needed=True)[::-1]
    return {"fill_history_orders": [_linear_fill(call, each) for each in found[at : at + size]]}


def _fills(call: ApiCall, window: tuple[str, str], *, needed: bool = False) -> list[Executed]:
    kind, query = kind_asked(call), call.query
    if needed and not all(query.get(name) for name in window):
        raise wrong(kind, f"{window[0]} or {window[1]}: field is required")
    # no page of the venue bounds the fills of perpetuals; a stock client asks for 30 days of them
    spot = kind == "spot"
    start_ms, end_ms = _week(call, *window) if spot else _field_reader(call).window(query, *window)
    instrument = listing_of(call, query).instrument.id if query.get("symbol") else None
    wanted = query.get("orderId", "")
    return [
        each
        for each in call.venue.view(kind).fills(call.account, instrument)
        if start_ms <= ms(each.now_ns) <= end_ms
        and (not wanted or parse_order_id(wanted) == each.order_id)
    ]


def _linear_fill(call: ApiCall, fill: Executed) -> dict[str, object]:
    at = datetime.fromtimestamp(seconds(fill.now_ns), UTC)
    utc = f"{at:%Y-%m-%dT%H:%M:%S}.{ms(fill.now_ns) % 1000:03}"
    return linear_fill(call.venue, fill, utc)


def _field_reader(call: ApiCall) -> FieldReader:
    return field_reader(kind_asked(call))


def _order_key(call: ApiCall, fields: Fields) -> int | str:
    """By the venue's id, or by the client's if that is not said."""
    if fields.get("orderId"):
        return parse_order_id(fields["orderId"])
    kind = kind_asked(call)
    if client_id := _client_id_in(kind, fields):
        return client_id
    raise wrong(kind, "orderId or clientOrderID must be sent")


def _order_or_raise(call: ApiCall, answer: VenueOrder | Rejection) -> VenueOrder:
    if isinstance(answer, Rejection):
        raise error_for(kind_asked(call), answer.reason, answer.message)
    return answer
