"""Bybit v5 account and position endpoints."""

from __future__ import annotations

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import ZERO, Direction
from bowline.core.sim.exchange import PositionSnapshot, Rejection, RejectReason
from bowline.core.venue import Listing, MarginMode, PositionMode
from bowline.simex.dialects.bybit.market import kind_of, listing_of
from bowline.simex.dialects.bybit.render import FIELDS, error_for, position_object, wallet_object
from bowline.simex.venue import dialect_state
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms

_MARGIN_MODES = {"ISOLATED_MARGIN": MarginMode.ISOLATED, "REGULAR_MARGIN": MarginMode.CROSS}
_POSITION_MODES = {"0": PositionMode.ONE_WAY, "3": PositionMode.HEDGE}


class DisconnectCancelAll:
    """DCP: the seconds between the loss of the private stream and the cancel; 0: it is off."""

    def __init__(self) -> None:
        self.wait_s = 0


def wallet_balance(call: ApiCall) -> object:
    """GET /v5/account/wallet-balance."""
    if call.query.get("accountType", "UNIFIED") != "UNIFIED":
        raise ApiError(10001, "accountType only support UNIFIED.")
    wanted = set(filter(None, call.query.get("coin", "").split(",")))
    holdings = [
        each
        for each in call.venue.view("linear").holdings(call.account)
        if not wanted or each.asset in wanted
    ]
    return {"list": [wallet_object(holdings)]}


def account(call: ApiCall) -> object:
    """GET /v5/account/info."""
    seconds = dialect_state(call.venue, DisconnectCancelAll).wait_s
    margin = _settings_anywhere(call)
    return {
        "unifiedMarginStatus": 6,
        "marginMode": {value: word for word, value in _MARGIN_MODES.items()}[margin],
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
        "updatedTime": str(ms(call.now_ns)),
        "dcpStatus": "ON" if seconds else "OFF",
        "timeWindow": seconds,
        "smpGroup": 0,
    }


def coins(call: ApiCall) -> object:
    """GET /v5/asset/coin/query-info: nothing can be deposited or withdrawn here."""
    held = call.venue.view("spot").holdings(call.account)
    return {
        "rows": [
            {"name": each.asset, "coin": each.asset, "remainAmount": "0", "chains": []}
            for each in held
            if call.query.get("coin", each.asset) == each.asset
        ]
    }


def key_rights(call: ApiCall) -> object:
    """GET /v5/user/query-api: the test key trades, and cannot withdraw."""
    return {
        "id": call.venue.credentials.user_id,
        "note": "simulated",
        "apiKey": call.venue.credentials.api_key,
        "readOnly": 0,
        "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"],
            "Spot": ["SpotTrade"],
            "Wallet": ["AccountTransfer"],
            "Options": [],
            "Derivatives": ["DerivativesTrade"],
            "CopyTrading": [],
            "BlockTrade": [],
            "Exchange": [],
            "NFT": [],
            "Affiliate": [],
        },
        "ips": ["127.0.0.1"],
        "type": 1,
        "deadlineDay": 90,
        "expiredAt": "2100-01-01T00:00:00Z",
        "createdAt": "2024-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": int(call.venue.credentials.user_id),
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
    }


def positions(call: ApiCall) -> object:
    """GET /v5/position/list: of one symbol, flat or not; of a settle coin, those that are open."""
    if call.query.get("category") in ("inverse", "option"):
        return {"category": call.query["category"], "list": [], "nextPageCursor": ""}
    if kind_of(call.query) != "linear":
        raise ApiError(10001, "params error: category invalid")
    if call.query.get("symbol"):
        listing = listing_of(call, call.query)
        shown = rows(call, listing)
    elif call.query.get("settleCoin"):
        open_ones = call.venue.view("linear").positions(call.account)
        coin = call.query["settleCoin"]
        shown = [each for each in open_ones if call.venue.listing(each.instrument).quote == coin]
    else:
        raise ApiError(10001, "params error: symbol or settleCoin is required")
    return {
        "category": "linear",
        "list": [position_object(call.venue, each) for each in shown],
        "nextPageCursor": "",
    }


