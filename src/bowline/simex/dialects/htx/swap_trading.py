"""HTX swap orders (v5): contracts, integers for client ids, triggers in a list of their own."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import NewOrder, Rejection, RejectReason, VenueOrder
from bowline.core.venue import Listing, MarginMode, OrderKind, TimeInForce
from bowline.simex.cancel_all_timer import CancelAllTimer
from bowline.simex.dialects.htx.errors import SWAP_FIELDS, error_for, invalid
from bowline.simex.dialects.htx.market import requested_listing
from bowline.simex.dialects.htx.swap_render import (
    MODES,
    POSITION_SIDES,
    client_id_text,
    fill_object,
    order_object,
    trigger_object,
)
from bowline.simex.payload import JsonObject, read_json, text_fields
from bowline.simex.venue import dialect_state
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import QuerySpan, ms, parse_int

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_POSITION_SIDES = {word: position_side for position_side, word in POSITION_SIDES.items()}
MODES_IN = {word: mode for mode, word in MODES.items()}
_TIMES_IN_FORCE = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
_TRUE = ("1", "true")
_MOST_ID = (1 << 63) - 1
_SHORTEST_MS = 5_000
_SUCCESS: JsonObject = {"code": 200, "message": "Success"}
_TRIGGER_IDS = ("algo_id", "algo_client_order_id")


class SwapCancelAllTimer(CancelAllTimer):
    """The timer of perpetuals; spot has its own."""


Fields = dict[str, str]


def place(call: ApiCall) -> object:
    """POST /v5/trade/order."""
    fields = call.fields()
    listing, kind = requested_listing(call, fields), fields.get("type", "")
    price = SWAP_FIELDS.decimal(fields, "price")
    if kind not in ("limit", "market", "post_only") or (kind != "market" and price is None):
        raise invalid("linear", "invalid type or price")
    order = _order_in(call, listing, fields, fields.get("client_order_id", ""))
    if kind != "market":
        force = _TIMES_IN_FORCE.get(fields.get("time_in_force", "gtc"), TimeInForce.GTC)
        order = replace(
            order,
            kind=OrderKind.LIMIT,
            price=price,
            time_in_force=TimeInForce.POST_ONLY if kind == "post_only" else force,
        )
    return _acknowledged(_order_or_raise(call.venue.place(order)))


def _order_in(call: ApiCall, listing: Listing, fields: Fields, client_id: str) -> NewOrder:
    """What orders and triggers have in common, as a market order."""
    side, volume = _SIDES.get(fields.get("side", "")), SWAP_FIELDS.decimal(fields, "volume")
    if side is None or volume is None or volume <= 0 or volume % 1:
        raise error_for("linear", RejectReason.LOT)
    position_side = _POSITION_SIDES.get(fields.get("position_side", "both"))
    if position_side is None:
        raise invalid("linear", "invalid position_side")
    if client_id and not 0 < parse_int(client_id, 0) <= _MOST_ID:
        raise ApiError(1067, "The client_order_id field is invalid. Please re-enter.")
    take_mode(call, listing, fields.get("margin_mode", ""))
    return NewOrder(
        account=call.account,
        instrument=listing.instrument.id,
        side=side,
        kind=OrderKind.MARKET,
        quantity=volume * listing.instrument.contract_size,
        # in hedge mode an order against its position side reduces it anyway
        reduce_only=position_side is Direction.NEUTRAL and fields.get("reduce_only") in _TRUE,
        position_side=position_side,
        client_id=client_id,
    )


def take_mode(call: ApiCall, listing: Listing, word: str) -> None:
    """Orders name their margin mode; here an instrument has one while it is in use."""
    mode = MODES_IN.get(word or "cross")
    if mode is None:
        raise invalid("linear", "invalid margin_mode")
    set_mode(call, listing, mode)


def set_mode(call: ApiCall, listing: Listing, mode: MarginMode) -> None:
    """Cross or isolated; what is so already is no error."""
    refused = call.venue.set_margin_mode(call.account, listing.instrument.id, mode)
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise error_for("linear", refused.reason, refused.message)


def cancel(call: ApiCall) -> object:
    """POST /v5/trade/cancel_order: by id, or by the client's."""
    found = _find(call, call.fields())
    if found.waiting:
        raise error_for("linear", RejectReason.UNKNOWN_ORDER)
    return _acknowledged(
        _order_or_raise(call.venue.cancel(call.account, found.instrument, found.order_id))
    )


def cancel_all(call: ApiCall) -> object:
    """POST /v5/trade/cancel_all_orders: of one contract, or all. Triggers stay."""
    fields = call.fields()
    wanted = requested_listing(call, fields).instrument.id if fields.get("contract_code") else None
    found = call.venue.view("linear").open_orders(call.account, wanted)
    return [_SUCCESS | _acknowledged(each) for each in _cancelled(call, found, stops=False)]


def _cancelled(call: ApiCall, orders: Iterable[VenueOrder], *, stops: bool) -> list[VenueOrder]:
    ended = []
    for each in orders:
        if each.waiting is stops:
            answer = call.venue.cancel(call.account, each.instrument, each.order_id)
            if isinstance(answer, VenueOrder):
                ended.append(answer)
    return ended


def one(call: ApiCall) -> object:
    """GET /v5/trade/order."""
    found = _find(call, call.query)
    if found.waiting:
        raise error_for("linear", RejectReason.UNKNOWN_ORDER)
    return order_object(call.venue, found)


