"""HTX's login signature of account streams: over host, path and parameters."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from bowline.core.model.values import SECOND_NS


def signature(url: str, params: Mapping[str, str], secret: str) -> str:
    """HMAC-SHA256 in base64 of `GET`, the host, the path, and the sorted words, a line each."""
    parts = urlsplit(url)
    signed = "\n".join(("GET", str(parts.hostname), parts.path, urlencode(sorted(params.items()))))
    made = hmac.new(secret.encode(), signed.encode(), hashlib.sha256)
    return base64.b64encode(made.digest()).decode()


def timestamp(now_ns: int) -> str:
    """A time as HTX writes it: 2023-11-14T22:13:20."""
    return datetime.fromtimestamp(now_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
