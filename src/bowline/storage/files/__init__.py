"""Files of candles: read, told apart, judged. Nothing is stored here."""

from bowline.storage.files.checked import BadRow, CheckedFile, check_file, read_candle_file
from bowline.storage.files.hints import NAMED_ROLES, NO_HINTS, FileHints
from bowline.storage.files.load import load_file
from bowline.storage.files.table import CandleFile
from bowline.storage.files.write import write_candle_file

__all__ = [
    "NAMED_ROLES",
    "NO_HINTS",
    "BadRow",
    "CandleFile",
    "CheckedFile",
    "FileHints",
    "check_file",
    "load_file",
    "read_candle_file",
    "write_candle_file",
]
