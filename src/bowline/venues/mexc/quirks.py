"""The quirk table of MEXC over REST: spot v3 and contracts v1."""

from __future__ import annotations

from bowline.core.model.values import Side
from bowline.core.venue import FillKind, ListingStatus, MarginMode
from bowline.venues.rate_limits import RateLimit, RateLimitScope
from bowline.venues.rest.quirks import (
    CandlesQuirks,
    ErrorCodes,
    FeeFields,
    FillsQuirks,
    MarketQuirks,
    OrderQuirks,
    Paging,
    RestCall,
    SideQuirks,
    VenueQuirks,
)

_BY_CLIENT_ID = {"symbol": "$symbol", "origClientOrderId": "$id"}
_PRICED = {"price": "$price"}

#: direction, mode, price, leverage, quantity, limits of size and number
_REFUSED_CONTRACTS = (
    2001, 2002, 2004, 2006, 2007, 2008, 2012, 2015, 2018, 2019, *range(2021, 2034), 2036, 2038,
)  # fmt: skip

_SPOT = MarketQuirks(
    lookup=(RestCall("spotPrivateGetOrder", _BY_CLIENT_ID),),
    cancel=RestCall("spotPrivateDeleteOrder", _BY_CLIENT_ID),
    open_orders=RestCall("spotPrivateGetOpenOrders", {"symbol": "$symbol"}),
    open_orders_per_instrument=True,
    fills=FillsQuirks(
        call=RestCall(
            "spotPrivateGetMyTrades",
            {
                "symbol": "$symbol",
                "startTime": "$since",
                "endTime": "$until",
                "limit": 100,
            },
        ),
        page_size=100,
        window_s=30 * 86_400,
        retention_s=30 * 86_400,
        client_id="clientOrderId",
        # mexcdevelop.github.io/apidocs, spot v3, account trade list; MX where it was deducted
        fees=(FeeFields("commission", "commissionAsset"),),
    ),
    candles=CandlesQuirks(500),
    placing=OrderQuirks(
        RestCall(
            "spotPrivatePostOrder",
            {
                "symbol": "$symbol",
                "side": "$SIDE",
                "quantity": "$quantity",
                "newClientOrderId": "$id",
            },
        ),
        {
            "gtc": {"type": "LIMIT", **_PRICED},
            "ioc": {"type": "IMMEDIATE_OR_CANCEL", **_PRICED},
            "fok": {"type": "FILL_OR_KILL", **_PRICED},
            "post_only": {"type": "LIMIT_MAKER", **_PRICED},
            "market": {"type": "MARKET"},
        },
        "orderId",
        base_market_buys=False,
    ),
    balance={"type": "spot"},
    stream_key=RestCall("spotPrivatePostUserDataStream", {}, "listenKey"),
    stream_keep_alive=RestCall("spotPrivatePutUserDataStream", {"listenKey": "$stream_key"}),
    fetch_markets="fetch_spot_markets",
    # mexc.com/api-docs, spot-v3 "Exchange Information": `status`; ENABLED: not found there
    listing_statuses={
        "1": ListingStatus.TRADING,
        "ENABLED": ListingStatus.TRADING,
        "2": ListingStatus.HALTED,
        "3": ListingStatus.DELISTED,
    },
    weights={"listings": 10, "look-up": 2, "open orders": 3, "fills": 10, "balances": 10},
)

