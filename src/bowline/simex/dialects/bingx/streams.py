"""BingX streams: requests of clients, and updates as frames. All goes out as gzip.

Two endpoints, spot and perpetuals. With a listen key in its URL a connection hears of its account:
perpetuals at once and of everything, spot once it has subscribed. Books are whole every time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bowline.core.model.instrument import InstrumentId
from bowline.core.model.order import OrderState
from bowline.core.model.values import MINUTE_NS, ZERO, Direction, Side
from bowline.core.sim.exchange import (
    BalanceReason,
    BalanceUpdated,
    CandleUpdated,
    Executed,
    Holding,
    MinuteCandle,
    OrderUpdated,
    PositionSnapshot,
    PositionUpdated,
    TradePublished,
    VenueOrder,
)
from bowline.core.venue import MarginMode, OrderKind, PositionMode
from bowline.simex.depth_view import DepthView
from bowline.simex.dialects.bingx.account import key_lives
from bowline.simex.dialects.bingx.market import INTERVALS, levels
from bowline.simex.dialects.bingx.render import (
    POSITION_SIDES,
    SIDES,
    TRIGGERS,
    average_of,
    kind_of,
    order_id_text,
    status_code,
    trade_id_text,
    type_code,
)
from bowline.simex.payload import JsonObject, read_object
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import ACCOUNT, SimulatedVenue, dialect_state
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate
from bowline.simex.wire_values import aggregate_candles, ms, plain, plain_or

#: the path of an endpoint -> whose market it is
KINDS_OF = {"/market": "spot", "/swap-market": "linear"}
_SPOT_INTERVALS = {"1min": 1, "5min": 5, "15min": 15, "30min": 30, "60min": 60, "1day": 1440}
_DEPTH = re.compile(r"depth(5|10|20|50|100)(@(100|200|500|1000)ms)?")
_SPOT_PRIVATE = {
    "spot.executionReport": StreamChannel.ORDERS,
    "ACCOUNT_UPDATE": StreamChannel.BALANCES,
}
_LINEAR_PRIVATE = (StreamChannel.ORDERS, StreamChannel.BALANCES, StreamChannel.POSITIONS)
_REASONS = {
    BalanceReason.DEPOSIT: "DEPOSIT",
    BalanceReason.FUNDING: "FUNDING_FEE",
}


def on_open(session: Session) -> None:
    """A listen key is looked at; the perpetuals' private channels need no asking."""
    key = session.query.get("listenKey")
    if key is None:
        return
    if not key_lives(session.venue, key):
        session.send(_answer(session, "", 100413, "listenKey is invalid or has expired"))
        session.close()
        return
    session.account = ACCOUNT
    if _kind(session) == "linear":
        for channel in _LINEAR_PRIVATE:
            session.subscribe(
                StreamTopic(channel=channel, name=channel.value, account=ACCOUNT, note="linear")
            )


def ping_frame(session: Session) -> Frame:
    """A bare word to perpetuals, an object to spot; each wants its own answer."""
    if _kind(session) == "linear":
        return b"Ping"
    return {"ping": f"{session.number:032x}", "time": str(ms(session.venue.now_ns))}


def on_message(session: Session, frame: str | bytes) -> None:
    """sub, unsub; answers to pings."""
    words = read_object(frame)
    if frame in ("Pong", b"Pong") or "pong" in words:
        return
    number, name = str(words.get("id", "")), str(words.get("dataType", ""))
    verb = words.get("reqType", "sub")
    topic = _topic(session, name)
    if topic is None or verb not in ("sub", "unsub"):
        session.send(_answer(session, number, 80014, f"dataType {name!r} is invalid"))
        return
    session.send(_answer(session, number, 0, "SUCCESS"))
    if verb == "sub":
        session.subscribe(topic)
    else:
        session.unsubscribe(topic.name)


def _answer(session: Session, number: str, code: int, message: str) -> JsonObject:
    now = ms(session.venue.now_ns)
    return {"id": number, "code": code, "msg": message, "dataType": "", "timestamp": now}


def _kind(session: Session) -> str:
    return KINDS_OF[session.endpoint.path]


