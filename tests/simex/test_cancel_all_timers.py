"""Protects the timers that cancel all orders of a client that is gone, in each venue's own form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from bowline.core.model.values import SECOND_NS
from bowline.simex import ACCOUNT, SyntheticMarket, VenueSimulator, VirtualClock, symbol_spec
from bowline.simex.dialects.gate import trading as gate
from bowline.simex.dialects.htx import spot_trading as spot
from bowline.simex.dialects.htx import swap_trading as swap
from bowline.simex.dialects.htx.spot_render import account_number
from bowline.simex.dialects.okx import trading as okx
from bowline.simex.venue_api import ApiCall, ApiError

Post = Callable[..., Any]


def simulator_of(venue: str) -> tuple[VenueSimulator, Post]:
    """A world that time passes in when the test says so, and what posts to one of its handlers."""
    market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, step_s=5, history_minutes=1, levels=2)
    simulator = VenueSimulator(
        [venue], market=market, clock=VirtualClock(1_760_000_000 * SECOND_NS)
    )

    def post(handler: Callable[[ApiCall], Any], path: str = "", **fields: Any) -> Any:
        body = json.dumps(fields).encode()
        return handler(
            ApiCall(
                venue=simulator.venues[venue], method="POST", path=path, body=body, account=ACCOUNT
            )
        )

    return simulator, post


def open_orders(simulator: VenueSimulator, kind: str) -> int:
    (venue,) = simulator.venues.values()
    return len(venue.view(kind).open_orders(ACCOUNT))


def test_gates_countdown_cancels_once_it_is_over_unless_it_is_renewed() -> None:
    order = {"currency_pair": "BTC_USDT", "side": "buy", "amount": "0.01", "price": "50000"}

    async def run() -> None:
        simulator, post = simulator_of("gate")
        post(gate.create, **order)
        post(gate.countdown_cancel_all, timeout=30)
        await simulator.scheduler.advance(20)
        post(gate.countdown_cancel_all, timeout=30)
        await simulator.scheduler.advance(20)
        assert open_orders(simulator, "spot")
        await simulator.scheduler.advance(11)
        assert not open_orders(simulator, "spot")
        post(gate.create, **order)
        post(gate.countdown_cancel_all, timeout=30)
        post(gate.countdown_cancel_all, timeout=0)
        await simulator.scheduler.advance(31)
        assert open_orders(simulator, "spot")

    asyncio.run(run())


def test_htx_cancels_all_orders_of_a_market_once_its_timer_is_over() -> None:
    async def run() -> None:
        simulator, post = simulator_of("htx")
        number = str(account_number(simulator.venues["htx"]))
        order = {"account-id": number, "symbol": "btcusdt", "type": "buy-limit", "amount": "0.01"}
        swap_order = {"contract_code": "BTC-USDT", "side": "buy", "type": "limit", "volume": "10"}
        post(spot.place, "/v1/order/orders/place", price="50000", **order)
        post(swap.place, "/v5/trade/order", price="50000", **swap_order)
        for _ in range(2):
            post(spot.cancel_all_after, "/v2", timeout=30)
            post(swap.cancel_after, "/v5", on_off=1, time_out=40_000)
            await simulator.scheduler.advance(20)
        before = [open_orders(simulator, kind) for kind in ("spot", "linear")]
        await simulator.scheduler.advance(11)
        after = [open_orders(simulator, kind) for kind in ("spot", "linear")]
        assert (before, after) == ([1, 1], [0, 1])
        post(swap.cancel_after, "/v5", on_off=0)
        await simulator.scheduler.advance(60)
        assert open_orders(simulator, "linear")

    asyncio.run(run())


def test_okx_cancels_all_orders_unless_the_timer_is_set_again() -> None:
    order = {"side": "buy", "ordType": "limit", "px": "50000"}
    swap_order = order | {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "sz": "1"}
    spot_order = order | {"instId": "BTC-USDT", "tdMode": "cash", "sz": "0.01"}

    async def run() -> None:
        simulator, post = simulator_of("okx")
        for number, fields in (("1", swap_order), ("2", spot_order)):
            assert post(okx.place, clOrdId=number, **fields).body["code"] == "0"
        for seconds in ("9", "121"):
            with pytest.raises(ApiError):
                post(okx.cancel_all_after, timeOut=seconds)
        for _ in range(2):
            post(okx.cancel_all_after, timeOut="10")
            await simulator.scheduler.advance(9)
        assert open_orders(simulator, "spot") == 2
        await simulator.scheduler.advance(2)
        assert not open_orders(simulator, "spot")

    asyncio.run(run())
