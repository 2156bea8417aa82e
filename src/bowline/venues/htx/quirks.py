"""The quirk table of HTX over REST: spot v1 and USDT-margined swaps v5."""

from __future__ import annotations

from bowline.core.venue import ListingStatus, MarginMode
from bowline.venues.rate_limits import RateLimit, RateLimitScope, UsageHeader
from bowline.venues.rest.quirks import (
    CandlesQuirks,
    DeadManSwitch,
    ErrorCodes,
    FeeFields,
    FillsQuirks,
    MarketQuirks,
    OrderQuirks,
    Paging,
    RestCall,
    VenueQuirks,
)

_PRICED = {"price": "$price"}

_SPOT = MarketQuirks(
    lookup=(
        RestCall("spotPrivateGetV1OrderOrdersGetClientOrder", {"clientOrderId": "$id"}, "data"),
    ),
    # it answers yes and says in a number whether there was anything to cancel
    cancel=RestCall(
        "spotPrivatePostV1OrderOrdersSubmitCancelClientOrder",
        {"client-order-id": "$id"},
        "data",
        refusal_values=("-1", "0", "5", "6", "7"),
    ),
    open_orders=RestCall(
        "spotPrivateGetV1OrderOpenOrders",
        {"account-id": "$account", "symbol": "$symbol"},
        "data",
    ),
    open_pages=Paging("from", 500, "size", last_row_path="id", next_params={"direct": "next"}),
    fills=FillsQuirks(
        call=RestCall(
            "spotPrivateGetV1OrderMatchresults",
            {
                "symbol": "$symbol",
                "start-time": "$since",
                "end-time": "$until",
                "size": 500,
            },
            "data",
        ),
        page_size=500,
        window_s=2 * 86_400,
        retention_s=60 * 86_400,
        # huobiapi.github.io/docs/spot, match results: `filled-fees` is 0 where HT or points were
        # deducted, and negative for a rebate
        fees=(
            FeeFields("filled-fees", "fee-currency"),
            FeeFields("filled-points", "fee-deduct-currency"),
        ),
        pages=Paging("from", 500, last_row_path="id", next_params={"direct": "next"}),
    ),
    candles=CandlesQuirks(1000),
    placing=OrderQuirks(
        RestCall(
            "spotPrivatePostV1OrderOrdersPlace",
            {
                "account-id": "$account",
                "symbol": "$symbol",
                "amount": "$quantity",
                "source": "spot-api",
                "client-order-id": "$id",
            },
        ),
        {
            "gtc": {"type": "$side-limit", **_PRICED},
            "ioc": {"type": "$side-ioc", **_PRICED},
            "fok": {"type": "$side-limit-fok", **_PRICED},
            "post_only": {"type": "$side-limit-maker", **_PRICED},
            "market": {"type": "$side-market"},
        },
        "data",
        base_market_buys=False,
    ),
    balance={"type": "spot"},
    deadman=DeadManSwitch(
        RestCall("v2PrivatePostAlgoOrdersCancelAllAfter", {"timeout": "$seconds"}), least_s=5
    ),
    needs_account=True,
    status_path="state",
    # huobiapi.github.io/docs, spot `state` of a symbol
    listing_statuses={
        "online": ListingStatus.TRADING,
        "pre-online": ListingStatus.PRELAUNCH,
        "suspend": ListingStatus.HALTED,
        "offline": ListingStatus.DELISTED,
        "transfer-board": ListingStatus.HALTED,
        "fuse": ListingStatus.HALTED,
    },
)