def _topic(session: Session, name: str) -> StreamTopic | None:
    kind = _kind(session)
    if name in _SPOT_PRIVATE:
        allowed = kind == "spot" and session.account
        return (
            StreamTopic(channel=_SPOT_PRIVATE[name], name=name, account=ACCOUNT, note="spot")
            if allowed
            else None
        )
    symbol, _, stem = name.partition("@")
    listing = session.venue.listing_by_symbol(kind, symbol)
    if listing is None:
        return None
    instrument = listing.instrument.id
    if found := _DEPTH.fullmatch(stem):
        return StreamTopic(
            channel=StreamChannel.BOOK,
            name=name,
            instrument=instrument,
            depth=int(found[1]),
            note=stem,
        )
    channels = {
        "trade": StreamChannel.TRADES, "ticker": StreamChannel.TICKER,
        "bookTicker": StreamChannel.TICKER,
        "lastPrice": StreamChannel.TICKER, "markPrice": StreamChannel.MARK,
    }  # fmt: skip
    if stem in channels and (kind == "linear" or stem != "markPrice"):
        return StreamTopic(channel=channels[stem], name=name, instrument=instrument, note=stem)
    interval = stem.removeprefix("kline_")
    if interval != stem and interval in (_SPOT_INTERVALS if kind == "spot" else INTERVALS):
        return StreamTopic(
            channel=StreamChannel.CANDLES,
            name=name,
            instrument=instrument,
            interval=interval,
            note=stem,
        )
    return None


