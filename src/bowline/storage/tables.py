"""Strategies, runs and the lives of runs. One code path for SQLite and PostgreSQL.

It reads no clock: whoever writes says when. A strategy is never changed once it is saved, and a
run's state changes only along `RUN_TRANSITIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from bowline.core.errors import BadInput, Conflict, NotFound
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.run import RUN_TRANSITIONS, RunState
from bowline.core.model.values import RunId, StrategyId, Timeframe
from bowline.storage.schema import DIGITS, PLACES, can_keep, run_events, runs, strategies

#: what a run was made with, beyond its columns: plain JSON values
Metadata = Mapping[str, Any]


class StrategyRecord(msgspec.Struct, frozen=True):
    """A saved strategy; `id` is the content hash of `spec`, which is canonical JSON."""

    id: StrategyId
    name: str
    owner: str
    spec: str
    created_ns: int


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to do. `request` is JSON; runs of equal `request_hash` do the same."""

    kind: str
    strategy_id: StrategyId
    instrument: InstrumentId
    timeframe: Timeframe
    initial_cash: Decimal
    request: str
    request_hash: str
    metadata: dict[str, Any] = {}


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stands in the tables."""

    id: RunId
    kind: str
    strategy_id: StrategyId
    instrument: InstrumentId
    timeframe: Timeframe
    initial_cash: Decimal
    state: RunState
    request: str
    request_hash: str
    metadata: dict[str, Any]
    created_ns: int
    updated_ns: int


class RunEvent(msgspec.Struct, frozen=True):
    """One change of a run's state; `from_state` is None for its first."""

    seq: int
    from_state: RunState | None
    to_state: RunState
    reason: str
    at_ns: int


class Tables:
    """The store. `engine` is migrated already; its option `writes` marks a writing transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._reads = engine
        self._writes = engine.execution_options(writes=True)

    def save_strategy(
        self, strategy_id: StrategyId, name: str, owner: str, spec_json: str, now_ns: int
    ) -> StrategyRecord:
        """Save it, or hand back what is saved under this id; Conflict if another has the name."""
        with self._writes.begin() as db:
            if saved := _strategy(db, strategies.c.id == strategy_id):
                return saved
            if other := _strategy(db, strategies.c.name == name):
                raise Conflict(
                    f"strategy {name} exists already with other content ({other.id[:12]})",
                    hint="strategies never change: save the new one under another name",
                )
            record = StrategyRecord(strategy_id, name, owner, spec_json, now_ns)
            db.execute(strategies.insert().values(msgspec.structs.asdict(record)))
            return record

    def get_strategy(self, word: str) -> StrategyRecord:
        """The strategy with this id, this name, or the only one whose id begins so."""
        begins = strategies.c.id.startswith(word.lower(), autoescape=True)
        with self._reads.connect() as db:
            for exact in (strategies.c.id == word, strategies.c.name == word):
                if found := _strategy(db, exact):
                    return found
            names = strategies.c.name
            few = sa.select(strategies).where(begins).order_by(names).limit(_NAMED_AT_MOST)
            near = [_strategy_of(row) for row in db.execute(few)] if word else []
        if not near:
            raise NotFound(
                f"there is no strategy {word!r}", hint="`bowline strategy list` shows what there is"
            )
        if len(near) > 1:
            raise BadInput(
                f"{word!r} begins the id of more than one strategy",
                problems=tuple(f"{record.id[:12]} {record.name}" for record in near),
                hint="give more of the id, or the name",
            )
        return near[0]

    def list_strategies(self) -> list[StrategyRecord]:
        """All of them, oldest first."""
        with self._reads.connect() as db:
            query = sa.select(strategies).order_by(strategies.c.created_ns, strategies.c.name)
            return [_strategy_of(row) for row in db.execute(query)]

    def delete_strategy(self, strategy_id: StrategyId) -> None:
        """Forget it; Conflict if a run was made of it, which must stay explainable."""
        with self._writes.begin() as db:
            used = sa.select(sa.func.count()).where(runs.c.strategy_id == strategy_id)
            if count := db.scalar(used):
                raise Conflict(f"strategy {strategy_id[:12]} has {count} runs: it must stay")
            if not db.execute(strategies.delete().where(strategies.c.id == strategy_id)).rowcount:
                raise NotFound(f"there is no strategy {strategy_id!r}")

    def new_run(self, asked: RunRequest, now_ns: int) -> StoredRun:
        """Make a run in state starting.

        NotFound if its strategy is not saved, BadInput if its cash has too many digits to be kept.
        """
        if not can_keep(asked.initial_cash):
            raise BadInput(
                f"{asked.initial_cash} cannot be kept exactly",
                hint=f"an amount has {DIGITS} digits at most, {PLACES} of them after the point",
            )
        with self._writes.begin() as db:
            if _strategy(db, strategies.c.id == asked.strategy_id) is None:
                raise NotFound(
                    f"there is no strategy {asked.strategy_id!r}", hint="save the strategy first"
                )
            row = {
                "kind": asked.kind,
                "strategy_id": asked.strategy_id,
                "market_id": asked.instrument.market_id,
                "symbol": asked.instrument.symbol,
                "timeframe": asked.timeframe.value,
                "initial_cash": asked.initial_cash,
                "state": RunState.STARTING.value,
                "request": asked.request,
                "request_hash": asked.request_hash,
                "metadata": asked.metadata,
                "created_ns": now_ns,
                "updated_ns": now_ns,
            }
            run_id = db.execute(runs.insert().values(row).returning(runs.c.id)).scalar_one()
            _add_event(db, run_id, RunEvent(1, None, RunState.STARTING, "created", now_ns))
            return _run(db, run_id)

    def get_run(self, run_id: int) -> StoredRun:
        """The run with this id; NotFound if there is none."""
        with self._reads.connect() as db:
            return _run(db, run_id)

    def list_runs(self, kind: str | None = None, limit: int | None = None) -> list[StoredRun]:
        """Runs, newest first."""
        query = sa.select(runs).order_by(runs.c.id.desc()).limit(limit)
        if kind is not None:
            query = query.where(runs.c.kind == kind)
        return self._runs(query)

    def latest_of(self, request_hash: str) -> StoredRun | None:
        """The newest run with this request."""
        query = sa.select(runs).where(runs.c.request_hash == request_hash)
        return next(iter(self._runs(query.order_by(runs.c.id.desc()).limit(1))), None)

    def runs_of(self, strategy_id: StrategyId) -> list[StoredRun]:
        """Every run of a strategy, newest first."""
        query = sa.select(runs).where(runs.c.strategy_id == strategy_id)
        return self._runs(query.order_by(runs.c.id.desc()))

    def delete_run(self, run_id: int) -> None:
        """Delete a run with its history; NotFound if there is none. Its number is never reused.

        Whoever calls holds its journal, so that nobody is at work on it.
        """
        with self._writes.begin() as db:
            _run(db, run_id)
            db.execute(run_events.delete().where(run_events.c.run_id == run_id))
            db.execute(runs.delete().where(runs.c.id == run_id))

    def change_state(self, run_id: int, to: RunState, reason: str, now_ns: int) -> StoredRun:
        """Move a run along its table; Conflict names what is allowed from where it is."""
        with self._writes.begin() as db:
            now = _run(db, run_id)
            if to not in RUN_TRANSITIONS[now.state]:
                allowed = " or ".join(state.value for state in RUN_TRANSITIONS[now.state])
                raise Conflict(
                    f"run {run_id} is {now.state.value}: it cannot become {to.value}",
                    hint=f"from {now.state.value} a run can become {allowed}",
                )
            last = sa.select(sa.func.max(run_events.c.seq)).where(run_events.c.run_id == run_id)
            # the old state is asked for again: elsewhere than in SQLite others write meanwhile
            moved = runs.update().where(runs.c.id == run_id, runs.c.state == now.state.value)
            if not db.execute(moved.values(state=to.value, updated_ns=now_ns)).rowcount:
                raise Conflict(f"run {run_id} changed its state meanwhile", hint="try again")
            event = RunEvent(db.execute(last).scalar_one() + 1, now.state, to, reason, now_ns)
            _add_event(db, run_id, event)
            return _run(db, run_id)

    def add_metadata(self, run_id: int, more: Metadata, now_ns: int) -> StoredRun:
        """Note more about a run; a name that is there already gets the new value."""
        with self._writes.begin() as db:
            merged = {**_run(db, run_id).metadata, **more}
            changed = runs.update().where(runs.c.id == run_id)
            db.execute(changed.values(metadata=merged, updated_ns=now_ns))
            return _run(db, run_id)

    def run_events(self, run_id: int) -> list[RunEvent]:
        """A run's changes of state, oldest first; NotFound if there is no such run."""
        query = sa.select(run_events).where(run_events.c.run_id == run_id)
        with self._reads.connect() as db:
            _run(db, run_id)
            return [_event_of(row) for row in db.execute(query.order_by(run_events.c.seq))]

    def close(self) -> None:
        """Let go of the database."""
        self._reads.dispose()

    def _runs(self, query: sa.Select[Any]) -> list[StoredRun]:
        with self._reads.connect() as db:
            return [_run_of(row) for row in db.execute(query)]


