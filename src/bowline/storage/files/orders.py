"""Columns of files without a header, by their number and by what their rows can be.

The usual order is time, open, high, low, close, volume. Another is taken only where the rows
contradict the usual one (a high below a low) and fit exactly that one, and it is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bowline.core.errors import BadInput
from bowline.storage.files.columns import Roles, Volume
from bowline.storage.files.dates import is_clock, is_day
from bowline.storage.files.hints import FileHints

BINANCE, BINANCE_COLUMNS = "binance kline csv", 12
_OKX_COLUMNS, _KRAKEN_COLUMNS, _MT5_COLUMNS = 9, 8, 9
_USUAL = ("open", "high", "low", "close", "volume")
#: (venue that writes so, order after the time); Gate's and KuCoin's download pages, Coinbase's API
_ORDERS = (
    ("Gate's", ("volume", "close", "high", "low", "open")),
    ("KuCoin's", ("open", "close", "high", "low", "volume")),
    ("Coinbase's", ("low", "high", "open", "close", "volume")),
)
#: rows that must fit another order before it is believed
_LEAST_ROWS = 3


def headless_roles(
    name: str, rows: Sequence[Sequence[str]], width: int, hints: FileHints
) -> tuple[Roles, str]:
    """The roles of columns that no line names, and the kind of file in words."""
    stamp: tuple[int, ...] = (0,)
    if all(is_day(row[0]) and is_clock(row[1]) for row in rows):
        stamp = (0, 1)
    first = len(stamp)
    table = _numbers(rows, first, width)
    count = width - first
    if table is None or count < len(_USUAL) or count not in _KNOWN:
        raise _unknown(name, rows[0], width)
    order, whose = _order(table)
    at = {role: first + place for place, role in enumerate(order)}
    prices = {role: at[role] for role in _USUAL[:-1]}
    kind = {BINANCE_COLUMNS: BINANCE, 7: "csv of 7 columns (such as bybit's)"}.get(width, "csv")
    if whose:
        kind += f" in {whose} order"
    volume, confirm = _volume(name, table, (width, first, whose), at["volume"], hints)
    if len(stamp) > 1:
        kind += " with the time of day apart"
    return Roles(stamp=stamp, prices=prices, volume=volume, confirm=confirm), kind


#: numbers of columns after the time that are known: alone, with turnover or a count, Kraken's and
#: Gate's, MetaTrader's and OKX's, Binance's
_KNOWN = frozenset({5, 6, 7, 8, 11})


def _unknown(name: str, row: Sequence[str], width: int) -> BadInput:
    return BadInput(
        f"{name}, row 1: {width} columns without a header: {','.join(row)[:80]!r}",
        hint="Add a header line: time, open, high, low, close, volume.",
    )


def _numbers(rows: Sequence[Sequence[str]], first: int, width: int) -> NDArray[np.float64] | None:
    """The cells after the time of the rows that are whole; None if there is none."""
    found = []
    for row in rows:
        if len(row) == width:
            try:
                found.append([float(cell.replace(",", ".") or "nan") for cell in row[first:]])
            except ValueError:
                continue
    return np.array(found).reshape(len(found), width - first) if found else None


def _order(table: NDArray[np.float64]) -> tuple[tuple[str, ...], str]:
    if _fits(table, _USUAL) or len(table) < _LEAST_ROWS:
        return _USUAL, ""
    fitting = [(order, whose) for whose, order in _ORDERS if _fits(table, order)]
    return fitting[0] if len(fitting) == 1 else (_USUAL, "")


def _fits(table: NDArray[np.float64], order: tuple[str, ...]) -> bool:
    """Whether the rows are candles in this order."""
    cells = {role: table[:, place] for place, role in enumerate(order)}
    low, high = cells["low"], cells["high"]
    inside = (low > 0) & (cells["volume"] >= 0)
    for role in ("open", "close"):
        inside &= (low <= cells[role]) & (cells[role] <= high)
    return bool(inside.all())


def _volume(
    name: str,
    table: NDArray[np.float64],
    shape: tuple[int, int, str],
    usual: int,
    hints: FileHints,
) -> tuple[Volume, int | None]:
    """The volume, and the column that says whether a candle is closed, if one does."""
    width, first, whose = shape
    market = hints.market
    if whose == "Gate's":
        if width > len(_USUAL) + 1:
            return Volume(first + len(_USUAL), why="the sixth value is in base units at Gate"), None
        if market is None or market.kind == "spot":
            raise BadInput(
                f"{name}, row 1: in Gate's order the volume is in quote money on spot",
                hint="Use a file that has the volume in base units.",
            )
        return Volume(usual, "contracts", "Gate's perpetuals count contracts"), None
    last = table[:, -1]
    if first == 1 and width == _OKX_COLUMNS and bool(np.isin(last, (0, 1)).all()):
        return _okx(name, usual, width, hints)
    if first == 2 and width == _MT5_COLUMNS:  # noqa: PLR2004 - date and time of day
        return Volume(usual + 1, why="after MetaTrader's count of ticks"), None
    if first == 1 and width == _KRAKEN_COLUMNS:
        return _kraken(name, table, usual), None
    if width not in {6, 7, BINANCE_COLUMNS}:
        raise BadInput(
            f"{name}, row 1: {width} columns without a header do not say which is the volume",
            hint="Add a header line: time, open, high, low, close, volume and what the rest is.",
        )
    return Volume(usual), None


def _okx(name: str, usual: int, width: int, hints: FileHints) -> tuple[Volume, int]:
    if hints.market is None:
        raise BadInput(
            f"{name}, row 1: 9 columns as OKX writes them, whose volume is in contracts on swaps"
            " and in base units on spot",
            hint="Say which: --market okx:linear or okx:spot.",
        )
    if hints.market.kind == "spot":
        return Volume(usual), width - 1
    return Volume(usual, "contracts", "OKX's swaps count contracts", usual + 1), width - 1


def _kraken(name: str, table: NDArray[np.float64], usual: int) -> Volume:
    """Kraken's REST: a mean price stands between close and volume."""
    mean, low, high = table[:, 4], table[:, 2], table[:, 1]
    if bool(((mean == 0) | ((low <= mean) & (mean <= high))).all()):
        return Volume(usual + 1, why="after the mean price, as in Kraken's REST")
    raise BadInput(
        f"{name}, row 1: 8 columns without a header do not say which is the volume",
        hint="Add a header line: time, open, high, low, close, volume and what the rest is.",
    )
