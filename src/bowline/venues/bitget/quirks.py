"""The quirk table of Bitget over REST (API v2, classic account)."""

from __future__ import annotations

from bowline.core.model.values import Side
from bowline.core.venue import FillKind, ListingStatus, MarginMode
from bowline.venues.rate_limits import RateLimit, RateLimitScope, UsageHeader
from bowline.venues.rest.quirks import (
    CandlesQuirks,
    ErrorCodes,
    FeeFields,
    FillsQuirks,
    KeyRightsQuirks,
    MarketQuirks,
    OrderQuirks,
    Paging,
    RestCall,
    SideQuirks,
    VenueQuirks,
)

# bitget.com/api-doc, contract, place order: in hedge mode `side` is the position's, so that
# buy and close sells; enumeration `tradeSide`: what the venue forces says which position it closes
SIDES = SideQuirks(
    path="tradeSide",
    sides={"close_long": Side.SELL, "close_short": Side.BUY},
    opposite=("close",),
)

_PRODUCT = {"productType": "USDT-FUTURES"}
_COIN = {**_PRODUCT, "marginCoin": "USDT"}
_LIMIT = {"orderType": "limit", "price": "$price"}
_STYLES = {
    "gtc": {**_LIMIT, "force": "gtc"},
    "ioc": {**_LIMIT, "force": "ioc"},
    "fok": {**_LIMIT, "force": "fok"},
    "post_only": {**_LIMIT, "force": "post_only"},
    "market": {"orderType": "market"},
}
_WINDOW = {"startTime": "$since", "endTime": "$until", "limit": 100}


def _fee_at(detail: str) -> FeeFields:
    # bitget.com/api-doc, get-fills: what is paid is negative; what is deducted in another coin
    # (BGB) is always paid
    return FeeFields(
        f"{detail}.totalFee",
        f"{detail}.feeCoin",
        rebate_sign=1,
        always_paid=(f"{detail}.deduction", "yes"),
    )


_RIGHTS = RestCall("privateSpotGetV2SpotAccountInfo", {}, "data")


def _rights(*trade: str) -> KeyRightsQuirks:
    return KeyRightsQuirks(
        _RIGHTS,
        trade="authorities",
        trade_values=trade,
        withdraw="authorities",
        withdraw_values=("withdraw", "wwow", "wtow"),
        ip="ips",
    )


_SPOT = MarketQuirks(
    lookup=(RestCall("privateSpotGetV2SpotTradeOrderInfo", {"clientOid": "$id"}, "data"),),
    cancel=RestCall(
        "privateSpotPostV2SpotTradeCancelOrder", {"symbol": "$symbol", "clientOid": "$id"}
    ),
    open_orders=RestCall("privateSpotGetV2SpotTradeUnfilledOrders", {"symbol": "$symbol"}, "data"),
    open_pages=Paging("idLessThan", 100, "limit", last_row_path="orderId"),
    fills=FillsQuirks(
        call=RestCall("privateSpotGetV2SpotTradeFills", {"symbol": "$symbol", **_WINDOW}, "data"),
        page_size=100,
        window_s=90 * 86_400,
        retention_s=90 * 86_400,
        fees=(_fee_at("feeDetail"),),
        pages=Paging("idLessThan", 100, last_row_path="tradeId"),
    ),
    candles=CandlesQuirks(200),
    placing=OrderQuirks(
        RestCall(
            "privateSpotPostV2SpotTradePlaceOrder",
            {"symbol": "$symbol", "side": "$side", "size": "$quantity", "clientOid": "$id"},
            "data",
        ),
        _STYLES,
        "orderId",
        base_market_buys=False,
    ),
    balance={"type": "spot"},
    rights=_rights("stow", "trade"),
    suppressed_calls={"publicMarginGetV2MarginCurrencies": None},
    # bitget.com/api-doc, spot "Get-Symbols", contract "Get-All-Symbols-Contracts": `status`
    listing_statuses={
        "online": ListingStatus.TRADING,
        "gray": ListingStatus.TRADING,
        "halt": ListingStatus.HALTED,
        "offline": ListingStatus.DELISTED,
    },
)

