"""Gate's rendering of orders, fills, positions and balances, shared by REST and streams.

Perpetuals count contracts, with a sign for the side. Pure: an object of the played engine in, the
venue's JSON object out.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.order import OrderState
from bowline.core.model.values import SECOND_NS, ZERO, Direction, Side
from bowline.core.sim.exchange import (
    EndReason,
    Executed,
    Holding,
    PositionSnapshot,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import Listing, MarginMode, PositionMode, TimeInForce
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.wire_values import ms, plain, plain_or, seconds

# The document that this table came from is not recorded; to check it:
# gate.com/docs/developers/apiv4, Order and FuturesOrder.
SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
TIMES_IN_FORCE = {
    TimeInForce.GTC: "gtc",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
    TimeInForce.POST_ONLY: "poc",
}
_ENDS = {
    EndReason.REQUESTED: "cancelled",
    EndReason.IOC: "ioc",
    EndReason.FOK: "fok",
    EndReason.POST_ONLY: "poc",
    EndReason.NO_LIQUIDITY: "ioc",
    EndReason.REDUCE_ONLY: "reduce_only",
    EndReason.LIQUIDATION: "liquidated",
}
_MODES = {Direction.LONG: "dual_long", Direction.SHORT: "dual_short"}
_DIGITS = Decimal("0.00000001")
MAX_LEVERAGE = Decimal(125)


def kind_of(instrument: InstrumentId) -> str:
    """`spot` or `linear`."""
    return market_by_id(instrument.market_id).kind


def contracts(listing: Listing, quantity: Decimal) -> int:
    """Base units as whole contracts."""
    return int(quantity / listing.instrument.contract_size)


def fine_seconds(ns: int) -> float:
    """Seconds, with milliseconds behind the point."""
    return ms(ns) / 1000


def fine_millis(ns: int) -> str:
    """Milliseconds, with what is finer behind the point: `1606292218213.457800`."""
    return f"{ms(ns)}.{ns % 1_000_000:06d}"


def finish_code(order: VenueOrder) -> str:
    """How an order ended that is over."""
    if order.state is OrderState.FILLED:
        return "filled"
    return _ENDS.get(order.ended, "cancelled") if order.ended else "cancelled"


def time_in_force_code(order: VenueOrder) -> str:
    """`time_in_force` and `tif`."""
    return "ioc" if order.price is None else TIMES_IN_FORCE[order.requested.time_in_force]


def spot_order(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An order of spot. A market buy counts in quote money."""
    listing, requested = venue.listing(order.instrument), order.requested
    amount = requested.quote_cost or order.quantity
    left = amount - (order.cost if requested.quote_cost else order.filled)
    average = plain_or(order.average_price and order.average_price.quantize(_DIGITS), "0")
    status = {OrderState.FILLED: "closed"}.get(order.state, "cancelled" if order.done else "open")
    return {
        "id": str(order.order_id),
        "text": order.client_id or "apiv4",
        "amend_text": "-",
        "create_time": str(seconds(order.created_ns)),
        "update_time": str(seconds(order.updated_ns)),
        "create_time_ms": ms(order.created_ns),
        "update_time_ms": ms(order.updated_ns),
        "status": status,
        "currency_pair": listing.venue_symbol,
        "type": "market" if order.price is None else "limit",
        "account": "spot",
        "side": SIDES[order.side],
        "amount": plain(amount),
        "price": plain_or(order.price, "0"),
        "time_in_force": time_in_force_code(order),
        "iceberg": "0",
        "left": plain(left),
        "filled_amount": plain(order.filled),
        "fill_price": plain(order.cost),
        "filled_total": plain(order.cost),
        "avg_deal_price": average,
        "fee_currency": _paid_in(listing, order.side),
        **_fees(order.fees, "fee", "point_fee", "gt_fee"),
        "gt_discount": False,
        "rebated_fee": "0",
        "rebated_fee_currency": listing.base,
        "finish_as": finish_code(order) if order.done else "open",
    }


def _paid_in(listing: Listing, side: Side) -> str:
    return listing.base if side is Side.BUY else listing.quote


