"""Protects what clients ask before their first order: each answer in the form of its document.

The names and shapes are those of the venues' documents, named beside each; ccxt only signs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from bowline.simex import DIALECTS, VenueSimulator
from tests.simex.clients import Seat

Play = Callable[..., None]
SYMBOL = {"symbol": "BTCUSDT"}
BYBIT = {"category": "linear", "symbol": "BTCUSDT"}
BITGET = {"productType": "USDT-FUTURES", "symbol": "BTCUSDT"}
OKX = {"instType": "SWAP", "tdMode": "isolated", "instFamily": "BTC-USDT"}
GATE = {"settle": "usdt", "contract": "BTC_USDT"}

#: venue, market, ccxt's name of the endpoint, what is sent, a part of what comes
QUESTIONS: tuple[tuple[str, str, str, dict[str, str], Any], ...] = (
    # developers.binance.com: "Get Current Multi-Assets Mode", "Get Current Position Mode",
    # "User Commission Rate", "Futures Account Configuration", "Get Income History", "Open Interest"
    ("binance", "linear", "fapiPrivateGetMultiAssetsMargin", {}, {"multiAssetsMargin": False}),
    ("binance", "linear", "fapiPrivateGetPositionSideDual", {}, {"dualSidePosition": False}),
    (
        "binance", "linear", "fapiPrivateGetCommissionRate", SYMBOL,
        SYMBOL | {"makerCommissionRate": "0.0002", "takerCommissionRate": "0.0005"},
    ),
    (
        "binance", "linear", "fapiPrivateGetAccountConfig", {},
        {"canTrade": True, "dualSidePosition": False, "multiAssetsMargin": False},
    ),
    ("binance", "linear", "fapiPrivateGetIncome", {"incomeType": "FUNDING_FEE"}, []),
    ("binance", "linear", "fapiPublicGetOpenInterest", SYMBOL, SYMBOL | {"openInterest": "0"}),
    # "Account Commission Rates", "Trade Fee", "Get Spot Delist Schedule"
    (
        "binance", "spot", "privateGetAccountCommission", SYMBOL,
        {"standardCommission": {"maker": "0.001", "taker": "0.001", "buyer": "0", "seller": "0"}},
    ),
    (
        "binance", "spot", "sapiGetAssetTradeFee", SYMBOL,
        [SYMBOL | {"makerCommission": "0.001", "takerCommission": "0.001"}],
    ),
    ("binance", "spot", "sapiGetSpotDelistSchedule", {}, []),
    ("binance", "spot", "publicGetAvgPrice", SYMBOL, {"mins": 5}),
    # bybit-exchange.github.io/docs/v5: "Get Risk Limit" (2,000,000 at 0.5 %, then a deduction of
    # 2,000,000 x 0.0006), "Get Fee Rate", "Get Open Interest"
    (
        "bybit", "linear", "publicGetV5MarketRiskLimit", BYBIT,
        {"result": {"category": "linear", "list": [
            SYMBOL | {
                "id": 1, "riskLimitValue": "2000000", "maintenanceMargin": "0.005",
                "initialMargin": "0.01", "isLowestRisk": 1, "maxLeverage": "100.00",
                "mmDeduction": "",
            },
            SYMBOL | {"id": 2, "riskLimitValue": "2600000", "mmDeduction": "1200"},
        ]}},
    ),
    (
        "bybit", "linear", "privateGetV5AccountFeeRate", BYBIT,
        {"result": {"list": [SYMBOL | {"takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}]}},
    ),
    (
        "bybit", "linear", "publicGetV5MarketOpenInterest", BYBIT | {"intervalTime": "5min"},
        {"result": {"symbol": "BTCUSDT", "list": [{"openInterest": "0"}]}},
    ),
    # okx.com/docs-v5: "Get position tiers", "Get fee rates" (a commission is negative),
    # "Get bills details", "Get open interest", "Get currencies"
    (
        "okx", "linear", "publicGetPublicPositionTiers", OKX,
        {"data": [
            {"tier": "1", "minSz": "0", "maxSz": "1000", "mmr": "0.004", "imr": "0.01",
             "maxLever": "100", "instFamily": "BTC-USDT"},
            {"tier": "2", "minSz": "1001", "maxSz": "5000", "maxLever": "75"},
        ]},
    ),
    (
        "okx", "linear", "privateGetAccountTradeFee", {"instType": "SWAP"},
        {"data": [{"instType": "SWAP", "makerU": "-0.0002", "takerU": "-0.0005"}]},
    ),
    ("okx", "linear", "privateGetAccountBillsArchive", {"type": "8"}, {"data": []}),
    (
        "okx", "linear", "publicGetPublicOpenInterest", {"instType": "SWAP"},
        {"data": [{"instId": "BTC-USDT-SWAP", "oi": "0"}]},
    ),
    # gate.com/docs/developers/apiv4: "Query personal trading fees", "Query risk limit tiers",
    # "Query account change history", "Query futures market trading fee rates"
    (
        "gate", "linear", "privateWalletGetFee", {},
        {"taker_fee": "0.002", "maker_fee": "0.002",
         "futures_taker_fee": "0.0005", "futures_maker_fee": "0.0002"},
    ),
    (
        "gate", "linear", "publicFuturesGetSettleRiskLimitTiers", GATE,
        [
            {"tier": 1, "contract": "BTC_USDT", "risk_limit": "1000000", "leverage_max": "125",
             "initial_rate": "0.008", "maintenance_rate": "0.004", "deduction": "0"},
            {"tier": 2, "risk_limit": "2000000", "deduction": "1000"},
        ],
    ),
    ("gate", "linear", "privateFuturesGetSettleAccountBook", GATE | {"type": "fund"}, []),
    (
        "gate", "linear", "privateFuturesGetSettleFee", GATE,
        {"BTC_USDT": {"taker_fee": "0.0005", "maker_fee": "0.0002"}},
    ),
    # bitget.com/api-doc: "Get Position Tier", "Get Trade Rate", "Get Account Bills",
    # "Get Open Interest"
    (
        "bitget", "linear", "publicMixGetV2MixMarketQueryPositionLever", BITGET,
        {"data": [
            SYMBOL | {"level": "1", "startUnit": "0", "endUnit": "150000", "leverage": "125",
                      "keepMarginRate": "0.004"},
            {"level": "2", "startUnit": "150000", "endUnit": "900000", "leverage": "100"},
        ]},
    ),
    (
        "bitget", "linear", "privateCommonGetV2CommonTradeRate",
        {"symbol": "BTCUSDT", "businessType": "mix"},
        {"data": {"makerFeeRate": "0.0002", "takerFeeRate": "0.0006"}},
    ),
    (
        "bitget", "linear", "privateMixGetV2MixAccountBill",
        BITGET | {"businessType": "contract_settle_fee"}, {"data": {"bills": []}},
    ),
    (
        "bitget", "linear", "publicMixGetV2MixMarketOpenInterest", BITGET,
        {"data": {"openInterestList": [{"symbol": "BTCUSDT", "size": "0"}]}},
    ),
)  # fmt: skip


def holds(part: Any, whole: Any) -> bool:
    """Whether all of a part is in a reply; of a list its first items."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(holds(v, whole.get(k)) for k, v in part.items())
    if isinstance(part, list) and part:
        return len(whole) >= len(part) and all(map(holds, part, whole))
    return part == whole


