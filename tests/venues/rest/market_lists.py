"""What each venue answers when asked what it lists: one BTCUSDT, in the shape it documents.

Contract sizes differ from 1 wherever the venue counts contracts.
"""

from __future__ import annotations

from typing import Any

_BYBIT_LIST = {
    "linear": {
        "symbol": "BTCUSDT", "contractType": "LinearPerpetual", "status": "Trading",
        "baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1585526400000",
        "deliveryTime": "0", "deliveryFeeRate": "", "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {"maxOrderQty": "100.000", "minOrderQty": "0.001", "qtyStep": "0.001",
                          "postOnlyMaxOrderQty": "1000.000", "minNotionalValue": "5"},
        "unifiedMarginTrade": True, "fundingInterval": 480,
    },
    "spot": {
        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "innovation": "0",
        "status": "Trading", "marginTrading": "both",
        "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.00000001",
                          "minOrderQty": "0.000048", "maxOrderQty": "71.73956243",
                          "minOrderAmt": "1", "maxOrderAmt": "4000000"},
        "priceFilter": {"tickSize": "0.01"},
    },
}  # fmt: skip


def _bybit(kind: str) -> dict[str, Any]:
    found = {"category": kind, "list": [_BYBIT_LIST[kind]], "nextPageCursor": ""}
    return {"retCode": 0, "retMsg": "OK", "result": found, "retExtInfo": {}, "time": 1700000000000}


_BINANCE_FILTERS = [
    {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01",
        "maxPrice": "1000000.00",
        "tickSize": "0.01",
    },
    {"filterType": "LOT_SIZE", "stepSize": "0.00001", "maxQty": "9000.0", "minQty": "0.00001"},
]
_BINANCE = {
    "spot": {
        "timezone": "UTC", "serverTime": 1700000000000, "rateLimits": [], "exchangeFilters": [],
        "symbols": [{
            "symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "baseAssetPrecision": 8,
            "quoteAsset": "USDT", "quotePrecision": 8, "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
            "icebergAllowed": True, "ocoAllowed": True, "quoteOrderQtyMarketAllowed": True,
            "isSpotTradingAllowed": True, "isMarginTradingAllowed": True,
            "filters": [*_BINANCE_FILTERS,
                        {"filterType": "NOTIONAL", "minNotional": "5.00000000"}],
            "permissions": [], "permissionSets": [["SPOT", "MARGIN"]],
        }],
    },
    "linear": {
        "timezone": "UTC", "serverTime": 1700000000000, "rateLimits": [], "exchangeFilters": [],
        "assets": [],
        "symbols": [{
            "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000, "onboardDate": 1569398400000, "status": "TRADING",
            "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000", "baseAsset": "BTC",
            "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2,
            "quantityPrecision": 3, "baseAssetPrecision": 8, "quotePrecision": 8,
            "underlyingType": "COIN", "triggerProtect": "0.0500",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "4529764",
                 "tickSize": "0.10"},
                {"filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000",
                 "minQty": "0.001"},
                {"filterType": "MIN_NOTIONAL", "notional": "100"},
            ],
            "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        }],
    },
}  # fmt: skip

_OKX = {
    "spot": {
        "alias": "", "baseCcy": "BTC", "category": "1", "ctMult": "", "ctType": "", "ctVal": "",
        "ctValCcy": "", "expTime": "", "instId": "BTC-USDT", "instType": "SPOT", "lever": "10",
        "listTime": "1548133413000", "lotSz": "0.00000001", "minSz": "0.00001", "optType": "",
        "quoteCcy": "USDT", "settleCcy": "", "state": "live", "stk": "", "tickSz": "0.1", "uly": "",
    },
    "linear": {
        "alias": "", "baseCcy": "", "category": "1", "ctMult": "1", "ctType": "linear",
        "ctVal": "0.01", "ctValCcy": "BTC", "expTime": "", "instFamily": "BTC-USDT",
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "lever": "100",
        "listTime": "1573557408000", "lotSz": "0.01", "minSz": "0.01", "optType": "",
        "quoteCcy": "", "settleCcy": "USDT", "state": "live", "stk": "", "tickSz": "0.1",
        "uly": "BTC-USDT",
    },
}  # fmt: skip