#: strategies listed when an id prefix is not unique
_NAMED_AT_MOST = 5


def _strategy(db: sa.Connection, where: sa.ColumnElement[bool]) -> StrategyRecord | None:
    row = db.execute(sa.select(strategies).where(where)).first()
    return None if row is None else _strategy_of(row)


def _values(row: sa.Row[Any]) -> dict[str, Any]:
    # a column's name is a str of SQLAlchemy's own kind, which msgspec does not take for one
    return {str(name): value for name, value in row._asdict().items()}


def _strategy_of(row: sa.Row[Any]) -> StrategyRecord:
    return msgspec.convert(_values(row), StrategyRecord)


def _run(db: sa.Connection, run_id: int) -> StoredRun:
    row = db.execute(sa.select(runs).where(runs.c.id == run_id)).first()
    if row is None:
        raise NotFound(f"there is no run {run_id}", hint="`bowline runs list` shows what there is")
    return _run_of(row)


def _run_of(row: sa.Row[Any]) -> StoredRun:
    values = _values(row)
    values["instrument"] = InstrumentId(MarketId(values.pop("market_id")), values.pop("symbol"))
    return msgspec.convert(values, StoredRun)


def _event_of(row: sa.Row[Any]) -> RunEvent:
    return msgspec.convert(_values(row), RunEvent)


def _add_event(db: sa.Connection, run_id: int, event: RunEvent) -> None:
    row: dict[str, object] = {
        "run_id": run_id,
        "seq": event.seq,
        "from_state": event.from_state.value if event.from_state else None,
        "to_state": event.to_state.value,
        "reason": event.reason,
        "at_ns": event.at_ns,
    }
    db.execute(run_events.insert().values(row))
