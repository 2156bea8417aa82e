"""Protects that a client with no option set but its URLs trades at every venue, spot and perpetual.

It asks for more than a trader needs (currencies, margin pairs, other contracts) and gets answers.
What came of its orders is read in the simulated venue itself, not from the client.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.values import Direction
from bowline.simex import ACCOUNT, DIALECTS, SyntheticMarket, VenueSimulator, serve, symbol_spec
from tests.simex.clients import point_at

QUANTITY = Decimal("0.01")
#: what the venue itself asks for beside the leverage, and ccxt asks its user for
LEVERAGE: dict[str, dict[str, Any]] = {
    "bingx": {"side": "BOTH"},
    "okx": {"marginMode": "cross"},
    "mexc": {"openType": 2, "positionType": 1},
}


async def trade(client: Any, simulator: VenueSimulator, venue: str, kind: str) -> None:
    symbol = "BTC/USDT" if kind == "spot" else "BTC/USDT:USDT"
    simulated = simulator.venues[venue]
    instrument = simulated.listings(kind)[0].instrument
    amount = float(QUANTITY / instrument.contract_size)
    view = simulated.view(kind)
    balance = await client.fetch_balance({"type": "spot" if kind == "spot" else "swap"})
    assert Decimal(str(balance["USDT"]["total"])) == view.holding(ACCOUNT, "USDT").total
    if kind == "linear":
        await client.set_leverage(5, symbol, LEVERAGE.get(venue, {}))
        assert view.settings(ACCOUNT, instrument.id).leverage == 5
    placed = await client.create_order(symbol, "limit", "buy", amount, 40_000)
    (mine,) = view.open_orders(ACCOUNT, instrument.id)
    assert (mine.quantity, mine.price) == (QUANTITY, 40_000)
    assert [each["id"] for each in await client.fetch_open_orders(symbol)] == [placed["id"]]
    await client.cancel_order(placed["id"], symbol)
    assert not view.open_orders(ACCOUNT, instrument.id)
    last = (await client.fetch_ticker(symbol))["last"]
    await client.create_order(symbol, "market", "buy", amount, last)
    fills = view.fills(ACCOUNT, instrument.id)
    # a spot market buy may be for its cost, which the next price is not the one of
    assert sum(each.quantity for each in fills) == pytest.approx(QUANTITY, rel=Decimal("0.11"))
    shown = await client.fetch_my_trades(symbol)
    assert sum(Decimal(str(each["amount"])) for each in shown) * instrument.contract_size == sum(
        each.quantity for each in fills
    )
    if kind == "linear":
        (position,) = await client.fetch_positions([symbol])
        (held,) = view.positions(ACCOUNT, instrument.id)
        assert held.direction is Direction.LONG
        assert position["side"] == "long"
        assert Decimal(str(position["contracts"])) * instrument.contract_size == held.quantity


@pytest.mark.parametrize("venue", DIALECTS)
def test_a_stock_client_trades(venue: str) -> None:
    import ccxt.async_support as ccxt

    async def scene() -> None:
        market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, history_minutes=30)
        simulator = VenueSimulator([venue], market=market, seed=1)
        keys = simulator.venues[venue].credentials
        client = getattr(ccxt, venue)(
            {"apiKey": keys.api_key, "secret": keys.secret, "password": keys.password}
        )
        async with serve(simulator) as address, asyncio.timeout(60):
            point_at(client, address, venue)
            try:
                await client.load_markets()
                for kind in ("spot", "linear"):
                    await trade(client, simulator, venue, kind)
            finally:
                await client.close()

    asyncio.run(scene())
