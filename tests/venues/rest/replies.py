"""The same facts as every venue tells them, in the shape that each documents.

An order of ours to buy 0.02 BTC at 40000.5, of which 0.005 filled at 40000 as maker for 0.08
USDT; a balance; a long of 0.02 from 40000 with leverage 5; one candle. So that one expectation
holds for all of them. Binance, Bybit and OKX follow recorded replies.
"""

from __future__ import annotations

from typing import Any

ID = 1700000000000000123
VENUE_ID = "9876543210"
TRADE = "555"
AT_MS = 1700000000123
AT_S = "1700000000.123"
OPEN_S = 1699999920


def _okx(rows: list[Any]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": rows}


def _bybit(result: Any) -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": AT_MS}


def _bitget(found: Any) -> dict[str, Any]:
    return {"code": "00000", "msg": "success", "requestTime": AT_MS, "data": found}


def _bingx(found: Any) -> dict[str, Any]:
    return {"code": 0, "msg": "", "data": found}


def _htx(found: Any) -> dict[str, Any]:
    return {"code": 200, "message": "Success", "data": found, "ts": AT_MS}


def _mexc(found: Any) -> dict[str, Any]:
    return {"success": True, "code": 0, "data": found}


def _fields(text: str, /, **more: Any) -> dict[str, Any]:
    pairs = (pair.split("=", 1) for pair in text.split())
    return dict(pairs) | more


# --- binance ----------------------------------------------------------------------------------

_BINANCE_ORDER = _fields(
    "symbol=BTCUSDT price=40000.50 origQty=0.02 executedQty=0.005 status=PARTIALLY_FILLED "
    "timeInForce=GTC type=LIMIT side=BUY stopPrice=0",
    orderId=int(VENUE_ID), clientOrderId=str(ID), time=AT_MS, updateTime=AT_MS,
)  # fmt: skip
_BINANCE_TRADE = _fields(
    "symbol=BTCUSDT price=40000 qty=0.005 commission=0.08 commissionAsset=USDT",
    id=int(TRADE), orderId=int(VENUE_ID), time=AT_MS,
)  # fmt: skip
_BINANCE_CANDLE = [OPEN_S * 1000, "40000", "40010", "39990", "40005", "1.5",
                   OPEN_S * 1000 + 59999, "60000", 10, "1", "40000", "0"]  # fmt: skip
BINANCE_SPOT = {
    "order": {**_BINANCE_ORDER, "orderListId": -1, "cummulativeQuoteQty": "200"},
    "fill": [{**_BINANCE_TRADE, "isBuyer": True, "isMaker": True, "quoteQty": "200"}],
    "balances": {"accountType": "SPOT", "balances": [
        _fields("asset=USDT free=900.25 locked=100.25"), _fields("asset=BTC free=0 locked=0")]},
    "candles": [_BINANCE_CANDLE],
    "rights": {"ipRestrict": True, "enableWithdrawals": False, "enableFutures": True,
               "enableSpotAndMarginTrading": True, "createTime": 1},
}  # fmt: skip
BINANCE_LINEAR = {
    "order": {**_BINANCE_ORDER, "avgPrice": "40000", "cumQuote": "200", "reduceOnly": False,
              "positionSide": "BOTH", "origType": "LIMIT"},
    "fill": [{**_BINANCE_TRADE, "buyer": True, "maker": True, "side": "BUY", "quoteQty": "200",
             "positionSide": "BOTH", "realizedPnl": "0", "marginAsset": "USDT"}],
    "balances": {"assets": [_fields(
        "asset=USDT walletBalance=1000.5 marginBalance=1000.5 availableBalance=900.25 "
        "maintMargin=0 initialMargin=100.25 unrealizedProfit=0 crossWalletBalance=1000.5")],
        "positions": []},
    "position": [_fields(
        "symbol=BTCUSDT positionSide=BOTH positionAmt=0.02 entryPrice=40000 breakEvenPrice=40000 "
        "markPrice=40100 unRealizedProfit=2 liquidationPrice=30000 isolatedMargin=0 "
        "notional=802 marginAsset=USDT isolatedWallet=0 initialMargin=160.4 maintMargin=4 "
        "positionInitialMargin=160.4 openOrderInitialMargin=0 adl=1 bidNotional=0 askNotional=0",
        updateTime=AT_MS)],
    "candles": [_BINANCE_CANDLE],
    "position_mode": {"dualSidePosition": True},
    "rights": BINANCE_SPOT["rights"],
}  # fmt: skip

# --- bybit ------------------------------------------------------------------------------------

_BYBIT_ORDER = _fields(
    "symbol=BTCUSDT price=40000.5 qty=0.02 side=Buy orderStatus=PartiallyFilled timeInForce=GTC "
    "orderType=Limit cumExecQty=0.005 cumExecValue=200 avgPrice=40000 leavesQty=0.015 "
    "cumExecFee=0.08 triggerPrice= rejectReason=EC_NoError",
    orderId=VENUE_ID, orderLinkId=str(ID), positionIdx=0, reduceOnly=False,
    createdTime=str(AT_MS), updatedTime=str(AT_MS),
)  # fmt: skip
_BYBIT_TRADE = _fields(
    "symbol=BTCUSDT side=Buy execPrice=40000 execQty=0.005 execValue=200 execFee=0.08 "
    "feeRate=0.0004 execType=Trade orderPrice=40000.5 orderQty=0.02 feeCurrency=USDT",
    execId=TRADE, orderId=VENUE_ID, orderLinkId=str(ID), isMaker=True, execTime=str(AT_MS),
)  # fmt: skip
_BYBIT = {
    "order": _bybit({"list": [_BYBIT_ORDER], "nextPageCursor": "", "category": "x"}),
    "fill": _bybit({"list": [_BYBIT_TRADE], "nextPageCursor": "p", "category": "x"}),
    "balances": _bybit({"list": [{"accountType": "UNIFIED", "coin": [
        _fields("coin=USDT walletBalance=1000.5 equity=1000.5 locked=100.25 totalOrderIM=0 "
                "totalPositionIM=0 availableToWithdraw=", free=None)]}]}),
    "candles": _bybit({"list": [[str(OPEN_S * 1000), "40000", "40010", "39990", "40005", "1.5",
                                 "60000"]], "symbol": "BTCUSDT"}),
    "rights": _bybit({"readOnly": 0, "ips": ["1.2.3.4"], "permissions": {
        "ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"],
        "Wallet": ["AccountTransfer"]}}),
    "place": _bybit({"orderId": VENUE_ID, "orderLinkId": str(ID)}),
}  # fmt: skip
BYBIT_SPOT = _BYBIT
BYBIT_LINEAR = {
    **_BYBIT,
    "position": _bybit({"list": [_fields(
        "symbol=BTCUSDT side=Buy size=0.02 avgPrice=40000 leverage=5 liqPrice=30000 "
        "positionValue=800 markPrice=40100 unrealisedPnl=2 positionIM=160 positionMM=4 "
        "positionStatus=Normal cumRealisedPnl=0",
        positionIdx=0, tradeMode=0, updatedTime=str(AT_MS), createdTime=str(AT_MS))],
        "nextPageCursor": ""}),
    "position_mode": _bybit({"list": [_fields("symbol=BTCUSDT side= size=0", positionIdx=1),
                                      _fields("symbol=BTCUSDT side= size=0", positionIdx=2)]}),
}  # fmt: skip