# what goes out


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """Books and prices begin with how they stand."""
    if topic.channel is StreamChannel.BOOK and topic.instrument is not None:
        yield _book(venue, topic, venue.depth(topic.instrument, topic.depth))
    elif (
        topic.channel in (StreamChannel.TICKER, StreamChannel.MARK) and topic.instrument is not None
    ):
        yield _price(venue, topic, topic.instrument)


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One frame for an update; an execution is told with its order."""
    kind = topic.note
    match update:
        case DepthUpdated(view=view):
            yield _book(venue, topic, view)
        case TradePublished():
            yield _trade(venue, topic, update)
        case TickerUpdated(instrument=instrument):
            yield _price(venue, topic, instrument)
        case CandleUpdated():
            yield _candle(venue, topic, update)
        case OrderUpdated(order=order) if kind_of(order.instrument) == kind:
            yield _spot_order(venue, order) if kind == "spot" else _linear_order(venue, order)
        case PositionUpdated(position=position) if kind == "linear":
            yield _account(
                venue, "ORDER", _balance_rows(venue, kind, []), [_position_row(venue, position)]
            )
        case BalanceUpdated(holding=holding, reason=reason):
            yield from _balance(venue, topic, holding.asset, _REASONS.get(reason, "ORDER"))
        case _ if topic.channel is StreamChannel.MARK and topic.instrument is not None:
            yield _price(venue, topic, topic.instrument)


def _news(topic: StreamTopic, shown: object, **more: object) -> JsonObject:
    assert topic.instrument is not None
    if kind_of(topic.instrument) == "spot":
        return {"code": 0, "data": shown, "dataType": topic.name, "success": True} | more
    return {"code": 0, "dataType": topic.name} | more | {"data": shown}


def _book(venue: SimulatedVenue, topic: StreamTopic, view: DepthView) -> JsonObject:
    shown = levels(view.bids, view.asks)
    if kind_of(view.instrument) == "spot":
        now = {"timestamp": ms(venue.now_ns)}
        return _news(topic, shown | {"lastUpdateId": view.update_number}, **now)
    found = _news(topic, shown, ts=ms(venue.now_ns))
    # whoever named no interval is answered with the venue's own
    named = topic.name if topic.name.endswith("ms") else f"{topic.name}@500ms"
    return found | {"dataType": named}


def _trade(venue: SimulatedVenue, topic: StreamTopic, trade: TradePublished) -> JsonObject:
    shown: JsonObject = {
        "q": plain(trade.quantity),
        "p": plain(trade.price),
        "T": ms(trade.now_ns),
        # whether the buyer is the maker
        "m": trade.side is Side.SELL,
        "s": venue.listing(trade.instrument).venue_symbol,
    }
    if kind_of(trade.instrument) == "linear":
        return _news(topic, [shown])
    more = {"e": "trade", "E": ms(venue.now_ns), "t": str(trade_id_text(trade.trade_id))}
    return _news(topic, shown | more)


def _price(venue: SimulatedVenue, topic: StreamTopic, instrument: InstrumentId) -> JsonObject:
    shown, symbol = venue.ticker(instrument), venue.listing(instrument).venue_symbol
    bid, ask = shown.bid or (None, None), shown.ask or (None, None)
    now = ms(venue.now_ns)
    common: JsonObject = {"E": now, "s": symbol}
    best = {
        "B": plain_or(bid[0], "0"), "b": plain_or(bid[1], "0"),
        "A": plain_or(ask[0], "0"), "a": plain_or(ask[1], "0"),
    }  # fmt: skip
    match topic.note:
        case "bookTicker":
            # here the small letters are prices
            swapped = {"b": best["B"], "B": best["b"], "a": best["A"], "A": best["a"]}
            found = {"e": "bookTicker", "u": shown.event_ns, "T": now} | swapped
        case "lastPrice":
            found = {"e": "lastPriceUpdate", "c": plain_or(shown.last, "0")}
        case "markPrice":
            found = {"e": "markPriceUpdate", "p": plain_or(shown.mark, "0")}
        case _:
            found = {
                "e": "24hTicker",
                "p": plain((shown.last or ZERO) - (shown.open or ZERO)),
                "o": plain_or(shown.open, "0"),
                "h": plain_or(shown.high, "0"),
                "l": plain_or(shown.low, "0"),
                "c": plain_or(shown.last, "0"),
                "v": plain(shown.volume),
                "q": plain(shown.turnover),
                "O": now - 86_400_000,
                "C": now,
            } | best
    return _news(topic, common | found)


def _candle(venue: SimulatedVenue, topic: StreamTopic, update: CandleUpdated) -> JsonObject:
    spot = kind_of(update.instrument) == "spot"
    minutes = (_SPOT_INTERVALS if spot else INTERVALS)[topic.interval]
    candle, opened = _forming(venue, update, minutes), _opened_ms(update, minutes)
    shown: JsonObject = {
        "c": plain(candle.close), "o": plain(candle.open), "h": plain(candle.high),
        "l": plain(candle.low), "v": plain(candle.volume),
    }  # fmt: skip
    symbol = venue.listing(update.instrument).venue_symbol
    if not spot:
        return _news(topic, [shown | {"T": opened}], s=symbol)
    shown |= {
        "t": opened, "T": opened + minutes * 60_000 - 1, "i": topic.interval, "n": candle.trades,
        "q": plain(candle.turnover), "s": symbol,
    }  # fmt: skip
    return _news(topic, {"E": ms(venue.now_ns), "K": shown, "e": "kline", "s": symbol})


def _opened_ms(update: CandleUpdated, minutes: int) -> int:
    return ms(update.candle.open_ns - update.candle.open_ns % (minutes * MINUTE_NS))


def _forming(venue: SimulatedVenue, update: CandleUpdated, minutes: int) -> MinuteCandle:
    if minutes == 1:
        return update.candle
    start_ns = update.candle.open_ns - update.candle.open_ns % (minutes * MINUTE_NS)
    known = venue.view_of(update.instrument).candles(update.instrument, start_ns, minutes + 1)
    parts = [each for each in known if each.open_ns < update.candle.open_ns]
    return aggregate_candles([*parts, update.candle], minutes)[-1]


def _last_fill(venue: SimulatedVenue, order: VenueOrder) -> Executed | None:
    """The execution that brought an order to where it is; None if none did."""
    if order.state not in (OrderState.PARTLY_FILLED, OrderState.FILLED):
        return None
    last, so_far = None, ZERO
    for each in venue.engine_of(order.instrument).view.fills(order.account, order.instrument):
        if each.order_id == order.order_id and so_far < order.filled:
            last, so_far = each, so_far + each.quantity
    return last


def _happened(order: VenueOrder, fill: Executed | None) -> str:
    if fill is not None:
        return "TRADE"
    return "CANCELED" if order.done else "NEW"


def _common_fields(venue: SimulatedVenue, order: VenueOrder, fill: Executed | None) -> JsonObject:
    return {
        "s": venue.listing(order.instrument).venue_symbol,
        "S": SIDES[order.side],
        "o": type_code(order),
        "x": _happened(order, fill),
        "X": status_code(order),
        "T": ms(fill.now_ns) if fill else 0,
    }


def _spot_order(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    fill = _last_fill(venue, order)
    shown = _common_fields(venue, order, fill) | {
        "e": "executionReport",
        "E": ms(venue.now_ns),
        "c": order.client_id,
        "i": order_id_text(order.order_id),
        "q": float(order.quantity),
        "p": float(order.price or 0),
        "l": float(fill.quantity) if fill else 0,
        "L": float(fill.price) if fill else 0,
        "z": float(order.filled),
        "Z": float(order.cost),
        "Y": float(fill.price * fill.quantity) if fill else 0,
        "Q": float(order.requested.quote_cost or 0),
        "n": float(-fill.fee) if fill else 0,
        "N": fill.fee_asset if fill else "",
        "t": trade_id_text(fill.trade_id) if fill else 0,
        "O": ms(order.created_ns),
        "m": fill.maker if fill else False,
    }
    return {"code": 0, "dataType": "spot.executionReport", "data": shown}


def _linear_order(venue: SimulatedVenue, order: VenueOrder) -> JsonObject:
    fill, now = _last_fill(venue, order), ms(venue.now_ns)
    shown = _common_fields(venue, order, fill) | {
        "c": order.client_id,
        "i": str(order_id_text(order.order_id)),
        "q": plain(order.quantity),
        "p": plain_or(order.price, "0"),
        "sp": plain_or(order.requested.trigger, "0"),
        "ap": plain(average_of(order)),
        "l": plain_or(fill.quantity if fill else None, "0"),
        "L": plain_or(fill.price if fill else None, "0"),
        "z": plain(order.filled),
        "n": plain(-fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else "",
        "t": trade_id_text(fill.trade_id) if fill else 0,
        "rp": plain_or(fill.realised if fill else None, "0"),
        "wt": TRIGGERS[order.requested.trigger_by],
        "ps": POSITION_SIDES[order.requested.position_side],
        "ro": order.requested.reduce_only,
        "ot": type_code(order) if order.requested.kind is OrderKind.STOP else "",
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": now, "T": ms(order.updated_ns), "o": shown}


class BingxSentBalances:
    """What the streams have told last of a balance, by market and asset."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, str], Holding] = {}


