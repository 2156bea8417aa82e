"""Binance's account endpoints: the spot wallet, and the futures wallet with its positions."""

from __future__ import annotations

from collections import defaultdict

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction
from bowline.core.sim.exchange import Holding, PositionSnapshot, Rejection, RejectReason
from bowline.core.venue import Listing, MarginMode, PositionMode
from bowline.simex.cancel_all_timer import CancelAllTimer
from bowline.simex.dialects.binance.errors import FIELDS, error_for, missing
from bowline.simex.dialects.binance.fees_and_tiers import most_value
from bowline.simex.dialects.binance.render import linear_position
from bowline.simex.dialects.binance.request_fields import (
    fields_of,
    listing_in,
    listings_in,
    number_in,
)
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue, dialect_state
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms, plain

_MARGIN_MODES = {"ISOLATED": MarginMode.ISOLATED, "CROSSED": MarginMode.CROSS}
_HOUR_NS = 3_600_000_000_000


class BinanceAccountState:
    """The listen key and when it expires, and the cancel-all timer of each symbol."""

    def __init__(self) -> None:
        self.listen_key = ""
        self.key_until_ns = 0
        self.timers: defaultdict[InstrumentId, CancelAllTimer] = defaultdict(CancelAllTimer)


def spot_account(call: ApiCall) -> object:
    """GET /api/v3/account."""
    bare = fields_of(call).get("omitZeroBalances") == "true"
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000", "taker": "0.00100000",
            "buyer": "0.00000000", "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": ms(call.now_ns),
        "accountType": "SPOT",
        "balances": [
            {"asset": each.asset, "free": plain(each.free), "locked": plain(each.locked)}
            for each in call.venue.view("spot").holdings(call.account)
            if each.total or not bare
        ],
        "permissions": ["SPOT"],
        "uid": int(call.venue.credentials.user_id),
    }  # fmt: skip


def restrictions(call: ApiCall) -> object:
    """GET /sapi/v1/account/apiRestrictions: the test key trades, and cannot withdraw."""
    return {
        "ipRestrict": True,
        "createTime": ms(call.now_ns),
        "enableReading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": True,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": True,
        "enablePortfolioMarginTrading": False,
    }


def linear_account(call: ApiCall) -> object:
    """GET /fapi/v2 and v3/account: assets, and the positions that are open."""
    view = call.venue.view("linear")
    holdings = view.holdings(call.account)
    money = next((each for each in holdings if each.asset == "USDT"), None)
    words: JsonObject = {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": False,
        "canWithdraw": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
    } | ({} if money is None else _totals(money))
    words["assets"] = [_asset(each, ms(call.now_ns)) for each in holdings]
    words["positions"] = [
        linear_position(call.venue, each) for each in view.positions(call.account)
    ]
    return words


def _totals(money: Holding) -> JsonObject:
    margin = plain(money.margin)
    return {
        "totalInitialMargin": margin,
        "totalMaintMargin": "0",
        "totalWalletBalance": plain(money.total),
        "totalUnrealizedProfit": plain(money.unrealised),
        "totalMarginBalance": plain(money.total + money.unrealised),
        "totalPositionInitialMargin": margin,
        "totalOpenOrderInitialMargin": "0",
        "totalCrossWalletBalance": plain(money.total),
        "totalCrossUnPnl": plain(money.unrealised),
        "availableBalance": plain(money.free),
        "maxWithdrawAmount": plain(money.free),
    }


def _asset(holding: Holding, now_ms: int) -> JsonObject:
    return {
        "asset": holding.asset,
        "walletBalance": plain(holding.total),
        "unrealizedProfit": plain(holding.unrealised),
        "marginBalance": plain(holding.total + holding.unrealised),
        "maintMargin": "0",
        "initialMargin": plain(holding.margin),
        "positionInitialMargin": plain(holding.margin),
        "openOrderInitialMargin": "0",
        "crossWalletBalance": plain(holding.total),
        "crossUnPnl": plain(holding.unrealised),
        "availableBalance": plain(holding.free),
        "maxWithdrawAmount": plain(holding.free),
        "marginAvailable": True,
        "updateTime": now_ms,
    }


