"""HTX's rendering of orders, fills and balances of spot, shared by REST and streams.

Pure: an object of the engine in, the venue's JSON object out.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO
from bowline.core.sim.exchange import BalanceUpdated, Executed, Holding, VenueOrder
from bowline.core.venue import OrderKind, TimeInForce
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.wire_values import ms, plain, plain_or

# The document that this table came from is not recorded; to check it: the types and states of
# orders in HTX's spot API.
_TAILS = {
    TimeInForce.GTC: "limit",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "limit-fok",
    TimeInForce.POST_ONLY: "limit-maker",
}


def account_number(venue: SimulatedVenue) -> int:
    """The number of the spot account."""
    return int(venue.credentials.user_id) + 1_000_000


def type_code(order: VenueOrder) -> str:
    """Side and kind in one: `buy-limit-maker`."""
    limit = order.requested.kind is OrderKind.LIMIT
    return f"{order.side.value}-{_TAILS[order.requested.time_in_force] if limit else 'market'}"


def status_code(order: VenueOrder) -> str:
    """`state`."""
    if order.state is OrderState.FILLED:
        return "filled"
    if order.done:
        return "partial-canceled" if order.filled else "canceled"
    return "partial-filled" if order.filled else "submitted"


def _fees(order: VenueOrder) -> Decimal:
    return sum((fee for _, fee in order.fees), ZERO)


def order_object(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An order. A market buy counts in quote money."""
    shown: JsonObject = {
        "id": order.order_id,
        "symbol": venue.listing(order.instrument).venue_symbol,
        "account-id": account_number(venue),
        "client-order-id": order.client_id,
        "amount": plain(order.requested.quote_cost or order.quantity),
        "price": plain_or(order.price, "0"),
        "created-at": ms(order.created_ns),
        "type": type_code(order),
        "source": "spot-api",
        "state": status_code(order),
        "finished-at": ms(order.updated_ns) if order.done else 0,
        "canceled-at": ms(order.updated_ns) if "canceled" in status_code(order) else 0,
    }
    # one end point says `field`, the other `filled`
    for word in ("field", "filled"):
        shown[f"{word}-amount"] = plain(order.filled)
        shown[f"{word}-cash-amount"] = plain(order.cost)
        shown[f"{word}-fees"] = plain(_fees(order))
    return shown


def fill_object(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """An execution, as `matchresults` has it."""
    # not the venue's view, which a fault may keep from seeing what is new
    order = venue.engine_of(fill.instrument).view.order(fill.account, fill.order_id)
    assert order is not None
    return {
        "id": fill.trade_id,
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "order-id": fill.order_id,
        "match-id": fill.trade_id,
        "trade-id": fill.trade_id,
        "type": type_code(order),
        "source": "spot-api",
        "price": plain(fill.price),
        "filled-amount": plain(fill.quantity),
        "filled-fees": plain(fill.fee),
        "fee-currency": fill.fee_asset.lower(),
        "filled-points": "0.0",
        "fee-deduct-currency": "",
        "fee-deduct-state": "done",
        "role": "maker" if fill.maker else "taker",
        "created-at": ms(fill.now_ns),
    }


def balances(holdings: list[Holding]) -> list[JsonObject]:
    """Two rows an asset."""
    return [
        {"currency": each.asset.lower(), "type": kind, "balance": plain(amount)}
        for each in holdings
        for kind, amount in (("trade", each.free), ("frozen", each.locked))
    ]


def order_event(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    """An order, as the stream tells of it: created, traded or cancelled."""
    shown: JsonObject = {
        "orderId": order.order_id,
        "clientOrderId": order.client_id,
        "accountId": account_number(venue),
        "symbol": venue.listing(order.instrument).venue_symbol,
        "orderSource": "spot-api",
        "orderPrice": plain_or(order.price, "0"),
        "type": type_code(order),
        "orderStatus": status_code(order),
    }
    cost = order.requested.quote_cost
    shown |= {"orderSize": plain(order.quantity)} if cost is None else {"orderValue": plain(cost)}
    progress: JsonObject = {"execAmt": plain(order.filled), "remainAmt": plain(order.remaining)}
    fill = _last_fill(venue, order)
    if order.done and order.state is not OrderState.FILLED:
        return shown | progress | {"eventType": "cancellation", "lastActTime": ms(order.updated_ns)}
    if fill is None:
        return shown | {"eventType": "creation", "orderCreateTime": ms(order.created_ns)}
    return shown | progress | {
        "eventType": "trade",
        "tradePrice": plain(fill.price),
        "tradeVolume": plain(fill.quantity),
        "tradeId": fill.trade_id,
        "tradeTime": ms(fill.now_ns),
        "aggressor": not fill.maker,
    }  # fmt: skip


def _last_fill(venue: SimulatedVenue, order: VenueOrder) -> Executed | None:
    """The fill that brought the order to where it is."""
    filled = ZERO
    for each in venue.engine_of(order.instrument).view.fills(order.account, order.instrument):
        if each.order_id == order.order_id:
            filled += each.quantity
            if filled == order.filled:
                return each
    return None


def clearing(venue: SimulatedVenue, fill: Executed) -> JsonObject:
    """An execution, as the stream tells of it."""
    order = venue.engine_of(fill.instrument).view.order(fill.account, fill.order_id)
    assert order is not None
    cost = order.requested.quote_cost
    size = {"orderSize": plain(order.quantity)} if cost is None else {"orderValue": plain(cost)}
    return size | {
        "eventType": "trade",
        "symbol": venue.listing(fill.instrument).venue_symbol,
        "orderId": str(fill.order_id),
        "clientOrderId": fill.client_id,
        "orderSide": fill.side.value,
        "orderType": type_code(order),
        "accountId": account_number(venue),
        "source": "spot-api",
        "orderPrice": plain_or(order.price, "0"),
        "orderCreateTime": ms(order.created_ns),
        "orderStatus": status_code(order),
        "tradePrice": plain(fill.price),
        "tradeVolume": plain(fill.quantity),
        "aggressor": not fill.maker,
        "tradeId": fill.trade_id,
        "tradeTime": ms(fill.now_ns),
        "transactFee": plain(fill.fee),
        "feeCurrency": fill.fee_asset.lower(),
        "feeDeduct": "0",
        "feeDeductType": "",
    }


def balance_event(
    venue: SimulatedVenue, holding: Holding, moved: BalanceUpdated | None = None
) -> JsonObject:
    """What there is of an asset; without a cause at the start of a subscription."""
    kinds = {True: "order.match", False: "order.place"}
    return {
        "currency": holding.asset.lower(),
        "accountId": account_number(venue),
        "balance": plain(holding.total),
        "available": plain(holding.free),
        "changeType": None if moved is None else kinds[bool(moved.change)],
        "accountType": "trade",
        "changeTime": ms(venue.now_ns if moved is None else moved.now_ns),
        "seqNum": ms(venue.now_ns),
    }
