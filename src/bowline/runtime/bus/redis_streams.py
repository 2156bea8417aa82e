"""The bus on Redis Streams (Redis 7 or newer), for several processes; messages survive restarts.

1. A topic is one stream; a group is one consumer group that starts at the oldest message held.
2. An EVERY_MESSAGE stream is trimmed only up to what every group has acknowledged. If it is still
   full, the publisher is refused. One script checks the length and adds the message, atomically.
3. A LATEST_PER_KEY stream is trimmed to its capacity. A consumer returns the newest message of each
   key among those it read, and acknowledges the others.
4. The next consumer to read claims a message that was not acknowledged in time. After its last
   attempt a message is added to the stream of dead letters and acknowledged, in one transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from bowline.core.errors import Conflict
from bowline.runtime.bus.protocol import ATTEMPTS, REDELIVER_S, BusFull, DeadLetter, Message
from bowline.runtime.bus.topics import BusTopic, DeliveryMode

_PREFIX = "bowline:bus:"
#: a server that does not even take a connection is away
CONNECT_S = 5.0
_DEAD = ":dead"
_DEAD_KEPT = 1_000
#: entries of a LATEST_PER_KEY topic that are read at once to find the newest of each key
_READ_AHEAD = 1_000
_FIRST = "0-0"

#: adds a message unless the stream has reached its capacity; then the result is false
_PUBLISH = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
return redis.call('XADD', KEYS[1], '*', 'key', ARGV[2], 'body', ARGV[3])
"""


