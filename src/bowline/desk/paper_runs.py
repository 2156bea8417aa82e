"""A paper run around its loop: the request, the run that it belongs to, how it ended.

1. Equal options are an equal request: an unfinished run of it is resumed, else a new one begins.
2. Its journal is opened first: the process that holds it carries out the run.
3. Running, then stopped or failed; `finished` in its metadata says whether it saw its last candle.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from bowline.core.completeness import Completeness
from bowline.core.errors import BowlineError, Damaged, NotFound, Unreachable
from bowline.core.model.instrument import market_by_id
from bowline.core.model.run import RunState
from bowline.core.signals import WARMUP_RULE, SpecDefaults
from bowline.desk.completeness import GapRule
from bowline.desk.journal import journal_path
from bowline.desk.journal_end import KnownEnd, kept_end, note_end, refuse_cut
from bowline.desk.paper import PaperResult, ReplayResult, replay, run_paper
from bowline.desk.report import completeness_lines
from bowline.desk.runs import FINISHED, mark_running, mark_stopped, take_up
from bowline.desk.setup import RunOptions, Setup
from bowline.runtime import Feed
from bowline.storage.journal import Journal
from bowline.storage.tables import RunRequest, StoredRun, Tables

KIND = "paper-replay"

_log = logging.getLogger(__name__)


class PaperRunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The request of a paper run, enough to set it up again."""

    strategy_id: str
    market: str
    symbol: str
    timeframe: str
    anchor_ns: int
    from_ns: int
    to_ns: int
    cash: str
    tape_hash: str
    #: stored under its first name
    defaults: SpecDefaults = msgspec.field(name="unsaid")

    def options(self) -> RunOptions:
        """The options that give the same set-up with the saved strategy."""
        return RunOptions(
            market=self.market,
            symbol=self.symbol,
            timeframe=self.timeframe,
            anchor_ns=self.anchor_ns,
            from_ns=self.from_ns,
            to_ns=self.to_ns,
            cash=self.cash,
            # the run was refused when it was asked for, or its gaps were allowed
            gaps=GapRule(allow=True),
            defaults=self.defaults,
        )


class PaperRun(msgspec.Struct, frozen=True):
    """A paper run after it was at work."""

    run_id: int
    journal: Path
    taken_up: bool
    result: PaperResult
    completeness: Completeness | None


def request_of(setup: Setup) -> RunRequest:
    """The request that `setup` answers, as the tables keep it."""
    run, costs = setup.run, setup.run.policy.costs
    asked = PaperRunRequest(
        strategy_id=run.strategy_id,
        market=market_by_id(run.instrument.id.market_id).name,
        symbol=run.instrument.id.symbol,
        timeframe=run.timeframe.value,
        anchor_ns=run.anchor_ns,
        from_ns=run.start_ns,
        to_ns=int(setup.candles.close_ns[-1]),
        cash=str(run.initial_cash),
        tape_hash=run.tape_hash,
        # settled: other settings later make another request, and a replay needs none
        defaults=SpecDefaults(costs.fee_pct, costs.slippage_pct, run.policy.limits),
    )
    text = msgspec.json.encode(asked, order="sorted")
    return RunRequest(
        kind=KIND,
        strategy_id=run.strategy_id,
        instrument=run.instrument.id,
        timeframe=run.timeframe,
        initial_cash=run.initial_cash,
        request=text.decode(),
        request_hash=hashlib.sha256(text).hexdigest(),
        metadata={
            "warmup_rule": WARMUP_RULE,
            "warmup_wanted": setup.opinion.warmup,
            "warmup_candles": setup.warmup_candles,
            "candles": len(setup.candles) - setup.warmup_candles,
            "tape_hash": run.tape_hash,
            **_missing(setup.completeness),
        },
    )


def _missing(found: Completeness | None) -> dict[str, Any]:
    """What is kept of how complete the candles were: no part of what was asked."""
    if found is None:
        return {}
    return {
        "missing_candles": "; ".join(completeness_lines(found)),
        "gaps_allowed": found.allowed,
    }


def request_in(stored: StoredRun) -> PaperRunRequest:
    """What a stored run was asked; NotFound if it is no paper run."""
    if stored.kind != KIND:
        raise NotFound(f"run {stored.id} is a {stored.kind} run, not a paper run")
    return msgspec.json.decode(stored.request, type=PaperRunRequest)


def work(
    setup: Setup,
    tables: Tables,
    home: Path,
    open_journal: Callable[[Path], Journal],
    feed: Feed,
    progress: Callable[[int], None],
    *,
    fresh: bool = False,
) -> PaperRun:
    """Take up or begin the run of `setup` and work on it until it ends or is interrupted."""
    run = take_up(tables, request_of(setup), time.time_ns(), fresh=fresh)
    path = journal_path(home, run.id)
    with closing(open_journal(path)) as journal:
        refuse_cut(run.id, kept_end(run), journal)
        taken_up = journal.last_seq > 0
        begun, begun_at = "resumed" if taken_up else "started", time.monotonic()
        mark_running(tables, run.id, begun, time.time_ns())
        _log.info("run %s", begun, extra={"run": run.id, "seq": journal.last_seq})
        try:
            result = run_paper(setup, journal, feed, progress, _noting(tables, run.id))
        except BowlineError as error:
            _log.error("run failed: %s", error.message, extra={"run": run.id})
            _mark_failed(tables, run.id, error)
            raise
    ended = "the last candle" if result.finished else "interrupted"
    try:
        # in this order: until both are stored, the same command resumes the run
        mark_stopped(tables, run.id, ended, time.time_ns())
        tables.add_metadata(run.id, {FINISHED: result.finished}, time.time_ns())
    except Unreachable as error:
        raise Unreachable(
            f"run {run.id} ended ({ended}), but its state could not be stored: {error.message}",
            hint=f"{error.hint}; the journal {path} is complete: "
            "repeat the command to store the state",
        ) from error
    _log.info("run stopped: %s", ended, extra=_counts(run.id, result, time.monotonic() - begun_at))
    return PaperRun(run.id, path, taken_up, result, setup.completeness)


def _noting(tables: Tables, run_id: int) -> Callable[[KnownEnd], None]:
    """Keeps how far the journal has come; tables that are busy or full hold up no run."""

    def note(end: KnownEnd) -> None:
        try:
            note_end(tables, run_id, end, time.time_ns())
        except Unreachable as error:
            _log.warning("the end of the journal could not be stored: %s", error.message)

    return note


def _mark_failed(tables: Tables, run_id: int, why: BowlineError) -> None:
    """What ended the run is what a person has to hear, also where it cannot be noted."""
    try:
        tables.change_state(run_id, RunState.FAILED, why.message, time.time_ns())
    except Unreachable as error:
        why.problems = (*why.problems, f"the state could not be stored either: {error.message}")


def _counts(run_id: int, result: PaperResult, seconds: float) -> dict[str, object]:
    record = result.record
    return {
        "run": run_id,
        "entries": result.entries,
        "candles": len(record.candles),
        "fills": len(record.executions),
        "refused": sum(record.refusals.values()),
        "differences": len(result.differences),
        "seconds": round(seconds, 3),
    }


def replay_run(setup: Setup, journal: Journal, stored: StoredRun) -> ReplayResult:
    """Decide a stored run's journal once more; Damaged if its candles or decisions are others."""
    if setup.run.tape_hash != request_in(stored).tape_hash:
        raise Damaged(
            f"the stored candles differ from those of run {stored.id}",
            hint="candles were changed or added since: a replay needs exactly the same ones",
        )
    return replay(setup, journal)
