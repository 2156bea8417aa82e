"""What the page draws: columns of figures and codes, equity as small curves, deflated into a text.

Figures travel as float32, which has more digits than the page shows. The page must stay a few
megabytes whatever the sweep was:

1. Of more than `MOST_VARIANTS` rows, the top ones stay, and of the others every k-th.
2. A parameter travels as an index into its values, one byte or two.
3. An equity curve becomes `CURVE_POINTS` heights from 0 to 65,535 between its lowest and highest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bowline.desk.page import pack
from bowline.desk.sweep_report.picture import ABSENT, Axis, SweepPicture

#: a sweep's even sample of 100,000, and room for its top and what was judged
MOST_VARIANTS = 110_000
MOST_TOP = 1_000
CURVE_POINTS = 96

_HIGHEST = 65_535
_SMALL, _WIDE = 254, 65_534

Rows = NDArray[np.int64]


def drawing_of(picture: SweepPicture) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    rows = rows_drawn(picture)
    figures, split = picture.figures, picture.split
    top = picture.top[:MOST_TOP]
    columns: dict[str, tuple[str, ArrayLike]] = {
        "variant": ("f8", figures.variant[rows]),
        "total_return_pct": ("f4", figures.total_return_pct[rows]),
        "max_drawdown_pct": ("f4", figures.max_drawdown_pct[rows]),
        "sharpe": ("f4", figures.sharpe[rows]),
        "round_trips": ("u4", figures.round_trips[rows]),
        "top": ("u4", np.searchsorted(rows, top)),
        "curves": ("u2", np.ravel([_curve(each) for each in picture.equity[:MOST_TOP]])),
    }
    if split is not None:
        columns["first_days"] = ("f4", split.first_days[rows])
        columns["last_days"] = ("f4", split.last_days[rows])
    if picture.ranked is not None:
        columns["ranked"] = ("f4", picture.ranked.values[rows])
    if picture.alike:
        columns["alike"] = ("u4", np.array(picture.alike[:MOST_TOP]))
    for number, axis in enumerate(picture.axes):
        columns[f"axis{number}"] = _codes(axis, rows)
    return {
        "figures": _figures(picture),
        "axes": [{"name": axis.name, "values": axis.values} for axis in picture.axes],
        "thresholds": [
            {"figure": t.figure, "value": t.value, "words": t.words} for t in picture.thresholds
        ],
        "curve_points": CURVE_POINTS,
        "ranked_by": _ranked_by(picture),
        "save": picture.save_command,
        "packed": pack(columns),
    }


def rows_drawn(picture: SweepPicture) -> Rows:
    """Rows of the columns that travel, rising."""
    count = len(picture.figures.variant)
    if count <= MOST_VARIANTS:
        return np.arange(count)
    top = picture.top[:MOST_TOP]
    every = -(-count // (MOST_VARIANTS - len(top)))
    return np.union1d(np.arange(0, count, every), top)


def _figures(picture: SweepPicture) -> list[dict[str, Any]]:
    """What the page may choose to colour and count: 1 is better high, -1 better low, 0 neither."""
    figures = [
        {"id": "total_return_pct", "title": "Total return", "unit": " %", "better": 1},
        {"id": "sharpe", "title": "Sharpe", "unit": "", "better": 1},
        {"id": "max_drawdown_pct", "title": "Max. drawdown", "unit": " %", "better": -1},
        {"id": "round_trips", "title": "Round trips", "unit": "", "better": 0},
    ]
    if (split := picture.split) is not None:
        unit = " %" if split.percent else ""
        first, last = f"first {split.share_pct} %", f"last {100 - split.share_pct} %"
        for name, words in (("first_days", first), ("last_days", last)):
            title = f"{split.figure}, {words} of the days"
            figures.append({"id": name, "title": title, "unit": unit, "better": 1})
    if (ranked := picture.ranked) is not None:
        figures.append(
            {"id": "ranked", "title": ranked.title, "unit": ranked.unit, "better": ranked.better}
        )
    return figures


def _ranked_by(picture: SweepPicture) -> str:
    """The id of the figure that makes the best the best."""
    if picture.ranked is not None:
        return "ranked"
    return next(
        (f["id"] for f in _figures(picture) if _figure_name(f["id"]) == picture.ranked_by),
        "total_return_pct",
    )


def _figure_name(figure: str) -> str:
    return figure.removesuffix("_pct").replace("_", " ")


def _codes(axis: Axis, rows: Rows) -> tuple[str, ArrayLike]:
    # codes are moved up by one, so that 0 is "absent"
    codes = axis.codes[rows] - ABSENT
    if len(axis.values) <= _SMALL:
        return "u1", codes
    return ("u2" if len(axis.values) <= _WIDE else "u4"), codes


def _curve(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """So many heights, evenly spread; the start, the end and the shape between stay."""
    if not len(equity):
        return np.zeros(CURVE_POINTS)
    places = np.linspace(0, len(equity) - 1, CURVE_POINTS).round().astype(np.int64)
    lowest, highest = equity.min(), equity.max()
    heights: NDArray[np.float64] = (equity[places] - lowest) / ((highest - lowest) or 1.0)
    return np.round(heights * _HIGHEST)
