"""Binance's order endpoints, spot and futures. Placing answers with the order, not with a receipt.

The WebSocket API calls the same functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import (
    BookLevel,
    Executed,
    NewOrder,
    Rejection,
    RejectReason,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import Listing, OrderKind, PositionMode, TimeInForce
from bowline.simex.dialects.binance.errors import FIELDS, error_for, missing, order_not_found
from bowline.simex.dialects.binance.render import (
    POSITION_SIDES,
    SIDES,
    TIMES_IN_FORCE,
    WORKING_TYPES,
    in_engine,
    linear_fill,
    linear_order,
    spot_cancelled,
    spot_fill,
    spot_order,
    spot_placed,
)
from bowline.simex.dialects.binance.request_fields import (
    Fields,
    fields_of,
    kind_of,
    limit_in,
    listing_in,
    listings_in,
    number_in,
    window_in,
)
from bowline.simex.venue_api import ApiCall, ApiError, Response
from bowline.simex.wire_values import QuerySpan, ms

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_SIDES = {word: side for side, word in SIDES.items()}
_TIMES_IN_FORCE = {word: force for force, word in TIMES_IN_FORCE.items()}
_POSITION_SIDES = {word: position_side for position_side, word in POSITION_SIDES.items()}
_WORKING = {word: price for price, word in WORKING_TYPES.items()}
#: of each market: type -> whether it waits for the way a stop goes, and then is a limit order
_CONDITIONAL = {
    "spot": {
        "STOP_LOSS": (True, False),
        "STOP_LOSS_LIMIT": (True, True),
        "TAKE_PROFIT": (False, False),
        "TAKE_PROFIT_LIMIT": (False, True),
    },
    "linear": {
        "STOP": (True, True),
        "STOP_MARKET": (True, False),
        "TAKE_PROFIT": (False, True),
        "TAKE_PROFIT_MARKET": (False, False),
    },
}
#: the order limits of each market: bucket, header, and how the refusal says it
ORDER_LIMITS = {
    "spot": (("spot orders 10s", "X-MBX-ORDER-COUNT-10S", "100 orders per 10 SECOND"),),
    "linear": (
        ("linear orders 10s", "X-MBX-ORDER-COUNT-10S", "300 orders per 10 SECOND"),
        ("linear orders 1m", "X-MBX-ORDER-COUNT-1M", "1200 orders per 1 MINUTE"),
    ),
}


def place(call: ApiCall) -> Response:
    """POST order: the order as it is after matching, or ACK: as it came."""
    fields, kind = fields_of(call), kind_of(call)
    headers = count_order(call, kind)
    order = _place(call, fields)
    if kind == "spot":
        return Response(_spot_answer(call, fields, order), headers=headers)
    words = linear_order(call.venue, order)
    if fields.get("newOrderRespType", "ACK") == "ACK":
        nothing = {"executedQty": "0", "cumQty": "0", "cumQuote": "0", "avgPrice": "0"}
        words |= nothing | {"status": "NEW"}
    return Response(words, headers=headers)


def test_order(call: ApiCall) -> object:
    """POST order/test: its form alone."""
    fields = fields_of(call)
    order_in(call, listing_in(call, fields), fields)
    return {}


def count_order(call: ApiCall, kind: str) -> dict[str, str]:
    """One more order of the account, and the headers that tell of it."""
    headers = {}
    for bucket, header, words in ORDER_LIMITS[kind]:
        usage = call.venue.quota_counter.consume(
            bucket, call.account, 1, call.venue.scheduler.now_ns
        )
        if usage.exceeded:
            text = f"Too many new orders; current limit is {words}."
            raise ApiError(-1015, text, status=429)
        headers[header] = str(usage.used)
    return headers


def _place(call: ApiCall, fields: Fields) -> VenueOrder:
    listing = listing_in(call, fields)
    return order_or_raise(call, call.venue.place(order_in(call, listing, fields)))


def _spot_answer(call: ApiCall, fields: Fields, order: VenueOrder) -> dict[str, object]:
    usual = "FULL" if fields.get("type") in ("LIMIT", "MARKET") else "ACK"
    how = fields.get("newOrderRespType", usual)
    return spot_placed(call.venue, order, how, _fills_of(call, order))


def _fills_of(call: ApiCall, order: VenueOrder) -> list[Executed]:
    view = call.venue.engine_of(order.instrument).view
    found = view.fills(order.account, order.instrument)
    return [each for each in found if each.order_id == order.order_id]


def order_in(call: ApiCall, listing: Listing, fields: Fields) -> NewOrder:
    """What a request asks for."""
    kind, word = kind_of(call), fields.get("type", "")
    side = side_in(fields)
    conditional = _CONDITIONAL[kind]
    if kind == "linear" and word in conditional and "algoType" not in fields:
        text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints"
        raise ApiError(-4120, f"{text} instead.")
    style, force = _style(kind, word, fields)
    quantity, cost = _size(call, listing, side, fields)
    stops, limit = conditional.get(word, (True, style is OrderKind.LIMIT))
    trigger = None
    if style is OrderKind.STOP:
        trigger = number_in(fields, "stopPrice" if kind == "spot" else "triggerPrice")
    rising = (side is Side.BUY) is stops
    order = NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=style,
        quantity=quantity,
        quote_cost=cost,
        price=number_in(fields, "price") if limit else None,
        trigger=trigger,
        trigger_by=_WORKING.get(fields.get("workingType", ""), TriggerPrice.LAST),
        trigger_rising=rising if trigger else None,
        time_in_force=force,
        reduce_only=kind == "linear" and fields.get("reduceOnly") == "true",
        position_side=_position_side(call, listing, fields)
        if kind == "linear"
        else Direction.NEUTRAL,
        client_id=client_id_in(call, fields),
    )
    _check_trigger(call, order)
    return order


def side_in(fields: Fields) -> Side:
    """BUY or SELL."""
    side = _SIDES.get(fields.get("side", ""))
    if side is None:
        raise ApiError(-1117, "Invalid side.") if fields.get("side") else missing("side")
    return side


def _style(kind: str, word: str, fields: Fields) -> tuple[OrderKind, TimeInForce]:
    if word == "LIMIT_MAKER" and kind == "spot":
        return OrderKind.LIMIT, TimeInForce.POST_ONLY
    conditional = _CONDITIONAL[kind].get(word)
    if word == "LIMIT" or (kind == "spot" and conditional is not None and conditional[1]):
        if not fields.get("timeInForce"):
            raise missing("timeInForce")
        force = _TIMES_IN_FORCE.get(fields["timeInForce"])
        if force is None or (kind == "spot" and force is TimeInForce.POST_ONLY):
            raise ApiError(-1115, "Invalid timeInForce.")
        return (OrderKind.STOP if conditional else OrderKind.LIMIT), force
    if word == "MARKET":
        return OrderKind.MARKET, TimeInForce.GTC
    if conditional is not None:
        force = _TIMES_IN_FORCE.get(fields.get("timeInForce") or "GTC") if conditional[1] else None
        return OrderKind.STOP, force or TimeInForce.GTC
    raise ApiError(-1116, "Invalid orderType.")


def _size(
    call: ApiCall, listing: Listing, side: Side, fields: Fields
) -> tuple[Decimal | None, Decimal | None]:
    if fields.get("closePosition") == "true":
        raise ApiError(-1130, "Data sent for parameter 'closePosition' is not valid.")
    by_cost = kind_of(call) == "spot" and fields.get("type") == "MARKET"
    if not by_cost or "quoteOrderQty" not in fields:
        return number_in(fields, "quantity"), None
    cost = number_in(fields, "quoteOrderQty")
    if side is Side.BUY:
        return None, cost
    instrument = listing.instrument
    sold = _quantity_for_cost(call.venue.view_of(instrument.id).book(instrument.id).bids, cost)
    return sold - sold % instrument.lot_step, None


def _quantity_for_cost(bids: Iterable[BookLevel], cost: Decimal) -> Decimal:
    """How much has to be sold for this much quote money."""
    sold = ZERO
    for price, size in bids:
        take = min(size, cost / price)
        sold, cost = sold + take, cost - take * price
        if take < size:
            break
    return sold


def _position_side(call: ApiCall, listing: Listing, fields: Fields) -> Direction:
    position_side = _POSITION_SIDES.get(fields.get("positionSide", "BOTH"))
    if position_side is None:
        raise ApiError(-4060, "Invalid position side.")
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    if settings.position_mode is PositionMode.HEDGE and "reduceOnly" in fields:
        raise ApiError(-1106, "Parameter 'reduceonly' sent when not required.")
    return position_side


def client_id_in(call: ApiCall, fields: Fields) -> str:
    """The client's id, or one that the venue makes up."""
    name = "clientAlgoId" if "algoType" in fields else "newClientOrderId"
    client_id = fields.get(name, "")
    if not client_id:
        return f"auto{call.venue.scheduler.now_ns:x}"
    if kind_of(call) == "linear" and len(client_id) > 36:  # noqa: PLR2004 - the venue's own bound
        raise ApiError(-4015, "Client order id length should not be more than 36 chars")
    if not _CLIENT_ID.fullmatch(client_id):
        text = f"Illegal characters found in parameter '{name}'; legal range is"
        raise ApiError(-1100, f"{text} '^[\\.A-Z\\:/a-z0-9_-]{{1,36}}$'.")
    return client_id