_LINEAR = MarketQuirks(
    lookup=(
        RestCall(
            "contractPrivateGetOrderExternalSymbolExternalOid",
            {"symbol": "$symbol", "external_oid": "$id"},
            "data",
        ),
    ),
    cancel=RestCall(
        "contractPrivatePostOrderCancelWithExternal",
        {"symbol": "$symbol", "externalOid": "$id"},
        as_list=True,
    ),
    open_orders=RestCall("contractPrivateGetOrderListOpenOrders", {"symbol": "$symbol"}, "data"),
    open_pages=Paging("page_num", 100, "page_size"),
    fills=FillsQuirks(
        call=RestCall(
            "contractPrivateGetOrderListOrderDeals",
            {
                "symbol": "$symbol",
                "start_time": "$since",
                "end_time": "$until",
                "page_num": 1,
                "page_size": 100,
            },
            "data",
        ),
        page_size=100,
        window_s=30 * 86_400,
        retention_s=90 * 86_400,
        client_id="externalOid",
        # the same, contract v1, order transaction details; `category` of the order
        fees=(FeeFields("fee", "feeCurrency", "$quote"),),
        pages=Paging("page_num", 100),
        kind_path="category",
        kinds={"2": FillKind.LIQUIDATION, "4": FillKind.DELEVERAGING},
    ),
    candles=CandlesQuirks(2000, in_contracts=True),
    placing=OrderQuirks(
        RestCall(
            "contractPrivatePostOrderCreate",
            {
                "symbol": "$symbol",
                "vol": "$quantity_number",
                "side": "$deal",
                "openType": "$mode",
                "leverage": "$leverage_int",
                "externalOid": "$id",
            },
            "data",
        ),
        {
            "gtc": {"type": 1, "price": "$price_number"},
            "post_only": {"type": 2, "price": "$price_number"},
            "ioc": {"type": 3, "price": "$price_number"},
            "fok": {"type": 4, "price": "$price_number"},
            "market": {"type": 5},
        },
        "orderId",
        one_way={"positionMode": 2},
        hedge={"positionMode": 1},
        reduce_only={"reduceOnly": True},
    ),
    balance={"type": "swap"},
    balance_extra=("data", "currency", "positionMargin"),
    # mexcdevelop.github.io/apidocs, contract v1, `side` of an order and of a deal: 1 open long,
    # 2 close short, 3 open short, 4 close long
    sides=SideQuirks(
        path="side", sides={"1": Side.BUY, "2": Side.BUY, "3": Side.SELL, "4": Side.SELL}
    ),
    order_statuses={"5": "rejected"},
    positions=RestCall("contractPrivateGetPositionOpenPositions", {}, "data"),
    # one leverage for the long side, one for the short
    leverage=tuple(
        RestCall(
            "contractPrivatePostPositionChangeLeverage",
            {
                "symbol": "$symbol",
                "openType": "$mode",
                "positionType": side,
                "leverage": "$leverage_int",
            },
        )
        for side in (1, 2)
    ),
    position_mode=RestCall("contractPrivateGetPositionPositionMode"),
    position_mode_path="data",
    hedge_values=("1",),
    set_position_mode=RestCall(
        "contractPrivatePostPositionChangePositionMode", {"positionMode": "$hedge"}
    ),
    fetch_markets="fetch_swap_markets",
    client_id_path="externalOid",
    status_path="state",
    # mexc.com/api-docs, futures, contract information: `state`
    listing_statuses={
        "0": ListingStatus.TRADING,
        "1": ListingStatus.HALTED,
        "2": ListingStatus.DELISTED,
        "3": ListingStatus.DELISTED,
        "4": ListingStatus.HALTED,
    },
)

QUIRKS = VenueQuirks(
    venue="mexc",
    notes=(
        "Contracts are looked up and cancelled by `external` end points of their own.",
        "An isolated contract order names its leverage: it is known once it was set here.",
        "Contracts count `contractSize`; candles too. Numbers travel as JSON numbers.",
        "Spot tells open orders of one instrument at a time.",
        "There is no dead-man switch, and nothing tells what a key may do.",
    ),
    options={"recvWindow": 5000},
    # mexc.com/api-docs, "Error Code" of spot-v3 and futures
    codes=ErrorCodes(
        # each of the orders that were to be cancelled has a code of its own
        paths=("data.0.errorCode", "code"),
        ok=("200", "0"),
        # a request that was repeated
        duplicate=frozenset({"603"}),
        duplicate_texts=("Duplicate order", "duplicate clientOrderId", "externalOid exist"),
        not_found=frozenset({"-2013", "-2011", "2040", "2041"}),
        unknown=frozenset({"500", "501", "9999"}),
        limited=frozenset({"510", "429", "1015"}),
        clock=frozenset({"700003", "513"}),
        busy=frozenset({"30000"}),
        rejected=frozenset(map(str, _REFUSED_CONTRACTS)),
    ),
    markets={"spot": _SPOT, "linear": _LINEAR},
    # mexcdevelop.github.io/apidocs: spot 500 weight in 10 s an end point; contracts 20 in 2 s an
    # end point, orders 4 a second
    rate_limits=(
        RateLimit("weight", 500, 10, kinds=("spot",), per_endpoint=True),
        RateLimit(
            "orders", 5, 1, RateLimitScope.ACCOUNT, ("spot",), orders_only=True, per_endpoint=True
        ),
        RateLimit("requests", 20, 2, kinds=("linear",), per_endpoint=True),
        RateLimit(
            "orders", 4, 1, RateLimitScope.ACCOUNT, ("linear",), orders_only=True, per_endpoint=True
        ),
    ),
    margin_mode_values={MarginMode.CROSS: 2, MarginMode.ISOLATED: 1},
    position_mode_values=(1, 2),
)
