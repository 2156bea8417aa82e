"""Protects every stream of every dialect from frames that no client should send.

No frame may raise, which would end the connection without a word; an order is always answered.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from bowline.core.model.values import SECOND_NS
from bowline.simex import ACCOUNT, DIALECTS
from tests.simex.hostile import BODIES, GOOD, TEXTS, VALUES
from tests.simex.lines import opened, told
from tests.simex.test_hostile import START_NS, VENUES, cleared, state_of

#: verbs and names that endpoints know, so that what is strange about a frame is met behind them
VERBS: tuple[dict[str, Any], ...] = (
    {"op": "subscribe", "method": "SUBSCRIBE", "reqType": "sub", "event": "subscribe",
     "channel": "spot.order_book_update", "sub": "market.btcusdt.depth.step0", "id": "1"},
    {"op": "auth", "method": "login", "action": "req", "ch": "auth", "event": "api",
     "channel": "spot.order_place"},
    {"op": "order.create", "method": "order.place", "event": "api", "channel": "spot.order_cancel",
     "header": {"X-BAPI-TIMESTAMP": str(START_NS // 1_000_000)}},
    {"op": "order", "method": "sub.depth", "req": "market.btcusdt.kline.1min", "action": "sub"},
    {"op": "login", "method": "order.cancel", "ping": 1, "unsub": "x"},
    {"op": "amend-order", "method": "UNSUBSCRIBE", "event": "unsubscribe", "channel": "x.y"},
)  # fmt: skip
FIELDS = (
    "args", "params", "param", "payload", "id", "topic", "channel", "header", "dataType", "time",
    "auth", "ch", "sub", "req", "op", "method", "event", "from", "to", "pong",
)  # fmt: skip


@pytest.mark.parametrize(
    ("venue", "endpoint"),
    [(venue, each.path) for venue, speaks in DIALECTS.items() for each in speaks().endpoints],
)
def test_no_frame_breaks_a_stream(venue: str, endpoint: str) -> None:
    """A bug would end the connection without a word."""
    simulated, before = VENUES[venue], state_of(VENUES[venue])
    row = dict.fromkeys(("symbol", "instId", "channel", "instType"), "BTCUSDT")
    strange = (*TEXTS, *VALUES, [row], [[1], {}], {"symbol": [1]}, ["\U0001f680"] * 50)
    for logged_in in ("", ACCOUNT):
        session = opened(simulated, endpoint)
        session.account = logged_in
        for body in BODIES:
            session.endpoint.on_message(session, body)
            with contextlib.suppress(UnicodeDecodeError):
                session.endpoint.on_message(session, body.decode())
        for verb in VERBS:
            for field in FIELDS:
                for value in strange:
                    session.endpoint.on_message(session, json.dumps(verb | {field: value}))
            told(session)
        session.unsubscribe_all()
    assert state_of(simulated) == before
    cleared(simulated)


#: how each venue wraps an order that comes over a socket: its endpoint, and the frame
SOCKET_ORDERS: dict[str, tuple[str, Any]] = {
    "bybit": ("/v5/trade", lambda fields: {
        "op": "order.create", "reqId": "1", "args": [fields],
        "header": {"X-BAPI-TIMESTAMP": str(START_NS // 1_000_000)}}),
    "okx": ("/ws/v5/{endpoint}", lambda fields: {"id": "1", "op": "order", "args": [fields]}),
    "gate": ("/ws/v4/", lambda fields: {
        "time": START_NS // SECOND_NS, "channel": "spot.order_place", "event": "api",
        "payload": {"req_id": "1", "timestamp": "1", "req_param": fields}}),
}  # fmt: skip


@pytest.mark.parametrize("venue", SOCKET_ORDERS)
def test_no_value_of_an_order_over_a_socket_breaks_it(venue: str) -> None:
    simulated, (endpoint, framed) = VENUES[venue], SOCKET_ORDERS[venue]
    session, before = opened(simulated, endpoint), state_of(simulated)
    session.account = ACCOUNT
    for good in GOOD[venue]:
        for field in good:
            for value in TEXTS + VALUES:
                session.endpoint.on_message(session, json.dumps(framed(good | {field: value})))
                assert told(session), f"{field}={str(value)[:40]!r} is not answered"
                if state_of(simulated) != before:
                    cleared(simulated)
                    before = state_of(simulated)