def _check_trigger(call: ApiCall, order: NewOrder) -> None:
    if order.trigger is None:
        return
    ticker = call.venue.ticker(order.instrument)
    now = ticker.mark if order.trigger_by is TriggerPrice.MARK else ticker.last
    if now is None or (now < order.trigger if order.trigger_rising else now > order.trigger):
        return
    if kind_of(call) == "spot":
        raise ApiError(-2010, "Stop price would trigger immediately.")
    raise ApiError(-2021, "Order would immediately trigger.")


def cancel(call: ApiCall) -> object:
    """DELETE order."""
    fields, kind = fields_of(call), kind_of(call)
    listing = listing_in(call, fields)
    found = find_order(call, listing, fields)
    gone = Rejection(RejectReason.UNKNOWN_ORDER)
    if found is None:
        raise error_for(kind, gone)
    ended = order_or_raise(
        call, call.venue.cancel(call.account, listing.instrument.id, found.order_id)
    )
    if kind == "linear":
        return linear_order(call.venue, ended)
    return spot_cancelled(call.venue, ended, _cancel_id(call, fields))


def _cancel_id(call: ApiCall, fields: Fields) -> str:
    return fields.get("newClientOrderId") or f"cancel{call.venue.scheduler.now_ns:x}"


def cancel_all(call: ApiCall) -> object:
    """DELETE openOrders (spot) and allOpenOrders (futures, but for algo orders) of one symbol."""
    fields, kind = fields_of(call), kind_of(call)
    instrument = listing_in(call, fields).instrument.id
    if kind == "linear":
        for each in call.venue.view(kind).open_orders(call.account, instrument):
            if in_engine(each):
                call.venue.cancel(call.account, instrument, each.order_id)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}
    ended = call.venue.cancel_all(call.account, kind, instrument)
    if not ended:
        raise error_for(kind, Rejection(RejectReason.UNKNOWN_ORDER))
    by = _cancel_id(call, fields)
    return [spot_cancelled(call.venue, each, by) for each in ended]


