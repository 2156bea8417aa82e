"""HTX swap account and positions (v5)."""

from __future__ import annotations

from decimal import Decimal

from bowline.core.sim.exchange import RejectReason
from bowline.core.venue import MarginMode, PositionMode
from bowline.simex.dialects.htx.errors import SWAP_FIELDS, error_for, invalid
from bowline.simex.dialects.htx.market import requested_listing
from bowline.simex.dialects.htx.swap_render import MODES, account_object, position_object
from bowline.simex.dialects.htx.swap_trading import MODES_IN, set_mode
from bowline.simex.venue_api import ApiCall

_POSITION_MODES = {"single_side": PositionMode.ONE_WAY, "dual_side": PositionMode.HEDGE}


def balance(call: ApiCall) -> object:
    """GET /v5/account/balance."""
    return account_object(call.venue, call.venue.view("linear").holding(call.account, "USDT"))


def positions(call: ApiCall) -> object:
    """GET /v5/trade/position/opens: those that are not flat."""
    wanted = (
        requested_listing(call, call.query).instrument.id
        if call.query.get("contract_code")
        else None
    )
    held = call.venue.view("linear").positions(call.account, wanted)
    return [position_object(call.venue, each) for each in held]


def leverage(call: ApiCall) -> object:
    """GET /v5/position/lever."""
    wanted = call.query.get("contract_code", "")
    view = call.venue.view("linear")
    rows = []
    for listing in call.venue.listings("linear"):
        if wanted in ("", listing.venue_symbol):
            settings = view.settings(call.account, listing.instrument.id)
            rows.append(_lever(listing.venue_symbol, settings.margin_mode, settings.leverage))
    return rows


def _lever(word: str, mode: MarginMode, rate: Decimal) -> dict[str, object]:
    return {"contract_code": word, "margin_mode": MODES[mode], "lever_rate": int(rate)}


def set_leverage(call: ApiCall) -> object:
    """POST /v5/position/lever: of a contract in a margin mode."""
    fields = call.fields()
    listing, rate = requested_listing(call, fields), SWAP_FIELDS.decimal(fields, "lever_rate")
    mode = MODES_IN.get(fields.get("margin_mode", ""))
    if rate is None or rate % 1 or mode is None:
        raise invalid("linear", "invalid lever_rate or margin_mode")
    set_mode(call, listing, mode)
    refused = call.venue.set_leverage(call.account, listing.instrument.id, rate)
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise error_for("linear", refused.reason, refused.message)
    return _lever(listing.venue_symbol, mode, rate)


def position_mode(call: ApiCall) -> object:
    """GET /v5/position/mode: of the whole account."""
    first = call.venue.listings("linear")[0].instrument.id
    mode = call.venue.view("linear").settings(call.account, first).position_mode
    return {"position_mode": {each: word for word, each in _POSITION_MODES.items()}[mode]}


def set_position_mode(call: ApiCall) -> object:
    """POST /v5/position/mode."""
    word = call.fields().get("position_mode", "")
    if word not in _POSITION_MODES:
        raise invalid("linear", "invalid position_mode")
    refused = call.venue.set_position_mode(call.account, _POSITION_MODES[word])
    if refused is not None:
        raise error_for("linear", refused.reason, refused.message)
    return {"position_mode": word}
