"""The parts of a run that span a gap in its candles: positions held, and days counted.

Prices in a gap are unknown: no stop was checked, no signal was computed. A figure that depends on
one must be distinguishable from one that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from bowline.core.completeness import Completeness, GapEffects, MissingSpan
from bowline.core.model.position import Position, RoundTrip
from bowline.core.model.values import DAY_NS
from bowline.core.report.record import FundingPayment


def with_gap_effects(
    completeness: Completeness,
    first_ns: int,
    trips: Sequence[RoundTrip] = (),
    positions: Sequence[Position] = (),
    funding: Sequence[FundingPayment] = (),
) -> Completeness:
    """`completeness` with the effects of its gaps on a run that decides from `first_ns` on.

    `positions` are still open at its end.
    """
    gaps = completeness.gaps
    if not gaps:
        return completeness
    decided = [gap for gap in gaps if gap.from_ns >= first_ns]
    across = GapEffects(
        warmup=len(decided) < len(gaps),
        round_trips=held_across(trips, gaps),
        open_position=any(position.opened_ns < gaps[-1].to_ns for position in positions),
        days=sum(_whole_days(gap) for gap in decided),
        fundings=sum(
            any(gap.from_ns < paid.seen_ns <= gap.to_ns for gap in gaps) for paid in funding
        ),
    )
    return replace(completeness, across=across)


def held_across(trips: Iterable[RoundTrip], gaps: Sequence[MissingSpan]) -> tuple[int, ...]:
    """The numbers, from 1, of the round trips that were held through one of the gaps."""
    return tuple(
        number
        for number, trip in enumerate(trips, start=1)
        if longest_gap_within(trip.opened_ns, trip.closed_ns, gaps)
    )


def longest_gap_within(
    opened_ns: int, closed_ns: int, gaps: Iterable[MissingSpan]
) -> MissingSpan | None:
    """The longest gap within the lifetime of a position; None if there is none."""
    held = [gap for gap in gaps if opened_ns < gap.to_ns and closed_ns > gap.from_ns]
    return max(held, key=lambda gap: gap.length_ns, default=None)


def _whole_days(gap: MissingSpan) -> int:
    """The UTC days that lie entirely within the gap."""
    return max(0, gap.to_ns // DAY_NS + -gap.from_ns // DAY_NS)
