"""OKX v5 algo orders: triggers that send a limit or a market order, with ids of their own."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import Side
from bowline.core.sim.exchange import NewOrder, Rejection, RejectReason, TriggerPrice, VenueOrder
from bowline.core.venue import OrderKind
from bowline.simex.dialects.okx.errors import FIELDS, error_for, order_not_found, wrong
from bowline.simex.dialects.okx.margin_modes import use_mode
from bowline.simex.dialects.okx.render import (
    TRIGGERS,
    algo_id,
    algo_object,
    algo_order_id,
    algo_status_code,
    algo_type,
    is_algo,
    kind_of,
    quantity_of,
)
from bowline.simex.dialects.okx.request_fields import (
    Fields,
    listing_in,
    page,
    requested_listings,
    rows_of,
)
from bowline.simex.dialects.okx.trading import (
    acted,
    client_id_in,
    number_in,
    order_or_raise,
    position_side_in,
    side_in,
)
from bowline.simex.venue_api import ApiCall, Response

_TRIGGERS = {word: price for price, word in TRIGGERS.items()}
#: `ordType` -> its forms: each the names of its trigger, its order's price and its price type
_SHAPES: dict[str, dict[str, tuple[str, str, str]]] = {
    "trigger": {"trigger": ("triggerPx", "orderPx", "triggerPxType")},
    "conditional": {
        "sl": ("slTriggerPx", "slOrdPx", "slTriggerPxType"),
        "tp": ("tpTriggerPx", "tpOrdPx", "tpTriggerPxType"),
    },
}


def place(call: ApiCall) -> Response:
    """POST trade/order-algo."""
    return _renamed(acted(call, rows_of(call)[:1], _place_one))


def cancel(call: ApiCall) -> Response:
    """POST trade/cancel-algos."""
    return _renamed(acted(call, rows_of(call), _cancel_one))


def _renamed(reply: Response) -> Response:
    """The items name algo orders."""
    body = reply.body
    assert isinstance(body, dict)
    body["data"] = [
        {
            "algoId": algo_id(int(each["ordId"])) if each["sCode"] == "0" else "",
            "algoClOrdId": each["clOrdId"],
            "clOrdId": "",
            "sCode": each["sCode"],
            "sMsg": each["sMsg"],
            "tag": each["tag"],
        }
        for each in body["data"]
    ]
    return reply


def _place_one(call: ApiCall, fields: Fields) -> VenueOrder:
    listing = listing_in(call, fields)
    instrument = listing.instrument.id
    side, (trigger, by, price, form) = side_in(fields), _trigger_in(fields)
    ticker = call.venue.ticker(instrument)
    now = ticker.mark if by is TriggerPrice.MARK else ticker.last
    rising = trigger > now if now is not None else side is Side.BUY
    if form != "trigger" and rising is not ((side is Side.BUY) is (form == "sl")):
        raise wrong("slTriggerPx or tpTriggerPx")
    use_mode(call, listing, fields.get("tdMode", ""))
    order = NewOrder(
        account=call.account,
        instrument=instrument,
        side=side,
        kind=OrderKind.STOP,
        quantity=quantity_of(listing, number_in(fields, "sz")),
        price=price,
        trigger=trigger,
        trigger_by=by,
        trigger_rising=rising,
        reduce_only=kind_of(instrument) == "linear" and fields.get("reduceOnly") == "true",
        position_side=position_side_in(kind_of(instrument), fields),
        client_id=client_id_in(fields, "algoClOrdId"),
        form=form,
    )
    return order_or_raise(call.venue.place(order))


def _trigger_in(fields: Fields) -> tuple[Decimal, TriggerPrice, Decimal | None, str]:
    """Its trigger, what it watches, its limit price (-1 and None: a market order), its form."""
    for form, (name, price, kind) in _SHAPES.get(fields.get("ordType", ""), {}).items():
        if fields.get(name):
            market = FIELDS.decimal(fields, price) == -1
            by = _TRIGGERS.get(fields.get(kind) or "last")
            if by is None:
                raise wrong(kind)
            return number_in(fields, name), by, None if market else number_in(fields, price), form
    raise wrong("ordType")


def _cancel_one(call: ApiCall, fields: Fields) -> VenueOrder:
    found = _find_order(call, fields)
    if found is None or found.triggered:
        raise error_for(Rejection(RejectReason.UNKNOWN_ORDER), "cancel")
    return order_or_raise(
        call.venue.cancel(call.account, found.instrument, found.order_id), "cancel"
    )


def look_up(call: ApiCall) -> object:
    """GET trade/order-algo."""
    found = _find_order(call, call.query)
    if found is None:
        raise order_not_found()
    return [algo_object(call.venue, found)]


def pending(call: ApiCall) -> object:
    """GET trade/orders-algo-pending of a type: those that wait, the newest first."""
    found = call.venue.view("spot").open_orders(call.account)
    return _page(call, [each for each in found if each.waiting])


def history(call: ApiCall) -> object:
    """GET trade/orders-algo-history of a type, by state or by id: those that wait no more."""
    if not call.query.get("state") and not call.query.get("algoId"):
        raise wrong("state or algoId")
    view = call.venue.view("spot")
    found = view.closed_orders(call.account) + view.open_orders(call.account)
    return _page(
        call,
        [
            each
            for each in found
            if is_algo(each)
            and not each.waiting
            and call.query.get("state") in (None, algo_status_code(each))
            and call.query.get("algoId") in (None, algo_id(each.order_id))
        ],
    )


def _page(call: ApiCall, orders: list[VenueOrder]) -> object:
    if not call.query.get("ordType"):
        raise wrong("ordType")
    # several types may be asked for at once
    kinds = call.query["ordType"].split(",")
    wanted = {each.instrument.id for each in requested_listings(call, call.query)}
    rows = [
        (int(algo_id(each.order_id)), algo_object(call.venue, each))
        for each in orders
        if each.instrument in wanted and algo_type(each) in kinds
    ]
    return page(rows, call.query, 100)


def _find_order(call: ApiCall, fields: Fields) -> VenueOrder | None:
    key: int | str = fields.get("algoClOrdId", "")
    if fields.get("algoId"):
        key = algo_order_id(FIELDS.integer(fields, "algoId", 0))
    elif not key:
        raise wrong("algoId or algoClOrdId")
    found = call.venue.view("spot").order(call.account, key)
    return found if found is not None and is_algo(found) else None
