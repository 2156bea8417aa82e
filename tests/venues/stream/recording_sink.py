"""A sink that records what an account stream reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bowline.core.model.values import OrderId
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.stream import AccountEvent

T = TypeVar("T")


@dataclass
class RecordingSink:
    """Everything in the order in which it was told."""

    reports: list[OrderReport | FillReport | Balance | PositionReport] = field(default_factory=list)
    events: list[AccountEvent] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def report(
        self, report: OrderReport | FillReport | Balance | PositionReport, seen_ns: int
    ) -> None:
        assert seen_ns > 0
        self.reports.append(report)
        self.changed.set()

    def event(self, event: AccountEvent, seen_ns: int) -> None:
        assert seen_ns > 0
        self.events.append(event)
        self.changed.set()

    def of(self, kind: type[T]) -> list[T]:
        return [each for each in (*self.reports, *self.events) if isinstance(each, kind)]

    def fills_of(self, client_id: int) -> list[FillReport]:
        return [each for each in self.of(FillReport) if each.client_id == OrderId(client_id)]

    def orders_of(self, client_id: int) -> list[OrderReport]:
        return [each for each in self.of(OrderReport) if each.client_id == OrderId(client_id)]

    async def until(self, happened: Callable[[], object], within_s: float = 10.0) -> None:
        """Wait for something to have been told."""
        async with asyncio.timeout(within_s):
            while not happened():
                self.changed.clear()
                await self.changed.wait()
