"""OKX v5 account endpoints."""

from __future__ import annotations

from bowline.core.sim.exchange import FundingPaid
from bowline.core.venue import PositionMode
from bowline.simex.dialects.okx import margin_modes
from bowline.simex.dialects.okx.errors import FIELDS, error_for, wrong
from bowline.simex.dialects.okx.render import account_object, contracts, kind_of, position_object
from bowline.simex.dialects.okx.request_fields import (
    KINDS,
    listing_in,
    page,
    requested_listings,
    rows_of,
)
from bowline.simex.dialects.okx.trading import number_in
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import ms, plain

_FUNDING_BILLS = "8"
_POSITION_MODES = {"net_mode": PositionMode.ONE_WAY, "long_short_mode": PositionMode.HEDGE}


def balance(call: ApiCall) -> object:
    """GET account/balance."""
    wanted = set(filter(None, call.query.get("ccy", "").split(",")))
    holdings = [
        each
        for each in call.venue.view("spot").holdings(call.account)
        if not wanted or each.asset in wanted
    ]
    return [account_object(holdings, call.now_ns)]


def positions(call: ApiCall) -> object:
    """GET account/positions: those that are open."""
    wanted = {each.instrument.id for each in requested_listings(call, call.query)}
    found = call.venue.view("linear").positions(call.account)
    return [position_object(call.venue, each) for each in found if each.instrument in wanted]


def config(call: ApiCall) -> object:
    """GET account/config: the test key trades, and cannot withdraw."""
    words = {mode: word for word, mode in _POSITION_MODES.items()}
    user = call.venue.credentials.user_id
    return [
        {
            "uid": user,
            "mainUid": user,
            "acctLv": "2",
            "acctStpMode": "cancel_maker",
            "posMode": words[_position_mode(call.venue, call.account)],
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


def _position_mode(venue: SimulatedVenue, account: str) -> PositionMode:
    view = venue.view("linear")
    found = {
        view.settings(account, each.instrument.id).position_mode
        for each in venue.listings("linear")
    }
    return PositionMode.HEDGE if found == {PositionMode.HEDGE} else PositionMode.ONE_WAY


def set_position_mode(call: ApiCall) -> object:
    """POST account/set-position-mode: of the whole account; the same again is fine."""
    word = next(iter(rows_of(call)), {}).get("posMode", "")
    if word not in _POSITION_MODES:
        raise wrong("posMode")
    if _POSITION_MODES[word] is not _position_mode(call.venue, call.account):
        refused = call.venue.set_position_mode(call.account, _POSITION_MODES[word])
        if refused is not None:
            raise error_for(refused)
    return [{"posMode": word}]


def set_leverage(call: ApiCall) -> object:
    """POST account/set-leverage of an instrument and a margin mode; the same again is fine."""
    fields = next(iter(rows_of(call)), {})
    listing = listing_in(call, fields)
    if kind_of(listing.instrument.id) != "linear":
        raise wrong("instId")
    mode, leverage = fields.get("mgnMode", ""), number_in(fields, "lever")
    margin_modes.set_leverage(call, listing, mode, leverage)
    return [
        {
            "lever": margin_modes.leverage_of(call, listing, mode),
            "mgnMode": mode,
            "instId": listing.venue_symbol,
            "posSide": fields.get("posSide") or "net",
        }
    ]


def leverage(call: ApiCall) -> object:
    """GET account/leverage-info."""
    mode = call.query.get("mgnMode", "")
    if not call.query.get("instId"):
        raise wrong("instId")
    return [
        {
            "lever": margin_modes.leverage_of(call, each, mode),
            "mgnMode": mode,
            "instId": each.venue_symbol,
            "posSide": "net",
        }
        for each in requested_listings(call, call.query)
        if kind_of(each.instrument.id) == "linear"
    ]


def trade_fee(call: ApiCall) -> object:
    """GET account/trade-fee of a type: a commission has a minus. "Get fee rates"."""
    kind = KINDS.get(call.query.get("instType", ""))
    listings = [] if kind is None else call.venue.listings(kind)
    if kind is None or not listings:
        raise wrong("instType")
    fees = call.venue.view(kind).fees(listings[0].instrument.id)
    maker, taker = plain(-fees.maker_rate), plain(-fees.taker_rate)
    spot = kind == "spot"
    return [
        {
            "category": "1",
            "delivery": "",
            "exercise": "",
            "instType": call.query["instType"],
            "level": "Lv1",
            "maker": maker if spot else "",
            "taker": taker if spot else "",
            "makerU": "" if spot else maker,
            "takerU": "" if spot else taker,
            "makerUSDC": "",
            "takerUSDC": "",
            "ruleType": "normal",
            "fiat": [],
            "ts": str(ms(call.now_ns)),
        }
    ]


def bills(call: ApiCall) -> object:
    """GET account/bills and bills-archive: of all its types funding (8) alone is simulated.

    "Get bills details": subType 173 is paid, 174 received.
    """
    if call.query.get("type") != _FUNDING_BILLS:
        raise wrong("type")
    begin, end = FIELDS.window(call.query, "begin", "end")
    wanted = {each.instrument.id for each in requested_listings(call, call.query)}
    rows = [
        (number, _funding_bill(call.venue, number, paid))
        for number, paid in enumerate(call.venue.view("linear").funding(call.account), 1)
        if paid.instrument in wanted and begin <= ms(paid.now_ns) <= end
    ]
    return page(rows, call.query, 100)


def _funding_bill(venue: SimulatedVenue, number: int, paid: FundingPaid) -> dict[str, object]:
    change = plain(-paid.amount)
    listing = venue.listing(paid.instrument)
    return {
        "bal": "",
        "balChg": change,
        "billId": str(number),
        "ccy": paid.asset,
        "execType": "",
        "fee": "0",
        "from": "",
        "instId": listing.venue_symbol,
        "instType": "SWAP",
        "mgnMode": "",
        "notes": "",
        "ordId": "",
        "pnl": change,
        "posBal": "",
        "posBalChg": "",
        "px": plain(paid.mark),
        "subType": "173" if paid.amount > 0 else "174",
        "sz": contracts(listing, paid.quantity),
        "to": "",
        "ts": str(ms(paid.now_ns)),
        "type": _FUNDING_BILLS,
    }
