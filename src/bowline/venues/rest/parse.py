"""Parsing rows of replies, as ccxt returns them, into our records.

Nothing is guessed: a row without a number that the record needs raises ValueError, and an unknown
status becomes UNKNOWN. ccxt counts contracts, our records count base units.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation

import numpy as np

from bowline.core.model.instrument import Instrument, InstrumentId, Market
from bowline.core.model.market import CandleFrame, empty_frame
from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, ONE, ZERO, Direction, OrderId, Side, Timeframe
from bowline.core.venue import (
    Balance,
    FillKind,
    FillReport,
    Listing,
    ListingStatus,
    MarginMode,
    OrderReport,
    PositionReport,
)
from bowline.venues.protocol import KeyRights
from bowline.venues.rest.classify import value_at
from bowline.venues.rest.quirks import KeyRightsQuirks, MarketQuirks, SideQuirks

Row = Mapping[str, object]
_MS_NS = 1_000_000
_QUOTE = "USDT"


def required_decimal(row: Row, key: str) -> Decimal:
    """The number at `key`; ValueError if there is none."""
    found = optional_decimal(row, key)
    if found is None:
        raise ValueError(f"no {key}")
    return found


def optional_decimal(row: Row, key: str) -> Decimal | None:
    """The number at `key`, None if there is none; ValueError if it is not a finite number."""
    value = row.get(key)
    if value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{key} {value!r} is not a finite number") from None
    if not found.is_finite():
        raise ValueError(f"{key} {value!r} is not a finite number")
    return found


def parse_client_id(value: object, prefix: str) -> OrderId | None:
    """Our id from a venue's client order id; None if the order is not ours."""
    text = str(value or "").removeprefix(prefix)
    if not (text.isascii() and text.isdigit()) or text.startswith("0") or int(text) >= 2**63:
        return None
    return OrderId(int(text))


def parse_side(rules: SideQuirks, row: object) -> Side:
    """The side of an order or a fill by the venue's table. ValueError if it is unknown."""
    word = str(value_at(row, rules.path)).lower()
    for end, side in rules.sides.items():
        if word == end or word.endswith(f"_{end}"):
            return side
    told = Side(str(value_at(row, "side")).lower())
    return told.opposite if word in rules.opposite else told


def parse_listing(row: Row, market: Market, quirks: MarketQuirks) -> Listing | None:
    """A market of ccxt's list as a listing; None if it is not supported here.

    Linear markets are perpetuals that are quoted and settled in USDT.
    """
    linear = market.kind == "linear"
    if linear and not (row.get("swap") and row.get("quote") == row.get("settle") == _QUOTE):
        return None
    if not linear and not row.get("spot"):
        return None
    contract_size = optional_decimal(row, "contractSize") or ONE
    limits, precision = _row(row, "limits"), _row(row, "precision")
    amounts, costs, leverages = (_row(limits, name) for name in ("amount", "cost", "leverage"))
    base, quote = (str(row[name]).upper() for name in ("base", "quote"))
    instrument = Instrument(
        InstrumentId(market.market_id, base + quote),
        tick_size=optional_decimal(precision, "price") or ZERO,
        lot_step=(optional_decimal(precision, "amount") or ZERO) * contract_size,
        min_notional=optional_decimal(costs, "min") or ZERO,
        contract_size=contract_size,
        taker_fee_pct=(optional_decimal(row, "taker") or ZERO) * 100,
    )
    word = str(value_at(row.get("info"), quirks.status_path))
    least, most = optional_decimal(amounts, "min") or ZERO, optional_decimal(leverages, "max")
    return Listing(
        instrument,
        venue_symbol=str(row["id"]),
        base=base,
        quote=quote,
        status=quirks.listing_statuses.get(word, ListingStatus.UNKNOWN),
        # at least one step, whatever ccxt returns for a minimum in contracts
        min_quantity=max(least * contract_size, instrument.lot_step),
        # ccxt returns 1 for perpetuals whose leverage the venue lists elsewhere
        max_leverage=most if linear and most != ONE else None,
    )


