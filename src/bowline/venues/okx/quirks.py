"""The quirk table of OKX over REST (API v5)."""

from __future__ import annotations

from bowline.core.venue import FillKind, ListingStatus, MarginMode
from bowline.venues.rate_limits import RateLimit, RateLimitScope
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

#: okx.com/docs-v5, "Get instruments": `state`
_STATUS = {
    "live": ListingStatus.TRADING,
    "suspend": ListingStatus.HALTED,
    "rebase": ListingStatus.HALTED,
    "preopen": ListingStatus.PRELAUNCH,
    "test": ListingStatus.PRELAUNCH,
}
_BY_CLIENT_ID = {"instId": "$symbol", "clOrdId": "$id"}
_PRICED = {"px": "$price"}


def _fills(type_: str) -> FillsQuirks:
    return FillsQuirks(
        call=RestCall(
            "privateGetTradeFillsHistory",
            {
                "instType": type_,
                "instId": "$symbol",
                "begin": "$since",
                "end": "$until",
                "limit": 100,
            },
            "data",
        ),
        page_size=100,
        window_s=90 * 86_400,
        retention_s=90 * 86_400,
        client_id="clOrdId",
        # okx.com/docs-v5, transaction details: negative is what is charged, positive a rebate
        fees=(FeeFields("fee", "feeCcy", rebate_sign=1),),
        pages=Paging("after", 100, last_row_path="billId"),
        # the same, bill details, `subType`: liquidations from 100, deleveraging from 125
        kind_path="subType",
        kinds={"10": FillKind.LIQUIDATION, "12": FillKind.DELEVERAGING},
    )


def _placing(type_: str) -> OrderQuirks:
    swap = type_ == "SWAP"
    market = {"ordType": "market", **({} if swap else {"tgtCcy": "base_ccy"})}
    return OrderQuirks(
        RestCall(
            "privatePostTradeOrder",
            {
                **_BY_CLIENT_ID,
                "tdMode": "$mode" if swap else "cash",
                "side": "$side",
                "sz": "$quantity",
            },
            "data.0",
        ),
        # stops are orders of another kind, with ids of their own: they are not sent
        {
            "gtc": {"ordType": "limit", **_PRICED},
            "ioc": {"ordType": "ioc", **_PRICED},
            "fok": {"ordType": "fok", **_PRICED},
            "post_only": {"ordType": "post_only", **_PRICED},
            "market": market,
        },
        "ordId",
        one_way={"posSide": "net"} if swap else {},
        hedge={"posSide": "$position"},
        reduce_only={"reduceOnly": True} if swap else {},
    )


def _market(type_: str) -> MarketQuirks:
    swap = type_ == "SWAP"
    return MarketQuirks(
        lookup=(RestCall("privateGetTradeOrder", _BY_CLIENT_ID, "data"),),
        cancel=RestCall("privatePostTradeCancelOrder", _BY_CLIENT_ID, "data.0"),
        open_orders=RestCall(
            "privateGetTradeOrdersPending", {"instType": type_, "instId": "$symbol"}, "data"
        ),
        open_pages=Paging("after", 100, "limit", last_row_path="ordId"),
        fills=_fills(type_),
        candles=CandlesQuirks(100),
        placing=_placing(type_),
        balance={},
        positions=RestCall("privateGetAccountPositions", {"instType": "SWAP"}, "data")
        if swap
        else None,
        leverage=(
            RestCall(
                "privatePostAccountSetLeverage",
                {"instId": "$symbol", "lever": "$leverage", "mgnMode": "$mode"},
            ),
        )
        if swap
        else (),
        position_mode=RestCall("privateGetAccountConfig", {}, "data") if swap else None,
        position_mode_path="0.posMode",
        hedge_values=("long_short_mode",),
        set_position_mode=RestCall("privatePostAccountSetPositionMode", {"posMode": "$hedge"})
        if swap
        else None,
        deadman=DeadManSwitch(
            RestCall("privatePostTradeCancelAllAfter", {"timeOut": "$seconds_text"}),
            least_s=10,
            most_s=120,
        ),
        rights=KeyRightsQuirks(
            RestCall("privateGetAccountConfig", {}, "data.0"),
            trade="perm",
            trade_values=("trade",),
            withdraw="perm",
            withdraw_values=("withdraw",),
            ip="ip",
        ),
        symbol_path="instId",
        status_path="state",
        listing_statuses=_STATUS,
    )


QUIRKS = VenueQuirks(
    venue="okx",
    notes=(
        "Swaps count contracts (`ctVal`); candles' volume is taken in base units.",
        "Isolated margin of a hedged account wants a side for its leverage: set it one-way.",
        "A refused order has code 1, and the reason inside the reply.",
        "Stops are orders of another kind with other ids: none is sent.",
    ),
    options={"createOrder": "privatePostTradeOrder"},
    kind_options={
        "spot": {"fetchMarkets": {"types": ["spot"]}},
        "linear": {"fetchMarkets": {"types": ["swap"]}},
    },
    # okx.com/docs-v5, "Error Code", REST API
    codes=ErrorCodes(
        paths=("code",),
        inner_path="data.0.sCode",
        inner_message_path="data.0.sMsg",
        duplicate=frozenset({"51011", "51016"}),
        not_modified=frozenset({"59110"}),
        not_found=frozenset({"51603", "51400", "51401", "51402", "51503"}),
        # busy, timed out; 51410: it is being cancelled, and may still fill
        unknown=frozenset({"50004", "50001", "50013", "50026", "51054", "51149", "51410"}),
        limited=frozenset({"50011", "50040", "50061"}),
        clock=frozenset({"50102", "50112", "50113"}),
        # nothing to reduce; leverage above what is allowed
        rejected=frozenset({"51169", "59102"}),
    ),
    markets={"spot": _market("SPOT"), "linear": _market("SWAP")},
    # okx.com/docs-v5: 60 in 2 s to place, as many to cancel; the least of what we read is 5 in 2 s
    rate_limits=(
        RateLimit("orders", 60, 2, RateLimitScope.ACCOUNT, orders_only=True, per_endpoint=True),
        RateLimit("requests", 10, 2, RateLimitScope.ACCOUNT, per_endpoint=True),
        RateLimit("public", 20, 2, per_endpoint=True),
    ),
    needs_password=True,
    margin_mode_values={MarginMode.CROSS: "cross", MarginMode.ISOLATED: "isolated"},
    position_mode_values=("long_short_mode", "net_mode"),
)
