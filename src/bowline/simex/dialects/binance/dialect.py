"""Binance as tables: routes, quotas, endpoints; authentication, and the form of responses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from bowline.core.sim.exchange import ClientIds, Fees, VenueRules
from bowline.core.venue import Listing
from bowline.simex.dialects.binance import (
    account,
    algo_orders,
    auth,
    currencies,
    fees_and_tiers,
    market,
    streams,
    trading,
    ws_api,
)
from bowline.simex.dialects.binance.render import FIRST_ORDER_ID
from bowline.simex.request_quotas import QuotaUsage, RequestQuota
from bowline.simex.session import WebSocketEndpoint
from bowline.simex.stream_topics import Frame, StreamTopic
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import SimulatedVenue, WalletSpec
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
from bowline.simex.wire_values import parse_int

_SPOT_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.001"), taker_rate=Decimal("0.001")),
    client_ids=ClientIds.OPEN,
    # "Spot Trading FAQ": an order locks what it needs as long as it is on the book, a stop too
    spot_stops_lock=True,
    first_order_id=FIRST_ORDER_ID,
    first_trade_id=5_000_000_001,
)
_LINEAR_RULES = msgspec.structs.replace(
    _SPOT_RULES,
    fees=Fees(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0005")),
    leverage=Decimal(20),
    max_open_orders=200,
    tiers=fees_and_tiers.TIERS,
)


def _spot(method: str, name: str, handler: Handler, weight: int, *, private: bool = True) -> Route:
    return Route(method, f"/api/v3/{name}", handler, private, "spot weight", weight)


def _linear(
    method: str, name: str, handler: Handler, weight: int, *, private: bool = True
) -> Route:
    path = name if name.startswith("/") else f"/fapi/v1/{name}"
    return Route(method, path, handler, private, "linear weight", weight)


_ROUTES: tuple[Route, ...] = (
    _spot("GET", "ping", market.ping, 1, private=False),
    _spot("GET", "time", market.time, 1, private=False),
    _spot("GET", "exchangeInfo", market.instruments, 20, private=False),
    _spot("GET", "depth", market.book, 5, private=False),
    _spot("GET", "trades", market.trades, 25, private=False),
    _spot("GET", "aggTrades", market.agg_trades, 4, private=False),
    _spot("GET", "klines", market.candles, 2, private=False),
    _spot("GET", "ticker/24hr", market.ticker_day, 2, private=False),
    _spot("GET", "ticker/price", market.ticker_price, 2, private=False),
    _spot("GET", "ticker/bookTicker", market.ticker_book, 2, private=False),
    _spot("POST", "order", trading.place, 1),
    _spot("POST", "order/test", trading.test_order, 1),
    _spot("GET", "order", trading.look_up, 4),
    _spot("DELETE", "order", trading.cancel, 1),
    _spot("POST", "order/cancelReplace", trading.cancel_replace, 1),
    _spot("GET", "openOrders", trading.open_orders, 6),
    _spot("DELETE", "openOrders", trading.cancel_all, 1),
    _spot("GET", "allOrders", trading.all_orders, 20),
    _spot("GET", "myTrades", trading.fills, 20),
    _spot("GET", "account", account.spot_account, 20),
    signed_route("GET", "/sapi/v1/capital/config/getall", currencies.currencies, "sapi", 10),
    # the key alone is asked for, and not looked at: both lists are empty for everybody
    public_route("GET", "/sapi/v1/margin/allPairs", currencies.none_listed, "sapi"),
    public_route("GET", "/sapi/v1/margin/isolated/allPairs", currencies.none_listed, "sapi", 10),
    public_route("GET", "/dapi/v1/exchangeInfo", currencies.no_coin_margined, "linear weight"),
    _spot("GET", "account/commission", fees_and_tiers.commission, 20),
    _spot("GET", "avgPrice", fees_and_tiers.average_price, 2, private=False),
    signed_route("GET", "/sapi/v1/account/apiRestrictions", account.restrictions, "sapi"),
    signed_route("GET", "/sapi/v1/asset/tradeFee", fees_and_tiers.trade_fees, "sapi"),
    signed_route("GET", "/sapi/v1/spot/delist-schedule", currencies.none_listed, "sapi", 100),
    _linear("GET", "ping", market.ping, 1, private=False),
    _linear("GET", "time", market.time, 1, private=False),
    _linear("GET", "exchangeInfo", market.instruments, 1, private=False),
    _linear("GET", "depth", market.book, 5, private=False),
    _linear("GET", "trades", market.trades, 5, private=False),
    _linear("GET", "aggTrades", market.agg_trades, 20, private=False),
    _linear("GET", "klines", market.candles, 5, private=False),
    _linear("GET", "markPriceKlines", market.mark_candles, 5, private=False),
    _linear("GET", "ticker/24hr", market.ticker_day, 1, private=False),
    _linear("GET", "ticker/price", market.ticker_price, 1, private=False),
    _linear("GET", "ticker/bookTicker", market.ticker_book, 2, private=False),
    _linear("GET", "premiumIndex", market.premium_index, 1, private=False),
    _linear("GET", "fundingRate", market.funding_rates, 1, private=False),
    _linear("POST", "order", trading.place, 1),
    _linear("PUT", "order", trading.modify, 1),
    _linear("GET", "order", trading.look_up, 1),
    _linear("DELETE", "order", trading.cancel, 1),
    _linear("GET", "openOrder", trading.open_order, 1),
    _linear("GET", "openOrders", trading.open_orders, 1),
    _linear("DELETE", "allOpenOrders", trading.cancel_all, 1),
    _linear("GET", "allOrders", trading.all_orders, 5),
    _linear("GET", "userTrades", trading.fills, 5),
    _linear("POST", "algoOrder", algo_orders.place, 1),
    _linear("GET", "algoOrder", algo_orders.look_up, 1),
    _linear("DELETE", "algoOrder", algo_orders.cancel, 1),
    _linear("GET", "openAlgoOrders", algo_orders.open_orders, 1),
    _linear("DELETE", "algoOpenOrders", algo_orders.cancel_all, 1),
    _linear("GET", "allAlgoOrders", algo_orders.all_orders, 5),
    _linear("POST", "countdownCancelAll", account.countdown_cancel_all, 10),
    _linear("GET", "/fapi/v2/account", account.linear_account, 5),
    _linear("GET", "/fapi/v3/account", account.linear_account, 5),
    _linear("GET", "/fapi/v2/balance", account.linear_balance, 5),
    _linear("GET", "/fapi/v3/balance", account.linear_balance, 5),
    _linear("GET", "/fapi/v2/positionRisk", account.positions_with_flat, 5),
    _linear("GET", "/fapi/v3/positionRisk", account.positions, 5),
    _linear("GET", "positionSide/dual", account.position_mode, 30),
    _linear("POST", "positionSide/dual", account.set_position_mode, 1),
    _linear("POST", "marginType", account.set_margin_type, 1),
    _linear("POST", "leverage", account.set_leverage, 1),
    _linear("GET", "symbolConfig", account.symbol_config, 5),
    _linear("GET", "leverageBracket", fees_and_tiers.leverage_brackets, 1),
    _linear("GET", "multiAssetsMargin", fees_and_tiers.multi_assets, 30),
    _linear("POST", "multiAssetsMargin", fees_and_tiers.set_multi_assets, 1),
    _linear("GET", "accountConfig", fees_and_tiers.account_config, 5),
    _linear("GET", "commissionRate", fees_and_tiers.commission, 20),
    _linear("GET", "income", fees_and_tiers.income, 30),
    _linear("GET", "fundingInfo", fees_and_tiers.adjusted_funding, 1, private=False),
    _linear("GET", "openInterest", fees_and_tiers.open_interest, 1, private=False),
    _linear("POST", "listenKey", account.open_listen_key, 1),
    _linear("PUT", "listenKey", account.open_listen_key, 1),
    _linear("DELETE", "listenKey", account.close_listen_key, 1),
)

# The document that this table came from is not recorded; to check it: `rateLimits` of both
# exchangeInfo endpoints.
_QUOTAS = {
    "spot weight": RequestQuota(6_000, 60.0, shared=True),
    "linear weight": RequestQuota(2_400, 60.0, shared=True),
    "sapi": RequestQuota(12_000, 60.0, shared=True),
    "spot orders 10s": RequestQuota(100, 10.0),
    "linear orders 10s": RequestQuota(300, 10.0),
    "linear orders 1m": RequestQuota(1_200, 60.0),
    "spot messages": RequestQuota(5),
    "messages": RequestQuota(10),
}
_PING_S, _LINEAR_PING_S = 20.0, 180.0
_ENDPOINTS = (
    WebSocketEndpoint(
        path="/ws", on_message=streams.on_message, on_open=streams.on_open, ping_interval_s=_PING_S
    ),
    WebSocketEndpoint(
        path="/ws/{stream}",
        on_message=streams.on_message,
        on_open=streams.on_open,
        ping_interval_s=_PING_S,
    ),
    WebSocketEndpoint(
        path="/stream",
        on_message=streams.on_message,
        on_open=streams.on_open,
        ping_interval_s=_PING_S,
    ),
    WebSocketEndpoint(
        path="/ws-api/v3", on_message=ws_api.on_spot_message, ping_interval_s=_PING_S
    ),
    WebSocketEndpoint(
        path="/ws-fapi/v1", on_message=ws_api.on_linear_message, ping_interval_s=_LINEAR_PING_S
    ),
    WebSocketEndpoint(
        path="/private/ws",
        on_message=streams.on_private_message,
        on_open=streams.on_private_open,
        ping_interval_s=_LINEAR_PING_S,
    ),
    WebSocketEndpoint(
        path="/private/ws/{key}",
        on_message=streams.on_private_message,
        on_open=streams.on_private_open,
        ping_interval_s=_LINEAR_PING_S,
    ),
    WebSocketEndpoint(
        path="/{endpoint}/ws",
        on_message=streams.on_message,
        on_open=streams.on_open,
        ping_interval_s=_LINEAR_PING_S,
    ),
    WebSocketEndpoint(
        path="/{endpoint}/ws/{stream}",
        on_message=streams.on_message,
        on_open=streams.on_open,
        ping_interval_s=_LINEAR_PING_S,
    ),
    WebSocketEndpoint(
        path="/{endpoint}/stream",
        on_message=streams.on_message,
        on_open=streams.on_open,
        ping_interval_s=_LINEAR_PING_S,
    ),
)
#: what each quota is called in the headers
_USED = {
    "spot weight": ("X-MBX-USED-WEIGHT", "X-MBX-USED-WEIGHT-1M"),
    "linear weight": ("X-MBX-USED-WEIGHT-1M",),
    "sapi": ("X-SAPI-USED-IP-WEIGHT-1M",),
}


class BinanceDialect:
    """A spot wallet and a futures wallet; all is JSON text, a parameter is a form's."""

    name = "binance"
    routes: Sequence[Route] = _ROUTES
    endpoints: Sequence[WebSocketEndpoint] = _ENDPOINTS
    quotas = _QUOTAS

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """One each."""
        del listings
        return (WalletSpec(("spot",), _SPOT_RULES), WalletSpec(("linear",), _LINEAR_RULES))

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """Both markets say BTCUSDT and count base units."""
        most = fees_and_tiers.TIERS[0].max_leverage
        return spec.to_listing(f"binance:{kind}", spec.symbol, max_leverage=most)

    def authenticate(self, call: ApiCall) -> str:
        """HMAC-SHA256 of all parameters, in hex; the key in a header."""
        return auth.authenticate(call)

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """No envelope."""
        del call
        return Response(answer)

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """A 400 with code and words, if nothing else is said."""
        del call
        code = parse_int(str(error.code), -1000)
        body = {"code": code, "msg": error.message}
        return Response(body, error.status or 400, dict(error.headers))

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """404."""
        del call
        return ApiError(-5000, "Path /, Method is invalid", status=404)

    def maintenance_error(self) -> ApiError:
        """What maintenance looks like."""
        text = "Internal error; unable to process your request. Please try again."
        return ApiError(-1001, text, status=503)

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """The weight used; beyond the limit a 429 that says when to come back."""
        headers = dict.fromkeys(_USED[route.bucket], str(usage.used))
        if not usage.exceeded:
            return headers
        limit = usage.quota.limit
        wait_s = max(1, round(usage.quota.window_s))
        text = f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE"
        raise ApiError(
            -1003,
            f"{text}. Please use WebSocket Streams for live updates to avoid polling the API.",
            status=429,
            headers=headers | {"Retry-After": str(wait_s)},
        )

    def encode_frame(self, frame: Frame) -> str | bytes:
        """JSON text."""
        return msgspec.json.encode(frame).decode()

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """Nothing; but from now on a book's changes are counted."""
        if topic.instrument is not None and topic.channel == "book":
            venue.depth(topic.instrument, topic.depth)
        return ()

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """The events that an update is."""
        return streams.render_update(venue, topic, update)
