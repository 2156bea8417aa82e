"""Where ccxt has its own way with a venue: what the judge tells it or takes from it instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: what ccxt must be given to look an order up by our id, or to cancel it, where its own way of
#: saying `clientOrderId` does not reach the venue
BY_CLIENT_ID: dict[str, Callable[[str], tuple[Any, dict[str, Any]]]] = {
    # ccxt would send the word None as the order's id
    "bybit": lambda cid: ("", {"orderLinkId": cid, "acknowledged": True}),
    "bingx": lambda cid: ("", {"clientOrderID": cid}),
    "gate": lambda cid: (f"t-{cid}", {}),
}
#: venues whose codes ccxt tells apart by the host's name: here it has the code, but no class for it
CODE_OF_NO_MONEY = {"binance": -2019}
#: and here for a post-only order that would take
CODE_OF_TAKER = {"bingx": 101215}
#: venues where cancelling all orders leaves stops, which are no orders yet
STOPS_APART = {
    "binance": {"trigger": True},
    "bitget": {"trigger": True},
    "gate": {"trigger": True},
    "mexc": {"method": "contractPrivatePostPlanorderCancelAll"},
}
#: and where they are cancelled one by one
STOPS_ONE_BY_ONE = {"htx"}
#: where ccxt reads a fee that was paid as one that was received
FEE_TURNED = {("htx", "linear")}
#: where ccxt asks for all there is of a book, and hands it on
WHOLE_BOOK = {("htx", "linear")}
#: where ccxt reads our id by way of a float, which is too short for it
FIRST_ID = {("htx", "linear"): 1_760_000_000_000}
#: what ccxt must be told besides, where it does not translate the words that all venues share
TOLD: dict[str, dict[str, dict[str, Any]]] = {
    # of a cross position ccxt reads leverage 0, Gate's word for cross
    "gate": {"set leverage": {"marginMode": "isolated"}},
    "mexc": {
        "set leverage": {"openType": 2, "positionType": 1},
        "set margin mode": {"direction": "long"},
        "a stop waits": {"triggerType": 2},
    },
    # it waits for a first reply that it has not asked for if orders were watched before
    "bingx": {"watch balance": {"awaitBalanceSnapshot": False}},
}
