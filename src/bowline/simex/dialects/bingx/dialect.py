"""BingX as tables: routes, quotas, endpoints; authentication, and the form of responses."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from decimal import Decimal
from urllib.parse import unquote

import msgspec

from bowline.core.sim.exchange import ClientIds, Fees, VenueRules
from bowline.core.venue import Listing
from bowline.simex.dialects.bingx import account, currencies, market, streams, trading
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
    fees=Fees(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0005")),
    client_ids=ClientIds.FOREVER,
)
_WINDOW_MS = 5_000
_SPOT, _SWAP = "/openApi/spot/v1", "/openApi/swap/v2"

# The document that this table came from is not recorded; to check it: bingx-api.github.io/docs,
# the page of each endpoint.
#: requests a second of each signed end point, an account
_LIMITS: tuple[tuple[str, str, Handler, int], ...] = (
    ("GET", "/openApi/v1/account/apiPermissions", account.key_rights, 5),
    ("GET", "/openApi/wallets/v1/capital/config/getall", currencies.currencies, 2),
    ("GET", f"{_SPOT}/account/balance", account.spot_balances, 5),
    ("POST", f"{_SPOT}/trade/order", trading.place, 10),
    ("POST", f"{_SPOT}/trade/order/cancelReplace", trading.cancel_replace, 5),
    ("POST", f"{_SPOT}/trade/cancel", trading.cancel, 5),
    ("POST", f"{_SPOT}/trade/cancelOpenOrders", trading.cancel_all, 5),
    ("POST", f"{_SPOT}/trade/cancelAllAfter", trading.cancel_all_after, 1),
    ("GET", f"{_SPOT}/trade/query", trading.look_up, 10),
    ("GET", f"{_SPOT}/trade/openOrders", trading.open_orders, 10),
    ("GET", f"{_SPOT}/trade/historyOrders", trading.closed_orders, 10),
    ("GET", f"{_SPOT}/trade/myTrades", trading.spot_fills, 5),
    ("POST", f"{_SWAP}/trade/order", trading.place, 10),
    ("DELETE", f"{_SWAP}/trade/order", trading.cancel, 5),
    ("GET", f"{_SWAP}/trade/order", trading.look_up, 10),
    ("DELETE", f"{_SWAP}/trade/allOpenOrders", trading.cancel_all, 5),
    ("POST", f"{_SWAP}/trade/cancelAllAfter", trading.cancel_all_after, 1),
    ("GET", f"{_SWAP}/trade/openOrders", trading.open_orders, 5),
    ("GET", f"{_SWAP}/trade/allOrders", trading.closed_orders, 5),
    ("GET", f"{_SWAP}/trade/allFillOrders", trading.all_fills, 5),
    ("GET", f"{_SWAP}/trade/fillHistory", trading.fill_history, 5),
    ("GET", f"{_SWAP}/trade/leverage", account.leverage, 5),
    ("POST", f"{_SWAP}/trade/leverage", account.set_leverage, 5),
    ("GET", f"{_SWAP}/trade/marginType", account.margin_type, 5),
    ("POST", f"{_SWAP}/trade/marginType", account.set_margin_type, 5),
    ("GET", f"{_SWAP}/user/positions", account.positions, 5),
    ("GET", "/openApi/swap/v3/user/balance", account.swap_balances, 5),
    ("POST", "/openApi/swap/v1/trade/cancelReplace", trading.cancel_replace, 5),
    ("GET", "/openApi/swap/v1/positionSide/dual", account.position_mode, 5),
    ("POST", "/openApi/swap/v1/positionSide/dual", account.set_position_mode, 5),
)
_STREAM_KEY = "/openApi/user/auth/userDataStream"
_ROUTES: tuple[Route, ...] = (
    public_route("GET", f"{_SPOT}/server/time", market.time),
    public_route("GET", f"{_SPOT}/common/symbols", market.symbols),
    public_route("GET", f"{_SPOT}/market/depth", market.book),
    public_route("GET", f"{_SPOT}/market/kline", market.candles),
    public_route("GET", f"{_SPOT}/market/trades", market.recent_trades),
    public_route("GET", f"{_SPOT}/ticker/24hr", market.ticker),
    public_route("GET", f"{_SWAP}/server/time", market.time),
    public_route("GET", f"{_SWAP}/quote/contracts", market.contracts),
    public_route("GET", f"{_SWAP}/quote/depth", market.book),
    public_route("GET", f"{_SWAP}/quote/trades", market.recent_trades),
    public_route("GET", f"{_SWAP}/quote/ticker", market.ticker),
    public_route("GET", f"{_SWAP}/quote/fundingRate", market.funding_history),
    public_route("GET", f"{_SWAP}/quote/premiumIndex", market.premium),
    public_route("GET", "/openApi/swap/v3/quote/klines", market.candles),
    public_route("GET", "/openApi/cswap/v1/market/contracts", market.no_contracts),
    # the API key is all that these ask for
    public_route("POST", _STREAM_KEY, account.open_listen_key, _STREAM_KEY),
    public_route("PUT", _STREAM_KEY, account.extend_listen_key, _STREAM_KEY),
    public_route("DELETE", _STREAM_KEY, account.close_listen_key, _STREAM_KEY),
    *(signed_route(method, path, each, f"{method} {path}") for method, path, each, _ in _LIMITS),
)
_QUOTAS = {
    "public": RequestQuota(500, 10.0),
    _STREAM_KEY: RequestQuota(2),
    **{f"{method} {path}": RequestQuota(most) for method, path, _, most in _LIMITS},
}
_ENDPOINTS = tuple(
    WebSocketEndpoint(
        path=path,
        on_message=streams.on_message,
        on_open=streams.on_open,
        ping_frame=streams.ping_frame,
        ping_interval_s=5.0,
        idle_timeout_s=30.0,
    )
    for path in streams.KINDS_OF
)


class BingxDialect:
    """Two accounts, one for each market; every frame is gzip."""

    name = "bingx"
    routes: Sequence[Route] = _ROUTES
    endpoints: Sequence[WebSocketEndpoint] = _ENDPOINTS
    quotas = _QUOTAS

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """One each: what lies in one cannot be used in the other."""
        del listings
        return (WalletSpec(("spot",), _SPOT_RULES), WalletSpec(("linear",), _LINEAR_RULES))

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """Both markets say BTC-USDT and count base units."""
        return spec.to_listing(f"bingx:{kind}", f"{spec.base}-{spec.quote}", max_leverage=125)

    def authenticate(self, call: ApiCall) -> str:
        """HMAC-SHA256 in hex of the query as it was sent, without its signature and unescaped."""
        account.check_key(call)
        now_ms, window_ms = ms(call.now_ns), parse_int(call.query.get("recvWindow"), _WINDOW_MS)
        sent_ms = parse_int(call.query.get("timestamp"), 0)
        if not now_ms - window_ms <= sent_ms < now_ms + 1000:
            raise ApiError(100421, "Null timestamp or timestamp mismatch")
        query, _, signature = call.raw_query.rpartition("signature=")
        signed = unquote(query.removesuffix("&")).encode()
        expected = hmac.new(
            call.venue.credentials.secret.encode(), signed, hashlib.sha256
        ).hexdigest()
        if not signatures_match(expected, signature):
            raise ApiError(100001, "Signature verification failed")
        return ACCOUNT

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """`code` 0 around `data`."""
        return Response(_envelope(call, 0, "", answer))

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """Almost every no is a 200 with a `code`."""
        code = parse_int(str(error.code), 100500)
        body = _envelope(call, code, error.message, {})
        return Response(body, error.status or 200, dict(error.headers))

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """A 200 with a code like any other."""
        return ApiError(100400, f"this api is not exist, please refer to the API docs {call.path}")

    def maintenance_error(self) -> ApiError:
        """What maintenance looks like."""
        return ApiError(100503, "The system is under maintenance", status=503)

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """What is left and until when, in headers; 100410 beyond it."""
        reset_ms = ms(usage.reset_ns)
        headers = {
            "X-RateLimit-Requests-Remain": str(usage.remaining),
            "X-RateLimit-Requests-Expire": str(reset_ms),
        }
        if usage.exceeded:
            words = "The endpoint trigger frequency limit rule is currently in the disabled period"
            words = f"code:100410:{words} and will be unblocked after {reset_ms}"
            raise ApiError(100410, words, headers=headers)
        return headers if route.private else {}

    def encode_frame(self, frame: Frame) -> str | bytes:
        """Gzip of JSON, or of a bare word."""
        text = frame if isinstance(frame, bytes) else msgspec.json.encode(frame)
        return gzip.compress(text, compresslevel=1, mtime=0)

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """How books and prices stand."""
        return streams.initial_frames(venue, topic)

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """One frame for an update."""
        return streams.render_update(venue, topic, update)


def _envelope(call: ApiCall, code: int, message: str, shown: object) -> dict[str, object]:
    return {"code": code, "timestamp": ms(call.now_ns), "msg": message, "data": shown}
