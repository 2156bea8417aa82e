"""The sweep as one HTML file that needs nothing else: no network, no font, no script from outside.

The verdict and its findings are written here and need no script; the script draws and sorts the
columns. All text goes through `escape`, and the frame allows only the scripts of the page.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from bowline.desk.output_files import Output
from bowline.desk.page import assemble, definitions, write_page
from bowline.desk.sweep_report.drawing import MOST_TOP, drawing_of, rows_drawn
from bowline.desk.sweep_report.picture import SweepPicture, VerdictCheck

_SCRIPTS = ("axes.js", "heatmap.js", "scatter.js", "distribution.js", "sweep.js")


def write_sweep_html(picture: SweepPicture, out: Output) -> None:
    """Write the page. Raises BowlineError if the file cannot be written there."""
    write_page(sweep_page(picture), out)


def sweep_page(picture: SweepPicture) -> str:
    """The page. Equal pictures make equal pages, byte by byte."""
    split = picture.split
    fields = {
        "title": escape(picture.title),
        "about": escape(picture.about),
        "tone": picture.judgement.tone.value,
        "verdict": escape(picture.judgement.words),
        "checks": "".join(_check(check) for check in picture.judgement.checks),
        "warnings": _warnings(picture.warnings),
        "top_note": escape(_top_note(picture)),
        "split_figure": escape("" if split is None else split.figure),
        "drawn": _drawn(picture),
        "facts": definitions(picture.facts),
    }
    return assemble(
        "bowline.desk.sweep_report",
        "sweep",
        title=picture.title,
        scripts=_SCRIPTS,
        drawing=drawing_of(picture),
        fields=fields,
    )


def _check(check: VerdictCheck) -> str:
    return (
        f'<div class="card {check.tone.value}"><p class="name">{escape(check.name)}</p>'
        f'<p class="figure {check.tone.value}">{escape(check.figure)}</p>'
        f'<p class="note">{escape(check.meaning)}</p></div>'
    )


def _warnings(warnings: Iterable[str]) -> str:
    return "".join(
        f'<p class="panel warning" role="note">{escape(words)}</p>' for words in warnings
    )


def _top_note(picture: SweepPicture) -> str:
    shown = min(len(picture.top), MOST_TOP)
    best = f"The best {shown:,} of {picture.variants:,} by {picture.ranked_by}"
    if shown < len(picture.top):
        best += f"; {len(picture.top) - shown:,} more are in the result"
    split = picture.split
    sampled = ""
    if split is not None:
        sampled = (
            f" First days and last days: the {split.figure} on the first {split.share_pct} % and "
            f"the last {100 - split.share_pct} % of the days. Rows were chosen on all days, so the "
            "last days are not an out-of-sample test."
        )
    saved = ""
    if picture.save_command:
        saved = f" To save a row (#) as a strategy: {picture.save_command} ROW."
    return f"{best}.{sampled}{saved}"


def _drawn(picture: SweepPicture) -> str:
    """What the charts leave out."""
    kept, drawn = len(picture.figures.variant), len(rows_drawn(picture))
    if drawn < kept:
        return f"Charts show the best and an even sample: {drawn:,} of {kept:,} variants."
    if kept < picture.variants:
        return (
            f"Charts show the {kept:,} variants whose figures were kept, of {picture.variants:,}."
        )
    return f"Charts show all {kept:,} variants."
