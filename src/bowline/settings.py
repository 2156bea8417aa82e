"""Settings: `BOWLINE_*` from the environment, from files and from one secrets file, all checked.

A secret must never appear in a repr, a log line or an error text. A variable nobody knows, an empty
one and a number out of bounds are errors, never defaults: a typo must not change how money is used.

For the setting `BOWLINE_X`:
1. Its sources, first wins: `BOWLINE_X`, `BOWLINE_X_FILE` (a file holding the value),
   `BOWLINE_X_B64` (base64 of the value), a line `BOWLINE_X=value` in `BOWLINE_SECRETS_FILE`.
2. A secret that is given by two of them is an error: nobody can tell which one was meant.
3. Line ends after the value, as editors and `echo | base64` leave them, do not count.
4. All mistakes are reported at once, a line each.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from platformdirs import user_data_path

from bowline.core.errors import BadInput
from bowline.core.model.instrument import MARKETS
from bowline.core.model.policy import Limits
from bowline.core.model.values import ZERO

PREFIX = "BOWLINE_"
SECRETS_FILE = PREFIX + "SECRETS_FILE"
#: a value is a path, a number or a key: more is a wrong file
MAX_BYTES = 64 * 1024
_NAME = re.compile(PREFIX + "[A-Z0-9_]+")
#: read by the tests and to compare kernels, so that a shell which has it set can run Bowline too
_NOT_OURS = re.compile(PREFIX + "(KERNEL|SHARED_DATA|FUZZ|TEST_[A-Z_]+)")


class Secret:
    """A text that shows itself only when it is asked to."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text, to be handed to what needs it and to nothing that prints, logs or stores."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


