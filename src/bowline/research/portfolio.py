"""A backtest of several runs that share one wallet: one engine, one stream of facts.

It must contain no trading rule: the engine decides who may enter, and with how much. It adds the
order of the facts, which depends on nothing but the runs and their candles:

1. Runs on the same candles get them together, as one fact.
2. Facts are merged by time. At one moment funding comes before closes, and closes come in the order
   of the first run on those candles.
3. Each run's orders fill at its own costs, and each run has its own record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge

import numpy as np
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.facts import SimulatedCandle, closed_candles, with_funding
from bowline.core.model.event import FundingFixed, Run
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.intent import Signal
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Fills
from bowline.core.model.values import RunId, Timeframe
from bowline.core.report import RunRecord, RunRecorder
from bowline.core.signals.frame import Opinion, SignalFrame
from bowline.core.sim import Opinions, Simulation


class Member(Struct, frozen=True):
    """A run with its inputs, as `backtest` takes them. Its id is unique in the portfolio."""

    run: Run
    opinion: Opinion
    candles: CandleFrame
    minutes: CandleFrame | None = None
    funding: tuple[FundingFixed, ...] = ()


Key = tuple[InstrumentId, Timeframe]


def backtest_portfolio(members: Sequence[Member]) -> tuple[RunRecord, ...]:
    """Run all `members`, whose policies share a wallet; the record of each, in their order.

    BadInput if two of them need different facts about the same candles.
    """
    collected = RunRecorder()
    played = Simulation([member.run for member in members], collected.note)
    played.begin()
    frames = [member.opinion.signals(member.candles) for member in members]
    groups = _groups(members)
    opinions = {_candles_of(g[0]): _opinions(g, members, frames) for g in groups}
    due: dict[InstrumentId, FundingFixed] = {}
    for fact in merge(*(_facts(group) for group in groups), key=_moment):
        if isinstance(fact, FundingFixed):
            last = due.get(fact.instrument)
            if last is not None and last.seen_ns == fact.seen_ns:
                _refuse_other_mark(last, fact)
                continue
            due[fact.instrument] = fact
            played.take(fact, {})
        else:
            played.take(fact, opinions[fact.fact.instrument, fact.fact.timeframe])
    return tuple(
        collected.finish(
            m.run,
            m.candles.slice(_first(m), len(m.candles)),
            frame.conflicting_signals,
            max(0, frame.first - _first(m)),
        )
        for m, frame in zip(members, frames, strict=True)
    )


def _opinions(
    group: Sequence[Member], members: Sequence[Member], frames: Sequence[SignalFrame]
) -> Opinions:
    """The fresh signals of all runs of a group, by the open time of their candle."""
    found: dict[int, tuple[tuple[RunId, Signal], ...]] = {}
    for member, frame in zip(members, frames, strict=True):
        if member not in group:
            continue
        for at in np.flatnonzero(frame.edge).tolist():
            open_ns = int(member.candles.open_ns[at])
            found[open_ns] = (*found.get(open_ns, ()), (member.run.id, frame.signal(at)))
    return found


def _refuse_other_mark(told: FundingFixed, again: FundingFixed) -> None:
    """BadInput if runs on other candles of an instrument mark the same funding differently."""
    if told != again:
        raise BadInput(
            f"the runs on {told.instrument.symbol} mark the same funding at {told.mark} and "
            f"{again.mark}",
            hint="give them the same source of candles (stored candles are marked by the minute)",
        )


def _candles_of(member: Member) -> Key:
    return member.run.instrument.id, member.run.timeframe


def _moment(fact: SimulatedCandle | FundingFixed) -> tuple[int, bool]:
    """The sort key of a fact: time, then funding before closes."""
    return fact.seen_ns, isinstance(fact, SimulatedCandle)


def _groups(members: Sequence[Member]) -> list[list[Member]]:
    """The members by candles, in the order of the first member of each group."""
    groups: dict[Key, list[Member]] = {}
    for member in members:
        groups.setdefault(_candles_of(member), []).append(member)
    return list(groups.values())


def _facts(group: Sequence[Member]) -> Iterator[SimulatedCandle | FundingFixed]:
    """The facts for all members of a group; BadInput if they need different ones."""
    decided = [m.candles.slice(_first(m), len(m.candles)) for m in group]
    inside = {m.run.policy.fills: m for m in group if m.run.policy.fills is not Fills.CLOSE}
    if len(inside) > 1 or any(d.content_hash() != decided[0].content_hash() for d in decided):
        name = group[0].run.instrument.key
        raise BadInput(
            f"runs on {group[0].run.timeframe.value} candles of {name} differ in their candles or "
            "in how they fill within them",
            hint="give them the same span and source, and the same `fills`",
        )
    fills, teller = next(iter(inside.items()), (Fills.CLOSE, group[0]))
    paying = next((m for m in group if m.run.policy.funding), group[0])
    candles = closed_candles(decided[0], fills, teller.minutes)
    return with_funding(candles, paying.funding, group[0].run.start_ns)


def _first(member: Member) -> int:
    return int(member.candles.open_ns.searchsorted(member.run.start_ns))
