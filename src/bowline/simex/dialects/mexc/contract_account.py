"""MEXC contracts v1: assets, positions, leverage and modes."""

from __future__ import annotations

from bowline.core.model.values import Direction
from bowline.core.sim.exchange import RejectReason
from bowline.simex.dialects.mexc.contract_market import contract_of, listing_of
from bowline.simex.dialects.mexc.contract_render import (
    MARGIN_MODES,
    POSITION_MODES,
    asset_object,
    number,
    position_object,
    position_of,
)
from bowline.simex.dialects.mexc.contract_trading import set_margin_terms
from bowline.simex.dialects.mexc.errors import LINEAR_FIELDS, linear_error
from bowline.simex.venue_api import ApiCall, ApiError


def assets(call: ApiCall) -> object:
    """GET /api/v1/private/account/assets."""
    held = call.venue.view("linear").holdings(call.account)
    return [asset_object(each) for each in held]


def asset(call: ApiCall) -> object:
    """GET /api/v1/private/account/asset/{currency}."""
    return asset_object(
        call.venue.view("linear").holding(call.account, call.path_params["currency"])
    )


def positions(call: ApiCall) -> object:
    """GET /api/v1/private/position/open_positions."""
    wanted = listing_of(call).instrument.id if call.query.get("symbol") else None
    found = call.venue.view("linear").positions(call.account, wanted)
    return [position_object(call.venue, each) for each in found]


def leverage(call: ApiCall) -> object:
    """GET /api/v1/private/position/leverage: of both sides, which are one here."""
    listing = listing_of(call)
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    mode = next(word for word, mode in MARGIN_MODES.items() if mode is settings.margin_mode)
    return [
        {
            "symbol": listing.venue_symbol,
            "positionType": 1 if direction is Direction.LONG else 2,
            "openType": mode,
            "level": 1,
            "leverage": number(settings.leverage),
            "maxLeverageView": number(listing.max_leverage),
        }
        for direction in (Direction.LONG, Direction.SHORT)
    ]


def change_leverage(call: ApiCall) -> object:
    """POST /api/v1/private/position/change_leverage: by a position, or by what it would be."""
    fields = call.fields()
    wanted = LINEAR_FIELDS.decimal(fields, "leverage")
    if wanted is None or wanted % 1:
        raise ApiError(2006, "Leverage ratio error")
    mode = MARGIN_MODES.get(LINEAR_FIELDS.integer(fields, "openType", 0))
    if fields.get("positionId"):
        listing = position_of(call.venue, LINEAR_FIELDS.integer(fields, "positionId", 0))
        settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
        set_margin_terms(call, listing, mode or settings.margin_mode, wanted)
        return {}
    listing = contract_of(call.venue, fields.get("symbol", ""))
    if mode is None or fields.get("positionType") not in ("1", "2"):
        raise ApiError(600, "Parameter error! openType and positionType are required")
    set_margin_terms(call, listing, mode, wanted)
    return {}


def position_mode(call: ApiCall) -> object:
    """GET /api/v1/private/position/position_mode: of the whole account."""
    first = call.venue.listings("linear")[0].instrument.id
    mode = call.venue.view("linear").settings(call.account, first).position_mode
    return next(word for word, each in POSITION_MODES.items() if each is mode)


def change_position_mode(call: ApiCall) -> object:
    """POST /api/v1/private/position/change_position_mode."""
    mode = POSITION_MODES.get(LINEAR_FIELDS.integer(call.fields(), "positionMode", 0))
    if mode is None:
        raise ApiError(600, "Parameter error! positionMode")
    refused = call.venue.set_position_mode(call.account, mode)
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise linear_error(refused)
    return {}
