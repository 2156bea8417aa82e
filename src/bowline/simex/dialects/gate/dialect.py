"""Gate API v4 as tables: routes, quotas, endpoints; authentication, and the form of responses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from urllib.parse import unquote

import msgspec

from bowline.core.model.values import ONE, ZERO
from bowline.core.sim.exchange import ClientIds, Fees, VenueRules
from bowline.core.venue import Listing, MarginMode
from bowline.simex.dialects.gate import (
    account,
    auth,
    currencies,
    fees_and_tiers,
    market,
    price_orders,
    streams,
    trading,
)
from bowline.simex.dialects.gate.render import MAX_LEVERAGE
from bowline.simex.request_quotas import QuotaUsage, RequestQuota
from bowline.simex.session import WebSocketEndpoint
from bowline.simex.stream_topics import Frame, StreamTopic
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue import SimulatedVenue, WalletSpec
from bowline.simex.venue_api import ApiCall, ApiError, Handler, Response, Route
from bowline.simex.venue_updates import VenueUpdate
from bowline.simex.wire_values import ms

_SPOT_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.002"), taker_rate=Decimal("0.002")),
    client_ids=ClientIds.OPEN,
    first_order_id=700_000_000_001,
    first_trade_id=9_000_000_001,
)
_FUTURES_RULES = VenueRules(
    fees=Fees(maker_rate=Decimal("0.0002"), taker_rate=Decimal("0.0005")),
    client_ids=ClientIds.OPEN,
    margin_mode=MarginMode.ISOLATED,
    tiers=fees_and_tiers.TIERS,
    first_order_id=36_000_000_001,
    first_trade_id=600_000_001,
)
_CREATED = 201
#: fields that hold contracts: text instead of numbers for whoever asks so in a header
_SIZES = {"size", "left", "close_size", "iceberg", "s", "v", "order_size_min", "order_size_max"}


def _routes(folder: str, table: dict[str, Handler], *, private: bool) -> tuple[Route, ...]:
    """Rows `GET path` of a folder. Each has a quota of its own."""
    found = []
    for row, handler in table.items():
        method, path = row.split()
        full = f"/api/v4/{folder}{path}"
        found.append(Route(method, full, handler, private=private, bucket=f"{method} {full}"))
    return tuple(found)


_ROUTES: tuple[Route, ...] = (
    *_routes("spot", {
        "GET /time": market.time,
        "GET /currencies": currencies.currencies,
        "GET /currency_pairs": market.pairs,
        "GET /order_book": market.book,
        "GET /candlesticks": market.candles,
        "GET /tickers": market.tickers,
        "GET /trades": market.trades,
    }, private=False),
    *_routes("margin", {"GET /currency_pairs": market.margin_pairs}, private=False),
    *_routes("options", {"GET /underlyings": currencies.none_listed}, private=False),
    *_routes("delivery/{settle}", {"GET /contracts": currencies.none_listed}, private=False),
    *_routes("futures/{settle}", {
        "GET /contracts": market.perpetuals,
        "GET /contracts/{contract}": market.perpetual,
        "GET /order_book": market.book,
        "GET /candlesticks": market.candles,
        "GET /tickers": market.tickers,
        "GET /trades": market.trades,
        "GET /funding_rate": market.funding_history,
        "GET /risk_limit_tiers": fees_and_tiers.risk_limit_tiers,
    }, private=False),
    *_routes("wallet", {"GET /fee": fees_and_tiers.wallet_fee}, private=True),
    *_routes("account", {
        "GET /main_keys": account.key_rights,
        "GET /detail": account.detail,
    }, private=True),
    *_routes("spot", {
        "GET /accounts": account.spot_accounts,
        "GET /fee": fees_and_tiers.spot_fee,
        "POST /orders": trading.create,
        "GET /orders": trading.some,
        "DELETE /orders": trading.cancel_all,
        "GET /orders/{order_id}": trading.one,
        "DELETE /orders/{order_id}": trading.cancel,
        "PATCH /orders/{order_id}": trading.amend,
        "GET /open_orders": trading.open_by_pair,
        "GET /my_trades": trading.fills,
        "POST /countdown_cancel_all": trading.countdown_cancel_all,
        "POST /price_orders": price_orders.create,
        "GET /price_orders": price_orders.some,
        "DELETE /price_orders": price_orders.cancel_all,
        "GET /price_orders/{order_id}": price_orders.one,
        "DELETE /price_orders/{order_id}": price_orders.cancel,
    }, private=True),
    *_routes("futures/{settle}", {
        "GET /accounts": account.futures_accounts,
        "GET /account_book": fees_and_tiers.account_book,
        "GET /fee": fees_and_tiers.futures_fee,
        "GET /positions": account.positions,
        "GET /positions/{contract}": account.position,
        "POST /positions/{contract}/leverage": account.set_leverage,
        "POST /dual_comp/positions/{contract}/leverage": account.set_leverage,
        "POST /dual_mode": account.set_dual_mode,
        "POST /orders": trading.create,
        "GET /orders": trading.some,
        "DELETE /orders": trading.cancel_all,
        "GET /orders/{order_id}": trading.one,
        "DELETE /orders/{order_id}": trading.cancel,
        "PUT /orders/{order_id}": trading.amend,
        "GET /my_trades": trading.fills,
        "GET /my_trades_timerange": trading.fills,
        "POST /countdown_cancel_all": trading.countdown_cancel_all,
        "POST /price_orders": price_orders.create,
        "GET /price_orders": price_orders.some,
        "DELETE /price_orders": price_orders.cancel_all,
        "GET /price_orders/{order_id}": price_orders.one,
        "DELETE /price_orders/{order_id}": price_orders.cancel,
    }, private=True),
)  # fmt: skip

# The document that this table came from is not recorded; to check it: the limits in
# gate.com/docs/developers/apiv4.
_QUOTAS = {route.bucket: RequestQuota(200, 10.0) for route in _ROUTES} | {
    "POST /api/v4/spot/orders": RequestQuota(10),
    "PATCH /api/v4/spot/orders/{order_id}": RequestQuota(10),
    "POST /api/v4/futures/{settle}/orders": RequestQuota(100),
    "PUT /api/v4/futures/{settle}/orders/{order_id}": RequestQuota(100),
    "DELETE /api/v4/spot/orders/{order_id}": RequestQuota(200),
    "DELETE /api/v4/futures/{settle}/orders/{order_id}": RequestQuota(200),
}

_ENDPOINTS = (
    WebSocketEndpoint(path="/ws/v4/", on_message=streams.on_message),
    WebSocketEndpoint(path="/v4/ws/{settle}", on_message=streams.on_message),
)


class GateDialect:
    """A classic account: spot and futures apart. All is JSON text."""

    name = "gate"
    routes: Sequence[Route] = _ROUTES
    endpoints: Sequence[WebSocketEndpoint] = _ENDPOINTS
    quotas = _QUOTAS

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """One each."""
        del listings
        return (WalletSpec(("spot",), _SPOT_RULES), WalletSpec(("linear",), _FUTURES_RULES))

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """Both markets say BTC_USDT; perpetuals count contracts of a lot each."""
        linear = kind == "linear"
        return spec.to_listing(
            f"gate:{kind}",
            f"{spec.base}_{spec.quote}",
            max_leverage=MAX_LEVERAGE,
            contract_size=spec.lot if linear else ONE,
            min_notional=ZERO if linear else None,
        )

    def authenticate(self, call: ApiCall) -> str:
        """HMAC-SHA512 over method, path, query, hash of the body and time, a line each."""
        headers = call.headers
        for name in ("KEY", "SIGN", "Timestamp"):
            if not headers.get(name):
                words = f"Missing required header: {name}"
                raise ApiError("MISSING_REQUIRED_HEADER", words, status=401)
        body = hashlib.sha512(call.body).hexdigest()
        stamp = headers["Timestamp"]
        signed = "\n".join((call.method, call.path, unquote(call.raw_query), body, stamp))
        return auth.check(call.venue, headers["KEY"], stamp, signed, headers["SIGN"])

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """The answer as it is."""
        if call.path.startswith("/api/v4/futures") and call.headers.get("X-Gate-Size-Decimal"):
            answer = _sizes_as_text(answer)
        created = call.method == "POST" and call.path.endswith("orders")
        return Response(answer, _CREATED if created else 200)

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """A label and a message."""
        del call
        body = {"label": str(error.code), "message": error.message}
        return Response(body, error.status or 400, dict(error.headers))

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """404."""
        return ApiError("NOT_FOUND", f"path not found: {call.path}", status=404)

    def maintenance_error(self) -> ApiError:
        """Maintenance."""
        return ApiError("TOO_BUSY", "System is under maintenance", status=503)

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """`X-Gate-RateLimit-*`, of the end point."""
        del route
        headers = {
            "X-Gate-RateLimit-Requests-Remain": str(usage.remaining),
            "X-Gate-RateLimit-Limit": str(usage.quota.limit),
            "X-Gate-RateLimit-Reset-Timestamp": str(ms(usage.reset_ns)),
        }
        if usage.exceeded:
            words = "Request Rate Limit Exceeded"
            raise ApiError("TOO_MANY_REQUESTS", words, status=429, headers=headers)
        return headers

    def encode_frame(self, frame: Frame) -> str | bytes:
        """JSON text."""
        return msgspec.json.encode(frame).decode()

    def initial_frames(self, venue: SimulatedVenue, topic: StreamTopic) -> Iterable[Frame]:
        """Whole books of spot."""
        return streams.initial_frames(venue, topic)

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """One frame for an update."""
        return streams.render_update(venue, topic, update)


def _sizes_as_text(answer: object) -> object:
    if isinstance(answer, list):
        return [_sizes_as_text(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        name: str(value) if name in _SIZES and isinstance(value, int) else _sizes_as_text(value)
        for name, value in answer.items()
    }
