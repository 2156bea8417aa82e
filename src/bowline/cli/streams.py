"""Standard output and standard error, and what happens when they cannot be written to.

A lost line of progress must never end the work, and lost results must never go unreported.

- Standard output carries results: a failed write is OutputLost, one message on stderr and an exit
  code other than 0. After that nothing is written to it.
- Standard error carries progress and log lines: what cannot be written is dropped.
- A closed descriptor is reopened on /dev/null, so that no file opened later gets its number and
  receives what is printed.
- Characters that the encoding of a terminal lacks are printed as escapes.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

from bowline.core.errors import BadInput

#: the exit code that a shell reports for a closed pipe: 128 + SIGPIPE, signal(7)
EXIT_NO_READER = 141

_STANDARD = 3


class OutputLost(BadInput):
    """Standard output that cannot be written to."""

    def __init__(self, error: OSError) -> None:
        self.exit_code = EXIT_NO_READER if error.errno == errno.EPIPE else 1
        cause = {
            errno.EPIPE: "standard output has no reader any more",
            errno.EBADF: "standard output is closed",
        }.get(error.errno or 0, f"standard output cannot be written to: {error.strerror}")
        super().__init__(f"{cause}; the rest of the output is lost, the work done so far is kept")


class _StandardFile(io.RawIOBase):
    """The descriptor of a standard stream; None was closed when the command began."""

    def __init__(self, descriptor: int | None, *, required: bool) -> None:
        self._file = None if descriptor is None else io.FileIO(descriptor, "w", closefd=False)
        self.required = required

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._file is not None and self._file.isatty()

    def fileno(self) -> int:
        if self._file is None:
            raise io.UnsupportedOperation("the stream is closed")
        return self._file.fileno()

    def write(self, content: object) -> int | None:
        try:
            return self._written(content)
        except OSError as error:
            if self.required:
                raise OutputLost(error) from error
            return len(memoryview(content))  # type: ignore[arg-type]

    def _written(self, content: object) -> int | None:
        if self._file is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._file.write(content)  # type: ignore[arg-type]


class StandardStreams:
    """The standard streams of this process while a command runs."""

    def __init__(self) -> None:
        _hold_closed()
        if sys.stdin is None:
            sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
        self._raw: list[_StandardFile] = []
        # a test that reads what is printed has put a stream of its own there
        if sys.stdout is sys.__stdout__:
            sys.stdout = self._made(sys.__stdout__, required=True)
        if sys.stderr is sys.__stderr__:
            sys.stderr = self._made(sys.__stderr__, required=False)

    def let_go(self) -> None:
        """Ignore failed writes from here on: the process ends."""
        for raw in self._raw:
            raw.required = False
        for stream in (sys.stdout, sys.stderr):
            stream.flush()

    def _made(self, before: TextIO | None, *, required: bool) -> TextIO:
        raw = _StandardFile(None if before is None else before.fileno(), required=required)
        self._raw.append(raw)
        return io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding="utf-8" if before is None else before.encoding,
            errors="backslashreplace",
            line_buffering=not required or raw.isatty(),
        )


def _hold_closed() -> None:
    while (held := os.open(os.devnull, os.O_RDWR)) < _STANDARD:
        os.set_inheritable(held, True)
    os.close(held)
