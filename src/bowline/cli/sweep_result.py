"""The result of a sweep as `bowline grid` and `bowline jobs` show it. It computes no figure."""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import say_written
from bowline.cli.output import emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.output_files import Output
    from bowline.research.grid import SweepResult

#: rows of the table on the terminal; `--json` has all
SHOWN_ROWS = 20


def show_result(
    result: SweepResult,
    *,
    job: int,
    as_json: bool,
    page: Output | None = None,
    source: str = "stored candles",
) -> None:
    """Print a result with its verdict: one document, or the best rows and the findings."""
    from bowline import wire
    from bowline.cli.validate import show_verdict
    from bowline.desk.sweep_text import missing_document, notes_of
    from bowline.desk.validation import judge_result

    threads = os.cpu_count() or 1
    with closing(wire.open_trials(wire.home())) as trials:
        verdict = judge_result(result, trials, time.time_ns(), threads=threads)
    if page is not None:
        from bowline.desk.sweep_report import picture_of, write_sweep_html

        picture = picture_of(result, verdict, source=source, threads=threads, job=job)
        write_sweep_html(picture, page)
    if as_json:
        said = {"completeness": missing_document(result), "in_words": tuple(notes_of(result))}
        emit_json(result.document() | {"verdict": verdict} | said)
        return
    _show_rows(result)
    show_verdict(verdict)
    say_written(("page", page))


def _show_rows(result: SweepResult) -> None:
    from bowline.desk.report import first_signal_text
    from bowline.desk.sweep_text import columns_of, notes_of, row_texts

    plan = result.plan
    emit_table(
        columns_of(result),
        row_texts(result, SHOWN_ROWS),
        title=f"best of {plan.variants:,} variants by {plan.request.rank_by}",
    )
    typer.echo(
        f"{result.evaluated:,} evaluated in {result.timings.sweep_s:.1f} s; "
        f"{len(result)} backtested again by the core, with equal figures"
    )
    typer.echo(first_signal_text(plan.rules.first_signal))
    for note in notes_of(result):
        typer.echo(note)


def say(text: str) -> None:
    """One line on stderr."""
    typer.echo(text, err=True)
