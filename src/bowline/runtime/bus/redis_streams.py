"""The bus over Redis Streams (Redis 7 or newer): several processes, and messages that outlive them.

1. A topic is one stream, a group one consumer group that begins at the oldest message held.
2. Facts are cut off only behind what every group has acknowledged. A stream that is full even then
   refuses the publisher; that check and the message are one script, so nobody slips in between.
3. Market topics are cut at their length, and a consumer hands on the newest message of each key of
   what it read and acknowledges the overtaken ones.
4. A message held too long is claimed by whoever asks next; one that has had its attempts is put
   into the stream of dead letters and acknowledged in one transaction.
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
from bowline.runtime.bus.topics import Promise, Topic

_PREFIX = "bowline:bus:"
_DEAD = ":dead"
_DEAD_KEPT = 1_000
#: entries of a market topic read to find the newest of each key
_READ_AHEAD = 1_000
_FIRST = "0-0"

#: adds a message unless the stream holds as many as it may; false: it does
_PUBLISH = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
return redis.call('XADD', KEYS[1], '*', 'key', ARGV[2], 'body', ARGV[3])
"""


class RedisBus:
    """See `Bus`. `url` is `redis://…`; nothing of it is ever shown."""

    def __init__(
        self, url: str, *, redeliver_s: float = REDELIVER_S, attempts: int = ATTEMPTS
    ) -> None:
        self._redis = Redis.from_url(url)
        self._redeliver_ms = int(redeliver_s * 1000)
        self._attempts = attempts
        self._publish = self._redis.register_script(_PUBLISH)

    async def publish(self, topic: Topic, body: bytes, *, key: str = "") -> str:
        """Hand a message over; its id. Raises BusFull."""
        stream = _PREFIX + topic.name
        if topic.promise is Promise.MARKET:
            fields: dict[Any, Any] = {"key": key, "body": body}
            id_ = await _asked(self._redis.xadd(stream, fields, maxlen=topic.holds))
            return cast("bytes", id_).decode()
        for trimmed in (False, True):
            if trimmed:
                slow = await self._trim(stream, topic.holds)
            id_ = await _asked(self._publish(keys=[stream], args=[topic.holds, key, body]))
            if id_ is not None:
                return cast("bytes", id_).decode()
        raise BusFull.of(topic, slow)

    async def _trim(self, stream: str, holds: int) -> list[str]:
        """Cut off what every group is done with; the groups that hold up the most."""
        done: dict[str, tuple[int, int]] = {}
        for group in await _asked(self._redis.xinfo_groups(stream)):
            name = group["name"].decode()
            oldest = group["last-delivered-id"]
            if group["pending"]:
                pending = await _asked(self._redis.xpending(stream, name))
                oldest = _just_before(pending["min"])
            done[name] = _order(oldest)
        if not done:
            # nobody has ever listened: the oldest may go
            await _asked(self._redis.xtrim(stream, maxlen=holds // 2, approximate=False))
            return []
        least = min(done.values())
        minid = f"{least[0]}-{least[1] + 1}"
        await _asked(self._redis.xtrim(stream, minid=minid, approximate=False))
        return [name for name, order in done.items() if order == least]

    async def subscribe(self, topic: Topic, group: str, consumer: str) -> RedisSubscription:
        """Listen as `consumer` of `group`."""
        stream = _PREFIX + topic.name
        try:
            await _asked(self._redis.xgroup_create(stream, group, id=_FIRST, mkstream=True))
        except Conflict as error:
            known = isinstance(error.__cause__, ResponseError)
            if not known or "BUSYGROUP" not in str(error.__cause__):
                raise
        return RedisSubscription(
            self._redis, topic, group, consumer, self._redeliver_ms, self._attempts
        )

    async def dead_letters(self, topic: Topic) -> Sequence[DeadLetter]:
        """What could not be used, oldest first."""
        rows = await _asked(self._redis.xrange(_PREFIX + topic.name + _DEAD))
        return tuple(msgspec.msgpack.decode(row[b"letter"], type=DeadLetter) for _, row in rows)

    async def close(self) -> None:
        """Close every connection."""
        await self._redis.aclose()


class RedisSubscription:
    """See `Subscription`."""

    def __init__(
        self,
        redis: Redis,
        topic: Topic,
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
        #: given back by this consumer: due again at once
        self._back: list[str] = []

    async def receive(self, most: int = 100, wait_s: float = 1.0) -> Sequence[Message]:
        """Up to `most` messages."""
        clock = asyncio.get_running_loop().time
        end_s = clock() + wait_s
        while True:
            if late := await self._late(most):
                return late
            left_s = end_s - clock()
            fresh = await self._fresh(most, min(left_s, self._redeliver_ms / 1000))
            if fresh or left_s <= 0:
                return fresh

    async def _fresh(self, most: int, wait_s: float) -> list[Message]:
        market = self._topic.promise is Promise.MARKET
        streams: dict[Any, Any] = {self._stream: ">"}
        reply = await _asked(
            self._redis.xreadgroup(
                self._group,
                self._consumer,
                streams,
                count=max(most, _READ_AHEAD) if market else most,
                block=max(1, int(wait_s * 1000)) if wait_s > 0 else None,
            )
        )
        rows = _rows(reply)
        messages = [self._message(id_, row) for id_, row in rows if row]
        return await self._newest(messages, most) if market else messages

    async def _newest(self, messages: list[Message], most: int) -> list[Message]:
        """The newest of each key; the overtaken are done with, the rest comes next time."""
        newest = {message.key: message for message in messages}
        kept = sorted(newest.values(), key=lambda each: _order(each.id))
        ids = {message.id for message in kept}
        overtaken = [message for message in messages if message.id not in ids]
        await self.ack(overtaken)
        self._back += [message.id for message in kept[most:]]
        return kept[:most]

    async def _late(self, most: int) -> list[Message]:
        """Messages that somebody held too long or that were given back, claimed."""
        ids, self._back = self._back[:most], self._back[most:]
        rows: list[tuple[bytes, dict[bytes, bytes]]] = []
        if ids:
            mine: list[Any] = [*ids]
            claim = self._redis.xclaim(self._stream, self._group, self._consumer, 0, mine)
            rows += await _asked(claim)
        if len(rows) < most:
            reply = await _asked(
                self._redis.xautoclaim(
                    self._stream,
                    self._group,
                    self._consumer,
                    min_idle_time=self._redeliver_ms,
                    count=most - len(rows),
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
                await self._bury(message, "nobody acknowledged it")
            else:
                alive.append(message)
        return sorted(alive, key=lambda each: _order(each.id))

    async def _deliveries(self, ids: Sequence[bytes]) -> dict[bytes, int]:
        low, high = min(ids, key=_order), max(ids, key=_order)
        pending = await _asked(
            self._redis.xpending_range(self._stream, self._group, min=low, max=high, count=10_000)
        )
        return {each["message_id"]: each["times_delivered"] for each in pending}

    async def ack(self, messages: Sequence[Message]) -> None:
        """They are done with."""
        if messages:
            ids = [message.id for message in messages]
            await _asked(self._redis.xack(self._stream, self._group, *ids))

    async def give_back(self, message: Message, why: str) -> None:
        """Deliver it again, or bury it."""
        if message.attempt >= self._attempts:
            await self._bury(message, why)
        else:
            self._back.append(message.id)

    async def _bury(self, message: Message, why: str) -> None:
        letter = msgspec.msgpack.encode(DeadLetter(message, self._group, why))
        async with self._redis.pipeline(transaction=True) as both:
            both.xadd(self._stream + _DEAD, {"letter": letter}, maxlen=_DEAD_KEPT)
            both.xack(self._stream, self._group, message.id)
            await _asked(both.execute())

    async def close(self) -> None:
        """What this consumer holds can be claimed by others at once."""
        held = await _asked(
            self._redis.xpending_range(
                self._stream, self._group, min="-", max="+", count=10_000,
                consumername=self._consumer,
            )
        )  # fmt: skip
        if held:
            ids = [each["message_id"] for each in held]
            await _asked(
                self._redis.xclaim(
                    self._stream, self._group, self._consumer, 0, ids,
                    idle=self._redeliver_ms, justid=True,
                )
            )  # fmt: skip

    def _message(self, id_: bytes, row: dict[bytes, bytes], attempt: int = 1) -> Message:
        return Message(self._topic.name, id_.decode(), row[b"key"].decode(), row[b"body"], attempt)


async def _asked(call: Awaitable[Any]) -> Any:  # noqa: ANN401 - replies have no types of their own
    """The server's answer. Conflict, without the server's address, if there is none."""
    try:
        return await call
    except (RedisError, OSError) as error:
        raise Conflict(
            f"the bus does not answer: {type(error).__name__}",
            hint="is the Redis server of BOWLINE_BUS running, version 7 or newer, and not full?",
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
