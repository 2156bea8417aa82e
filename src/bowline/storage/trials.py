"""How many variants were tried on which candles: what the deflated Sharpe ratio has to count.

A sweep must be noted before anybody sees its result, and is never forgotten: who tries long enough
finds something, and only this table remembers how long. It reads no clock.

1. A sweep is its request and its rules; on equal candles it is one sweep however often it runs.
2. Sweeps are on the same data if their instrument is the same and their spans overlap: a start that
   is moved by a day makes no new market.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bowline.core.model.instrument import InstrumentId
from bowline.storage.schema import trials


class SweepTrials(msgspec.Struct, frozen=True):
    """One sweep on candles that open at `from_ns` or later and close by `to_ns`."""

    sweep: str
    data_hash: str
    instrument: InstrumentId
    from_ns: int
    to_ns: int
    variants: int


class Trials:
    """The store. `engine` is migrated already; its option `writes` marks a writing transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, made: SweepTrials, now_ns: int) -> int:
        """Note a sweep, once; how many variants other sweeps tried on the same data so far."""
        key = {"sweep": made.sweep, "data_hash": made.data_hash}
        with self._engine.execution_options(writes=True).begin() as db:
            try:
                with db.begin_nested():
                    row = key | {
                        "market_id": made.instrument.market_id,
                        "symbol": made.instrument.symbol,
                        "from_ns": made.from_ns,
                        "to_ns": made.to_ns,
                        "variants": made.variants,
                        "made_ns": now_ns,
                    }
                    db.execute(trials.insert().values(row))
            except IntegrityError:
                pass  # it is there already, perhaps only now and from another process
            same = sa.and_(*(trials.c[name] == value for name, value in key.items()))
            return _tried(db, made.instrument, made.from_ns, made.to_ns, sa.not_(same))

    def tried(self, instrument: InstrumentId, from_ns: int, to_ns: int) -> int:
        """How many variants all sweeps tried so far on candles of this span."""
        with self._engine.connect() as db:
            return _tried(db, instrument, from_ns, to_ns, sa.true())

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _tried(
    db: sa.Connection,
    instrument: InstrumentId,
    from_ns: int,
    to_ns: int,
    more: sa.ColumnElement[bool],
) -> int:
    total = sa.select(sa.func.coalesce(sa.func.sum(trials.c.variants), 0)).where(
        trials.c.market_id == instrument.market_id,
        trials.c.symbol == instrument.symbol,
        trials.c.from_ns < to_ns,
        trials.c.to_ns > from_ns,
        more,
    )
    return int(db.execute(total).scalar_one())
