"""Files of candles, judged: their timeframe, the rows that are no candles, and the candles.

A file with a bad row is refused as a whole unless its reader asked for the good rows alone. The
timeframe is told by the steps between the rows, never by the file's name:

1. It is the shortest known timeframe that at least a tenth of the steps have.
2. A file whose steps change to another length for many rows is two files in one, and refused.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np

from bowline.core.errors import BadInput
from bowline.core.model.instrument import FILE_MARKET, InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame, IntColumn
from bowline.core.model.values import SECOND_NS, Timeframe
from bowline.core.quality import Fault, Inspection, inspect, inspect_beside, to_frame
from bowline.core.rollup import rollup
from bowline.storage.files.load import load_file
from bowline.storage.files.table import CandleFile

#: so many steps in a row of another length are no gaps
_MANY_STEPS = 20
_SHOWN = 5


class BadRow(msgspec.Struct, frozen=True):
    """A row that is no candle; `row` counts from 1 within `file`, headings not counted."""

    file: str
    row: int
    open_ns: int
    reason: str
    values: str

    @property
    def text(self) -> str:
        """One line for a person."""
        return f"{self.file}, row {self.row}: {self.reason} ({self.values})"


class CheckedFile(msgspec.Struct, frozen=True):
    """A file, its timeframe, and the verdict on each of its rows."""

    file: CandleFile
    timeframe: Timeframe
    inspection: Inspection

    @property
    def reasons(self) -> dict[str, int]:
        """How many rows are bad, by reason."""
        counts = Counter(self.inspection.faults[self.inspection.bad].tolist())
        return {Fault(fault).reason: count for fault, count in counts.most_common()}

    def frame(self, instrument: InstrumentId) -> CandleFrame:
        """The good rows."""
        return to_frame(self.file.columns, self.inspection, instrument, self.timeframe)

    def beside(self, stored: CandleFrame) -> CheckedFile:
        """The verdict beside what is stored of the same instrument and timeframe."""
        inspection = inspect_beside(self.file.columns, self.inspection, stored)
        return msgspec.structs.replace(self, inspection=inspection)

    def bad_rows(self, limit: int) -> tuple[BadRow, ...]:
        """The first bad rows, in the file's order."""
        return tuple(self._bad_row(int(index)) for index in self.inspection.bad[:limit])

    def refusal(self) -> BadInput:
        """The error that says which rows are bad and why."""
        first, *others = self.bad_rows(_SHOWN)
        total, bad = len(self.file.columns), len(self.inspection.bad)
        counts = tuple(
            f"{count} of {total} rows: {reason}" for reason, count in self.reasons.items()
        )
        return BadInput(
            f"{first.text}; {bad} of {total} rows are no candles, so nothing of the file is taken",
            problems=(*counts, *(row.text for row in others)),
            hint=_remedy(self.reasons),
        )

    def _bad_row(self, index: int) -> BadRow:
        columns = self.file.columns
        name, row = self.file.place(index)
        values = " ".join(f"{key}={getattr(columns, key)[index]:.10g}" for key in VALUE_COLUMNS)
        open_ns = int(columns.open_ns[index])
        stamp = np.datetime64(open_ns, "ns").astype("datetime64[s]")
        reason = Fault(self.inspection.faults[index]).reason
        return BadRow(name, row, open_ns, reason, f"{stamp}Z {values}")


def check_file(
    file: CandleFile,
    now_ns: int,
    *,
    timeframe: Timeframe | None = None,
    allow_jumps: bool = False,
) -> CheckedFile:
    """Judge every row. `timeframe` is for a file that cannot tell its own (a single candle)."""
    found = _timeframe(file, timeframe)
    return CheckedFile(file, found, inspect(file.columns, found, now_ns, allow_jumps=allow_jumps))


def read_candle_file(
    path: Path,
    timeframe: Timeframe | None = None,
    *,
    allow_jumps: bool = False,
    now_ns: int | None = None,
) -> CandleFrame:
    """The candles of a file, rolled up to `timeframe` if they are shorter. Nothing is stored.

    The instrument is the file's stem under FILE_MARKET. BadInput if the file is not all candles,
    or its candles are longer than `timeframe` or do not divide it.
    """
    file = load_file(path)
    now_ns = time.time_ns() if now_ns is None else now_ns
    checked = check_file(file, now_ns, timeframe=timeframe, allow_jumps=allow_jumps)
    if len(checked.inspection.bad):
        raise checked.refusal()
    frame = checked.frame(InstrumentId(FILE_MARKET.market_id, path.stem))
    if timeframe is None:
        return frame
    if timeframe.ns % frame.timeframe.ns:
        raise BadInput(
            f"{path}: holds {frame.timeframe.value} candles,"
            f" from which no {timeframe.value} candles can be made",
            hint=f"Ask for {frame.timeframe.value} or a whole multiple of it.",
        )
    rolled = rollup(frame, timeframe)
    if not len(rolled):
        raise BadInput(
            f"{path}: {len(frame)} candles of {frame.timeframe.value} fill no"
            f" {timeframe.value} candle"
        )
    return rolled


def _timeframe(file: CandleFile, fallback: Timeframe | None) -> Timeframe:
    stamps = file.columns.open_ns
    if not bool((np.diff(stamps) > 0).all()):
        stamps = np.unique(stamps)
    steps = np.diff(stamps)
    if not len(steps):
        if fallback is None:
            raise BadInput(f"{file.name}: a single candle does not say its timeframe")
        return fallback
    for timeframe in Timeframe:
        if np.count_nonzero(steps == timeframe.ns) * 10 >= len(steps):
            _refuse_change_of_step(file, stamps, timeframe)
            return timeframe
    usual = int(np.median(steps)) // SECOND_NS
    raise BadInput(
        f"{file.name}, row 2: candles are usually {usual} s apart, which is no known timeframe",
        hint=f"Known timeframes: {', '.join(timeframe.value for timeframe in Timeframe)}.",
    )


def _refuse_change_of_step(file: CandleFile, stamps: IntColumn, timeframe: Timeframe) -> None:
    steps = np.diff(stamps)
    if bool((steps == timeframe.ns).all()):
        return
    other = (steps[1:] == steps[:-1]) & (steps[1:] != timeframe.ns)
    seen = np.concatenate(([0], np.cumsum(other)))
    runs = np.flatnonzero(seen[_MANY_STEPS:] - seen[:-_MANY_STEPS] == _MANY_STEPS)
    if not len(runs):
        return
    start = int(runs[0])
    name, row = file.place(int(np.argmax(file.columns.open_ns == stamps[start])))
    raise BadInput(
        f"{name}, row {row}: from here on candles are {steps[start] // SECOND_NS} s apart,"
        f" elsewhere {timeframe.ns // SECOND_NS} s",
        hint="Split the file: all candles of one file must have one timeframe.",
    )


def _remedy(reasons: dict[str, int]) -> str:
    if set(reasons) <= {Fault.JUMP.reason, Fault.STRANGER.reason}:
        return (
            "Is it the right market and symbol? If it really moved so (a flash crash),"
            " repeat with --allow-jumps."
        )
    return "Mend the file, or import its good rows alone: bowline candles import --keep-good."