@pytest.mark.parametrize(("venue", "kind", "name", "sent", "part"), QUESTIONS)
def test_it_is_answered_in_the_form_of_its_document(
    play: Play, venue: str, kind: str, name: str, sent: dict[str, str], part: Any
) -> None:
    async def scene(seat: Seat) -> None:
        reply = await getattr(seat.client, name)(sent)
        assert holds(part, reply), reply

    play(venue, kind, scene)


def test_binance_tells_its_brackets_as_it_publishes_them(play: Play) -> None:
    """The fourth of BTCUSDT in "Notional and Leverage Brackets"."""

    async def scene(seat: Seat) -> None:
        (row,) = await seat.client.fapiPrivateGetLeverageBracket(SYMBOL)
        bracket = {name: float(value) for name, value in row["brackets"][3].items()}
        assert bracket == {
            "bracket": 4, "initialLeverage": 50, "notionalCap": 12_000_000,
            "notionalFloor": 3_000_000, "maintMarginRatio": 0.01, "cum": 12_000,
        }  # fmt: skip

    play("binance", "linear", scene)


@pytest.mark.parametrize("venue", ["binance", "okx", "gate", "bitget"])
def test_funding_that_was_paid_is_told(play: Play, venue: str) -> None:
    """A long of 0.01 at 60,000 pays 0.01 % of 600: 0.06."""

    async def scene(seat: Seat) -> None:
        client, symbol = seat.client, seat.symbol
        size = 0.01 / (client.market(symbol)["contractSize"] or 1)
        await client.create_order(symbol, "market", "buy", size)
        simulated = seat.simulator.venues[venue]
        (position,) = simulated.view("linear").positions("main")
        simulated.engine_of(position.instrument).pay_funding(
            simulated.scheduler.now_ns, position.instrument, _d("0.0001"), _d(60_000)
        )
        paid = await client.fetch_funding_history(symbol)
        assert [each["amount"] for each in paid] == [-0.06]

    play(venue, "linear", scene)


def _d(number: Any) -> Any:
    from decimal import Decimal

    return Decimal(number)


@pytest.mark.parametrize("venue", DIALECTS)
def test_what_a_contract_may_be_leveraged_is_what_its_first_tier_says(venue: str) -> None:
    simulated = VenueSimulator([venue]).venues[venue]
    tiers = simulated.view("linear").tiers()
    most = {each.max_leverage for each in simulated.listings("linear")}
    assert most == {tiers[0].max_leverage} if tiers else len(most) == 1
    # a greater position keeps no less and is leveraged no more
    rows = [(each.most, each.maintenance_rate, -each.max_leverage) for each in tiers]
    assert rows == sorted(rows)


#: venue -> the largest order of the account's leverage, and its code for one that is larger
LIMITS = {
    # "Error ErrorCodes" of USD-M futures; at 50 the most is 12,000,000, 200 BTC
    "binance": (50, 220, "-2027"),
    # V5 "Error ErrorCodes"; at 50 the most is 10,000,000
    "bybit": (50, 180, "110090"),
    # "Error Code", 51004; at 75 the most is 5,000 contracts of 0.01
    "okx": (75, 55, "51004"),
    # "Labels": RISK_LIMIT_EXCEEDED; at 50 the most is 5,000,000
    "gate": (50, 100, "RISK_LIMIT_EXCEEDED"),
}


@pytest.mark.parametrize("venue", LIMITS)
def test_an_order_beyond_its_tier_is_refused_in_the_venues_words(play: Play, venue: str) -> None:
    leverage, coins, code = LIMITS[venue]

    async def scene(seat: Seat) -> None:
        client, symbol = seat.client, seat.symbol
        await client.set_leverage(leverage, symbol)
        size = coins / (client.market(symbol)["contractSize"] or 1)
        price = float(client.price_to_precision(symbol, 59_000))
        with pytest.raises(ccxt.BaseError) as refused:
            await client.create_order(symbol, "limit", "buy", size, price)
        assert code in str(refused.value)
        await client.create_order(symbol, "limit", "buy", size / 2, price)

    play(venue, "linear", scene)
