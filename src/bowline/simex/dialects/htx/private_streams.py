"""HTX private streams: of spot (v2, text) and of swaps (v5, gzip). Each has a login of its own."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bowline.core.sim.exchange import BalanceUpdated, Executed, OrderUpdated, PositionUpdated
from bowline.simex.dialects.htx import auth
from bowline.simex.dialects.htx.spot_render import balance_event, clearing, order_event
from bowline.simex.dialects.htx.swap_render import (
    account_object,
    fill_event,
    order_object,
    position_object,
)
from bowline.simex.payload import JsonObject, read_object
from bowline.simex.session import Session
from bowline.simex.stream_topics import Frame, StreamChannel, StreamTopic
from bowline.simex.venue import ACCOUNT, SimulatedVenue
from bowline.simex.venue_updates import VenueUpdate
from bowline.simex.wire_values import ms

_SPOT = {
    "orders": StreamChannel.ORDERS,
    "trade.clearing": StreamChannel.FILLS,
    "accounts.update": StreamChannel.BALANCES,
}
_SWAP = {
    "orders": StreamChannel.ORDERS,
    "trade": StreamChannel.FILLS,
    "positions": StreamChannel.POSITIONS,
    "account": StreamChannel.BALANCES,
}
_ALL = "*"
_NOT_IN, _NO_SYMBOL, _NO_TOPIC = 2002, 2001, 2011


def spot_ping_frame(session: Session) -> Frame:
    """Text, as all of this stream."""
    return _text({"action": "ping", "data": {"ts": ms(session.venue.now_ns)}})


def swap_ping_frame(session: Session) -> Frame:
    """To be answered with the same time."""
    return {"op": "ping", "ts": str(ms(session.venue.now_ns))}


def on_spot_message(session: Session, frame: str | bytes) -> None:
    """A login (`req`), sub, unsub and pong."""
    words = read_object(frame)
    action, channel = words.get("action"), str(words.get("ch", ""))
    said: JsonObject = {"action": action, "ch": channel}
    if action == "pong":
        return
    if action == "ping":
        session.send(_text({"action": "pong", "data": words.get("data")}))
    elif action == "req" and channel == "auth":
        flaw = _log_in(session, "/ws/v2", _texts(words.get("params")), "signature", "authType")
        no = {"code": _NOT_IN, "message": "auth.fail"}
        session.send(_text(said | (no if flaw else {"code": 200, "data": {}})))
    elif not session.account:
        session.send(_text(said | {"code": _NOT_IN, "message": "invalid.auth.state"}))
    elif (topic := _spot_topic(session, channel)) is None:
        session.send(_text(said | {"code": _NO_SYMBOL, "message": "invalid.symbol"}))
    else:
        session.send(_text(said | {"code": 200, "data": {}}))
        _set_subscribed(session, topic, on=action == "sub")


def on_swap_message(session: Session, frame: str | bytes) -> None:
    """auth, sub, unsub and pong."""
    words = read_object(frame)
    op, now = words.get("op"), {"ts": ms(session.venue.now_ns)}
    said: JsonObject = {"op": op, "cid": words.get("cid"), "topic": words.get("topic")} | now
    if op == "pong":
        return
    if op == "auth":
        flaw = _log_in(session, "/ws/v5/notification", _texts(words), "Signature", "op", "type")
        answer: JsonObject = {"op": "auth", "type": "api", "err-code": _NOT_IN if flaw else 0} | now
        told = (
            {"err-msg": flaw} if flaw else {"data": {"user-id": session.venue.credentials.user_id}}
        )
        session.send(answer | told)
    elif not session.account:
        session.send(said | {"err-code": _NOT_IN, "err-msg": "Authentication failed"})
    elif (topic := _swap_topic(session, words)) is None:
        session.send(said | {"err-code": _NO_TOPIC, "err-msg": "Contract doesnt exist."})
    else:
        session.send(said | {"err-code": 0})
        _set_subscribed(session, topic, on=op == "sub")


def _set_subscribed(session: Session, topic: StreamTopic, *, on: bool) -> None:
    if on:
        session.subscribe(topic)
    else:
        session.unsubscribe(topic.name)


def _log_in(
    session: Session, path: str, sent: dict[str, str], signature: str, *unsigned: str
) -> str:
    params = {name: text for name, text in sent.items() if name not in (signature, *unsigned)}
    flaw = auth.flaw_of_login(session, path, params, sent.get(signature, ""))
    if not flaw:
        session.account = ACCOUNT
    return flaw


def _texts(sent: object) -> dict[str, str]:
    return {name: str(value) for name, value in sent.items()} if isinstance(sent, dict) else {}


def _spot_topic(session: Session, word: str) -> StreamTopic | None:
    """`orders#btcusdt`, `orders#*`, `trade.clearing#btcusdt#0`, `accounts.update#2`."""
    stem, *rest = word.split("#")
    if stem not in _SPOT:
        return None
    instrument = None
    if stem != "accounts.update" and (not rest or rest[0] != _ALL):
        listing = session.venue.listing_by_symbol("spot", rest[0] if rest else "")
        if listing is None:
            return None
        instrument = listing.instrument.id
    note = rest[0] if stem == "accounts.update" and rest else ""
    account = session.account
    return StreamTopic(
        channel=_SPOT[stem],
        name=word,
        instrument=instrument,
        account=account,
        wallet="spot",
        note=note,
    )


def _swap_topic(session: Session, words: JsonObject) -> StreamTopic | None:
    name, word = str(words.get("topic", "")), str(words.get("contract_code", _ALL))
    listing = session.venue.listing_by_symbol("linear", word)
    if name not in _SWAP or (word not in (_ALL, "") and listing is None):
        return None
    instrument = listing.instrument.id if listing and name != "account" else None
    return StreamTopic(
        channel=_SWAP[name],
        name=f"{name}/{word}",
        instrument=instrument,
        account=session.account,
        wallet="linear",
        note=name,
    )


def initial_frames(venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
    """What there is, of the topics that begin so."""
    if topic.wallet == "spot":
        # in mode 2 every balance is told at the start; the others tell changes alone
        if topic.channel is StreamChannel.BALANCES and topic.note == "2":
            for holding in reversed(venue.view("spot").holdings(topic.account)):
                yield _push_frame(topic, balance_event(venue, holding))
    elif topic.channel is StreamChannel.POSITIONS:
        held = venue.view("linear").positions(topic.account, topic.instrument)
        yield _positions(venue, topic, "snapshot", [position_object(venue, each) for each in held])
    elif topic.channel is StreamChannel.BALANCES:
        holding = venue.view("linear").holding(topic.account, "USDT")
        told: JsonObject = {"event": "snapshot", "data": account_object(venue, holding)}
        yield _notify_frame(venue, topic, "") | told


def render_update(
    venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
) -> Iterable[Frame]:
    """One frame for an update."""
    tell = _spot_news if topic.wallet == "spot" else _swap_news
    if (frame := tell(venue, topic, update)) is not None:
        yield frame


def _spot_news(venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate) -> Frame | None:
    match update:
        case OrderUpdated(order=order):
            return _push_frame(topic, order_event(venue, order))
        case Executed():
            return _push_frame(topic, clearing(venue, update))
        case BalanceUpdated(holding=holding):
            return _push_frame(topic, balance_event(venue, holding, update))
        case _:
            return None


def _swap_news(venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate) -> Frame | None:
    match update:
        case OrderUpdated(order=order) if not order.waiting:
            word = venue.listing(order.instrument).venue_symbol
            return _notify_frame(venue, topic, word) | {"data": order_object(venue, order)}
        case Executed():
            word = venue.listing(update.instrument).venue_symbol
            return _notify_frame(venue, topic, word) | {"data": [fill_event(venue, update)]}
        case PositionUpdated(position=position):
            return _positions(venue, topic, "update", [position_object(venue, position)])
        case BalanceUpdated(holding=holding):
            told: JsonObject = {
                "event": update.reason.value,
                "data": account_object(venue, holding),
            }
            return _notify_frame(venue, topic, "") | told
        case _:
            return None


def _positions(
    venue: SimulatedVenue, topic: StreamTopic, event: str, rows: list[JsonObject]
) -> JsonObject:
    word = venue.listing(topic.instrument).venue_symbol if topic.instrument else _ALL
    return _notify_frame(venue, topic, word) | {"event": event, "data": rows}


def _notify_frame(venue: SimulatedVenue, topic: StreamTopic, word: str) -> JsonObject:
    return {
        "op": "notify",
        "topic": topic.note,
        "contract_code": word,
        "ts": ms(venue.now_ns),
        "uid": venue.credentials.user_id,
    }


def _push_frame(topic: StreamTopic, told: JsonObject) -> Frame:
    return _text({"action": "push", "ch": topic.name, "data": told})


def _text(words: JsonObject) -> Frame:
    return msgspec.json.encode(words).decode()
