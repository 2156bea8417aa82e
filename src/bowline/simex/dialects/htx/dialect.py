"""HTX as tables: routes, quotas, endpoints; authentication, and the form of responses."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from bowline.core.model.values import ONE, ZERO
from bowline.core.sim.exchange import ClientIds, Fees, VenueRules
from bowline.core.venue import Listing
from bowline.simex.dialects.htx import (
    auth,
    currencies,
    market,
    private_streams,
    spot_trading,
    streams,
    swap_account,
    swap_trading,
)
from bowline.simex.dialects.htx.market import kind_of
from bowline.simex.request_quotas import QuotaUsage, RequestQuota
from bowline.simex.session import WebSocketEndpoint
from bowline.simex.stream_topics import Frame, StreamTopic
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import ACCOUNT, SimulatedVenue, WalletSpec
from bowline.simex.venue_api import ApiCall, ApiError, Response, Route, public_route, signed_route
from bowline.simex.venue_updates import VenueUpdate
from bowline.simex.wire_values import ms, parse_int

_SPOT_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.002"), taker_rate=Decimal("0.002")),
    client_ids=ClientIds.FOREVER,
    post_only_refuses=False,
    first_order_id=438_398_393_065_481,
    first_trade_id=101_539_740_584,
)
_SWAP_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0006")),
    client_ids=ClientIds.FOREVER,
    post_only_refuses=False,
    first_order_id=1_513_834_754_585_190_400,
    first_trade_id=152_022_944,
)
_TOO_MANY = 429

_ROUTES: tuple[Route, ...] = (
    public_route("GET", "/v1/common/timestamp", market.time),
    public_route("GET", "/v1/common/symbols", market.symbols),
    public_route("GET", "/v2/reference/currencies", currencies.currencies),
    public_route("GET", "/api/v1/contract_contract_info", currencies.dated),
    public_route("GET", "/swap-api/v1/swap_contract_info", currencies.coin_margined),
    public_route("GET", "/market/depth", market.book),
    public_route("GET", "/market/detail/merged", market.merged),
    public_route("GET", "/market/history/kline", market.candles),
    public_route("GET", "/market/history/candles", market.candles),
    public_route("GET", "/market/history/trade", market.trades),
    signed_route("GET", "/v1/account/accounts", spot_trading.accounts, "accounts"),
    signed_route(
        "GET", "/v1/account/accounts/{account_id}/balance", spot_trading.balance, "balance"
    ),
    signed_route("POST", "/v1/order/orders/place", spot_trading.place, "place"),
    signed_route(
        "POST",
        "/v1/order/orders/submitCancelClientOrder",
        spot_trading.cancel_by_client_id,
        "cancel",
    ),
    signed_route(
        "POST", "/v1/order/orders/batchCancelOpenOrders", spot_trading.cancel_open, "cancel"
    ),
    signed_route("POST", "/v1/order/orders/{order_id}/submitcancel", spot_trading.cancel, "cancel"),
    signed_route("GET", "/v1/order/orders/getClientOrder", spot_trading.by_client_id, "order"),
    signed_route("GET", "/v1/order/orders", spot_trading.orders, "orders"),
    signed_route("GET", "/v1/order/orders/{order_id}", spot_trading.one, "order"),
    signed_route("GET", "/v1/order/openOrders", spot_trading.open_orders, "open orders"),
    signed_route("GET", "/v1/order/matchresults", spot_trading.match_results, "fills"),
    signed_route(
        "GET", "/v1/order/orders/{order_id}/matchresults", spot_trading.match_results, "fills"
    ),
    signed_route(
        "POST", "/v2/algo-orders/cancel-all-after", spot_trading.cancel_all_after, "orders"
    ),
    public_route("GET", "/api/v1/timestamp", market.swap_time),
    public_route("GET", "/linear-swap-api/v1/swap_contract_info", market.swaps),
    public_route("GET", "/linear-swap-ex/market/depth", market.book),
    public_route("GET", "/linear-swap-ex/market/detail/merged", market.merged),
    public_route("GET", "/linear-swap-ex/market/history/kline", market.candles),
    public_route("GET", "/linear-swap-ex/market/history/trade", market.trades),
    public_route("GET", "/v5/market/funding_rate_history", market.funding_history),
    signed_route("POST", "/v5/trade/order", swap_trading.place, "trade"),
    signed_route("POST", "/v5/trade/cancel_order", swap_trading.cancel, "trade"),
    signed_route("POST", "/v5/trade/cancel_all_orders", swap_trading.cancel_all, "trade"),
    signed_route("POST", "/v5/trade/cancel-after", swap_trading.cancel_after, "trade"),
    signed_route("GET", "/v5/trade/order", swap_trading.one, "read"),
    signed_route("GET", "/v5/trade/order/opens", swap_trading.open_orders, "read"),
    signed_route("GET", "/v5/trade/order/history", swap_trading.history, "read"),
    signed_route("GET", "/v5/trade/order/details", swap_trading.details, "read"),
    signed_route("GET", "/v5/trade/position/opens", swap_account.positions, "read"),
    signed_route("POST", "/v5/algo/order", swap_trading.place_trigger, "trade"),
    signed_route("POST", "/v5/algo/cancel_orders", swap_trading.cancel_triggers, "trade"),
    signed_route("GET", "/v5/algo/order", swap_trading.one_trigger, "read"),
    signed_route("GET", "/v5/algo/order/opens", swap_trading.open_triggers, "read"),
    signed_route("GET", "/v5/position/lever", swap_account.leverage, "read"),
    signed_route("POST", "/v5/position/lever", swap_account.set_leverage, "trade"),
    signed_route("GET", "/v5/position/mode", swap_account.position_mode, "read"),
    signed_route("POST", "/v5/position/mode", swap_account.set_position_mode, "trade"),
    signed_route("GET", "/v5/account/balance", swap_account.balance, "read"),
)

# The document that this table came from is not recorded; to check it: the limits of HTX's spot
# API and of its swap API v5.
_QUOTAS = {
    "public": RequestQuota(800, 1.0),
    "place": RequestQuota(100, 2.0),
    "cancel": RequestQuota(100, 2.0),
    **dict.fromkeys(
        ("accounts", "balance", "order", "orders", "open orders"), RequestQuota(50, 2.0)
    ),
    "fills": RequestQuota(20, 2.0),
    "trade": RequestQuota(36, 3.0),
    "read": RequestQuota(72, 3.0),
}

_ENDPOINTS = (
    WebSocketEndpoint(
        path="/ws",
        on_message=streams.on_spot_message,
        ping_frame=streams.ping_frame,
        ping_interval_s=5.0,
        idle_timeout_s=15.0,
    ),
    WebSocketEndpoint(
        path="/feed",
        on_message=streams.on_feed_message,
        ping_frame=streams.ping_frame,
        ping_interval_s=5.0,
        idle_timeout_s=15.0,
    ),
    WebSocketEndpoint(
        path="/linear-swap-ws",
        on_message=streams.on_swap_message,
        ping_frame=streams.ping_frame,
        ping_interval_s=5.0,
        idle_timeout_s=15.0,
    ),
    WebSocketEndpoint(
        path="/ws/v2",
        on_message=private_streams.on_spot_message,
        ping_frame=private_streams.spot_ping_frame,
        ping_interval_s=20.0,
        idle_timeout_s=60.0,
    ),
    WebSocketEndpoint(
        path="/ws/v5/notification",
        on_message=private_streams.on_swap_message,
        ping_frame=private_streams.swap_ping_frame,
        ping_interval_s=5.0,
        idle_timeout_s=15.0,
    ),
)


class HtxDialect:
    """Spot and swaps have an account each. Streams are gzip but for one."""

    name = "htx"
    routes: Sequence[Route] = _ROUTES
    endpoints: Sequence[WebSocketEndpoint] = _ENDPOINTS
    quotas = _QUOTAS

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """One each."""
        del listings
        return (WalletSpec(("spot",), _SPOT_RULES), WalletSpec(("linear",), _SWAP_RULES))

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """Spot says btcusdt, swaps say BTC-USDT and count contracts of a lot each."""
        linear = kind == "linear"
        return spec.to_listing(
            f"htx:{kind}",
            f"{spec.base}-{spec.quote}" if linear else spec.symbol.lower(),
            max_leverage=200,
            contract_size=spec.lot if linear else ONE,
            min_notional=ZERO if linear else None,
        )

    def authenticate(self, call: ApiCall) -> str:
        """Signature v2, in the query."""
        if flaw := auth.flaw_of_call(call):
            if kind_of(call.path) == "spot":
                raise ApiError("api-signature-not-valid", f"Signature not valid: {flaw}")
            if flaw == "Verification failure":
                raise ApiError(1003, "invalid signature")
            raise ApiError(403, flaw)
        return ACCOUNT

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """`code` around v2 and v5, `status` around the rest; market data is beside it."""
        if call.path.startswith(("/v2", "/v5")):
            word = "Success" if call.path.startswith("/v5") else "success"
            body = {"code": 200, "message": word, "data": answer, "ts": ms(call.now_ns)}
            return Response(body)
        bare = isinstance(answer, dict) and ("ch" in answer or answer.keys() == {"ts"})
        told = answer if isinstance(answer, dict) and bare else {"data": answer}
        late = {} if call.path.startswith("/v1") else {"ts": ms(call.now_ns)}
        return Response({"status": "ok"} | late | told)

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """Almost every no is a 200 with a code."""
        code, message = error.code, error.message
        body: dict[str, object]
        if call.path.startswith(("/v2", "/v5")):
            # clients read the number of v5 as a number
            body = {"code": parse_int(str(code), 500), "message": message, "ts": ms(call.now_ns)}
        elif kind_of(call.path) == "spot":
            body = {"status": "error", "err-code": str(code), "err-msg": message, "data": None}
        else:
            body = {"status": "error", "err_code": code, "err_msg": message}
            body |= {"ts": ms(call.now_ns)}
        return Response(body, error.status or 200, dict(error.headers))

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """404."""
        return ApiError(404, f"path not found: {call.path}", status=404)

    def maintenance_error(self) -> ApiError:
        """Maintenance."""
        return ApiError("system-maintenance", "System is in maintenance!", status=503)

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """Two families of headers."""
        swaps = kind_of(route.path) == "linear"
        headers = {"X-HB-RateLimit-Requests-Remain": str(usage.remaining)}
        if swaps:
            headers = {
                "ratelimit-limit": str(usage.quota.limit),
                "ratelimit-interval": str(int(usage.quota.window_s * 1000)),
                "ratelimit-remaining": str(usage.remaining),
                "ratelimit-reset": str(ms(usage.reset_ns)),
            }
        if usage.exceeded:
            code = 1032 if swaps else "rate-too-many-requests"
            words = "Number of access exceeds limit."
            raise ApiError(code, words, status=_TOO_MANY, headers=headers)
        return headers

    def encode_frame(self, frame: Frame) -> str | bytes:
        """JSON in gzip, unless it is text already."""
        if isinstance(frame, str):
            return frame
        return gzip.compress(msgspec.json.encode(frame), compresslevel=1)

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """Books of swaps, balances and positions."""
        tell = private_streams.initial_frames if topic.account else streams.initial_frames
        return tell(venue, topic)

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """One frame for an update."""
        tell = private_streams.render_update if topic.account else streams.render_update
        return tell(venue, topic, update)