def linear_balance(call: ApiCall) -> object:
    """GET /fapi/v2 and v3/balance."""
    return [
        {
            "accountAlias": "SgsR",
            "asset": each.asset,
            "balance": plain(each.total),
            "crossWalletBalance": plain(each.total),
            "crossUnPnl": plain(each.unrealised),
            "availableBalance": plain(each.free),
            "maxWithdrawAmount": plain(each.free),
            "marginAvailable": True,
            "updateTime": ms(call.now_ns),
        }
        for each in call.venue.view("linear").holdings(call.account)
    ]


def positions(call: ApiCall) -> object:
    """GET /fapi/v3/positionRisk: the positions that are open."""
    chosen = {each.instrument.id for each in listings_in(call, fields_of(call))}
    found = call.venue.view("linear").positions(call.account)
    return [linear_position(call.venue, each) for each in found if each.instrument in chosen]


def positions_with_flat(call: ApiCall) -> object:
    """GET /fapi/v2/positionRisk: every symbol, with leverage and margin type."""
    rows = []
    for listing in listings_in(call, fields_of(call)):
        for each in positions_of_symbol(call.venue, call.account, listing):
            isolated = each.margin_mode is MarginMode.ISOLATED
            rows.append(
                linear_position(call.venue, each)
                | {
                    "leverage": plain(each.leverage),
                    "marginType": "isolated" if isolated else "cross",
                    "isAutoAddMargin": "false",
                    "maxNotionalValue": most_value(each.leverage),
                }
            )
    return rows


def positions_of_symbol(
    venue: SimulatedVenue, account: str, listing: Listing
) -> list[PositionSnapshot]:
    """The one-way position, or the two of hedge mode; flat ones too."""
    instrument, view = listing.instrument.id, venue.view("linear")
    settings = view.settings(account, instrument)
    found = {each.direction: each for each in view.positions(account, instrument)}
    one_way = settings.position_mode is PositionMode.ONE_WAY
    if one_way and found:
        return list(found.values())
    ways = (Direction.NEUTRAL,) if one_way else (Direction.LONG, Direction.SHORT)
    return [
        found.get(way)
        or PositionSnapshot(
            account, instrument, settings.position_mode, way, ZERO, ZERO, ZERO,
            settings.margin_mode, settings.leverage, ZERO, 0, venue.ticker(instrument).mark,
        )
        for way in ways
    ]  # fmt: skip


def position_mode(call: ApiCall) -> object:
    """GET positionSide/dual."""
    return {"dualSidePosition": _hedged(call)}


def _hedged(call: ApiCall) -> bool:
    view = call.venue.view("linear")
    modes = {
        view.settings(call.account, each.instrument.id).position_mode
        for each in call.venue.listings("linear")
    }
    return modes == {PositionMode.HEDGE}


def set_position_mode(call: ApiCall) -> object:
    """POST positionSide/dual: of the whole account."""
    wanted = fields_of(call).get("dualSidePosition", "").lower()
    if wanted not in ("true", "false"):
        raise missing("dualSidePosition")
    mode = PositionMode.HEDGE if wanted == "true" else PositionMode.ONE_WAY
    refused = call.venue.set_position_mode(call.account, mode)
    if refused is not None and refused.reason is RejectReason.NOT_MODIFIED:
        raise ApiError(-4059, "No need to change position side.")
    if refused is not None and refused.reason is RejectReason.MODE_IN_USE:
        if call.venue.view("linear").open_orders(call.account):
            raise ApiError(-4067, "Position side cannot be changed if there exists open orders.")
        raise ApiError(-4068, "Position side cannot be changed if there exists position.")
    return _done(refused)