# --- okx --------------------------------------------------------------------------------------


def _okx_market(symbol: str, size: str, filled: str) -> dict[str, Any]:
    order = _fields(
        "px=40000.5 side=buy ordType=limit state=partially_filled avgPx=40000 fee=-0.08 "
        "feeCcy=USDT reduceOnly=false tdMode=cross posSide=net lever=5 rebate=0 rebateCcy=USDT",
        instId=symbol, sz=size, accFillSz=filled, ordId=VENUE_ID, clOrdId=str(ID),
        cTime=str(AT_MS), uTime=str(AT_MS), instType="SWAP" if "SWAP" in symbol else "SPOT",
    )  # fmt: skip
    fill = _fields(
        "fillPx=40000 side=buy execType=M fee=-0.08 feeCcy=USDT posSide=net",
        instId=symbol, fillSz=filled, tradeId=TRADE, ordId=VENUE_ID, clOrdId=str(ID),
        ts=str(AT_MS), billId="1",
    )  # fmt: skip
    candle = [str(OPEN_S * 1000), "40000", "40010", "39990", "40005",
              "150" if "SWAP" in symbol else "1.5", "1.5", "60000", "1"]  # fmt: skip
    return {
        "order": _okx([order]),
        "fill": _okx([fill]),
        "balances": _okx([{"uTime": str(AT_MS), "totalEq": "1000", "details": [
            _fields("ccy=USDT eq=1000.5 cashBal=1000.5 availEq=900.25 availBal=900.25 "
                    "frozenBal=100.25")]}]),
        "candles": _okx([candle]),
        "rights": _okx([_fields("perm=read_only,trade ip=1.2.3.4 posMode=long_short_mode")]),
        "place": _okx([{"ordId": VENUE_ID, "clOrdId": str(ID), "sCode": "0", "sMsg": ""}]),
        "position_mode": _okx([_fields("perm=read_only posMode=long_short_mode")]),
        "position": _okx([_fields(
            "instId=BTC-USDT-SWAP instType=SWAP mgnMode=cross posSide=net pos=2 avgPx=40000 "
            "lever=5 liqPx=30000 upl=2 markPx=40100 notionalUsd=802 imr=160 mmr=4 margin= "
            "uplRatio=0.1 mgnRatio=10 posId=1 last=40100", cTime=str(AT_MS), uTime=str(AT_MS))]),
    }  # fmt: skip


