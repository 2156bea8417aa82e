"""OKX's rendering of orders, fills, positions and balances, shared by REST and streams.

Pure: an object of the engine in, the venue's JSON object out. Swaps count contracts.
"""

from __future__ import annotations

import zlib
from decimal import Decimal

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import (
    EndReason,
    Executed,
    Holding,
    PositionSnapshot,
    TriggerPrice,
    VenueOrder,
)
from bowline.core.venue import Listing, MarginMode, OrderKind, PositionMode, TimeInForce
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.wire_values import ms, plain, plain_or

#: the engine numbers orders from here on; algo orders are numbered apart
FIRST_ORDER_ID = 2_497_956_918_703_120_385
_FIRST_ALGO_ID = 706_620_792_746_729_472

# The document that this table came from is not recorded; to check it: OKX's guide, the orders of
# trade (ordType, state, cancelSource).
SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
POSITION_SIDES = {Direction.LONG: "long", Direction.SHORT: "short", Direction.NEUTRAL: "net"}
ORDER_TYPES = {
    TimeInForce.GTC: "limit",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
    TimeInForce.POST_ONLY: "post_only",
}
MARGIN_MODES = {MarginMode.CROSS: "cross", MarginMode.ISOLATED: "isolated"}
TRIGGERS = {TriggerPrice.LAST: "last", TriggerPrice.MARK: "mark"}
TYPES = {"spot": "SPOT", "linear": "SWAP"}
_STATES = {
    OrderState.PENDING: "live",
    OrderState.WORKING: "live",
    OrderState.PARTLY_FILLED: "partially_filled",
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "canceled",
    OrderState.REJECTED: "canceled",
}
_CANCEL_SOURCES = {
    EndReason.REQUESTED: "1",
    EndReason.LIQUIDATION: "3",
    EndReason.INSUFFICIENT_FUNDS: "6",
    EndReason.REDUCE_ONLY: "9",
    EndReason.FOK: "13",
    EndReason.IOC: "14",
    EndReason.NO_LIQUIDITY: "14",
    EndReason.POST_ONLY: "31",
    EndReason.DELISTED: "20",
}
CENTS = Decimal("0.00000001")


def kind_of(instrument: InstrumentId) -> str:
    """`spot` or `linear`."""
    return market_by_id(instrument.market_id).kind


def code_of(listing: Listing) -> int:
    """`instIdCode`: the number of an instrument over the socket."""
    return zlib.crc32(listing.venue_symbol.encode()) % 1_000_000


def contracts(listing: Listing, quantity: Decimal) -> str:
    """A quantity as the wire counts it: contracts, or base units on spot."""
    return plain(quantity / listing.instrument.contract_size)


def quantity_of(listing: Listing, size: Decimal) -> Decimal:
    """The other way."""
    return size * listing.instrument.contract_size


def is_algo(order: VenueOrder) -> bool:
    """Whether it was sent to the algo endpoints, waiting or not."""
    return order.requested.kind is OrderKind.STOP


def in_engine(order: VenueOrder) -> bool:
    """Whether the order endpoints know it: an algo order only once it was triggered."""
    return order.triggered or not is_algo(order)


def algo_id(order_id: int) -> str:
    """`algoId` of the order that the engine numbers so."""
    return str(order_id - FIRST_ORDER_ID + _FIRST_ALGO_ID)


def algo_order_id(number: int) -> int:
    """The engine's id of an algo order; 0, which no order has, for what never was one."""
    return max(0, number - _FIRST_ALGO_ID + FIRST_ORDER_ID)


def last_fill(venue: SimulatedVenue, order: VenueOrder) -> Executed | None:
    """The fill that made the order what it is, if one did."""
    # not the venue's view, which a fault may keep from seeing what is new
    view = venue.engine_of(order.instrument).view
    filled = ZERO
    for fill in view.fills(order.account, order.instrument):
        if fill.order_id == order.order_id:
            filled += fill.quantity
            if filled == order.filled:
                return fill
    return None


