"""The quirk table of BingX over REST: spot v1 and perpetual swaps v2."""

from __future__ import annotations

from bowline.core.venue import ListingStatus, MarginMode
from bowline.venues.rate_limits import RateLimit, RateLimitScope, UsageHeader
from bowline.venues.rest.quirks import (
    CandlesQuirks,
    DeadManSwitch,
    ErrorCodes,
    FeeFields,
    FillsQuirks,
    KeyRightsQuirks,
    MarketQuirks,
    OrderQuirks,
    Paging,
    RestCall,
    VenueQuirks,
)

_LIMIT = {"type": "LIMIT", "price": "$price"}
_STYLES = {
    "gtc": {**_LIMIT, "timeInForce": "GTC"},
    "ioc": {**_LIMIT, "timeInForce": "IOC"},
    "post_only": {**_LIMIT, "timeInForce": "PostOnly"},
    "market": {"type": "MARKET"},
}
_SWITCH = {"type": "$armed", "timeOut": "$seconds"}
# bingx-api.github.io/docs, spot, other interface: "http status 200 success", and no content
_KEEP_ALIVE = RestCall(
    "userAuthPrivatePutUserDataStream", {"listenKey": "$stream_key"}, no_content=True
)
_PERMISSIONS = RestCall("accountV1PrivateGetAccountApiPermissions", {}, "data")


def _rights(trade: str) -> KeyRightsQuirks:
    # 1 spot, 2 read, 3 swaps, 4 transfer, 5 withdraw, 7 transfer to others
    return KeyRightsQuirks(
        _PERMISSIONS,
        trade="permissions",
        trade_values=(trade,),
        withdraw="permissions",
        withdraw_values=("5", "4", "7"),
        ip="ipAddresses",
    )


_SPOT = MarketQuirks(
    lookup=(
        RestCall(
            "spotV1PrivateGetTradeQuery", {"symbol": "$symbol", "clientOrderID": "$id"}, "data"
        ),
    ),
    cancel=RestCall("spotV1PrivatePostTradeCancel", {"symbol": "$symbol", "clientOrderID": "$id"}),
    open_orders=RestCall("spotV1PrivateGetTradeOpenOrders", {"symbol": "$symbol"}, "data.orders"),
    fills=FillsQuirks(
        call=RestCall(
            "spotV1PrivateGetTradeMyTrades",
            {
                "symbol": "$symbol",
                "startTime": "$since",
                "endTime": "$until",
                "limit": 500,
            },
            "data.fills",
        ),
        page_size=500,
        window_s=7 * 86_400,
        retention_s=90 * 86_400,
        # bingx-api.github.io/docs, spot, transaction details: what is paid is negative
        fees=(FeeFields("commission", "commissionAsset", rebate_sign=1),),
    ),
    candles=CandlesQuirks(1000),
    placing=OrderQuirks(
        RestCall(
            "spotV1PrivatePostTradeOrder",
            {
                "symbol": "$symbol",
                "side": "$SIDE",
                "quantity": "$quantity",
                "newClientOrderId": "$id",
            },
            "data",
        ),
        _STYLES,
        "orderId",
        base_market_buys=False,
    ),
    balance={"type": "spot"},
    deadman=DeadManSwitch(
        RestCall("spotV1PrivatePostTradeCancelAllAfter", _SWITCH), least_s=10, most_s=120
    ),
    stream_key=RestCall("userAuthPrivatePostUserDataStream", {}, "listenKey"),
    stream_keep_alive=_KEEP_ALIVE,
    rights=_rights("1"),
    fetch_markets="fetch_spot_markets",
    # bingx-api.github.io/docs, "Trading pairs" of spot, "USDT-M Perp Futures symbols": `status`
    listing_statuses={
        "1": ListingStatus.TRADING,
        "5": ListingStatus.PRELAUNCH,
        "10": ListingStatus.PRELAUNCH,
        "25": ListingStatus.HALTED,
        "29": ListingStatus.HALTED,
        "30": ListingStatus.DELISTED,
        "0": ListingStatus.DELISTED,
    },
)

_MARGIN_TYPE = RestCall(
    "swapV2PrivatePostTradeMarginType", {"symbol": "$symbol", "marginType": "$mode"}
)


def _leverage(side: str) -> RestCall:
    return RestCall(
        "swapV2PrivatePostTradeLeverage",
        {"symbol": "$symbol", "side": side, "leverage": "$leverage_int"},
    )


