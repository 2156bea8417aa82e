"""Bitget API v2 as tables: routes, quotas, endpoints; authentication, and the form of responses."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from decimal import Decimal
from urllib.parse import unquote

import msgspec

from bowline.core.sim.exchange import ClientIds, Fees, VenueRules
from bowline.core.venue import Listing
from bowline.simex.dialects.bitget import (
    account,
    currencies,
    fees_and_tiers,
    market,
    plan_orders,
    streams,
    trading,
)
from bowline.simex.payload import signatures_match
from bowline.simex.request_quotas import QuotaUsage, RequestQuota
from bowline.simex.session import WebSocketEndpoint
from bowline.simex.stream_topics import Frame, StreamTopic
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import ACCOUNT, SimulatedVenue, WalletSpec
from bowline.simex.venue_api import (
    ApiCall,
    ApiError,
    Handler,
    Response,
    Route,
    public_route,
    signed_route,
)
from bowline.simex.venue_updates import VenueUpdate
from bowline.simex.wire_values import ms, parse_int

_SPOT_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.001"), taker_rate=Decimal("0.001")),
    client_ids=ClientIds.FOREVER,
    post_only_refuses=False,
)
_LINEAR_RULES = VenueRules(
    tiers=fees_and_tiers.TIERS,
    fees=Fees(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0006")),
    client_ids=ClientIds.FOREVER,
    post_only_refuses=False,
)
_WINDOW_MS = 30_000

# The document that this table came from is not recorded; to check it: bitget.com/api-doc, the
# page of each endpoint.
#: requests a second of each signed end point, an account
_LIMITS: tuple[tuple[str, str, Handler, int], ...] = (
    ("GET", "/api/v2/spot/account/info", account.key_rights, 1),
    ("GET", "/api/v2/spot/account/assets", account.assets, 10),
    ("POST", "/api/v2/spot/trade/place-order", trading.place, 10),
    ("POST", "/api/v2/spot/trade/cancel-order", trading.cancel, 10),
    ("POST", "/api/v2/spot/trade/cancel-symbol-order", trading.cancel_symbol, 5),
    ("POST", "/api/v2/spot/trade/cancel-replace-order", trading.cancel_replace, 5),
    ("GET", "/api/v2/spot/trade/orderInfo", trading.spot_detail, 20),
    ("GET", "/api/v2/spot/trade/unfilled-orders", trading.unfilled, 20),
    ("GET", "/api/v2/spot/trade/history-orders", trading.history, 20),
    ("GET", "/api/v2/spot/trade/fills", trading.spot_fills, 10),
    ("POST", "/api/v2/spot/trade/place-plan-order", plan_orders.place, 20),
    ("POST", "/api/v2/spot/trade/cancel-plan-order", plan_orders.cancel, 20),
    ("POST", "/api/v2/spot/trade/batch-cancel-plan-order", plan_orders.cancel_some, 5),
    ("GET", "/api/v2/spot/trade/current-plan-order", plan_orders.spot_pending, 20),
    ("GET", "/api/v2/spot/trade/history-plan-order", plan_orders.spot_history, 20),
    ("GET", "/api/v2/mix/account/accounts", account.accounts, 10),
    ("GET", "/api/v2/mix/account/account", account.account, 10),
    ("POST", "/api/v2/mix/account/set-leverage", account.set_leverage, 5),
    ("POST", "/api/v2/mix/account/set-margin-mode", account.set_margin_mode, 5),
    ("POST", "/api/v2/mix/account/set-position-mode", account.set_position_mode, 5),
    ("GET", "/api/v2/mix/position/all-position", account.all_positions, 5),
    ("GET", "/api/v2/mix/position/single-position", account.single_position, 10),
    ("POST", "/api/v2/mix/order/place-order", trading.place, 10),
    ("POST", "/api/v2/mix/order/cancel-order", trading.cancel, 10),
    ("POST", "/api/v2/mix/order/modify-order", trading.modify, 10),
    ("POST", "/api/v2/mix/order/batch-cancel-orders", trading.cancel_many, 10),
    ("GET", "/api/v2/mix/order/detail", trading.detail, 10),
    ("GET", "/api/v2/mix/order/orders-pending", trading.pending, 10),
    ("GET", "/api/v2/mix/order/orders-history", trading.orders_history, 10),
    ("GET", "/api/v2/mix/order/fills", trading.mix_fills, 10),
    ("POST", "/api/v2/mix/order/place-plan-order", plan_orders.place, 10),
    ("POST", "/api/v2/mix/order/cancel-plan-order", plan_orders.cancel_some, 10),
    ("GET", "/api/v2/mix/order/orders-plan-pending", plan_orders.pending, 10),
    ("GET", "/api/v2/mix/order/orders-plan-history", plan_orders.history, 10),
    ("POST", "/api/v2/mix/order/place-tpsl-order", plan_orders.place_tpsl, 10),
    ("GET", "/api/v2/mix/account/bill", fees_and_tiers.bills, 10),
    ("GET", "/api/v2/common/trade-rate", fees_and_tiers.trade_rate, 10),
)
_ROUTES: tuple[Route, ...] = (
    public_route("GET", "/api/v2/public/time", market.time),
    public_route("GET", "/api/v2/spot/public/coins", currencies.currencies),
    public_route("GET", "/api/v2/spot/public/symbols", market.symbols),
    public_route("GET", "/api/v2/spot/market/tickers", market.tickers),
    public_route("GET", "/api/v2/spot/market/orderbook", market.book),
    public_route("GET", "/api/v2/spot/market/candles", market.candles),
    public_route("GET", "/api/v2/spot/market/history-candles", market.candles),
    public_route("GET", "/api/v2/spot/market/fills", market.recent_trades),
    public_route("GET", "/api/v2/spot/market/fills-history", market.recent_trades),
    public_route("GET", "/api/v2/margin/currencies", market.no_margin_trading),
    public_route("GET", "/api/v2/mix/market/contracts", market.contracts),
    public_route("GET", "/api/v2/mix/market/ticker", market.tickers),
    public_route("GET", "/api/v2/mix/market/tickers", market.tickers),
    public_route("GET", "/api/v2/mix/market/merge-depth", market.book),
    public_route("GET", "/api/v2/mix/market/candles", market.candles),
    public_route("GET", "/api/v2/mix/market/history-candles", market.candles),
    public_route("GET", "/api/v2/mix/market/history-mark-candles", market.candles),
    public_route("GET", "/api/v2/mix/market/fills", market.recent_trades),
    public_route("GET", "/api/v2/mix/market/fills-history", market.recent_trades),
    public_route("GET", "/api/v2/mix/market/history-fund-rate", market.funding_history),
    public_route("GET", "/api/v2/mix/market/query-position-lever", fees_and_tiers.position_tiers),
    public_route("GET", "/api/v2/mix/market/symbol-price", fees_and_tiers.symbol_price),
    public_route("GET", "/api/v2/mix/market/open-interest", fees_and_tiers.open_interest),
    public_route("GET", "/api/v2/mix/market/current-fund-rate", market.next_funding),
    *(signed_route(method, path, handler, path) for method, path, handler, _ in _LIMITS),
)
_QUOTAS = {"public": RequestQuota(6000, 60.0)} | {
    path: RequestQuota(most) for _, path, _, most in _LIMITS
}
_ENDPOINTS = (
    WebSocketEndpoint(path="/v2/ws/public", on_message=streams.on_message, idle_timeout_s=120.0),
    WebSocketEndpoint(path="/v2/ws/private", on_message=streams.on_message, idle_timeout_s=120.0),
)


class BitgetDialect:
    """Two accounts, one for each market; all is JSON text but `ping` and `pong`."""

    name = "bitget"
    routes: Sequence[Route] = _ROUTES
    endpoints: Sequence[WebSocketEndpoint] = _ENDPOINTS
    quotas = _QUOTAS

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """One each: what lies in one cannot be used in the other."""
        del listings
        return (WalletSpec(("spot",), _SPOT_RULES), WalletSpec(("linear",), _LINEAR_RULES))

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """Both markets say BTCUSDT and count base units."""
        return spec.to_listing(f"bitget:{kind}", spec.symbol, max_leverage=125)

    def authenticate(self, call: ApiCall) -> str:
        """Base64 of the HMAC-SHA256 of time, method, path, query and body; a passphrase too."""
        keys, headers = call.venue.credentials, call.headers
        stamp = headers.get("ACCESS-TIMESTAMP", "")
        if headers.get("ACCESS-KEY") is None:
            raise ApiError("40001", "ACCESS_KEY cannot be empty")
        if headers.get("ACCESS-KEY") != keys.api_key or not call.venue.api_key_valid:
            raise ApiError("40037", "Apikey does not exist")
        if parse_int(stamp, -1) < 0:
            raise ApiError("40005", "Invalid ACCESS_TIMESTAMP")
        if abs(ms(call.now_ns) - parse_int(stamp, 0)) > _WINDOW_MS:
            raise ApiError("40008", "Request timestamp expired")
        if headers.get("ACCESS-PASSPHRASE") != keys.password:
            raise ApiError("40012", "apikey/password is incorrect")
        # what is signed is the query before it was percent-encoded
        query = f"?{unquote(call.raw_query)}" if call.raw_query else ""
        signed = f"{stamp}{call.method}{call.path}{query}".encode() + call.body
        digest = hmac.new(keys.secret.encode(), signed, hashlib.sha256).digest()
        if not signatures_match(base64.b64encode(digest).decode(), headers.get("ACCESS-SIGN", "")):
            raise ApiError("40009", "sign signature error")
        return ACCOUNT

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """`code` 00000 around `data`."""
        return Response(_envelope(call, "00000", "success", answer))

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """A no is a 400 with a code of its own."""
        body = _envelope(call, str(error.code), error.message, None)
        return Response(body, error.status or 400, dict(error.headers))

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """404, with a code."""
        del call
        return ApiError("40404", "Request URL NOT FOUND", status=404)

    def maintenance_error(self) -> ApiError:
        """What maintenance looks like."""
        return ApiError("40200", "Server upgrade, please try again later", status=503)

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """What is left of this second, in a header; 429 beyond it."""
        headers = {"x-mbx-used-remain-limit": str(usage.remaining)} if route.private else {}
        if usage.exceeded:
            raise ApiError("429", "Too Many Requests", status=429, headers=headers)
        return headers

    def encode_frame(self, frame: Frame) -> str | bytes:
        """JSON text; a `pong` is a bare word."""
        return (frame if isinstance(frame, bytes) else msgspec.json.encode(frame)).decode()

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """How things stand."""
        return streams.initial_frames(venue, topic)

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """One frame for an update."""
        return streams.render_update(venue, topic, update)


def _envelope(call: ApiCall, code: str, message: str, shown: object) -> dict[str, object]:
    return {"code": code, "msg": message, "requestTime": ms(call.now_ns), "data": shown}
