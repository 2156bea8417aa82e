"""A sweep as one self-contained page: the verdict, the best variants, and where they stand."""

from __future__ import annotations

from bowline.desk.sweep_report.html import sweep_page, write_sweep_html
from bowline.desk.sweep_report.of_sweep import axes_of, picture_of
from bowline.desk.sweep_report.picture import (
    Axis,
    Figures,
    PageVerdict,
    Ranked,
    Split,
    SweepPicture,
    Threshold,
    Tone,
    VerdictCheck,
)

__all__ = [
    "Axis",
    "Figures",
    "PageVerdict",
    "Ranked",
    "Split",
    "SweepPicture",
    "Threshold",
    "Tone",
    "VerdictCheck",
    "axes_of",
    "picture_of",
    "sweep_page",
    "write_sweep_html",
]
