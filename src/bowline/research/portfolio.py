"""A backtest of several runs that share one wallet: one engine, one stream of facts.

It must hold no rule of trading: who may enter, and with how much, the engine decides. What it adds
is the order of things, which must not depend on anything but the runs and their candles:

1. Runs on the same candles are told of them together, by one fact.
2. Facts are merged by time; at one moment, funding comes before closes, and closes in the order in
   which the first run on those candles stands.
3. Each run's orders fill at its own costs. What happens is noted for each run by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge

import numpy as np
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.facts import PlayedCandle, closed_candles, with_funding
from bowline.core.model.event import FundingFixed, Run
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.intent import Signal
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Fills
from bowline.core.model.values import RunId, Timeframe
from bowline.core.report import Collected, RunRecord
from bowline.core.signals.frame import Opinion, SignalFrame
from bowline.core.sim import Opinions, Simulation


class Member(Struct, frozen=True):
    """A run and what it is told, as `backtest` takes them. Its id is its own in the portfolio."""

    run: Run
    opinion: Opinion
    candles: CandleFrame
    minutes: CandleFrame | None = None
    funding: tuple[FundingFixed, ...] = ()


Key = tuple[InstrumentId, Timeframe]


def backtest_portfolio(members: Sequence[Member]) -> tuple[RunRecord, ...]:
    """Run all `members`, whose policies share a wallet, and hand back what happened to each.

    Raises BadInput if two of them would have to be told different things of the same candles.
    """
    collected = Collected()
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
            m.run, m.candles.slice(_first(m), len(m.candles)), frame.conflicting_signals
        )
        for m, frame in zip(members, frames, strict=True)
    )


def _opinions(
    group: Sequence[Member], members: Sequence[Member], frames: Sequence[SignalFrame]
) -> Opinions:
    """The fresh opinions of all runs of a group, by the candle on which they are."""
    found: dict[int, tuple[tuple[RunId, Signal], ...]] = {}
    for member, frame in zip(members, frames, strict=True):
        if member not in group:
            continue
        for at in np.flatnonzero(frame.edge).tolist():
            open_ns = int(member.candles.open_ns[at])
            found[open_ns] = (*found.get(open_ns, ()), (member.run.id, frame.signal(at)))
    return found


def _refuse_other_mark(told: FundingFixed, again: FundingFixed) -> None:
    """Runs on other candles of an instrument are told of the same funding once."""
    if told != again:
        raise BadInput(
            f"the runs on {told.instrument.symbol} mark the same funding at {told.mark} and "
            f"{again.mark}",
            hint="give them the same source of candles: stored ones are marked by the minute",
        )


def _candles_of(member: Member) -> Key:
    return member.run.instrument.id, member.run.timeframe


def _moment(fact: PlayedCandle | FundingFixed) -> tuple[int, bool]:
    """Funding of a moment comes before the closes of it."""
    return fact.seen_ns, isinstance(fact, PlayedCandle)


def _groups(members: Sequence[Member]) -> list[list[Member]]:
    """The members on the same candles, in the order of the first of each."""
    groups: dict[Key, list[Member]] = {}
    for member in members:
        groups.setdefault(_candles_of(member), []).append(member)
    return list(groups.values())


def _facts(group: Sequence[Member]) -> Iterator[PlayedCandle | FundingFixed]:
    """What the members of a group are told: the same, or it cannot be told by one fact."""
    decided = [m.candles.slice(_first(m), len(m.candles)) for m in group]
    inside = {m.run.policy.fills: m for m in group if m.run.policy.fills is not Fills.CLOSE}
    if len(inside) > 1 or any(d.content_hash() != decided[0].content_hash() for d in decided):
        name = group[0].run.instrument.key
        raise BadInput(
            f"runs on {group[0].run.timeframe.value} candles of {name} differ in their candles or "
            "in how they look inside them",
            hint="give them one span and source, and one of fills: intrabar and fills: minutes",
        )
    fills, teller = next(iter(inside.items()), (Fills.CLOSE, group[0]))
    paying = next((m for m in group if m.run.policy.funding), group[0])
    candles = closed_candles(decided[0], fills, teller.minutes)
    return with_funding(candles, paying.funding, group[0].run.start_ns)


def _first(member: Member) -> int:
    return int(member.candles.open_ns.searchsorted(member.run.start_ns))
