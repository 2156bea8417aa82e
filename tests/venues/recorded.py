"""Strangers' recordings for the codecs' tests: listings for them, their frames, their records."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bowline.core.model.instrument import Instrument, InstrumentId, Market, market_by_name
from bowline.core.venue import (
    BookChanged,
    BookReplaced,
    CandleSeen,
    Level,
    Listing,
    Listings,
    QuoteChanged,
    Tick,
    TradePrinted,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: the names of our ticks in the recorded expectations' callback counts
CALLBACKS = {
    TradePrinted: "TRADES", QuoteChanged: "TICKER", BookReplaced: "L2_BOOK",
    BookChanged: "L2_BOOK", CandleSeen: "CANDLES",
}  # fmt: skip


def listed(
    market: str, words: Iterable[str], contract_size: str = "1", tick: str = "0", lot: str = "0"
) -> tuple[Market, Listings]:
    """A market and listings of it under these words of the venue; our symbol is the same word."""
    found = market_by_name(market)
    return found, Listings(
        Listing(
            Instrument(
                InstrumentId(found.market_id, word),
                tick_size=Decimal(tick),
                lot_step=Decimal(lot),
                contract_size=Decimal(contract_size),
            ),
            word,
            base="",
            quote="",
        )
        for word in words
    )


def tardis(shared_data: Path, name: str) -> list[dict[str, Any]]:
    """Lines of `frames/tardis/<name>.jsonl`: a raw frame and the records it must become."""
    lines = (shared_data / f"frames/tardis/{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def raw(message: object) -> bytes:
    """A frame as it went over the wire."""
    return json.dumps(message, separators=(",", ":")).encode()


def as_records(ticks: Sequence[object]) -> list[dict[str, Any]]:
    """Ticks in tardis' words, without exchange and local time."""
    return [_record(tick) for tick in ticks]


def expected_records(line: dict[str, Any], contracts_a_unit: int = 1) -> list[dict[str, Any]]:
    """The records of a tardis line that ticks can be compared with, amounts in base units."""

    def in_units(value: Any) -> Any:
        if isinstance(value, list):
            return [in_units(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key: each / contracts_a_unit if "mount" in key and each is not None else in_units(each)
            for key, each in value.items()
        }

    records = []
    for each in line["expected"]:
        record = {k: v for k, v in each.items() if k not in {"exchange", "localTimestamp"}}
        record = in_units(record)
        if each["timestamp"] == each["localTimestamp"]:
            record["timestamp"] = 0  # the venue gave none, so tardis took the time of arrival
        else:
            record["timestamp"] = iso_ns(each["timestamp"])
        records.append(record)
    return records


def iso_ns(text: str) -> int:
    """2019-04-01T00:00:00.940Z in nanoseconds."""
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1) * 1_000


def _record(tick: object) -> dict[str, Any]:
    match tick:
        case TradePrinted():
            return {
                "type": "trade", "symbol": tick.instrument.symbol, "id": tick.trade_id,
                "price": tick.price, "amount": tick.quantity, "side": tick.side.value,
                "timestamp": tick.event_ns,
            }  # fmt: skip
        case QuoteChanged():
            bid, ask = tick.bid_size > 0, tick.ask_size > 0
            return {
                "type": "book_ticker", "symbol": tick.instrument.symbol,
                "askAmount": tick.ask_size if ask else None,
                "askPrice": tick.ask if ask else None,
                "bidAmount": tick.bid_size if bid else None,
                "bidPrice": tick.bid if bid else None, "timestamp": tick.event_ns,
            }  # fmt: skip
        case BookReplaced() | BookChanged():
            return {
                "type": "book_change", "symbol": tick.instrument.symbol,
                "isSnapshot": isinstance(tick, BookReplaced),
                "bids": _levels(tick.bids), "asks": _levels(tick.asks),
                "timestamp": tick.event_ns,
            }  # fmt: skip
    return {"type": type(tick).__name__}


def _levels(levels: Sequence[Level]) -> list[dict[str, float]]:
    return [{"price": price, "amount": size} for price, size in levels]


def cryptofeed(path: Path) -> Iterator[bytes]:
    """The frames received, of one cryptofeed capture of a WebSocket."""
    with path.open("rb") as lines:
        for line in lines:
            stamp, _, frame = line.rstrip(b"\n").partition(b": ")
            if stamp.replace(b".", b"").isdigit():
                yield frame


def counted(ticks: Iterable[Tick]) -> dict[str, int]:
    """How many callbacks of each name the ticks are."""
    counts: dict[str, int] = {}
    for tick in ticks:
        name = CALLBACKS[type(tick)]
        counts[name] = counts.get(name, 0) + 1
    return counts


def stamped(path: Path) -> Iterator[tuple[int, bytes]]:
    """Local nanoseconds and frame, of one hftbacktest recording."""
    with gzip.open(path, "rb") as lines:
        for line in lines:
            stamp, _, frame = line.rstrip(b"\n").partition(b" ")
            yield int(stamp), frame