def parse_order(row: Row, listing: Listing, prefix: str, now_ns: int) -> OrderReport:
    """An order. Its state follows the filled quantity first, then the venue's status."""
    size = listing.instrument.contract_size
    quantity = required_decimal(row, "amount") * size
    filled = (optional_decimal(row, "filled") or ZERO) * size
    average = optional_decimal(row, "average")
    price = optional_decimal(row, "price")
    return OrderReport(
        venue_order_id=str(row["id"]),
        client_id=parse_client_id(row.get("clientOrderId"), prefix),
        instrument=listing.instrument.id,
        side=Side(row["side"]),
        quantity=quantity,
        filled=filled,
        state=_state(row.get("status"), quantity, filled),
        event_ns=_time_ns(row, "lastUpdateTimestamp", "lastTradeTimestamp", "timestamp") or now_ns,
        price=price or None,
        average_price=average if filled else None,
        reduce_only=row.get("reduceOnly") is True,
    )


def _state(word: object, quantity: Decimal, filled: Decimal) -> OrderState:
    if word not in {"open", "closed", "canceled", "expired", "rejected", "canceling"}:
        return OrderState.UNKNOWN
    # a stop that closes the whole position has a quantity of 0
    if filled >= quantity and (filled or word == "closed"):
        return OrderState.FILLED
    if word in {"open", "canceling"}:
        return OrderState.PARTLY_FILLED if filled else OrderState.WORKING
    return OrderState.REJECTED if word == "rejected" else OrderState.CANCELLED


def found_orders(reply: object, path: str) -> list[object]:
    """The orders in the reply of a look-up; empty if the reply says that there is none.

    An empty value at the path means that there is none. Raises ValueError if the path is missing.
    """
    above, _, key = path.rpartition(".")
    found, holder = value_at(reply, path), value_at(reply, above)
    if isinstance(found, Mapping) and found:
        return [found]
    if isinstance(found, list) and found:
        return found
    if key and isinstance(holder, Mapping) and key in holder and found in (None, [], {}):
        return []
    raise ValueError("the reply has no order")


def parse_fill(
    row: Row,
    listing: Listing,
    client_id: OrderId | None,
    fee: tuple[Decimal, str],
    kind: FillKind,
) -> FillReport:
    """A fill with its fee and asset. ValueError without an id, a price, a size or a time."""
    if not row.get("id"):
        raise ValueError("no trade id")
    event_ns = _time_ns(row, "timestamp")
    if event_ns is None:
        raise ValueError("no time")
    quantity, price = required_decimal(row, "amount"), required_decimal(row, "price")
    if not (quantity > ZERO and price > ZERO):
        raise ValueError(f"an execution of {quantity} at {price}")
    return FillReport(
        instrument=listing.instrument.id,
        trade_id=str(row["id"]),
        venue_order_id=str(row.get("order") or ""),
        client_id=client_id,
        side=Side(row["side"]),
        quantity=quantity * listing.instrument.contract_size,
        price=price,
        fee=fee[0],
        fee_asset=fee[1],
        event_ns=event_ns,
        maker=row.get("takerOrMaker") == "maker",
        kind=kind,
    )


def parse_balance(asset: str, amounts: Row, more: Decimal = ZERO) -> Balance | None:
    """A balance; None if it is zero. `more` is added to the total."""
    total = optional_decimal(amounts, "total")
    free = optional_decimal(amounts, "free")
    if total is None and free is None:
        raise ValueError(f"no balance of {asset}")
    total = free if total is None else total
    free = total if free is None else free
    total = (total or ZERO) + more
    return Balance(asset, total, free or ZERO) if total or free else None


def balance_rows(rows: Row) -> Iterator[tuple[str, Row]]:
    """Each asset and its amounts in ccxt's result for balances."""
    for asset, amounts in rows.items():
        if isinstance(amounts, Mapping) and "total" in amounts and asset != "info":
            yield asset, amounts


def extra_balances(rows: Row, path: str, asset: str, amount: str) -> dict[str, Decimal]:
    """Amounts that ccxt leaves out of the totals, by asset, from the raw reply."""
    listed = value_at(rows.get("info"), path)
    if not isinstance(listed, list):
        raise ValueError("no list of balances")  # noqa: TRY004 - of the reply
    return {str(row[asset]): required_decimal(row, amount) for row in listed}


