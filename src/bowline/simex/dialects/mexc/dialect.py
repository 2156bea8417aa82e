"""MEXC as tables: two APIs of different age under one roof, each with its signature and envelope.

Spot signs its query, answers an error with HTTP 400 and a negative or long code, and wraps nothing.
Contracts sign key, time and query or body, and answer everything with `success`, `code`, `data`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from bowline.core.model.instrument import market_by_id
from bowline.core.model.values import ZERO
from bowline.core.sim.exchange import ClientIds, FeeAsset, Fees, VenueRules
from bowline.core.venue import Listing
from bowline.simex.dialects.mexc import (
    contract_account,
    contract_market,
    contract_streams,
    contract_trading,
    currencies,
    spot_market,
    spot_streams,
    spot_trading,
)
from bowline.simex.payload import signatures_match
from bowline.simex.request_quotas import QuotaUsage, RequestQuota
from bowline.simex.session import WebSocketEndpoint
from bowline.simex.stream_topics import Frame, StreamTopic
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import ACCOUNT, SimulatedVenue, WalletSpec
from bowline.simex.venue_api import ApiCall, ApiError, Response, Route, public_route, signed_route
from bowline.simex.venue_updates import VenueUpdate
from bowline.simex.wire_values import ms, parse_int

_SPOT_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal(0), taker_rate=Decimal("0.0005"), spot_asset=FeeAsset.QUOTE),
    client_ids=ClientIds.FOREVER,
    post_only_refuses=False,
)
_LINEAR_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.0001"), taker_rate=Decimal("0.0004")),
    client_ids=ClientIds.FOREVER,
    post_only_refuses=False,
)
_V3, _V1, _MINE = "/api/v3", "/api/v1/contract", "/api/v1/private"

#: bucket, path, handler and weight: each end point of spot has a quota of its own
_SPOT: tuple[Route, ...] = (
    public_route("GET", f"{_V3}/ping", spot_market.ping, "ping"),
    public_route("GET", f"{_V3}/time", spot_market.time, "time"),
    public_route("GET", f"{_V3}/exchangeInfo", spot_market.listings, "exchangeInfo", 10),
    public_route("GET", f"{_V3}/depth", spot_market.depth, "depth"),
    public_route("GET", f"{_V3}/trades", spot_market.trades, "trades", 5),
    public_route("GET", f"{_V3}/aggTrades", spot_market.aggregated_trades, "aggTrades"),
    public_route("GET", f"{_V3}/klines", spot_market.candles, "klines"),
    public_route("GET", f"{_V3}/ticker/24hr", spot_market.ticker, "ticker"),
    public_route("GET", f"{_V3}/ticker/bookTicker", spot_market.book_ticker, "bookTicker"),
    signed_route("POST", f"{_V3}/order", spot_trading.place, "place"),
    signed_route("DELETE", f"{_V3}/order", spot_trading.cancel, "cancel"),
    signed_route("GET", f"{_V3}/order", spot_trading.look_up, "order", 2),
    signed_route("DELETE", f"{_V3}/openOrders", spot_trading.cancel_open, "cancelOpen"),
    signed_route("GET", f"{_V3}/openOrders", spot_trading.open_orders, "openOrders", 3),
    signed_route("GET", f"{_V3}/allOrders", spot_trading.all_orders, "allOrders", 10),
    signed_route("GET", f"{_V3}/myTrades", spot_trading.my_trades, "myTrades", 10),
    signed_route("GET", f"{_V3}/capital/config/getall", currencies.currencies, "currencies", 10),
    signed_route("GET", f"{_V3}/account", spot_trading.account, "account", 10),
    signed_route("POST", f"{_V3}/userDataStream", spot_trading.new_listen_key, "listenKey"),
    signed_route("GET", f"{_V3}/userDataStream", spot_trading.listen_keys, "listenKey"),
    signed_route("PUT", f"{_V3}/userDataStream", spot_trading.keep_listen_key, "listenKey"),
    signed_route("DELETE", f"{_V3}/userDataStream", spot_trading.drop_listen_key, "listenKey"),
)
_CONTRACT: tuple[Route, ...] = (
    public_route("GET", f"{_V1}/ping", contract_market.ping, "contract ping"),
    public_route("GET", f"{_V1}/detail", contract_market.detail, "contract detail"),
    public_route("GET", f"{_V1}/depth/{{symbol}}", contract_market.depth, "contract depth"),
    public_route("GET", f"{_V1}/kline/{{symbol}}", contract_market.candles, "contract kline"),
    public_route("GET", f"{_V1}/ticker", contract_market.ticker, "contract ticker"),
    public_route("GET", f"{_V1}/deals/{{symbol}}", contract_market.deals, "contract deals"),
    public_route("GET", f"{_V1}/funding_rate/history", contract_market.funding_history, "funding"),
    public_route("GET", f"{_V1}/funding_rate/{{symbol}}", contract_market.funding_rate, "funding"),
    signed_route("GET", f"{_MINE}/account/assets", contract_account.assets, "assets"),
    signed_route("GET", f"{_MINE}/account/asset/{{currency}}", contract_account.asset, "assets"),
    signed_route(
        "GET", f"{_MINE}/position/open_positions", contract_account.positions, "positions"
    ),
    signed_route("GET", f"{_MINE}/position/leverage", contract_account.leverage, "leverage"),
    signed_route(
        "POST", f"{_MINE}/position/change_leverage", contract_account.change_leverage, "leverage"
    ),
    signed_route("GET", f"{_MINE}/position/position_mode", contract_account.position_mode, "modes"),
    signed_route(
        "POST", f"{_MINE}/position/change_position_mode", contract_account.change_position_mode,
        "modes",
    ),
    signed_route("POST", f"{_MINE}/order/create", contract_trading.create, "create"),
    signed_route("POST", f"{_MINE}/order/cancel", contract_trading.cancel, "contract cancel"),
    signed_route(
        "POST", f"{_MINE}/order/cancel_with_external", contract_trading.cancel_external,
        "contract cancel",
    ),
    signed_route("POST", f"{_MINE}/order/cancel_all", contract_trading.cancel_all, "cancel all"),
    signed_route("POST", f"{_MINE}/order/change_limit_order", contract_trading.change, "change"),
    signed_route("GET", f"{_MINE}/order/get/{{order_id}}", contract_trading.look_up, "get"),
    signed_route(
        "GET", f"{_MINE}/order/external/{{symbol}}/{{external_oid}}",
        contract_trading.look_up_external, "external",
    ),
    signed_route("GET", f"{_MINE}/order/list/open_orders", contract_trading.open_orders, "open"),
    signed_route(
        "GET", f"{_MINE}/order/list/open_orders/{{symbol}}", contract_trading.open_orders, "open"
    ),
    signed_route("GET", f"{_MINE}/order/list/history_orders", contract_trading.history, "history"),
    signed_route("GET", f"{_MINE}/order/list/order_deals", contract_trading.deals, "deals"),
    signed_route(
        "GET", f"{_MINE}/order/deal_details/{{order_id}}", contract_trading.deals_of_order, "deals"
    ),
    signed_route("POST", f"{_MINE}/planorder/place", contract_trading.place_plan, "plan"),
    signed_route("POST", f"{_MINE}/planorder/cancel", contract_trading.cancel_plan, "plan"),
    signed_route("POST", f"{_MINE}/planorder/cancel_all", contract_trading.cancel_plans, "plan"),
    signed_route("GET", f"{_MINE}/planorder/list/orders", contract_trading.plans, "plans"),
)  # fmt: skip

# The document that this table came from is not recorded; to check it: the limits of MEXC's spot
# v3 and contract v1.
#: spot 500 of weight in ten seconds, contracts 20 requests in two, an end point
_QUOTAS = {each.bucket: RequestQuota(500, 10.0) for each in _SPOT} | {
    each.bucket: RequestQuota(20, 2.0) for each in _CONTRACT
}
_ENDPOINTS = (
    WebSocketEndpoint(
        path="/ws",
        on_message=spot_streams.on_message,
        on_open=spot_streams.on_open,
        idle_timeout_s=60.0,
    ),
    WebSocketEndpoint(path="/edge", on_message=contract_streams.on_message, idle_timeout_s=60.0),
)
_MOST_WINDOW_MS, _AHEAD_MS = 60_000, 1_000


class MexcDialect:
    """Spot and contracts, a wallet each."""

    name = "mexc"
    routes: Sequence[Route] = _SPOT + _CONTRACT
    endpoints: Sequence[WebSocketEndpoint] = _ENDPOINTS
    quotas = _QUOTAS

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """Two."""
        del listings
        return (WalletSpec(("spot",), _SPOT_RULES), WalletSpec(("linear",), _LINEAR_RULES))

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """BTCUSDT in base units; BTC_USDT in contracts of a tenth of its lot."""
        if kind != "linear":
            return spec.to_listing(f"mexc:{kind}", spec.symbol, max_leverage=200)
        size = spec.lot / 10
        # contracts have no minimum but one of them
        return spec.to_listing(
            f"mexc:{kind}",
            f"{spec.base}_{spec.quote}",
            max_leverage=200,
            contract_size=size,
            lot=size,
            min_notional=ZERO,
        )

    def authenticate(self, call: ApiCall) -> str:
        """By the rules of the API that was called."""
        return _who_of_contracts(call) if _is_contract(call) else _who_of_spot(call)

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """Contracts say `success`; spot says nothing around an answer."""
        if not _is_contract(call):
            return Response(answer)
        body: dict[str, object] = {"success": True, "code": 0}
        return Response(body if answer == {} else body | {"data": answer})

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """Contracts 200 and `success` false; spot 400."""
        code = parse_int(str(error.code), 500)
        if _is_contract(call):
            body = {"success": False, "code": code, "message": error.message}
            return Response(body, error.status or 200, dict(error.headers))
        spot_body = {"code": code, "msg": error.message}
        return Response(spot_body, error.status or 400, dict(error.headers))

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """404."""
        return ApiError(404, f"not found: {call.path}", status=404)

    def maintenance_error(self) -> ApiError:
        """What maintenance looks like."""
        return ApiError(503, "service not available, please try again", status=503)

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """No headers; 429 of spot, 510 of contracts."""
        if usage.exceeded and route in _CONTRACT:
            words = "Requests are too frequent, please try again later"
            raise ApiError(510, words)
        if usage.exceeded:
            raise ApiError(429, "Too Many Requests", status=429)
        return {}

    def encode_frame(self, frame: Frame) -> str | bytes:
        """Bytes are protocol buffers already, a text is one; all else is JSON."""
        if isinstance(frame, bytes | str):
            return frame
        return msgspec.json.encode(frame).decode()

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """What a topic of contracts begins with; spot begins with the first change."""
        streams = (
            contract_streams.initial_frames if _of_contracts(topic) else spot_streams.initial_frames
        )
        return streams(venue, topic)

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """One frame for an update."""
        streams = (
            contract_streams.render_update if _of_contracts(topic) else spot_streams.render_update
        )
        return streams(venue, topic, update)


def _is_contract(call: ApiCall) -> bool:
    return call.path.startswith("/api/v1/")


def _of_contracts(topic: StreamTopic) -> bool:
    if topic.instrument is None:
        return topic.wallet == "linear"
    return market_by_id(topic.instrument.market_id).kind == "linear"


def _who_of_spot(call: ApiCall) -> str:
    """HMAC-SHA256 of the query without its last part, the signature."""
    keys, query = call.venue.credentials, call.query
    if call.headers.get("X-MEXC-APIKEY") != keys.api_key or not call.venue.api_key_valid:
        raise ApiError(10072, "Api key info invalid")
    signed, _, signature = call.raw_query.rpartition("&signature=")
    if not signatures_match(_signed(keys.secret, signed), signature):
        raise ApiError(700002, "Signature for this request is not valid.")
    window_ms = parse_int(query.get("recvWindow"), 5000)
    if window_ms > _MOST_WINDOW_MS:
        raise ApiError(700005, "recvWindow must be less than 60000")
    if not _in_time(call, query.get("timestamp"), window_ms):
        raise ApiError(700003, "Timestamp for this request is outside of the recvWindow.")
    return ACCOUNT


def _who_of_contracts(call: ApiCall) -> str:
    """HMAC-SHA256 of key, time and what is asked, the query in the order of its names."""
    keys, headers = call.venue.credentials, call.headers
    stamp = headers.get("Request-Time", "")
    if headers.get("ApiKey") != keys.api_key or not call.venue.api_key_valid:
        raise ApiError(402, "API Key expired, please apply again")
    requested = "&".join(sorted(filter(None, call.raw_query.split("&"))))
    if call.method == "POST":
        requested = call.body.decode("utf-8", "replace")
    expected = _signed(keys.secret, f"{keys.api_key}{stamp}{requested}")
    if not signatures_match(expected, headers.get("Signature", "")):
        raise ApiError(602, "Signature verification failed!")
    window_ms = 1000 * parse_int(headers.get("Recv-Window"), 10)
    if not _in_time(call, stamp, min(window_ms, _MOST_WINDOW_MS)):
        raise ApiError(513, "Invalid request, Request-Time is outside of its window")
    return ACCOUNT


def _signed(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _in_time(call: ApiCall, stamp: str | None, window_ms: int) -> bool:
    now_ms = ms(call.now_ns)
    return now_ms - window_ms <= parse_int(stamp, 0) < now_ms + _AHEAD_MS
