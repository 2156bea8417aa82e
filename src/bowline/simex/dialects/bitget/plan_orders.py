"""Bitget v2 trigger orders ("plans"): endpoints, lists and a state of their own.

A stop of a whole position (`pos_loss`) closes what there is of it; the others have a size.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import (
    NewOrder,
    PositionSnapshot,
    RejectReason,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import Listing, OrderKind, PositionMode
from bowline.simex.dialects.bitget.market import listing_of
from bowline.simex.dialects.bitget.render import (
    FIELDS,
    TPSL_FORMS,
    TRIGGERS,
    error_for,
    order_id_text,
    plan_order,
    plan_type,
    wrong,
)
from bowline.simex.dialects.bitget.trading import (
    PAGE,
    Fields,
    acknowledged,
    cancel_list,
    client_id_in,
    is_named,
    matching_orders,
    open_orders,
    order_in,
    page,
    placed,
)
from bowline.simex.venue_api import ApiCall, ApiError

_TRIGGERS = {word: price for price, word in TRIGGERS.items()}
#: `holdSide`: the position that is closed, in the words of both position modes
_HELD = {
    "long": Direction.LONG,
    "buy": Direction.LONG,
    "short": Direction.SHORT,
    "sell": Direction.SHORT,
}
#: `planType` of a list -> the types that are in it ("Get Pending Trigger Order")
_LISTS = {"normal_plan": {"normal_plan"}, "profit_loss": TPSL_FORMS, "track_plan": set()}


def place(call: ApiCall) -> object:
    """POST …/place-plan-order: a limit or a market order once the price is reached."""
    fields = call.fields()
    listing = listing_of(call, fields)
    trigger, by = _trigger_in(fields)
    if fields.get("planType") in ("total", "track_plan"):
        raise wrong("planType: a plan for a cost and a trailing one are not played here")
    # spot says `executePrice`, contracts `price`
    price = fields.get("executePrice") or fields.get("price", "")
    order = order_in(call, listing, fields | {"price": price})
    if fields.get("orderType") == "limit" and order.price is None:
        raise wrong("price or executePrice")
    now = _trigger_market_price(call, listing, by)
    stop = replace(
        order,
        kind=OrderKind.STOP,
        # planType amount: base units, of a market buy too
        quantity=order.quantity or order.quote_cost,
        quote_cost=None,
        trigger=trigger,
        trigger_by=by,
        trigger_rising=now is None or trigger > now,
    )
    return acknowledged(placed(call, listing, stop))


def place_tpsl(call: ApiCall) -> object:
    """POST /api/v2/mix/order/place-tpsl-order: take profit or stop loss of a position.

    `executePrice` is its limit; without one, or with 0, it becomes a market order.
    """
    fields = call.fields()
    listing, form = listing_of(call, fields), fields.get("planType", "")
    if form not in TPSL_FORMS:
        raise wrong("planType")
    trigger, by = _trigger_in(fields)
    position = _position_in(call, listing, fields)
    size = position.quantity
    if not form.startswith("pos_"):
        size = FIELDS.decimal(fields, "size") or Decimal(0)
    long = position.direction is Direction.LONG
    one_way = position.mode is PositionMode.ONE_WAY
    stop = NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=Side.SELL if long else Side.BUY,
        kind=OrderKind.STOP,
        quantity=size,
        price=FIELDS.decimal(fields, "executePrice") or None,
        trigger=trigger,
        trigger_by=by,
        trigger_rising=long is form.endswith(("profit", "profit_plan")),
        reduce_only=one_way,
        position_side=Direction.NEUTRAL if one_way else position.direction,
        client_id=client_id_in(fields),
        form=form,
    )
    _not_at_once(call, listing, stop)
    return acknowledged(placed(call, listing, stop))


def _position_in(call: ApiCall, listing: Listing, fields: Fields) -> PositionSnapshot:
    held = _HELD.get(fields.get("holdSide", ""))
    if held is None:
        raise wrong("holdSide")
    for each in call.venue.view("linear").positions(call.account, listing.instrument.id):
        if each.direction is held:
            return each
    raise error_for("linear", RejectReason.REDUCE_ONLY)


def _not_at_once(call: ApiCall, listing: Listing, stop: NewOrder) -> None:
    now = _trigger_market_price(call, listing, stop.trigger_by)
    assert stop.trigger is not None
    if now is not None and (now >= stop.trigger if stop.trigger_rising else now <= stop.trigger):
        # "Error Code": 40830 to 40836 tell which price is on the wrong side of which
        raise ApiError("40832", "The stop price must be on the other side of the current price")


def _trigger_in(fields: Fields) -> tuple[Decimal, TriggerPrice]:
    trigger = FIELDS.decimal(fields, "triggerPrice")
    by = _TRIGGERS.get(fields.get("triggerType", "fill_price"))
    if not trigger or by is None:
        raise wrong("triggerPrice or triggerType")
    return trigger, by


def _trigger_market_price(call: ApiCall, listing: Listing, by: TriggerPrice) -> Decimal | None:
    ticker = call.venue.ticker(listing.instrument.id)
    return ticker.mark if by is TriggerPrice.MARK else ticker.last


def cancel(call: ApiCall) -> object:
    """POST /api/v2/spot/trade/cancel-plan-order."""
    fields = call.fields()
    waiting = open_orders(call, "spot", None, plans=True)
    orders = [each for each in waiting if is_named(each, fields)]
    if not orders:
        raise ApiError("43025", "Plan order does not exist")
    call.venue.cancel(call.account, orders[0].instrument, orders[0].order_id)
    return {"result": "success"}


def cancel_some(call: ApiCall) -> object:
    """POST /api/v2/mix/order/cancel-plan-order and /api/v2/spot/trade/batch-cancel-plan-order."""
    return cancel_list(call, plans=True)


def pending(call: ApiCall) -> object:
    """GET /api/v2/mix/order/orders-plan-pending of a `planType`."""
    return _entrusted(call, _waiting(call, "linear"))


def history(call: ApiCall) -> object:
    """GET /api/v2/mix/order/orders-plan-history of a `planType`: those that wait no more."""
    return _entrusted(call, _over(call, "linear"))


def _entrusted(call: ApiCall, orders: list[VenueOrder]) -> object:
    kinds = _LISTS.get(call.query.get("planType", "normal_plan"))
    if kinds is None:
        raise wrong("planType")
    shown = page(call, [each for each in orders if plan_type(each) in kinds])
    return {
        "entrustedList": [plan_order(call.venue, each) for each in shown] or None,
        "endId": order_id_text(shown[-1].order_id) if shown else None,
    }


def spot_pending(call: ApiCall) -> object:
    """GET /api/v2/spot/trade/current-plan-order."""
    return _spot_page(call, _waiting(call, "spot"))


def spot_history(call: ApiCall) -> object:
    """GET /api/v2/spot/trade/history-plan-order."""
    return _spot_page(call, _over(call, "spot"))


def _spot_page(call: ApiCall, orders: list[VenueOrder]) -> object:
    shown = page(call, orders)
    return {
        "nextFlag": len(shown) == PAGE,
        "idLessThan": order_id_text(shown[-1].order_id) if shown else "",
        "orderList": [plan_order(call.venue, each) for each in shown],
    }


def _waiting(call: ApiCall, kind: str) -> list[VenueOrder]:
    orders = call.venue.view(kind).open_orders(call.account)
    return [each for each in matching_orders(call, kind, orders) if each.waiting]


def _over(call: ApiCall, kind: str) -> list[VenueOrder]:
    view = call.venue.view(kind)
    orders = view.closed_orders(call.account) + view.open_orders(call.account)
    return [
        each
        for each in matching_orders(call, kind, orders)
        if each.requested.kind is OrderKind.STOP and (each.done or each.triggered)
    ]
