"""What is OKX's own over REST (API v5)."""

from __future__ import annotations

from bowline.core.venue import FillKind, ListingStatus, MarginMode
from bowline.venues.limits import Budget, Scope
from bowline.venues.rest.quirks import (
    Call,
    Candles,
    Codes,
    Deadman,
    FeeAt,
    Fills,
    MarketQuirks,
    Pages,
    Placing,
    Quirks,
    Rights,
)

_STATUS = {
    "live": ListingStatus.TRADING,
    "suspend": ListingStatus.HALTED,
    "rebase": ListingStatus.HALTED,
    "preopen": ListingStatus.PRELAUNCH,
    "test": ListingStatus.PRELAUNCH,
}
_ONE = {"instId": "$symbol", "clOrdId": "$id"}
_PRICED = {"px": "$price"}


def _fills(type_: str) -> Fills:
    return Fills(
        call=Call(
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
        page=100,
        window_s=90 * 86_400,
        keep_s=90 * 86_400,
        client_id="clOrdId",
        # okx.com/docs-v5, transaction details: negative is what is charged, positive a rebate
        fees=(FeeAt("fee", "feeCcy", rebate=1),),
        pages=Pages("after", 100, of_last="billId"),
        # the same, bill details, `subType`: liquidations from 100, deleveraging from 125
        kind_at="subType",
        kinds={"10": FillKind.LIQUIDATION, "12": FillKind.DELEVERAGING},
    )


def _placing(type_: str) -> Placing:
    swap = type_ == "SWAP"
    market = {"ordType": "market", **({} if swap else {"tgtCcy": "base_ccy"})}
    return Placing(
        Call(
            "privatePostTradeOrder",
            {
                **_ONE,
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
        lookup=(Call("privateGetTradeOrder", _ONE, "data"),),
        cancel=Call("privatePostTradeCancelOrder", _ONE, "data.0"),
        open_orders=Call(
            "privateGetTradeOrdersPending", {"instType": type_, "instId": "$symbol"}, "data"
        ),
        open_pages=Pages("after", 100, "limit", of_last="ordId"),
        fills=_fills(type_),
        candles=Candles(100),
        placing=_placing(type_),
        balance={},
        positions=Call("privateGetAccountPositions", {"instType": "SWAP"}, "data")
        if swap
        else None,
        leverage=(
            Call(
                "privatePostAccountSetLeverage",
                {"instId": "$symbol", "lever": "$leverage", "mgnMode": "$mode"},
            ),
        )
        if swap
        else (),
        position_mode=Call("privateGetAccountConfig", {}, "data") if swap else None,
        position_mode_at="0.posMode",
        hedge_when=("long_short_mode",),
        set_position_mode=Call("privatePostAccountSetPositionMode", {"posMode": "$hedge"})
        if swap
        else None,
        deadman=Deadman(
            Call("privatePostTradeCancelAllAfter", {"timeOut": "$seconds_text"}),
            least_s=10,
            most_s=120,
        ),
        rights=Rights(
            Call("privateGetAccountConfig", {}, "data.0"),
            trade="perm",
            trade_words=("trade",),
            withdraw="perm",
            withdraw_words=("withdraw",),
            ip="ip",
        ),
        symbol_at="instId",
        status_at="state",
        status_words=_STATUS,
    )


QUIRKS = Quirks(
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
    codes=Codes(
        at=("code",),
        inner="data.0.sCode",
        inner_message="data.0.sMsg",
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
    budgets=(
        Budget("orders", 60, 2, Scope.ACCOUNT, orders_only=True, each=True),
        Budget("requests", 10, 2, Scope.ACCOUNT, each=True),
        Budget("public", 20, 2, each=True),
    ),
    needs_password=True,
    margin_words={MarginMode.CROSS: "cross", MarginMode.ISOLATED: "isolated"},
    hedge_words=("long_short_mode", "net_mode"),
)
