"""OKX v5 as tables: routes, quotas, endpoints; authentication, and the form of responses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from bowline.core.model.values import ONE, ZERO
from bowline.core.sim.exchange import ClientIds, Fees, Tier, TierUnit, VenueRules
from bowline.core.venue import Listing
from bowline.simex.dialects.okx import (
    account,
    algo_orders,
    auth,
    currencies,
    market,
    streams,
    trading,
)
from bowline.simex.dialects.okx.render import FIRST_ORDER_ID
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

#: of every swap, in contracts; the figures are of the size of BTC-USDT-SWAP's
_TIERS = tuple(
    Tier(Decimal(most), Decimal(rate), Decimal(leverage))
    for most, rate, leverage in (
        (1_000, "0.004", 100),
        (5_000, "0.005", 75),
        (10_000, "0.01", 50),
        (50_000, "0.015", 20),
        (100_000, "0.03", 10),
        (500_000, "0.1", 4),
    )
)
_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0005")),
    client_ids=ClientIds.OPEN,
    post_only_refuses=False,
    first_order_id=FIRST_ORDER_ID,
    first_trade_id=734_864_333,
    leverage=Decimal(3),
    tiers=_TIERS,
    tier_unit=TierUnit.CONTRACTS,
)
_SPOT_FEES = Fees(maker_rate=Decimal("0.0008"), taker_rate=Decimal("0.001"))

#: method, path, handler, requests in two seconds: for everybody, and for those who sign
_PUBLIC: tuple[tuple[str, str, Handler, int], ...] = (
    ("GET", "public/time", market.time, 10),
    ("GET", "public/instruments", market.instruments, 20),
    ("GET", "public/funding-rate", market.funding_rate, 10),
    ("GET", "public/funding-rate-history", market.funding_history, 10),
    ("GET", "public/mark-price", market.mark_price, 10),
    ("GET", "public/position-tiers", market.position_tiers, 10),
    ("GET", "public/open-interest", market.open_interest, 20),
    ("GET", "market/books", market.book, 40),
    ("GET", "market/books-full", market.book, 10),
    ("GET", "market/candles", market.candles, 40),
    ("GET", "market/history-candles", market.candles, 20),
    ("GET", "market/mark-price-candles", market.mark_candles, 20),
    ("GET", "market/history-mark-price-candles", market.mark_candles, 10),
    ("GET", "market/ticker", market.ticker, 20),
    ("GET", "market/tickers", market.tickers, 20),
    ("GET", "market/trades", market.trades, 100),
    ("GET", "market/history-trades", market.trades, 20),
)
_SIGNED: tuple[tuple[str, str, Handler, int], ...] = (
    ("POST", "trade/order", trading.place, 60),
    ("POST", "trade/batch-orders", trading.place_many, 300),
    ("POST", "trade/cancel-order", trading.cancel, 60),
    ("POST", "trade/cancel-batch-orders", trading.cancel_many, 300),
    ("POST", "trade/amend-order", trading.amend, 60),
    ("GET", "trade/order", trading.look_up, 60),
    ("GET", "trade/orders-pending", trading.pending, 60),
    ("GET", "trade/orders-history", trading.history, 40),
    ("GET", "trade/orders-history-archive", trading.history, 20),
    ("GET", "trade/fills", trading.fills, 60),
    ("GET", "trade/fills-history", trading.fills, 10),
    ("POST", "trade/order-algo", algo_orders.place, 20),
    ("POST", "trade/cancel-algos", algo_orders.cancel, 20),
    ("GET", "trade/order-algo", algo_orders.look_up, 20),
    ("GET", "trade/orders-algo-pending", algo_orders.pending, 20),
    ("GET", "trade/orders-algo-history", algo_orders.history, 20),
    ("POST", "trade/cancel-all-after", trading.cancel_all_after, 2),
    ("GET", "asset/currencies", currencies.currencies, 12),
    ("GET", "account/balance", account.balance, 10),
    ("GET", "account/positions", account.positions, 10),
    ("GET", "account/config", account.config, 5),
    ("GET", "account/instruments", market.instruments, 20),
    ("GET", "account/trade-fee", account.trade_fee, 5),
    ("GET", "account/bills", account.bills, 5),
    ("GET", "account/bills-archive", account.bills, 5),
    ("GET", "account/leverage-info", account.leverage, 20),
    ("POST", "account/set-leverage", account.set_leverage, 40),
    ("POST", "account/set-position-mode", account.set_position_mode, 5),
)
_ROUTES: tuple[Route, ...] = (
    *(
        public_route(method, f"/api/v5/{path}", handler, f"{method} {path}")
        for method, path, handler, _ in _PUBLIC
    ),
    *(
        signed_route(method, f"/api/v5/{path}", handler, f"{method} {path}")
        for method, path, handler, _ in _SIGNED
    ),
)
# The document that this table came from is not recorded; to check it: OKX's guide, the entry of
# each endpoint.
_QUOTAS = {
    f"{method} {path}": RequestQuota(limit, 2.0) for method, path, _, limit in (*_PUBLIC, *_SIGNED)
}
_ENDPOINTS = (
    WebSocketEndpoint(path="/ws/v5/{endpoint}", on_message=streams.on_message, idle_timeout_s=30.0),
)


class OkxDialect:
    """One trading account; all is JSON text but for ping and pong."""

    name = "okx"
    routes: Sequence[Route] = _ROUTES
    endpoints: Sequence[WebSocketEndpoint] = _ENDPOINTS
    quotas = _QUOTAS

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """One for both markets; spot has its own fees."""
        spot = [each.instrument.id for each in listings if each.max_leverage is None]
        rules = msgspec.structs.replace(_RULES, instrument_fees=dict.fromkeys(spot, _SPOT_FEES))
        return (WalletSpec(("spot", "linear"), rules),)

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """BTC-USDT, and BTC-USDT-SWAP in contracts of ten lots; no least value."""
        swap = kind == "linear"
        return spec.to_listing(
            f"okx:{kind}",
            f"{spec.base}-{spec.quote}{'-SWAP' if swap else ''}",
            max_leverage=100,
            contract_size=spec.lot * 10 if swap else ONE,
            min_notional=ZERO,
        )

    def authenticate(self, call: ApiCall) -> str:
        """HMAC-SHA256 in base64 of time, method, path and body; a key with its passphrase."""
        return auth.authenticate(call)

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """`code` 0 around a list."""
        del call
        return Response({"code": "0", "msg": "", "data": answer})

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """A 200 with a code, but for what the endpoint says."""
        del call
        body = {"code": str(error.code), "msg": error.message, "data": []}
        return Response(body, error.status or 200, dict(error.headers))

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """404, with a code that is no number of theirs."""
        del call
        return ApiError(404, "Not Found", status=404)

    def maintenance_error(self) -> ApiError:
        """What maintenance looks like."""
        text = "Service temporarily unavailable. Please try again later"
        return ApiError(50001, text, status=503)

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """No header tells how it stands; beyond the limit a 429."""
        del route
        if usage.exceeded:
            raise ApiError(50011, "Too Many Requests", status=429)
        return {}

    def encode_frame(self, frame: Frame) -> str | bytes:
        """JSON text; a word as it is."""
        return frame if isinstance(frame, str) else msgspec.json.encode(frame).decode()

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """What most topics begin with."""
        return streams.initial_frames(venue, topic)

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """One frame for an update."""
        return streams.render_update(venue, topic, update)
