"""OKX v5 streams: requests of clients, and updates as frames.

Three endpoints: public, business (candles and algo orders) and private, where orders go in as well.
A topic is named by its argument, which every push repeats. A book begins with all it shows; each
change then names the number before its own and carries a checksum of the best 25 levels.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import msgspec

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.values import MINUTE_NS
from bowline.core.sim.exchange import (
    BalanceUpdated,
    CandleUpdated,
    ListingChanged,
    MarkUpdated,
    OrderUpdated,
    PositionUpdated,
    TradePublished,
)
from bowline.core.venue import Listing
from bowline.simex.depth_view import DepthView
from bowline.simex.dialects.okx import market, trading
from bowline.simex.dialects.okx.auth import check_login
from bowline.simex.dialects.okx.render import (
    TYPES,
    account_object,
    algo_object,
    in_engine,
    is_algo,
    kind_of,
    order_update,
    position_object,
)
from bowline.simex.dialects.okx.request_fields import KINDS, find
from bowline.simex.payload import JsonObject, read_object, text_fields
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import ACCOUNT, SimulatedVenue
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms

#: channel -> the endpoint that has it, what is behind it, and how deep a book it shows
_CHANNELS: dict[str, tuple[str, StreamChannel, int]] = {
    "books": ("public", StreamChannel.BOOK, 400),
    "books5": ("public", StreamChannel.BOOK, 5),
    "bbo-tbt": ("public", StreamChannel.BOOK, 1),
    "trades": ("public", StreamChannel.TRADES, 0),
    "tickers": ("public", StreamChannel.TICKER, 0),
    "mark-price": ("public", StreamChannel.MARK, 0),
    "funding-rate": ("public", StreamChannel.MARK, 0),
    "instruments": ("public", StreamChannel.LISTINGS, 0),
    "orders": ("private", StreamChannel.ORDERS, 0),
    "positions": ("private", StreamChannel.POSITIONS, 0),
    "account": ("private", StreamChannel.BALANCES, 0),
    "orders-algo": ("business", StreamChannel.ORDERS, 0),
} | {f"candle{bar}": ("business", StreamChannel.CANDLES, 0) for bar in market.BARS}
_PRIVATE = {"orders", "positions", "account", "orders-algo"}
#: of these a type is asked for, of the others one instrument
_BY_TYPE = {"instruments", "orders", "positions", "orders-algo"}
_CHECKED_LEVELS = 25
_ACTS: dict[str, trading.Act] = {
    "order": trading.place_one,
    "batch-orders": trading.place_one,
    "cancel-order": trading.cancel_one,
    "batch-cancel-orders": trading.cancel_one,
    "amend-order": trading.amend_one,
    "batch-amend-orders": trading.amend_one,
}

#: what a channel of tickers or marks tells of an instrument
_TOLD = {
    "tickers": market.ticker_object,
    "mark-price": market.mark_object,
    "funding-rate": market.funding_object,
}


def on_message(session: Session, frame: str | bytes) -> None:
    """ping, login, subscribe, unsubscribe, and orders."""
    text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
    if text == "ping":
        session.send("pong")
        return
    words = read_object(text)
    args, op = words.get("args"), str(words.get("op", ""))
    requested = args if isinstance(args, list) else []
    rows = [text_fields(each) for each in requested if isinstance(each, dict)]
    if op == "login":
        _log_in(session, rows)
    elif op in ("subscribe", "unsubscribe") and rows:
        for row in rows:
            _set_subscribed(session, words, op, row)
    elif op in _ACTS and session.path_params.get("endpoint") == "private":
        _trade(session, words, op, rows)
    else:
        _error(session, words, 60012, f"Invalid request: {text[:200]}")


def _log_in(session: Session, rows: list[dict[str, str]]) -> None:
    try:
        check_login(session.venue, rows[0] if rows else {})
    except ApiError as no:
        _error(session, {}, int(str(no.code)), no.message)
        return
    session.account = ACCOUNT
    session.send({"event": "login", "code": "0", "msg": "", "connId": _connection(session)})


def _set_subscribed(session: Session, words: JsonObject, op: str, row: dict[str, str]) -> None:
    """One topic on or off, with an answer of its own."""
    if op == "unsubscribe":
        session.unsubscribe(_word(row))
    elif row.get("channel") in _PRIVATE and not session.account:
        _error(session, words, 60011, "Please log in")
        return
    topic = _topic(session, row)
    if topic is None:
        topic_name = ",".join(f"{name}:{each}" for name, each in row.items())
        _error(session, words, 60018, f"Wrong URL or {topic_name} doesn't exist.")
        return
    request = {"id": words["id"]} if "id" in words else {}
    session.send({"event": op, "arg": row, "connId": _connection(session)} | request)
    if op == "subscribe":
        session.subscribe(topic)


def _topic(session: Session, row: dict[str, str]) -> StreamTopic | None:
    name = row.get("channel", "")
    endpoint, channel, depth = _CHANNELS.get(name, ("", StreamChannel.BOOK, 0))
    if endpoint != session.path_params.get("endpoint"):
        return None
    listing, type_ = find(session.venue, row), row.get("instType", "")
    if row.get("instId") and listing is None:
        return None
    if name in _BY_TYPE:
        if type_ not in ("ANY", *KINDS) or (name == "instruments" and type_ == "ANY"):
            return None
    elif listing is None and name != "account":
        return None
    return StreamTopic(
        channel=channel,
        name=_word(row),
        instrument=listing.instrument.id if listing is not None and name != "account" else None,
        depth=depth,
        account=session.account if name in _PRIVATE else "",
        interval=type_,
        note=name,
    )


def _word(row: dict[str, str]) -> str:
    return msgspec.json.encode(row, order="sorted").decode()


def _error(session: Session, words: JsonObject, code: int, text: str) -> None:
    request = {"id": words["id"]} if "id" in words else {}
    error = {"event": "error", "code": str(code), "msg": text, "connId": _connection(session)}
    session.send(error | request)


def _connection(session: Session) -> str:
    return f"a4d3ae{session.number:02x}"


def _trade(session: Session, words: JsonObject, op: str, rows: list[dict[str, str]]) -> None:
    """Orders over the socket: the codes and words of REST."""
    faults = session.faults_of(f"WS {op}")
    if "reset" in faults:
        session.abort()
        return
    call = ApiCall(venue=session.venue, method="WS", path=op, account=session.account)
    answer: JsonObject = {"id": words.get("id", ""), "op": op}
    if not session.account:
        _error(session, words, 60011, "Please log in")
        return
    try:
        body = trading.acted(call, rows, _ACTS[op]).body
        assert isinstance(body, dict)
        answer |= body
    except ApiError as no:
        answer |= {"code": str(no.code), "msg": no.message, "data": []}
    if "drop_reply" in faults:
        session.abort()
    else:
        session.send(answer)


# --- rendering ------------------------------------------------------------------------------------


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """Books, tickers, funding, instruments, positions and the account begin with what is."""
    listing = venue.listing(topic.instrument) if topic.instrument is not None else None
    match topic.note:
        case "books" if listing is not None:
            view = venue.depth(listing.instrument.id, topic.depth)
            yield _push(topic, [_snapshot(listing, view)], "snapshot")
        case "books5" | "bbo-tbt" if listing is not None:
            yield _push(topic, [_whole(listing, venue.depth(listing.instrument.id, topic.depth))])
        case "tickers" if listing is not None:
            yield _push(topic, [market.ticker_object(venue, listing)])
        case "funding-rate" if listing is not None:
            yield _push(topic, [market.funding_object(venue, listing)])
        case "instruments":
            listed = venue.listings(KINDS[topic.interval])
            yield _push(topic, [market.instrument_object(each) for each in listed])
        case "positions":
            found = venue.view("linear").positions(topic.account, topic.instrument)
            yield _push(topic, [position_object(venue, each) for each in found])
        case "account":
            holdings = venue.view("spot").holdings(topic.account)
            yield _push(topic, [account_object(holdings, venue.now_ns)])


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One frame for an update."""
    row = _of_account(venue, topic, update) if topic.account else _of_market(venue, topic, update)
    if row is not None:
        is_change = topic.note == "books"
        yield _push(topic, [row], "update" if is_change else "")