def set_margin_type(call: ApiCall) -> object:
    """POST marginType."""
    fields = fields_of(call)
    instrument = listing_in(call, fields).instrument.id
    mode = _MARGIN_MODES.get(fields.get("marginType", ""))
    if mode is None:
        raise missing("marginType")
    refused = call.venue.set_margin_mode(call.account, instrument, mode)
    if refused is not None and refused.reason is RejectReason.NOT_MODIFIED:
        raise ApiError(-4046, "No need to change margin type.")
    if refused is not None and refused.reason is RejectReason.MODE_IN_USE:
        if call.venue.view("linear").open_orders(call.account, instrument):
            raise ApiError(-4047, "Margin type cannot be changed if there exists open orders.")
        raise ApiError(-4048, "Margin type cannot be changed if there exists position.")
    return _done(refused)


def _done(refused: Rejection | None) -> JsonObject:
    if refused is not None:
        raise error_for("linear", refused)
    return {"code": 200, "msg": "success"}


def set_leverage(call: ApiCall) -> object:
    """POST leverage: the same again is fine."""
    fields = fields_of(call)
    listing = listing_in(call, fields)
    leverage = number_in(fields, "leverage")
    refused = call.venue.set_leverage(call.account, listing.instrument.id, leverage)
    if refused is not None and refused.reason is RejectReason.LEVERAGE_TOO_HIGH:
        raise ApiError(-4028, f"Leverage {plain(leverage)} is not valid")
    if refused is not None and refused.reason is RejectReason.INSUFFICIENT_FUNDS:
        raise ApiError(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise error_for("linear", refused)
    return {
        "symbol": listing.venue_symbol,
        "leverage": int(leverage),
        "maxNotionalValue": most_value(leverage),
    }


def symbol_config(call: ApiCall) -> object:
    """GET symbolConfig: leverage and margin type, which the positions do not tell."""
    view, modes = call.venue.view("linear"), {mode: word for word, mode in _MARGIN_MODES.items()}
    shown = []
    for listing in listings_in(call, fields_of(call)):
        settings = view.settings(call.account, listing.instrument.id)
        shown.append(
            {
                "symbol": listing.venue_symbol,
                "marginType": modes[settings.margin_mode],
                "isAutoAddMargin": False,
                "leverage": int(settings.leverage),
                "maxNotionalValue": most_value(settings.leverage),
            }
        )
    return shown


def countdown_cancel_all(call: ApiCall) -> object:
    """POST countdownCancelAll: a symbol's orders go unless this is said again in time."""
    fields, venue, account = fields_of(call), call.venue, call.account
    listing = listing_in(call, fields)
    wait_ms = FIELDS.integer(fields, "countdownTime", -1)
    if wait_ms < 0:
        raise missing("countdownTime")
    timer = dialect_state(venue, BinanceAccountState).timers[listing.instrument.id]
    if wait_ms:
        timer.start(venue, account, wait_ms / 1_000, ("linear",), listing.instrument.id)
    else:
        timer.stop()
    return {"symbol": listing.venue_symbol, "countdownTime": str(wait_ms)}


def open_listen_key(call: ApiCall) -> object:
    """POST and PUT listenKey: another hour. The same key as long as one is good."""
    venue = call.venue
    if call.method == "PUT" and not listen_key(venue):
        raise ApiError(-1125, "This listenKey does not exist.")
    if not listen_key(venue):
        dialect_state(
            venue, BinanceAccountState
        ).listen_key = f"{venue.credentials.password}{venue.scheduler.now_ns:x}"
    dialect_state(venue, BinanceAccountState).key_until_ns = venue.scheduler.now_ns + _HOUR_NS
    return {"listenKey": listen_key(venue)}


def close_listen_key(call: ApiCall) -> object:
    """DELETE listenKey."""
    dialect_state(call.venue, BinanceAccountState).listen_key = ""
    return {}


def listen_key(venue: SimulatedVenue) -> str:
    """The listen key that is good now; empty if none is."""
    kept = dialect_state(venue, BinanceAccountState)
    return kept.listen_key if venue.scheduler.now_ns < kept.key_until_ns else ""
