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

from msgspec import Struct

from bowline.core.engine import Engine
from bowline.core.errors import BadInput
from bowline.core.facts import closed_candles, with_funding
from bowline.core.model.event import (
    CandleClosed,
    Command,
    Event,
    FundingFixed,
    FundingPaid,
    MarketFact,
    OrderFilled,
    PlaceOrder,
    RecordRefusal,
    Run,
    RunStarted,
    SettleFunding,
)
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Fills
from bowline.core.model.values import OrderId, RunId, Timeframe
from bowline.core.report import Collected, RunRecord
from bowline.core.signals.frame import History, Opinion
from bowline.core.sim import SimVenue, settle


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
    play = _Play(members)
    streams = [_facts(group) for group in _groups(members)]
    due: dict[InstrumentId, FundingFixed] = {}
    for fact in merge(*streams, key=_moment):
        if isinstance(fact, FundingFixed):
            last = due.get(fact.instrument)
            if last is not None and last.seen_ns == fact.seen_ns:
                _refuse_other_mark(last, fact)
                continue
            due[fact.instrument] = fact
        play.take(fact)
    return play.finish()


def _refuse_other_mark(told: FundingFixed, again: FundingFixed) -> None:
    """Runs on other candles of an instrument are told of the same funding once."""
    if told != again:
        raise BadInput(
            f"the runs on {told.instrument.symbol} mark the same funding at {told.mark} and "
            f"{again.mark}",
            hint="give them the same source of candles: stored ones are marked by the minute",
        )


class _Play:
    """One engine with all runs, a simulated venue and a collection of what happened for each."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = {member.run.id: member for member in members}
        self._histories = {of: History(m.opinion, m.candles) for of, m in self._members.items()}
        self._decided: dict[RunId, CandleFrame] = {}
        self._venues: dict[RunId, SimVenue] = {}
        self._watching: dict[Key, list[SimVenue]] = {}
        self._collected = {of: Collected() for of in self._members}
        self._run_of: dict[OrderId, RunId] = {}
        self._engine = Engine(self._histories)
        for of, member in self._members.items():
            history = self._histories[of]
            history.skip_to(member.run.start_ns)
            self._decided[of] = member.candles.slice(history.closed, len(member.candles))
            venue = SimVenue({member.run.instrument.id: member.run.policy.costs})
            self._venues[of] = venue
            self._watching.setdefault(_candles_of(member), []).append(venue)
            self._engine.step(RunStarted(member.run.start_ns, member.run, OrderId(1)))

    def take(self, fact: MarketFact) -> None:
        """One fact and everything that follows from it."""
        if isinstance(fact, CandleClosed):
            for venue in self._watching[fact.instrument, fact.timeframe]:
                venue.observe(fact)
        settle(self._engine, fact, self._record, self._execute)

    def finish(self) -> tuple[RunRecord, ...]:
        return tuple(
            self._collected[of].finish(
                member.run, self._decided[of], self._histories[of].conflicting_signals
            )
            for of, member in self._members.items()
        )

    def _record(self, payloads: Sequence[Event | Command]) -> None:
        for payload in payloads:
            if (of := self._whose(payload)) is not None:
                self._collected[of].record((payload,))

    def _whose(self, payload: Event | Command) -> RunId | None:
        """The run that this is noted for, if it is one of those things."""
        match payload:
            case PlaceOrder(order=order):
                self._run_of[order.id] = order.run_id
                return order.run_id
            case OrderFilled(fill=fill):
                return self._run_of[fill.order_id]
            case RecordRefusal(refused=refused):
                return refused.intent.run_id
            case FundingPaid() | SettleFunding():
                return payload.run_id
        return None

    def _execute(self, commands: Sequence[Command]) -> list[Event]:
        facts: list[Event] = []
        for command in commands:
            of = self._whose(command)
            if of is not None and isinstance(command, PlaceOrder | SettleFunding):
                facts += self._venues[of].execute(command)
        return facts


def _candles_of(member: Member) -> Key:
    return member.run.instrument.id, member.run.timeframe


def _moment(fact: MarketFact) -> tuple[int, bool]:
    """Funding of a moment comes before the closes of it."""
    return fact.seen_ns, isinstance(fact, CandleClosed)


def _groups(members: Sequence[Member]) -> list[list[Member]]:
    """The members on the same candles, in the order of the first of each."""
    groups: dict[Key, list[Member]] = {}
    for member in members:
        groups.setdefault(_candles_of(member), []).append(member)
    return list(groups.values())


def _facts(group: Sequence[Member]) -> Iterator[MarketFact]:
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
