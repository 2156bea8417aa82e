"""`bowline ... delete` of candles, funding, strategies, runs and jobs.

Nothing is deleted before the user has seen what depends on it and confirmed: with --yes, or by
typing its name.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from bowline.cli.options import JOB, RUN
from bowline.cli.output import JSON_HELP, emit_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from bowline.desk.deletes import DeletionPlan

_YES = typer.Option(False, "--yes", help="Do not ask for confirmation.")
_MARKET = typer.Option(..., help="The market, such as binance:spot or bybit:linear.")
_SYMBOL = typer.Option(..., help="The venue's symbol, such as BTCUSDT.")
_JSON = typer.Option(False, "--json", help=JSON_HELP)


def delete_candles(
    *,
    market: str = _MARKET,
    symbol: str = _SYMBOL,
    start: str = typer.Option("", "--from", help="Start (UTC; default: the first candle)."),
    end: str = typer.Option("", "--to", help="End (UTC; default: the last candle)."),
    yes: bool = _YES,
    as_json: bool = _JSON,
) -> None:
    """Delete stored candles of one instrument, all or a range."""
    from bowline import wire
    from bowline.desk import deletes as desk
    from bowline.desk.candles import instrument_of, parse_span

    instrument, span = instrument_of(market, symbol), parse_span(start, end)
    with wire.deletion_stores(wire.home()) as stores:
        plan = desk.plan_candles(stores, instrument, *span)
        confirm(plan, yes=yes, as_json=as_json)
        count = desk.delete_candles(stores, instrument, *span)
    _done(plan, f"{count:,} candles of {plan.name} deleted", count, as_json=as_json)


def delete_funding(
    *,
    market: str = _MARKET,
    symbol: str = _SYMBOL,
    yes: bool = _YES,
    as_json: bool = _JSON,
) -> None:
    """Delete the stored funding rates of one perpetual."""
    from bowline import wire
    from bowline.desk import deletes as desk
    from bowline.desk.candles import instrument_of

    instrument = instrument_of(market, symbol)
    with wire.deletion_stores(wire.home()) as stores:
        plan = desk.plan_funding(stores, instrument)
        confirm(plan, yes=yes, as_json=as_json)
        count = desk.delete_funding(stores, instrument)
    _done(plan, f"{count:,} funding rates of {plan.name} deleted", count, as_json=as_json)


def delete_strategy(
    strategy: str = typer.Argument(
        ..., help="Id, beginning of the id, or name of a saved strategy."
    ),
    *,
    yes: bool = _YES,
    as_json: bool = _JSON,
) -> None:
    """Delete a saved strategy that has no runs."""
    from bowline import wire
    from bowline.desk import deletes as desk

    with wire.deletion_stores(wire.home()) as stores:
        plan = desk.plan_strategy(stores, strategy)
        confirm(plan, yes=yes, as_json=as_json)
        desk.delete_strategy(stores, strategy)
    _done(plan, f"strategy {plan.name} deleted", 1, as_json=as_json)


def delete_run(
    run: int = RUN,
    *,
    yes: bool = _YES,
    as_json: bool = _JSON,
) -> None:
    """Delete a run and its journal, unless it is running."""
    from bowline import wire
    from bowline.desk import deletes as desk

    with wire.deletion_stores(wire.home()) as stores:
        plan = desk.plan_run(stores, run)
        confirm(plan, yes=yes, as_json=as_json)
        desk.delete_run(stores, run)
    _done(plan, f"run {run} deleted", 1, as_json=as_json)


def delete_job(
    job: int = JOB,
    *,
    yes: bool = _YES,
    as_json: bool = _JSON,
) -> None:
    """Delete a finished job and its result."""
    from bowline import wire
    from bowline.desk import deletes as desk

    with wire.deletion_stores(wire.home()) as stores:
        plan = desk.plan_job(stores, job)
        confirm(plan, yes=yes, as_json=as_json)
        desk.delete_job(stores, job)
    _done(plan, f"job {job} deleted", 1, as_json=as_json)


def confirm(plan: DeletionPlan, *, yes: bool, as_json: bool) -> None:
    """Print what would be deleted and what depends on it; Conflict unless confirmed."""
    from bowline.core.errors import Conflict

    plan.refuse_in_use()
    say: Callable[[str], None] = lambda text: typer.echo(text, err=True)  # noqa: E731
    for each in plan.goes:
        say(f"deletes: {each}")
    for each in plan.depends:
        say(f"note: {each}")
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise Conflict(
            f"{plan.name} was not deleted: it was not confirmed",
            problems=(*plan.goes, *plan.depends),
            hint="add --yes to confirm",
        )
    if typer.prompt(f"Type {plan.name} to delete it", err=True).strip() != plan.name:
        raise Conflict(f"{plan.name} was not deleted: the name typed is another")


def _done(plan: DeletionPlan, sentence: str, count: int, *, as_json: bool) -> None:
    if as_json:
        emit_json({"deleted": plan.name, "count": count, "depended": plan.depends})
    else:
        typer.echo(sentence)
