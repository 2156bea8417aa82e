"""freqtrade's books held against the venue's: orders, fees, positions, balances. Nothing moves."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from bowline.core.model.values import Direction, Side
from bowline.core.sim.exchange import Executed, VenueOrder
from bowline.core.venue import MarginMode, OrderKind
from bowline.simex import ACCOUNT
from bowline.simex.venue import SimulatedVenue

#: freqtrade counts in floating point
_CLOSE = 1e-9


def instrument_of(venue: SimulatedVenue, kind: str, pair: str) -> Any:
    """Ours of freqtrade's `BTC/USDT:USDT`."""
    symbol = pair.split(":", maxsplit=1)[0].replace("/", "")
    found = {each.instrument.id.symbol: each.instrument.id for each in venue.listings(kind)}
    return found[symbol]


def resting_stop(venue: SimulatedVenue, kind: str, pair: str) -> VenueOrder | None:
    """The one stop that waits there."""
    at = instrument_of(venue, kind, pair)
    waiting = [each for each in venue.view(kind).open_orders(ACCOUNT, at) if each.waiting]
    assert len(waiting) <= 1, f"{len(waiting)} stops of {pair}"
    return waiting[0] if waiting else None


def check_stop(stop: VenueOrder, trade: dict[str, Any], how: str) -> None:
    """A stop that covers the trade, closes it, and is what was asked for."""
    assert stop.requested.kind is OrderKind.STOP
    assert stop.side is (Side.BUY if trade["is_short"] else Side.SELL)
    same("stop quantity", trade["amount"], stop.quantity)
    assert stop.requested.trigger is not None
    same("stop price", trade["stop_loss_abs"], stop.requested.trigger, 1e-4)
    assert (stop.requested.price is not None) is (how == "limit"), "the stop's limit price"
    if stop.requested.price is not None:
        # freqtrade's own rule: the limit is 1 % beyond the trigger
        beyond = 1.01 if trade["is_short"] else 0.99
        same("stop limit", trade["stop_loss_abs"] * beyond, stop.requested.price, 1e-4)


def check_trades(venue: SimulatedVenue, kind: str, trades: Iterable[dict[str, Any]]) -> None:
    """Every fill that freqtrade counts, in order, is the venue's, and the other way round."""
    told: dict[str, list[dict[str, Any]]] = {}
    for trade in sorted(trades, key=lambda each: each["trade_id"]):
        check_fees(venue, kind, trade)
        found = [each for each in trade["orders"] if each["filled"]]
        told.setdefault(trade["pair"], []).extend(found)
    for pair, orders in told.items():
        at = instrument_of(venue, kind, pair)
        ours = _filled(venue, kind, at)
        orders.sort(key=lambda each: each["order_filled_timestamp"])
        assert len(orders) == len(ours), f"{pair}: {len(orders)} filled orders, not {len(ours)}"
        for theirs, order in zip(orders, ours, strict=True):
            same(f"{pair} filled", theirs["filled"], order.filled)
            same(f"{pair} average", theirs["safe_price"], order.average_price or Decimal(0))


def _filled(venue: SimulatedVenue, kind: str, instrument: Any) -> list[VenueOrder]:
    view = venue.view(kind)
    every = view.closed_orders(ACCOUNT, instrument) + view.open_orders(ACCOUNT, instrument)
    return sorted((each for each in every if each.filled), key=lambda each: each.updated_ns)


def check_fees(venue: SimulatedVenue, kind: str, trade: dict[str, Any]) -> None:
    """The rates and assets of what entry and exit have cost; of a perpetual the profit after it."""
    at = instrument_of(venue, kind, trade["pair"])
    since, until = trade["open_timestamp"], trade["close_timestamp"] or math.inf
    fills = [
        each
        for each in venue.view(kind).fills(ACCOUNT, at)
        if since - 5_000 <= each.now_ns // 10**6 <= until + 5_000
    ]
    entering = Side.SELL if trade["is_short"] else Side.BUY
    for what, side in (("open", entering), ("close", entering.opposite)):
        paid = [each for each in fills if each.side is side]
        if not paid or (what == "close" and trade["is_open"]):
            continue
        # eight places; its fee_open_cost is another thing: the rate of the margin
        same(f"{trade['pair']} fee_{what}", trade[f"fee_{what}"] or 0, _rate(paid), least=1e-8)
        assets = {each.fee_asset for each in paid}
        assert assets == {trade[f"fee_{what}_currency"]}, f"fee_{what}: {assets}"
    if kind == "linear" and not trade["is_open"]:
        profit = sum((each.realised - each.fee for each in fills), Decimal(0))
        same(f"{trade['pair']} profit", trade["close_profit_abs"], profit, least=1e-3)


def _fee(fills: list[Executed]) -> Decimal:
    return sum((each.fee for each in fills), Decimal(0))


def _rate(fills: list[Executed]) -> Decimal:
    """Share of the value that was charged, whatever in: of a buy's base, of anybody's quote."""
    in_base = fills[0].fee_asset == fills[0].instrument.symbol.removesuffix("USDT")
    value = sum((each.quantity if in_base else each.quantity * each.price) for each in fills)
    return _fee(fills) / value


def check_positions(venue: SimulatedVenue, kind: str, trades: Iterable[dict[str, Any]]) -> None:
    """What is open is open there, the same way round and for the same price."""
    trades = list(trades)
    if kind == "spot":
        return
    positions = {each.instrument.symbol: each for each in venue.view(kind).positions(ACCOUNT)}
    assert len(positions) == len(trades), f"{len(positions)} positions, {len(trades)} trades"
    for trade in trades:
        position = positions[instrument_of(venue, kind, trade["pair"]).symbol]
        direction = Direction.SHORT if trade["is_short"] else Direction.LONG
        assert position.direction is direction
        assert position.margin_mode is MarginMode.ISOLATED
        same("position", trade["amount"], position.quantity)
        same("entry price", trade["open_rate"], position.entry_price)
        same("leverage", trade["leverage"], position.leverage)
        assert position.liquidation_price is not None
        # freqtrade keeps 5 % of the way to it as a buffer (its liquidation_buffer)
        buffer = abs(trade["open_rate"] - float(position.liquidation_price)) * 0.05
        nearer = -buffer if trade["is_short"] else buffer
        theirs = trade["liquidation_price"]
        same("liquidation", theirs, position.liquidation_price + Decimal(nearer), 1e-3)


def check_balances(
    venue: SimulatedVenue, kind: str, balances: dict[str, Any], *, flat: bool
) -> None:
    """Every coin that freqtrade shows: all there is of it on spot, what is free once it is out.

    Before that freqtrade may show what was free before its last order.
    """
    told = {each["currency"]: each for each in balances["currencies"] if not each["is_position"]}
    held = {each.asset: each for each in venue.view(kind).holdings(ACCOUNT)}
    assert "USDT" in told, f"freqtrade shows {sorted(told)}"
    for asset, words in told.items():
        if flat:
            same(f"{asset} free", words["free"], held[asset].free, least=1e-6)
        if kind == "spot":
            same(f"{asset} total", words["balance"], held[asset].total, least=1e-6)


def same(
    what: str, theirs: float, ours: Decimal | float, within: float = _CLOSE, least: float = 1e-9
) -> None:
    """Their number is the venue's, but for a share `within` of it or at `least` so much."""
    assert theirs is not None, f"{what}: freqtrade has none, the venue {ours}"
    if not math.isclose(theirs, float(ours), rel_tol=within, abs_tol=least):
        raise AssertionError(f"{what}: freqtrade has {theirs}, the venue {ours}")
