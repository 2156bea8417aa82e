"""A journal as a file for other programs: CSV, JSON or Parquet, with titles and exact numbers.

Amounts are text, exactly as they were kept: a float would change them. The file appears whole or
not at all.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct, json
from msgspec.structs import asdict

from bowline.core.errors import BadInput
from bowline.core.model.command import PlaceOrder, RecordRefusal
from bowline.core.model.event import FillReported
from bowline.core.model.instrument import Instrument, InstrumentId
from bowline.desk.journal import JournalLine, lines, moment
from bowline.desk.output_files import Output
from bowline.storage.journal import Journal, encode_payload

#: rows of a Parquet file held in memory at once
BATCH = 10_000


class JournalRow(Struct, frozen=True, kw_only=True):
    """One line of the file. `payload` is the entry as it is kept, in JSON; empty is no value."""

    run: int
    seq: int
    seen_utc: str
    seen_ns: int
    title: str
    kind: str
    is_command: bool
    order_id: int | None
    instrument: str
    side: str
    quantity: Decimal | None
    price: Decimal | None
    fee: Decimal | None
    reason: str
    payload: str


#: writes rows to a path, and says how many
Writer = Callable[[Path, Iterator[JournalRow]], int]


def export_journal(journal: Journal, run_id: int, out: Output) -> int:
    """Write every entry to a file, in the format its name ends with; returns how many.

    BowlineError for another ending or a file that cannot be written.
    """
    write = writer_of(out.path)
    with out.draft() as draft:
        return write(draft, (_row(run_id, line) for line in lines(journal, noise=True)))


def writer_of(path: Path) -> Writer:
    """What writes the format that a name ends with; BadInput if there is none."""
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        allowed = ", ".join(_WRITERS)
        raise BadInput(f"cannot export to {path.name}", hint=f"the name must end with {allowed}")
    return write


def _row(run_id: int, line: JournalLine) -> JournalRow:
    entry, payload = line.entry, line.entry.payload
    # what some kinds have and others have not
    fill = payload.report if isinstance(payload, FillReported) else None
    order = payload.order if isinstance(payload, PlaceOrder) else None
    what = fill or order
    order_id = order.id if order else fill.client_id if fill else getattr(payload, "order_id", None)
    return JournalRow(
        run=run_id,
        seq=entry.seq,
        seen_utc=moment(entry.seen_ns),
        seen_ns=entry.seen_ns,
        title=line.title,
        kind=type(payload).__name__,
        is_command=entry.is_command,
        order_id=order_id,
        instrument=_name(what.instrument) if what else "",
        side=what.side.value if what else "",
        quantity=what.quantity if what else None,
        price=fill.price if fill else None,
        fee=fill.fee if fill else None,
        reason=_reason(payload),
        payload=encode_payload(payload).decode(),
    )


def _reason(payload: object) -> str:
    if isinstance(payload, PlaceOrder):
        return payload.order.reason.value
    return payload.refused.reason.value if isinstance(payload, RecordRefusal) else ""


def _name(instrument: InstrumentId) -> str:
    return Instrument(instrument).key


def _write_csv(path: Path, rows: Iterable[JournalRow]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(JournalRow.__struct_fields__)
        for row in rows:
            writer.writerow(_plain(row).values())
            count += 1
    return count


def _write_json(path: Path, rows: Iterable[JournalRow]) -> int:
    """One array; the payload lies in it as JSON, not as text."""
    count = 0
    with path.open("wb") as file:
        file.write(b"[")
        for count, row in enumerate(rows, start=1):
            file.write(b"\n" if count == 1 else b",\n")
            file.write(json.encode(asdict(row) | {"payload": json.decode(row.payload)}))
        file.write(b"\n]\n")
    return count


def _write_parquet(path: Path, rows: Iterator[JournalRow]) -> int:
    import pyarrow as pa  # noqa: PLC0415 - the slowest import of all, for one of three formats
    from pyarrow import parquet  # noqa: PLC0415

    kinds = dict.fromkeys(("run", "seq", "seen_ns", "order_id"), pa.int64())
    kinds["is_command"] = pa.bool_()
    schema = pa.schema(
        [(name, kinds.get(name, pa.string())) for name in JournalRow.__struct_fields__]
    )
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        while batch := [_plain(row) for row in islice(rows, BATCH)]:
            writer.write_table(pa.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


def _plain(row: JournalRow) -> dict[str, Any]:
    values = asdict(row)
    for name in ("quantity", "price", "fee"):
        if values[name] is not None:
            values[name] = str(values[name])
    return values


_WRITERS: dict[str, Writer] = {
    ".csv": _write_csv,
    ".json": _write_json,
    ".parquet": _write_parquet,
}
