"""What an archive holds beside the candles that were asked for, or tells in other units.

Rows of other instruments and of candles that are not closed must never become candles, and volume
in contracts never volume; all of it is counted aloud.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.core.model.market import FloatColumn
from bowline.storage.files.columns import plain_name
from bowline.storage.files.hints import FileHints

_CLOSED = frozenset({"1", "1.0", "true", "t", "yes", "y"})
_OPEN = frozenset({"0", "0.0", "false", "f", "no", "n"})
_SUFFIXES = ("swap", "perp", "perpetual")
#: a whole volume must agree with its contracts to this part, as venues round it
_NEAR = 1e-4


class RowFilter:
    """Which rows are closed candles of the instrument that `hints` name."""

    def __init__(self, name: str, hints: FileHints) -> None:
        self._name = name
        self._hints = hints
        self._strangers: Counter[str] = Counter()
        self._mine: set[str] = set()
        self._forming = 0

    def kept(
        self, instrument: pa.ChunkedArray | None, confirm: pa.ChunkedArray | None, before: int
    ) -> NDArray[np.bool_] | None:
        """Which rows to take; None for all. `before` rows were seen before these."""
        mine = None if instrument is None else self._of_mine(instrument)
        closed = None if confirm is None else self._closed(confirm, mine, before)
        if mine is None or closed is None:
            return closed if mine is None else mine
        return mine & closed

    def notes(self) -> list[str]:
        """What was left out."""
        said = []
        if self._strangers:
            names = ", ".join(sorted(self._strangers)[:3])
            said.append(f"{self._strangers.total():,} rows of other instruments left out ({names})")
        if self._forming:
            said.append(f"{self._forming:,} rows of candles that were not closed left out")
        return said

    def _of_mine(self, column: pa.ChunkedArray) -> NDArray[np.bool_] | None:
        counts = {
            str(each["values"]): each["counts"] for each in pc.value_counts(column).to_pylist()
        }
        if not self._hints.symbol:
            self._mine |= counts.keys()
            if len(self._mine) > 1:
                several = ", ".join(sorted(self._mine)[:5])
                raise BadInput(
                    f"{self._name}: rows of more than one instrument: {several}",
                    hint="Say which one is meant: --market and --symbol.",
                )
            return None
        mine = [name for name in counts if is_named(name, self._hints)]
        self._mine.update(mine)
        for name, count in counts.items():
            if name not in mine:
                self._strangers[name] += count
        if len(mine) == len(counts):
            return None
        found = pc.is_in(column.cast(pa.string()), value_set=pa.array(mine, pa.string()))
        return np.asarray(found.to_numpy(), dtype=np.bool_)

    def _closed(
        self, column: pa.ChunkedArray, mine: NDArray[np.bool_] | None, before: int
    ) -> NDArray[np.bool_] | None:
        texts = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(column)), "")
        known = pc.is_in(texts, value_set=pa.array([*_CLOSED, *_OPEN]))
        if not pc.all(known).as_py():
            row = pc.index(known, value=False).as_py()
            raise BadInput(
                f"{self._name}, row {before + row + 1}: {texts[row].as_py()!r} does not say"
                " whether the candle was closed",
                hint="Expected 1 or 0, true or false.",
            )
        closed = np.asarray(pc.is_in(texts, value_set=pa.array(list(_CLOSED))).to_numpy())
        if bool(closed.all()):
            return None
        self._forming += int(np.count_nonzero(~closed if mine is None else ~closed & mine))
        return closed


def is_named(name: str, hints: FileHints) -> bool:
    """Whether an archive's name of an instrument is the one that is meant."""
    if name.strip().upper() == hints.symbol:
        return True
    plain = plain_name(name).replace("/", "").replace(":", "")
    wanted = plain_name(hints.symbol).replace("/", "").replace(":", "")
    derivative = any(plain.endswith(suffix) for suffix in _SUFFIXES)
    market = hints.market
    if market is not None and derivative and market.kind == "spot":
        return False
    if market is not None and market.venue == "okx" and market.kind != "spot" and not derivative:
        return False
    return _bare(plain) == _bare(wanted)


def _bare(plain: str) -> str:
    for suffix in _SUFFIXES:
        plain = plain.removesuffix(suffix)
    return plain


def contracts_to_units(
    name: str, volume: FloatColumn, beside: FloatColumn | None, size: Decimal | None, why: str
) -> tuple[FloatColumn, list[str]]:
    """Volume in contracts as base units; BadInput where their size is not known, or contradicts.

    `beside` is the volume in base units as the file tells it.
    """
    if beside is not None:
        if size is not None:
            counted = _times(volume, size)
            apart = np.abs(counted - beside) > _NEAR * np.maximum(np.abs(beside), 1e-9) + 1e-9
            if bool(apart.any()):
                row = int(np.argmax(apart))
                raise BadInput(
                    f"{name}, row {row + 1}: {volume[row]:.10g} contracts of {size} are not"
                    f" {beside[row]:.10g} base units, which the file tells beside them",
                    hint="Is it the right instrument, and the right contract size?",
                )
        return beside, [f"volume: in base units as the file tells it ({why})"]
    if size is None:
        raise BadInput(
            f"{name}: the volume is in contracts ({why}), and how much one is, is not known",
            hint="Say the base units of a contract: --contract-size 0.01; or ask the venue:"
            " bowline instruments sync --markets MARKET",
        )
    return _times(volume, size), [f"volume: contracts of {size} base units ({why})"]


def _times(volume: FloatColumn, size: Decimal) -> FloatColumn:
    """Contracts times their size, rounded once where it is a power of ten."""
    exact = Fraction(size)
    return volume * float(exact.numerator) / float(exact.denominator)
