"""What is MEXC's own over REST: spot v3 and contracts v1."""

from __future__ import annotations

from bowline.core.venue import FillKind, ListingStatus, MarginMode
from bowline.venues.limits import Budget, Scope
from bowline.venues.rest.quirks import (
    Call,
    Candles,
    Codes,
    FeeAt,
    Fills,
    MarketQuirks,
    Pages,
    Placing,
    Quirks,
)

_ONE = {"symbol": "$symbol", "origClientOrderId": "$id"}
_PRICED = {"price": "$price"}

#: direction, mode, price, leverage, quantity, limits of size and number
_REFUSED_CONTRACTS = (
    2001, 2002, 2004, 2006, 2007, 2008, 2012, 2015, 2018, 2019, *range(2021, 2034), 2036, 2038,
)  # fmt: skip

_SPOT = MarketQuirks(
    lookup=(Call("spotPrivateGetOrder", _ONE),),
    cancel=Call("spotPrivateDeleteOrder", _ONE),
    open_orders=Call("spotPrivateGetOpenOrders", {"symbol": "$symbol"}),
    open_by_instrument=True,
    fills=Fills(
        call=Call(
            "spotPrivateGetMyTrades",
            {
                "symbol": "$symbol",
                "startTime": "$since",
                "endTime": "$until",
                "limit": 100,
            },
        ),
        page=100,
        window_s=30 * 86_400,
        keep_s=30 * 86_400,
        client_id="clientOrderId",
        # mexcdevelop.github.io/apidocs, spot v3, account trade list; MX where it was deducted
        fees=(FeeAt("commission", "commissionAsset"),),
    ),
    candles=Candles(500),
    placing=Placing(
        Call(
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
        market_buys=False,
    ),
    balance={"type": "spot"},
    stream_key=Call("spotPrivatePostUserDataStream", {}, "listenKey"),
    stream_keep=Call("spotPrivatePutUserDataStream", {"listenKey": "$stream_key"}),
    fetch_markets="fetch_spot_markets",
    status_words={
        "1": ListingStatus.TRADING,
        "ENABLED": ListingStatus.TRADING,
        "2": ListingStatus.HALTED,
        "3": ListingStatus.DELISTED,
    },
    weights={"listings": 10, "look-up": 2, "open orders": 3, "fills": 10, "balances": 10},
)

_LINEAR = MarketQuirks(
    lookup=(
        Call(
            "contractPrivateGetOrderExternalSymbolExternalOid",
            {"symbol": "$symbol", "external_oid": "$id"},
            "data",
        ),
    ),
    cancel=Call(
        "contractPrivatePostOrderCancelWithExternal",
        {"symbol": "$symbol", "externalOid": "$id"},
        listed=True,
    ),
    open_orders=Call("contractPrivateGetOrderListOpenOrders", {"symbol": "$symbol"}, "data"),
    open_pages=Pages("page_num", 100, "page_size"),
    fills=Fills(
        call=Call(
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
        page=100,
        window_s=30 * 86_400,
        keep_s=90 * 86_400,
        client_id="externalOid",
        # the same, contract v1, order transaction details; `category` of the order
        fees=(FeeAt("fee", "feeCurrency", "$quote"),),
        pages=Pages("page_num", 100),
        kind_at="category",
        kinds={"2": FillKind.LIQUIDATION, "4": FillKind.DELEVERAGING},
    ),
    candles=Candles(2000, in_contracts=True),
    placing=Placing(
        Call(
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
    balance_left_out=("data", "currency", "positionMargin"),
    order_words={"5": "rejected"},
    positions=Call("contractPrivateGetPositionOpenPositions", {}, "data"),
    # one leverage for the long side, one for the short
    leverage=tuple(
        Call(
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
    position_mode=Call("contractPrivateGetPositionPositionMode"),
    position_mode_at="data",
    hedge_when=("1",),
    set_position_mode=Call(
        "contractPrivatePostPositionChangePositionMode", {"positionMode": "$hedge"}
    ),
    fetch_markets="fetch_swap_markets",
    client_id_at="externalOid",
    status_at="state",
    status_words={
        "0": ListingStatus.TRADING,
        "1": ListingStatus.HALTED,
        "2": ListingStatus.DELISTED,
        "3": ListingStatus.DELISTED,
        "4": ListingStatus.HALTED,
    },
)

QUIRKS = Quirks(
    venue="mexc",
    notes=(
        "Contracts are looked up and cancelled by `external` end points of their own.",
        "An isolated contract order names its leverage: it is known once it was set here.",
        "Contracts count `contractSize`; candles too. Numbers travel as JSON numbers.",
        "Spot tells open orders of one instrument at a time.",
        "There is no dead-man switch, and nothing tells what a key may do.",
    ),
    options={"recvWindow": 5000},
    codes=Codes(
        # each of the orders that were to be cancelled has a code of its own
        at=("data.0.errorCode", "code"),
        fine=("200", "0"),
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
    budgets=(
        Budget("weight", 500, 10, kinds=("spot",), each=True),
        Budget("orders", 5, 1, Scope.ACCOUNT, ("spot",), orders_only=True, each=True),
        Budget("requests", 20, 2, kinds=("linear",), each=True),
        Budget("orders", 4, 1, Scope.ACCOUNT, ("linear",), orders_only=True, each=True),
    ),
    margin_words={MarginMode.CROSS: 2, MarginMode.ISOLATED: 1},
    hedge_words=(1, 2),
)