_BITGET = {
    "spot": {
        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "minTradeAmount": "0",
        "maxTradeAmount": "10000000000", "takerFeeRate": "0.002", "makerFeeRate": "0.002",
        "pricePrecision": "2", "quantityPrecision": "6", "quotePrecision": "6",
        "status": "online", "minTradeUSDT": "1", "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
    },
    "linear": {
        "symbol": "BTCUSDT", "baseCoin": "BTC", "quoteCoin": "USDT", "buyLimitPriceRatio": "0.01",
        "sellLimitPriceRatio": "0.01", "feeRateUpRatio": "0.005", "makerFeeRate": "0.0002",
        "takerFeeRate": "0.0006", "openCostUpRatio": "0.01", "supportMarginCoins": ["USDT"],
        "minTradeNum": "0.0001", "priceEndStep": "1", "volumePlace": "4", "pricePlace": "1",
        "sizeMultiplier": "0.0001", "symbolType": "perpetual", "minTradeUSDT": "5",
        "maxSymbolOrderNum": "200", "maxPositionNum": "150", "symbolStatus": "normal",
        "offTime": "-1", "limitOpenTime": "-1", "deliveryTime": "", "launchTime": "",
        "fundInterval": "8", "minLever": "1", "maxLever": "125", "maintainTime": "",
    },
}  # fmt: skip

_BINGX = {
    "spot": {"code": 0, "msg": "", "debugMsg": "", "data": {"symbols": [{
        "symbol": "BTC-USDT", "minQty": 0.00002, "maxQty": 4.1, "minNotional": 1,
        "maxNotional": 100000, "status": 1, "tickSize": 0.01, "stepSize": 0.00001,
        "apiStateSell": True, "apiStateBuy": True, "timeOnline": 0, "offTime": 0,
    }]}},
    "linear": {"code": 0, "msg": "", "data": [{
        "contractId": "100", "symbol": "BTC-USDT", "size": "0.0001", "quantityPrecision": 4,
        "pricePrecision": 1, "feeRate": 0.0005, "tradeMinLimit": 1, "tradeMinQuantity": 0.0001,
        "tradeMinUSDT": 2, "currency": "USDT", "asset": "BTC", "status": 1,
        "apiStateOpen": "true", "apiStateClose": "true", "makerFeeRate": 0.0002,
        "takerFeeRate": 0.0005, "maxLongLeverage": 125, "maxShortLeverage": 125,
    }]},
}  # fmt: skip

_GATE = {
    "spot": [{
        "id": "BTC_USDT", "base": "BTC", "base_name": "Bitcoin", "quote": "USDT",
        "quote_name": "Tether", "fee": "0.2", "min_base_amount": "0.000001",
        "min_quote_amount": "3", "max_quote_amount": "5000000", "amount_precision": 6,
        "precision": 1, "trade_status": "tradable", "sell_start": 0, "buy_start": 0,
        "type": "normal",
    }],
    "linear": [{
        "name": "BTC_USDT", "type": "direct", "quanto_multiplier": "0.0001", "mark_type": "index",
        "last_price": "9017", "mark_price": "9019", "index_price": "9005.3",
        "order_price_round": "0.1", "mark_price_round": "0.01", "leverage_min": "1",
        "leverage_max": "100", "maintenance_rate": "0.005", "order_size_min": 1,
        "order_size_max": 1000000, "enable_decimal": False, "maker_fee_rate": "-0.0001",
        "taker_fee_rate": "0.00075", "in_delisting": False, "status": "trading",
        "order_price_deviate": "0.5", "create_time": 1758124392, "funding_interval": 28800,
    }],
}  # fmt: skip

