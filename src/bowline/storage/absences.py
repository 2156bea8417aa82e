"""What venues have no candles of: ranges that were asked for and came back empty.

It only says that nobody need ask again for a while, and why a gap is one; candles that turn up
in such a range all the same are candles. It reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import sqlalchemy as sa

from bowline.core.model.instrument import InstrumentId
from bowline.storage.schema import candle_absences


class Absence(msgspec.Struct, frozen=True, order=True):
    """From `start_ns` up to `end_ns`, not included; `asked_ns` is when any of it was asked last."""

    start_ns: int
    end_ns: int
    asked_ns: int


class Absences:
    """The store. `engine` is migrated already; its option `writes` marks a writing transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, instrument: InstrumentId, start_ns: int, end_ns: int, now_ns: int) -> None:
        """The venue was asked for this range and had nothing; it joins those that it touches.

        One that was noted at a time later than `now_ns`, by a clock that was wrong, is forgotten.
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

    def of(self, instrument: InstrumentId) -> tuple[Absence, ...]:
        """What is known of an instrument, oldest first; no two of them touch."""
        with self._engine.connect() as db:
            return tuple(_read(db, _of(instrument)))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def outside(
    start_ns: int, end_ns: int, ranges: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """What of the span from `start_ns` up to `end_ns` lies in none of `ranges` (by start)."""
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


def _within(absence: Absence, start_ns: int, end_ns: int) -> bool:
    return start_ns <= absence.start_ns and absence.end_ns <= end_ns


def _read(db: sa.Connection, where: sa.ColumnElement[bool]) -> list[Absence]:
    table = candle_absences.c
    columns = sa.select(table.start_ns, table.end_ns, table.asked_ns)
    return [Absence(*row) for row in db.execute(columns.where(where).order_by(table.start_ns))]
