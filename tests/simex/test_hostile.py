"""Protects every door of every dialect from what no client should send.

Routes are found in the dialects' own tables. Whatever is in a field, the answer is the venue's own,
no HTTP 5xx, and what was refused has changed nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

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
from bowline.simex.venue_api import ApiCall, ApiError, Response, Route
from tests.simex.hostile import BODIES, GOOD, TEXTS, VALUES

START_NS = 1_760_000_000 * SECOND_NS
PARTS = {"settle": "usdt", "contract": "BTC_USDT", "symbol": "BTC_USDT", "currency": "USDT"}
#: the venue's own rule: what is replaced goes first, and a refused successor does not bring it back
CANCELS_FIRST = re.compile(r"cancelReplace|cancel-replace|modify-order")


def simulated_venue(venue: str) -> SimulatedVenue:
    market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, history_minutes=3, levels=5)
    return VenueSimulator([venue], market=market, clock=VirtualClock(START_NS)).venues[venue]


VENUES = {venue: simulated_venue(venue) for venue in DIALECTS}
#: those that only read first, while there is little to read
ROUTES = sorted(
    ((venue, route) for venue, speaks in DIALECTS.items() for route in speaks().routes),
    key=lambda each: each[1].method != "GET",
)


def name_of(value: object) -> str:
    return f"{value.method} {value.path}" if isinstance(value, Route) else str(value)


def requests(venue: str, route: Route, field: str, value: Any, good: dict[str, Any]) -> ApiCall:
    """`good` with one field of it otherwise, as query and as body."""
    fields = good | {field: value}
    parts = {name: PARTS.get(name, "1") for name in re.findall(r"{(\w+)}", route.path)}
    query = {name: each for name, each in fields.items() if isinstance(each, str)}
    body = json.dumps(fields).encode()
    if venue == "binance":
        body = urlencode(query).encode()
    path = route.path.format(**parts)
    return ApiCall(
        venue=VENUES[venue],
        method=route.method,
        path=path,
        query=query,
        body=body,
        path_params=parts,
    )


def cases(venue: str, route: Route) -> Iterator[tuple[str, Any, ApiCall]]:
    values = TEXTS if venue in ("binance", "bingx") or route.method == "GET" else TEXTS + VALUES
    for good in GOOD[venue]:
        for field in good:
            for value in values:
                yield field, value, requests(venue, route, field, value, good)
                inner = good[field]
                for name in inner if isinstance(inner, dict) else ():
                    yield field, value, requests(venue, route, field, inner | {name: value}, good)


def answered(call: ApiCall, route: Route) -> tuple[Response, bool]:
    """What goes back, and whether the request was refused."""
    dialect, refused = DIALECTS[call.venue.name](), False
    call.account = ACCOUNT if route.private else ""
    try:
        answer = route.handler(call)
    except ApiError as refusal:
        answer, refused = dialect.render_error(call, refusal), True
    reply = answer if isinstance(answer, Response) else dialect.wrap_result(call, answer)
    # OKX refuses each row by itself ("API guide", order placing): with code 1 none went well
    none_went_well = isinstance(reply.body, dict) and reply.body.get("code") == "1"
    return reply, refused or none_went_well


def state_of(venue: SimulatedVenue) -> object:
    views = [venue.view(kind) for kind in ("spot", "linear")]
    places = [each.instrument.id for kind in ("spot", "linear") for each in venue.listings(kind)]
    return [
        (
            [(each.order_id, each.quantity, each.price) for each in view.open_orders(ACCOUNT)],
            view.holdings(ACCOUNT),
            view.positions(ACCOUNT),
            [venue.view_of(each).settings(ACCOUNT, each) for each in places],
        )
        for view in views
    ]


def cleared(venue: SimulatedVenue) -> None:
    for engine in venue.engines:
        engine.cancel_all(venue.scheduler.now_ns, ACCOUNT)
        engine.take_facts()
    venue.quota_counter = type(venue.quota_counter)(DIALECTS[venue.name]().quotas)


@pytest.mark.parametrize(("venue", "route"), ROUTES, ids=name_of)
def test_no_value_of_any_field_breaks_a_route(venue: str, route: Route) -> None:
    simulated, before = VENUES[venue], state_of(VENUES[venue])
    for field, value, call in cases(venue, route):
        reply, refused = answered(call, route)
        shown = f"{field}={str(value)[:40]!r} of {call.body[:200]!r}"
        assert reply.status < 500, shown
        reply.encoded()
        if not refused:
            cleared(simulated)
            before = state_of(simulated)
        elif route.method != "GET" and not CANCELS_FIRST.search(route.path):
            assert state_of(simulated) == before, shown


@pytest.mark.parametrize(("venue", "route"), ROUTES, ids=name_of)
def test_no_body_breaks_a_route(venue: str, route: Route) -> None:
    for good in GOOD[venue][:1]:
        for body in BODIES:
            call = requests(venue, route, "unknown", "1", good)
            call.body = body
            for query in (call.query, {}):
                call.query = query
                reply, _ = answered(call, route)
                assert reply.status < 500, body[:40]
                reply.encoded()
    cleared(VENUES[venue])


#: venue, route, what is otherwise in a good request, and the code of the venue's own error pages
REFUSED = (
    # "Error codes for Binance": ILLEGAL_CHARS, FILTER_FAILURES, QTY and PRICE_GREATER_THAN_MAX
    ("binance", "POST /api/v3/order", {"quantity": "NaN"}, -1100),
    ("binance", "POST /api/v3/order", {"quantity": "1e12"}, -1013),
    ("binance", "POST /api/v3/order", {"price": "1e40"}, -1100),
    ("binance", "POST /api/v3/order", {"quantity": "100000000"}, -2010),
    ("binance", "POST /fapi/v1/order", {"quantity": "10000000000"}, -4005),
    ("binance", "POST /fapi/v1/order", {"price": "10000000000"}, -4002),
    ("binance", "POST /fapi/v1/order", {"quantity": "100000000"}, -2019),
    # Bybit "Error ErrorCodes": spot 170131, 170132, 170135; UTA 10001, 110003, 110007
    ("bybit", "POST /v5/order/create", {"category": "spot", "qty": "1e12"}, 170135),
    ("bybit", "POST /v5/order/create", {"category": "spot", "qty": "100000000"}, 170131),
    ("bybit", "POST /v5/order/create", {"category": "spot", "price": "10000000000"}, 170132),
    ("bybit", "POST /v5/order/create", {"category": "linear", "qty": "1e22"}, 10001),
    ("bybit", "POST /v5/order/create", {"category": "linear", "qty": "100000000"}, 110007),
    ("bybit", "POST /v5/order/create", {"category": "linear", "price": "10000000000"}, 110003),
    # Gate "Error handling": labels
    ("gate", "POST /api/v4/spot/orders", {"amount": "100000000"}, "BALANCE_NOT_ENOUGH"),
    ("gate", "POST /api/v4/spot/orders", {"price": "Infinity"}, "INVALID_PARAM_VALUE"),
    ("gate", "POST /api/v4/futures/{settle}/orders", {"size": 10**22}, "INVALID_PARAM_VALUE"),
    ("gate", "POST /api/v4/futures/{settle}/orders", {"size": 10**15}, "SIZE_TOO_LARGE"),
    ("gate", "POST /api/v4/futures/{settle}/orders", {"size": 10**11}, "INSUFFICIENT_AVAILABLE"),
    # Bitget "REST API error codes": 40017 parameter, 43012 balance of spot, 40762 of contracts
    ("bitget", "POST /api/v2/spot/trade/place-order", {"size": "1e40"}, "40017"),
    ("bitget", "POST /api/v2/spot/trade/place-order", {"size": "100000000"}, "43012"),
    ("bitget", "POST /api/v2/mix/order/place-order", {"size": "100000000"}, "40762"),
    # HTX "Error code": spot by word, swaps by number
    (
        "htx", "POST /v1/order/orders/place", {"amount": "1e12"},
        "order-limitorder-amount-max-error",
    ),
    (
        "htx", "POST /v5/trade/order",
        {"type": "limit", "client_order_id": "", "volume": "1000000000000000"}, 1041,
    ),
    (
        "htx", "POST /v5/trade/order",
        {"type": "limit", "client_order_id": "", "volume": "10000000000"}, 1047,
    ),
)  # fmt: skip


@pytest.mark.parametrize(("venue", "name", "change", "code"), REFUSED)
def test_huge_numbers_are_refused_with_the_code_of_the_venue(
    venue: str, name: str, change: dict[str, Any], code: int | str
) -> None:
    route = next(each for at, each in ROUTES if at == venue and name_of(each) == name)
    good = GOOD[venue][0] | change
    if venue == "htx":
        good["account-id"] = str(int(VENUES["htx"].credentials.user_id) + 1_000_000)
    reply, refused = answered(requests(venue, route, "nothing", "", good), route)
    body = reply.body
    assert refused
    assert isinstance(body, dict)
    names = ("code", "retCode", "label", "err-code", "err_code")
    assert code == next(body[each] for each in names if each in body)
