"""Files of candles, judged: their timeframe, the rows that are no candles, and the candles.

A file with a bad row is refused as a whole unless its reader asked for the good rows alone. The
timeframe is told by the steps between the rows, never by the file's name.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from bowline.core.completeness import measure
from bowline.core.errors import BadInput
from bowline.core.frames import source_of
from bowline.core.model.instrument import FILE_MARKET, InstrumentId
from bowline.core.model.market import VALUE_COLUMNS, CandleFrame
from bowline.core.model.values import Timeframe
from bowline.core.quality import Inspection, RowDefect, inspect, inspect_against, to_frame
from bowline.core.rollup import rollup
from bowline.storage.files.hints import NO_HINTS, FileHints
from bowline.storage.files.load import load_file
from bowline.storage.files.table import CandleFile
from bowline.storage.files.timeframes import find_timeframe

_SHOWN = 5

_log = logging.getLogger(__name__)


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
        counts = Counter(self.inspection.defects[self.inspection.bad].tolist())
        return {RowDefect(fault).reason: count for fault, count in counts.most_common()}

    def frame(self, instrument: InstrumentId) -> CandleFrame:
        """The good rows."""
        return to_frame(self.file.columns, self.inspection, instrument, self.timeframe)

    def marked_frame(self, instrument: InstrumentId) -> CandleFrame:
        """The same, with the candles that the file says were filled flat."""
        frame, marks, good = self.frame(instrument), self.file.filled, self.inspection.good
        own = source_of(frame)
        if marks is None or own is None:
            return frame
        filled_ns = self.file.columns.open_ns[good][marks[good]]
        own = msgspec.structs.replace(own, filled_ns=filled_ns)
        return msgspec.structs.replace(frame, source=own)

    def beside(self, stored: CandleFrame) -> CheckedFile:
        """The verdict beside what is stored of the same instrument and timeframe."""
        inspection = inspect_against(self.file.columns, self.inspection, stored)
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
            hint=_remedy(self.reasons, any_good=bad < total),
        )

    def _bad_row(self, index: int) -> BadRow:
        columns = self.file.columns
        name, row = self.file.place(index)
        values = " ".join(f"{key}={getattr(columns, key)[index]:.10g}" for key in VALUE_COLUMNS)
        open_ns = int(columns.open_ns[index])
        stamp = np.datetime64(open_ns, "ns").astype("datetime64[s]")
        reason = RowDefect(self.inspection.defects[index]).reason
        return BadRow(name, row, open_ns, reason, f"{stamp}Z {values}")


def check_file(
    file: CandleFile,
    now_ns: int,
    *,
    timeframe: Timeframe | None = None,
    wanted: Timeframe | None = None,
    allow_jumps: bool = False,
) -> CheckedFile:
    """Judge every row. `timeframe` is what the person says the file holds.

    `wanted` is taken where its rows leave that open.
    """
    found = find_timeframe(file, timeframe, fallback=wanted)
    return CheckedFile(file, found, inspect(file.columns, found, now_ns, allow_jumps=allow_jumps))


def read_candle_file(
    path: Path,
    timeframe: Timeframe | None = None,
    *,
    allow_jumps: bool = False,
    now_ns: int | None = None,
    hints: FileHints = NO_HINTS,
) -> CandleFrame:
    """The candles of a file, rolled up to `timeframe` if they are shorter. Nothing is stored.

    The instrument is the file's stem under FILE_MARKET. BadInput if the file is not all candles,
    or its candles are longer than `timeframe` or do not divide it.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    with _followable():
        file = load_file(path, hints)
        checked = check_file(file, now_ns, wanted=timeframe, allow_jumps=allow_jumps)
    left_out = any("left out" in note for note in file.notes)
    say = _log.warning if left_out else _log.info
    say("candles read from a file", extra={"file": file.name, "taken_as": _taken_as(file)})
    if len(checked.inspection.bad):
        raise checked.refusal()
    frame = checked.marked_frame(InstrumentId(FILE_MARKET.market_id, path.stem))
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
        missing = measure(frame).missing
        raise BadInput(
            f"{path}: {len(frame):,} candles of {frame.timeframe.value} fill no {timeframe.value}"
            f" candle: {missing:,} are missing between them",
            hint=f"One is made of {timeframe.ns // frame.timeframe.ns:,} in a row from a whole"
            f" multiple of {timeframe.value} (UTC): ask for a shorter timeframe.",
        )
    return rolled


#: what only an import can be told of a file
_OF_IMPORT = ("--column", "--decimal", "--utc-offset", "--contract-size")


@contextmanager
def _followable() -> Iterator[None]:
    """Where a file is used as it is, a hint says where its options are."""
    try:
        yield
    except BadInput as error:
        if not any(option in error.hint for option in _OF_IMPORT):
            raise
        hint = f"{error.hint} That is an option of `bowline candles import`, for 1m candles; a file"
        raise BadInput(
            error.message,
            hint=f"{hint} used as it is needs the columns time, open, high, low, close, volume.",
            problems=error.problems,
        ) from error


def _taken_as(file: CandleFile) -> str:
    return "; ".join((file.format, *file.notes))


def _remedy(reasons: dict[str, int], *, any_good: bool) -> str:
    jumps = {RowDefect.JUMP.reason, RowDefect.FAR_FROM_STORED.reason}
    if set(reasons) <= jumps:
        return (
            "Is it the right market and symbol? If it really moved so (a flash crash),"
            " repeat with --allow-jumps."
        )
    if set(reasons) == {RowDefect.MISALIGNED.reason}:
        return "Is its clock a local one? Say how many hours it is ahead of UTC: --utc-offset +3."
    parts = ["Mend the file" if any_good else "Mend the file: not one of its rows is a candle"]
    if any_good:
        parts.append(", or import its good rows alone: bowline candles import --keep-good")
    if jumps & set(reasons):
        parts.append(". If the price really moved so, add --allow-jumps")
    if RowDefect.NOT_CLOSED.reason in reasons:
        parts.append(". Is the clock of this machine right?")
        return "".join(parts)
    return "".join((*parts, "."))