OKX_SPOT = _okx_market("BTC-USDT", "0.02", "0.005")
OKX_LINEAR = _okx_market("BTC-USDT-SWAP", "2", "0.5")

# --- bitget -----------------------------------------------------------------------------------

_BITGET_FEE = [{"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": "",
                "totalFee": "-0.08"}]  # fmt: skip
_BITGET_CANDLE = [str(OPEN_S * 1000), "40000", "40010", "39990", "40005", "1.5", "60000", "60000"]
_BITGET_SPOT_ORDER = _fields(
    "symbol=BTCUSDT price=40000.5 size=0.02 orderType=limit side=buy status=partially_filled "
    "priceAvg=40000 baseVolume=0.005 quoteVolume=200 enterPointSource=API",
    orderId=VENUE_ID, clientOid=str(ID), cTime=str(AT_MS), uTime=str(AT_MS),
)  # fmt: skip
BITGET_SPOT = {
    "order": _bitget([_BITGET_SPOT_ORDER]),
    "fill": _bitget([_fields(
        "symbol=BTCUSDT orderType=limit side=buy priceAvg=40000 size=0.005 amount=200 "
        "tradeScope=maker", tradeId=TRADE, orderId=VENUE_ID, feeDetail=_BITGET_FEE[0],
        cTime=str(AT_MS), uTime=str(AT_MS))]),
    "balances": _bitget([_fields("coin=USDT available=900.25 frozen=100.25 locked=0",
                                 uTime=str(AT_MS))]),
    "candles": _bitget([_BITGET_CANDLE]),
    "rights": _bitget({"userId": "1", "ips": "1.2.3.4", "authorities": ["coow", "stow"]}),
    "place": _bitget({"orderId": VENUE_ID, "clientOid": str(ID)}),
}  # fmt: skip
_BITGET_MIX_ORDER = _fields(
    "symbol=BTCUSDT size=0.02 price=40000.5 priceAvg=40000 state=partially_filled side=buy "
    "force=gtc totalProfits=0 posSide=net marginCoin=USDT baseVolume=0.005 quoteVolume=200 "
    "orderType=limit leverage=5 marginMode=crossed reduceOnly=NO fee=-0.08 posMode=one_way_mode",
    orderId=VENUE_ID, clientOid=str(ID), cTime=str(AT_MS), uTime=str(AT_MS),
)  # fmt: skip
BITGET_LINEAR = {
    "order": _bitget(_BITGET_MIX_ORDER),
    "open": _bitget({"entrustedList": [{**_BITGET_MIX_ORDER, "status": "partially_filled"}],
                     "endId": "1"}),
    "fill": _bitget({"fillList": [_fields(
        "symbol=BTCUSDT side=buy price=40000 baseVolume=0.005 quoteVolume=200 profit=0 "
        "tradeSide=open posMode=one_way_mode tradeScope=maker", tradeId=TRADE, orderId=VENUE_ID,
        feeDetail=_BITGET_FEE, cTime=str(AT_MS))], "endId": "1"}),
    "balances": _bitget([_fields("marginCoin=USDT available=1000.5 locked=100.25 "
                                 "crossedMaxAvailable=900.25 maxTransferOut=900.25 "
                                 "accountEquity=1000.5 usdtEquity=1000.5 unrealizedPL=0")]),
    "candles": _bitget([_BITGET_CANDLE]),
    "rights": BITGET_SPOT["rights"],
    "place": BITGET_SPOT["place"],
    "position_mode": _bitget(_fields("marginCoin=USDT posMode=hedge_mode")),
    "position": _bitget([_fields(
        "symbol=BTCUSDT marginCoin=USDT holdSide=long total=0.02 available=0.02 openPriceAvg=40000 "
        "leverage=5 marginMode=crossed posMode=one_way_mode unrealizedPL=2 liquidationPrice=30000 "
        "markPrice=40100 marginSize=160 keepMarginRate=0.004 marginRatio=0.01 achievedProfits=0",
        cTime=str(AT_MS), uTime=str(AT_MS))]),
}  # fmt: skip

