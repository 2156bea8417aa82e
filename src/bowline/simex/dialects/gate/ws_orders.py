"""Gate's orders over a stream (`event: api`): a login, then an acknowledgement and a result each.

They are carried out by the functions that REST calls, and refused with its labels.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import Struct

from bowline.simex.dialects.gate import auth, trading
from bowline.simex.payload import JsonObject, read_json, text_fields
from bowline.simex.session import Session
from bowline.simex.venue_api import ApiCall, ApiError
from bowline.simex.wire_values import ms

_ORDERS: dict[str, Callable[[ApiCall, dict[str, str]], JsonObject]] = {
    "order_place": trading.place,
    "order_cancel": trading.withdraw,
    "order_amend": trading.change,
    "order_status": trading.look_up,
}
_NOTHING = msgspec.Raw(b"")


class _Payload(Struct, frozen=True):
    req_id: str = ""
    api_key: str = ""
    timestamp: str = ""
    signature: str = ""
    #: signed as it was sent
    req_param: msgspec.Raw = _NOTHING


class _Request(Struct, frozen=True):
    channel: str = ""
    payload: _Payload = _Payload()


_REQUEST = msgspec.json.Decoder(_Request)


def on_message(session: Session, frame: str | bytes, prefix: str) -> None:
    """Carry out a request and answer it, with whatever a fault script does to the answer."""
    try:
        requested = _REQUEST.decode(frame)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        error = ApiError("INVALID_REQUEST_BODY", "Invalid request body", status=400)
        session.send(_refused(session, _Request(), error))
        return
    faults = session.faults_of(f"WS {requested.channel}")
    answers = [] if "reset" in faults else _answers(session, requested, prefix)
    if faults & {"reset", "drop_reply"}:
        session.abort()
        return
    for answer in answers:
        session.send(answer)


def _answers(session: Session, requested: _Request, prefix: str) -> list[JsonObject]:
    try:
        if requested.channel == f"{prefix}.login":
            return [_head(session, requested) | {"data": {"result": _log_in(session, requested)}}]
        done = _carry_out(session, requested, prefix)
    except ApiError as error:
        return [_refused(session, requested, error)]
    head = _head(session, requested)
    taken = head | {"ack": True, "data": {"result": {"req_id": requested.payload.req_id}}}
    return [taken, head | {"ack": False, "data": {"result": done}}]


def _carry_out(session: Session, requested: _Request, prefix: str) -> JsonObject:
    stem, _, name = requested.channel.partition(".")
    if stem != prefix or name not in _ORDERS:
        raise ApiError("INVALID_PARAM_VALUE", f"unknown channel {requested.channel}")
    if not session.account:
        raise ApiError("AUTHENTICATION_FAILED", "Not login", status=401)
    call = ApiCall(
        venue=session.venue,
        method="WS",
        path=requested.channel,
        path_params=dict(session.path_params),
        account=session.account,
    )
    return _ORDERS[name](call, text_fields(_sent(requested)))


def _sent(requested: _Request) -> dict[str, object]:
    read = read_json(bytes(requested.payload.req_param) or b"{}")
    if not isinstance(read, dict):
        raise ApiError("INVALID_REQUEST_BODY", "req_param is no object")
    return read


def _log_in(session: Session, requested: _Request) -> JsonObject:
    proof = requested.payload
    params = bytes(proof.req_param).decode()
    signed = "\n".join(
        ("api", requested.channel, "" if params == '""' else params, proof.timestamp)
    )
    session.account = auth.check(
        session.venue, proof.api_key, proof.timestamp, signed, proof.signature
    )
    return {"api_key": proof.api_key, "uid": session.venue.credentials.user_id}


def _head(session: Session, requested: _Request, status: int = 200) -> JsonObject:
    return {
        "request_id": requested.payload.req_id,
        "header": {
            "response_time": str(ms(session.venue.now_ns)),
            "status": str(status),
            "channel": requested.channel,
            "event": "api",
            "client_id": f"127.0.0.1-{session.number:x}",
            "conn_id": f"{session.number:016x}",
        },
    }


def _refused(session: Session, requested: _Request, error: ApiError) -> JsonObject:
    head = _head(session, requested, error.status or 400)
    return head | {"data": {"errs": {"label": error.code, "message": error.message}}}
