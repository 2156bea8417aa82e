"""A backtest: the engine and the close-fill simulator over known candles.

It must contain no trading rule: the engine makes every decision. It adds the order of the facts and
the record of what happened.

1. What happens inside a candle comes first, then its close, then the runs' signals on it.
2. A run that counts neither candles nor days does nothing at a close without a fresh signal that is
   not at a level of its position: such closes are not passed to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bowline.core.engine import Engine, ExitLevels
from bowline.core.facts import SimulatedCandle, closed_candles, with_funding
from bowline.core.model.event import (
    CandleClosed,
    FundingFixed,
    Run,
)
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Fills, Limits
from bowline.core.model.values import to_decimals
from bowline.core.report import RunRecord, RunRecorder
from bowline.core.sim import Opinions, Simulation

if TYPE_CHECKING:
    from bowline.core.signals.frame import Opinion, SignalFrame

#: closes searched at once for the next that matters
_AHEAD = 4_096


def opinions_of(run: Run, frame: SignalFrame, candles: CandleFrame) -> Opinions:
    """The fresh signals of one run, by the open time of their candle."""
    found = {}
    for at in np.flatnonzero(frame.edge).tolist():
        found[int(candles.open_ns[at])] = ((run.id, frame.signal(at)),)
    return found


def backtest(
    run: Run,
    opinion: Opinion,
    candles: CandleFrame,
    minutes: CandleFrame | None = None,
    funding: Sequence[FundingFixed] | None = None,
) -> RunRecord:
    """Run `opinion` under `run.policy` over `candles` (all since `run.anchor_ns`, oldest first).

    `minutes` are the minutes of the candles, required by a run that fills by the minute. `funding`
    is what fell due, oldest first, required by a run that pays it (else ValueError).
    """
    if run.policy.funding and funding is None:
        raise ValueError("a run that pays funding needs `funding`")
    return backtest_signals(run, opinion.signals(candles), candles, minutes, funding or ())


def backtest_signals(
    run: Run,
    frame: SignalFrame,
    candles: CandleFrame,
    minutes: CandleFrame | None = None,
    funding: Sequence[FundingFixed] = (),
    *,
    every_close: bool = False,
) -> RunRecord:
    """The same for the signals of each of `candles`; `every_close` leaves no close out."""
    if len(frame) != len(candles):
        raise ValueError(f"{len(frame)} signals for {len(candles)} candles")
    first = int(candles.open_ns.searchsorted(run.start_ns))
    decided = candles.slice(first, len(candles))
    collected = RunRecorder()
    played = Simulation((run,), collected.note)
    played.begin()
    opinions = opinions_of(run, frame, candles)
    facts: Iterable[SimulatedCandle | FundingFixed]
    if may_skip_closes(run) and not funding and not every_close:
        facts = _closes_that_matter(played.engine, run, decided, frame.edge[first:])
    else:
        facts = closed_candles(decided, run.policy.fills, minutes)
        facts = with_funding(facts, funding, run.start_ns) if funding else facts
    for fact in facts:
        played.take(fact, opinions)
    return collected.finish(run, decided, frame.conflicting_signals, max(0, frame.first - first))


def may_skip_closes(run: Run) -> bool:
    """Whether no rule of the run counts candles or days, so that closes can be left out."""
    policy = run.policy
    return policy.limits == Limits() and policy.sharing is None and policy.fills is Fills.CLOSE


def _closes_that_matter(
    engine: Engine, run: Run, decided: CandleFrame, edge: np.ndarray
) -> Iterator[SimulatedCandle]:
    """The closes with a fresh signal, and those at a level of the current position."""
    edges = [*np.flatnonzero(edge).tolist(), len(decided)]
    at = 0
    while (at := _next(decided, edges, at, engine.state.runs[run.id].levels)) < len(decided):
        open_ns = int(decided.open_ns[at])
        (close,) = to_decimals([float(decided.close[at])])
        yield SimulatedCandle(
            CandleClosed(
                open_ns + run.timeframe.ns, run.instrument.id, run.timeframe, open_ns, close
            )
        )
        at += 1


def _next(decided: CandleFrame, edges: list[int], at: int, levels: ExitLevels | None) -> int:
    """The next close from `at` on at which the engine may act; the length if there is none."""
    edge = edges[bisect_left(edges, at)]
    if levels is None:
        return edge
    # slightly wider than the levels, because the engine decides in decimals
    lower, upper = float(levels.lower) * (1 + 1e-12), float(levels.upper) * (1 - 1e-12)
    for start in range(at, edge, _AHEAD):
        closes = decided.close[start : min(edge, start + _AHEAD)]
        hits = ((closes <= lower) | (closes >= upper)).nonzero()[0]
        if len(hits):
            return start + int(hits[0])
    return edge
