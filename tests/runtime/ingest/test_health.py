"""What goes wrong for long is told once in the log, and once more when it is over."""

from __future__ import annotations

import asyncio
import logging

import pytest

from bowline.core.errors import Conflict
from bowline.core.venue import QuoteChanged
from bowline.runtime.bus import BusTopic, MemoryBus
from bowline.runtime.ingest import BusPublisher
from bowline.runtime.ingest import health as module
from bowline.runtime.ingest.health import IngestHealth
from tests.runtime.ingest.fake_venue import BTC


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [1_000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    return clock


def test_the_same_problem_is_logged_every_ten_minutes(
    now_s: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    health = IngestHealth((BTC,), 0)
    for _ in range(1_201):
        health.trouble("a frame that nobody reads")
        now_s[0] += 1
    assert caplog.messages == ["a frame that nobody reads"] * 3


def test_a_problem_is_logged_when_it_begins_when_its_cause_changes_and_when_it_is_resolved(
    now_s: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    health = IngestHealth((BTC,), 0)
    health.resolved("tape")
    for words in ("full", "full", "read-only", "read-only"):
        health.trouble(words, what="tape")
    assert health.report(0).trouble == "read-only"
    health.resolved("tape")
    health.resolved("tape")
    assert caplog.messages == ["full", "read-only", "tape: works again"]
    assert health.report(0).trouble == "read-only – it works again"
    health.trouble("full", what="tape")
    assert caplog.messages[-1] == "full"


def test_the_number_of_remembered_problems_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    health = IngestHealth((BTC,), 0)
    for number in range(module.MAX_LOGGED * 3):
        health.trouble(f"frame {number}")
    assert len(health._logged) == module.MAX_LOGGED


class GoneBus(MemoryBus):
    """A server that is not there; `asked` counts how often it was looked for."""

    asked = 0
    back = False

    async def publish(self, topic: BusTopic, body: bytes, *, key: str = "") -> str:
        self.asked += 1
        if not self.back:
            raise Conflict("the bus does not answer: ConnectionError")
        return await super().publish(topic, body, key=key)


def test_an_unavailable_bus_is_retried_rarely_and_reported_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quotes come a hundred times a second: neither the server nor the log hears each of them."""
    monkeypatch.setattr("bowline.runtime.ingest.bus_publisher.RETRY_S", 0.4)
    caplog.set_level(logging.INFO)
    bus, health = GoneBus(), IngestHealth((BTC,), 0)
    publisher = BusPublisher(bus)

    async def main() -> None:
        task = asyncio.create_task(publisher.run(health))
        for at in range(100):
            publisher.add_tick(QuoteChanged(BTC, at, 1.0, 1.0, 2.0, 1.0))
            await asyncio.sleep(0.01)
        assert 1 <= bus.asked <= 5
        bus.back = True
        async with asyncio.timeout(10):
            while "works again" not in caplog.messages[-1]:
                publisher.add_tick(QuoteChanged(BTC, 0, 1.0, 1.0, 2.0, 1.0))
                await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(main())
    assert caplog.messages == [
        "the bus is not available: the bus does not answer: ConnectionError",
        "bus: works again",
    ]
