"""`bowline venues`: which there are, and what works at one."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import typer

from bowline.cli.output import JSON_HELP, emit_json, emit_table
from bowline.cli.venues_watch import watch_command

if TYPE_CHECKING:
    from bowline.core.model.instrument import Market
    from bowline.desk.venues import Finding

app = typer.Typer(help="Venues: which there are, what works at one.", no_args_is_help=True)
app.command("watch")(watch_command)


@app.command("list")
def list_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """Every venue: where it is reached, what it can do, what it allows."""
    from bowline import wire
    from bowline.desk import venues as desk

    found = desk.list_venues(wire.venues())
    if as_json:
        emit_json(found)
        return
    emit_table(
        ("venue", "markets", "at", "key", "hedge mode", "margin", "dead-man switch", "limits"),
        (
            (
                each.venue,
                ", ".join(each.kinds),
                each.place,
                "set" if each.key else "",
                "yes" if each.hedge else "",
                ", ".join(each.margin_modes),
                "yes" if each.dead_man else "",
                each.budgets[0]
                + (f" and {len(each.budgets) - 1} more" if each.budgets[1:] else ""),
            )
            for each in found
        ),
    )
    typer.echo("Half of each limit is used. bowline venues check VENUE tries one.")


@app.command("check")
def check_command(
    venue: str = typer.Argument(..., help="A venue such as bybit, or a market: bybit:linear."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Try everything at a venue that moves nothing: what works, what does not, why."""
    from bowline.desk.instruments import parse_markets

    markets = parse_markets([venue])
    findings = asyncio.run(_check(markets, as_json=as_json))
    if as_json:
        emit_json(findings)
    failed = [each for each in findings if each.works is False]
    if not as_json:
        works = sum(each.works is True for each in findings)
        typer.echo(f"{works} work, {len(failed)} do not")
    if failed:
        sys.exit(1)


async def _check(markets: tuple[Market, ...], *, as_json: bool) -> list[Finding]:
    from bowline import wire
    from bowline.desk import venues as desk

    findings = []
    async with wire.venues() as venues:
        for market in markets:
            async for finding in desk.check(venues, market):
                findings.append(finding)
                if not as_json:
                    typer.echo(_sentence(finding))
    return findings


def _sentence(finding: Finding) -> str:
    mark = {True: "works", False: "FAILS", None: "  -  "}[finding.works]
    return f"{mark}  {finding.market}  {finding.what}: {finding.words}"
