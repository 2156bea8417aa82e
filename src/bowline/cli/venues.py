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
    from bowline.desk.venues import VenueFinding

app = typer.Typer(help="List venues, check a venue, watch an account.", no_args_is_help=True)
app.command("watch")(watch_command)


@app.command("list")
def list_command(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """List the venues: address, features, rate limits."""
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
    typer.echo("Half of each limit is used. To test a venue: bowline venues check VENUE")


@app.command("check")
def check_command(
    venue: str = typer.Argument(..., help="A venue such as bybit, or a market: bybit:linear."),
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Test the read-only functions of a venue."""
    from bowline.desk.instruments import parse_markets

    markets = parse_markets([venue])
    findings = asyncio.run(_check(markets, as_json=as_json))
    if as_json:
        emit_json(findings)
    failed = [each for each in findings if each.works is False]
    if not as_json:
        works = sum(each.works is True for each in findings)
        typer.echo(f"{works} checks passed, {len(failed)} failed")
    if failed:
        sys.exit(1)


async def _check(markets: tuple[Market, ...], *, as_json: bool) -> list[VenueFinding]:
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


def _sentence(finding: VenueFinding) -> str:
    mark = {True: "works", False: "FAILS", None: "  -  "}[finding.works]
    return f"{mark}  {finding.market}  {finding.what}: {finding.words}"