def order_object(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An order, as REST and the orders channel have it."""
    listing, requested = venue.listing(order.instrument), order.requested
    swap = kind_of(order.instrument) == "linear"
    fill = last_fill(venue, order)
    fee_asset, fee = order.fees[0] if order.fees else (listing.quote, ZERO)
    settings = venue.engine_of(order.instrument).view.settings(order.account, order.instrument)
    by_cost = requested.quote_cost is not None
    return {
        "instType": TYPES[kind_of(order.instrument)],
        "instId": listing.venue_symbol,
        "tgtCcy": "" if swap else ("quote_ccy" if by_cost else "base_ccy"),
        "ccy": "",
        "ordId": str(order.order_id),
        "clOrdId": order.client_id,
        "tag": "",
        "px": plain_or(order.price),
        "sz": plain(requested.quote_cost)
        if requested.quote_cost is not None
        else contracts(listing, order.quantity),
        "pnl": plain(fill.realised) if fill else "0",
        "ordType": "market" if order.price is None else ORDER_TYPES[requested.time_in_force],
        "side": SIDES[order.side],
        "posSide": POSITION_SIDES[requested.position_side] if swap else "",
        "tdMode": MARGIN_MODES[settings.margin_mode] if swap else "cash",
        "accFillSz": contracts(listing, order.filled),
        "fillPx": plain(fill.price) if fill else "",
        "tradeId": str(fill.trade_id) if fill else "",
        "fillSz": contracts(listing, fill.quantity) if fill else "0",
        "fillTime": str(ms(fill.now_ns)) if fill else "",
        "avgPx": plain_or(order.average_price and order.average_price.quantize(CENTS)),
        "state": _STATES[order.state],
        "lever": plain(settings.leverage) if swap else "",
        "feeCcy": fee_asset,
        "fee": plain(-fee),
        "rebateCcy": listing.quote,
        "rebate": "0",
        "source": "",
        "category": "full_liquidation" if order.by_venue else "normal",
        "reduceOnly": "true" if requested.reduce_only else "false",
        "cancelSource": _CANCEL_SOURCES.get(order.ended, "") if order.ended else "",
        "cancelSourceReason": "",
        "algoId": algo_id(order.order_id) if is_algo(order) else "",
        "algoClOrdId": "",
        "attachAlgoOrds": [],
        "stpMode": "cancel_maker",
        "uTime": str(ms(order.updated_ns)),
        "cTime": str(ms(order.created_ns)),
    }


def order_update(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """The same when it happens: a fill is told once, with what it cost."""
    words = order_object(venue, order)
    fill = last_fill(venue, order)
    listing = venue.listing(order.instrument)
    if fill is None or order.state not in (OrderState.PARTLY_FILLED, OrderState.FILLED):
        words |= {"tradeId": "", "fillSz": "0", "fillPx": "", "fillTime": ""}
        return words | {"execType": "", "fillFee": "0", "fillFeeCcy": "", "amendResult": ""}
    return words | {
        "execType": "M" if fill.maker else "T",
        "fillFee": plain(-fill.fee),
        "fillFeeCcy": fill.fee_asset,
        "fillPnl": plain(fill.realised),
        "fillNotionalUsd": plain(fill.quantity * fill.price),
        "notionalUsd": plain(order.quantity * (order.price or fill.price)),
        "lastPx": plain_or(venue.ticker(listing.instrument.id).last),
        "amendResult": "",
    }


def algo_type(order: VenueOrder) -> str:
    """`ordType` of an algo order."""
    return "conditional" if order.requested.form in ("sl", "tp") else "trigger"


def _trigger_fields(order: VenueOrder) -> JsonObject:
    """What it waits for and at what price it then trades; -1 is a market order."""
    requested, form = order.requested, order.requested.form
    price = plain_or(order.price, "-1")
    what = (plain_or(requested.trigger), TRIGGERS[requested.trigger_by])
    nothing = ("", "")
    trigger, stop, profit = (what if form == each else nothing for each in ("trigger", "sl", "tp"))
    return {
        "triggerPx": trigger[0],
        "triggerPxType": trigger[1],
        "ordPx": price if form == "trigger" else "",
        "slTriggerPx": stop[0],
        "slTriggerPxType": stop[1],
        "slOrdPx": price if form == "sl" else "",
        "tpTriggerPx": profit[0],
        "tpTriggerPxType": profit[1],
        "tpOrdPx": price if form == "tp" else "",
    }


def algo_status_code(order: VenueOrder) -> str:
    """`state` of an algo order."""
    if order.triggered:
        return "order_failed" if order.state is OrderState.REJECTED else "effective"
    return "canceled" if order.done else "live"


def algo_object(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An algo order, as REST and the orders-algo channel have it."""
    listing, requested = venue.listing(order.instrument), order.requested
    swap = kind_of(order.instrument) == "linear"
    settings = venue.engine_of(order.instrument).view.settings(order.account, order.instrument)
    return {
        "instType": TYPES[kind_of(order.instrument)],
        "instId": listing.venue_symbol,
        "algoId": algo_id(order.order_id),
        "algoClOrdId": order.client_id,
        "clOrdId": "",
        "ordId": str(order.order_id) if order.triggered else "",
        "ordType": algo_type(order),
        "state": algo_status_code(order),
        "side": SIDES[order.side],
        "posSide": POSITION_SIDES[requested.position_side] if swap else "",
        "tdMode": MARGIN_MODES[settings.margin_mode] if swap else "cash",
        "sz": contracts(listing, order.quantity),
        **_trigger_fields(order),
        "actualSz": contracts(listing, order.filled),
        "actualPx": plain_or(order.average_price and order.average_price.quantize(CENTS)),
        "actualSide": "",
        "triggerTime": str(ms(order.updated_ns)) if order.triggered else "",
        "lever": plain(settings.leverage) if swap else "",
        "reduceOnly": "true" if requested.reduce_only else "false",
        "tag": "",
        "cTime": str(ms(order.created_ns)),
        "uTime": str(ms(order.updated_ns)),
    }


def fill_object(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """A row of fills and fills-history."""
    listing = venue.listing(fill.instrument)
    swap = kind_of(fill.instrument) == "linear"
    return {
        "instType": TYPES[kind_of(fill.instrument)],
        "instId": listing.venue_symbol,
        "tradeId": str(fill.trade_id),
        "ordId": str(fill.order_id),
        "clOrdId": fill.client_id,
        "billId": str(FIRST_ORDER_ID + fill.trade_id),
        "subType": "1" if fill.side is Side.BUY else "2",
        "tag": "",
        "fillPx": plain(fill.price),
        "fillSz": contracts(listing, fill.quantity),
        "fillPnl": plain(fill.realised),
        "side": SIDES[fill.side],
        "posSide": POSITION_SIDES[fill.position_side] if swap else "",
        "execType": "M" if fill.maker else "T",
        "feeCcy": fill.fee_asset,
        "fee": plain(-fill.fee),
        "ts": str(ms(fill.now_ns)),
        "fillTime": str(ms(fill.now_ns)),
    }


def position_object(venue: SimulatedVenue, position: PositionSnapshot) -> JsonObject:
    """A position; of a one-way account `pos` has a sign."""
    listing = venue.listing(position.instrument)
    one_way = position.mode is PositionMode.ONE_WAY
    isolated = position.margin_mode is MarginMode.ISOLATED
    short = one_way and position.direction is Direction.SHORT
    size = contracts(listing, -position.quantity if short else position.quantity)
    mark = position.mark or position.entry_price
    margin = plain(position.margin)
    ratio = position.unrealised / position.margin if position.margin else ZERO
    return {
        "instType": "SWAP",
        "instId": listing.venue_symbol,
        "mgnMode": MARGIN_MODES[position.margin_mode],
        "posId": str(_FIRST_ALGO_ID + code_of(listing)),
        "posSide": "net" if one_way else POSITION_SIDES[position.direction],
        "pos": size,
        "availPos": size,
        "posCcy": "",
        "ccy": listing.quote,
        "avgPx": plain(position.entry_price.quantize(CENTS)),
        "markPx": plain(mark),
        "last": plain_or(venue.ticker(position.instrument).last),
        "lever": plain(position.leverage),
        "liqPx": plain_or(
            position.liquidation_price and position.liquidation_price.quantize(CENTS)
        ),
        "upl": plain(position.unrealised),
        "uplRatio": plain(ratio.quantize(CENTS)),
        "imr": "" if isolated else margin,
        "margin": margin if isolated else "",
        "mmr": plain(position.maintenance),
        "mgnRatio": "",
        "notionalUsd": plain(position.quantity * mark),
        "realizedPnl": plain(position.realised),
        "adl": "1",
        "tradeId": "",
        "cTime": str(ms(position.updated_ns)),
        "uTime": str(ms(position.updated_ns)),
    }


def account_object(holdings: list[Holding], now_ns: int) -> JsonObject:
    """The trading account, as account/balance and the account channel have it."""
    money = sum(
        (each.total + each.unrealised for each in holdings if each.asset.startswith("USD")), ZERO
    )
    return {
        "uTime": str(ms(now_ns)),
        "totalEq": plain(money),
        "isoEq": "0",
        "adjEq": "",
        "ordFroz": "",
        "imr": "",
        "mmr": "",
        "mgnRatio": "",
        "notionalUsd": "",
        "upl": "",
        "details": [_detail(each, now_ns) for each in holdings],
    }


def _detail(holding: Holding, now_ns: int) -> JsonObject:
    free, equity = plain(holding.free), plain(holding.total + holding.unrealised)
    return {
        "ccy": holding.asset,
        "eq": equity,
        "cashBal": plain(holding.total),
        "availBal": free,
        "availEq": free,
        "frozenBal": plain(holding.locked + holding.margin),
        "ordFrozen": plain(holding.locked),
        "upl": plain(holding.unrealised),
        "eqUsd": equity if holding.asset.startswith("USD") else "0",
        "isoEq": "0",
        "disEq": "0",
        "liab": "",
        "interest": "",
        "imr": plain(holding.margin),
        "mmr": "0",
        "uTime": str(ms(now_ns)),
    }