def rows(call: ApiCall, listing: Listing) -> list[PositionSnapshot]:
    """The one row of a one-way position, or the two of hedge mode; flat ones too."""
    instrument = listing.instrument.id
    view = call.venue.view("linear")
    found = {each.direction: each for each in view.positions(call.account, instrument)}
    if view.settings(call.account, instrument).position_mode is PositionMode.ONE_WAY:
        return list(found.values()) or [_flat(call, instrument, Direction.NEUTRAL)]
    position_sides = (Direction.LONG, Direction.SHORT)
    return [
        found.get(position_side) or _flat(call, instrument, position_side)
        for position_side in position_sides
    ]


def _flat(call: ApiCall, instrument: InstrumentId, position_side: Direction) -> PositionSnapshot:
    settings = call.venue.view("linear").settings(call.account, instrument)
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


def set_leverage(call: ApiCall) -> object:
    """POST /v5/position/set-leverage: both sides must be equal."""
    fields = call.fields()
    listing = listing_of(call, fields)
    buy, sell = FIELDS.decimal(fields, "buyLeverage"), FIELDS.decimal(fields, "sellLeverage")
    if buy is None or buy != sell:
        raise ApiError(10001, "params error: buy leverage not equal sell leverage")
    refused = call.venue.set_leverage(call.account, listing.instrument.id, buy)
    if refused is not None and refused.reason is RejectReason.NOT_MODIFIED:
        raise ApiError(110043, "Set leverage not modified")
    return _done(refused)


def switch_mode(call: ApiCall) -> object:
    """POST /v5/position/switch-mode: of a symbol, or of all that settle in a coin."""
    fields = call.fields()
    if kind_of(fields) != "linear" or fields.get("mode") not in _POSITION_MODES:
        raise ApiError(10001, "params error: mode invalid")
    instrument = listing_of(call, fields).instrument.id if fields.get("symbol") else None
    mode = _POSITION_MODES[fields["mode"]]
    refused = call.venue.set_position_mode(call.account, mode, instrument)
    # "Switch Position Mode": by coin it is of all its symbols; those that are so already are passed
    # over. freqtrade sends it at every start and takes no error.
    if instrument is None and refused is not None and refused.reason is RejectReason.NOT_MODIFIED:
        return {}
    return _done(refused)


def switch_isolated(_: ApiCall) -> object:
    """POST /v5/position/switch-isolated: not for a unified account."""
    raise ApiError(100028, "unified account is forbidden")


def set_margin_mode(call: ApiCall) -> object:
    """POST /v5/account/set-margin-mode: of the whole account."""
    mode = _MARGIN_MODES.get(call.fields().get("setMarginMode", ""))
    if mode is None:
        raise ApiError(3400045, "Set margin mode failed")
    for listing in call.venue.listings("linear"):
        refused = call.venue.set_margin_mode(call.account, listing.instrument.id, mode)
        if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
            raise ApiError(3400045, "Set margin mode failed")
    return {"reasons": []}


def set_disconnect_cancel_all(call: ApiCall) -> object:
    """POST /v5/order/disconnected-cancel-all: how long a lost private stream is waited for."""
    seconds = FIELDS.integer(call.fields(), "timeWindow", 0)
    if not 3 <= seconds <= 300:  # noqa: PLR2004 - the venue's own bounds
        raise ApiError(10001, "params error: timeWindow invalid")
    dialect_state(call.venue, DisconnectCancelAll).wait_s = seconds
    return {}


def _settings_anywhere(call: ApiCall) -> MarginMode:
    first = call.venue.listings("linear")[0].instrument.id
    return call.venue.view("linear").settings(call.account, first).margin_mode


def _done(refused: Rejection | None) -> dict[str, object]:
    if refused is not None:
        raise error_for("linear", refused.reason, refused.message)
    return {}
