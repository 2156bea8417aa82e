"""The rows of one reply, each read on its own: one that cannot be read stops no other.

Nothing may be guessed, and nothing may vanish: what cannot be read is told, with whatever says what
it is about, so that nobody takes it for absent.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import ZERO, Direction, OrderId, Side
from bowline.core.venue import Balance, FillKind, Listing, OrderReport, PositionReport
from bowline.venues.protocol import Told, UnreadableRow
from bowline.venues.rest.client import trips
from bowline.venues.rest.judging import at
from bowline.venues.rest.quirks import FeeAt, Fills
from bowline.venues.rest.reading import balance_rows, left_out, number, our_id, read_balance

T = TypeVar("T")
_log = logging.getLogger(__name__)

#: of an unreadable row so much is kept
MOST_TEXT = 300
#: where venues put our id of an order, and their own
_CLIENT_IDS = (
    "orderLinkId", "clOrdId", "clientOid", "clientOrderId", "clientOrderID", "client_order_id",
    "client-order-id", "externalOid", "text", "origClientOrderId",
)  # fmt: skip
_VENUE_IDS = ("orderId", "ordId", "order_id", "orderID", "id")
_SIDES = {side.value: side for side in Side}


def unreadable(
    what: str, row: object, why: object, instrument: InstrumentId | None = None, asset: str = ""
) -> UnreadableRow:
    """A row to be told, and logged once here."""
    text = json.dumps(row, ensure_ascii=False, default=str)[:MOST_TEXT]
    said = str(why) or type(why).__name__
    _log.warning("a row of %s cannot be read: %s", what, said, extra={"row": text})
    return UnreadableRow(what, said, text, instrument, asset)


def each(
    what: str,
    rows: Iterable[tuple[Any, InstrumentId | None]],
    read: Callable[[Any], T | None],
) -> Told[T]:
    """Every row read; None is a row of nothing. `rows`: each and what it is of."""
    found: list[T] = []
    lost: list[UnreadableRow] = []
    for row, instrument in rows:
        try:
            record = read(row)
        except trips() as error:
            lost.append(unreadable(what, row, error, instrument=instrument))
            continue
        if record is not None:
            found.append(record)
    return Told(found, lost)


def order_in_doubt(
    row: Mapping[str, object], listing: Listing, prefix: str, now_ns: int
) -> OrderReport | None:
    """What can be said of an order of which the rest is unreadable: its ids, and that it is there.

    None where not even its own id and its side can be had. Nothing of it is known to have filled.
    """
    venue_id = venue_id_of(row)
    side = _SIDES.get(str(row.get("side")).lower())
    if not venue_id or side is None:
        return None
    client_id = client_id_of(row, prefix)
    return OrderReport(
        venue_id, client_id, listing.instrument.id, side, ZERO, ZERO, OrderState.UNKNOWN, now_ns
    )


def unreadable_order(
    what: str, row: Mapping[str, object], why: object, listing: Listing, prefix: str
) -> UnreadableRow:
    """An order that cannot be read, with its ids where they can be."""
    return replace(
        unreadable(what, row, why, listing.instrument.id),
        venue_order_id=venue_id_of(row),
        client_id=client_id_of(row, prefix),
    )


def balances(
    what: str,
    found: Mapping[str, object],
    lost: list[tuple[object, Exception]],
    places: tuple[str, str, str] | None,
) -> Told[Balance]:
    """Balances by asset; `lost` rows are told beside them. `places`: see `left_out`."""
    more = left_out(found, *places) if places else {}
    told: list[Balance] = []
    bad = [unreadable(what, row, why) for row, why in lost]
    for asset, amounts in balance_rows(found):
        try:
            balance = read_balance(asset, amounts, more.get(asset, ZERO))
        except trips() as error:
            bad.append(unreadable(what, amounts, error, asset=asset))
            continue
        told += [] if balance is None else [balance]
    return Told(told, bad)


def closing_side(word: str) -> Side | None:
    """The side of an order that closes all of a long or of a short; None if it does not say."""
    return {"close_long": Side.SELL, "close_short": Side.BUY}.get(word)


def against(positions: Iterable[PositionReport], instrument: InstrumentId) -> Side:
    """The side that closes what is open there. ValueError unless there is one position."""
    (position,) = (each for each in positions if each.instrument == instrument)
    return Side.SELL if position.direction is Direction.LONG else Side.BUY


def client_id_of(row: Mapping[str, object], prefix: str) -> OrderId | None:
    """Our id, wherever a venue has it."""
    ours = (our_id(row.get(key), prefix) for key in _CLIENT_IDS if row.get(key))
    return next((each for each in ours if each is not None), None)


def venue_id_of(row: Mapping[str, object]) -> str:
    """The venue's id of an order, wherever it has it."""
    return next((str(row[key]) for key in _VENUE_IDS if row.get(key)), "")


def kind_of(rules: Fills, row: object) -> FillKind | None:
    """What an execution is; None for a row that is none. ValueError for a word nobody knows."""
    word = str(at(row, rules.kind_at) or "") if rules.kind_at else ""
    if word in rules.no_fills:
        return None
    for begins, kind in rules.kinds.items():
        if word.startswith(begins):
            return kind
    if rules.strict:
        raise ValueError(f"an execution of type {word!r}")
    return FillKind.TRADE


def fee_of(rules: Fills, row: object, listing: Listing, side: Side) -> tuple[Decimal, str]:
    """What was paid, negative for a rebate, and in which asset.

    ValueError without a fee, for one without its asset, and for one in two assets.
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


def _amount(place: FeeAt, row: object) -> Decimal | None:
    text = at(row, place.amount)
    if text in {None, ""}:
        return None
    amount = number({"fee": text}, "fee")
    path, word = place.paid
    if path and str(at(row, path)).lower() == word:
        return abs(amount)
    # 0 has no sign
    return ZERO - amount if place.rebate > 0 else amount


def _asset(place: FeeAt, row: object, listing: Listing, side: Side, fee: Decimal) -> str:
    if place.asset.startswith("="):
        return place.asset[1:]
    word = place.asset if place.asset.startswith("$") else str(at(row, place.asset) or "")
    match word or place.otherwise:
        case "$quote":
            return listing.quote
        case "$received":
            return listing.base if (side is Side.BUY) is (fee >= ZERO) else listing.quote
        case asset:
            return asset.upper()