# --- bingx ------------------------------------------------------------------------------------

_BINGX_SPOT_ORDER = _fields(
    "symbol=BTC-USDT price=40000.5 origQty=0.02 executedQty=0.005 cummulativeQuoteQty=200 "
    "status=PARTIALLY_FILLED type=LIMIT side=BUY avgPrice=40000",
    orderId=int(VENUE_ID), clientOrderID=str(ID), time=AT_MS, updateTime=AT_MS,
)  # fmt: skip
BINGX_SPOT = {
    "order": _bingx(_BINGX_SPOT_ORDER),
    "open": _bingx({"orders": [_BINGX_SPOT_ORDER]}),
    "fill": _bingx({"fills": [_fields(
        "symbol=BTC-USDT price=40000 qty=0.005 quoteQty=200 commissionAsset=USDT", id=int(TRADE),
        orderId=int(VENUE_ID), commission=-0.08, time=AT_MS, isBuyer=True, isMaker=True)]}),
    "balances": _bingx({"balances": [_fields("asset=USDT free=900.25 locked=100.25")]}),
    "candles": _bingx([[OPEN_S * 1000, 40000, 40010, 39990, 40005, 1.5, OPEN_S * 1000 + 59999,
                        60000]]),
    "rights": _bingx({"apiKey": "x", "permissions": [1, 2, 3], "ipAddresses": ["1.2.3.4"],
                      "note": "n"}),
    "place": _bingx(_BINGX_SPOT_ORDER),
}  # fmt: skip
_BINGX_ORDER = _fields(
    "symbol=BTC-USDT side=BUY positionSide=BOTH type=LIMIT origQty=0.02 price=40000.5 "
    "executedQty=0.005 avgPrice=40000 cumQuote=200 stopPrice= profit=0 commission=-0.08 "
    "status=PARTIALLY_FILLED leverage=5X workingType=MARK_PRICE",
    orderId=int(VENUE_ID), clientOrderId=str(ID), time=AT_MS, updateTime=AT_MS, reduceOnly=False,
)  # fmt: skip
BINGX_LINEAR = {
    "order": _bingx({"order": _BINGX_ORDER}),
    "open": _bingx({"orders": [_BINGX_ORDER]}),
    "fill": _bingx({"fill_history_orders": [_fields(
        "filledTm=2023-11-14T22:13:20.123Z volume=0.005 price=40000 qty=0.005 quoteQty=200 "
        "commission=-0.08 commissionAsset=USDT symbol=BTC-USDT side=BUY positionSide=BOTH "
        "role=maker", tradeId=TRADE, orderId=VENUE_ID, clientOrderId=str(ID))]}),
    "balances": _bingx([_fields("asset=USDT balance=1000.5 equity=1000.5 unrealizedProfit=0 "
                                "availableMargin=900.25 usedMargin=100.25 freezedMargin=0")]),
    "candles": _bingx([_fields("open=40000 close=40005 high=40010 low=39990 volume=1.5",
                               time=OPEN_S * 1000)]),
    "rights": BINGX_SPOT["rights"],
    "place": _bingx({"order": _BINGX_ORDER}),
    "position_mode": _bingx({"dualSidePosition": "true"}),
    # the mode is asked for first
    "leverage": _bingx({"dualSidePosition": "true"}),
    "position": _bingx([_fields(
        "symbol=BTC-USDT positionId=1 positionSide=LONG positionAmt=0.02 availableAmt=0.02 "
        "unrealizedProfit=2 initialMargin=160 margin=162 avgPrice=40000 markPrice=40100",
        liquidationPrice=30000, leverage=5, isolated=False, onlyOnePosition=True,
        positionValue="802", updateTime=AT_MS)]),
}  # fmt: skip

