"""Logs: one line an event on stderr; JSON for machines, text on a terminal, secrets in neither.

The rooms below log through `logging.getLogger(__name__)`, an event in plain words and what names
their work as fields: `extra={"run": 7, "seq": 3}`. What is bound with `structlog.contextvars`
(a correlation id) joins every line. They must never configure anything: a face does that once,
here, through `wire`, and until then nothing below a warning is written.

The life of a line:
1. The bound fields, the level and the time (UTC) are added; lines of other libraries join here.
2. An exception becomes text without its local variables: they may hold anything.
3. Fields whose names speak of secrets are masked, however deep they lie.
4. Every known secret in it, in every spelling, is masked, and the line is written out.

No line that cannot be written ends or slows the work: a log file that takes no more is said once on
stderr, with what is lost, and is tried again with each line.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import TextIO
from urllib.parse import quote, quote_plus

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

MASK = "***"
#: a shorter secret would mask half of every line
SHORTEST_SECRET = 4
FILE_BYTES = 10_000_000
FILES_KEPT = 5

_LIBRARIES = {"debug": "info", "info": "warning"}
_SECRET_NAME = re.compile(
    r"secret|passw|passphrase|token|totp|credential|authorization|cookie|dsn"
    r"|(api|private|access|signing)_?key",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+(?=@)")


class Redactor:
    """Masks known secrets in text, in the spellings in which they travel."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {form for text in secrets for form in _spellings(text)}
        # the longest first, so that a secret inside another leaves no rest
        ordered = sorted(filter(_long_enough, spellings), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def clean(self, text: str) -> str:
        """`text` without any known secret, and without the password of any URL."""
        known = self._known.sub(MASK, text) if self._known else text
        return _URL_PASSWORD.sub(rf"\g<1>{MASK}", known)

    def clean_all(self, value: object) -> object:
        """The same for every text in plain lists and mappings, names of fields included."""
        match value:
            case str():
                return self.clean(value)
            case list():
                return [self.clean_all(each) for each in value]
            case dict():
                return {self.clean(key): self.clean_all(each) for key, each in value.items()}
        return value


def _long_enough(text: str) -> bool:
    return len(text) >= SHORTEST_SECRET


def _spellings(text: str) -> set[str]:
    if not _long_enough(text):
        return set()
    content = text.encode()
    plain = {text, quote(text), quote(text, safe=""), quote_plus(text), content.hex()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        plain.add(encode(content).decode().rstrip("="))
    quoted = {spelling for form in plain for spelling in (json.dumps(form), repr(form))}
    escaped = {json.dumps(form, ensure_ascii=False) for form in plain}
    return plain | {form[1:-1] for form in quoted | escaped}


def configure_logs(
    level: str = "info",
    form: str = "auto",
    secrets: Iterable[str] = (),
    *,
    stream: TextIO | None = None,
    file: Path | None = None,
) -> None:
    """Send every log line of this process to `stream` (default: stderr).

    Other libraries are a level quieter: what they find worth an info is our debug.

    `form` is json, text, or auto: text if the stream is a terminal. `file` gets the same lines as
    JSON, rotated at 10 MB, five kept. An exception nobody caught is a line as well.
    """
    redactor = Redactor(secrets)
    out = sys.stderr if stream is None else stream
    as_text = form == "text" or (form == "auto" and out.isatty())
    handlers: list[logging.Handler] = [logging.StreamHandler(out)]
    colors = out.isatty() and "NO_COLOR" not in os.environ
    line = _as_text(redactor, colors=colors) if as_text else _as_json(redactor)
    handlers[0].setFormatter(_formatter(line))
    if file is not None:
        handlers.append(kept := _LogFile(file, handlers[0]))
        kept.setFormatter(_formatter(_as_json(redactor)))
        kept.open()
    _attach(handlers, level)
    structlog.configure(
        processors=[*_SHARED, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    sys.excepthook = _log_crash


class _LogFile(RotatingFileHandler):
    """The log file. A line that it does not take is lost, which is said once, by `other`."""

    def __init__(self, file: Path, other: logging.Handler) -> None:
        super().__init__(file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, delay=True)
        self._other = other
        self._broken = False
        self._lost = 0

    def open(self) -> None:
        """Open it before the first line, so that whoever starts a long work sees what is wrong."""
        try:
            self.stream = self._open()
        except OSError as error:
            self._give_up(error)

    def emit(self, record: logging.LogRecord) -> None:
        lost = self._lost
        if self._broken:
            self._end_torn_line()
        super().emit(record)
        if self._broken and self._lost == lost:
            self._broken, self._lost = False, 0
            self._say(f"the log file {self.baseFilename} takes lines again; lines lost: {lost:,}")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - of the library
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self._lost += 1
            self._give_up(error)
        else:
            super().handleError(record)

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def _give_up(self, error: OSError) -> None:
        # what could not be written would be tried again when the file is closed, and fail again
        broken, self.stream = self.stream, None
        with suppress(OSError):
            if broken is not None:
                broken.close()
        if not self._broken:
            self._broken = True
            self._say(
                f"the log file {self.baseFilename} takes no lines "
                f"({error.strerror or error}): they are lost until it does, the work goes on"
            )

    def _end_torn_line(self) -> None:
        """What was half-written when the file took no more is a line of its own."""
        with suppress(OSError), Path(self.baseFilename).open("r+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    file.write(b"\n")

    def _say(self, text: str) -> None:
        self._other.handle(logging.LogRecord(__name__, logging.WARNING, "", 0, text, None, None))


def write_crash(error: BaseException, secrets: Iterable[str], stream: TextIO) -> None:
    """The traceback of a bug, for a command that ends with it, without any known secret."""
    lines = traceback.format_exception(error)
    stream.write(Redactor(secrets).clean("".join(lines)))


def _attach(handlers: list[logging.Handler], level: str) -> None:
    root = logging.getLogger()
    for handler in [old for old in root.handlers if isinstance(old.formatter, ProcessorFormatter)]:
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(_LIBRARIES.get(level, level).upper())
    logging.getLogger("bowline").setLevel(level.upper())
    logging.captureWarnings(capture=True)


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger().critical("crashed", exc_info=(kind, error, trace))


# --- the steps of a line ----------------------------------------------------------------------


#: what every record has; the rest was given as `extra`. A formatter before us may add the last two.
_RECORD_FIELDS = {*vars(logging.makeLogRecord({})), "message", "asctime"}


def _add_fields(_logger: object, _method: str, event: EventDict) -> EventDict:
    record = vars(event["_record"]) if "_record" in event else {}
    return {**event, **{key: record[key] for key in record.keys() - _RECORD_FIELDS}}


def _mask_named(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {key: _masked(key, value) for key, value in event.items()}


def _masked(key: object, value: object) -> object:
    if isinstance(key, str) and not key.startswith("_") and _SECRET_NAME.search(key):
        return MASK
    if isinstance(value, dict):
        return {inner: _masked(inner, each) for inner, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(None, each) for each in value]
    return repr(bytes(value)) if isinstance(value, bytes | bytearray) else value


_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    _add_fields,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.processors.format_exc_info,
    _mask_named,
]


def _as_json(redactor: Redactor) -> Processor:
    """Every string is masked before it is escaped: a mask must not cut an escape in two."""

    def render(_logger: object, _method: str, event: EventDict) -> str:
        first = {key: event.pop(key) for key in ("time", "level", "event") if key in event}
        plain = msgspec.json.decode(_encoded({**first, **event}))
        return msgspec.json.encode(redactor.clean_all(plain)).decode()

    return render


def _encoded(fields: EventDict) -> bytes:
    try:
        return msgspec.json.encode(fields, enc_hook=repr)
    except (TypeError, ValueError, OverflowError, RecursionError):
        # a line is never lost: what JSON cannot hold is written the way Python shows it
        return json.dumps({str(key): repr(value) for key, value in fields.items()}).encode()


def _as_text(redactor: Redactor, *, colors: bool) -> Processor:
    console = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, timestamp_key="time"
    )

    def render(logger: object, method: str, event: EventDict) -> str:
        return redactor.clean(str(console(logger, method, event)))

    return render


def _formatter(renderer: Processor) -> ProcessorFormatter:
    return ProcessorFormatter(
        processors=[ProcessorFormatter.remove_processors_meta, renderer],
        foreign_pre_chain=_SHARED,
    )
