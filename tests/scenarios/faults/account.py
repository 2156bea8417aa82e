"""An account at a Bybit that is played in memory: its private stream, and REST beside it.

What happens is known to REST at once; the stream tells it unless it is deaf or cut off.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from random import Random

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import OrderId, Side
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.bybit import BybitAccountCodec
from bowline.venues.protocol import FillPage
from bowline.venues.rest import Credentials
from bowline.venues.stream import AccountStream, Disconnected, ListenKeyClient, Socket
from tests.venues.stream.fake_venue import BTC, LISTINGS, MARKET, now_ns, now_s
from tests.venues.stream.recording_sink import RecordingSink

WHOLE, PART, PRICE = Decimal(1), Decimal("0.1"), Decimal(100)
CODEC = BybitAccountCodec(MARKET, LISTINGS)
_WORDS = {OrderState.WORKING: "New", OrderState.PARTLY_FILLED: "PartiallyFilled",
          OrderState.FILLED: "Filled", OrderState.CANCELLED: "Cancelled"}  # fmt: skip


class FakeAccount:
    """Orders of a quantity of 1 that fill by tenths. `deaf`: the stream answers pings alone."""

    market = MARKET

    def __init__(self) -> None:
        self.orders: dict[int, OrderReport] = {}
        self.executions: list[FillReport] = []
        self.untold: list[FillReport] = []
        self.deaf = False
        self.opened = 0
        self.socket: _FakeSocket | None = None

    # what happens

    def works(self, number: int, *, state: OrderState = OrderState.WORKING) -> None:
        """An order is so now."""
        filled = sum((e.quantity for e in self.executions if e.client_id == number), Decimal(0))
        report = OrderReport(
            f"v{number}", OrderId(number), BTC, Side.BUY, WHOLE, filled, state, now_ns(),
            price=PRICE,
        )  # fmt: skip
        self.orders[number] = report
        self._push("order.linear", order_frame(report))

    def fills(self, number: int, *, ours: bool = True, told: bool = True) -> FillReport:
        """A tenth of an order fills; not `told`: neither the stream nor REST has the fill yet."""
        fill = FillReport(
            BTC, f"t{len(self.executions) + len(self.untold)}", f"v{number}",
            OrderId(number) if ours else None, Side.BUY, PART, PRICE, Decimal("0.01"), "USDT",
            now_ns(),
        )  # fmt: skip
        if told:
            self.executions.append(fill)
            self.tell(fill)
        else:
            self.untold.append(fill)
        return fill

    def tell(self, fill: FillReport) -> None:
        """The stream tells a fill, for the first time or again."""
        self._push("execution.linear", fill_frame(fill))

    def _push(self, topic: str, row: dict[str, object]) -> None:
        if self.socket is not None and not self.deaf:
            self.socket.say({"topic": topic, "id": "1", "creationTime": 1, "data": [row]})

    # the stream

    async def connect(self, url: str, on_frame: Callable[[bytes], None]) -> Socket:
        self.opened += 1
        self.deaf = self.deaf and self.opened == 1
        await asyncio.sleep(0.02)
        self.socket = _FakeSocket(on_frame)
        return self.socket

    def drop(self) -> None:
        """The connection is lost."""
        assert self.socket is not None
        self.socket.end("reset")
        self.socket = None

    # REST

    async def open_orders(self, instrument: InstrumentId | None = None) -> Sequence[OrderReport]:
        return [o for o in self.orders.values() if o.state in (
            OrderState.WORKING, OrderState.PARTLY_FILLED)]  # fmt: skip

    async def order(self, instrument: InstrumentId, client_id: OrderId) -> OrderReport | None:
        return self.orders.get(int(client_id))

    async def fills_page(self, instrument: InstrumentId, cursor: str) -> FillPage:
        at = int(cursor.removeprefix("n:")) if cursor.startswith("n:") else 0
        return FillPage(tuple(self.executions[at:]), f"n:{len(self.executions)}", complete=True)

    async def positions(self) -> Sequence[PositionReport]:
        return []

    async def balances(self) -> Sequence[Balance]:
        return [Balance("USDT", Decimal(1_000), Decimal(1_000))]

    async def stream_key(self, kept: str = "") -> str:
        return kept or "key"


class _Rest:
    """The same account as a `Venue`, whose `fills` is a question."""

    def __init__(self, account: FakeAccount) -> None:
        self._account = account
        self.fills = account.fills_page

    def __getattr__(self, name: str) -> object:
        return getattr(self._account, name)


class _FakeSocket:
    """A socket that says yes to everything."""

    def __init__(self, on_frame: Callable[[bytes], None]) -> None:
        self._on_frame = on_frame
        self._gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def say(self, content: object) -> None:
        if not self._gone.done():
            self._on_frame(json.dumps(content).encode())

    def end(self, why: str) -> None:
        if not self._gone.done():
            self._gone.set_result(why)

    async def wait_closed(self) -> str:
        return await asyncio.shield(self._gone)

    async def close(self) -> None:
        self.end("closed by us")

    async def send(self, frame: bytes, *, binary: bool = False) -> None:
        if self._gone.done():
            raise Disconnected("gone")
        asked = json.loads(frame)
        answer = {"op": asked["op"], "success": True, "ret_msg": ""}
        if asked["op"] == "ping":
            answer["op"] = "pong"
        self.say(answer | {"req_id": asked.get("req_id", "")})


def order_frame(order: OrderReport) -> dict[str, object]:
    return {
        "category": "linear", "symbol": "BTCUSDT", "orderId": order.venue_order_id,
        "orderLinkId": str(order.client_id), "side": "Buy", "orderType": "Limit",
        "price": str(order.price), "qty": str(order.quantity),
        "orderStatus": _WORDS[order.state], "cumExecQty": str(order.filled),
        "avgPrice": str(PRICE), "updatedTime": str(order.event_ns // 10**6),
    }  # fmt: skip


def fill_frame(fill: FillReport) -> dict[str, object]:
    return {
        "category": "linear", "symbol": "BTCUSDT", "execId": fill.trade_id,
        "orderId": fill.venue_order_id, "orderLinkId": str(fill.client_id or ""), "side": "Buy",
        "execPrice": str(fill.price), "execQty": str(fill.quantity), "execFee": str(fill.fee),
        "feeCurrency": "USDT", "execType": "Trade", "execTime": str(fill.event_ns // 10**6),
        "isMaker": False,
    }  # fmt: skip


@asynccontextmanager
async def listening(account: FakeAccount) -> AsyncIterator[RecordingSink]:
    """Bowline's own stream of this account, live; in virtual time."""
    told = RecordingSink()
    stream = AccountStream(
        CODEC, _Rest(account), ListenKeyClient(account), account.connect,
        Credentials("key", "secret"), told,
        now_ns=now_ns, venue_now_ns=now_ns, random=Random(1), instruments=[BTC],
    )  # type: ignore[arg-type]  # fmt: skip
    running = asyncio.create_task(stream.run())
    try:
        await asyncio.sleep(3)
        assert account.opened == 1, now_s()
        yield told
        assert not running.done(), "an account's stream never ends by itself"
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