# --- gate -------------------------------------------------------------------------------------

_GATE_SPOT_ORDER = _fields(
    "currency_pair=BTC_USDT status=open type=limit account=spot side=buy amount=0.02 "
    "price=40000.5 time_in_force=gtc left=0.015 filled_amount=0.005 fill_price=200 "
    "filled_total=200 avg_deal_price=40000 fee=0.08 fee_currency=USDT finish_as=open",
    id=VENUE_ID, text=f"t-{ID}", create_time="1700000000", update_time="1700000000",
    create_time_ms=AT_MS, update_time_ms=AT_MS,
)  # fmt: skip
GATE_SPOT = {
    "order": _GATE_SPOT_ORDER,
    "open": [{"currency_pair": "BTC_USDT", "total": 1, "orders": [_GATE_SPOT_ORDER]}],
    "fill": [_fields(
        "currency_pair=BTC_USDT side=buy role=maker amount=0.005 price=40000 fee=0.08 "
        "fee_currency=USDT point_fee=0 gt_fee=0", id=TRADE, order_id=VENUE_ID, text=f"t-{ID}",
        create_time="1700000000", create_time_ms=f"{AT_MS}.000000")],
    "balances": [_fields("currency=USDT available=900.25 locked=100.25")],
    "candles": [[str(OPEN_S), "60000", "40005", "40010", "39990", "40000", "1.5", "true"]],
    "rights": [{"state": 1, "mode": 1, "ip_whitelist": ["1.2.3.4"], "perms": [
        {"name": "spot", "read_only": False}, {"name": "futures", "read_only": False}]}],
}  # fmt: skip
_GATE_ORDER = _fields(
    "contract=BTC_USDT status=open price=40000.5 fill_price=40000 tif=gtc iceberg=0 mkfr=0 "
    "tkfr=0.0005 finish_as=",
    id=int(VENUE_ID), text=f"t-{ID}", size="200", left="150", create_time=float(AT_S),
    is_reduce_only=False, is_close=False,
)  # fmt: skip
GATE_LINEAR = {
    "order": _GATE_ORDER,
    "open": [_GATE_ORDER],
    "fill": [_fields("contract=BTC_USDT price=40000 role=maker fee=0.08 point_fee=0",
                     trade_id=TRADE, order_id=VENUE_ID, text=f"t-{ID}", size="50",
                     create_time=float(AT_S))],
    "balances": _fields("total=1000.5 available=900.25 currency=USDT unrealised_pnl=0 "
                        "position_margin=100.25 order_margin=0", in_dual_mode=True),
    "candles": [{"t": OPEN_S, "v": 15000, "c": "40005", "h": "40010", "l": "39990", "o": "40000",
                 "sum": "60000"}],
    "rights": GATE_SPOT["rights"],
    "position": [_fields(
        "contract=BTC_USDT leverage=0 cross_leverage_limit=5 leverage_max=100 value=802 "
        "entry_price=40000 mark_price=40100 liq_price=30000 unrealised_pnl=2 realised_pnl=0 "
        "margin=160 mode=single maintenance_rate=0.005 initial_margin=160 maintenance_margin=4",
        size="200", update_time=1700000000)],
}  # fmt: skip