class RedisBus:
    """See `Bus`. `url` is `redis://…`; it may hold a password and is never shown."""

    def __init__(
        self, url: str, *, redeliver_s: float = REDELIVER_S, attempts: int = ATTEMPTS
    ) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=CONNECT_S)
        self._redeliver_ms = int(redeliver_s * 1000)
        self._attempts = attempts
        self._publish = self._redis.register_script(_PUBLISH)

    async def publish(self, topic: BusTopic, body: bytes, *, key: str = "") -> str:
        """Publish a message; returns its id. Raises BusFull."""
        stream = _PREFIX + topic.name
        if topic.mode is DeliveryMode.LATEST_PER_KEY:
            fields: dict[Any, Any] = {"key": key, "body": body}
            id_ = await _call(self._redis.xadd(stream, fields, maxlen=topic.capacity))
            return cast("bytes", id_).decode()
        for trimmed in (False, True):
            if trimmed:
                slow = await self._trim(stream, topic.capacity)
            id_ = await _call(self._publish(keys=[stream], args=[topic.capacity, key, body]))
            if id_ is not None:
                return cast("bytes", id_).decode()
        raise BusFull.of(topic, slow)

    async def _trim(self, stream: str, holds: int) -> list[str]:
        """Trim what every group has acknowledged; returns the slowest groups."""
        done: dict[str, tuple[int, int]] = {}
        for group in await _call(self._redis.xinfo_groups(stream)):
            name = group["name"].decode()
            oldest = group["last-delivered-id"]
            if group["pending"]:
                pending = await _call(self._redis.xpending(stream, name))
                oldest = _just_before(pending["min"])
            done[name] = _order(oldest)
        if not done:
            # no group exists: drop the oldest half
            await _call(self._redis.xtrim(stream, maxlen=holds // 2, approximate=False))
            return []
        least = min(done.values())
        minid = f"{least[0]}-{least[1] + 1}"
        await _call(self._redis.xtrim(stream, minid=minid, approximate=False))
        return [name for name, order in done.items() if order == least]

    async def subscribe(self, topic: BusTopic, group: str, consumer: str) -> RedisSubscription:
        """Subscribe as `consumer` of `group`."""
        stream = _PREFIX + topic.name
        try:
            await _call(self._redis.xgroup_create(stream, group, id=_FIRST, mkstream=True))
        except Conflict as error:
            known = isinstance(error.__cause__, ResponseError)
            if not known or "BUSYGROUP" not in str(error.__cause__):
                raise
        return RedisSubscription(
            self._redis, topic, group, consumer, self._redeliver_ms, self._attempts
        )

    async def dead_letters(self, topic: BusTopic) -> Sequence[DeadLetter]:
        """The dead letters of a topic, oldest first."""
        rows = await _call(self._redis.xrange(_PREFIX + topic.name + _DEAD))
        return tuple(msgspec.msgpack.decode(row[b"letter"], type=DeadLetter) for _, row in rows)

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()


class RedisSubscription:
    """See `Subscription`."""

    def __init__(
        self,
        redis: Redis,
        topic: BusTopic,
        group: str,
        consumer: str,
        redeliver_ms: int,
        attempts: int,
    ) -> None:
        self._redis = redis
        self._topic = topic
        self._stream = _PREFIX + topic.name
        self._group = group
        self._consumer = consumer
        self._redeliver_ms = redeliver_ms
        self._attempts = attempts
        #: ids that this consumer rejected: due for redelivery at once
        self._nacked: list[str] = []

    async def receive(self, limit: int = 100, wait_s: float = 1.0) -> Sequence[Message]:
        """Up to `limit` messages."""
        clock = asyncio.get_running_loop().time
        end_s = clock() + wait_s
        while True:
            if late := await self._claim_overdue(limit):
                return late
            left_s = end_s - clock()
            fresh = await self._read_new(limit, min(left_s, self._redeliver_ms / 1000))
            if fresh or left_s <= 0:
                return fresh

    async def _read_new(self, limit: int, wait_s: float) -> list[Message]:
        latest = self._topic.mode is DeliveryMode.LATEST_PER_KEY
        streams: dict[Any, Any] = {self._stream: ">"}
        reply = await _call(
            self._redis.xreadgroup(
                self._group,
                self._consumer,
                streams,
                count=max(limit, _READ_AHEAD) if latest else limit,
                block=max(1, int(wait_s * 1000)) if wait_s > 0 else None,
            )
        )
        rows = _rows(reply)
        messages = [self._message(id_, row) for id_, row in rows if row]
        return await self._newest(messages, limit) if latest else messages

    async def _newest(self, messages: list[Message], limit: int) -> list[Message]:
        """The newest of each key; older ones are acknowledged, the excess is read next time."""
        newest = {message.key: message for message in messages}
        kept = sorted(newest.values(), key=lambda each: _order(each.id))
        ids = {message.id for message in kept}
        overtaken = [message for message in messages if message.id not in ids]
        await self.ack(overtaken)
        self._nacked += [message.id for message in kept[limit:]]
        return kept[:limit]

    async def _claim_overdue(self, limit: int) -> list[Message]:
        """Claim messages that were rejected or not acknowledged in time."""
        ids, self._nacked = self._nacked[:limit], self._nacked[limit:]
        rows: list[tuple[bytes, dict[bytes, bytes]]] = []
        if ids:
            mine: list[Any] = [*ids]
            claim = self._redis.xclaim(self._stream, self._group, self._consumer, 0, mine)
            rows += await _call(claim)
        if len(rows) < limit:
            reply = await _call(
                self._redis.xautoclaim(
                    self._stream,
                    self._group,
                    self._consumer,
                    min_idle_time=self._redeliver_ms,
                    count=limit - len(rows),
                )
            )
            rows += reply[1]
        if not rows:
            return []
        counts = await self._deliveries([id_ for id_, _ in rows])
        alive = []
        for id_, row in rows:
            message = self._message(id_, row, attempt=counts.get(id_, 1))
            if message.attempt > self._attempts:
                await self._dead_letter(message, "nobody acknowledged it")
            else:
                alive.append(message)
        return sorted(alive, key=lambda each: _order(each.id))

    async def _deliveries(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        low, high = min(ids, key=_order), max(ids, key=_order)
        pending = await _call(
            self._redis.xpending_range(self._stream, self._group, min=low, max=high, count=10_000)
        )
        return {each["message_id"]: each["times_delivered"] for each in pending}

    async def ack(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages for the whole group."""
        if messages:
            ids = [message.id for message in messages]
            await _call(self._redis.xack(self._stream, self._group, *ids))

    async def nack(self, message: Message, why: str) -> None:
        """Deliver the message again, or move it to the dead letters."""
        if message.attempt >= self._attempts:
            await self._dead_letter(message, why)
        else:
            self._nacked.append(message.id)

    async def _dead_letter(self, message: Message, why: str) -> None:
        letter = msgspec.msgpack.encode(DeadLetter(message, self._group, why))
        async with self._redis.pipeline(transaction=True) as both:
            both.xadd(self._stream + _DEAD, {"letter": letter}, maxlen=_DEAD_KEPT)
            both.xack(self._stream, self._group, message.id)
            await _call(both.execute())

    async def close(self) -> None:
        """Make this consumer's unacknowledged messages claimable by others at once."""
        held = await _call(
            self._redis.xpending_range(
                self._stream, self._group, min="-", max="+", count=10_000,
                consumername=self._consumer,
            )
        )  # fmt: skip
        if held:
            ids = [each["message_id"] for each in held]
            await _call(
                self._redis.xclaim(
                    self._stream, self._group, self._consumer, 0, ids,
                    idle=self._redeliver_ms, justid=True,
                )
            )  # fmt: skip

    def _message(self, id_: bytes, row: dict[bytes, bytes], attempt: int = 1) -> Message:
        return Message(self._topic.name, id_.decode(), row[b"key"].decode(), row[b"body"], attempt)


async def _call(call: Awaitable[Any]) -> Any:  # noqa: ANN401 - replies have no types of their own
    """The server's reply. Raises Conflict, without the server's address, if there is none."""
    try:
        return await call
    except (RedisError, OSError) as error:
        raise Conflict(
            f"the bus does not answer ({type(error).__name__})",
            hint="check that the Redis server of BOWLINE_BUS runs, is version 7 or newer, "
            "and has free memory",
        ) from error


def _rows(
    reply: Any,  # noqa: ANN401 - a list or a mapping, as the protocol version has it
) -> list[tuple[bytes, dict[bytes, bytes]]]:
    if not reply:
        return []
    streams = reply.values() if isinstance(reply, dict) else [rows for _, rows in reply]
    rows: list[tuple[bytes, dict[bytes, bytes]]] = []
    for each in streams:
        rows += each[0] if each and isinstance(each[0], list) else each
    return rows


def _order(id_: bytes | str) -> tuple[int, int]:
    text = id_.decode() if isinstance(id_, bytes) else id_
    at, _, number = text.partition("-")
    return int(at), int(number)


def _just_before(id_: bytes) -> str:
    at, number = _order(id_)
    return f"{at}-{number - 1}" if number else f"{at - 1}-{2**63}"