#: Bounds on entries, for runs whose spec has none of its own. A day is a UTC day.
RISK_PRESETS: dict[str, Limits] = {
    "none": Limits(),
    "conservative": Limits(daily_loss_pct=Decimal(2), cooldown_candles=10),
    "balanced": Limits(daily_loss_pct=Decimal(4), cooldown_candles=5),
    "aggressive": Limits(daily_loss_pct=Decimal(8), cooldown_candles=1),
}


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that can be configured; `FIELDS` says what each may be."""

    home: Path
    candles: Secret | None = None
    database: Secret | None = None
    bus: Secret | None = None
    tape: Path | None = None
    venues_url: str = ""
    #: `bybit_key`, `bybit_url`, …: what is set of each venue, by the field's name
    of_venues: Mapping[str, Secret | str] = {}
    indicators: Path | None = None
    strategies: Path | None = None
    fee_pct: Decimal | None = None
    slippage_pct: Decimal = Decimal("0.01")
    risk_preset: str = "none"
    daily_loss_pct: Decimal | None = None
    cooldown_candles: int | None = None
    max_lost_pct: Decimal | None = None
    grid_max_variants: int = 10_000_000
    grid_max_mib: int = 2_048
    log_level: str = "info"
    log_format: str = "auto"
    log_file: Path | None = None

    def value(self, name: str) -> object:
        """What a field is set to; None if it is not set."""
        return self.of_venues.get(name) if name in OF_VENUES else getattr(self, name)

    @property
    def limits(self) -> Limits:
        """The preset, with what was set beside it."""
        preset = RISK_PRESETS[self.risk_preset]
        daily, cooldown = self.daily_loss_pct, self.cooldown_candles
        return Limits(
            daily_loss_pct=preset.daily_loss_pct if daily is None else daily,
            cooldown_candles=preset.cooldown_candles if cooldown is None else cooldown,
        )

    @property
    def secrets(self) -> frozenset[str]:
        """Every secret text that is set, and the password inside one: what no log may show."""
        set_here = [self.value(field.name) for field in FIELDS if field.secret]
        texts = {secret.reveal() for secret in set_here if isinstance(secret, Secret)}
        passwords = {urlsplit(text).password or "" for text in texts}
        return frozenset(texts | passwords | {unquote(each) for each in passwords}) - {""}


# --- what each setting may be -----------------------------------------------------------------


class Field(NamedTuple):
    """`read` makes the value of a text and raises ValueError if it is not `allowed`."""

    name: str
    read: Callable[[str], object]
    allowed: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """The name of its environment variable."""
        return PREFIX + self.name.upper()


def _percent(text: str, most: int) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(text) from None
    if not (value.is_finite() and ZERO <= value <= most):
        raise ValueError(text)
    return value


_MOST_DIGITS = 6


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise ValueError(text)
    return int(text)


def _bounded(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most))):
        raise ValueError(text)
    if not 1 <= int(text) <= most:
        raise ValueError(text)
    return int(text)


def _path(text: str) -> Path:
    if "\0" in text or not text.strip():
        raise ValueError(text)
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # ~nobody
        raise ValueError(text) from None


_STORE_SCHEMES = ("duckdb", "clickhouse", "clickhouses", "chdb")


def _store(text: str) -> Secret:
    parts = urlsplit(text)
    where = parts.hostname if parts.scheme.startswith("clickhouse") else parts.path
    if parts.scheme not in _STORE_SCHEMES or not where or parts.port == 0:
        raise ValueError(text)
    return Secret(text)


def _database(text: str) -> Secret:
    parts = urlsplit(text)
    known = parts.scheme in {"postgresql", "postgres"}
    if not (known and parts.hostname and parts.path.strip("/")) or parts.port == 0:
        raise ValueError(text)
    return Secret(f"postgresql{text[text.index(':') :]}")


def _bus(text: str) -> Secret:
    parts = urlsplit(text)
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname or parts.port == 0:
        raise ValueError(text)
    return Secret(text)


def _secret(text: str) -> Secret:
    if not text.strip() or any(each.isspace() for each in text):
        raise ValueError(text)
    return Secret(text)


def _host(text: str) -> str:
    parts = urlsplit(text)
    plain = parts.path in {"", "/"} and not (parts.query or parts.username or parts.port == 0)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        raise ValueError(text)
    return text.rstrip("/")


def _venue_url(text: str) -> str:
    return text if text == "testnet" else _host(text)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(text)
        return text.lower()

    return read


_STORES = "duckdb:///file, chdb:///folder or clickhouse://host/database"
_A_HOST = "the host of simulated venues, such as http://127.0.0.1:8080"
#: what can be set of every venue
_VENUE_WORDS = (
    ("key", _secret, "an API key", True),
    ("secret", _secret, "the secret of that key", True),
    ("password", _secret, "its passphrase, where the venue has one", True),
    ("url", _venue_url, f"testnet, or {_A_HOST}", False),
)
_VENUES = tuple(dict.fromkeys(market.venue for market in MARKETS))
_LEVELS = ("debug", "info", "warning", "error")
_FORMATS = ("auto", "json", "text")
_MOST_VARIANTS, _MOST_MIB = 1_000_000_000, 1_048_576

FIELDS: tuple[Field, ...] = (
    Field("home", _path, "a folder"),
    Field("candles", _store, _STORES, secret=True),
    Field("database", _database, "postgresql://user:password@host/database", secret=True),
    Field("bus", _bus, "redis://:password@host:6379/0", secret=True),
    Field("tape", _path, "a folder"),
    Field("indicators", _path, "a catalogue file"),
    Field("strategies", _path, "a folder of strategy plugins"),
    Field("fee_pct", lambda text: _percent(text, 5), "a percentage from 0 to 5"),
    Field("slippage_pct", lambda text: _percent(text, 5), "a percentage from 0 to 5"),
    Field("risk_preset", _one_of(*RISK_PRESETS), "one of " + ", ".join(RISK_PRESETS)),
    Field("daily_loss_pct", lambda text: _percent(text, 100), "a percentage from 0 (off) to 100"),
    Field("cooldown_candles", _count, "a whole number, 0 (off) or more"),
    Field("max_lost_pct", lambda text: _percent(text, 100), "a percentage from 0 to 100"),
    Field(
        "grid_max_variants",
        lambda text: _bounded(text, _MOST_VARIANTS),
        f"a whole number from 1 to {_MOST_VARIANTS}",
    ),
    Field(
        "grid_max_mib",
        lambda text: _bounded(text, _MOST_MIB),
        f"a whole number from 1 to {_MOST_MIB}",
    ),
    Field("log_level", _one_of(*_LEVELS), "one of " + ", ".join(_LEVELS)),
    Field("log_format", _one_of(*_FORMATS), "one of " + ", ".join(_FORMATS)),
    Field("log_file", _path, "a file for the same lines as JSON"),
    Field("venues_url", _host, _A_HOST),
    *(
        Field(f"{venue}_{word}", read, allowed, secret)
        for venue in _VENUES
        for word, read, allowed, secret in _VENUE_WORDS
    ),
)
OF_VENUES = frozenset(f"{venue}_{word}" for venue in _VENUES for word, *_ in _VENUE_WORDS)


# --- where the values come from ---------------------------------------------------------------


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environ`. Raises BadInput with a line for each variable that is wrong."""
    problems: list[str] = []
    ours = {k: v for k, v in environ.items() if k.startswith(PREFIX) and not _NOT_OURS.fullmatch(k)}
    known = {name for field in FIELDS for name in _names(field)} | {SECRETS_FILE}
    problems += _unknown(ours, known)
    in_file = _secrets_file(ours, problems)
    values: dict[str, Any] = {}
    for field in FIELDS:
        try:
            text = _text_of(field, ours, in_file)
            if text is not None:
                values[field.name] = _value_of(field, text)
        except _Wrong as wrong:
            problems.append(str(wrong))
    if problems:
        raise BadInput(
            "the settings cannot be used",
            problems=tuple(problems),
            hint="every setting and what it may be: docs/reference/settings.md",
        )
    values.setdefault("home", user_data_path("bowline", appauthor=False))
    of_venues = {name: values.pop(name) for name in OF_VENUES & values.keys()}
    return Settings(**values, of_venues=of_venues)


