"""MEXC's words for contracts: orders, fills, positions and assets, over REST and the streams alike.

Numbers are JSON numbers, quantities are contracts, and a side says which position it opens or
closes: 1 opens a long, 2 closes a short, 3 opens a short, 4 closes a long.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Raw

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, Side
from bowline.core.sim.exchange import Executed, Holding, PositionSnapshot, VenueOrder
from bowline.core.venue import Listing, MarginMode, PositionMode, TimeInForce
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiError
from bowline.simex.wire_values import ms, parse_int, plain

_FIRST_ORDER = 739_000_000_000_000_000
_FIRST_TRADE = 311_000_000
_FIRST_POSITION = 1_109_970_000
_CENTS = Decimal("0.00000001")

# The document that this table came from is not recorded; to check it: the orders and positions of
# MEXC's contract v1.
#: `side` -> what is bought or sold, and which position it is meant for
SIDES = {
    1: (Side.BUY, Direction.LONG),
    2: (Side.BUY, Direction.SHORT),
    3: (Side.SELL, Direction.SHORT),
    4: (Side.SELL, Direction.LONG),
}
CLOSING = frozenset({2, 4})
#: `type` -> how long a limit order may wait; 5 and 6 are market orders
LIMITS = {1: TimeInForce.GTC, 2: TimeInForce.POST_ONLY, 3: TimeInForce.IOC, 4: TimeInForce.FOK}
MARKETS = frozenset({5, 6})
MARGIN_MODES = {1: MarginMode.ISOLATED, 2: MarginMode.CROSS}
POSITION_MODES = {1: PositionMode.HEDGE, 2: PositionMode.ONE_WAY}
POSITION_TYPES = {Direction.LONG: 1, Direction.SHORT: 2}
_TYPES = {force: number for number, force in LIMITS.items()}
_OPEN_TYPES = {mode: number for number, mode in MARGIN_MODES.items()}
_MODE_NUMBERS = {mode: number for number, mode in POSITION_MODES.items()}
_STATES = {OrderState.FILLED: 3, OrderState.CANCELLED: 4, OrderState.REJECTED: 5}


def number(value: Decimal | None) -> Raw:
    """A JSON number with every digit; 0 for none."""
    return Raw(plain(value or ZERO).encode())


def contracts(listing: Listing, base: Decimal) -> Raw:
    """Base units as a number of contracts."""
    return number(base / listing.instrument.contract_size)


def order_id_text(order_id: int) -> str:
    """An order's id as the client sees it."""
    return str(_FIRST_ORDER + order_id)


def parse_order_id(word: object) -> int:
    """The other way; 0, which no order has, for what never was an id."""
    return max(0, parse_int(str(word), 0) - _FIRST_ORDER)


def position_number(venue: SimulatedVenue, instrument: InstrumentId, direction: Direction) -> int:
    """`positionId`: of an instrument's long or short."""
    at = [each.instrument.id for each in venue.listings("linear")].index(instrument)
    return _FIRST_POSITION + 10 * at + POSITION_TYPES.get(direction, 1)


def position_of(venue: SimulatedVenue, position_id: int) -> Listing:
    """Whose id this is; WireRefusal if nobody's."""
    at, _ = divmod(position_id - _FIRST_POSITION, 10)
    listed = venue.listings("linear")
    if not 0 <= at < len(listed):
        raise ApiError(2009, "Position is not exists or closed.")
    return listed[at]


def side_number(order: VenueOrder) -> int:
    """`side`: in one-way mode what reduces closes the other side's position."""
    requested = order.requested
    if requested.position_side is Direction.NEUTRAL:
        opens = {Side.BUY: 1, Side.SELL: 3}[order.side]
        return opens + (1 if requested.reduce_only else 0)
    return next(
        word for word, meant in SIDES.items() if meant == (order.side, requested.position_side)
    )


def type_number(order: VenueOrder) -> int:
    """`orderType`: 5 is a market order, the others say how a limit order lasts."""
    return 5 if order.price is None else _TYPES[order.requested.time_in_force]


