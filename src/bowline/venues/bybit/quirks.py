"""The quirk table of Bybit over REST (API v5, unified account). See `venues/rest/quirks.py`."""

from __future__ import annotations

from bowline.core.venue import FillKind, ListingStatus, MarginMode
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

#: bybit-exchange.github.io/docs/v5/enum#status
_STATUS = {
    "Trading": ListingStatus.TRADING,
    "PreLaunch": ListingStatus.PRELAUNCH,
    "Delivering": ListingStatus.HALTED,
    "Settling": ListingStatus.HALTED,
    "Closed": ListingStatus.DELISTED,
}
_LIMIT = {"orderType": "Limit", "price": "$price"}


def _fills(one: dict[str, object], *, linear: bool) -> FillsQuirks:
    return FillsQuirks(
        call=RestCall(
            "privateGetV5ExecutionList",
            {
                **one,
                "startTime": "$since",
                "endTime": "$until",
                "limit": 100,
            },
            "result.list",
        ),
        page_size=100,
        window_s=7 * 86_400,
        retention_s=180 * 86_400,
        client_id="orderLinkId",
        # docs/v5/order/execution: positive for expense, negative for rebate; of spot, where no
        # currency is told, docs/v5/enum "Spot Fee Currency Instruction"
        fees=(FeeFields("execFee", "feeCurrency", "$quote" if linear else "$received"),),
        pages=Paging("cursor", 100, next_path="result.nextPageCursor"),
        # docs/v5/enum#exectype
        kind_path="execType",
        kinds={
            "Trade": FillKind.TRADE,
            "BlockTrade": FillKind.TRADE,
            "MovePosition": FillKind.TRADE,
            "FutureSpread": FillKind.TRADE,
            "AdlTrade": FillKind.DELEVERAGING,
            "BustTrade": FillKind.LIQUIDATION,
        },
        ignored_kinds=frozenset({"Funding", "Settle", "Delivery", "SessionSettlePnL"}),
        strict_kinds=True,
    )


def _placing(category: str, one: dict[str, object]) -> OrderQuirks:
    linear = category == "linear"
    stop = {
        "orderType": "Market",
        "triggerPrice": "$trigger",
        "triggerDirection": "$rises",
        **({} if linear else {"orderFilter": "StopOrder", "marketUnit": "baseCoin"}),
    }
    return OrderQuirks(
        RestCall(
            "privatePostV5OrderCreate",
            {**one, "side": "$Side", "qty": "$quantity", "orderLinkId": "$id"},
            "result",
        ),
        {
            "gtc": {**_LIMIT, "timeInForce": "GTC"},
            "ioc": {**_LIMIT, "timeInForce": "IOC"},
            "fok": {**_LIMIT, "timeInForce": "FOK"},
            "post_only": {**_LIMIT, "timeInForce": "PostOnly"},
            # a market buy on spot is quote money unless it says otherwise
            "market": {"orderType": "Market", **({} if linear else {"marketUnit": "baseCoin"})},
            "stop": stop,
        },
        "orderId",
        one_way={"positionIdx": 0} if linear else {},
        hedge={"positionIdx": "$index"},
        reduce_only={"reduceOnly": True} if linear else {},
        hedge_reduce_only=False,
    )


def _deadman(category: str) -> DeadManSwitch:
    # armed for the account's private stream: it fires when that has been gone so long
    return DeadManSwitch(
        RestCall(
            "privatePostV5OrderDisconnectedCancelAll",
            {
                "product": "DERIVATIVES" if category == "linear" else "SPOT",
                "timeWindow": "$seconds",
            },
        ),
        least_s=3,
        most_s=300,
        can_disarm=False,
    )


