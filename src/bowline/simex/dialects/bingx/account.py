"""BingX account and position endpoints, and the listen key of the private streams."""

from __future__ import annotations

import hashlib

from bowline.core.model.values import SECOND_NS
from bowline.core.sim.exchange import Rejection, RejectReason
from bowline.core.venue import Listing, MarginMode, PositionMode
from bowline.simex.dialects.bingx.market import listing_of
from bowline.simex.dialects.bingx.render import (
    MARGIN_MODES,
    coin_object,
    error_for,
    field_reader,
    margin_object,
    position_object,
    wrong,
)
from bowline.simex.venue import SimulatedVenue, dialect_state
from bowline.simex.venue_api import ApiCall, ApiError, Response

_MARGIN_MODES = {word: mode for mode, word in MARGIN_MODES.items()}
_HEDGED = {"true": PositionMode.HEDGE, "false": PositionMode.ONE_WAY}
_KEY_LIVES_NS = 3_600 * SECOND_NS


class BingxListenKey:
    """When the listen key expires; 0: there is none."""

    def __init__(self) -> None:
        self.until_ns = 0


def key_rights(call: ApiCall) -> object:
    """GET /openApi/v1/account/apiPermissions: spot, reading, swaps, and no withdrawing."""
    return {
        "apiKey": call.venue.credentials.api_key,
        "permissions": [1, 2, 3],
        "ipAddresses": ["127.0.0.1"],
        "note": "simulated",
    }


def spot_balances(call: ApiCall) -> object:
    """GET /openApi/spot/v1/account/balance."""
    held = call.venue.view("spot").holdings(call.account)
    return {"balances": [coin_object(each) for each in held]}


def swap_balances(call: ApiCall) -> object:
    """GET /openApi/swap/v3/user/balance."""
    held = call.venue.view("linear").holdings(call.account)
    return [margin_object(call.venue, each) for each in held]


def positions(call: ApiCall) -> object:
    """GET /openApi/swap/v2/user/positions: those that are open."""
    instrument = listing_of(call, call.query).instrument.id if call.query.get("symbol") else None
    found = call.venue.view("linear").positions(call.account, instrument)
    return [position_object(call.venue, each) for each in found]


def leverage(call: ApiCall) -> object:
    """GET /openApi/swap/v2/trade/leverage."""
    return _leverage(call, listing_of(call, call.query))


def set_leverage(call: ApiCall) -> object:
    """POST /openApi/swap/v2/trade/leverage: a side in hedge mode, BOTH otherwise.

    One leverage for both sides is simulated: that of the side that was set last.
    """
    fields = call.fields()
    listing, wanted = listing_of(call, fields), field_reader("linear").decimal(fields, "leverage")
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    hedged = settings.position_mode is PositionMode.HEDGE
    if fields.get("side") not in (("LONG", "SHORT") if hedged else ("BOTH",)):
        words = (
            "In the Hedge mode, the 'Side' field can only be set to LONG or SHORT."
            if hedged
            else "In the One-way mode, the 'Side' field can only be set to BOTH."
        )
        raise ApiError(109400, words)
    if wanted is None:
        raise wrong("linear", "leverage")
    _done(call.venue.set_leverage(call.account, listing.instrument.id, wanted))
    return _leverage(call, listing) | {"leverage": int(wanted), "symbol": listing.venue_symbol}


def _leverage(call: ApiCall, listing: Listing) -> dict[str, object]:
    view = call.venue.view("linear")
    now = int(view.settings(call.account, listing.instrument.id).leverage)
    most = int(listing.max_leverage or 100)
    volumes = ("availableLongVol", "availableShortVol", "availableLongVal", "availableShortVal")
    return {
        "longLeverage": now,
        "shortLeverage": now,
        "maxLongLeverage": most,
        "maxShortLeverage": most,
    } | dict.fromkeys(volumes, "0.0")


def margin_type(call: ApiCall) -> object:
    """GET /openApi/swap/v2/trade/marginType."""
    listing = listing_of(call, call.query)
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    return {"symbol": listing.venue_symbol, "marginType": MARGIN_MODES[settings.margin_mode]}


def set_margin_type(call: ApiCall) -> object:
    """POST /openApi/swap/v2/trade/marginType: what is so already is a success."""
    fields = call.fields()
    listing = listing_of(call, fields)
    mode: MarginMode | None = _MARGIN_MODES.get(fields.get("marginType", ""))
    if mode is None:
        raise wrong("linear", "marginType")
    _done(call.venue.set_margin_mode(call.account, listing.instrument.id, mode))
    return {"symbol": listing.venue_symbol, "marginType": fields["marginType"]}


def position_mode(call: ApiCall) -> object:
    """GET /openApi/swap/v1/positionSide/dual."""
    first = call.venue.listings("linear")[0].instrument.id
    mode = call.venue.view("linear").settings(call.account, first).position_mode
    return {"dualSidePosition": "true" if mode is PositionMode.HEDGE else "false"}


def set_position_mode(call: ApiCall) -> object:
    """POST /openApi/swap/v1/positionSide/dual: of all symbols."""
    word = call.fields().get("dualSidePosition", "")
    if word not in _HEDGED:
        raise wrong("linear", "dualSidePosition")
    _done(call.venue.set_position_mode(call.account, _HEDGED[word]))
    return {"dualSidePosition": word}


def _done(refused: Rejection | None) -> None:
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise error_for("linear", refused.reason, refused.message)


# the listen key: whoever has the API key may ask for it, without a signature


def check_key(call: ApiCall) -> None:
    """Whose key it is; WireRefusal if it is nobody's."""
    sent = call.headers.get("X-BX-APIKEY", "")
    if not sent:
        raise ApiError(100413, "Null apiKey cannot be empty")
    if sent != call.venue.credentials.api_key or not call.venue.api_key_valid:
        raise ApiError(100413, "Incorrect apiKey")


def listen_key(venue: SimulatedVenue) -> str:
    """The key of this venue's account: a function of what it logs in with."""
    text = f"{venue.credentials.api_key} {venue.credentials.secret} listens"
    return hashlib.sha256(text.encode()).hexdigest()


def key_lives(venue: SimulatedVenue, key: str) -> bool:
    """Whether this listen key opens a private stream now."""
    until_ns = dialect_state(venue, BingxListenKey).until_ns
    return key == listen_key(venue) and venue.scheduler.now_ns < until_ns


def open_listen_key(call: ApiCall) -> object:
    """POST /openApi/user/auth/userDataStream: an hour's key."""
    check_key(call)
    dialect_state(call.venue, BingxListenKey).until_ns = call.venue.scheduler.now_ns + _KEY_LIVES_NS
    return Response({"listenKey": listen_key(call.venue)})


def extend_listen_key(call: ApiCall) -> object:
    """PUT of the same: another hour for a key that lives."""
    check_key(call)
    if not key_lives(call.venue, call.fields().get("listenKey", "")):
        return Response(b"", status=404)
    dialect_state(call.venue, BingxListenKey).until_ns = call.venue.scheduler.now_ns + _KEY_LIVES_NS
    return Response(b"")


def close_listen_key(call: ApiCall) -> object:
    """DELETE of the same."""
    check_key(call)
    if not key_lives(call.venue, call.fields().get("listenKey", "")):
        return Response(b"", status=404)
    dialect_state(call.venue, BingxListenKey).until_ns = 0
    return Response(b"")
