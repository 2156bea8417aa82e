"""Protects what a fee looks like at each venue: which asset, which sign, which field.

The forms are of the venues' documents; the amounts are reckoned here by hand.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bowline.core.model.values import Side
from bowline.core.sim.exchange import NewOrder, VenueOrder
from bowline.core.venue import OrderKind
from bowline.simex import (
    ACCOUNT,
    FaultInjector,
    SyntheticMarket,
    VenueSimulator,
    VirtualClock,
    symbol_spec,
)
from bowline.simex.venue import SimulatedVenue
from tests.simex.test_hostile import START_NS
from tests.simex.test_windows import asked, rows

QUANTITY = Decimal("0.01")
LISTS = {
    ("gate", "spot"): ("GET /api/v4/spot/my_trades", {}),
    ("gate", "linear"): ("GET /api/v4/futures/{settle}/my_trades_timerange", {}),
    ("bitget", "spot"): ("GET /api/v2/spot/trade/fills", {}),
    ("bitget", "linear"): (
        "GET /api/v2/mix/order/fills", {"productType": "USDT-FUTURES"},
    ),
    ("binance", "spot"): ("GET /api/v3/myTrades", {"symbol": "BTCUSDT"}),
    ("binance", "linear"): ("GET /fapi/v1/userTrades", {"symbol": "BTCUSDT"}),
    ("bybit", "linear"): ("GET /v5/execution/list", {"category": "linear"}),
}  # fmt: skip


def charged(venue: str, **words: str) -> SimulatedVenue:
    faults = FaultInjector(seed=1)
    faults.add(fault="fees", at_s=0, venue=venue, **words)
    market = SyntheticMarket([symbol_spec("BTCUSDT")], 1, history_minutes=3, levels=5)
    simulator = VenueSimulator([venue], market=market, clock=VirtualClock(START_NS), faults=faults)
    simulator.scheduler.run_due()
    return simulator.venues[venue]


def bought(venue: SimulatedVenue, kind: str) -> tuple[dict[str, Any], Decimal]:
    """The one fill as its list shows it, and what was paid for it in quote money."""
    instrument = venue.listings(kind)[0].instrument.id
    order = venue.place(
        NewOrder(ACCOUNT, instrument, Side.BUY, OrderKind.MARKET, quantity=QUANTITY)
    )
    assert isinstance(order, VenueOrder)
    (fill,) = venue.view(kind).fills(ACCOUNT, instrument)
    name, query = LISTS[venue.name, kind]
    (row,) = rows(asked(venue.name, name, query, venue)[0])
    return row, fill.price * fill.quantity


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_gate_tells_points_and_gt_beside_a_fee_of_nothing(kind: str) -> None:
    """Gate v4 "List personal trading history": fee, point_fee, and of spot gt_fee."""
    row, cost = bought(charged("gate", asset="POINT", taker="0.001"), kind)
    assert Decimal(row["fee"]) == 0
    assert Decimal(row["point_fee"]) == cost / 1000
    if kind == "spot":
        # one GT costs 10
        row, cost = bought(charged("gate", asset="GT", taker="0.001"), kind)
        assert (row["fee"], row["point_fee"]) == ("0", "0")
        assert Decimal(row["gt_fee"]) == cost / 10_000
        assert row["fee_currency"] == "BTC"


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_bitget_tells_what_was_paid_with_a_minus_and_bgb_with_a_plus(kind: str) -> None:
    """Bitget "Get Fills", feeDetail: totalFee, deduction yes where BGB paid."""

    def detail(row: dict[str, Any]) -> dict[str, str]:
        found = row["feeDetail"]
        each: dict[str, str] = found[0] if isinstance(found, list) else found
        return each

    row, cost = bought(charged("bitget", asset="BGB", taker="0.001"), kind)
    shown = detail(row)
    assert (shown["deduction"], shown["feeCoin"]) == ("yes", "BGB")
    assert Decimal(shown["totalFee"]) == cost / 10_000
    row, cost = bought(charged("bitget", taker="0.001"), kind)
    shown = detail(row)
    assert shown["deduction"] == "no"
    assert Decimal(shown["totalFee"]) == -(QUANTITY if kind == "spot" else cost) / 1000
    row, cost = bought(charged("bitget", taker="-0.001"), kind)
    assert Decimal(detail(row)["totalFee"]) > 0


@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_binance_takes_bnb(kind: str) -> None:
    """Binance "Account trade list": commission and commissionAsset; one BNB costs 600."""
    row, cost = bought(charged("binance", asset="BNB", taker="0.0006"), kind)
    assert row["commissionAsset"] == "BNB"
    assert Decimal(row["commission"]) == pytest.approx(cost / 1_000_000, abs=Decimal("1e-8"))


def test_bybit_tells_funding_among_the_executions_and_only_when_asked() -> None:
    """Bybit v5 "Get Trade History": execType Trade, Funding, BustTrade (Enum Definitions)."""
    venue = charged("bybit", taker="0.001")
    row, _ = bought(venue, "linear")
    assert row["execType"] == "Trade"
    instrument = venue.listings("linear")[0].instrument.id
    engine = venue.engine_of(instrument)
    engine.pay_funding(venue.scheduler.now_ns, instrument, Decimal("0.0001"), Decimal(60_000))
    name, query = LISTS["bybit", "linear"]
    every = rows(asked("bybit", name, query, venue)[0])
    assert sorted(each["execType"] for each in every) == ["Funding", "Trade"]
    (funding,) = rows(asked("bybit", name, query | {"execType": "Funding"}, venue)[0])
    # 0.01 at a mark of 60,000 is worth 600, of which one in ten thousand is paid
    assert (funding["side"], Decimal(funding["execFee"])) == ("Buy", Decimal("0.06"))
    (trade,) = rows(asked("bybit", name, query | {"execType": "Trade"}, venue)[0])
    assert trade["execType"] == "Trade"
