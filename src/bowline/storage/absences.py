"""Ranges of minutes for which a venue was asked for candles and returned none.

A range explains a gap and saves repeated requests for a while. Candles that arrive later for such a
range are stored like any others. It must never read a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import sqlalchemy as sa

from bowline.core.model.instrument import InstrumentId
from bowline.storage.schema import candle_absences


class AbsentRange(msgspec.Struct, frozen=True, order=True):
    """Minutes from `start_ns` up to `end_ns` (exclusive) without candles at the venue.

    `asked_ns`: the oldest time at which a part of the range was last requested.
    """

    start_ns: int
    end_ns: int
    asked_ns: int


class AbsenceStore:
    """Absent ranges by instrument.

    `engine` must be migrated; its execution option `writes` marks a writing transaction.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, instrument: InstrumentId, start_ns: int, end_ns: int, now_ns: int) -> None:
        """Record that the venue returned nothing for this range; adjacent ranges are merged.

        A touching range that was recorded later than `now_ns`, by a wrong clock, is dropped.
        """
        table, mine = candle_absences.c, _of(instrument)
        touching = sa.and_(mine, table.start_ns <= end_ns, table.end_ns >= start_ns)
        with self._engine.execution_options(writes=True).begin() as db:
            known = [
                each
                for each in _read(db, touching)
                if each.asked_ns <= now_ns and not _within(each, start_ns, end_ns)
            ]
            db.execute(sa.delete(candle_absences).where(touching))
            row = {
                "market_id": instrument.market_id,
                "symbol": instrument.symbol,
                "start_ns": min([start_ns, *(each.start_ns for each in known)]),
                "end_ns": max([end_ns, *(each.end_ns for each in known)]),
                "asked_ns": min([now_ns, *(each.asked_ns for each in known)]),
            }
            db.execute(sa.insert(candle_absences).values(row))

    def ranges(self, instrument: InstrumentId) -> tuple[AbsentRange, ...]:
        """The absent ranges of an instrument, oldest first; no two of them touch."""
        with self._engine.connect() as db:
            return tuple(_read(db, _of(instrument)))


def subtract_ranges(
    start_ns: int, end_ns: int, ranges: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """The parts of `start_ns` up to `end_ns` that lie in none of `ranges` (sorted by start)."""
    for first_ns, last_ns in ranges:
        if first_ns >= end_ns:
            break
        if first_ns > start_ns:
            yield start_ns, first_ns
        start_ns = max(start_ns, last_ns)
    if start_ns < end_ns:
        yield start_ns, end_ns


def _of(instrument: InstrumentId) -> sa.ColumnElement[bool]:
    table = candle_absences.c
    return sa.and_(table.market_id == instrument.market_id, table.symbol == instrument.symbol)


def _within(absence: AbsentRange, start_ns: int, end_ns: int) -> bool:
    return start_ns <= absence.start_ns and absence.end_ns <= end_ns


def _read(db: sa.Connection, where: sa.ColumnElement[bool]) -> list[AbsentRange]:
    table = candle_absences.c
    columns = sa.select(table.start_ns, table.end_ns, table.asked_ns)
    return [AbsentRange(*row) for row in db.execute(columns.where(where).order_by(table.start_ns))]
