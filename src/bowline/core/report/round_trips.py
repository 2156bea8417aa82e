"""Executions become round trips, and round trips become totals. Exact until a ratio is computed.

An open position is never a round trip and must not be counted as one.

1. Fold `apply_fill` over the executions, one position per instrument.
2. Every fill that brings a position to flat, or through it, completes a round trip.
3. Totals are sums over round trips: they do not depend on their order.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import TypeVar

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.market import FloatColumn
from bowline.core.model.position import Position, RoundTrip, apply_fill
from bowline.core.model.values import HUNDRED, ZERO
from bowline.core.report.record import Execution, FundingPayment
from bowline.core.rounding import ROUNDING, has_spread

#: A return that is zero at eight decimals of a fraction is a draw: an amount divided and multiplied
#: again rarely returns to the last digit.
DRAW_RETURN_PCT = Decimal("0.0000005")

#: more digits than any sum of 28-digit amounts
_EXACT_DIGITS = 100


K = TypeVar("K", bound=Hashable)


class Tally(Struct, frozen=True):
    """Totals of closed round trips.

    Money is net, in quote currency; percent is of the entry notional. None is an undefined figure:
    an average of nothing, a ratio to zero.
    """

    count: int
    wins: int
    losses: int
    draws: int
    pnl_quote: Decimal
    fees_quote: Decimal
    win_rate_pct: float | None
    best_pct: float | None
    worst_pct: float | None
    avg_pct: float | None
    max_duration_ns: int | None
    avg_duration_ns: int | None
    avg_win_duration_ns: int | None
    avg_loss_duration_ns: int | None
    expectancy_quote: Decimal | None
    profit_factor: float | None
    sqn: float | None


def fold_executions(
    executions: Sequence[Execution],
    funding: Sequence[FundingPayment] = (),
) -> tuple[tuple[RoundTrip, ...], tuple[Position, ...]]:
    """The round trips in the order in which they closed, and the positions still open.

    `funding` (of one instrument) goes to the current position. ValueError if the executions are not
    in order of time.
    """
    if any(a.fill.event_ns > b.fill.event_ns for a, b in pairwise(executions)):
        raise ValueError("executions must be in the order in which they happened")
    positions: dict[InstrumentId, Position | None] = {}
    trips: list[RoundTrip] = []
    paid = deque(funding)
    for execution in executions:
        key = execution.fill.instrument
        while paid and paid[0].seen_ns <= execution.fill.event_ns:
            positions[key] = _after_funding(positions.get(key), paid.popleft())
        positions[key], trip = apply_fill(positions.get(key), execution.fill, execution.reason)
        if trip is not None:
            trips.append(trip)
    held = [position for position in positions.values() if position is not None]
    for each in paid:
        held[:1] = [_after_funding(position, each) for position in held[:1]]
    return tuple(trips), tuple(held)


def _after_funding(position: Position | None, paid: FundingPayment) -> Position:
    if position is None:
        raise ValueError(f"funding at {paid.seen_ns} without a position")
    return replace(position, funding=position.funding + paid.amount)


def exact_sum(values: Iterable[Decimal]) -> Decimal:
    """The sum, rounded once at the end, so that it does not depend on the order."""
    with localcontext(prec=_EXACT_DIGITS):
        total = sum(values, ZERO)
    return +total


def tally_by(trips: Sequence[RoundTrip], key: Callable[[RoundTrip], K]) -> dict[K, Tally]:
    """The round trips of each kind added up as `tally` adds up all of them."""
    kinds: dict[K, list[RoundTrip]] = {}
    for trip in trips:
        kinds.setdefault(key(trip), []).append(trip)
    return {kind: tally(found) for kind, found in kinds.items()}


def tally(trips: Sequence[RoundTrip]) -> Tally:
    """The totals of round trips, of one instrument or of many.

    A win has a return above zero, a loss below, a draw neither (see `DRAW_RETURN_PCT`). Expectancy
    = mean net profit. Profit factor = net profit of the round trips that gained / net loss of those
    that lost. SQN = sqrt(n) * mean(profit) / sample deviation(profit) (Van Tharp). Deviations and
    losses that are rounding relative to the money paid in count as zero, so no ratio is made of
    them.
    """
    exact = [t.return_pct for t in trips]
    wins = [t for t, pct in zip(trips, exact, strict=True) if pct >= DRAW_RETURN_PCT]
    losses = [t for t, pct in zip(trips, exact, strict=True) if pct <= -DRAW_RETURN_PCT]
    returns = np.array([float(pct) for pct in exact])
    durations = [_duration_ns(t) for t in trips]
    pnls = [t.pnl for t in trips]
    pnl = exact_sum(pnls)
    paid_in = max((float(t.entry_price * t.quantity) for t in trips), default=0.0)
    count = len(trips)
    return Tally(
        count=count,
        wins=len(wins),
        losses=len(losses),
        draws=count - len(wins) - len(losses),
        pnl_quote=pnl,
        fees_quote=exact_sum(t.fees for t in trips),
        win_rate_pct=float(HUNDRED * len(wins) / count) if count else None,
        best_pct=float(returns.max()) if count else None,
        worst_pct=float(returns.min()) if count else None,
        avg_pct=math.fsum(returns) / count if count else None,
        max_duration_ns=max(durations, default=None),
        avg_duration_ns=_mean_ns(durations),
        avg_win_duration_ns=_mean_ns([_duration_ns(t) for t in wins]),
        avg_loss_duration_ns=_mean_ns([_duration_ns(t) for t in losses]),
        expectancy_quote=pnl / count if count else None,
        profit_factor=_profit_factor(pnls, paid_in),
        sqn=_sqn(np.array([float(each) for each in pnls]), paid_in),
    )


def _duration_ns(trip: RoundTrip) -> int:
    return trip.closed_ns - trip.opened_ns


def _mean_ns(durations: Sequence[int]) -> int | None:
    return round(Decimal(sum(durations)) / len(durations)) if durations else None


def _profit_factor(pnls: Sequence[Decimal], paid_in: float) -> float | None:
    gained = exact_sum(pnl for pnl in pnls if pnl > ZERO)
    lost = -exact_sum(pnl for pnl in pnls if pnl < ZERO)
    return float(gained / lost) if float(lost) > ROUNDING * paid_in else None


def _sqn(pnls: FloatColumn, paid_in: float) -> float | None:
    if len(pnls) < 2:  # noqa: PLR2004
        return None
    mean = math.fsum(pnls) / len(pnls)
    deviation = math.sqrt(math.fsum((pnls - mean) ** 2) / (len(pnls) - 1))
    return math.sqrt(len(pnls)) * mean / deviation if has_spread(deviation, mean, paid_in) else None
