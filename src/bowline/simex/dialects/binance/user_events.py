"""Binance's user data: what happens to orders, balances and positions, as its events tell it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO
from bowline.core.sim.exchange import (
    BalanceReason,
    BalanceUpdated,
    EndReason,
    Executed,
    Holding,
    OrderUpdated,
    PositionSnapshot,
    PositionUpdated,
    VenueOrder,
)
from bowline.core.venue import MarginMode
from bowline.simex.dialects.binance.render import (
    CENTS,
    POSITION_SIDES,
    SIDES,
    WORKING_TYPES,
    algo_id,
    algo_status_code,
    average,
    client_id_text,
    engine_type_code,
    in_engine,
    is_algo,
    position_side_code,
    signed,
    status_code,
    time_in_force_code,
    type_code,
)
from bowline.simex.payload import JsonObject
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_updates import VenueUpdate
from bowline.simex.wire_values import ms, plain, plain_or

_ENDS = {"CANCELED", "EXPIRED", "REJECTED"}
_WHY = {
    BalanceReason.DEPOSIT: "DEPOSIT",
    BalanceReason.TRADE: "ORDER",
    BalanceReason.FUNDING: "FUNDING_FEE",
    BalanceReason.LIQUIDATION: "ORDER",
}
_SPOT_REASONS = {EndReason.INSUFFICIENT_FUNDS: "INSUFFICIENT_BALANCES"}


class _Stage:
    """An order at the moment that an event tells of: after this fill, or as it is."""

    def __init__(self, venue: SimulatedVenue, order: VenueOrder, fill: Executed | None) -> None:
        self.order, self.fill = order, fill
        self.filled, self.cost, self.state = order.filled, order.cost, status_code(order)
        if fill is None:
            return
        view = venue.engine_of(order.instrument).view
        until = [
            each
            for each in view.fills(order.account, order.instrument)
            if each.order_id == order.order_id and each.trade_id <= fill.trade_id
        ]
        self.filled = sum((each.quantity for each in until), ZERO)
        self.cost = sum((each.quantity * each.price for each in until), ZERO)
        self.state = "FILLED" if self.filled == order.quantity else "PARTIALLY_FILLED"

    @property
    def what(self) -> str:
        """`x`: what has happened to it."""
        if self.fill is not None:
            return "TRADE"
        if self.state in _ENDS:
            return self.state
        fresh = self.order.updated_ns == self.order.created_ns or self.order.triggered
        return "NEW" if fresh else "AMENDMENT"

    @property
    def average(self) -> str:
        """The average price of the fills so far."""
        return plain((self.cost / self.filled).quantize(CENTS)) if self.filled else "0"


def spot_events(venue: SimulatedVenue, update: VenueUpdate) -> Iterable[JsonObject]:
    """ExecutionReport and outboundAccountPosition."""
    match update:
        case OrderUpdated(order=order) if not _is_a_fill(order):
            yield _execution_report(venue, _Stage(venue, order, None), update.now_ns)
        case Executed():
            yield _execution_report(
                venue, _Stage(venue, _order_of(venue, update), update), update.now_ns
            )
        case BalanceUpdated(holding=holding):
            yield {
                "e": "outboundAccountPosition",
                "E": ms(venue.now_ns),
                "u": ms(update.now_ns),
                "B": [{"a": holding.asset, "f": plain(holding.free), "l": plain(holding.locked)}],
            }


def linear_events(venue: SimulatedVenue, update: VenueUpdate) -> Iterable[JsonObject]:
    """ORDER_TRADE_UPDATE, ALGO_UPDATE and ACCOUNT_UPDATE."""
    match update:
        case OrderUpdated(order=order):
            if is_algo(order):
                yield _event(venue, "ALGO_UPDATE", update.now_ns, {"o": _algo(venue, order)})
            if in_engine(order) and not _is_a_fill(order):
                told = _trade_update(venue, _Stage(venue, order, None), update.now_ns)
                yield _event(venue, "ORDER_TRADE_UPDATE", update.now_ns, {"o": told})
        case Executed():
            stage = _Stage(venue, _order_of(venue, update), update)
            told = _trade_update(venue, stage, update.now_ns)
            yield _event(venue, "ORDER_TRADE_UPDATE", update.now_ns, {"o": told})
        case BalanceUpdated(holding=holding, reason=reason) if reason in _WHY:
            moved = {"m": _WHY[reason], "B": [_balance(holding, reason, update.change)], "P": []}
            yield _event(venue, "ACCOUNT_UPDATE", update.now_ns, {"a": moved})
        case PositionUpdated(position=position):
            moved = {"m": "ORDER", "B": [], "P": [_position(venue, position)]}
            yield _event(venue, "ACCOUNT_UPDATE", update.now_ns, {"a": moved})


def _event(venue: SimulatedVenue, name: str, at_ns: int, more: JsonObject) -> JsonObject:
    return {"e": name, "E": ms(venue.now_ns), "T": ms(at_ns)} | more


def _is_a_fill(order: VenueOrder) -> bool:
    """The execution itself tells of it."""
    return order.state in (OrderState.PARTLY_FILLED, OrderState.FILLED)


def _order_of(venue: SimulatedVenue, fill: Executed) -> VenueOrder:
    # not the venue's view, which a fault may keep from seeing what is new
    order = venue.engine_of(fill.instrument).view.order(fill.account, fill.order_id)
    assert order is not None
    return order


def _execution_report(venue: SimulatedVenue, stage: _Stage, at_ns: int) -> JsonObject:
    order, fill = stage.order, stage.fill
    requested, last = order.requested, fill.quantity * fill.price if fill else ZERO
    cancelled = stage.what == "CANCELED"
    words: JsonObject = {
        "e": "executionReport",
        "E": ms(venue.now_ns),
        "s": venue.listing(order.instrument).venue_symbol,
        "c": f"cancel{at_ns:x}" if cancelled else order.client_id,
        "S": SIDES[order.side],
        "o": type_code(order),
        "f": time_in_force_code(order),
        "q": plain(order.quantity),
        "p": plain_or(order.price, "0"),
        "P": plain_or(requested.trigger, "0"),
        "F": "0.00000000",
        "g": -1,
        "C": order.client_id if cancelled else "",
        "x": "REPLACED" if stage.what == "AMENDMENT" else stage.what,
        "X": stage.state,
        "r": _SPOT_REASONS.get(order.ended, "NONE") if order.ended else "NONE",
        "i": order.order_id,
        "l": plain(fill.quantity) if fill else "0",
        "z": plain(stage.filled),
        "L": plain(fill.price) if fill else "0",
        "n": plain(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": ms(at_ns),
        "t": fill.trade_id if fill else -1,
        "I": 2 * order.order_id + (fill.trade_id if fill else 0),
        "w": not order.done and not order.waiting,
        "m": fill is not None and fill.maker,
        "M": False,
        "O": ms(order.created_ns),
        "Z": plain(stage.cost),
        "Y": plain(last),
        "Q": plain_or(requested.quote_cost, "0"),
        "V": "NONE",
    }
    return words if order.waiting else words | {"W": ms(order.created_ns)}


def _trade_update(venue: SimulatedVenue, stage: _Stage, at_ns: int) -> JsonObject:
    order, fill = stage.order, stage.fill
    requested = order.requested
    return {
        "s": venue.listing(order.instrument).venue_symbol,
        "c": client_id_text(order),
        "S": SIDES[order.side],
        "o": engine_type_code(order),
        "f": time_in_force_code(order),
        "q": plain(order.quantity),
        "p": plain_or(order.price, "0"),
        "ap": stage.average,
        "sp": "0",
        "x": stage.what,
        "X": stage.state,
        "i": order.order_id,
        "l": plain(fill.quantity) if fill else "0",
        "z": plain(stage.filled),
        "L": plain(fill.price) if fill else "0",
        "N": fill.fee_asset if fill else venue.listing(order.instrument).quote,
        "n": plain(fill.fee) if fill else "0",
        "T": ms(at_ns),
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill is not None and fill.maker,
        "R": requested.reduce_only,
        "wt": WORKING_TYPES[requested.trigger_by],
        "ot": "LIQUIDATION" if order.by_venue else type_code(order),
        "ps": POSITION_SIDES[requested.position_side],
        "cp": False,
        "rp": plain(fill.realised) if fill else "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "NONE",
        "pm": "NONE",
        "gtd": 0,
    }


def _algo(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    requested = order.requested
    return {
        "caid": order.client_id,
        "aid": algo_id(order),
        "at": "CONDITIONAL",
        "o": type_code(order),
        "s": venue.listing(order.instrument).venue_symbol,
        "S": SIDES[order.side],
        "ps": POSITION_SIDES[requested.position_side],
        "f": "GTC",
        "q": plain(order.quantity),
        "X": algo_status_code(order),
        "ai": str(order.order_id) if order.triggered else "",
        "ap": average(order),
        "aq": plain(order.filled),
        "act": "0",
        "tp": plain_or(requested.trigger, "0"),
        "p": plain_or(order.price, "0"),
        "V": "NONE",
        "wt": WORKING_TYPES[requested.trigger_by],
        "pm": "NONE",
        "cp": False,
        "pP": False,
        "R": requested.reduce_only,
        "tt": ms(order.updated_ns) if order.triggered else 0,
        "gtd": 0,
        "rm": order.reject_reason.value if order.reject_reason else "",
    }


def _balance(holding: Holding, reason: BalanceReason, change: Decimal) -> JsonObject:
    # profit, loss and commission are no change of the balance in this field
    other = ZERO if _WHY[reason] == "ORDER" else change
    total = plain(holding.total)
    return {"a": holding.asset, "wb": total, "cw": total, "bc": plain(other)}


def _position(venue: SimulatedVenue, position: PositionSnapshot) -> JsonObject:
    isolated = position.margin_mode is MarginMode.ISOLATED
    entry = plain(position.entry_price.quantize(CENTS))
    return {
        "s": venue.listing(position.instrument).venue_symbol,
        "pa": plain(signed(position, position.quantity)),
        "ep": entry,
        "bep": entry,
        "cr": plain(position.realised),
        "up": plain(position.unrealised),
        "mt": "isolated" if isolated else "cross",
        "iw": plain(position.margin) if isolated else "0",
        "ps": position_side_code(position),
    }