def futures_order(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An order of a perpetual."""
    listing, sign = venue.listing(order.instrument), order.side.sign
    shown: JsonObject = {
        "id": order.order_id,
        "user": int(venue.credentials.user_id),
        "contract": listing.venue_symbol,
        "create_time": fine_seconds(order.created_ns),
        "update_time": fine_seconds(order.updated_ns),
        "status": "finished" if order.done else "open",
        "size": sign * contracts(listing, order.quantity),
        "iceberg": 0,
        "left": sign * contracts(listing, order.remaining),
        "price": plain_or(order.price, "0"),
        "fill_price": plain_or(order.average_price and order.average_price.quantize(_DIGITS), "0"),
        "mkfr": "0.0002",
        "tkfr": "0.0005",
        "tif": time_in_force_code(order),
        "refu": 0,
        "is_reduce_only": order.requested.reduce_only,
        "is_close": False,
        "is_liq": order.by_venue,
        "text": order.client_id or ("liquidation" if order.by_venue else "api"),
        "stp_id": 0,
        "stp_act": "-",
        "amend_text": "-",
    }
    if order.done:
        shown |= {"finish_time": fine_seconds(order.updated_ns), "finish_as": finish_code(order)}
    return shown


def spot_trigger(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """A stop of spot: a list of its own, where it has another state."""
    requested = order.requested
    return {
        "market": venue.listing(order.instrument).venue_symbol,
        "user": int(venue.credentials.user_id),
        "trigger": {
            "price": plain_or(requested.trigger),
            "rule": ">=" if requested.trigger_rising else "<=",
            "expiration": 86_400,
        },
        "put": {
            "type": "market" if order.price is None else "limit",
            "side": SIDES[order.side],
            "price": plain_or(order.price, "0"),
            "amount": plain(order.quantity),
            "account": "normal",
            "time_in_force": time_in_force_code(order),
            "text": order.client_id or "apiv4",
        },
        "id": order.order_id,
        "ctime": seconds(order.created_ns),
        "ftime": seconds(order.updated_ns) if not _waits(order) else 0,
        "fired_order_id": order.order_id if order.triggered else 0,
        "status": "open" if _waits(order) else "finish" if order.triggered else "cancelled",
        "reason": "",
    }


def futures_trigger(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """A stop of a perpetual."""
    requested, listing = order.requested, venue.listing(order.instrument)
    shown: JsonObject = {
        "user": int(venue.credentials.user_id),
        "trigger": {
            "strategy_type": 0,
            "price_type": int(requested.trigger_by is TriggerPrice.MARK),
            "price": plain_or(requested.trigger),
            "rule": 1 if requested.trigger_rising else 2,
            "expiration": 86_400,
        },
        "initial": {
            "contract": listing.venue_symbol,
            "size": order.side.sign * contracts(listing, order.quantity),
            "price": plain_or(order.price, "0"),
            "tif": time_in_force_code(order),
            "text": order.client_id or "api",
            "is_reduce_only": requested.reduce_only,
            "is_close": False,
        },
        "id": order.order_id,
        "id_string": str(order.order_id),
        "trade_id": order.order_id if order.triggered else 0,
        "status": "open" if _waits(order) else "finished",
        "reason": "",
        "create_time": seconds(order.created_ns),
        "order_type": "",
    }
    if not _waits(order):
        ended = "succeeded" if order.triggered else "cancelled"
        shown |= {"finish_time": seconds(order.updated_ns), "finish_as": ended}
    return shown


def _waits(order: VenueOrder) -> bool:
    return order.waiting and not order.done


def spot_fill(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """An execution on spot."""
    return {
        "id": str(fill.trade_id),
        "create_time": str(seconds(fill.now_ns)),
        "create_time_ms": fine_millis(fill.now_ns),
        "currency_pair": venue.listing(fill.instrument).venue_symbol,
        "side": SIDES[fill.side],
        "role": "maker" if fill.maker else "taker",
        "amount": plain(fill.quantity),
        "price": plain(fill.price),
        "order_id": str(fill.order_id),
        "fee_currency": _paid_in(venue.listing(fill.instrument), fill.side),
        **_fees(((fill.fee_asset, fill.fee),), "fee", "point_fee", "gt_fee"),
        "amend_text": "-",
        "sequence_id": str(fill.trade_id),
        "text": fill.client_id or "apiv4",
    }


def _fees(paid: Iterable[tuple[str, Decimal]], *names: str) -> dict[str, str]:
    """Gate v4 "List personal trading history": fee, or instead of it points or GT used for it."""
    found = dict.fromkeys(names, ZERO)
    for asset, fee in paid:
        name = {"POINT": "point_fee", "GT": "gt_fee"}.get(asset, "fee")
        found[name if name in found else "fee"] += fee
    return {name: plain(amount) for name, amount in found.items()}


def futures_fill(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """An execution on a perpetual, without its id, which has another name in each place."""
    listing = venue.listing(fill.instrument)
    size = fill.side.sign * contracts(listing, fill.quantity)
    return {
        "create_time": fine_seconds(fill.now_ns),
        "contract": listing.venue_symbol,
        "order_id": str(fill.order_id),
        "size": size,
        "close_size": size if fill.realised else 0,
        "price": plain(fill.price),
        "role": "maker" if fill.maker else "taker",
        "text": fill.client_id or "api",
        **_fees(((fill.fee_asset, fill.fee),), "fee", "point_fee"),
    }


def position_object(venue: SimulatedVenue, position: PositionSnapshot) -> JsonObject:
    """A position. Leverage 0 means cross, with `cross_leverage_limit` beside it."""
    listing = venue.listing(position.instrument)
    crossed = position.margin_mode is MarginMode.CROSS
    leverage = plain(position.leverage)
    sign = -1 if position.direction is Direction.SHORT else 1
    liquidation = position.liquidation_price
    single = position.mode is PositionMode.ONE_WAY
    value = position.quantity * (position.mark or position.entry_price)
    tiers = venue.view("linear").tiers()
    tier = next((each for each in tiers if value <= each.most), tiers[-1])
    return {
        "user": int(venue.credentials.user_id),
        "contract": listing.venue_symbol,
        "size": sign * contracts(listing, position.quantity),
        "leverage": "0" if crossed else leverage,
        "cross_leverage_limit": leverage if crossed else "0",
        "leverage_max": plain_or(listing.max_leverage, plain(MAX_LEVERAGE)),
        "risk_limit": plain(tier.most),
        "maintenance_rate": plain(tier.maintenance_rate),
        "value": plain(value),
        "margin": plain(position.margin),
        "initial_margin": plain(position.margin),
        "maintenance_margin": plain(position.maintenance),
        "entry_price": plain(position.entry_price.quantize(_DIGITS)),
        "liq_price": plain_or(liquidation and liquidation.quantize(_DIGITS), "0"),
        "mark_price": plain_or(position.mark, "0"),
        "unrealised_pnl": plain(position.unrealised),
        "realised_pnl": plain(position.realised),
        "realised_point": "0",
        "history_pnl": "0",
        "history_point": "0",
        "last_close_pnl": "0",
        "adl_ranking": 6,
        "pending_orders": 0,
        "close_order": None,
        "mode": "single" if single else _MODES[position.direction],
        "update_time": seconds(position.updated_ns),
        "update_id": ms(position.updated_ns),
        "open_time": seconds(position.updated_ns),
    }


def as_numbers(shown: JsonObject, *names: str) -> JsonObject:
    """The same with these as JSON numbers, as the streams of perpetuals have them."""
    return shown | {name: float(str(shown[name])) for name in names}


def spot_account(holding: Holding, now_ns: int) -> JsonObject:
    """What the spot account has of an asset."""
    return {
        "currency": holding.asset,
        "available": plain(holding.free),
        "locked": plain(holding.locked),
        "update_id": ms(now_ns),
    }


def futures_account(venue: SimulatedVenue, holding: Holding, *, hedged: bool) -> JsonObject:
    """The futures account, which has one asset."""
    return {
        "user": int(venue.credentials.user_id),
        "currency": holding.asset,
        "total": plain(holding.total),
        "unrealised_pnl": plain(holding.unrealised),
        "position_margin": plain(holding.margin),
        "order_margin": "0",
        "available": plain(holding.free),
        "point": "0",
        "bonus": "0",
        "in_dual_mode": hedged,
        "position_mode": "dual" if hedged else "single",
        "enable_credit": False,
        "position_initial_margin": plain(holding.margin),
        "maintenance_margin": "0",
        "enable_evolved_classic": True,
        "cross_order_margin": "0",
        "update_time": venue.now_ns // SECOND_NS,
    }