def _of_market(venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate) -> object:
    match update:
        case DepthUpdated():
            return _depth(venue, topic, update)
        case TradePublished():
            return market.print_object(venue.listing(update.instrument), update) | {"count": "1"}
        case TickerUpdated() | MarkUpdated():
            return _TOLD[topic.note](venue, venue.listing(update.instrument))
        case CandleUpdated():
            return _candle(venue, topic, update)
        case ListingChanged(listing=listing) if _of_type(topic, listing.instrument.id):
            return market.instrument_object(listing)
        case _:
            return None


def _of_account(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> JsonObject | None:
    match update:
        case OrderUpdated(order=order) if _of_type(topic, order.instrument):
            if topic.note == "orders-algo":
                return algo_object(venue, order) if is_algo(order) else None
            return order_update(venue, order) if in_engine(order) else None
        case PositionUpdated(position=position):
            return position_object(venue, position)
        case BalanceUpdated(holding=holding):
            return account_object([holding], venue.now_ns)
        case _:
            return None


def _of_type(topic: StreamTopic, instrument: InstrumentId) -> bool:
    return topic.interval in ("ANY", TYPES[kind_of(instrument)])


def _push(topic: StreamTopic, rows: Sequence[object], action: str = "") -> JsonObject:
    arg = msgspec.json.decode(topic.name)
    words: JsonObject = {"arg": arg | ({"uid": topic.account} if topic.account else {})}
    if action:
        words["action"] = action
    return words | {"data": rows}


def _depth(venue: SimulatedVenue, topic: StreamTopic, update: DepthUpdated) -> JsonObject:
    view, change = update.view, update.change
    listing = venue.listing(view.instrument)
    if topic.note != "books":
        return _whole(listing, view)
    return {
        "asks": market.levels(listing, change.asks),
        "bids": market.levels(listing, change.bids),
        "ts": str(ms(change.event_ns)),
        "checksum": _checksum(listing, view),
        "seqId": change.sequence,
        "prevSeqId": change.previous_sequence,
    }


def _whole(listing: Listing, view: DepthView) -> JsonObject:
    return {
        "asks": market.levels(listing, view.asks),
        "bids": market.levels(listing, view.bids),
        "ts": str(ms(view.event_ns)),
        "seqId": view.sequence,
    }


def _snapshot(listing: Listing, view: DepthView) -> JsonObject:
    return _whole(listing, view) | {"checksum": _checksum(listing, view), "prevSeqId": -1}


def _checksum(listing: Listing, view: DepthView) -> int:
    """CRC-32 of the best levels of both sides in turn, as they are written, with a sign."""
    sides = [
        [f"{level[0]}:{level[1]}" for level in market.levels(listing, side[:_CHECKED_LEVELS])]
        for side in (view.bids, view.asks)
    ]
    longest = max(map(len, sides))
    text = ":".join(side[at] for at in range(longest) for side in sides if at < len(side))
    number = zlib.crc32(text.encode())
    return number - (1 << 32) if number >= 1 << 31 else number


def _candle(venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated) -> list[str]:
    minutes = market.BARS[topic.note.removeprefix("candle")]
    length_ns = minutes * MINUTE_NS
    start_ns = update.candle.open_ns - update.candle.open_ns % length_ns
    candle = update.candle
    if minutes > 1:
        view = venue.view_of(update.instrument)
        known = view.candles(update.instrument, from_ns=start_ns, limit=minutes + 1)
        parts = [each for each in known if each.open_ns < update.candle.open_ns] + [candle]
        candle = aggregate_candles(parts, minutes)[-1]
    last = update.candle.open_ns + MINUTE_NS == start_ns + length_ns
    return market.candle_row(
        venue.listing(update.instrument), candle, closed=update.closed and last
    )
