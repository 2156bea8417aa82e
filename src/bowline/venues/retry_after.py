"""The wait that a venue's reply asks for. Pure.

If a reply names none, the result is None and never a guess: the rate limiter has its own default.

1. `Retry-After` in seconds or as a date (RFC 9110, 10.2.3).
2. A header of the venue with the time at which the limit ends, in seconds or milliseconds.
3. Text: "IP banned until 1573370000000" (Binance, general info, on code -1003).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from bowline.core.model.values import SECOND_NS

#: a larger time is in milliseconds: in seconds it would be after the year 5138
_MIN_MS = 100_000_000_000
_MS_NS = 1_000_000
_UNTIL = re.compile(r"banned until (\d{13})\b")


def requested_wait_s(
    headers: Mapping[str, str], words: str, now_ns: int, moment_header: str = ""
) -> float | None:
    """The seconds to wait from `now_ns`, the venue's time; `headers` by lower-case name."""
    text = headers.get("retry-after", "").strip()
    if _digits(text):
        return float(text)
    moment_ns = _date_ns(text) if text else None
    if moment_ns is None and _digits(text := headers.get(moment_header, "")):
        moment_ns = int(text) * (_MS_NS if int(text) > _MIN_MS else SECOND_NS)
    if moment_ns is None and (found := _UNTIL.search(words)):
        moment_ns = int(found[1]) * _MS_NS
    return None if moment_ns is None else max(0.0, (moment_ns - now_ns) / SECOND_NS)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < len(str(2**63))


def _date_ns(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp()) * SECOND_NS
    except (ValueError, OverflowError):
        return None
