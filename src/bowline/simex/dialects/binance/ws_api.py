"""Binance's WebSocket API: requests with the parameters, signatures and codes of REST.

Spot user data comes this way: whoever subscribes with a signature hears its own wallet.
"""

from __future__ import annotations

from collections.abc import Callable

from bowline.simex.dialects.binance import account, algo_orders, market, trading
from bowline.simex.dialects.binance.auth import check_signed
from bowline.simex.dialects.binance.streams import user_topics
from bowline.simex.payload import JsonObject, read_object, text_fields
from bowline.simex.session import Session
from bowline.simex.venue import ACCOUNT
from bowline.simex.venue_api import ApiCall, ApiError, Response

_SPOT: dict[str, Callable[[ApiCall], object]] = {
    "order.place": trading.place,
    "order.test": trading.test_order,
    "order.cancel": trading.cancel,
    "order.cancelReplace": trading.cancel_replace,
    "order.status": trading.look_up,
    "openOrders.status": trading.open_orders,
    "openOrders.cancelAll": trading.cancel_all,
    "allOrders": trading.all_orders,
    "myTrades": trading.fills,
    "account.status": account.spot_account,
}
_LINEAR: dict[str, Callable[[ApiCall], object]] = {
    "order.place": trading.place,
    "order.modify": trading.modify,
    "order.cancel": trading.cancel,
    "order.status": trading.look_up,
    "algoOrder.place": algo_orders.place,
    "algoOrder.cancel": algo_orders.cancel,
    "account.balance": account.linear_balance,
    "account.status": account.linear_account,
    "account.position": account.positions,
}
_PUBLIC: dict[str, Callable[[ApiCall], object]] = {
    "ping": market.ping,
    "time": market.time,
    "depth": market.book,
}


def on_spot_message(session: Session, frame: str | bytes) -> None:
    """A request to `/ws-api/v3`."""
    _on_message(session, frame, "/api/ws", _SPOT)


def on_linear_message(session: Session, frame: str | bytes) -> None:
    """A request to `/ws-fapi/v1`."""
    _on_message(session, frame, "/fapi/ws", _LINEAR)


def _on_message(
    session: Session, frame: str | bytes, path: str, methods: dict[str, Callable[[ApiCall], object]]
) -> None:
    words = read_object(frame)
    method, params = str(words.get("method", "")), words.get("params")
    fields = text_fields(params if isinstance(params, dict) else {})
    faults = session.faults_of(f"WS {method}")
    if "reset" in faults:
        session.abort()
        return
    call = ApiCall(venue=session.venue, method="WS", path=path, query=fields)
    answer: JsonObject = {"id": words.get("id")}
    try:
        result = _answer(session, call, method, methods)
        answer |= {"status": 200, "result": result}
    except ApiError as no:
        error = {"code": no.code, "msg": no.message}
        answer |= {"status": no.status or 400, "error": error}
    if "drop_reply" in faults:
        session.abort()
    else:
        session.send(answer | {"rateLimits": []})


def _answer(
    session: Session, call: ApiCall, method: str, methods: dict[str, Callable[[ApiCall], object]]
) -> object:
    if method in _PUBLIC:
        return _PUBLIC[method](call)
    if method == "userDataStream.subscribe.signature" and methods is _SPOT:
        check_signed(call.venue, call.query)
        return _listen(session)
    if method == "userDataStream.unsubscribe":
        for word in list(session.topics):
            session.unsubscribe(word)
        return {}
    if method not in methods:
        raise ApiError(-1000, f"Unknown method: {method}")
    check_signed(call.venue, call.query)
    call.account = ACCOUNT
    answer = methods[method](call)
    if not isinstance(answer, Response):
        return answer
    body = answer.body
    if answer.status != 200 and isinstance(body, dict):  # noqa: PLR2004 - HTTP's own
        raise ApiError(int(str(body["code"])), str(body["msg"]), status=answer.status)
    return body


def _listen(session: Session) -> JsonObject:
    session.account = ACCOUNT
    user_topics(session, "spot", "0")
    return {"subscriptionId": 0}
