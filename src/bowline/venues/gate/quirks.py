"""The quirk table of Gate over REST (API v4)."""

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

_USDT = {"settle": "usdt"}
_WINDOW = {"from": "$since_s", "to": "$until_s", "limit": 1000}
_KEYS = RestCall("privateAccountGetMainKeys")


def _rights(name: str) -> KeyRightsQuirks:
    return KeyRightsQuirks(
        _KEYS,
        trade="0.perms",
        trade_values=(name,),
        withdraw="0.perms",
        withdraw_values=("withdraw", "wallet"),
        ip="0.ip_whitelist",
    )


def _styles(tif: str) -> dict[str, dict[str, object]]:
    limit: dict[str, object] = {"price": "$price"}
    return {
        "gtc": {**limit, tif: "gtc"},
        "ioc": {**limit, tif: "ioc"},
        "fok": {**limit, tif: "fok"},
        "post_only": {**limit, tif: "poc"},
    }


_SPOT = MarketQuirks(
    lookup=(
        RestCall(
            "privateSpotGetOrdersOrderId", {"order_id": "$tagged", "currency_pair": "$symbol"}
        ),
    ),
    cancel=RestCall(
        "privateSpotDeleteOrdersOrderId", {"order_id": "$tagged", "currency_pair": "$symbol"}
    ),
    # tells a list of orders for each pair; there is no filter
    open_orders=RestCall("privateSpotGetOpenOrders", {"account": "spot"}, nested_rows="orders"),
    fills=FillsQuirks(
        call=RestCall("privateSpotGetMyTrades", {"currency_pair": "$symbol", **_WINDOW}),
        # gate.com/docs/developers/apiv4, SpotTrade: `fee`, or points, or GT in its place
        fees=(
            FeeFields("fee", "fee_currency", "$received"),
            FeeFields("gt_fee", "=GT"),
            FeeFields("point_fee", "=POINT"),
        ),
        pages=Paging("page", 1000),
        page_size=1000,
        window_s=30 * 86_400,
        retention_s=90 * 86_400,
        client_id="text",
        min_window_ms=1000,
    ),
    # the same, listCandlesticks: "maximum 10000 points recently are allowed"
    candles=CandlesQuirks(1000, retained=10_000),
    placing=OrderQuirks(
        RestCall(
            "privateSpotPostOrders",
            {
                "currency_pair": "$symbol",
                "side": "$side",
                "amount": "$quantity",
                "account": "spot",
                "text": "$tagged",
            },
        ),
        {
            **{
                name: {**style, "type": "limit"} for name, style in _styles("time_in_force").items()
            },
            "market": {"type": "market", "time_in_force": "ioc"},
        },
        "id",
        base_market_buys=False,
    ),
    balance={"type": "spot"},
    deadman=DeadManSwitch(
        RestCall("privateSpotPostCountdownCancelAll", {"timeout": "$seconds"}), least_s=5
    ),
    rights=_rights("spot"),
    suppressed_calls={"publicMarginGetCurrencyPairs": None},
    symbol_path="currency_pair",
    status_path="trade_status",
    # the same, CurrencyPair `trade_status`
    listing_statuses={
        "tradable": ListingStatus.TRADING,
        "buyable": ListingStatus.HALTED,
        "sellable": ListingStatus.HALTED,
        "untradable": ListingStatus.HALTED,
    },
)

