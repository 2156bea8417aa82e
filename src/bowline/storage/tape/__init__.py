"""The tape: recorded trades and quotes as Parquet, partitioned by date and symbol.

What was recorded is joined and pruned by whole days, and never changed.
"""

from bowline.storage.tape.rows import Recorded, TapeDay, TapeKind, day_of
from bowline.storage.tape.tape import Tape, TapeCoverage
from bowline.storage.tape.writer import TapeWriter

__all__ = ["Recorded", "Tape", "TapeCoverage", "TapeDay", "TapeKind", "TapeWriter", "day_of"]