_BY_CLIENT_ID = {"contract_code": "$symbol", "client_order_id": "$number"}
_LIMIT = {"type": "limit", "price": "$price"}
_LINEAR = MarketQuirks(
    lookup=(
        RestCall(
            "contractPrivateGetV5TradeOrder", {**_BY_CLIENT_ID, "margin_mode": "$mode"}, "data"
        ),
    ),
    cancel=RestCall("contractPrivatePostV5TradeCancelOrder", _BY_CLIENT_ID),
    open_orders=RestCall(
        "contractPrivateGetV5TradeOrderOpens", {"contract_code": "$symbol"}, "data"
    ),
    open_pages=Paging("from", 100, "limit", last_row_path="id", next_params={"direct": "next"}),
    fills=FillsQuirks(
        call=RestCall(
            "contractPrivateGetV5TradeOrderDetails",
            {
                "contract_code": "$symbol",
                "start_time": "$since",
                "end_time": "$until",
                "limit": 100,
            },
            "data",
        ),
        page_size=100,
        window_s=2 * 86_400,
        retention_s=90 * 86_400,
        client_id="client_order_id",
        # `trade_id` is the match: a taker that meets several makers has one for all of its fills
        # (htx.com/en-us/opend, linear swaps, get detail information of order)
        trade_id="id",
        # v5 tells what was paid as a positive number, v1 and what ccxt still expects a negative
        fees=(FeeFields("trade_fee", "fee_currency", "$quote"),),
        pages=Paging("from", 100, last_row_path="id", next_params={"direct": "next"}),
    ),
    # with a size it would ignore the window and tell the latest
    candles=CandlesQuirks(1999, sends_limit=False),
    placing=OrderQuirks(
        RestCall(
            "contractPrivatePostV5TradeOrder",
            {
                **_BY_CLIENT_ID,
                "margin_mode": "$mode",
                "side": "$side",
                "volume": "$quantity",
            },
            "data",
        ),
        {
            "gtc": {**_LIMIT, "time_in_force": "gtc"},
            "ioc": {**_LIMIT, "time_in_force": "ioc"},
            "fok": {**_LIMIT, "time_in_force": "fok"},
            "post_only": {"type": "post_only", "price": "$price"},
            "market": {"type": "market"},
        },
        "order_id",
        one_way={"position_side": "both"},
        hedge={"position_side": "$position"},
        reduce_only={"reduce_only": 1},
    ),
    balance={"type": "swap"},
    positions=RestCall("contractPrivateGetV5TradePositionOpens", {}, "data"),
    leverage=(
        RestCall(
            "contractPrivatePostV5PositionLever",
            {
                "contract_code": "$symbol",
                "margin_mode": "$mode",
                "lever_rate": "$leverage_int",
            },
        ),
    ),
    position_mode=RestCall("contractPrivateGetV5PositionMode", {}, "data"),
    position_mode_path="position_mode",
    hedged_values=("position_side", ("long", "short")),
    hedge_values=("dual_side",),
    set_position_mode=RestCall("contractPrivatePostV5PositionMode", {"position_mode": "$hedge"}),
    deadman=DeadManSwitch(
        RestCall("contractPrivatePostV5TradeCancelAfter", {"on_off": "$on", "time_out": "$ms"}),
        least_s=5,
    ),
    symbol_path="contract_code",
    order_id_path="order_id",
    status_path="contract_status",
    # huobiapi.github.io/docs, usdt_swap: `contract_status`
    listing_statuses={
        "1": ListingStatus.TRADING,
        "2": ListingStatus.PRELAUNCH,
        "3": ListingStatus.HALTED,
        "4": ListingStatus.HALTED,
        "5": ListingStatus.HALTED,
        "6": ListingStatus.HALTED,
        "7": ListingStatus.HALTED,
        "8": ListingStatus.HALTED,
        "0": ListingStatus.DELISTED,
    },
)

QUIRKS = VenueQuirks(
    venue="htx",
    notes=(
        "Swaps take an integer for a client id and no text; ours are integers for that reason.",
        "Swaps count contracts (`contract_size`).",
        "Spot wants the number of the account: it is asked for once.",
        "A spot cancel says yes and, in a number, whether there was anything left to cancel.",
        "What a key may do is not told without the user's number: the worst is assumed.",
    ),
    kind_options={
        "spot": {"fetchMarkets": {"types": {"spot": True, "linear": False, "inverse": False}}},
        "linear": {"fetchMarkets": {"types": {"spot": False, "linear": True, "inverse": False}}},
    },
    # huobiapi.github.io/docs, "Error Code" of spot and usdt_swap; 4004: not found there
    codes=ErrorCodes(
        paths=("err-code", "err_code", "code"),
        message_paths=("err-msg", "err_msg", "message"),
        ok=("200", "0"),
        duplicate=frozenset({"1077", "client-order-id-duplicate", "order-duplicate"}),
        duplicate_texts=(
            "Client order id is duplicated",
            "client_order_id is repeated",
            "duplicate client",
        ),
        not_modified=frozenset({"1232"}),
        not_found=frozenset(
            {
                "base-record-invalid",
                "order-orderstate-error",
                "order-queryorder-invalid",
                "1017",
                "1061",
                "1071",
                "base-not-found",
            }
        ),
        # 1067 calls the id invalid: ours never is, so that it says something else
        unknown=frozenset(
            {"1000", "1002", "1004", "1031", "1067", "1083", "500", "base-system-error"}
        ),
        limited=frozenset({"1032", "1084", "too-many-request", "4004", "429"}),
        clock=frozenset({"timestamp-invalid"}),
        # 403 is a wrong key too
        clock_texts=("imestamp",),
        busy=frozenset({"system-maintenance"}),
        rejected=frozenset({"api-signature-not-valid", "403", "1014", "1030", "1034", "1037"}),
    ),
    markets={"spot": _SPOT, "linear": _LINEAR},
    # huobiapi.github.io/docs: spot 100 in 2 s an account for orders, 10 a second an address for
    # the rest; swaps 36 (trade) and 72 (read) in 3 s an account
    rate_limits=(
        RateLimit("requests", 20, 2, kinds=("spot",), per_endpoint=True),
        RateLimit(
            "orders", 100, 2, RateLimitScope.ACCOUNT, ("spot",), orders_only=True, per_endpoint=True
        ),
        RateLimit("requests", 72, 3, RateLimitScope.ACCOUNT, ("linear",)),
        RateLimit("orders", 36, 3, RateLimitScope.ACCOUNT, ("linear",), orders_only=True),
    ),
    usage_headers=(
        UsageHeader("requests", left="ratelimit-remaining"),
        UsageHeader("orders", left="x-hb-ratelimit-requests-remain"),
    ),
    limit_reset_header="ratelimit-reset",
    margin_mode_values={MarginMode.CROSS: "cross", MarginMode.ISOLATED: "isolated"},
    position_mode_values=("dual_side", "single_side"),
    # the venue grants five minutes around the time stamp
    window_ms=300_000,
)
