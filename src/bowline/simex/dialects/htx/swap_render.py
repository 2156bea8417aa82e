"""HTX's words for orders, fills, positions and balances of swaps (v5), in contracts.

An order tells the fee that was paid as a negative number, an execution as a positive one: so do the
venue's own replies. Pure: an object of the engine in, the venue's JSON object out.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction
from bowline.core.sim.exchange import Executed, Holding, PositionSnapshot, VenueOrder
from bowline.core.venue import Listing, MarginMode, OrderKind, PositionMode, TimeInForce
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.wire_values import ms, plain, plain_or

# The document that this table came from is not recorded; to check it: the orders and positions of
# HTX's swap API v5.
MODES = {MarginMode.CROSS: "cross", MarginMode.ISOLATED: "isolated"}
POSITION_SIDES = {Direction.LONG: "long", Direction.SHORT: "short", Direction.NEUTRAL: "both"}
_TIMES_IN_FORCE = {TimeInForce.IOC: "ioc", TimeInForce.FOK: "fok"}
_DIGITS = Decimal("0.00000001")
#: executions have a number of their own in REST, beside that of the trade
_FIRST_DETAIL = 1_513_834_754_000_000_000


def contracts(listing: Listing, quantity: Decimal) -> str:
    """Base units as contracts."""
    return plain(quantity / listing.instrument.contract_size)


def status_code(order: VenueOrder) -> str:
    """`state`."""
    if order.state is OrderState.FILLED:
        return "filled"
    if order.done:
        return "partially_canceled" if order.filled else "canceled"
    return "partially_filled" if order.filled else "new"


def _type_code(order: VenueOrder) -> str:
    if order.requested.kind is not OrderKind.LIMIT:
        return "market"
    return "post_only" if order.requested.time_in_force is TimeInForce.POST_ONLY else "limit"


def client_id_text(order: VenueOrder) -> str:
    """The client's number, or else the order's own."""
    return order.client_id or str(order.order_id)


def order_object(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An order, as REST and the stream have it."""
    listing, requested = venue.listing(order.instrument), order.requested
    settings = venue.engine_of(order.instrument).view.settings(order.account, order.instrument)
    average = order.average_price and order.average_price.quantize(_DIGITS)
    return {
        "id": str(order.order_id),
        "order_id": str(order.order_id),
        "client_order_id": client_id_text(order),
        "contract_code": listing.venue_symbol,
        "contract_type": "swap",
        "side": order.side.value,
        "position_side": POSITION_SIDES[requested.position_side],
        "type": _type_code(order),
        "price": plain_or(order.price, "0"),
        "volume": contracts(listing, order.quantity),
        "state": status_code(order),
        "margin_mode": MODES[settings.margin_mode],
        "lever_rate": int(settings.leverage),
        "order_source": "api",
        "reduce_only": requested.reduce_only,
        "time_in_force": _TIMES_IN_FORCE.get(requested.time_in_force, "gtc"),
        "trade_avg_price": plain_or(average, "0"),
        "trade_volume": contracts(listing, order.filled),
        "trade_turnover": plain(order.cost),
        "fee_currency": listing.quote if order.fees else "",
        "fee": plain(-sum((fee for _, fee in order.fees), ZERO)),
        "profit": "0",
        "price_protect": False,
        "cancel_reason": None,
        "self_match_prevent": "cancel_taker",
        "created_time": str(ms(order.created_ns)),
        "updated_time": str(ms(order.updated_ns)),
    }