def _balance(
    venue: SimulatedVenue, topic: StreamTopic, asset: str, why: str
) -> Iterable[JsonObject]:
    """Of this account alone: the other one's updates have the same form."""
    told = dialect_state(venue, BingxSentBalances).of
    held = [
        each
        for each in venue.view(topic.note).holdings(topic.account)
        if each.asset == asset and told.get((topic.note, asset)) != each
    ]
    for each in held:
        told[topic.note, asset] = each
        positions: list[JsonObject] | None = [] if topic.note == "linear" else None
        yield _account(venue, why, [_balance_row(each)], positions)


def _balance_rows(venue: SimulatedVenue, kind: str, assets: list[str]) -> list[JsonObject]:
    held = venue.view(kind).holdings(ACCOUNT)
    return [_balance_row(each) for each in held if not assets or each.asset in assets]


def _balance_row(holding: Holding) -> JsonObject:
    total = plain(holding.total)
    return {
        "a": holding.asset, "bc": "0", "cw": total, "wb": total, "lk": plain(holding.locked),
    }  # fmt: skip


def _account(
    venue: SimulatedVenue,
    why: str,
    balance_rows: list[JsonObject],
    positions: list[JsonObject] | None,
) -> JsonObject:
    moved: JsonObject = {"m": why, "B": balance_rows}
    if positions is not None:
        moved["P"] = positions
    now = ms(venue.now_ns)
    return {"e": "ACCOUNT_UPDATE", "E": now, "T": now, "a": moved}


def _position_row(venue: SimulatedVenue, position: PositionSnapshot) -> JsonObject:
    hedged = position.mode is PositionMode.HEDGE
    sign = -1 if position.direction is Direction.SHORT and not hedged else 1
    return {
        "s": venue.listing(position.instrument).venue_symbol,
        "pa": plain(position.quantity * sign),
        "ep": plain(position.entry_price),
        "up": plain(position.unrealised),
        "mt": "isolated" if position.margin_mode is MarginMode.ISOLATED else "cross",
        "iw": plain(position.margin),
        "ps": POSITION_SIDES[position.direction] if hedged else "BOTH",
    }
