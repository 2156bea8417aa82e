"""Logs for commands that may never write a line: set up when a library writes the first one.

Setting them up costs a quarter of a second, which `bowline strategy list` need not pay. A command
that logs on its own account calls `wire.start_logs()` before anything else.
"""

from __future__ import annotations

import logging


class _FirstLine(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from bowline import wire

        logging.getLogger().removeHandler(self)
        wire.start_logs()
        logging.getLogger(record.name).handle(record)


def start_logs_at_the_first_line() -> None:
    """From here on, the first line of any library sets up the logs and is written by them."""
    logging.getLogger().addHandler(_FirstLine())
