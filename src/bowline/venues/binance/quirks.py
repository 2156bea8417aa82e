"""The quirk table of Binance over REST: spot (`/api`) and USDⓈ-M futures (`/fapi`)."""

from __future__ import annotations

from bowline.core.venue import ListingStatus, MarginMode
from bowline.venues.rate_limits import RateLimit, RateLimitScope, UsageHeader
from bowline.venues.rest.quirks import (
    CandlesQuirks,
    DeadManSwitch,
    ErrorCodes,
    FeeFields,
    FillCursorKind,
    FillsQuirks,
    KeyRightsQuirks,
    MarketQuirks,
    OrderQuirks,
    RestCall,
    VenueQuirks,
)

#: developers.binance.com, spot "Enums: Symbol status", USD-M futures "Contract Status"
_STATUS = {
    "TRADING": ListingStatus.TRADING,
    "PRE_TRADING": ListingStatus.PRELAUNCH,
    "PENDING_TRADING": ListingStatus.PRELAUNCH,
    "HALT": ListingStatus.HALTED,
    "BREAK": ListingStatus.HALTED,
    "AUCTION_MATCH": ListingStatus.HALTED,
    "POST_TRADING": ListingStatus.HALTED,
    "END_OF_DAY": ListingStatus.HALTED,
    "PRE_SETTLE": ListingStatus.HALTED,
    "SETTLING": ListingStatus.HALTED,
    "PRE_DELIVERING": ListingStatus.HALTED,
    "DELIVERING": ListingStatus.DELISTED,
    "DELIVERED": ListingStatus.DELISTED,
    "CLOSE": ListingStatus.DELISTED,
}
_BY_CLIENT_ID = {"symbol": "$symbol", "origClientOrderId": "$id"}
_ORDER = {
    "symbol": "$symbol",
    "side": "$SIDE",
    "quantity": "$quantity",
    "newClientOrderId": "$id",
}
_LIMIT = {"type": "LIMIT", "price": "$price"}
_STYLES = {
    "gtc": {**_LIMIT, "timeInForce": "GTC"},
    "ioc": {**_LIMIT, "timeInForce": "IOC"},
    "fok": {**_LIMIT, "timeInForce": "FOK"},
    "market": {"type": "MARKET"},
}
_WINDOW = {"startTime": "$since", "endTime": "$until", "limit": 1000}
_FEES = (FeeFields("commission", "commissionAsset"),)
_RESTRICTIONS = RestCall("sapiGetAccountApiRestrictions")

_SPOT = MarketQuirks(
    lookup=(RestCall("privateGetOrder", _BY_CLIENT_ID),),
    cancel=RestCall("privateDeleteOrder", _BY_CLIENT_ID),
    open_orders=RestCall("privateGetOpenOrders", {"symbol": "$symbol"}),
    fills=FillsQuirks(
        call=RestCall(
            "privateGetMyTrades",
            {"symbol": "$symbol", "fromId": "$from_id", **_WINDOW},
        ),
        page_size=1000,
        # developers.binance.com, spot, "Account trade list": at most 24 hours between both ends
        window_s=86_400,
        retention_s=0,
        fees=_FEES,
        by=FillCursorKind.TRADE_ID,
    ),
    candles=CandlesQuirks(1000),
    placing=OrderQuirks(
        RestCall("privatePostOrder", _ORDER),
        {
            **_STYLES,
            "post_only": {"type": "LIMIT_MAKER", "price": "$price"},
            "stop": {"type": "STOP_LOSS", "stopPrice": "$trigger"},
        },
        "orderId",
    ),
    balance={"type": "spot"},
    rights=KeyRightsQuirks(
        _RESTRICTIONS,
        trade="enableSpotAndMarginTrading",
        withdraw="enableWithdrawals",
        ip="ipRestrict",
    ),
    listing_statuses=_STATUS,
    # developers.binance.com, spot: weight of each end point
    weights={
        "listings": 20,
        "book": 50,
        "candles": 2,
        "look-up": 4,
        "open orders": 6,
        "all open orders": 80,
        "fills": 20,
        "balances": 20,
    },
)

