"""Our own formulas, for what TA-Lib has not or defines otherwise; each returns a tuple of series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FORMULAS: dict[str, Callable[..., tuple[Any, ...]]] = {}
