"""What no client should send, and requests that are right but for one field of it.

`GOOD` holds, for each venue, requests that could be carried out: the fields of every route at once.
"""

from __future__ import annotations

from typing import Any

#: as text in a query or in JSON: too large, too small, no number, a number to some parsers alone
TEXTS = (
    "1e12", "1e22", "1e40", "1e-40", "-1e40", "1e999999999", "-1e999999999", "1e-999999999", "NaN",
    "sNaN", "Infinity", "-Infinity", "", " ", " 1 ", "1 000", "1_000", "-1", "-0.01", "0", "-0",
    "0x10", "1,5", "+", ".", "1e", "--1", "\u0661\u0662", "\uff11", "\u00b2", "9" * 19, "9" * 29,
    "9" * 5000, "0." + "0" * 30 + "1", "0." + "9" * 60, "null", "true", "[]", "{}", "\x00", "'",
    "\U0001f680", "None",
)  # fmt: skip
#: in JSON alone
VALUES: tuple[Any, ...] = (
    10**12, 10**22, 10**400, -1, 0, 1e40, 1e-40, 1e300, 5e-324, 1.5, True, False, None, [], {},
    [1], {"a": 1}, [[]], ["1"], {"price": {"price": "1"}},
)  # fmt: skip
#: no venue's requests have these forms
BODIES = (
    b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900, b"null", b"1", b'"text"', b"true",
    b"[]", b"[[]]", b"[null]", b'[1,"a",[]]', b"{", b"\xff\xfe\x00", b'{"a":"\xff"}', b"NaN",
    b'{"symbol":"\\ud800"}', b'{"a":1e999999}', b"1" * 5_000, b"", b" ", b"a=1&a=2&%ff=%fe",
    b"&" * 5_000,
)  # fmt: skip

