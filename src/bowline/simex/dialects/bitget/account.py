"""Bitget v2 account and position endpoints: two accounts, spot and USDT futures."""

from __future__ import annotations

from bowline.core.sim.exchange import RejectReason
from bowline.core.venue import Listing, PositionMode
from bowline.simex.dialects.bitget.market import kind_asked, listing_of
from bowline.simex.dialects.bitget.render import (
    FIELDS,
    MARGIN_MODES,
    POSITION_MODES,
    coin_object,
    error_for,
    margin_object,
    position_object,
    wrong,
)
from bowline.simex.dialects.bitget.trading import MODES, margin_mode_in_use
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import plain

_POSITION_MODES = {word: mode for mode, word in POSITION_MODES.items()}


def key_rights(call: ApiCall) -> object:
    """GET /api/v2/spot/account/info: the test key trades, and cannot withdraw."""
    return {
        "userId": call.venue.credentials.user_id,
        "inviterId": "",
        "ips": "127.0.0.1",
        "authorities": ["coow", "stow"],
        "parentId": int(call.venue.credentials.user_id),
        "traderType": "not_trader",
        "channelCode": "",
        "channel": "",
        "regisTime": "1704067200000",
    }


def assets(call: ApiCall) -> object:
    """GET /api/v2/spot/account/assets."""
    wanted = call.query.get("coin", "").upper()
    return [
        coin_object(each, call.now_ns)
        for each in call.venue.view("spot").holdings(call.account)
        if wanted in ("", each.asset)
    ]


def accounts(call: ApiCall) -> object:
    """GET /api/v2/mix/account/accounts."""
    if kind_asked(call, call.query) != "linear":
        return []
    return [margin_object(each) for each in call.venue.view("linear").holdings(call.account)]


def account(call: ApiCall) -> object:
    """GET /api/v2/mix/account/account: the account as it trades a symbol."""
    listing = listing_of(call, call.query)
    view = call.venue.view("linear")
    settings = view.settings(call.account, listing.instrument.id)
    return margin_object(view.holding(call.account, listing.quote)) | _leverages(call, listing) | {
        "marginMode": MARGIN_MODES[settings.margin_mode],
        "posMode": POSITION_MODES[settings.position_mode],
    }  # fmt: skip


def _leverages(call: ApiCall, listing: Listing) -> dict[str, object]:
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    leverage = plain(settings.leverage)
    return {
        "crossedMarginLeverage": leverage,
        "isolatedLongLever": leverage,
        "isolatedShortLever": leverage,
    }


def all_positions(call: ApiCall) -> object:
    """GET /api/v2/mix/position/all-position: those that are open."""
    if kind_asked(call, call.query) != "linear":
        return []
    coin = call.query.get("marginCoin", "").upper()
    return [
        position_object(call.venue, each)
        for each in call.venue.view("linear").positions(call.account)
        if coin in ("", call.venue.listing(each.instrument).quote)
    ]


def single_position(call: ApiCall) -> object:
    """GET /api/v2/mix/position/single-position: of one symbol, if it is open."""
    listing = listing_of(call, call.query)
    found = call.venue.view("linear").positions(call.account, listing.instrument.id)
    return [position_object(call.venue, each) for each in found]


def set_leverage(call: ApiCall) -> object:
    """POST /api/v2/mix/account/set-leverage: what is so already is a success."""
    fields = call.fields()
    listing = listing_of(call, fields)
    said = [name for name in ("leverage", "longLeverage", "shortLeverage") if name in fields]
    leverages = {FIELDS.decimal(fields, name) for name in said}
    leverage = leverages.pop() if len(leverages) == 1 else None
    if leverage is None:
        raise wrong("leverage: one for both sides is played here")
    refused = call.venue.set_leverage(call.account, listing.instrument.id, leverage)
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise error_for("linear", refused.reason, refused.message)
    return _modes(call, listing)


def set_margin_mode(call: ApiCall) -> object:
    """POST /api/v2/mix/account/set-margin-mode: what is so already is a success."""
    fields = call.fields()
    listing, mode = listing_of(call, fields), MODES.get(fields.get("marginMode", ""))
    if mode is None:
        raise wrong("marginMode")
    # "Change Margin Mode" forbids it while a position or an order is open; what changes nothing is
    # taken nevertheless: freqtrade sends it before every order and ends on a error
    refused = call.venue.set_margin_mode(call.account, listing.instrument.id, mode)
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise margin_mode_in_use()
    return _modes(call, listing)


def _modes(call: ApiCall, listing: Listing) -> dict[str, object]:
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    leverage = plain(settings.leverage)
    return {
        "symbol": listing.venue_symbol,
        "marginCoin": listing.quote,
        "longLeverage": leverage,
        "shortLeverage": leverage,
        "crossMarginLeverage": leverage,
        "marginMode": MARGIN_MODES[settings.margin_mode],
    }


def set_position_mode(call: ApiCall) -> object:
    """POST /api/v2/mix/account/set-position-mode: of the whole product."""
    fields = call.fields()
    mode: PositionMode | None = _POSITION_MODES.get(fields.get("posMode", ""))
    if kind_asked(call, fields) != "linear" or mode is None:
        raise wrong("posMode")
    refused = call.venue.set_position_mode(call.account, mode)
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        words = "Position or order exists, the position mode cannot be switched"
        raise ApiError("40920", words)
    return {"posMode": fields["posMode"]}