_DIRECTIONS = {"long": Direction.LONG, "short": Direction.SHORT}
_MARGIN_MODES = {"cross": MarginMode.CROSS, "isolated": MarginMode.ISOLATED}


def parse_position(row: Row, listing: Listing, now_ns: int) -> PositionReport | None:
    """A position; None if it is flat. ValueError if its direction is unknown."""
    amount = optional_decimal(row, "contracts")
    if not amount:
        return None
    direction = _DIRECTIONS.get(str(row.get("side")))
    if direction is None:
        raise ValueError(
            f"position of {listing.venue_symbol} has the unknown side {row.get('side')!r}"
        )
    return PositionReport(
        instrument=listing.instrument.id,
        direction=direction,
        quantity=abs(amount) * listing.instrument.contract_size,
        entry_price=required_decimal(row, "entryPrice"),
        event_ns=_time_ns(row, "lastUpdateTimestamp", "timestamp") or now_ns,
        leverage=optional_decimal(row, "leverage") or None,
        margin_mode=_MARGIN_MODES.get(str(row.get("marginMode"))),
        liquidation_price=optional_decimal(row, "liquidationPrice") or None,
        unrealised_pnl=optional_decimal(row, "unrealizedPnl"),
        hedged=row.get("hedged") is True,
    )


def parse_candles(
    rows: list[list[object]],
    listing: Listing,
    window_ns: tuple[int, int],
    volume_unit: Decimal,
) -> CandleFrame:
    """Candles that open and close within the window, oldest first. ValueError without a time.

    Invalid values become NaN, so that the minute is present and is refused when it is stored.
    `volume_unit`: base units per unit of the venue's volume.
    """
    start_ns, end_ns = window_ns
    by_open: dict[int, list[float]] = {}
    for row in rows:
        open_ns = int(str(row[0])) * _MS_NS
        if start_ns <= open_ns and open_ns + MINUTE_NS <= end_ns:
            *prices, volume = (*row[1:6], *_NOTHING)[:5]
            values = [_exact(value) for value in (*prices, volume)]
            by_open[open_ns] = [float(each) for each in (*values[:4], values[4] * volume_unit)]
    if not by_open:
        return empty_frame(listing.instrument.id, Timeframe.M1)
    opens = sorted(by_open)
    columns = np.array([by_open[each] for each in opens], dtype=np.float64).T
    open_column = np.array(opens, dtype=np.int64)
    return CandleFrame(listing.instrument.id, Timeframe.M1, open_column, *columns)


_NOTHING = (None,) * 5


def _exact(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal("NaN")


def _row(row: Row, key: str) -> Row:
    found = row.get(key)
    return found if isinstance(found, Mapping) else {}


def _time_ns(row: Row, *keys: str) -> int | None:
    for key in keys:
        if (value := row.get(key)) is not None:
            return int(str(value)) * _MS_NS
    return None


def flag_values(value: object) -> set[str]:
    """The values at one place of a reply as lower-case words: a flag, a comma list or a list."""
    if isinstance(value, list):
        return {word for each in value for word in flag_values(each)}
    if isinstance(value, Mapping):
        return flag_values(value.get("name"))
    if value is None:
        return set()
    return {word.strip().lower() for word in str(value).split(",")}


def parse_key_rights(reply: object, rights: KeyRightsQuirks) -> KeyRights:
    """The rights of an API key; None where the reply does not say."""

    def may(path: str, yes_values: tuple[str, ...]) -> bool | None:
        if not path or value_at(reply, path) is None:
            return None
        return bool(flag_values(value_at(reply, path)) & set(yes_values))

    addresses = flag_values(value_at(reply, rights.ip)) - {"", "*", "false"} if rights.ip else None
    return KeyRights(
        trade=may(rights.trade, rights.trade_values),
        withdraw=may(rights.withdraw, rights.withdraw_values),
        ip_bound=None if addresses is None else bool(addresses),
    )
