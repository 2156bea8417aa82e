"""OKX v5 account endpoints."""

from __future__ import annotations

from bowline.core.venue import PositionMode
from bowline.simex.dialect import Call
from bowline.simex.dialects.okx import modes
from bowline.simex.dialects.okx.asked import chosen, listing_in, rows_of
from bowline.simex.dialects.okx.refusals import refusal_of, wrong
from bowline.simex.dialects.okx.trading import number_in
from bowline.simex.dialects.okx.words import account_object, kind_of, position_object
from bowline.simex.floor import Floor

_POSITION_MODES = {"net_mode": PositionMode.ONE_WAY, "long_short_mode": PositionMode.HEDGE}


def balance(call: Call) -> object:
    """GET account/balance."""
    wanted = set(filter(None, call.query.get("ccy", "").split(",")))
    holdings = [
        each
        for each in call.floor.view("spot").holdings(call.account)
        if not wanted or each.asset in wanted
    ]
    return [account_object(holdings, call.now_ns)]


def positions(call: Call) -> object:
    """GET account/positions: those that are open."""
    wanted = {each.instrument.id for each in chosen(call, call.query)}
    found = call.floor.view("linear").positions(call.account)
    return [position_object(call.floor, each) for each in found if each.instrument in wanted]


def config(call: Call) -> object:
    """GET account/config: the test key trades, and cannot withdraw."""
    words = {mode: word for word, mode in _POSITION_MODES.items()}
    user = call.floor.keys.user_id
    return [
        {
            "uid": user,
            "mainUid": user,
            "acctLv": "2",
            "acctStpMode": "cancel_maker",
            "posMode": words[_position_mode(call.floor, call.account)],
            "autoLoan": False,
            "greeksType": "PA",
            "level": "Lv1",
            "levelTmp": "",
            "ctIsoMode": "automatic",
            "mgnIsoMode": "automatic",
            "roleType": "0",
            "spotOffsetType": "",
            "opAuth": "0",
            "kycLv": "2",
            "label": "simulated",
            "ip": "127.0.0.1",
            "perm": "read_only,trade",
            "type": "0",
            "enableSpotBorrow": False,
            "spotBorrowAutoRepay": False,
        }
    ]


def _position_mode(floor: Floor, account: str) -> PositionMode:
    view = floor.view("linear")
    found = {
        view.settings(account, each.instrument.id).position_mode
        for each in floor.listings("linear")
    }
    return PositionMode.HEDGE if found == {PositionMode.HEDGE} else PositionMode.ONE_WAY


def set_position_mode(call: Call) -> object:
    """POST account/set-position-mode: of the whole account; the same again is fine."""
    word = next(iter(rows_of(call)), {}).get("posMode", "")
    if word not in _POSITION_MODES:
        raise wrong("posMode")
    if _POSITION_MODES[word] is not _position_mode(call.floor, call.account):
        refused = call.floor.set_position_mode(call.account, _POSITION_MODES[word])
        if refused is not None:
            raise refusal_of(refused)
    return [{"posMode": word}]


def set_leverage(call: Call) -> object:
    """POST account/set-leverage of an instrument and a margin mode; the same again is fine."""
    fields = next(iter(rows_of(call)), {})
    listing = listing_in(call, fields)
    if kind_of(listing.instrument.id) != "linear":
        raise wrong("instId")
    mode, leverage = fields.get("mgnMode", ""), number_in(fields, "lever")
    modes.set_leverage(call, listing, mode, leverage)
    return [
        {
            "lever": modes.leverage_of(call, listing, mode),
            "mgnMode": mode,
            "instId": listing.venue_symbol,
            "posSide": fields.get("posSide") or "net",
        }
    ]


def leverage(call: Call) -> object:
    """GET account/leverage-info."""
    mode = call.query.get("mgnMode", "")
    if not call.query.get("instId"):
        raise wrong("instId")
    return [
        {
            "lever": modes.leverage_of(call, each, mode),
            "mgnMode": mode,
            "instId": each.venue_symbol,
            "posSide": "net",
        }
        for each in chosen(call, call.query)
        if kind_of(each.instrument.id) == "linear"
    ]