_LIMIT = {"price": "50000"}
GOOD: dict[str, tuple[dict[str, Any], ...]] = {
    "binance": (
        {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.01", **_LIMIT, "interval": "1m", "limit": "5", "startTime": "1",
            "endTime": "1770000000000", "fromId": "1", "leverage": "3", "marginType": "ISOLATED",
            "countdownTime": "120000", "orderId": "1", "recvWindow": "5000",
        },
        {
            "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "100",
            "cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": "1",
        },
        {
            "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.01",
            "stopPrice": "1000",
        },
        {
            "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.01",
            "algoType": "CONDITIONAL", "triggerPrice": "1000", "algoId": "1",
        },
    ),
    "bybit": tuple(
        {
            "category": kind, "symbol": "BTCUSDT", "side": "Buy", "orderType": order,
            "qty": "0.01", **_LIMIT, "interval": "1", "buyLeverage": "3", "sellLeverage": "3",
            "orderId": "1", "timeWindow": "10", "limit": "5", "startTime": "1", "cursor": "0",
            "endTime": "1770000000000", "start": "1", "end": "1770000000000", **more,
        }
        for kind in ("spot", "linear")
        for order, more in (("Limit", {}), ("Market", {}), ("Market", {"triggerPrice": "90000"}))
    ),
    "okx": tuple(
        {
            "instId": name, "instType": kind, "tdMode": mode, "side": "buy", "ordType": order,
            "sz": "1", "px": "50000", "ordId": "1", "newSz": "2", "newPx": "49000", "lever": "5",
            "mgnMode": "cross", "timeOut": "10", "limit": "5", "before": "1", "after": "9",
            "begin": "1", "end": "1770000000000", "algoId": "1", "bar": "1m", **more,
        }
        for name, kind, mode in (("BTC-USDT", "SPOT", "cash"), ("BTC-USDT-SWAP", "SWAP", "cross"))
        for order, more in (
            ("limit", {}), ("market", {}), ("trigger", {"triggerPx": "90000", "orderPx": "-1"}),
        )
    ),
    "gate": (
        {
            "currency_pair": "BTC_USDT", "side": "buy", "type": "limit", "amount": "0.01", **_LIMIT,
            "interval": "1m", "status": "open", "timeout": 30, "limit": "5", "from": "1",
            "to": "1770000000", "page": "1", "offset": "0", "last_id": "9", "order_id": "1",
            "contract": "BTC_USDT", "size": 5, "tif": "gtc", "leverage": "3", "dual_mode": "true",
            "market": "BTC_USDT", "trigger": {"price": "90000", "rule": 1},
            "initial": {"contract": "BTC_USDT", "size": 5, "price": "0"},
            "put": {"type": "market", "side": "buy", "amount": "100"},
        },
        {
            "currency_pair": "BTC_USDT", "side": "buy", "type": "market", "amount": "100",
            "time_in_force": "ioc", "contract": "BTC_USDT", "size": 5, "price": "0", "tif": "ioc",
            "cross_leverage_limit": "3", "leverage": "0",
        },
    ),
    "bitget": tuple(
        {
            "productType": "USDT-FUTURES", "symbol": "BTCUSDT", "side": "buy", "orderType": order,
            "size": "0.01", **_LIMIT, "marginMode": "crossed", "granularity": "1m",
            "leverage": "3", "triggerPrice": "90000", "newPrice": "51000", "newSize": "0.02",
            "limit": "5", "startTime": "1", "endTime": "1770000000000", "idLessThan": "9",
            "pageSize": "5", "pageNo": "1", "orderId": "1",
        }
        for order in ("limit", "market")
    ),
    "bingx": (
        {"type": "ACTIVATE", "timeOut": "10", "symbol": "BTC-USDT", "side": "BOTH"},
        *({
            "symbol": "BTC-USDT", "side": "BUY", "type": order, "positionSide": "BOTH",
            "interval": "1m", "leverage": "3", "startTs": "1", "endTs": "1770000000000",
            "timeOut": "10", "limit": "5", "startTime": "1", "endTime": "1770000000000",
            "pageIndex": "1", "pageSize": "5", "orderId": "1", **more,
        }
        for order, more in (
            ("LIMIT", {"quantity": "0.01", **_LIMIT}),
            ("MARKET", {"quantity": "0.01"}),
            ("MARKET", {"quoteOrderQty": "100"}),
            ("TRIGGER_MARKET", {"quantity": "0.01", "stopPrice": "90000"}),
        )),
    ),
    "htx": tuple(
        {
            "symbol": "btcusdt", "contract_code": "BTC-USDT", "type": order, "amount": "0.01",
            "volume": "10", "side": "buy", **_LIMIT, "period": "1min", "margin_mode": "cross",
            "lever_rate": "3", "timeout": 30, "on_off": 1, "time_out": 5000, "size": "5",
            "from": "1", "to": "1770000000", "start-time": "1", "end-time": "1770000000000",
            "start_time": "1", "end_time": "1770000000000", "limit": "5", "depth": "5",
            "order_id": "1", "client_order_id": "7", "algo_id": "1", "trigger_price": "90000",
            "trigger_type": "ge", **more,
        }
        for order, more in (
            ("buy-limit", {}), ("buy-market", {"amount": "100"}), ("limit", {}), ("market", {}),
            ("trigger", {"price": ""}),
        )
    ),
    "mexc": (
        {
            "symbol": "BTC_USDT", "vol": 5, "side": 1, "type": 1, "openType": 2, **_LIMIT,
            "leverage": 5, "positionType": 1, "positionMode": 2, "interval": "Min1",
            "limit": "5", "start": "1", "end": "1770000000", "page_num": "1", "page_size": "5",
            "start_time": "1", "end_time": "1770000000000", "orderId": "1", "positionId": "1",
        },
        {"symbol": "BTC_USDT", "vol": 5, "side": 1, "type": 5, "openType": 2, "leverage": 5},
        {
            "symbol": "BTC_USDT", "vol": 5, "side": 3, "triggerPrice": "90000", "triggerType": 1,
            "orderType": 5, "openType": 2,
        },
        {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", **_LIMIT,
            "interval": "1m", "limit": "5", "startTime": "1", "endTime": "1770000000000",
            "orderId": "1", "recvWindow": "5000",
        },
        {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "100"},
    ),
}  # fmt: skip
