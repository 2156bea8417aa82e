"""`bowline portfolio`: several strategies on one wallet, over stored candles."""

from __future__ import annotations

from pathlib import Path

import typer

from bowline.cli.options import (
    ALLOW_GAPS,
    ALLOW_JUMPS,
    CASH,
    END,
    FORCE,
    HTML,
    START,
    TRADES,
    outputs_of,
    run_options_of,
    say_written,
)
from bowline.cli.output import JSON_HELP, emit_json

app = typer.Typer()


@app.command("portfolio")
def portfolio_command(
    file: Path = typer.Argument(help="Portfolio file (YAML or JSON) with runs and limits."),
    start: str = START,
    end: str = END,
    *,
    allow_jumps: bool = ALLOW_JUMPS,
    allow_gaps: bool = ALLOW_GAPS,
    cash: str = CASH,
    html: Path | None = HTML,
    trades: Path | None = TRADES,
    force: bool = FORCE,
    as_json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Backtest several strategies that share one wallet."""
    from bowline import wire
    from bowline.core.report import make_portfolio_report
    from bowline.desk.portfolio import read_portfolio, set_up_portfolio
    from bowline.desk.portfolio_report import (
        PortfolioCaption,
        portfolio_json,
        print_portfolio,
        write_portfolio_csv,
        write_portfolio_html,
    )
    from bowline.desk.report import caption_of
    from bowline.research.portfolio import Member, backtest_portfolio

    home, portfolio = wire.home(), read_portfolio(file)
    read = [word for run in portfolio.runs for word in (run.strategy, run.candles)]
    said = {"--html": html, "--trades": trades}
    page, table = outputs_of(said, file, *read, force=force)
    options = run_options_of(
        "", "", "", (start, end), cash, allow_jumps=allow_jumps, allow_gaps=allow_gaps
    )
    with wire.strategy_desk(home) as strategies:
        setups = set_up_portfolio(
            portfolio,
            options,
            strategies.load,
            strategies.opinion,
            lambda: wire.open_candles(home),
            lambda asked: wire.recorded_instrument(home, asked),
        )
    members = [Member(e.run, e.opinion, e.candles, e.minutes, e.funding) for e in setups]
    report = make_portfolio_report(backtest_portfolio(members), [e.completeness for e in setups])
    sources = (str(run.candles) if run.candles else "stored candles" for run in portfolio.runs)
    captions = (caption_of(each.spec, of) for each, of in zip(setups, sources, strict=True))
    caption = PortfolioCaption(file.stem, tuple(captions))
    if page is not None:
        write_portfolio_html(report, caption, page)
    if table is not None:
        write_portfolio_csv(report, table)
    if as_json:
        emit_json(portfolio_json(report, caption))
        return
    print_portfolio(report, caption)
    say_written(("report", page), ("round trips", table))
