"""Bybit v5 as tables: routes, quotas, endpoints; authentication, and the form of responses."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from bowline.core.sim.exchange import ClientIds, Fees, VenueRules
from bowline.core.venue import Listing
from bowline.simex.dialects.bybit import account, fees_and_tiers, market, streams, trading
from bowline.simex.payload import signatures_match
from bowline.simex.request_quotas import QuotaUsage, RequestQuota
from bowline.simex.session import WebSocketEndpoint
from bowline.simex.stream_topics import Frame, StreamTopic
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import ACCOUNT, SimulatedVenue, WalletSpec
from bowline.simex.venue_api import ApiCall, ApiError, Response, Route, public_route, signed_route
from bowline.simex.venue_updates import VenueUpdate
from bowline.simex.wire_values import ms, parse_int

_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.00055")),
    client_ids=ClientIds.FOREVER,
    post_only_refuses=False,
    tiers=fees_and_tiers.TIERS,
)
_SPOT_FEES = Fees(maker_rate=Decimal("0.001"), taker_rate=Decimal("0.001"))

_ROUTES: tuple[Route, ...] = (
    public_route("GET", "/v5/market/time", market.time),
    public_route("GET", "/v5/market/instruments-info", market.instruments),
    public_route("GET", "/v5/market/orderbook", market.book),
    public_route("GET", "/v5/market/kline", market.candles),
    public_route("GET", "/v5/market/tickers", market.tickers),
    public_route("GET", "/v5/market/recent-trade", market.recent_trades),
    public_route("GET", "/v5/market/funding/history", market.funding_history),
    public_route("GET", "/v5/market/mark-price-kline", fees_and_tiers.price_candles),
    public_route("GET", "/v5/market/index-price-kline", fees_and_tiers.price_candles),
    public_route("GET", "/v5/market/open-interest", fees_and_tiers.open_interest),
    public_route("GET", "/v5/market/risk-limit", fees_and_tiers.risk_limits),
    signed_route("POST", "/v5/order/create", trading.create, "create"),
    signed_route("POST", "/v5/order/cancel", trading.cancel, "cancel"),
    signed_route("POST", "/v5/order/cancel-all", trading.cancel_all, "cancel-all"),
    signed_route("POST", "/v5/order/amend", trading.amend, "amend"),
    signed_route("GET", "/v5/order/realtime", trading.realtime, "realtime"),
    signed_route("GET", "/v5/order/history", trading.history, "history"),
    signed_route("GET", "/v5/execution/list", trading.executions, "executions"),
    signed_route(
        "POST", "/v5/order/disconnected-cancel-all", account.set_disconnect_cancel_all, "dcp"
    ),
    signed_route("GET", "/v5/position/list", account.positions, "positions"),
    signed_route("POST", "/v5/position/set-leverage", account.set_leverage, "leverage"),
    signed_route("POST", "/v5/position/switch-mode", account.switch_mode, "modes"),
    signed_route("POST", "/v5/position/switch-isolated", account.switch_isolated, "modes"),
    signed_route("POST", "/v5/account/set-margin-mode", account.set_margin_mode, "modes"),
    signed_route("GET", "/v5/account/wallet-balance", account.wallet_balance, "wallet"),
    signed_route("GET", "/v5/account/info", account.account, "account"),
    signed_route("GET", "/v5/account/fee-rate", fees_and_tiers.fee_rates, "fees"),
    signed_route("GET", "/v5/asset/coin/query-info", account.coins, "coins"),
    signed_route("GET", "/v5/user/query-api", account.key_rights, "user"),
)

# The document that this table came from is not recorded; to check it: the rate limits in bybit-
# exchange.github.io/docs/v5.
_QUOTAS = {
    "public": RequestQuota(600, 5.0),
    **dict.fromkeys(("cancel-all", "leverage", "modes", "user"), RequestQuota(10)),
    **dict.fromkeys(("create", "cancel", "amend"), RequestQuota(20)),
    **dict.fromkeys(
        ("realtime", "history", "executions", "positions", "wallet", "account"), RequestQuota(50)
    ),
    "dcp": RequestQuota(5),
    "coins": RequestQuota(5),
    "fees": RequestQuota(10),
}

_ENDPOINTS = (
    WebSocketEndpoint(
        path="/v5/public/{market}", on_message=streams.on_public_message, idle_timeout_s=600.0
    ),
    WebSocketEndpoint(
        path="/v5/private",
        on_message=streams.on_private_message,
        on_close=streams.on_private_close,
        idle_timeout_s=600.0,
    ),
    WebSocketEndpoint(path="/v5/trade", on_message=streams.on_trade_message, idle_timeout_s=600.0),
)


class BybitDialect:
    """One unified account; all is JSON text."""

    name = "bybit"
    routes: Sequence[Route] = _ROUTES
    endpoints: Sequence[WebSocketEndpoint] = _ENDPOINTS
    quotas = _QUOTAS

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """One for both markets; spot has its own fees."""
        spot = [each.instrument.id for each in listings if each.max_leverage is None]
        rules = msgspec.structs.replace(_RULES, instrument_fees=dict.fromkeys(spot, _SPOT_FEES))
        return (WalletSpec(("spot", "linear"), rules),)

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """Both markets say BTCUSDT and count base units."""
        return spec.to_listing(f"bybit:{kind}", spec.symbol, max_leverage=100)

    def authenticate(self, call: ApiCall) -> str:
        """HMAC-SHA256 of timestamp, key, window and query or body, in hex."""
        keys, headers = call.venue.credentials, call.headers
        stamp, window = (
            headers.get("X-BAPI-TIMESTAMP", ""),
            headers.get("X-BAPI-RECV-WINDOW", "5000"),
        )
        if headers.get("X-BAPI-API-KEY") != keys.api_key or not call.venue.api_key_valid:
            raise ApiError(10003, "API key is invalid.")
        now_ms, sent_ms = ms(call.now_ns), parse_int(stamp, 0)
        if not now_ms - parse_int(window, 5000) <= sent_ms < now_ms + 1000:
            raise ApiError(
                10002,
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window}]",
            )
        signed = f"{stamp}{keys.api_key}{window}".encode()
        signed += call.body if call.method == "POST" else call.raw_query.encode()
        expected = hmac.new(keys.secret.encode(), signed, hashlib.sha256).hexdigest()
        if not signatures_match(expected, headers.get("X-BAPI-SIGN", "")):
            raise ApiError(10004, f"error sign! origin_string[{signed.decode()}]")
        return ACCOUNT

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """`retCode` 0 around a result."""
        return Response(_envelope(call, 0, "OK", answer))

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """Almost every no is a 200 with a `retCode`."""
        code = parse_int(str(error.code), 10016)
        body = _envelope(call, code, error.message, {})
        return Response(body, error.status or 200, dict(error.headers))

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """404, without a code of its own."""
        return ApiError(10404, f"path not found: {call.path}", status=404)

    def maintenance_error(self) -> ApiError:
        """What maintenance looks like."""
        return ApiError(10016, "System error. Please try again later.", status=503)

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """Headers on private replies; 10006 for an account, 403 for an address."""
        if not route.private:
            if usage.exceeded:
                raise ApiError(10018, "access too frequent", status=403)
            return {}
        headers = {
            "X-Bapi-Limit": str(usage.quota.limit),
            "X-Bapi-Limit-Status": str(usage.remaining),
            "X-Bapi-Limit-Reset-Timestamp": str(ms(usage.reset_ns)),
        }
        if usage.exceeded:
            words = "Too many visits. Exceeded the API Rate Limit."
            raise ApiError(10006, words, headers=headers)
        return headers

    def encode_frame(self, frame: Frame) -> str | bytes:
        """JSON text."""
        return msgspec.json.encode(frame).decode()

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """Snapshots of books and tickers."""
        return streams.initial_frames(venue, topic)

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """One frame for an update."""
        return streams.render_update(venue, topic, update)


def _envelope(call: ApiCall, code: int, message: str, result: object) -> dict[str, object]:
    return {
        "retCode": code,
        "retMsg": message,
        "result": result,
        "retExtInfo": {},
        "time": ms(call.now_ns),
    }
