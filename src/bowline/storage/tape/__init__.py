"""The tape: recorded trades and quotes as Parquet, partitioned by date and symbol.

TapeTick files are joined and deleted by whole days; recorded ticks are never changed.
"""

from bowline.storage.tape.rows import TapeDay, TapeKind, TapeTick, day_of
from bowline.storage.tape.tape import Tape, TapeCoverage
from bowline.storage.tape.writer import TapeWriter

__all__ = ["Tape", "TapeCoverage", "TapeDay", "TapeKind", "TapeTick", "TapeWriter", "day_of"]
