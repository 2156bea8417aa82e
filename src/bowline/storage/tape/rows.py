"""What a row of the tape is: a trade or a quote, when the venue says it was, and when we saw it.

The files are read by other programs and by later versions of this one: a column is never renamed,
its unit never changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import pyarrow as pa

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import SECOND_NS, Side
from bowline.core.venue import QuoteChanged, TradePrinted

Recorded = TradePrinted | QuoteChanged


class TapeKind(StrEnum):
    """What is recorded, each in its own files."""

    TRADES = "trades"
    QUOTES = "quotes"


#: times are ns UTC, prices quote money, sizes base units; `taker` is `buy` or `sell`
SCHEMAS: dict[TapeKind, pa.Schema] = {
    TapeKind.TRADES: pa.schema(
        [
            ("event_ns", pa.int64()),
            ("seen_ns", pa.int64()),
            ("price", pa.float64()),
            ("size", pa.float64()),
            ("taker", pa.dictionary(pa.int8(), pa.string())),
            ("trade_id", pa.string()),
        ]
    ),
    TapeKind.QUOTES: pa.schema(
        [
            ("event_ns", pa.int64()),
            ("seen_ns", pa.int64()),
            ("bid", pa.float64()),
            ("bid_size", pa.float64()),
            ("ask", pa.float64()),
            ("ask_size", pa.float64()),
        ]
    ),
}


class TapeDay(msgspec.Struct, frozen=True, order=True):
    """One UTC day of one instrument and kind: what a folder of the tape holds."""

    day: str
    kind: TapeKind
    instrument: InstrumentId


def day_of(event_ns: int) -> str:
    """The UTC day a moment lies in, `2026-11-21`."""
    return datetime.fromtimestamp(event_ns // SECOND_NS, UTC).date().isoformat()


def kind_of(tick: Recorded) -> TapeKind:
    """Which tape a tick goes to."""
    return TapeKind.TRADES if isinstance(tick, TradePrinted) else TapeKind.QUOTES


def as_table(kind: TapeKind, ticks: list[tuple[int, Recorded]]) -> pa.Table:
    """Ticks of one kind, each with the moment it was seen, as columns."""
    seen = [seen_ns for seen_ns, _ in ticks]
    if kind is TapeKind.TRADES:
        trades = [tick for _, tick in ticks if isinstance(tick, TradePrinted)]
        sides = pa.DictionaryArray.from_arrays(
            pa.array([int(trade.side is Side.SELL) for trade in trades], pa.int8()),
            pa.array(["buy", "sell"]),
        )
        columns = [
            [trade.event_ns for trade in trades],
            seen,
            [trade.price for trade in trades],
            [trade.quantity for trade in trades],
            sides,
            [trade.trade_id for trade in trades],
        ]
    else:
        quotes = [tick for _, tick in ticks if isinstance(tick, QuoteChanged)]
        columns = [
            [quote.event_ns for quote in quotes],
            seen,
            [quote.bid for quote in quotes],
            [quote.bid_size for quote in quotes],
            [quote.ask for quote in quotes],
            [quote.ask_size for quote in quotes],
        ]
    schema = SCHEMAS[kind]
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def ticks_of(instrument: InstrumentId, kind: TapeKind, table: pa.Table) -> list[Recorded]:
    """The ticks that a table was made of."""
    columns = [column.to_pylist() for column in table.columns]
    if kind is TapeKind.TRADES:
        return [
            TradePrinted(instrument, event_ns, price, size, Side(taker), trade_id)
            for event_ns, _, price, size, taker, trade_id in zip(*columns, strict=True)
        ]
    return [
        QuoteChanged(instrument, event_ns, *rest)
        for event_ns, _, *rest in zip(*columns, strict=True)
    ]
