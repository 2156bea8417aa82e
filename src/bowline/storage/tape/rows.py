"""The rows of the tape: trades and quotes with the venue's time and the time they were seen here.

Other programs and later versions read these files: a column must never be renamed, and its unit
must never change.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import pyarrow as pa

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import SECOND_NS, Side
from bowline.core.venue import QuoteChanged, TradePrinted

TapeTick = TradePrinted | QuoteChanged


class TapeKind(StrEnum):
    """The kinds of recorded ticks; each has its own files."""

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
    """One UTC day of one instrument and kind: the content of one folder of the tape."""

    day: str
    kind: TapeKind
    instrument: InstrumentId


def day_of(event_ns: int) -> str:
    """The UTC date of a time in ns, as `2026-11-21`."""
    return datetime.fromtimestamp(event_ns // SECOND_NS, UTC).date().isoformat()


def tape_kind(tick: TapeTick) -> TapeKind:
    """The kind of a tick."""
    return TapeKind.TRADES if isinstance(tick, TradePrinted) else TapeKind.QUOTES


def to_table(kind: TapeKind, ticks: list[tuple[int, TapeTick]]) -> pa.Table:
    """A table of ticks of one kind; `ticks` are pairs of seen time (ns) and tick."""
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


def from_table(instrument: InstrumentId, kind: TapeKind, table: pa.Table) -> list[TapeTick]:
    """The ticks of a table, in its order."""
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
