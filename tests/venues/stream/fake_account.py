"""A fake account at Bybit in memory, stream and REST, with faults as configured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, OrderId, Side
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.account_codec import AccountStreamRules, ListenKeyRules
from bowline.venues.bybit import BybitAccountCodec
from bowline.venues.errors import Retryable, UnreadableReply
from bowline.venues.protocol import FillPage, ParsedRows, UnreadableRow
from bowline.venues.rest import Credentials
from bowline.venues.stream import AccountStream, Disconnected, ListenKeyClient, Socket
from tests.venues.stream.fake_venue import BTC, LISTINGS, MARKET, now_ns, now_s
from tests.venues.stream.recording_sink import RecordingSink

D = Decimal
KEYS = Credentials("the-key", "the-secret")
ANSWER_S = 0.05


class Codec:
    """Bybit's, with some rules changed."""

    def __init__(self, **changes: Any) -> None:
        self._codec = BybitAccountCodec(MARKET, LISTINGS)
        self._rules = replace(self._codec.rules, **changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codec, name)

    @property
    def rules(self) -> AccountStreamRules:
        return self._rules


LISTEN_KEY = ListenKeyRules("listenKey", 3600.0)


@dataclass
class FakeAccount:
    """What the account did is in `orders` and `done`; REST tells it, and the stream if it hears."""

    #: pings are answered, and nothing else is told
    deaf: bool = False
    #: not even pings are answered
    mute: bool = False
    unreachable: bool = False
    refuse_login: bool = False
    refuse_topics: bool = False
    answer_topics: bool = True
    rest_fails: bool = False
    #: what REST has no readable row of: "orders", "positions", "balances", "look-ups", "fills"
    spoilt: set[str] = field(default_factory=set)
    #: every frame comes so often
    times: int = 1
    orders: dict[int, OrderReport] = field(default_factory=dict)
    done: list[FillReport] = field(default_factory=list)
    held: Decimal = field(default_factory=lambda: D(0))
    cash: Decimal = field(default_factory=lambda: D(1000))
    urls: list[str] = field(default_factory=list)
    opened_s: list[float] = field(default_factory=list)
    asked_s: list[float] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    keys: int = 0
    key_gone: bool = False
    sockets: list[FakeSocket] = field(default_factory=list)
    #: called while REST answers for positions
    meanwhile: Callable[[], None] = lambda: None

    # --- what happens at the venue ----------------------------------------------------------------

    def place(self, number: int, quantity: int) -> None:
        self.orders[number] = OrderReport(
            f"v{number}", OrderId(number), BTC, Side.BUY, D(quantity), D(0),
            OrderState.WORKING, now_ns(), price=D(100),
        )  # fmt: skip
        self.tell_order(number)

    def fill(self, number: int, quantity: int = 1, *, streamed: bool = True) -> FillReport:
        order = self.orders[number]
        filled = order.filled + quantity
        state = OrderState.FILLED if filled == order.quantity else OrderState.PARTLY_FILLED
        self.orders[number] = replace(order, filled=filled, state=state, event_ns=now_ns())
        self.held += quantity
        self.cash -= 100 * quantity
        fill = FillReport(
            BTC, f"t{len(self.done) + 1}", order.venue_order_id, order.client_id, Side.BUY,
            D(quantity), D(100), D("0.1"), "USDT", now_ns(),
        )  # fmt: skip
        self.done.append(fill)
        if streamed:
            self.tell_fill(fill)
            self.tell_order(number)
        return fill

    def tell_order(self, number: int, **changed: Any) -> None:
        order = self.orders[number]
        words = {
            OrderState.WORKING: "New", OrderState.PARTLY_FILLED: "PartiallyFilled",
            OrderState.FILLED: "Filled",
        }  # fmt: skip
        item = {
            "category": "linear", "symbol": "BTCUSDT", "orderId": order.venue_order_id,
            "side": "Buy", "orderType": "Limit", "price": "100", "qty": str(order.quantity),
            "orderStatus": words[order.state], "cumExecQty": str(order.filled), "avgPrice": "100",
            "updatedTime": str(order.event_ns // 10**6), "orderLinkId": str(order.client_id),
        }  # fmt: skip
        self.push("order", item | changed)

    def tell_fill(self, fill: FillReport) -> None:
        self.push("execution", {
            "category": "linear", "symbol": "BTCUSDT", "execId": fill.trade_id,
            "orderId": fill.venue_order_id, "side": "Buy", "execPrice": "100",
            "execQty": str(fill.quantity), "execFee": "0.1", "execType": "Trade",
            "execTime": str(fill.event_ns // 10**6), "isMaker": False,
            "orderLinkId": str(fill.client_id), "feeCurrency": "USDT",
        })  # fmt: skip

    def tell_position(self) -> None:
        self.push("position", {
            "category": "linear", "symbol": "BTCUSDT", "side": "Buy" if self.held else "",
            "size": str(self.held), "positionIdx": 0, "updatedTime": str(now_ns() // 10**6),
            "entryPrice": "100",
        })  # fmt: skip

    def push(self, topic: str, item: dict[str, Any]) -> None:
        self.push_all(topic, [item])

    def push_all(self, topic: str, items: list[dict[str, Any]]) -> None:
        if not self.deaf:
            for socket in self.sockets:
                for _ in range(self.times):
                    socket.say({"topic": topic, "data": items})

    # --- its stream -------------------------------------------------------------------------------

    async def connect(self, url: str, on_frame: Callable[[bytes], None]) -> Socket:
        self.urls.append(url)
        self.opened_s.append(now_s())
        await asyncio.sleep(0.02)
        if self.unreachable:
            raise Disconnected(f"{url} did not open")
        socket = FakeSocket(self, on_frame)
        self.sockets.append(socket)
        return socket

    def drop(self) -> None:
        for socket in self.sockets:
            socket.drop()

    async def stream_key(self, kept: str = "") -> str:
        if kept:
            if self.key_gone:
                self.key_gone = False
                raise Retryable("no", after_s=1)
            self.kept.append(kept)
            return kept
        self.keys += 1
        return f"listen-{self.keys}"

    # --- its REST ---------------------------------------------------------------------------------

    async def open_orders(self, instrument: InstrumentId | None = None) -> Sequence[OrderReport]:
        self.asked_s.append(now_s())
        await asyncio.sleep(ANSWER_S)
        if self.rest_fails:
            raise Retryable("down", after_s=3.0)
        if "orders" in self.spoilt:
            rows = [
                UnreadableRow("orders", "why", "", BTC, "", each.venue_order_id, each.client_id)
                for each in self.orders.values()
            ]
            return ParsedRows((), rows)
        return [each for each in self.orders.values() if each.state is not OrderState.FILLED]

    async def order(self, instrument: InstrumentId, client_id: OrderId) -> OrderReport | None:
        if "look-ups" in self.spoilt:
            raise UnreadableReply("not what the venue documents", after_s=1.0)
        return self.orders.get(client_id)

    async def fills(self, instrument: InstrumentId, cursor: str = "") -> FillPage:
        """Three a page; the cursor is a moment at first and then a count."""
        if cursor.startswith("ms:"):
            since_ns = int(cursor.split(":")[1]) * 10**6
            start = sum(fill.event_ns < since_ns for fill in self.done)
        else:
            start = int(cursor)
        await asyncio.sleep(ANSWER_S)
        page = self.done[start : start + 3]
        end = start + len(page)
        lost = (UnreadableRow("fills", "why", "row", BTC),) if "fills" in self.spoilt else ()
        return FillPage(tuple(page), str(end), end == len(self.done), lost)

    async def positions(self) -> Sequence[PositionReport]:
        held = self.held
        await asyncio.sleep(ANSWER_S)
        self.meanwhile()
        if "positions" in self.spoilt:
            return ParsedRows((), [UnreadableRow("positions", "why", "", BTC)])
        if not held:
            return []
        return [PositionReport(BTC, Direction.LONG, held, D(100), now_ns())]

    async def balances(self) -> Sequence[Balance]:
        if "balances" in self.spoilt:
            return ParsedRows((), [UnreadableRow("balances", "why", "", None, "USDT")])
        return [Balance("USDT", self.cash, self.cash)]


class FakeSocket:
    def __init__(self, account: FakeAccount, on_frame: Callable[[bytes], None]) -> None:
        self._account = account
        self._on_frame = on_frame
        self._gone = asyncio.get_running_loop().create_future()

    def drop(self, why: str = "reset") -> None:
        if not self._gone.done():
            self._gone.set_result(why)

    async def wait_closed(self) -> str:
        return await asyncio.shield(self._gone)

    async def close(self) -> None:
        self.drop("closed by us")

    async def send(self, frame: bytes, *, binary: bool = False) -> None:
        if self._gone.done():
            raise Disconnected("gone")
        if self._account.mute:
            return
        asked = json.loads(frame)
        match asked["op"]:
            case "ping":
                self.say({"op": "pong"})
            case "auth":
                right = not self._account.refuse_login
                self.say({"op": "auth", "success": right, "retCode": 0 if right else 10003,
                    "retMsg": "" if right else "Invalid apikey"})  # fmt: skip
            case "subscribe" if self._account.answer_topics:
                right = not self._account.refuse_topics
                self.say({"op": "subscribe", "success": right, "req_id": asked["req_id"],
                    "ret_msg": "" if right else "no such topic"})  # fmt: skip

    def say(self, content: object) -> None:
        if not self._gone.done():
            self._on_frame(json.dumps(content).encode())


@asynccontextmanager
async def listening(
    account: FakeAccount, sink: RecordingSink, **rules: Any
) -> AsyncIterator[AccountStream]:
    """The account's stream, running."""
    stream = AccountStream(
        Codec(**rules),
        account,  # type: ignore[arg-type]
        ListenKeyClient(account),
        account.connect,
        KEYS,
        sink,
        now_ns=now_ns,
        venue_now_ns=now_ns,
        random=Random(1),
    )
    running = asyncio.create_task(stream.run())
    try:
        yield stream
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
