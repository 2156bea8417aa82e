"""OKX v5 algo orders: triggers that send a market order, with ids of their own."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import Side
from bowline.core.sim.exchange import NewOrder, RefusalReason, Refused, TriggerPrice, VenueOrder
from bowline.core.venue import OrderKind
from bowline.simex.dialect import Call, Reply
from bowline.simex.dialects.okx.asked import Fields, chosen, listing_in, page, rows_of
from bowline.simex.dialects.okx.modes import use_mode
from bowline.simex.dialects.okx.refusals import NUMBERS, no_such_order, refusal_of, wrong
from bowline.simex.dialects.okx.trading import (
    acted,
    client_id_in,
    leg_in,
    number_in,
    or_refused,
    side_in,
)
from bowline.simex.dialects.okx.words import (
    TRIGGERS,
    algo_id,
    algo_object,
    algo_order_id,
    is_algo,
    kind_of,
    quantity_of,
)

_TRIGGERS = {word: price for price, word in TRIGGERS.items()}
#: `ordType` -> the names of its trigger, its order's price and its price type, and whether it stops
_SHAPES: dict[str, tuple[tuple[str, str, str, bool | None], ...]] = {
    "trigger": (("triggerPx", "orderPx", "triggerPxType", None),),
    "conditional": (
        ("slTriggerPx", "slOrdPx", "slTriggerPxType", True),
        ("tpTriggerPx", "tpOrdPx", "tpTriggerPxType", False),
    ),
}

Words = dict[str, object]


def place(call: Call) -> Reply:
    """POST trade/order-algo."""
    return _renamed(acted(call, rows_of(call)[:1], _place_one))


def cancel(call: Call) -> Reply:
    """POST trade/cancel-algos."""
    return _renamed(acted(call, rows_of(call), _cancel_one))


def _renamed(reply: Reply) -> Reply:
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


def _place_one(call: Call, fields: Fields) -> VenueOrder:
    listing = listing_in(call, fields)
    instrument = listing.instrument.id
    side, (trigger, by, stops) = side_in(fields), _trigger_in(fields)
    ticker = call.floor.ticker(instrument)
    now = ticker.mark if by is TriggerPrice.MARK else ticker.last
    rising = trigger > now if now is not None else side is Side.BUY
    if stops is not None and rising is not ((side is Side.BUY) is stops):
        raise wrong("slTriggerPx or tpTriggerPx")
    use_mode(call, listing, fields.get("tdMode", ""))
    order = NewOrder(
        account=call.account,
        instrument=instrument,
        side=side,
        kind=OrderKind.STOP,
        quantity=quantity_of(listing, number_in(fields, "sz")),
        trigger=trigger,
        trigger_by=by,
        trigger_rising=rising,
        reduce_only=kind_of(instrument) == "linear" and fields.get("reduceOnly") == "true",
        position=leg_in(kind_of(instrument), fields),
        client_id=client_id_in(fields, "algoClOrdId"),
    )
    return or_refused(call.floor.place(order))


def _trigger_in(fields: Fields) -> tuple[Decimal, TriggerPrice, bool | None]:
    for name, price, kind, stops in _SHAPES.get(fields.get("ordType", ""), ()):
        if fields.get(name):
            if NUMBERS.decimal(fields, price) != -1:
                raise wrong(price)  # a market order is all that is played here
            by = _TRIGGERS.get(fields.get(kind) or "last")
            if by is None:
                raise wrong(kind)
            return number_in(fields, name), by, stops
    raise wrong("ordType")


def _cancel_one(call: Call, fields: Fields) -> VenueOrder:
    found = _named(call, fields)
    if found is None or found.triggered:
        raise refusal_of(Refused(RefusalReason.UNKNOWN_ORDER), "cancel")
    return or_refused(call.floor.cancel(call.account, found.instrument, found.order_id), "cancel")


def look_up(call: Call) -> object:
    """GET trade/order-algo."""
    found = _named(call, call.query)
    if found is None:
        raise no_such_order()
    return [algo_object(call.floor, found)]


def pending(call: Call) -> object:
    """GET trade/orders-algo-pending of a type: those that wait, the newest first."""
    if not call.query.get("ordType"):
        raise wrong("ordType")
    wanted = {each.instrument.id for each in chosen(call, call.query)}
    rows = [
        (int(algo_id(each.order_id)), algo_object(call.floor, each))
        for each in call.floor.view("spot").open_orders(call.account)
        if each.waiting and each.instrument in wanted and call.query["ordType"] == "trigger"
    ]
    return page(rows, call.query, 100)


def _named(call: Call, fields: Fields) -> VenueOrder | None:
    key: int | str = fields.get("algoClOrdId", "")
    if fields.get("algoId"):
        key = algo_order_id(NUMBERS.whole(fields, "algoId", 0))
    elif not key:
        raise wrong("algoId or algoClOrdId")
    found = call.floor.view("spot").order(call.account, key)
    return found if found is not None and is_algo(found) else None
