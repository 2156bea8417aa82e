"""Parsing the rows of a reply one by one: an unreadable row does not stop the others.

Nothing is guessed and nothing is dropped: unreadable rows are returned with what identifies them,
so that their objects are not taken for absent.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, OrderId, Side
from bowline.core.venue import Balance, FillKind, Listing, OrderReport, PositionReport
from bowline.venues.protocol import ParsedRows, UnreadableRow
from bowline.venues.rest.classify import value_at
from bowline.venues.rest.client import parse_errors
from bowline.venues.rest.parse import (
    balance_rows,
    extra_balances,
    parse_balance,
    parse_client_id,
    parse_side,
    required_decimal,
)
from bowline.venues.rest.quirks import FeeFields, FillsQuirks, SideQuirks

T = TypeVar("T")
_log = logging.getLogger(__name__)

#: characters of an unreadable row that are kept
MAX_TEXT = 300
#: keys of our id and of the venue's id in an order, as ccxt 4.5.90 reads them
_CLIENT_IDS = (
    "orderLinkId", "clOrdId", "clientOid", "clientOrderId", "clientOrderID", "client_order_id",
    "client-order-id", "externalOid", "text", "origClientOrderId",
)  # fmt: skip
_VENUE_IDS = ("orderId", "ordId", "order_id", "orderID", "id")
_SIDES = {side.value: side for side in Side}


def unreadable_row(
    what: str, row: object, why: object, instrument: InstrumentId | None = None, asset: str = ""
) -> UnreadableRow:
    """The record of an unreadable row, which is also logged."""
    text = json.dumps(row, ensure_ascii=False, default=str)[:MAX_TEXT]
    said = str(why) or type(why).__name__
    _log.warning("unreadable row of %s: %s", what, said, extra={"row": text})
    return UnreadableRow(what, said, text, instrument, asset)


def parse_rows(
    what: str,
    rows: Iterable[tuple[Any, InstrumentId | None]],
    read: Callable[[Any], T | None],
) -> ParsedRows[T]:
    """Parse every row; None skips a row. `rows`: pairs of a row and its instrument."""
    found: list[T] = []
    lost: list[UnreadableRow] = []
    for row, instrument in rows:
        try:
            record = read(row)
        except parse_errors() as error:
            lost.append(unreadable_row(what, row, error, instrument=instrument))
            continue
        if record is not None:
            found.append(record)
    return ParsedRows(found, lost)


def unknown_order(
    row: Mapping[str, object],
    listing: Listing,
    prefix: str,
    now_ns: int,
    sides: SideQuirks | None = None,
) -> OrderReport | None:
    """An order in state UNKNOWN from an unreadable row, if its id and side can be read.

    None if they cannot be read. Nothing is known of its quantity or fills.
    """
    venue_id = venue_id_of(row)
    side = _side_if_known(row, sides)
    if not venue_id or side is None:
        return None
    client_id = client_id_of(row, prefix)
    return OrderReport(
        venue_order_id=venue_id,
        client_id=client_id,
        instrument=listing.instrument.id,
        side=side,
        quantity=ZERO,
        filled=ZERO,
        state=OrderState.UNKNOWN,
        event_ns=now_ns,
    )


def _side_if_known(row: Mapping[str, object], sides: SideQuirks | None) -> Side | None:
    if sides is None:
        return _SIDES.get(str(row.get("side")).lower())
    try:
        return parse_side(sides, row)
    except ValueError:
        return None


def unreadable_order(
    what: str, row: Mapping[str, object], why: object, listing: Listing, prefix: str
) -> UnreadableRow:
    """The record of an unreadable order, with its ids if they can be read."""
    return replace(
        unreadable_row(what, row, why, listing.instrument.id),
        venue_order_id=venue_id_of(row),
        client_id=client_id_of(row, prefix),
    )


def balances(
    what: str,
    found: Mapping[str, object],
    lost: list[tuple[object, Exception]],
    places: tuple[str, str, str] | None,
) -> ParsedRows[Balance]:
    """Balances by asset; `lost` rows are added as unreadable. `places`: see `extra_balances`."""
    more = extra_balances(found, *places) if places else {}
    told: list[Balance] = []
    bad = [unreadable_row(what, row, why) for row, why in lost]
    for asset, amounts in balance_rows(found):
        try:
            balance = parse_balance(asset, amounts, more.get(asset, ZERO))
        except parse_errors() as error:
            bad.append(unreadable_row(what, amounts, error, asset=asset))
            continue
        told += [] if balance is None else [balance]
    return ParsedRows(told, bad)


def mark_hedged(found: ParsedRows[PositionReport]) -> ParsedRows[PositionReport]:
    """Two positions of one instrument are a hedged account's, whether the venue says so or not."""
    held = Counter(each.instrument for each in found)
    marked = [replace(each, hedged=each.hedged or held[each.instrument] > 1) for each in found]
    return ParsedRows(marked, found.unreadable)


