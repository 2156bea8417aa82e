"""Gate's price-triggered orders: lists and ids apart from orders, until they are triggered."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import NewOrder, RejectReason, TriggerPrice, VenueOrder
from bowline.core.venue import OrderKind, TimeInForce
from bowline.simex.dialects.gate.errors import FIELDS, error_for, invalid
from bowline.simex.dialects.gate.market import kind_at, requested_listing
from bowline.simex.dialects.gate.render import futures_trigger, kind_of, spot_trigger
from bowline.simex.dialects.gate.trading import cancel_these, page, position_side_of, taken
from bowline.simex.payload import JsonObject, text_fields
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import parse_int

_RULES = {"1": True, "2": False, ">=": True, "<=": False}
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TIMES_IN_FORCE = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC}


def trigger_object(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """A stop in the words of its market."""
    form = spot_trigger if kind_of(order.instrument) == "spot" else futures_trigger
    return form(venue, order)


def create(call: ApiCall) -> object:
    """POST …/price_orders."""
    sent, spot = call.json(), kind_at(call) == "spot"
    trigger, order = _part(sent, "trigger"), _part(sent, "put" if spot else "initial")
    listing = requested_listing(call, {"currency_pair": str(sent.get("market"))} if spot else order)
    amount = FIELDS.decimal(order, "amount" if spot else "size")
    if amount is None or not amount:
        raise invalid("invalid amount or size")
    price = _price(order, spot=spot)
    rising = _RULES.get(trigger.get("rule", ""))
    if rising is None:
        raise invalid("invalid trigger.rule")
    side = _side(order, amount, spot=spot)
    reduces = order.get("reduce_only") == "true"
    placed = call.venue.place(
        NewOrder(
            account=call.account,
            instrument=listing.instrument.id,
            side=side,
            kind=OrderKind.STOP,
            quantity=abs(amount) * listing.instrument.contract_size,
            price=price,
            time_in_force=TimeInForce.GTC if price is None else _force(order, spot=spot),
            trigger=FIELDS.decimal(trigger, "price"),
            trigger_by=TriggerPrice.MARK if trigger.get("price_type") == "1" else TriggerPrice.LAST,
            trigger_rising=rising,
            reduce_only=reduces,
            position_side=Direction.NEUTRAL
            if spot
            else position_side_of(call, listing, side, reduces=reduces),
            # what `text` may be is not said of these; it is not looked up by it either
            client_id=(order if not spot else order | trigger).get("text", ""),
        )
    )
    return {"id": taken(call, placed).order_id}


def _price(order: dict[str, str], *, spot: bool) -> Decimal | None:
    """None for a market order: spot says so by its type, a perpetual by a price of 0."""
    kind = order.get("type", "limit") if spot else "limit"
    if kind not in ("limit", "market"):
        raise invalid("invalid put.type")
    price = FIELDS.decimal(order, "price")
    if kind == "market" or (not spot and not price):
        return None
    if not price:
        raise invalid("invalid price")
    return price


def _force(order: dict[str, str], *, spot: bool) -> TimeInForce:
    """Only gtc and ioc: "Create price-triggered order"."""
    word = order.get("time_in_force" if spot else "tif") or "gtc"
    if word not in _TIMES_IN_FORCE:
        raise invalid("invalid time in force")
    return _TIMES_IN_FORCE[word]


def _side(order: dict[str, str], amount: Decimal, *, spot: bool) -> Side:
    if not spot:
        return Side.BUY if amount > 0 else Side.SELL
    side = _SIDES.get(order.get("side", ""))
    if side is None:
        raise invalid("invalid put.side")
    return side


def _part(sent: dict[str, object], name: str) -> dict[str, str]:
    part = sent.get(name)
    if not isinstance(part, dict):
        raise invalid(f"{name} is missing")
    return text_fields(part)


def some(call: ApiCall) -> object:
    """GET …/price_orders: those that are `open` or `finished`, the newest first."""
    kind, query = kind_at(call), call.query
    status = query.get("status", "")
    if status not in ("open", "finished"):
        raise invalid("status must be open or finished")
    view = call.venue.view(kind)
    known = [*view.open_orders(call.account), *view.closed_orders(call.account)]
    name = "market" if kind == "spot" else "contract"
    found = [
        each
        for each in known
        if each.requested.kind is OrderKind.STOP
        and (each.waiting and not each.done) is (status == "open")
        and query.get(name, "") in ("", call.venue.listing(each.instrument).venue_symbol)
    ]
    found.sort(key=lambda each: -each.order_id)
    return [trigger_object(call.venue, each) for each in page(found, query)]


def one(call: ApiCall) -> object:
    """GET …/price_orders/{order_id}."""
    return trigger_object(call.venue, _find(call))


def cancel(call: ApiCall) -> object:
    """DELETE …/price_orders/{order_id}."""
    (ended,) = cancel_these(call, [_find(call, waiting=True)], stops=True)
    return trigger_object(call.venue, ended)


def cancel_all(call: ApiCall) -> object:
    """DELETE …/price_orders: of one instrument, or all."""
    kind = kind_at(call)
    word = call.query.get("market" if kind == "spot" else "contract", "")
    listing = call.venue.listing_by_symbol(kind, word)
    if word and listing is None:
        raise error_for(kind, RejectReason.UNKNOWN_INSTRUMENT, word)
    wanted = listing.instrument.id if listing else None
    found = call.venue.view(kind).open_orders(call.account, wanted)
    ended = cancel_these(call, found, stops=True)
    return [trigger_object(call.venue, each) for each in ended]


def _find(call: ApiCall, *, waiting: bool = False) -> VenueOrder:
    kind = kind_at(call)
    number = parse_int(call.path_params.get("order_id"), 0)
    found = call.venue.view(kind).order(call.account, number)
    if found is None or found.requested.kind is not OrderKind.STOP:
        raise error_for(kind, RejectReason.UNKNOWN_ORDER)
    if waiting and (found.done or not found.waiting):
        raise error_for(kind, RejectReason.UNKNOWN_ORDER)
    return found
