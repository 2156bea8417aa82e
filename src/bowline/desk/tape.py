"""What a person may do with the tape: list it, replay it, prune it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import SECOND_NS
from bowline.core.venue import TradePrinted
from bowline.desk.candles import name_of
from bowline.storage.tape import Tape, TapeCoverage, TapeDay, TapeTick


class TapeLine(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A tick as it is shown: what is of the other kind is left out."""

    kind: str
    name: str
    event_ns: int
    seen_ns: int
    price: float | None = None
    size: float | None = None
    taker: str | None = None
    bid: float | None = None
    bid_size: float | None = None
    ask: float | None = None
    ask_size: float | None = None


def list_tape(tape: Tape) -> tuple[TapeCoverage, ...]:
    """What is recorded, a line a day."""
    return tuple(tape.coverage())


def replay(
    tape: Tape,
    instrument: InstrumentId,
    start_ns: int,
    end_ns: int,
    speed: float | None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[TapeLine]:
    """Ticks in the order in which they were seen, at `speed` times their own time; None: at once.

    NotFound if there is none in that range.
    """
    before_ns = 0
    for seen_ns, tick in tape.replay(instrument, start_ns, end_ns):
        if speed is not None and before_ns:
            sleep(max(0.0, (seen_ns - before_ns) / SECOND_NS / speed))
        before_ns = seen_ns
        yield _line(tick, seen_ns)
    if not before_ns:
        raise NotFound(
            f"the tape has no ticks of {name_of(instrument)} in that range",
            hint="see what is recorded: bowline tape list",
        )


def prune(tape: Tape, keep_days: int, now_ns: int) -> list[tuple[TapeDay, int]]:
    """Delete what is older than `keep_days` full days; which days, and how many bytes each held.

    Today is never deleted. BadInput if `keep_days` is not at least 1.
    """
    if keep_days < 1:
        raise BadInput("--keep-days must be at least 1", hint="the tape of today is never deleted")
    today = datetime.fromtimestamp(now_ns / SECOND_NS, UTC).date()
    return tape.prune(oldest_kept(today, keep_days).isoformat())


def oldest_kept(today: date, keep_days: int) -> date:
    """The first day that is kept."""
    return today - timedelta(days=keep_days)


def _line(tick: TapeTick, seen_ns: int) -> TapeLine:
    name = name_of(tick.instrument)
    if isinstance(tick, TradePrinted):
        return TapeLine(
            kind="trade", name=name, event_ns=tick.event_ns, seen_ns=seen_ns,
            price=tick.price, size=tick.quantity, taker=tick.side.value,
        )  # fmt: skip
    return TapeLine(
        kind="quote", name=name, event_ns=tick.event_ns, seen_ns=seen_ns,
        bid=tick.bid, bid_size=tick.bid_size, ask=tick.ask, ask_size=tick.ask_size,
    )  # fmt: skip
