"""Logging that is set up with the first record: most commands never write one.

The set-up takes a quarter of a second, which `bowline strategy list` need not spend. A command that
logs calls `wire.start_logs()` before anything else.
"""

from __future__ import annotations

import logging


class _FirstRecord(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from bowline import wire

        logging.getLogger().removeHandler(self)
        wire.start_logs()
        logging.getLogger(record.name).handle(record)


def start_logs_on_first_record() -> None:
    """Set up logging when the first record of any library arrives, and write that record."""
    logging.getLogger().addHandler(_FirstRecord())