# --- htx --------------------------------------------------------------------------------------

_HTX_SPOT_ORDER = {
    "symbol": "btcusdt", "id": int(VENUE_ID), "client-order-id": str(ID), "account-id": 4711,
    "amount": "0.02", "price": "40000.5", "created-at": AT_MS, "type": "buy-limit",
    "field-amount": "0.005", "field-cash-amount": "200", "field-fees": "0.08",
    "filled-amount": "0.005", "filled-cash-amount": "200", "filled-fees": "0.08",
    "source": "spot-api", "state": "partial-filled",
}  # fmt: skip
HTX_SPOT = {
    "order": {"status": "ok", "data": _HTX_SPOT_ORDER},
    "open": {"status": "ok", "data": [_HTX_SPOT_ORDER]},
    "fill": {"status": "ok", "data": [{
        "symbol": "btcusdt", "fee-currency": "usdt", "source": "spot-api",
        "order-id": int(VENUE_ID), "price": "40000", "created-at": AT_MS, "role": "maker",
        "match-id": 1, "filled-amount": "0.005", "filled-fees": "0.08", "filled-points": "0.0",
        "fee-deduct-currency": "", "trade-id": int(TRADE), "id": 1, "type": "buy-limit"}]},
    "balances": {"status": "ok", "data": {"id": 4711, "type": "spot", "state": "working", "list": [
        _fields("currency=usdt type=trade balance=900.25"),
        _fields("currency=usdt type=frozen balance=100.25")]}},
    "candles": {"status": "ok", "data": [{"id": OPEN_S, "open": 40000, "close": 40005,
                                          "low": 39990, "high": 40010, "amount": 1.5,
                                          "vol": 60000, "count": 9}]},
    "place": {"status": "ok", "data": VENUE_ID},
    "cancel": {"status": "ok", "data": 10},
}  # fmt: skip
_HTX_ORDER = _fields(
    "contract_code=BTC-USDT side=buy position_side=both type=limit price=40000.5 volume=20 "
    "margin_mode=cross time_in_force=gtc state=partially_filled trade_volume=5 "
    "trade_avg_price=40000 trade_turnover=200 fee=-0.08 fee_currency=USDT",
    lever_rate=5, id="1", order_id=VENUE_ID, client_order_id=str(ID), reduce_only=False,
    created_time=str(AT_MS), updated_time=str(AT_MS),
)  # fmt: skip
HTX_LINEAR = {
    "order": _htx(_HTX_ORDER),
    "open": _htx([_HTX_ORDER]),
    "fill": _htx([_fields(
        "contract_code=BTC-USDT side=buy position_side=both trade_price=40000 trade_volume=5 "
        "trade_turnover=200 trade_fee=0.08 fee_currency=USDT role=maker type=limit",
        id=TRADE, trade_id="77", order_id=VENUE_ID, client_order_id=str(ID),
        created_time=str(AT_MS))]),
    "balances": _htx({"state": "normal", "equity": "1000.5", "details": [
        _fields("currency=USDT equity=1000.5 available=900.25 available_margin=900.25")]}),
    "candles": {"status": "ok", "ch": "x", "data": [{
        "id": OPEN_S, "open": 40000, "close": 40005, "low": 39990, "high": 40010, "amount": 1.5,
        "vol": 1500, "trade_turnover": 60000, "count": 9}]},
    "place": _htx({"order_id": VENUE_ID, "client_order_id": str(ID)}),
    "cancel": _htx({"order_id": VENUE_ID, "client_order_id": str(ID)}),
    "position_mode": _htx({"position_mode": "dual_side"}),
    "position": _htx([_fields(
        "contract_code=BTC-USDT position_side=both direction=buy margin_mode=cross volume=20 "
        "open_avg_price=40000 available=20 profit_unreal=2 liquidation_price=30000 "
        "mark_price=40100 last_price=40100 initial_margin=160 maintenance_margin=4 "
        "margin_rate=0.1 profit_rate=0.01 position_mode=single_side", lever_rate=5,
        created_time=str(AT_MS), updated_time=str(AT_MS))]),
}  # fmt: skip