def trigger_object(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """A stop that waits."""
    listing = venue.listing(order.instrument)
    return {
        "id": str(order.order_id),
        "algo_id": str(order.order_id),
        "algo_client_order_id": client_id_text(order),
        "contract_code": listing.venue_symbol,
        "side": order.side.value,
        "position_side": POSITION_SIDES[order.requested.position_side],
        "type": "trigger",
        "volume": contracts(listing, order.quantity),
        "trigger_price": plain_or(order.requested.trigger),
        "price": "0",
        "state": "active" if order.waiting and not order.done else status_code(order),
        "reduce_only": order.requested.reduce_only,
        "order_source": "api",
        "created_time": str(ms(order.created_ns)),
        "updated_time": str(ms(order.updated_ns)),
    }


def fill_object(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """An execution, as REST has it."""
    listing = venue.listing(fill.instrument)
    # not the venue's view, which a fault may keep from seeing what is new
    order = venue.engine_of(fill.instrument).view.order(fill.account, fill.order_id)
    assert order is not None
    return {
        "id": str(_FIRST_DETAIL + fill.trade_id),
        "trade_id": str(fill.trade_id),
        "order_id": str(fill.order_id),
        "client_order_id": client_id_text(order),
        "contract_code": listing.venue_symbol,
        "contract_type": "swap",
        "side": fill.side.value,
        "position_side": POSITION_SIDES[fill.position_side],
        "type": _type_code(order),
        "role": "maker" if fill.maker else "taker",
        "trade_price": plain(fill.price),
        "trade_volume": contracts(listing, fill.quantity),
        "trade_turnover": plain(fill.price * fill.quantity),
        "trade_fee": plain(fill.fee),
        "fee_currency": fill.fee_asset,
        "profit": plain(fill.realised),
        "order_source": "api",
        "created_time": str(ms(fill.now_ns)),
        "updated_time": str(ms(fill.now_ns)),
    }


def fill_event(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """An execution, as the stream has it: another id, and no fee."""
    shown = fill_object(venue, fill)
    names = (
        "contract_code", "contract_type", "order_id", "trade_id", "position_side", "trade_volume",
        "trade_price", "trade_turnover", "role", "client_order_id", "created_time", "updated_time",
    )  # fmt: skip
    return {name: shown[name] for name in names} | {
        "id": f"{fill.trade_id}-{fill.order_id}-1",
        "direction": fill.side.value,
    }


def position_object(venue: SimulatedVenue, position: PositionSnapshot) -> JsonObject:
    """A position; one-way ones say their side in `direction` alone."""
    listing = venue.listing(position.instrument)
    hedged = position.mode is PositionMode.HEDGE
    liquidation = position.liquidation_price
    rate = position.unrealised / position.margin if position.margin else ZERO
    return {
        "contract_code": listing.venue_symbol,
        "contract_type": "swap",
        "symbol": listing.base,
        "position_mode": "dual_side" if hedged else "single_side",
        "position_side": POSITION_SIDES[position.direction] if hedged else "both",
        "direction": "sell" if position.direction is Direction.SHORT else "buy",
        "margin_mode": MODES[position.margin_mode],
        "open_avg_price": plain(position.entry_price.quantize(_DIGITS)),
        "volume": contracts(listing, position.quantity),
        "available": contracts(listing, position.quantity),
        "lever_rate": int(position.leverage),
        "adl_risk_percent": 3,
        "liquidation_price": plain_or(liquidation and liquidation.quantize(_DIGITS), ""),
        "margin": plain(position.margin),
        "initial_margin": plain(position.margin),
        "maintenance_margin": plain(position.maintenance),
        "profit_unreal": plain(position.unrealised),
        "profit": plain(position.realised),
        "profit_rate": plain(rate.quantize(_DIGITS)),
        "margin_rate": "0",
        "mark_price": plain_or(position.mark, "0"),
        "last_price": plain_or(position.mark, "0"),
        "margin_currency": listing.quote,
        "created_time": str(ms(position.updated_ns)),
        "updated_time": str(ms(position.updated_ns)),
    }


def account_object(venue: SimulatedVenue, holding: Holding) -> JsonObject:
    """The account of swaps, which has one asset."""
    now, equity = str(ms(venue.now_ns)), plain(holding.total + holding.unrealised)
    both: JsonObject = {
        "equity": equity,
        "profit_unreal": plain(holding.unrealised),
        "initial_margin": plain(holding.margin),
        "maintenance_margin": "0",
        "maintenance_margin_rate": "0",
        "available_margin": plain(holding.free),
        "voucher_value": "0",
        "created_time": now,
        "updated_time": now,
    }
    detail: JsonObject = {
        "currency": holding.asset,
        "available": plain(holding.free),
        "initial_margin_rate": "0",
        "voucher": "0",
        "withdraw_available": plain(holding.free),
        "isolated_equity": "0",
        "isolated_profit_unreal": "0",
    }
    return both | {"state": "normal", "details": [both | detail]}