_HTX = {
    "spot": {"status": "ok", "data": [{
        "base-currency": "btc", "quote-currency": "usdt", "price-precision": 2,
        "amount-precision": 6, "symbol-partition": "main", "symbol": "btcusdt", "state": "online",
        "value-precision": 8, "min-order-amt": 0.0001, "max-order-amt": 1000,
        "min-order-value": 5, "limit-order-min-order-amt": 0.0001,
        "limit-order-max-order-amt": 1000, "api-trading": "enabled", "tags": "",
    }]},
    "linear": {"status": "ok", "ts": 1640736207263, "data": [{
        "symbol": "BTC", "contract_code": "BTC-USDT", "contract_size": 0.001, "price_tick": 0.1,
        "delivery_date": "", "delivery_time": "", "create_date": "20201021", "contract_status": 1,
        "settlement_date": "1640764800000", "support_margin_mode": "all",
        "business_type": "swap", "pair": "BTC-USDT", "contract_type": "swap",
        "trade_partition": "USDT",
    }]},
}  # fmt: skip

_MEXC = {
    "spot": {
        "timezone": "CST", "serverTime": 1647521860402, "rateLimits": [], "exchangeFilters": [],
        "symbols": [{
            "symbol": "BTCUSDT", "status": "1", "baseAsset": "BTC", "baseAssetPrecision": "6",
            "quoteAsset": "USDT", "quoteAssetPrecision": "2",
            "orderTypes": ["LIMIT", "LIMIT_MAKER"], "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False, "permissions": ["SPOT"], "filters": [],
            "baseSizePrecision": "0.000001", "maxQuoteAmount": "5000000",
            "makerCommission": "0.002", "takerCommission": "0.002", "quoteAmountPrecision": "1",
            "quotePrecision": "2",
        }],
    },
    "linear": {"success": True, "code": 0, "data": [{
        "symbol": "BTC_USDT", "displayName": "BTC_USDT", "displayNameEn": "BTC_USDT SWAP",
        "positionOpenType": 3, "baseCoin": "BTC", "quoteCoin": "USDT", "settleCoin": "USDT",
        "contractSize": 0.0001, "minLeverage": 1, "maxLeverage": 125, "priceScale": 2,
        "volScale": 0, "amountScale": 4, "priceUnit": 0.5, "volUnit": 1, "minVol": 1,
        "maxVol": 1000000, "takerFeeRate": 0.0006, "makerFeeRate": 0.0002, "state": 0,
    }]},
}  # fmt: skip


def _okx(kind: str) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": [_OKX[kind]]}


def _bitget(kind: str) -> dict[str, Any]:
    rows = [_BITGET[kind]]
    return {"code": "00000", "msg": "success", "requestTime": 1700000000000, "data": rows}


#: (venue, kind) -> path and reply
MARKET_LISTS: dict[tuple[str, str], tuple[str, Any]] = {
    ("binance", "spot"): ("/api/v3/exchangeInfo", _BINANCE["spot"]),
    ("binance", "linear"): ("/fapi/v1/exchangeInfo", _BINANCE["linear"]),
    ("bybit", "spot"): ("/v5/market/instruments-info", _bybit("spot")),
    ("bybit", "linear"): ("/v5/market/instruments-info", _bybit("linear")),
    ("okx", "spot"): ("/api/v5/public/instruments", _okx("spot")),
    ("okx", "linear"): ("/api/v5/public/instruments", _okx("linear")),
    ("bitget", "spot"): ("/api/v2/spot/public/symbols", _bitget("spot")),
    ("bitget", "linear"): ("/api/v2/mix/market/contracts", _bitget("linear")),
    ("bingx", "spot"): ("/openApi/spot/v1/common/symbols", _BINGX["spot"]),
    ("bingx", "linear"): ("/openApi/swap/v2/quote/contracts", _BINGX["linear"]),
    ("gate", "spot"): ("/api/v4/spot/currency_pairs", _GATE["spot"]),
    ("gate", "linear"): ("/api/v4/futures/usdt/contracts", _GATE["linear"]),
    ("htx", "spot"): ("/v1/common/symbols", _HTX["spot"]),
    ("htx", "linear"): ("/linear-swap-api/v1/swap_contract_info", _HTX["linear"]),
    ("mexc", "spot"): ("/api/v3/exchangeInfo", _MEXC["spot"]),
    ("mexc", "linear"): ("/api/v1/contract/detail", _MEXC["linear"]),
}