_BY_CLIENT_ID = {**_USDT, "order_id": "$tagged"}
_LINEAR = MarketQuirks(
    lookup=(RestCall("privateFuturesGetSettleOrdersOrderId", _BY_CLIENT_ID),),
    cancel=RestCall("privateFuturesDeleteSettleOrdersOrderId", _BY_CLIENT_ID),
    open_orders=RestCall(
        "privateFuturesGetSettleOrders", {**_USDT, "status": "open", "contract": "$symbol"}
    ),
    open_pages=Paging("last_id", 100, "limit", last_row_path="id"),
    fills=FillsQuirks(
        call=RestCall(
            "privateFuturesGetSettleMyTradesTimerange",
            {**_USDT, "contract": "$symbol", **_WINDOW},
        ),
        # the same, MyFuturesTradeTimeRange
        fees=(FeeFields("fee", "$quote"), FeeFields("point_fee", "=POINT")),
        # the same, FuturesOrder, `text`: what the venue itself ordered
        kind_path="text",
        kinds={
            "liq": FillKind.LIQUIDATION,
            "pm_liquidate": FillKind.LIQUIDATION,
            "comb_margin_liquidate": FillKind.LIQUIDATION,
            "scm_liquidate": FillKind.LIQUIDATION,
            "auto_deleverag": FillKind.DELEVERAGING,
        },
        page_size=1000,
        window_s=30 * 86_400,
        retention_s=90 * 86_400,
        client_id="text",
        min_window_ms=1000,
    ),
    candles=CandlesQuirks(1999, in_contracts=True),
    placing=OrderQuirks(
        RestCall(
            "privateFuturesPostSettleOrders",
            {**_USDT, "contract": "$symbol", "size": "$signed_number", "text": "$tagged"},
        ),
        {**_styles("tif"), "market": {"price": "0", "tif": "ioc"}},
        "id",
        reduce_only={"reduce_only": True},
        # a hedged account tells a close from an opening by this flag alone
        hedge_reduce_only=False,
        close={"reduce_only": True},
    ),
    balance={"type": "swap"},
    positions=RestCall("privateFuturesGetSettlePositions", {**_USDT, "holding": True}),
    leverage=(
        RestCall(
            "privateFuturesPostSettlePositionsContractLeverage",
            {
                **_USDT,
                "contract": "$symbol",
                "leverage": "$own_leverage",
                "cross_leverage_limit": "$cross_leverage",
            },
        ),
    ),
    position_mode=RestCall("privateFuturesGetSettleAccounts", _USDT),
    position_mode_path="in_dual_mode",
    hedged_values=("mode", ("dual_long", "dual_short")),
    set_position_mode=RestCall(
        "privateFuturesPostSettleDualMode", {**_USDT, "dual_mode": "$hedge"}
    ),
    deadman=DeadManSwitch(
        RestCall("privateFuturesPostSettleCountdownCancelAll", {**_USDT, "timeout": "$seconds"}),
        least_s=5,
    ),
    rights=_rights("futures"),
    stream_key=RestCall("privateAccountGetDetail", {}, "user_id"),
    symbol_path="contract",
    close_paths=("is_close", "close"),
    close_side_path="auto_size",
    # the same, Contract `status`
    listing_statuses={
        "trading": ListingStatus.TRADING,
        "prelaunch": ListingStatus.PRELAUNCH,
        "delisting": ListingStatus.HALTED,
        "delisted": ListingStatus.DELISTED,
        "circuit_breaker": ListingStatus.HALTED,
    },
)

QUIRKS = VenueQuirks(
    venue="gate",
    notes=(
        "Our id travels as `t-` and the number; an order is looked up and cancelled by that.",
        "Futures count contracts (`quanto_multiplier`) with a sign for the side, candles too.",
        "Leverage 0 means cross, with a limit beside it.",
        "A market buy on spot is told in quote money.",
    ),
    options={
        "unifiedAccount": False,
        "swap": {"fetchMarkets": {"settlementCurrencies": ["usdt"]}},
    },
    kind_options={
        "spot": {"fetchMarkets": {"types": ["spot"]}},
        "linear": {"fetchMarkets": {"types": ["swap"]}},
    },
    # gate.com/docs/developers/apiv4, "Label list"
    codes=ErrorCodes(
        paths=("label",),
        message_paths=("message", "detail"),
        ok=(),
        duplicate=frozenset({"DUPLICATE_REQUEST", "REPEATED_CREATION", "CLIENT_ID_DUPLICATE"}),
        duplicate_texts=("text is duplicate", "duplicate text"),
        not_modified=frozenset({"NO_CHANGE", "POSITION_MODE_NOT_CHANGED"}),
        not_found=frozenset(
            {
                "ORDER_NOT_FOUND",
                "ORDER_CLOSED",
                "ORDER_CANCELLED",
                "ORDER_FINISHED",
                "CLIENT_ID_NOT_FOUND",
            }
        ),
        unknown=frozenset({"INTERNAL", "SERVER_ERROR", "TIMEOUT", "TOO_BUSY"}),
        limited=frozenset({"TOO_MANY_REQUESTS", "TOO_FAST"}),
        clock=frozenset({"REQUEST_EXPIRED", "INVALID_TIMESTAMP"}),
        busy=frozenset({"IN_MAINTENANCE"}),
        rejected=frozenset({"CONTRACT_IN_DELISTING"}),
        too_old_texts=("too long ago", "points recently"),
    ),
    markets={"spot": _SPOT, "linear": _LINEAR},
    # gate.com/docs/developers/apiv4: 200 in 10 s an end point; orders 10 a second (spot), 100
    # (futures), cancels 200
    rate_limits=(
        RateLimit("end point", 200, 10, RateLimitScope.ACCOUNT, per_endpoint=True),
        RateLimit("public", 200, 10, per_endpoint=True),
        RateLimit(
            "orders", 10, 1, RateLimitScope.ACCOUNT, ("spot",), orders_only=True, per_endpoint=True
        ),
        RateLimit(
            "orders",
            100,
            1,
            RateLimitScope.ACCOUNT,
            ("linear",),
            orders_only=True,
            per_endpoint=True,
        ),
    ),
    usage_headers=(UsageHeader("end point", left="x-gate-ratelimit-requests-remain"),),
    limit_reset_header="x-gate-ratelimit-reset-timestamp",
    margin_mode_values={MarginMode.CROSS: "cross", MarginMode.ISOLATED: "isolated"},
    position_mode_values=(True, False),
    client_id_prefix="t-",
    # apiv4, "APIv4 signed request requirements": the query string without URL encoding
    signs_unencoded=True,
    # the venue has no window of its own that a request could name
    window_ms=60_000,
)