# --- mexc -------------------------------------------------------------------------------------

_MEXC_SPOT_ORDER = _fields(
    "symbol=BTCUSDT price=40000.5 origQty=0.02 executedQty=0.005 cummulativeQuoteQty=200 "
    "status=PARTIALLY_FILLED type=LIMIT side=BUY",
    orderId=VENUE_ID, clientOrderId=str(ID), orderListId=-1, time=AT_MS, updateTime=AT_MS,
)  # fmt: skip
MEXC_SPOT = {
    "order": _MEXC_SPOT_ORDER,
    "fill": [_fields("symbol=BTCUSDT price=40000 qty=0.005 quoteQty=200 commission=0.08 "
                     "commissionAsset=USDT", id=TRADE, orderId=VENUE_ID, clientOrderId=str(ID),
                     time=AT_MS, isBuyer=True, isMaker=True)],
    "balances": {"canTrade": True, "accountType": "SPOT", "balances": [
        _fields("asset=USDT free=900.25 locked=100.25")]},
    "candles": [[OPEN_S * 1000, "40000", "40010", "39990", "40005", "1.5", OPEN_S * 1000 + 60000,
                 "60000"]],
}  # fmt: skip
_MEXC_ORDER = {
    "orderId": VENUE_ID, "symbol": "BTC_USDT", "positionId": 1, "price": 40000.5, "vol": 200,
    "leverage": 5, "side": 1, "category": 1, "orderType": 1, "dealAvgPrice": 40000, "dealVol": 50,
    "orderMargin": 160, "takerFee": 0, "makerFee": 0.08, "profit": 0, "feeCurrency": "USDT",
    "openType": 2, "state": 2, "externalOid": str(ID), "errorCode": 0, "usedMargin": 0,
    "createTime": AT_MS, "updateTime": AT_MS, "positionMode": 2,
}  # fmt: skip
MEXC_LINEAR = {
    "order": _mexc(_MEXC_ORDER),
    "open": _mexc([_MEXC_ORDER]),
    "fill": _mexc([{
        "id": TRADE, "symbol": "BTC_USDT", "side": 1, "vol": 50, "price": 40000, "fee": 0.08,
        "feeCurrency": "USDT", "profit": 0, "category": 1, "orderId": VENUE_ID,
        "externalOid": str(ID), "timestamp": AT_MS, "positionMode": 2, "taker": False}]),
    "balances": _mexc([{"currency": "USDT", "positionMargin": 100.25, "availableBalance": 900.25,
                        "cashBalance": 900.25, "frozenBalance": 0, "equity": 1000.5,
                        "unrealized": 0, "bonus": 0}]),
    "candles": _mexc({"time": [OPEN_S], "open": [40000], "close": [40005], "high": [40010],
                      "low": [39990], "vol": [15000], "amount": [60000]}),
    "place": _mexc({"orderId": VENUE_ID, "ts": AT_MS}),
    "cancel": _mexc(None),
    "position_mode": _mexc(1),
    "position": _mexc([{
        "positionId": 1, "symbol": "BTC_USDT", "holdVol": 200, "positionType": 1, "openType": 2,
        "state": 1, "frozenVol": 0, "closeVol": 0, "holdAvgPrice": 40000, "closeAvgPrice": 0,
        "openAvgPrice": 40000, "liquidatePrice": 30000, "oim": 160, "im": 160, "holdFee": 0,
        "realised": 0, "leverage": 5, "unRealizedPnl": 2, "createTime": AT_MS,
        "updateTime": AT_MS}]),
}  # fmt: skip

REPLIES: dict[tuple[str, str], dict[str, Any]] = {
    (name.split("_")[0].lower(), name.split("_")[1].lower()): found
    for name, found in list(globals().items())
    if name.endswith(("_SPOT", "_LINEAR")) and not name.startswith("_")
}