_LINEAR = MarketQuirks(
    lookup=(
        RestCall(
            "privateMixGetV2MixOrderDetail",
            {**_PRODUCT, "symbol": "$symbol", "clientOid": "$id"},
            "data",
        ),
    ),
    cancel=RestCall(
        "privateMixPostV2MixOrderCancelOrder", {**_COIN, "symbol": "$symbol", "clientOid": "$id"}
    ),
    open_orders=RestCall(
        "privateMixGetV2MixOrderOrdersPending",
        {**_PRODUCT, "symbol": "$symbol"},
        "data.entrustedList",
    ),
    open_pages=Paging("idLessThan", 100, "limit", next_path="data.endId"),
    fills=FillsQuirks(
        call=RestCall(
            "privateMixGetV2MixOrderFills",
            {**_PRODUCT, "symbol": "$symbol", **_WINDOW},
            "data.fillList",
        ),
        page_size=100,
        window_s=7 * 86_400,
        retention_s=90 * 86_400,
        fees=(_fee_at("feeDetail.0"), _fee_at("feeDetail.1")),
        pages=Paging("idLessThan", 100, last_row_path="tradeId"),
        # bitget.com/api-doc, enumeration `tradeSide`: burst and reduce are forced by the venue
        kind_path="tradeSide",
        kinds={
            "burst": FillKind.LIQUIDATION,
            "reduce_": FillKind.LIQUIDATION,
            "dte_sys_adl": FillKind.DELEVERAGING,
        },
    ),
    candles=CandlesQuirks(200),
    placing=OrderQuirks(
        RestCall(
            "privateMixPostV2MixOrderPlaceOrder",
            {
                **_COIN,
                "symbol": "$symbol",
                "marginMode": "$mode",
                "size": "$quantity",
                "clientOid": "$id",
            },
            "data",
        ),
        _STYLES,
        "orderId",
        one_way={"side": "$side"},
        # the side of a hedged order is the position's, whether it opens or closes
        hedge={"side": "$open_side", "tradeSide": "$open_close"},
        reduce_only={"reduceOnly": "YES"},
    ),
    balance={"type": "swap", "productType": "USDT-FUTURES"},
    positions=RestCall("privateMixGetV2MixPositionAllPosition", _COIN, "data"),
    leverage=(
        RestCall(
            "privateMixPostV2MixAccountSetMarginMode",
            {**_COIN, "symbol": "$symbol", "marginMode": "$mode"},
        ),
        RestCall(
            "privateMixPostV2MixAccountSetLeverage",
            {**_COIN, "symbol": "$symbol", "leverage": "$leverage"},
        ),
    ),
    position_mode=RestCall(
        "privateMixGetV2MixAccountAccount", {**_COIN, "symbol": "$symbol"}, "data"
    ),
    position_mode_path="posMode",
    hedge_values=("hedge_mode",),
    set_position_mode=RestCall(
        "privateMixPostV2MixAccountSetPositionMode", {**_PRODUCT, "posMode": "$hedge"}
    ),
    rights=_rights("coow", "trade"),
    suppressed_calls={"publicMixGetV2MixMarketContracts": _PRODUCT},
    sides=SIDES,
    status_path="symbolStatus",
    # the same, contract
    listing_statuses={
        "normal": ListingStatus.TRADING,
        "listed": ListingStatus.PRELAUNCH,
        "maintain": ListingStatus.HALTED,
        "limit_open": ListingStatus.HALTED,
        "restrictedAPI": ListingStatus.HALTED,
        "off": ListingStatus.DELISTED,
    },
)

QUIRKS = VenueQuirks(
    venue="bitget",
    notes=(
        "A hedged order names the position's side, and `open` or `close` beside it.",
        "A market buy on spot is told in quote money: a limit IOC is sent instead, by who asks.",
        "There is no dead-man switch.",
    ),
    options={"uta": False},
    kind_options={
        "spot": {"fetchMarkets": {"types": ["spot"]}},
        "linear": {"fetchMarkets": {"types": ["swap"]}},
    },
    # bitget.com/api-doc, "error-code/restapi" of spot and contract
    codes=ErrorCodes(
        paths=("code",),
        ok=("00000",),
        duplicate=frozenset({"40786", "43118"}),
        duplicate_texts=("Duplicate clientOid", "clientOid duplicate", "Client order id duplicate"),
        # of the position mode and of the margin mode, whether they would change or not
        in_use=frozenset({"40920", "45117"}),
        not_found=frozenset({"40109", "43001", "22001", "40768", "43025"}),
        unknown=frozenset({"40010", "40725", "40015", "40715", "45001", "40200"}),
        limited=frozenset({"429", "40429"}),
        clock=frozenset({"40005", "40008", "40004"}),
        # no position to close; leverage above what is allowed
        rejected=frozenset({"22002", "40797", "45045"}),
    ),
    markets={"spot": _SPOT, "linear": _LINEAR},
    # bitget.com/api-doc: 6000 a minute an address; 10 orders a second an account; reads 10 a
    # second an end point, leverage and modes 5
    rate_limits=(
        RateLimit("requests", 6000, 60),
        RateLimit("end point", 5, 1, RateLimitScope.ACCOUNT, per_endpoint=True),
        RateLimit("orders", 10, 1, RateLimitScope.ACCOUNT, orders_only=True, per_endpoint=True),
    ),
    usage_headers=(UsageHeader("end point", left="x-mbx-used-remain-limit"),),
    needs_password=True,
    margin_mode_values={MarginMode.CROSS: "crossed", MarginMode.ISOLATED: "isolated"},
    position_mode_values=("hedge_mode", "one_way_mode"),
)
