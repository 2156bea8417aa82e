"""Gate API v4 account and position endpoints."""

from __future__ import annotations

from bowline.core.model.values import ZERO, Direction
from bowline.core.sim.exchange import PositionSnapshot
from bowline.core.venue import Listing, MarginMode, PositionMode
from bowline.simex.dialects.gate.errors import FIELDS, error_for, invalid
from bowline.simex.dialects.gate.market import kind_at, requested_listing
from bowline.simex.dialects.gate.render import (
    futures_account,
    position_object,
    spot_account,
)
from bowline.simex.payload import JsonObject
from bowline.simex.venue import set_margin_terms
from bowline.simex.venue_api import ApiCall

_MODES = {"true": PositionMode.HEDGE, "false": PositionMode.ONE_WAY}


def spot_accounts(call: ApiCall) -> object:
    """GET /spot/accounts."""
    wanted = call.query.get("currency", "")
    return [
        spot_account(each, call.now_ns)
        for each in call.venue.view("spot").holdings(call.account)
        if wanted in ("", each.asset)
    ]


def futures_accounts(call: ApiCall) -> object:
    """GET /futures/{settle}/accounts."""
    kind_at(call)
    return _account(call)


def _account(call: ApiCall) -> JsonObject:
    holding = call.venue.view("linear").holding(call.account, "USDT")
    return futures_account(call.venue, holding, hedged=_hedged(call))


def _hedged(call: ApiCall) -> bool:
    """Of the whole account: the same at every contract."""
    first = call.venue.listings("linear")[0].instrument.id
    mode = call.venue.view("linear").settings(call.account, first).position_mode
    return mode is PositionMode.HEDGE


def key_rights(call: ApiCall) -> object:
    """GET /account/main_keys: the test key trades, and cannot withdraw."""
    return [
        {
            "state": 1,
            "mode": 1,
            "name": "simulated",
            "user_id": int(call.venue.credentials.user_id),
            "key": call.venue.credentials.api_key,
            "created_at": "1700000000",
            "ip_whitelist": ["127.0.0.1"],
            "perms": [
                {"name": "spot", "read_only": False},
                {"name": "futures", "read_only": False},
            ],
        }
    ]


def detail(call: ApiCall) -> object:
    """GET /account/detail: a classic account."""
    return {
        "user_id": int(call.venue.credentials.user_id),
        "ip_whitelist": ["127.0.0.1"],
        "currency_pairs": [],
        "tier": 0,
        "key": {"mode": 1},
        "copy_trading_role": 0,
    }


def positions(call: ApiCall) -> object:
    """GET /futures/{settle}/positions: flat ones too, unless only those held are asked for."""
    kind_at(call)
    holding = call.query.get("holding", "").lower() == "true"
    shown = [each for listing in call.venue.listings("linear") for each in rows(call, listing)]
    return [position_object(call.venue, each) for each in shown if each.quantity or not holding]


def position(call: ApiCall) -> object:
    """GET /futures/{settle}/positions/{contract}: one, or a list of two in dual mode."""
    return _one_or_two(call, requested_listing(call, call.query))


def _one_or_two(call: ApiCall, listing: Listing) -> object:
    shown = [position_object(call.venue, each) for each in rows(call, listing)]
    return shown if len(shown) > 1 else shown[0]


def rows(call: ApiCall, listing: Listing) -> list[PositionSnapshot]:
    """The one row of a one-way position, or the two of hedge mode; flat ones too."""
    instrument = listing.instrument.id
    view = call.venue.view("linear")
    found = {each.direction: each for each in view.positions(call.account, instrument)}
    settings = view.settings(call.account, instrument)
    position_sides: tuple[Direction, ...] = (Direction.LONG, Direction.SHORT)
    if settings.position_mode is PositionMode.ONE_WAY:
        position_sides = (next(iter(found), Direction.NEUTRAL),)

    def flat(position_side: Direction) -> PositionSnapshot:
        return PositionSnapshot(
            account=call.account,
            instrument=instrument,
            mode=settings.position_mode,
            direction=position_side,
            quantity=ZERO,
            cost=ZERO,
            margin=ZERO,
            margin_mode=settings.margin_mode,
            leverage=settings.leverage,
            realised=ZERO,
            updated_ns=0,
            mark=call.venue.ticker(instrument).mark,
        )

    return [found.get(position_side) or flat(position_side) for position_side in position_sides]


def set_leverage(call: ApiCall) -> object:
    """POST /futures/{settle}/positions/{contract}/leverage: 0 is cross, with a limit beside it."""
    listing, fields = requested_listing(call, call.query), call.fields()
    leverage = FIELDS.decimal(fields, "leverage")
    limit = FIELDS.decimal(fields, "cross_leverage_limit")
    if leverage is None:
        raise invalid("invalid leverage")
    mode = MarginMode.ISOLATED if leverage else MarginMode.CROSS
    wanted = leverage or limit or None
    refused = set_margin_terms(call.venue, call.account, listing.instrument.id, mode, wanted)
    if refused is not None:
        raise error_for("linear", refused.reason, refused.message)
    return _one_or_two(call, listing)


def set_dual_mode(call: ApiCall) -> object:
    """POST /futures/{settle}/dual_mode: of the whole account."""
    kind_at(call)
    mode = _MODES.get(call.fields().get("dual_mode", "").lower())
    if mode is None:
        raise invalid("invalid dual_mode")
    refused = call.venue.set_position_mode(call.account, mode)
    if refused is not None:
        raise error_for("linear", refused.reason, refused.message)
    return _account(call)
