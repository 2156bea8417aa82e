"""A recorder in a process of its own, as `bowline ingest` is one, in a time that may run faster.

    python -m tests.runtime.ingest.recorder MARKET SYMBOLS SINCE_NS START_NS REAL_START_NS FACTOR

It writes a line to stdout for every notice of its feeds, and ends at SIGINT.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable

from bowline import wire
from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.desk import ingest as desk
from bowline.desk import instruments
from bowline.runtime.ingest import BusPublisher, IngestStores
from bowline.runtime.ingest.sink import IngestSink
from bowline.settings import load_settings
from bowline.storage.tape import TapeWriter
from bowline.venues.registry import VenueAccess, VenueRegistry
from bowline.venues.stream import ConnectionLost, FeedEvent, TopicLive
from tests.runtime.ingest.accelerated_loop import run_accelerated


def told_to_stdout() -> None:
    own = IngestSink.event

    def event(self: IngestSink, event: FeedEvent, seen_ns: int) -> None:
        own(self, event, seen_ns)
        line: dict[str, object] = {"ns": seen_ns, "kind": type(event).__name__}
        if isinstance(event, TopicLive):
            line |= {"channel": event.topic.channel, "symbol": event.topic.instrument.symbol}
        if isinstance(event, ConnectionLost):
            line |= {"why": event.why}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    IngestSink.event = event  # type: ignore[method-assign]


async def record(market_name: str, symbols: str, since_ns: int, now_ns: Callable[[], int]) -> None:
    home, market = wire.home(), market_by_name(market_name)
    catalogue = wire.open_listings(home)
    access = {market.venue: VenueAccess(load_settings().venues_url)}
    async with VenueRegistry(access, now_ns=now_ns) as venues:
        await instruments.sync(
            catalogue, [venues.public_venue(market)], lambda _: None, now_ns=now_ns
        )
        wanted = [InstrumentId(market.market_id, each) for each in symbols.split(",")]
        request = desk.ingest_request(catalogue, wanted, since_ns, now_ns=now_ns)
        stores = IngestStores(
            wire.open_candles(home), catalogue, TapeWriter(wire.tape_folder(home)),
            wire.open_tape(home), BusPublisher(wire.open_bus()),
        )  # fmt: skip
        task = asyncio.create_task(
            desk.record(
                request,
                venues,
                stores,
                lambda report: desk.keep_report(home, report),
                now_ns=now_ns,
            )
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task
    catalogue.close()


def main() -> None:
    market, symbols, *numbers = sys.argv[1:]
    since_ns, start_ns, real_start_ns = (int(each) for each in numbers[:3])
    factor = float(numbers[3])

    def now_ns() -> int:
        return start_ns + int((time.time_ns() - real_start_ns) * factor)

    wire.start_logs()
    told_to_stdout()
    run_accelerated(record(market, symbols, since_ns, now_ns), factor)


if __name__ == "__main__":
    main()