_LINEAR = MarketQuirks(
    lookup=(
        RestCall(
            "swapV2PrivateGetTradeOrder",
            {"symbol": "$symbol", "clientOrderID": "$id"},
            "data.order",
        ),
    ),
    cancel=RestCall("swapV2PrivateDeleteTradeOrder", {"symbol": "$symbol", "clientOrderID": "$id"}),
    open_orders=RestCall("swapV2PrivateGetTradeOpenOrders", {"symbol": "$symbol"}, "data.orders"),
    fills=FillsQuirks(
        call=RestCall(
            "swapV2PrivateGetTradeFillHistory",
            {
                "symbol": "$symbol",
                "startTs": "$since",
                "endTs": "$until",
                "pageIndex": 1,
                "pageSize": 1000,
            },
            "data.fill_history_orders",
        ),
        page_size=1000,
        window_s=7 * 86_400,
        retention_s=90 * 86_400,
        client_id="clientOrderId",
        # the same, perpetual swap, historical transaction details
        fees=(FeeFields("commission", "commissionAsset", "$quote", rebate_sign=1),),
        pages=Paging("pageIndex", 1000),
    ),
    candles=CandlesQuirks(1440),
    placing=OrderQuirks(
        RestCall(
            "swapV2PrivatePostTradeOrder",
            {
                "symbol": "$symbol",
                "side": "$SIDE",
                "quantity": "$quantity",
                "clientOrderID": "$id",
            },
            "data.order",
        ),
        {
            **_STYLES,
            "fok": {**_LIMIT, "timeInForce": "FOK"},
            "stop": {"type": "TRIGGER_MARKET", "stopPrice": "$trigger"},
        },
        "orderId",
        one_way={"positionSide": "BOTH"},
        hedge={"positionSide": "$POSITION"},
        reduce_only={"reduceOnly": "true"},
    ),
    balance={"type": "swap"},
    positions=RestCall("swapV2PrivateGetUserPositions", {}, "data"),
    leverage=(_MARGIN_TYPE, _leverage("BOTH")),
    leverage_hedged=(_MARGIN_TYPE, _leverage("LONG"), _leverage("SHORT")),
    position_mode=RestCall("swapV1PrivateGetPositionSideDual", {}, "data"),
    position_mode_path="dualSidePosition",
    set_position_mode=RestCall("swapV1PrivatePostPositionSideDual", {"dualSidePosition": "$hedge"}),
    deadman=DeadManSwitch(
        RestCall("swapV2PrivatePostTradeCancelAllAfter", _SWITCH), least_s=10, most_s=120
    ),
    stream_key=RestCall("userAuthPrivatePostUserDataStream", {}, "listenKey"),
    stream_keep_alive=_KEEP_ALIVE,
    rights=_rights("3"),
    fetch_markets="fetch_swap_markets",
    # the same, swap
    listing_statuses={
        "1": ListingStatus.TRADING,
        "25": ListingStatus.HALTED,
        "5": ListingStatus.PRELAUNCH,
        "0": ListingStatus.DELISTED,
    },
)

QUIRKS = VenueQuirks(
    venue="bingx",
    notes=(
        "A market buy on spot is told in quote money, and spot has no fill-or-kill.",
        "In hedge mode leverage is set for the long and for the short side.",
    ),
    options={"recvWindow": 5000},
    # docs, "Signature authentication": values are encoded after they are signed
    signs_unencoded=True,
    # bingx-api.github.io/docs, "Error codes" of spot and swap
    codes=ErrorCodes(
        paths=("code",),
        duplicate=frozenset({"101481", "109201", "100414"}),
        duplicate_texts=("clientOrderId exists", "duplicate clientOrderID"),
        not_found=frozenset({"80016", "80018", "100404", "109414", "80019"}),
        # 109500: busy, and no word of the order; the last three: nothing is documented
        unknown=frozenset(
            {"80012", "100500", "101500", "80001", "100503", "109500"}
            | {"100204", "101429", "109420"}
        ),
        limited=frozenset({"100410", "101509", "109429"}),
        # 100421 is a pair closed to the API too
        clock_texts=("imestamp",),
        # a post-only order that would take; one that may only reduce and would not; too much
        # leverage
        rejected=frozenset({"100421", "101215", "101290", "101414"}),
    ),
    markets={"spot": _SPOT, "linear": _LINEAR},
    # bingx-api.github.io/docs: 500 (market) and 2000 (account) in 10 s an address; 5 a second an
    # account for most of what trades
    rate_limits=(
        RateLimit("requests", 500, 10),
        RateLimit("end point", 5, 1, RateLimitScope.ACCOUNT, per_endpoint=True),
    ),
    usage_headers=(UsageHeader("end point", left="x-ratelimit-requests-remain"),),
    limit_reset_header="x-ratelimit-requests-expire",
    margin_mode_values={MarginMode.CROSS: "CROSSED", MarginMode.ISOLATED: "ISOLATED"},
)
