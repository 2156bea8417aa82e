"""One contract for every bus: groups, redelivery, dead letters, order, bounds, conflation."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis import Redis
from redis.exceptions import RedisError

from bowline.core.errors import BadInput
from bowline.runtime.bus import Bus, BusFull, BusTopic, DeliveryMode, MemoryBus, topic
from bowline.runtime.bus.redis_streams import RedisBus

SAID = os.environ.get("BOWLINE_TEST_REDIS")
SERVER = SAID or "redis://127.0.0.1:6379/15"
#: long enough for a busy machine to do in time what must be done before it
SOON_S = 0.3
#: in every topic of this process, which tests side by side on one server tell apart by it
OWN = secrets.token_hex(4)

Play = Callable[[Bus], Awaitable[None]]


@asynccontextmanager
async def redis_bus() -> AsyncIterator[Bus]:
    bus = RedisBus(SERVER, redeliver_s=SOON_S, attempts=3)
    try:
        yield bus
    finally:
        await bus.close()
        with Redis.from_url(SERVER) as server:
            for key in server.scan_iter(f"*{OWN}*"):
                server.delete(key)


@asynccontextmanager
async def memory_bus() -> AsyncIterator[Bus]:
    yield MemoryBus(redeliver_s=SOON_S, attempts=3)


@pytest.fixture(params=["memory", "redis"])
def play(request: pytest.FixtureRequest) -> Callable[[Play], None]:
    if request.param == "redis":
        try:
            Redis.from_url(SERVER).ping()
        except RedisError as error:
            message = f"no Redis at {SERVER}: {error}"
            (pytest.fail if SAID else pytest.skip)(message)
    opened = redis_bus if request.param == "redis" else memory_bus

    def run(scene: Play) -> None:
        async def main() -> None:
            async with opened() as bus:
                await scene(bus)

        asyncio.run(main())

    return run


@pytest.fixture
def every() -> BusTopic:
    """A topic of its own for each test, that holds little."""
    return BusTopic(f"md.candles.1m.{OWN}{secrets.token_hex(4)}", DeliveryMode.EVERY_MESSAGE, 5)


@pytest.fixture
def latest() -> BusTopic:
    return BusTopic(f"market.raw.{OWN}{secrets.token_hex(4)}", DeliveryMode.LATEST_PER_KEY, 100)


def bodies(messages: object) -> list[bytes]:
    return [message.body for message in messages]  # type: ignore[attr-defined]


def test_every_group_gets_every_message_in_order(play, every: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        first = await bus.subscribe(every, "desk", "a")
        for n in range(5):
            await bus.publish(every, b"%d" % n, key="k")
        late = await bus.subscribe(every, "telegram", "b")
        for listener in (first, late):
            messages = await listener.receive()
            assert bodies(messages) == [b"0", b"1", b"2", b"3", b"4"]
            assert {(m.topic, m.key, m.attempt) for m in messages} == {(every.name, "k", 1)}
            await listener.ack(messages)
            assert not await listener.receive(wait_s=0.01)

    play(scene)


def test_consumers_of_a_group_share_its_messages(play, every: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        one = await bus.subscribe(every, "desk", "one")
        two = await bus.subscribe(every, "desk", "two")
        for n in range(4):
            await bus.publish(every, b"%d" % n)
        mine = await one.receive(2)
        theirs = await two.receive(10)
        assert bodies(mine) + bodies(theirs) == [b"0", b"1", b"2", b"3"]

    play(scene)


def test_an_unacknowledged_message_is_delivered_again_to_another_consumer(play, every) -> None:
    async def scene(bus: Bus) -> None:
        dies = await bus.subscribe(every, "desk", "dies")
        lives = await bus.subscribe(every, "desk", "lives")
        await bus.publish(every, b"x")
        await dies.receive()
        assert not await lives.receive(wait_s=0.01), "it is held"
        await asyncio.sleep(SOON_S * 1.2)
        (again,) = await lives.receive()
        assert (again.body, again.attempt) == (b"x", 2)
        await lives.ack([again])
        await asyncio.sleep(SOON_S * 1.2)
        assert not await dies.receive(wait_s=0.01)

    play(scene)


def test_a_waiting_consumer_gets_an_overdue_message(play, every: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        dies = await bus.subscribe(every, "desk", "dies")
        lives = await bus.subscribe(every, "desk", "lives")
        await bus.publish(every, b"x")
        await dies.receive()
        (again,) = await lives.receive(wait_s=2)
        assert again.body == b"x"

    play(scene)


def test_a_message_that_always_fails_becomes_a_dead_letter_with_its_reason(play, every) -> None:
    async def scene(bus: Bus) -> None:
        listener = await bus.subscribe(every, "desk", "a")
        await bus.publish(every, b"poison")
        await bus.publish(every, b"fine")
        attempts = []
        for _ in range(3):
            messages = await listener.receive()
            for message in messages:
                if message.body == b"poison":
                    attempts.append(message.attempt)
                    await listener.nack(message, "cannot be read")
                else:
                    await listener.ack([message])
        assert attempts == [1, 2, 3]
        assert not await listener.receive(wait_s=0.01)
        (dead,) = await bus.dead_letters(every)
        assert (dead.message.body, dead.group, dead.why) == (b"poison", "desk", "cannot be read")

    play(scene)


def test_a_message_that_is_never_acknowledged_becomes_a_dead_letter(play, every: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        listener = await bus.subscribe(every, "desk", "a")
        await bus.publish(every, b"x")
        for _ in range(3):
            assert await listener.receive(wait_s=1)
            await asyncio.sleep(SOON_S * 1.2)
        assert not await listener.receive(wait_s=0.01)
        assert bodies([dead.message for dead in await bus.dead_letters(every)]) == [b"x"]

    play(scene)


def test_a_full_topic_refuses_the_publisher_and_drops_nothing(play, every: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        listener = await bus.subscribe(every, "slow", "a")
        for n in range(5):
            await bus.publish(every, b"%d" % n)
        with pytest.raises(BusFull, match="slow"):
            await bus.publish(every, b"5")
        messages = await listener.receive(2)
        with pytest.raises(BusFull):
            await bus.publish(every, b"5")
        await listener.ack(messages)
        await bus.publish(every, b"5")
        assert bodies(await listener.receive()) == [b"2", b"3", b"4", b"5"]

    play(scene)


def test_many_messages_pass_a_small_topic_when_they_are_read(play, every: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        listener = await bus.subscribe(every, "desk", "a")
        seen: list[bytes] = []
        for n in range(300):
            try:
                await bus.publish(every, b"%d" % n)
            except BusFull:
                messages = await listener.receive()
                seen += bodies(messages)
                await listener.ack(messages)
                await bus.publish(every, b"%d" % n)
        seen += bodies(await listener.receive())
        assert seen == [b"%d" % n for n in range(300)]

    play(scene)


def test_a_topic_without_groups_never_refuses_a_publisher(play, every: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        for n in range(12):
            await bus.publish(every, b"%d" % n)
        listener = await bus.subscribe(every, "late", "a")
        held = bodies(await listener.receive())
        assert held == [b"%d" % n for n in range(12 - len(held), 12)]
        assert 1 <= len(held) <= 5

    play(scene)


def test_a_latest_per_key_topic_delivers_the_newest_of_each_key(play, latest: BusTopic) -> None:
    """A slow reader sees the newest, and never an older one after a newer."""

    async def scene(bus: Bus) -> None:
        listener = await bus.subscribe(latest, "page", "a")
        for n in range(500):
            await bus.publish(latest, b"%d" % n, key=f"k{n % 3}")
        messages = await listener.receive()
        assert sorted(bodies(messages)) == [b"497", b"498", b"499"]
        await listener.ack(messages)
        assert not await listener.receive(wait_s=0.01)

    play(scene)


def test_keys_beyond_the_limit_are_received_next_time(play, latest: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        listener = await bus.subscribe(latest, "page", "a")
        for n in range(10):
            await bus.publish(latest, b"%d" % n, key=f"k{n}")
        first = await listener.receive(4)
        rest = await listener.receive(10)
        assert [*bodies(first), *bodies(rest)] == [b"%d" % n for n in range(10)]

    play(scene)


def test_a_consumer_that_closes_returns_its_unacknowledged_messages(play, every: BusTopic) -> None:
    async def scene(bus: Bus) -> None:
        leaves = await bus.subscribe(every, "desk", "leaves")
        stays = await bus.subscribe(every, "desk", "stays")
        await bus.publish(every, b"x")
        await leaves.receive()
        await leaves.close()
        assert bodies(await stays.receive(wait_s=0.05)) == [b"x"]

    play(scene)


def test_an_unknown_topic_is_refused_with_similar_names() -> None:
    assert topic("market.raw").mode is DeliveryMode.LATEST_PER_KEY
    assert topic("md.candles.1m.bybit:linear:BTCUSDT").mode is DeliveryMode.EVERY_MESSAGE
    with pytest.raises(BadInput, match=r"market\.row") as refusal:
        topic("market.row")
    assert "market.raw" in refusal.value.hint
    with pytest.raises(BadInput, match=r"trade\.completed"):
        topic("trade.completed")
    with pytest.raises(BadInput):
        topic("md.candles.1m.")


def test_an_unreachable_server_is_reported_without_its_password() -> None:
    async def main() -> None:
        bus = RedisBus("redis://:hunter2@127.0.0.1:1/0")
        with pytest.raises(Exception, match="does not answer") as refusal:
            await bus.publish(topic("md.candles.1m.bybit:linear:BTCUSDT"), b"x")
        assert "hunter2" not in str(refusal.value) + repr(bus)
        await bus.close()

    asyncio.run(main())
