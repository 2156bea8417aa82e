"""Protects what every dialect owes the framework, whatever its words are."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowline.core.model.values import SECOND_NS
from bowline.simex import (
    ACCOUNT,
    DIALECTS,
    SyntheticMarket,
    VenueSimulator,
    VirtualClock,
    symbol_spec,
)
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError, Route

START_NS = 1_760_000_000 * SECOND_NS


def simulated_venue(venue: str) -> SimulatedVenue:
    market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, history_minutes=3, levels=5)
    return VenueSimulator([venue], market=market, clock=VirtualClock(START_NS)).venues[venue]


VENUES = {venue: simulated_venue(venue) for venue in DIALECTS}
ROUTES = [(venue, route) for venue, speaks in DIALECTS.items() for route in speaks().routes]
private = [(venue, route) for venue, route in ROUTES if route.private]


def name_of(value: object) -> str:
    return f"{value.method} {value.path}" if isinstance(value, Route) else str(value)


#: what is in the path of a request that could be carried out
PARTS = {"settle": "usdt", "contract": "BTC_USDT"}


def call(venue: str, route: Route, fields: dict[str, object] | None = None) -> ApiCall:
    text = {name: str(value) for name, value in (fields or {}).items()}
    parts = {name: PARTS.get(name, "1") for name in re.findall(r"{(\w+)}", route.path)}
    body = json.dumps(fields or {}).encode()
    return ApiCall(
        venue=VENUES[venue],
        method=route.method,
        path=route.path,
        query=text,
        body=body,
        path_params=parts,
    )


@pytest.mark.parametrize("venue", DIALECTS)
def test_a_path_is_said_once_and_every_bucket_has_a_budget(venue: str) -> None:
    dialect = DIALECTS[venue]()
    paths = [(route.method, route.path) for route in dialect.routes]
    assert len(set(paths)) == len(paths)
    assert {route.bucket for route in dialect.routes} <= dialect.quotas.keys()


@pytest.mark.parametrize("venue", DIALECTS)
def test_nobody_is_let_in_without_a_key(venue: str) -> None:
    for _, route in (each for each in private if each[0] == venue):
        with pytest.raises(ApiError):
            DIALECTS[venue]().authenticate(call(venue, route))


#: what a request must have before it gets anywhere; the strangest things are put over it
LIKELY: dict[str, dict[str, object]] = {
    "binance": {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
        "quantity": "0.01", "price": "50000", "interval": "1m", "newClientOrderId": "1",
        "origClientOrderId": "1", "leverage": "3", "marginType": "ISOLATED",
    },
    "bybit": {
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit",
        "qty": "0.01", "price": "50000", "interval": "1", "buyLeverage": "3", "sellLeverage": "3",
        "orderLinkId": "1",
    },
    "htx": {
        "symbol": "btcusdt", "contract_code": "BTC-USDT", "account-id": "1", "type": "limit",
        "amount": "0.01", "volume": "10", "side": "buy", "price": "50000", "period": "1min",
        "margin_mode": "cross", "lever_rate": "3", "position_mode": "dual_side", "timeout": 30,
        "trigger_price": "50000", "on_off": 1, "time_out": 5000,
    },
    "gate": {
        "currency_pair": "BTC_USDT", "contract": "BTC_USDT", "side": "buy", "type": "limit",
        "amount": "0.01", "size": 5, "price": "50000", "tif": "gtc", "interval": "1m",
        "leverage": "3", "dual_mode": "true", "status": "open", "timeout": 30,
        "trigger": {"price": "50000", "rule": 2},
        "initial": {"contract": "BTC_USDT", "size": -5, "price": "0"},
    },
    "bingx": {
        "symbol": "BTC-USDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "50000",
        "positionSide": "BOTH", "interval": "1m", "leverage": "3", "clientOrderID": "1",
        "startTs": "1", "endTs": "1770000000000", "timeOut": "10", "dualSidePosition": "true",
    },
    "bitget": {
        "productType": "USDT-FUTURES", "symbol": "BTCUSDT", "side": "buy", "orderType": "limit",
        "size": "0.01", "price": "50000", "marginMode": "crossed", "granularity": "1m",
        "clientOid": "1", "leverage": "3", "triggerPrice": "50000", "newPrice": "51000",
    },
    "mexc": {
        "symbol": "BTC_USDT", "vol": 5, "side": 1, "type": 1, "openType": 2, "price": "50000",
        "leverage": 5, "positionType": 1, "positionMode": 2, "externalOid": "1",
        "triggerPrice": "40000", "triggerType": 2, "orderType": 5, "interval": "Min1",
    },
    "okx": {
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "tdMode": "cross", "side": "buy",
        "ordType": "limit", "sz": "1", "px": "50000", "clOrdId": "1", "triggerPx": "50000",
        "orderPx": "-1", "lever": "5", "mgnMode": "cross", "posMode": "net_mode", "timeOut": "0",
    },
}  # fmt: skip
NAMES = st.sampled_from(
    [
        "amount", "batchOrders", "buyLeverage", "category", "clientOid", "clientOrderId",
        "clOrdId", "contract", "contract_code", "currency_pair", "cursor", "endTime",
        "from", "instId", "instType", "interval", "leverage", "lever", "limit",
        "marginMode", "marketUnit", "mode", "newClientOrderId", "openOnly", "orderFilter",
        "orderId", "orderLinkId", "orderType", "order_id", "ordId", "ordType",
        "positionIdx", "positionSide", "price", "productType", "px", "qty", "quantity",
        "reduceOnly", "sellLeverage", "setMarginMode", "settleCoin", "side", "size",
        "start", "startTime", "symbol", "sz", "tdMode", "text", "timeInForce",
        "timeWindow", "triggerBy", "triggerDirection", "triggerPrice", "type", "vol",
        "volume",
        "force", "granularity", "idLessThan", "newSize", "posMode", "tradeSide",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [
            "BTCUSDT", "BTC-USDT", "BTC_USDT", "BTC-USDT-SWAP", "btcusdt", "spot", "linear", "SPOT",
            "SWAP", "USDT-FUTURES", "buy", "Sell", "BUY", "limit", "Market", "LIMIT", "1", "0.01",
            "-1", "0", "60000", "NaN", "1e400", "Infinity", "", "None", "true", "[]", "GTC", "1m",
        ]
    ),
    st.integers(-5, 10**20),
    st.text(max_size=8),
)  # fmt: skip


@settings(max_examples=60)
@given(fields=st.dictionaries(NAMES, VALUES, max_size=8))
@pytest.mark.parametrize(("venue", "route"), ROUTES, ids=name_of)
def test_whatever_is_asked_is_answered_or_refused(
    venue: str, route: Route, fields: dict[str, object]
) -> None:
    """A bug in a handler would be a 500 that no venue sends."""
    asked = call(venue, route, LIKELY.get(venue, {}) | fields)
    asked.account = ACCOUNT if route.private else ""
    try:
        answer = route.handler(asked)
    except ApiError as refusal:
        answer = DIALECTS[venue]().render_error(asked, refusal)
    assert answer is not None