def _market(category: str) -> MarketQuirks:
    linear = category == "linear"
    one: dict[str, object] = {"category": category, "symbol": "$symbol"}
    settled = {"settleCoin": "USDT"} if linear else {}
    return MarketQuirks(
        # the first tells open and recent ones, the second what has been gone for longer
        lookup=(
            RestCall("privateGetV5OrderRealtime", {**one, "orderLinkId": "$id"}, "result.list"),
            RestCall("privateGetV5OrderHistory", {**one, "orderLinkId": "$id"}, "result.list"),
        ),
        cancel=RestCall("privatePostV5OrderCancel", {**one, "orderLinkId": "$id"}),
        open_orders=RestCall(
            "privateGetV5OrderRealtime", {**one, **settled, "openOnly": 0}, "result.list"
        ),
        open_pages=Paging("cursor", 50, "limit", next_path="result.nextPageCursor"),
        fills=_fills(one, linear=linear),
        candles=CandlesQuirks(1000),
        placing=_placing(category, one),
        positions=RestCall(
            "privateGetV5PositionList",
            {"category": "linear", "settleCoin": "USDT", "limit": 200},
            "result.list",
        )
        if linear
        else None,
        position_pages=Paging("cursor", 200, next_path="result.nextPageCursor"),
        # the margin mode is the whole account's: isolated would change every other position
        margin_modes=(MarginMode.CROSS,),
        leverage=(
            RestCall("privatePostV5AccountSetMarginMode", {"setMarginMode": "$mode"}),
            RestCall(
                "privatePostV5PositionSetLeverage",
                {**one, "buyLeverage": "$leverage", "sellLeverage": "$leverage"},
            ),
        )
        if linear
        else (),
        # a hedged account tells two rows of an instrument, numbered 1 and 2
        position_mode=RestCall("privateGetV5PositionList", one, "result.list") if linear else None,
        position_mode_path="0.positionIdx",
        hedge_values=("1", "2"),
        set_position_mode=RestCall("privatePostV5PositionSwitchMode", {**one, "mode": "$hedge"})
        if linear
        else None,
        deadman=_deadman(category),
        rights=KeyRightsQuirks(
            RestCall("privateGetV5UserQueryApi", {}, "result"),
            trade="permissions.ContractTrade" if linear else "permissions.Spot",
            trade_values=("order", "spottrade"),
            withdraw="permissions.Wallet",
            withdraw_values=("withdraw",),
            ip="ips",
        ),
        listing_statuses=_STATUS,
    )


QUIRKS = VenueQuirks(
    venue="bybit",
    notes=(
        "An accepted order may still be refused a moment later: an acknowledgement is no more.",
        "Looked up among open and recent orders, then in the history.",
        "Isolated margin is the whole account's, so that it cannot be set for one instrument.",
        "The dead-man switch is tied to the private stream and cannot be disarmed.",
    ),
    options={
        "enableUnifiedAccount": True,
        "enableUnifiedMargin": False,
        "unifiedMarginStatus": 6,
        "recvWindow": 5000,
        "brokerId": "",
    },
    kind_options={
        "spot": {"fetchMarkets": {"types": ["spot"]}},
        "linear": {"fetchMarkets": {"types": ["linear"]}},
    },
    # bybit-exchange.github.io/docs/v5/error
    codes=ErrorCodes(
        paths=("retCode",),
        message_paths=("retMsg",),
        duplicate=frozenset({"10014", "12141", "110030", "110072", "170141"}),
        # leverage, margin mode, position mode: so already
        not_modified=frozenset({"110043", "110026", "110025", "34036", "140043", "3400076"}),
        not_found=frozenset({"110001", "170213", "170139", "20001"}),
        # an order or a cancel that timed out on spot: 170146, 170147
        # 10016: the venue's own trouble, which ccxt calls a plain refusal; 10000 timed out
        unknown=frozenset({"10000", "10016", "170007", "170035", "170146", "170147", "170032"}),
        limited=frozenset({"10006", "10018", "10429", "20003"}),
        clock=frozenset({"10002"}),
        # not traded now, of a contract and of spot
        rejected=frozenset({"110066", "170344"}),
    ),
    markets={"spot": _market("spot"), "linear": _market("linear")},
    # bybit-exchange.github.io/docs/v5/rate-limit: 600 in 5 s an address; orders 10 (linear) and
    # 20 (spot) a second an account
    rate_limits=(
        RateLimit("requests", 600, 5),
        RateLimit("end point", 50, 1, RateLimitScope.ACCOUNT, per_endpoint=True),
        RateLimit(
            "orders",
            10,
            1,
            RateLimitScope.ACCOUNT,
            ("linear",),
            orders_only=True,
            per_endpoint=True,
        ),
        RateLimit(
            "orders", 20, 1, RateLimitScope.ACCOUNT, ("spot",), orders_only=True, per_endpoint=True
        ),
    ),
    usage_headers=(UsageHeader("orders", left="x-bapi-limit-status"),),
    limit_reset_header="x-bapi-limit-reset-timestamp",
    margin_mode_values={MarginMode.CROSS: "REGULAR_MARGIN"},
    position_mode_values=(3, 0),
)
