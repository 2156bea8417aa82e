"""Protects every fault of a script, over real sockets: it strikes when told to, and as it is told.

Bybit's dialect carries them; what a fault does lies in the framework, the same for all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import ccxt
import pytest

from bowline.simex import FaultInjector
from tests.simex.clients import Seat

Play = Callable[..., None]
CREATE = "POST /v5/order/create"
TIME = "GET /v5/market/time"


async def order(seat: Seat, cid: str, *, far: float = 0.95, **params: Any) -> dict[str, Any]:
    best = (await seat.client.fetch_order_book(seat.symbol, 1))["bids"][0][0]
    price = float(seat.client.price_to_precision(seat.symbol, best * far))
    made: dict[str, Any] = await seat.client.create_order(
        seat.symbol, "limit", "buy", 0.01, price, {"clientOrderId": cid, **params}
    )
    return made


async def found(seat: Seat, cid: str) -> dict[str, Any]:
    params = {"orderLinkId": cid, "acknowledged": True}
    shown: dict[str, Any] = await seat.client.fetch_order("", seat.symbol, params)
    return shown


def scripted(**words: Any) -> FaultInjector:
    faults = FaultInjector(seed=1)
    faults.add(**words)
    return faults


def report(seat: Seat) -> list[str]:
    return [each.fault for each in seat.simulator.faults.fired]


async def fired(seat: Seat) -> None:
    """Until something of the script has happened."""
    for _ in range(500):
        if report(seat):
            break
        await asyncio.sleep(0.02)


def test_a_dropped_reply_leaves_an_order_behind(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        with pytest.raises(ccxt.NetworkError):
            await order(seat, "1")
        assert (await found(seat, "1"))["status"] == "open"
        assert report(seat) == ["drop_reply"]

    play("bybit", "linear", scene, faults=scripted(fault="drop_reply", request=CREATE))


def test_a_reset_before_it_is_taken_leaves_nothing(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        with pytest.raises(ccxt.NetworkError):
            await order(seat, "1")
        with pytest.raises(ccxt.OrderNotFound):
            await found(seat, "1")

    play("bybit", "linear", scene, faults=scripted(fault="reset", request=CREATE))


@pytest.mark.parametrize("accepted", [True, False])
def test_a_bare_status_may_or_may_not_mean_that_it_was_taken(play: Play, accepted: bool) -> None:
    async def scene(seat: Seat) -> None:
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await order(seat, "1")
        if accepted:
            assert (await found(seat, "1"))["status"] == "open"
        else:
            with pytest.raises(ccxt.OrderNotFound):
                await found(seat, "1")

    faults = scripted(fault="status", request=CREATE, status=502, accepted=accepted)
    play("bybit", "linear", scene, faults=faults)


def test_too_many_requests_come_with_retry_after(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        with pytest.raises(ccxt.RateLimitExceeded):
            await seat.client.fetch_time()
        assert seat.client.last_response_headers["Retry-After"] == "3"
        await seat.client.fetch_time()

    faults = scripted(fault="status", request=TIME, status=429, retry_after_s=3)
    play("bybit", "spot", scene, faults=faults)


def test_an_error_code_has_the_form_of_the_venue(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        with pytest.raises(ccxt.InsufficientFunds, match='"retCode":110007'):
            await order(seat, "1")

    play("bybit", "linear", scene, faults=scripted(fault="error", request=CREATE, code="110007"))


@pytest.mark.parametrize("body", ["html", "empty", "truncated"])
def test_a_garbled_reply_leaves_an_order_behind(play: Play, body: str) -> None:
    async def scene(seat: Seat) -> None:
        made = {}
        with contextlib.suppress(ccxt.BaseError):
            made = await order(seat, "1")
        assert not made.get("id")
        assert (await found(seat, "1"))["status"] == "open"

    play("bybit", "linear", scene, faults=scripted(fault="garble", request=CREATE, body=body))


def test_a_dropped_reply_on_the_trade_stream_leaves_an_order_behind(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        best = (await seat.client.fetch_order_book(seat.symbol, 1))["bids"][0][0]
        price = float(seat.client.price_to_precision(seat.symbol, best * 0.95))
        with pytest.raises(ccxt.NetworkError):
            await seat.client.create_order_ws(
                seat.symbol, "limit", "buy", 0.01, price, {"clientOrderId": "1"}
            )
        assert (await found(seat, "1"))["status"] == "open"

    play("bybit", "linear", scene, faults=scripted(fault="drop_reply", request="WS order.create"))


def test_a_delay_holds_a_request_back(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        async with asyncio.timeout(5):
            before = asyncio.get_running_loop().time()
            await seat.client.fetch_time()
            assert asyncio.get_running_loop().time() - before >= 0.3

    play("bybit", "spot", scene, faults=scripted(fault="delay", request=TIME, seconds=0.3))


def test_the_nth_request_and_no_other(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        answers = []
        for _ in range(4):
            try:
                await seat.client.fetch_time()
                answers.append(True)
            except ccxt.NetworkError:
                answers.append(False)
        assert answers == [True, False, True, True]

    play("bybit", "spot", scene, faults=scripted(fault="status", request=TIME, nth=2))


def test_an_order_is_filled_in_part_and_ended(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        await order(seat, "1", far=1.01)
        assert (await found(seat, "1"))["filled"] == pytest.approx(0.004)

    faults = scripted(fault="partial_fill", request=CREATE, ratio=0.4)
    play("bybit", "linear", scene, faults=faults)


def test_an_order_that_was_acknowledged_is_rejected_later(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        assert (await order(seat, "1"))["id"]
        assert (await found(seat, "1"))["status"] == "rejected"

    play("bybit", "linear", scene, faults=scripted(fault="async_reject", request=CREATE))


def test_an_order_fills_after_its_cancel_was_acknowledged(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        made = await order(seat, "1")
        await seat.client.cancel_order(made["id"], seat.symbol)
        for _ in range(100):
            if filled := (await found(seat, "1"))["filled"]:
                break
            await asyncio.sleep(0.05)
        assert filled == pytest.approx(0.005)

    faults = scripted(fault="late_fill", request="POST /v5/order/cancel", seconds=0.1, ratio=0.5)
    play("bybit", "linear", scene, faults=faults)


def test_a_look_up_finds_nothing_yet(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        await order(seat, "1")
        with pytest.raises(ccxt.OrderNotFound):
            await found(seat, "1")
        await asyncio.sleep(1)
        assert (await found(seat, "1"))["status"] == "open"

    play("bybit", "linear", scene, faults=scripted(fault="hide", request=CREATE, seconds=0.9))


Say = Callable[[str], Awaitable[None]]


async def updates(
    seat: Seat,
    *,
    enough: int = 1_000,
    quiet_s: float = 5,
    on_first: Callable[[], None] | None = None,
) -> list[dict[str, Any]]:
    """Book frames from a raw socket: `enough` changes, or until it is cut or quiet.

    One that is quiet must still answer a ping. `on_first` is called when the first change came.
    """
    import aiohttp

    frames: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as http:
        url = f"{seat.address.ws('bybit')}/v5/public/{seat.kind}"
        async with http.ws_connect(url) as socket:
            await socket.send_json({"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})
            while len(numbers(frames)) < enough:
                try:
                    message = await socket.receive(timeout=quiet_s)
                except TimeoutError:
                    await socket.send_json({"op": "ping"})
                    while (await socket.receive_json()).get("ret_msg") != "pong":
                        pass
                    return [*frames, {"pong": True}]
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return [*frames, {"closed": True}]
                frames.append(message.json())
                if on_first and numbers(frames):
                    on_first()
                    on_first = None
    return frames


def numbers(frames: list[dict[str, Any]]) -> list[int]:
    return [each["data"]["u"] for each in frames if each.get("type") == "delta"]


def jumps(frames: list[dict[str, Any]]) -> list[int]:
    heard = numbers(frames)
    return [after - before for before, after in pairwise(heard)]


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ({"fault": "gap", "nth": 3, "count": 2}, {1, 3}),
        ({"fault": "duplicate", "nth": 3}, {0, 1}),
        ({"fault": "reorder", "nth": 3}, {-1, 1, 2}),
        ({"fault": "gap", "chance": 0.0001}, {1}),
    ],
)
def test_frames_are_lost_doubled_and_swapped(play: Play, words: Any, seen: set[int]) -> None:
    async def scene(seat: Seat) -> None:
        assert set(jumps(await updates(seat, enough=8))) == seen

    play("bybit", "linear", scene, faults=scripted(channel="book", **words))


def test_a_frozen_venue_answers_pings_and_tells_nothing(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        def freeze() -> None:
            seat.simulator.faults.add(fault="freeze", at_s=0, seconds=60)

        frames = await updates(seat, quiet_s=0.5, on_first=freeze)
        assert numbers(frames)
        assert frames[-1] == {"pong": True}

    play("bybit", "linear", scene)


def test_a_muted_topic_is_silent_while_others_go_on(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        await seat.client.watch_trades(seat.symbol)
        assert not numbers(await updates(seat, quiet_s=0.3))
        await seat.client.watch_trades(seat.symbol)

    faults = scripted(fault="mute", at_s=0, channel="book", seconds=30)
    play("bybit", "linear", scene, faults=faults)


def test_a_book_numbered_anew_comes_as_a_snapshot_with_number_one(play: Play) -> None:
    """Bybit, "Orderbook" stream: u is 1 in the snapshot that follows a restart of the service."""

    async def scene(seat: Seat) -> None:
        def restart() -> None:
            seat.simulator.faults.add(fault="restart_numbers", at_s=0, symbol="BTCUSDT")

        frames = await updates(seat, enough=6, on_first=restart)
        begun = [i for i, each in enumerate(frames) if each.get("type") == "snapshot"]
        # what the first one is numbered depends on how long the venue has been up
        assert [frames[i]["data"]["u"] for i in begun[1:]] == [1]
        after = numbers(frames[begun[1] :])
        assert after == list(range(2, 2 + len(after)))

    play("bybit", "linear", scene)


def test_okx_numbers_fall_below_those_before(play: Play) -> None:
    """OKX, "Order book channel", sequence id: after maintenance one change is below the last."""

    async def scene(seat: Seat) -> None:
        import aiohttp

        seen: list[tuple[int, int]] = []
        async with aiohttp.ClientSession() as http:
            socket = await http.ws_connect(f"{seat.address.ws('okx')}/ws/v5/public")
            arg = {"channel": "books", "instId": "BTC-USDT-SWAP"}
            await socket.send_json({"op": "subscribe", "args": [arg]})
            while len(seen) < 6:
                frame = await socket.receive_json(timeout=5)
                seen += [(row["prevSeqId"], row["seqId"]) for row in frame.get("data", ())]
                if len(seen) == 2:
                    seat.simulator.faults.add(fault="restart_numbers", at_s=0)
            await socket.close()
        assert all(after[0] == before[1] for before, after in pairwise(seen))
        assert sum(now < before for before, now in seen[1:]) == 1

    play("okx", "linear", scene)


def test_a_delisted_symbol_falls_silent(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        def delist() -> None:
            seat.simulator.faults.add(fault="listing", at_s=0, symbol="BTCUSDT", listing="delisted")

        frames = await updates(seat, quiet_s=0.5, on_first=delist)
        assert frames[-1] == {"pong": True}
        with pytest.raises(ccxt.ExchangeError):
            await order(seat, "1")

    play("bybit", "linear", scene)


def test_connections_are_cut_without_a_word(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        def cut() -> None:
            seat.simulator.faults.add(fault="disconnect", at_s=0)

        assert (await updates(seat, on_first=cut))[-1] == {"closed": True}

    play("bybit", "linear", scene)


def test_a_book_crosses_when_it_is_told_to(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        def cross() -> None:
            seat.simulator.faults.add(fault="cross", at_s=0, symbol="BTCUSDT")

        sides: dict[str, dict[float, float]] = {"b": {}, "a": {}}
        crossed = False
        for frame in await updates(seat, enough=30, on_first=cross):
            for side, levels in sides.items():
                for price, size in frame.get("data", {}).get(side, ()):
                    levels[float(price)] = float(size)
            bids, asks = ([p for p, size in sides[side].items() if size] for side in "ba")
            crossed |= bool(bids) and max(bids) >= min(asks)
        assert crossed

    play("bybit", "linear", scene)


def test_a_skewed_clock_refuses_what_was_signed_in_time(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        seat.simulator.faults.add(fault="clock_skew", at_s=0, seconds=60)
        await fired(seat)
        with pytest.raises(ccxt.InvalidNonce):
            await seat.client.fetch_balance()
        assert await seat.client.fetch_time() - seat.client.milliseconds() > 55_000

    play("bybit", "spot", scene)


def test_a_revoked_key_opens_nothing(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        seat.simulator.faults.add(fault="revoke_key", at_s=0)
        await fired(seat)
        with pytest.raises(ccxt.AuthenticationError):
            await seat.client.fetch_balance()

    play("bybit", "spot", scene)


def test_maintenance_refuses_everybody_and_ends(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        seat.simulator.faults.add(fault="maintenance", at_s=0, seconds=0.6)
        await fired(seat)
        with pytest.raises(ccxt.ExchangeError):
            await seat.client.fetch_time()
        await asyncio.sleep(0.6)
        await seat.client.fetch_time()

    play("bybit", "spot", scene)


def test_a_listing_is_halted_and_changes_its_steps(play: Play) -> None:
    async def scene(seat: Seat) -> None:
        seat.simulator.faults.add(
            fault="listing", at_s=0, symbol="BTCUSDT", listing="halted", tick="5"
        )
        await fired(seat)
        with pytest.raises(ccxt.ExchangeError):
            await order(seat, "1")
        await seat.client.load_markets(reload=True)
        assert not seat.client.market(seat.symbol)["active"]
        assert seat.client.market(seat.symbol)["precision"]["price"] == 5

    play("bybit", "linear", scene)


def test_faults_by_chance_are_the_same_for_the_same_seed(play: Play) -> None:
    async def struck(seed: int) -> list[bool]:
        from tests.simex.clients import seated

        faults = FaultInjector(seed=seed)
        faults.add(fault="status", request=TIME, chance=0.5)
        answers = []
        async with seated("bybit", "spot", faults=faults) as seat:
            for _ in range(12):
                try:
                    await seat.client.fetch_time()
                    answers.append(True)
                except ccxt.NetworkError:
                    answers.append(False)
        return answers

    first, again, other = (asyncio.run(struck(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 2
