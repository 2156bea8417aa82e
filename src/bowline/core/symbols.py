"""The one rule for symbols in files, specs, grids, commands and venue listings."""

from __future__ import annotations

import re

#: letters and digits of any script, and the separators that venues use
_SYMBOL = re.compile(r"[^\W_][\w.:/$-]{0,39}")


def symbol_of(text: str) -> str:
    """A symbol in capitals, as it is stored; ValueError if it is none."""
    symbol = text.strip().upper()
    if not _SYMBOL.fullmatch(symbol) or not symbol.isprintable():
        shown = text if len(text) <= 60 else f"{text[:60]}..."  # noqa: PLR2004 - fits a line
        raise ValueError(
            f"{shown!r} is not a symbol: expected 1 to 40 letters, digits and . _ : / - $"
        )
    return symbol


def printable(text: str) -> str:
    """Control characters could move the cursor or recolour the terminal: they are shown as �."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
