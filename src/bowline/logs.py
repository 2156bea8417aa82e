"""Logs: one line an event on stderr; JSON for machines, text on a terminal, secrets in neither.

The rooms below log through `structlog.get_logger()` and bind what names their work with
`structlog.contextvars.bound_contextvars(correlation_id=..., run=..., seq=...)`. They must never
configure anything; a face does that once, here, through `wire`.

The life of a line:
1. The bound fields, the level and the time (UTC) are added; lines of other libraries join here.
2. An exception becomes text without its local variables: they may hold anything.
3. Fields whose names speak of secrets are masked, however deep they lie.
4. The line is written out, and every known secret in it, in every spelling, is masked.
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
    """Send every log line of this process, other libraries' too, to `stream` (default: stderr).

    `form` is json, text, or auto: text if the stream is a terminal. `file` gets the same lines as
    JSON, rotated at 10 MB, five kept. An exception nobody caught is a line as well.
    """
    redactor = Redactor(secrets)
    out = sys.stderr if stream is None else stream
    as_text = form == "text" or (form == "auto" and out.isatty())
    handlers: list[logging.Handler] = [logging.StreamHandler(out)]
    colors = out.isatty() and "NO_COLOR" not in os.environ
    handlers[0].setFormatter(_formatter(_text(colors=colors) if as_text else _JSON, redactor))
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        rotating = RotatingFileHandler(file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT)
        rotating.setFormatter(_formatter(_JSON, redactor))
        handlers.append(rotating)
    _attach(handlers, level)
    structlog.configure(
        processors=[*_SHARED, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    sys.excepthook = _log_crash


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
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger().critical("crashed", exc_info=(kind, error, trace))


# --- the steps of a line ----------------------------------------------------------------------


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
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.processors.format_exc_info,
    _mask_named,
]


def _json_line(_logger: object, _method: str, event: EventDict) -> str:
    first = {key: event.pop(key) for key in ("time", "level", "event") if key in event}
    fields = {**first, **event}
    try:
        return msgspec.json.encode(fields, enc_hook=repr).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        # a line is never lost: what JSON cannot hold is written the way Python shows it
        return json.dumps({str(key): repr(value) for key, value in fields.items()})


def _text(*, colors: bool) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, timestamp_key="time"
    )


_JSON: Processor = _json_line


def _formatter(renderer: Processor, redactor: Redactor) -> ProcessorFormatter:
    def rendered(logger: object, method: str, event: EventDict) -> str:
        return redactor.clean(str(renderer(logger, method, event)))

    return ProcessorFormatter(
        processors=[ProcessorFormatter.remove_processors_meta, rendered],
        foreign_pre_chain=_SHARED,
    )
