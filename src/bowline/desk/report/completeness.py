"""What was missing of the candles a result rests on, in words and for machines.

One wording for every face: the terminal, JSON and the pages. Nothing here may compute a figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from html import escape
from typing import Any

from msgspec.structs import asdict

from bowline.core.completeness import Completeness, GapEffects, MissingSpan
from bowline.desk.report.text import duration_text, iso_text, time_text

#: gaps and round trips that are named one by one; the document has all
_NAMED = 3
#: a share is said with so many decimals, and none that is there as nothing
_DIGITS, _LEAST_PCT = 2, Decimal("0.01")


def completeness_lines(found: Completeness) -> tuple[str, ...]:
    """What a person is told, a sentence a line: one if nothing is missing."""
    source = found.source.value
    if not found.missing:
        counts = f"none of {found.expected:,} {source} candles is missing"
        return (counts, *_unused(found), *_filled(found))
    longest = found.longest
    assert longest is not None, "what is missing is missing somewhere"
    share = share_text(found.missing_pct)
    counts = (
        f"{found.missing:,} of {found.expected:,} {source} candles {_are(found.missing)} missing "
        f"({share} %)"
    )
    lines = [f"{counts}, the longest hole {_hole(longest)}"]
    if found.timeframe is not found.source:
        lines.append(
            f"{found.lost:,} of {found.candles:,} {found.timeframe.value} candles "
            f"{_are(found.lost)} lost ({share_text(found.lost_pct)} %): one with a part missing "
            "is not made"
        )
    lines += _unused(found)
    if found.allowed:
        lines.append("this exceeds the bounds and was allowed (--allow-gaps)")
    return (*lines, *_filled(found), *_gap_lines(found))


def completeness_document(found: Completeness) -> dict[str, Any]:
    """The same for machines: counts, shares in percent, moments in UTC."""
    return {
        "timeframe": found.timeframe.value,
        "source_timeframe": found.source.value,
        "from": iso_text(found.from_ns),
        "to": iso_text(found.to_ns),
        "source_candles": found.expected,
        "missing": found.missing,
        "missing_pct": float(found.missing_pct),
        "longest_hole": None if found.longest is None else _hole_document(found.longest),
        "candles": found.candles,
        "lost": found.lost,
        "lost_pct": float(found.lost_pct),
        "gaps": [_hole_document(gap) for gap in found.gaps],
        "gaps_allowed": found.allowed,
        "filled": found.filled,
        "unused_before": found.unused_before,
        "unused_after": found.unused_after,
        "across_gaps": None if found.across is None else asdict(found.across),
        "in_words": completeness_lines(found),
    }


def completeness_facts(found: Completeness | None) -> tuple[tuple[str, str], ...]:
    """The lines as a definition beside what else a figure depends on; none if nobody measured."""
    return () if found is None else (("Missing candles", "; ".join(completeness_lines(found))),)


def is_worth_a_warning(found: Completeness) -> bool:
    """Whether a reader must see it before the figures."""
    return bool(found.missing)


def completeness_warning(found: Completeness | None) -> str:
    """The lines as a panel of a page; empty if nothing is missing."""
    if found is None or not is_worth_a_warning(found):
        return ""
    return warning_panel(completeness_lines(found))


def warning_panel(lines: Iterable[str]) -> str:
    """Sentences that a reader of a page must see before the figures."""
    words = escape("; ".join(lines))
    return f'<p class="panel warning" role="note">{words[:1].upper()}{words[1:]}.</p>'


def _gap_lines(found: Completeness) -> Iterator[str]:
    """The gaps, and what of the run spans them."""
    for gap in found.gaps[:_NAMED]:
        yield (
            f"no {found.timeframe.value} candle for {_hole(gap)}: indicators treat the candles "
            "before and after it as adjacent"
        )
    if (more := len(found.gaps) - _NAMED) > 0:
        yield f"and {more:,} more such gaps"
    if found.across is not None:
        yield from _across_lines(found.across)


def _across_lines(across: GapEffects) -> Iterator[str]:
    if across.warmup:
        yield "the warm-up spans a gap"
    if across.round_trips:
        count = len(across.round_trips)
        named = ", ".join(str(number) for number in across.round_trips[:_NAMED])
        more = " …" if count > _NAMED else ""
        trips = "1 round trip was" if count == 1 else f"{count:,} round trips were"
        yield f"{trips} held through a gap (number {named}{more}): no stop was checked in it"
    if across.open_position:
        yield "the open position was held through a gap: no stop was checked in it"
    if across.days:
        yield (
            f"{across.days:,} days in gaps count in every duration, and as days without a return "
            "in Sharpe, Sortino and Calmar"
        )
    if across.fundings:
        yield f"{across.fundings:,} fundings in gaps were marked at the last close before"


def _unused(found: Completeness) -> tuple[str, ...]:
    if not found.unused:
        return ()
    ends = ((found.unused_before, "before the first"), (found.unused_after, "after the last"))
    where = ", ".join(f"{count:,} {words}" for count, words in ends if count)
    candles = "candle" if found.unused == 1 else "candles"
    counts = f"{found.unused:,} {found.source.value} {candles} at the ends {_are(found.unused)}"
    return (f"{counts} in no whole {found.timeframe.value} candle and not used: {where}",)


def _filled(found: Completeness) -> tuple[str, ...]:
    if not found.filled:
        return ()
    return (f"{found.filled:,} minutes without a trade are filled flat, with volume 0",)


def _hole(hole: MissingSpan) -> str:
    spans = f"{time_text(hole.from_ns)} to {time_text(hole.to_ns)}"
    return f"{duration_text(hole.length_ns)} ({spans})"


def _hole_document(hole: MissingSpan) -> dict[str, Any]:
    return {
        "from": iso_text(hole.from_ns),
        "to": iso_text(hole.to_ns),
        "seconds": hole.length_ns // 10**9,
        "in_words": duration_text(hole.length_ns),
    }


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def share_text(share: Decimal) -> str:
    """A share in percent: `1.42`."""
    return f"{share:.{_DIGITS}f}" if not share or share >= _LEAST_PCT else f"below {_LEAST_PCT}"