_LINEAR = MarketQuirks(
    lookup=(RestCall("fapiPrivateGetOrder", _BY_CLIENT_ID),),
    cancel=RestCall("fapiPrivateDeleteOrder", _BY_CLIENT_ID),
    open_orders=RestCall("fapiPrivateGetOpenOrders", {"symbol": "$symbol"}),
    fills=FillsQuirks(
        call=RestCall(
            "fapiPrivateGetUserTrades",
            {"symbol": "$symbol", "fromId": "$from_id", **_WINDOW},
        ),
        page_size=1000,
        # developers.binance.com, USDⓈ-M futures, "Account Trade List": seven days at most between
        # both ends, and seven from the start where no end is told; the last six months
        window_s=7 * 86_400,
        retention_s=180 * 86_400,
        fees=_FEES,
        by=FillCursorKind.TRADE_ID,
    ),
    candles=CandlesQuirks(1000),
    placing=OrderQuirks(
        RestCall("fapiPrivatePostOrder", _ORDER),
        # stops live behind another end point, with ids of their own: they are not sent
        {**_STYLES, "post_only": {**_LIMIT, "timeInForce": "GTX"}},
        "orderId",
        hedge={"positionSide": "$POSITION"},
        reduce_only={"reduceOnly": "true"},
    ),
    balance={"type": "swap"},
    stream_key=RestCall("fapiPrivatePostListenKey", {}, "listenKey"),
    stream_keep_alive=RestCall("fapiPrivatePutListenKey"),
    positions=RestCall("fapiPrivateV3GetPositionRisk"),
    position_parser="parse_position_risk",
    leverage=(
        RestCall("fapiPrivatePostMarginType", {"symbol": "$symbol", "marginType": "$mode"}),
        RestCall("fapiPrivatePostLeverage", {"symbol": "$symbol", "leverage": "$leverage_int"}),
    ),
    position_mode=RestCall("fapiPrivateGetPositionSideDual"),
    position_mode_path="dualSidePosition",
    set_position_mode=RestCall("fapiPrivatePostPositionSideDual", {"dualSidePosition": "$hedge"}),
    deadman=DeadManSwitch(
        RestCall(
            "fapiPrivatePostCountdownCancelAll",
            {"symbol": "$symbol", "countdownTime": "$ms"},
        ),
        per_symbol=True,
        most_s=3600,
    ),
    rights=KeyRightsQuirks(
        _RESTRICTIONS, trade="enableFutures", withdraw="enableWithdrawals", ip="ipRestrict"
    ),
    listing_statuses=_STATUS,
    # developers.binance.com, USDⓈ-M futures: weight of each end point
    weights={
        "book": 20,
        "candles": 5,
        "all open orders": 40,
        "fills": 5,
        "balances": 5,
        "positions": 5,
        "position mode": 30,
        "dead-man switch": 10,
    },
)

QUIRKS = VenueQuirks(
    venue="binance",
    notes=(
        "A client id may be used again once its order has filled: it is a key, no protection.",
        "An HTTP 5xx, -1006 and -1007 say that nobody knows.",
        "Stops of futures live behind another end point with other ids: none is sent there.",
        "The dead-man switch of futures is armed instrument by instrument; spot has none.",
    ),
    options={
        "recvWindow": 5000,
        "defaultTimeInForce": "GTC",
        "leverageBrackets": {},
        "disableFuturesSandboxWarning": True,
    },
    kind_options={
        "spot": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False},
        "linear": {"fetchMarkets": {"types": ["linear"]}, "fetchMargins": False},
    },
    classify_hosts={"spot": "https://api.binance.com", "linear": "https://fapi.binance.com"},
    # developers.binance.com, spot "Errors" and USD-M futures "Error Codes"
    codes=ErrorCodes(
        paths=("code",),
        ok=("200", "0"),
        duplicate=frozenset({"-4116", "-4111"}),
        # spot says it with the code of every refused order
        duplicate_texts=("Duplicate order sent", "ClientOrderId is duplicated"),
        not_modified=frozenset({"-4046", "-4059"}),
        not_found=frozenset({"-2013", "-2011"}),
        unknown=frozenset({"-1000", "-1001", "-1006", "-1007", "-1016"}),
        limited=frozenset({"-1003", "-1015"}),
        clock=frozenset({"-1021"}),
        busy=frozenset({"-1008"}),
        rejected=frozenset({"-2010", "-2015", "-2014", "-1022"}),
    ),
    markets={"spot": _SPOT, "linear": _LINEAR},
    # as the list of markets tells them: developers.binance.com
    rate_limits=(
        RateLimit("weight", 6000, 60, kinds=("spot",)),
        RateLimit("orders", 100, 10, RateLimitScope.ACCOUNT, ("spot",), orders_only=True),
        RateLimit("weight", 2400, 60, kinds=("linear",)),
        RateLimit("orders", 300, 10, RateLimitScope.ACCOUNT, ("linear",), orders_only=True),
        RateLimit(
            "orders a minute", 1200, 60, RateLimitScope.ACCOUNT, ("linear",), orders_only=True
        ),
    ),
    usage_headers=(
        UsageHeader("weight", used="x-mbx-used-weight-1m"),
        UsageHeader("orders", used="x-mbx-order-count-10s"),
        UsageHeader("orders a minute", used="x-mbx-order-count-1m"),
    ),
    margin_mode_values={MarginMode.CROSS: "CROSSED", MarginMode.ISOLATED: "ISOLATED"},
)