def open_orders(call: ApiCall) -> object:
    """GET /v5/trade/order/opens: the newest first, older than `from`."""
    found = call.venue.view("linear").open_orders(call.account)
    shown = [each for each in found if not each.waiting]
    return [order_object(call.venue, each) for each in _page(call, shown)]


def history(call: ApiCall) -> object:
    """GET /v5/trade/order/history: closed orders, the newest first."""
    found = call.venue.view("linear").closed_orders(call.account)
    shown = [each for each in found if not each.waiting]
    return [order_object(call.venue, each) for each in _page(call, shown)]


def details(call: ApiCall) -> object:
    """GET /v5/trade/order/details: executions, the newest first."""
    query = call.query
    wanted = requested_listing(call, query).instrument.id if query.get("contract_code") else None
    # as the v3 "Query Order Matchresults" has it: 48 hours at most, the last ones by default
    words = "start_time and end_time are more than 48 hours apart"
    span = QuerySpan(ms(call.now_ns), 48 * 3_600_000, invalid("linear", words))
    start_ms, end_ms = SWAP_FIELDS.bounded_window(query, "start_time", "end_time", span)
    order_id = query.get("order_id", "")
    found = [
        each
        for each in reversed(call.venue.view("linear").fills(call.account, wanted))
        if start_ms <= ms(each.now_ns) <= end_ms and order_id in ("", str(each.order_id))
    ]
    limit = SWAP_FIELDS.limit(query, "limit", 20, 100)
    return [fill_object(call.venue, each) for each in found[:limit]]


def _page(call: ApiCall, orders: list[VenueOrder]) -> list[VenueOrder]:
    query = call.query
    wanted = requested_listing(call, query).instrument.id if query.get("contract_code") else None
    before = SWAP_FIELDS.integer(query, "from", 1 << 62)
    chosen = [e for e in orders if e.order_id < before and wanted in (None, e.instrument)]
    chosen.sort(key=lambda each: -each.order_id)
    return chosen[: SWAP_FIELDS.limit(query, "limit", 20, 100)]


def place_trigger(call: ApiCall) -> object:
    """POST /v5/algo/order: a stop that becomes a market order; no other is simulated."""
    fields = call.fields()
    listing, trigger = requested_listing(call, fields), SWAP_FIELDS.decimal(fields, "trigger_price")
    last = call.venue.ticker(listing.instrument.id).last
    if trigger is None or last is None:
        raise invalid("linear", "only triggers are played here, by trigger_price")
    if SWAP_FIELDS.decimal(fields, "price"):
        raise invalid("linear", "a trigger of a limit order is not played here")
    order = _order_in(call, listing, fields, fields.get("algo_client_order_id", ""))
    order = replace(order, kind=OrderKind.STOP, trigger=trigger, trigger_rising=trigger > last)
    return [_triggered(_order_or_raise(call.venue.place(order)))]


def _triggered(order: VenueOrder) -> JsonObject:
    return {"algo_id": str(order.order_id), "algo_client_order_id": client_id_text(order)}


def open_triggers(call: ApiCall) -> object:
    """GET /v5/algo/order/opens."""
    found = call.venue.view("linear").open_orders(call.account)
    shown = [each for each in found if each.waiting]
    return [trigger_object(call.venue, each) for each in _page(call, shown)]


def one_trigger(call: ApiCall) -> object:
    """GET /v5/algo/order."""
    return [trigger_object(call.venue, _find(call, call.query, *_TRIGGER_IDS))]


def cancel_triggers(call: ApiCall) -> object:
    """POST /v5/algo/cancel_orders: a list of them, each with its own answer."""
    sent = read_json(call.body)
    if not isinstance(sent, list) or not all(isinstance(each, dict) for each in sent):
        raise invalid("linear", "a list of triggers is wanted")
    found = [_find(call, text_fields(each), *_TRIGGER_IDS) for each in sent]
    return [_SUCCESS | _triggered(each) for each in _cancelled(call, found, stops=True)]


def cancel_after(call: ApiCall) -> object:
    """POST /v5/trade/cancel-after: cancel everything then, unless asked again."""
    venue, fields = call.venue, call.fields()
    on, time_out_ms = fields.get("on_off") in _TRUE, SWAP_FIELDS.integer(fields, "time_out", 0)
    if on and time_out_ms < _SHORTEST_MS:
        raise invalid("linear", "time_out must be 5000 or more")
    timer, now = dialect_state(venue, SwapCancelAllTimer), ms(venue.now_ns)
    if not on:
        timer.stop()
        return {"current_time": now, "trigger_time": 0}
    timer.start(venue, call.account, time_out_ms / 1000, ("linear",))
    return {"current_time": now, "trigger_time": now + time_out_ms}


def _find(
    call: ApiCall, fields: Fields, number: str = "order_id", client: str = "client_order_id"
) -> VenueOrder:
    """By the venue's number or the client's; an order without the latter is known by its own."""
    view = call.venue.view("linear")
    found = None
    if fields.get(number):
        found = view.order(call.account, SWAP_FIELDS.integer(fields, number, 0))
    elif fields.get(client):
        found = view.order(call.account, fields[client])
    if found is None:
        raise error_for("linear", RejectReason.UNKNOWN_ORDER)
    return found


def _acknowledged(order: VenueOrder) -> JsonObject:
    return {"order_id": str(order.order_id), "client_order_id": client_id_text(order)}


def _order_or_raise(answer: VenueOrder | Rejection) -> VenueOrder:
    if isinstance(answer, Rejection):
        raise error_for("linear", answer.reason, answer.message)
    return answer
