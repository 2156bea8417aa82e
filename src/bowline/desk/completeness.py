"""The missing candles of a result: refused beyond the bounds, reported otherwise.

Every command that reads candles passes through `accept`, and says what it found by the words of
`desk.report.completeness`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.completeness import LONGEST_GAP_NS, MAX_LOST_PCT, Completeness, measure
from bowline.core.errors import BadInput
from bowline.core.frames import source_of
from bowline.core.model.market import CandleFrame, SourceCandles
from bowline.desk.report import completeness_lines, duration_text, share_text, time_text
from bowline.storage.candles import Candles


class GapRule(Struct, frozen=True):
    """How much of its candles a result may have lost; `allow` lifts the bound."""

    allow: bool = False
    max_lost_pct: Decimal = MAX_LOST_PCT


#: where a person and the settings say nothing
USUAL_GAPS = GapRule()


def accept(
    frame: CandleFrame,
    from_ns: int | None,
    to_ns: int | None,
    rule: GapRule,
    *,
    warmup: int = 0,
) -> Completeness:
    """How complete the candles are over the span asked for; None is as far as they go.

    `warmup` is how many of the candles before `from_ns` were asked for, whatever there were.

    BadInput beyond the bounds unless the rule allows it, and if not one candle is left. A frame
    that never had candles is left to whoever says that there are none.
    """
    found = measure(frame, from_ns, to_ns)
    source = source_of(frame)
    if found.within(rule.max_lost_pct) or source is None:
        return found
    if rule.allow and found.lost < found.candles:
        return replace(found, allowed=True)
    raise BadInput(
        _refusal(found, frame.instrument.symbol, rule),
        problems=(*completeness_lines(found), *_ends(found, source), *_warmup(frame, from_ns)),
        hint="import or download what is missing (of stored candles `bowline candles gaps` lists "
        "it, and `bowline candles fill` fills minutes without a trade), "
        f"{_other_span(found, from_ns, warmup)}, or {_last_resort(found)}",
    )


def accept_stored(
    store: Candles,
    frame: CandleFrame,
    from_ns: int | None,
    to_ns: int | None,
    rule: GapRule,
    *,
    warmup: int = 0,
) -> Completeness:
    """The same of stored candles, with how many of their minutes were filled flat."""
    found, source = accept(frame, from_ns, to_ns, rule, warmup=warmup), source_of(frame)
    if source is None or source.filled_ns is not None:
        return found
    filled = store.filled(frame.instrument, found.from_ns, found.to_ns)
    return replace(found, filled=len(filled))


def _warmup(frame: CandleFrame, from_ns: int | None) -> Iterator[str]:
    """That the span measured begins before --from, for who looks for the hole after it."""
    count = 0 if from_ns is None else int(frame.open_ns.searchsorted(from_ns))
    if count:
        begins = time_text(int(frame.open_ns[0]))
        yield f"the {count:,} candles from {begins} to --from are the warm-up, and are measured too"


def _other_span(found: Completeness, from_ns: int | None, warmup: int) -> str:
    """Which span would do: a later one, where only the warm-up reaches across the last gap."""
    if from_ns is None or not warmup or not found.gaps or found.gaps[-1].from_ns >= from_ns:
        return "choose --from and --to without it"
    first_ns = found.gaps[-1].to_ns + warmup * found.timeframe.ns
    return (
        f"choose --from {time_text(first_ns).replace(' ', 'T')} or later, for a warm-up of "
        f"{warmup:,} candles after the gap"
    )


def _last_resort(found: Completeness) -> str:
    if found.lost == found.candles:
        return "use a shorter timeframe: not one candle is left"
    return "continue regardless with --allow-gaps"


def _refusal(found: Completeness, symbol: str, rule: GapRule) -> str:
    name = f"{found.timeframe.value} candles of {symbol}"
    if found.lost_pct > rule.max_lost_pct:
        return (
            f"too many candles are missing: {found.lost:,} of {found.candles:,} {name} are lost "
            f"({share_text(found.lost_pct)} %), and at most {rule.max_lost_pct} % may be"
        )
    longest = max(gap.length_ns for gap in found.gaps)
    return (
        f"the {name} have a gap of {duration_text(longest)}, and at most "
        f"{duration_text(LONGEST_GAP_NS)} may be"
    )


def _ends(found: Completeness, source: SourceCandles) -> Iterator[str]:
    """Where the candles begin and end, if more was asked for."""
    if found.from_ns < source.from_ns:
        yield f"the candles begin at {time_text(source.from_ns)}, after --from"
    if source.to_ns < found.to_ns:
        yield f"the candles end at {time_text(source.to_ns)}, before --to"
