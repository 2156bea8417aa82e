"""What is Bitget's own over REST (API v2, classic account)."""

from __future__ import annotations

from bowline.core.venue import FillKind, ListingStatus, MarginMode
from bowline.venues.limits import Budget, Scope, UsageHeaders
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
    Rights,
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


def _fee_at(detail: str) -> FeeAt:
    # bitget.com/api-doc, get-fills: what is paid is negative; what is deducted in another coin
    # (BGB) is always paid
    return FeeAt(
        f"{detail}.totalFee", f"{detail}.feeCoin", rebate=1, paid=(f"{detail}.deduction", "yes")
    )


_RIGHTS = Call("privateSpotGetV2SpotAccountInfo", {}, "data")


def _rights(*trade: str) -> Rights:
    return Rights(
        _RIGHTS,
        trade="authorities",
        trade_words=trade,
        withdraw="authorities",
        withdraw_words=("withdraw", "wwow", "wtow"),
        ip="ips",
    )


_SPOT = MarketQuirks(
    lookup=(Call("privateSpotGetV2SpotTradeOrderInfo", {"clientOid": "$id"}, "data"),),
    cancel=Call("privateSpotPostV2SpotTradeCancelOrder", {"symbol": "$symbol", "clientOid": "$id"}),
    open_orders=Call("privateSpotGetV2SpotTradeUnfilledOrders", {"symbol": "$symbol"}, "data"),
    open_pages=Pages("idLessThan", 100, "limit", of_last="orderId"),
    fills=Fills(
        call=Call("privateSpotGetV2SpotTradeFills", {"symbol": "$symbol", **_WINDOW}, "data"),
        page=100,
        window_s=90 * 86_400,
        keep_s=90 * 86_400,
        fees=(_fee_at("feeDetail"),),
        pages=Pages("idLessThan", 100, of_last="tradeId"),
    ),
    candles=Candles(200),
    placing=Placing(
        Call(
            "privateSpotPostV2SpotTradePlaceOrder",
            {"symbol": "$symbol", "side": "$side", "size": "$quantity", "clientOid": "$id"},
            "data",
        ),
        _STYLES,
        "orderId",
        market_buys=False,
    ),
    balance={"type": "spot"},
    rights=_rights("stow", "trade"),
    unasked={"publicMarginGetV2MarginCurrencies": None},
    status_words={
        "online": ListingStatus.TRADING,
        "gray": ListingStatus.TRADING,
        "halt": ListingStatus.HALTED,
        "offline": ListingStatus.DELISTED,
    },
)

_LINEAR = MarketQuirks(
    lookup=(
        Call(
            "privateMixGetV2MixOrderDetail",
            {**_PRODUCT, "symbol": "$symbol", "clientOid": "$id"},
            "data",
        ),
    ),
    cancel=Call(
        "privateMixPostV2MixOrderCancelOrder", {**_COIN, "symbol": "$symbol", "clientOid": "$id"}
    ),
    open_orders=Call(
        "privateMixGetV2MixOrderOrdersPending",
        {**_PRODUCT, "symbol": "$symbol"},
        "data.entrustedList",
    ),
    open_pages=Pages("idLessThan", 100, "limit", at="data.endId"),
    fills=Fills(
        call=Call(
            "privateMixGetV2MixOrderFills",
            {**_PRODUCT, "symbol": "$symbol", **_WINDOW},
            "data.fillList",
        ),
        page=100,
        window_s=7 * 86_400,
        keep_s=90 * 86_400,
        fees=(_fee_at("feeDetail.0"), _fee_at("feeDetail.1")),
        pages=Pages("idLessThan", 100, of_last="tradeId"),
        # bitget.com/api-doc, enumeration `tradeSide`: burst and reduce are forced by the venue
        kind_at="tradeSide",
        kinds={
            "burst": FillKind.LIQUIDATION,
            "reduce_": FillKind.LIQUIDATION,
            "dte_sys_adl": FillKind.DELEVERAGING,
        },
    ),
    candles=Candles(200),
    placing=Placing(
        Call(
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
    positions=Call("privateMixGetV2MixPositionAllPosition", _COIN, "data"),
    leverage=(
        Call(
            "privateMixPostV2MixAccountSetMarginMode",
            {**_COIN, "symbol": "$symbol", "marginMode": "$mode"},
        ),
        Call(
            "privateMixPostV2MixAccountSetLeverage",
            {**_COIN, "symbol": "$symbol", "leverage": "$leverage"},
        ),
    ),
    position_mode=Call("privateMixGetV2MixAccountAccount", {**_COIN, "symbol": "$symbol"}, "data"),
    position_mode_at="posMode",
    hedge_when=("hedge_mode",),
    set_position_mode=Call(
        "privateMixPostV2MixAccountSetPositionMode", {**_PRODUCT, "posMode": "$hedge"}
    ),
    rights=_rights("coow", "trade"),
    unasked={"publicMixGetV2MixMarketContracts": _PRODUCT},
    status_at="symbolStatus",
    status_words={
        "normal": ListingStatus.TRADING,
        "listed": ListingStatus.PRELAUNCH,
        "maintain": ListingStatus.HALTED,
        "limit_open": ListingStatus.HALTED,
        "restrictedAPI": ListingStatus.HALTED,
        "off": ListingStatus.DELISTED,
    },
)

QUIRKS = Quirks(
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
    codes=Codes(
        at=("code",),
        fine=("00000",),
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
    budgets=(
        Budget("requests", 6000, 60),
        Budget("end point", 5, 1, Scope.ACCOUNT, each=True),
        Budget("orders", 10, 1, Scope.ACCOUNT, orders_only=True, each=True),
    ),
    usage_headers=(UsageHeaders("end point", left="x-mbx-used-remain-limit"),),
    needs_password=True,
    margin_words={MarginMode.CROSS: "crossed", MarginMode.ISOLATED: "isolated"},
    hedge_words=("hedge_mode", "one_way_mode"),
)