def order_object(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    """An order, as all end points and the order stream have it."""
    listing, requested = venue.listing(order.instrument), order.requested
    settings = venue.view_of(order.instrument).settings(order.account, order.instrument)
    fee = sum((each for _, each in order.fees), ZERO)
    average = order.average_price.quantize(_CENTS) if order.average_price else ZERO
    return {
        "orderId": order_id_text(order.order_id),
        "symbol": listing.venue_symbol,
        "positionId": 0,
        "price": number(order.price),
        "vol": contracts(listing, order.quantity),
        "leverage": number(settings.leverage),
        "side": side_number(order),
        "category": 2 if order.by_venue else 1,
        "orderType": type_number(order),
        "dealAvgPrice": number(average),
        "dealVol": contracts(listing, order.filled),
        "remainVol": contracts(listing, ZERO if order.done else order.remaining),
        "orderMargin": number((order.price or ZERO) * order.quantity / settings.leverage),
        "takerFee": number(fee),
        "makerFee": 0,
        "profit": 0,
        "feeCurrency": listing.quote,
        "openType": _OPEN_TYPES[settings.margin_mode],
        "state": _STATES.get(order.state, 2),
        "externalOid": order.client_id,
        "errorCode": 0,
        "usedMargin": 0,
        "createTime": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "positionMode": _MODE_NUMBERS[settings.position_mode],
        "reduceOnly": requested.reduce_only,
        "version": 1,
    }


def plan_object(venue: SimulatedVenue, order: VenueOrder) -> dict[str, object]:
    """A trigger order: 1 waits, 2 is cancelled, 3 was carried out."""
    listing, requested = venue.listing(order.instrument), order.requested
    rising = (
        requested.side is Side.BUY if requested.trigger_rising is None else requested.trigger_rising
    )
    shown = order_object(venue, order)
    said = ("symbol", "leverage", "side", "vol", "openType", "errorCode", "createTime",
            "updateTime", "positionMode", "reduceOnly")  # fmt: skip
    state = 3 if order.triggered else 2 if order.done else 1
    return (
        {name: shown[name] for name in said}
        | {
            "id": order_id_text(order.order_id),
            "triggerType": 1 if rising else 2,
            "triggerPrice": number(requested.trigger),
            "price": number(order.price or listing.instrument.tick_size),
            "executeCycle": 87600,
            "trend": 1,
            "orderType": type_number(order),
            "state": state,
        }
        | ({"orderId": order_id_text(order.order_id)} if order.triggered else {})
    )


def fill_object(venue: SimulatedVenue, fill: Executed) -> dict[str, object]:
    """An execution, as the end points and the fill stream have it."""
    listing = venue.listing(fill.instrument)
    # not the venue's view, which a fault may keep from seeing what is new
    view = venue.engine_of(fill.instrument).view
    order = view.order(fill.account, fill.order_id)
    assert order is not None
    mode = view.settings(fill.account, fill.instrument).position_mode
    return {
        "id": str(_FIRST_TRADE + fill.trade_id),
        "symbol": listing.venue_symbol,
        "side": side_number(order),
        "vol": contracts(listing, fill.quantity),
        "price": number(fill.price),
        "fee": number(fill.fee),
        "feeCurrency": fill.fee_asset,
        "timestamp": ms(fill.now_ns),
        "profit": number(fill.realised),
        "category": 2 if fill.liquidation else 1,
        "orderId": order_id_text(fill.order_id),
        "externalOid": fill.client_id,
        "positionMode": _MODE_NUMBERS[mode],
        "isTaker": not fill.maker,
        "taker": not fill.maker,
        "isSelf": False,
    }


def position_object(venue: SimulatedVenue, position: PositionSnapshot) -> dict[str, object]:
    """A position; state 1 is held, 3 is closed."""
    listing = venue.listing(position.instrument)
    entry = number(position.entry_price.quantize(_CENTS))
    liquidation = position.liquidation_price
    held = contracts(listing, position.quantity)
    return {
        "positionId": position_number(venue, position.instrument, position.direction),
        "symbol": listing.venue_symbol,
        "holdVol": held,
        "positionType": POSITION_TYPES.get(position.direction, 1),
        "openType": _OPEN_TYPES[position.margin_mode],
        "state": 1 if position.quantity else 3,
        "frozenVol": 0,
        "closeVol": 0,
        "holdAvgPrice": entry,
        "openAvgPrice": entry,
        "closeAvgPrice": 0,
        "liquidatePrice": number(liquidation.quantize(_CENTS) if liquidation else None),
        "oim": number(position.margin),
        "im": number(position.margin),
        "holdFee": 0,
        "realised": number(position.realised),
        "pnl": number(position.unrealised),
        "leverage": number(position.leverage),
        "createTime": ms(position.updated_ns),
        "updateTime": ms(position.updated_ns),
        "autoAddIm": False,
        "version": 1,
    }


def asset_object(holding: Holding) -> dict[str, object]:
    """What an account has of an asset; what is free is without profits that are on paper."""
    cash = holding.total - holding.locked - holding.margin
    return {
        "currency": holding.asset,
        "positionMargin": number(holding.margin),
        "frozenBalance": number(holding.locked),
        "availableBalance": number(max(ZERO, cash)),
        "availableOpen": number(holding.free),
        "cashBalance": number(max(ZERO, cash)),
        "equity": number(holding.total + holding.unrealised),
        "unrealized": number(holding.unrealised),
        "bonus": 0,
    }