def cancel_replace(call: ApiCall) -> Response:
    """POST order/cancelReplace: one goes, then another comes; each may fail."""
    fields = fields_of(call)
    renamed = {
        "symbol": fields.get("symbol", ""),
        "orderId": fields.get("cancelOrderId", ""),
        "origClientOrderId": fields.get("cancelOrigClientOrderId", ""),
        "newClientOrderId": fields.get("cancelNewClientOrderId", ""),
    }
    listing = listing_in(call, fields)
    order_in(call, listing, fields)
    answer: dict[str, object] = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
    answer |= {"cancelResponse": None, "newOrderResponse": None}
    try:
        answer["cancelResponse"] = cancel(_with_fields(call, renamed))
    except ApiError as no:
        answer |= {"cancelResult": "FAILURE", "cancelResponse": _error(no)}
        if fields.get("cancelReplaceMode") != "ALLOW_FAILURE":
            return _replace_response(answer, -2022, "Order cancel-replace failed.", 400)
    try:
        placed = _spot_answer(call, fields, _place(call, fields))
        answer |= {"newOrderResult": "SUCCESS", "newOrderResponse": placed}
    except ApiError as no:
        answer |= {"newOrderResult": "FAILURE", "newOrderResponse": _error(no)}
    done = {answer["cancelResult"], answer["newOrderResult"]}
    if done == {"SUCCESS"}:
        return Response(answer)
    if "SUCCESS" in done:
        return _replace_response(answer, -2021, "Order cancel-replace partially failed.", 409)
    return _replace_response(answer, -2022, "Order cancel-replace failed.", 400)


def _with_fields(call: ApiCall, fields: Fields) -> ApiCall:
    """The same request with other parameters."""
    return ApiCall(
        venue=call.venue,
        method=call.method,
        path=call.path,
        query=fields,
        headers=call.headers,
        account=call.account,
    )


def _error(no: ApiError) -> dict[str, object]:
    return {"code": no.code, "msg": no.message}


def _replace_response(answer: dict[str, object], code: int, words: str, status: int) -> Response:
    return Response({"code": code, "msg": words, "data": answer}, status)