def secret_files(environ: Mapping[str, str] = os.environ) -> list[tuple[str, Path]]:
    """The files that secrets are read from, by variable."""
    names = [SECRETS_FILE, *(f"{field.variable}_FILE" for field in FIELDS if field.secret)]
    return [(name, Path(environ[name]).absolute()) for name in names if environ.get(name)]


def shown_settings(settings: Settings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What was set and not left to its default, as a person may see it: secrets are masked."""
    given = _secrets_file(environ, []) | dict(environ)
    fields = [field for field in FIELDS if any(name in given for name in _names(field))]
    return {field.variable: str(settings.value(field.name)) for field in fields}


class _Wrong(Exception):
    """One line about one variable."""


def _names(field: Field) -> tuple[str, str, str]:
    return field.variable, f"{field.variable}_FILE", f"{field.variable}_B64"


def _unknown(given: Mapping[str, str], known: set[str]) -> Iterator[str]:
    for name in sorted(given.keys() - known):
        close = get_close_matches(name, known, n=1)
        yield f"{name} is not a setting" + (f": did you mean {close[0]}?" if close else "")


def _text_of(field: Field, environ: Mapping[str, str], in_file: Mapping[str, str]) -> str | None:
    plain, file, encoded = _names(field)
    places: dict[str, Callable[[], str]] = {}
    if plain in environ:
        places[plain] = lambda: environ[plain]
    if file in environ:
        places[file] = lambda: _read(file, environ[file])
    if encoded in environ:
        places[encoded] = lambda: _decoded(encoded, environ[encoded])
    if plain in in_file:
        places[f"{plain} in {SECRETS_FILE}"] = lambda: in_file[plain]
    if not places:
        return None
    if field.secret and len(places) > 1:
        raise _Wrong(f"{plain} is given more than once, by {' and '.join(places)}: keep one")
    return next(iter(places.values()))()


def _value_of(field: Field, text: str) -> object:
    if not text:
        raise _Wrong(f"{field.variable} is empty: expected {field.allowed}, or unset it")
    try:
        return field.read(text)
    except ValueError:
        what = "not usable" if field.secret else repr(text)
        raise _Wrong(f"{field.variable} is {what}: expected {field.allowed}") from None


def _read(variable: str, path: str) -> str:
    try:
        with _path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _Wrong(f"{variable}: {path} is larger than {MAX_BYTES} bytes, not a setting")
        return content.decode().rstrip("\r\n")
    except OSError as error:
        raise _Wrong(f"{variable}: {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise _Wrong(f"{variable}: {path!r} does not name a text file in UTF-8") from None


def _decoded(variable: str, text: str) -> str:
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
        return content.decode().rstrip("\r\n")
    except (binascii.Error, UnicodeDecodeError):
        raise _Wrong(f"{variable} is not base64 of text in UTF-8") from None


def _secrets_file(environ: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """Lines `NAME=value`; empty ones and those that begin with `#` do not count."""
    if SECRETS_FILE not in environ:
        return {}
    found: dict[str, str] = {}
    try:
        lines = _read(SECRETS_FILE, environ[SECRETS_FILE]).splitlines()
    except _Wrong as wrong:
        problems.append(str(wrong))
        return {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, value = (part.strip() for part in line.partition("="))
        if not _NAME.fullmatch(name) or "=" not in line:
            # the line stays unsaid: it may hold a secret
            problems.append(f"{SECRETS_FILE}, line {number}: expected {PREFIX}NAME=value")
        elif name in found:
            problems.append(f"{SECRETS_FILE}, line {number}: {name} a second time")
        else:
            found[name] = value
    problems += (f"{SECRETS_FILE}: {p}" for p in _unknown(found, {f.variable for f in FIELDS}))
    return found
