"""Protects how far a request may look back, and what it sees if it does not say: per venue.

The spans and codes are of the venues' documents, named beside each; a client that asks for more
must see here what it would see there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.values import SECOND_NS, Side
from bowline.core.sim.exchange import NewOrder, VenueOrder
from bowline.core.venue import OrderKind
from bowline.simex import ACCOUNT
from tests.simex.test_hostile import ROUTES, answered, name_of, requests, simulated_venue

NOW_S = 1_760_000_000
HOUR, DAY = 3_600, 86_400
#: venue, route, what is asked beside the time, names of start and end, units a second, span, code
SPANS: tuple[tuple[str, str, dict[str, Any], tuple[str, str], int, int, int | str], ...] = (
    # Bybit v5 "Get Trade History" and "Get Order History": endTime - startTime <= 7 days
    ("bybit", "GET /v5/execution/list", {"category": "linear"}, ("startTime", "endTime"),
     1000, 7 * DAY, 10001),
    ("bybit", "GET /v5/order/history", {"category": "spot"}, ("startTime", "endTime"),
     1000, 7 * DAY, 10001),
    # Binance spot "Account trade list": 24 hours; USD-M "Account Trade List": 7 days; -1127
    ("binance", "GET /api/v3/myTrades", {"symbol": "BTCUSDT"}, ("startTime", "endTime"),
     1000, DAY, -1127),
    ("binance", "GET /fapi/v1/userTrades", {"symbol": "BTCUSDT"}, ("startTime", "endTime"),
     1000, 7 * DAY, -1127),
    # Gate v4 "List personal trading history": 30 days at most
    ("gate", "GET /api/v4/spot/my_trades", {}, ("from", "to"), 1, 30 * DAY, "INVALID_PARAM_VALUE"),
    # HTX "Search Match Results": 48 hours; invalid_interval
    ("htx", "GET /v1/order/matchresults", {}, ("start-time", "end-time"),
     1000, 48 * HOUR, "invalid_interval"),
    ("htx", "GET /v5/trade/order/details", {}, ("start_time", "end_time"), 1000, 48 * HOUR, 1030),
    # Bitget "Get Fills": 90 days; 40705 of the error pages
    ("bitget", "GET /api/v2/spot/trade/fills", {}, ("startTime", "endTime"),
     1000, 90 * DAY, "40705"),
    ("bitget", "GET /api/v2/mix/order/fills", {"productType": "USDT-FUTURES"},
     ("startTime", "endTime"), 1000, 90 * DAY, "40705"),
    # BingX spot "Query transaction details", swap "Query Order history": 7 days
    ("bingx", "GET /openApi/spot/v1/trade/myTrades", {}, ("startTime", "endTime"),
     1000, 7 * DAY, 100400),
    ("bingx", "GET /openApi/swap/v2/trade/allOrders", {}, ("startTime", "endTime"),
     1000, 7 * DAY, 109400),
    # Gate v4 "Market candlesticks": 1000 points a query
    ("gate", "GET /api/v4/spot/candlesticks", {"currency_pair": "BTC_USDT", "interval": "1m"},
     ("from", "to"), 1, 999 * 60, "INVALID_PARAM_VALUE"),
)  # fmt: skip


def asked(venue: str, name: str, query: dict[str, str], simulated: Any = None) -> tuple[Any, bool]:
    route = next(each for at, each in ROUTES if at == venue and name_of(each) == name)
    call = requests(venue, route, "nothing", "", {})
    call.query, call.venue = query, simulated or call.venue
    reply, refused = answered(call, route)
    return reply.body, refused


@pytest.mark.parametrize(("venue", "name", "more", "names", "unit", "span_s", "code"), SPANS)
def test_a_span_is_refused_one_second_beyond_what_the_venue_takes(
    venue: str, name: str, more: Any, names: tuple[str, str], unit: int, span_s: int, code: Any
) -> None:
    def window(length_s: int) -> dict[str, str]:
        return more | {
            names[0]: str((NOW_S - length_s) * unit), names[1]: str(NOW_S * unit),
        }  # fmt: skip

    _, refused = asked(venue, name, window(span_s))
    assert not refused
    body, refused = asked(venue, name, window(span_s + 60))
    assert refused
    words = ("code", "retCode", "label", "err-code")
    assert code == next(body[each] for each in words if each in body)


def test_gate_has_no_candle_older_than_ten_thousand_points() -> None:
    """Gate v4 "Market candlesticks"; the refusal is the one that clients have reported."""
    query = {"currency_pair": "BTC_USDT", "interval": "1m"}
    for points, refused in ((9_999, False), (10_001, True)):
        start = NOW_S - points * 60
        window = {"from": str(start), "to": str(start + 600)}
        assert asked("gate", "GET /api/v4/spot/candlesticks", query | window)[1] is refused


#: where nothing is said of the time: route, query, how many days back it is seen
DEFAULTS = (
    ("bybit", "GET /v5/execution/list", {"category": "linear"}, 7),
    ("binance", "GET /fapi/v1/userTrades", {"symbol": "BTCUSDT"}, 7),
    ("gate", "GET /api/v4/futures/{settle}/my_trades_timerange", {}, 7),
    ("htx", "GET /v5/trade/order/details", {}, 2),
    ("bitget", "GET /api/v2/mix/order/fills", {"productType": "USDT-FUTURES"}, 90),
    ("okx", "GET /api/v5/trade/fills", {"instType": "SWAP"}, 3),
    ("okx", "GET /api/v5/trade/fills-history", {"instType": "SWAP"}, 92),
)


def rows(body: Any) -> list[Any]:
    """The list in a reply, whatever is around it."""
    while isinstance(body, dict):
        names = ("result", "data", "list", "fillList")
        body = next((body[each] for each in names if each in body), [])
    return list(body)


@pytest.mark.parametrize(("venue", "name", "query", "days"), DEFAULTS)
def test_what_is_older_than_the_venue_shows_is_not_seen(
    venue: str, name: str, query: dict[str, str], days: int
) -> None:
    simulated = simulated_venue(venue)
    listing = simulated.listings("linear")[0]
    order = NewOrder(
        ACCOUNT, listing.instrument.id, Side.BUY, OrderKind.MARKET, quantity=Decimal("0.01")
    )
    assert isinstance(simulated.place(order), VenueOrder)
    body, _ = asked(venue, name, query, simulated)
    assert len(rows(body)) == 1
    for extra_s, seen in ((-60, 1), (60, 0)):
        simulated.clock_skew_ns = (days * DAY + extra_s) * SECOND_NS
        body, _ = asked(venue, name, query, simulated)
        assert len(rows(body)) == seen