def modify(call: ApiCall) -> object:
    """PUT order: another price and quantity for an open futures limit order."""
    fields = fields_of(call)
    listing = listing_in(call, fields)
    side, found = side_in(fields), find_order(call, listing, fields)
    if found is None or found.done:
        raise order_not_found()
    if side is not found.side:
        raise ApiError(-1117, "Invalid side.")
    changed = call.venue.amend(
        call.account,
        listing.instrument.id,
        found.order_id,
        quantity=number_in(fields, "quantity"),
        price=number_in(fields, "price"),
    )
    return linear_order(call.venue, order_or_raise(call, changed))


def look_up(call: ApiCall) -> object:
    """GET order: open or closed."""
    fields = fields_of(call)
    found = find_order(call, listing_in(call, fields), fields)
    if found is None:
        raise order_not_found()
    return order_object(call, found)


def open_order(call: ApiCall) -> object:
    """GET openOrder: a futures order that is open."""
    fields = fields_of(call)
    found = find_order(call, listing_in(call, fields), fields)
    if found is None or found.done:
        raise order_not_found()
    return order_object(call, found)


def open_orders(call: ApiCall) -> object:
    """GET openOrders, of a symbol or all."""
    chosen = {each.instrument.id for each in listings_in(call, fields_of(call))}
    found = call.venue.view(kind_of(call)).open_orders(call.account)
    return [
        order_object(call, each) for each in found if each.instrument in chosen and in_engine(each)
    ]


def all_orders(call: ApiCall) -> object:
    """GET allOrders of a symbol, oldest first: from `orderId` on, or the newest."""
    fields = fields_of(call)
    instrument = listing_in(call, fields).instrument.id
    view = call.venue.view(kind_of(call))
    start_ms, end_ms = window_in(fields)
    since = FIELDS.integer(fields, "orderId", 0)
    every = view.closed_orders(call.account, instrument) + view.open_orders(
        call.account, instrument
    )
    found = [
        each
        for each in sorted(every, key=lambda order: order.order_id)
        if each.order_id >= since and start_ms <= ms(each.created_ns) <= end_ms and in_engine(each)
    ]
    limit = limit_in(fields, 500, 1000)
    return [order_object(call, each) for each in (found[:limit] if since else found[-limit:])]


def fills(call: ApiCall) -> object:
    """GET myTrades and userTrades, oldest first: from `fromId` or `startTime` on, or the newest."""
    fields, kind = fields_of(call), kind_of(call)
    instrument = listing_in(call, fields).instrument.id
    since, (start_ms, end_ms) = FIELDS.integer(fields, "fromId", 0), _period(call, fields)
    wanted = FIELDS.integer(fields, "orderId", 0)
    found = [
        each
        for each in call.venue.view(kind).fills(call.account, instrument)
        if each.trade_id >= since
        and wanted in (0, each.order_id)
        and start_ms <= ms(each.now_ns) <= end_ms
    ]
    limit = limit_in(fields, 500, 1000)
    shown = found[:limit] if {"fromId", "startTime"} & fields.keys() else found[-limit:]
    form = spot_fill if kind == "spot" else linear_fill
    return [form(call.venue, each) for each in shown]


def _period(call: ApiCall, fields: Fields) -> tuple[int, int]:
    """Spot "Account trade list": 24 hours at most. USD-M futures: 7 days, the last by default."""
    hours = 24 if kind_of(call) == "spot" else 7 * 24
    words = f"More than {hours} hours between startTime and endTime."
    span = QuerySpan(ms(call.now_ns), hours * 3_600_000, ApiError(-1127, words))
    bounded = FIELDS.bounded_window(fields, "startTime", "endTime", span)
    both = {"startTime", "endTime"} <= fields.keys()
    open_ended = kind_of(call) == "spot" or "fromId" in fields
    return window_in(fields) if open_ended and not both else bounded


def order_object(call: ApiCall, order: VenueOrder) -> dict[str, object]:
    """An order as its market tells it."""
    form = spot_order if kind_of(call) == "spot" else linear_order
    return form(call.venue, order)


def find_order(call: ApiCall, listing: Listing, fields: Fields) -> VenueOrder | None:
    """The order that `orderId`, or else `origClientOrderId` names; an algo order is none."""
    key: int | str = FIELDS.integer(fields, "orderId", 0) or fields.get("origClientOrderId", "")
    if not key:
        text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        raise ApiError(-1102, text)
    found = call.venue.view(kind_of(call)).order(call.account, key)
    if found is None or found.instrument != listing.instrument.id or not in_engine(found):
        return None
    return found


def order_or_raise(call: ApiCall, answer: VenueOrder | Rejection) -> VenueOrder:
    """The order, or the no in the words of its market."""
    if isinstance(answer, Rejection):
        raise error_for(kind_of(call), answer)
    return answer