def closing_side(word: str) -> Side | None:
    """The side of an order that closes a whole long or short position; None if unknown."""
    return {"close_long": Side.SELL, "close_short": Side.BUY}.get(word)


def closing_side_of_position(positions: Iterable[PositionReport], instrument: InstrumentId) -> Side:
    """The side that closes the open position. ValueError unless there is exactly one."""
    (position,) = (each for each in positions if each.instrument == instrument)
    return Side.SELL if position.direction is Direction.LONG else Side.BUY


def client_id_of(row: Mapping[str, object], prefix: str) -> OrderId | None:
    """Our client id, at any of the known keys."""
    ours = (parse_client_id(row.get(key), prefix) for key in _CLIENT_IDS if row.get(key))
    return next((each for each in ours if each is not None), None)


def venue_id_of(row: Mapping[str, object]) -> str:
    """The venue's order id, at any of the known keys."""
    return next((str(row[key]) for key in _VENUE_IDS if row.get(key)), "")


def fill_kind(rules: FillsQuirks, row: object) -> FillKind | None:
    """The kind of a fill; None if the row is not a fill. ValueError for an unknown type."""
    word = str(value_at(row, rules.kind_path) or "") if rules.kind_path else ""
    if word in rules.ignored_kinds:
        return None
    for begins, kind in rules.kinds.items():
        if word.startswith(begins):
            return kind
    if rules.strict_kinds:
        raise ValueError(f"an execution of type {word!r}")
    return FillKind.TRADE


def parse_fee(rules: FillsQuirks, row: object, listing: Listing, side: Side) -> tuple[Decimal, str]:
    """The fee, negative for a rebate, and its asset.

    ValueError if the fee or its asset is missing, or if there are fees in two assets.
    """
    told = [(each, _amount(each, row)) for each in rules.fees]
    there = [(each, amount) for each, amount in told if amount is not None]
    if not there:
        raise ValueError("no fee")
    charged = [(each, amount) for each, amount in there if amount]
    place, fee = (charged or there)[0]
    asset = _asset(place, row, listing, side, fee)
    if any(_asset(each, row, listing, side, paid) != asset for each, paid in charged):
        raise ValueError("a fee in two assets")
    if not asset:
        raise ValueError("no fee asset")
    return sum((amount for _, amount in charged), ZERO), asset


def _amount(place: FeeFields, row: object) -> Decimal | None:
    text = value_at(row, place.amount)
    if text in {None, ""}:
        return None
    amount = required_decimal({"fee": text}, "fee")
    path, word = place.always_paid
    if path and str(value_at(row, path)).lower() == word:
        return abs(amount)
    # avoids a negative zero
    return ZERO - amount if place.rebate_sign > 0 else amount


def _asset(place: FeeFields, row: object, listing: Listing, side: Side, fee: Decimal) -> str:
    if place.asset.startswith("="):
        return place.asset[1:]
    word = place.asset if place.asset.startswith("$") else str(value_at(row, place.asset) or "")
    match word or place.default_asset:
        case "$quote":
            return listing.quote
        case "$received":
            return listing.base if (side is Side.BUY) is (fee >= ZERO) else listing.quote
        case asset:
            return asset.upper()
