"""`bowline venues watch`: an account's events by the venue's stream, checked by REST."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from bowline.core.model.instrument import Market
    from bowline.venues.account_codec import AccountReport
    from bowline.venues.stream import AccountEvent

#: notices too frequent to be shown
_QUIET = frozenset({"RestPolled"})


def watch_command(
    *,
    market: str = typer.Option(..., help="The market, such as bybit:linear; its key must be set."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object per line."),
) -> None:
    """Print orders, fills and balances as they arrive.

    Positions are printed as well; Ctrl-C ends it.
    """
    from bowline.desk.instruments import parse_markets

    with asyncio.Runner() as runner:
        try:
            runner.run(_watch(parse_markets([market]), as_json=as_json))
        except KeyboardInterrupt:
            typer.echo("", err=True)


async def _watch(markets: tuple[Market, ...], *, as_json: bool) -> None:
    from bowline import wire

    async with wire.venues() as venues:
        printer = _Lines() if as_json else _Sentences()
        streams = [await venues.account_stream(each, printer) for each in markets]
        async with asyncio.TaskGroup() as tasks:
            for each in streams:
                tasks.create_task(each.run())


class _Lines:
    """A JSON object per line; `told` names its kind."""

    def report(self, report: AccountReport, seen_ns: int) -> None:
        self._say(report, seen_ns)

    def event(self, event: AccountEvent, seen_ns: int) -> None:
        self._say(event, seen_ns)

    def _say(self, each: AccountReport | AccountEvent, seen_ns: int) -> None:
        import msgspec

        line = {"told": type(each).__name__, "seen_ns": seen_ns, **msgspec.to_builtins(each)}
        line.pop("type", None)
        typer.echo(msgspec.json.encode(line).decode())


class _Sentences:
    """A sentence for each report and notice."""

    def report(self, report: AccountReport, seen_ns: int) -> None:
        typer.echo(f"{_clock(seen_ns)} {_sentence(report)}")

    def event(self, event: AccountEvent, seen_ns: int) -> None:
        if type(event).__name__ not in _QUIET:
            typer.echo(f"{_clock(seen_ns)} {_event_text(event)}")


def _clock(seen_ns: int) -> str:
    import numpy as np

    return str(np.datetime64(seen_ns, "ns").astype("datetime64[ms]")).partition("T")[2]


def _sentence(report: AccountReport) -> str:
    from bowline.core.venue import Balance, FillReport, OrderReport

    match report:
        case OrderReport():
            at = "at the market" if report.price is None else f"at {report.price:f}"
            ours = "" if report.client_id is None else f" (ours: {report.client_id})"
            return (
                f"order {report.venue_order_id}{ours}: {report.side.value} {report.quantity:f} "
                f"{report.instrument.symbol} {at}, {report.state.value.replace('_', ' ')}, "
                f"filled {report.filled:f}"
            )
        case FillReport():
            return (
                f"fill {report.trade_id}: {report.side.value} {report.quantity:f} "
                f"{report.instrument.symbol} at {report.price:f}, "
                f"fee {report.fee:f} {report.fee_asset}, {'maker' if report.maker else 'taker'}"
            )
        case Balance():
            return f"balance {report.asset}: {report.total:f}, free {report.free:f}"
        case _:
            if not report.quantity:
                return f"position {report.instrument.symbol}: flat"
            return (
                f"position {report.instrument.symbol}: {report.direction.name.lower()} "
                f"{report.quantity:f} at {report.entry_price:f}"
            )


def _event_text(event: AccountEvent) -> str:
    from bowline.venues import stream

    match event:
        case stream.StreamLive():
            said = "the stream is live"
        case stream.StreamLost(why, retry_after_s):
            said = (
                f"the stream is lost: {why}; reconnecting in {retry_after_s:.1f} s, REST until then"
            )
        case stream.KeyRefused(code, message):
            said = f"the venue refused the key: {message} ({code})"
        case stream.StreamMissed(report):
            said = f"the stream missed what REST reported: {_sentence(report)}"
        case stream.OrderStateUnknown(report):
            said = f"an order in an unknown state: {_sentence(report)}"
        case stream.RestFailed(message):
            said = f"the REST request failed: {message}"
        case stream.FrameUnreadable(_, message):
            said = f"a frame could not be read: {message}"
        case _:
            said = "a REST request was sent"
    return said
