"""One simulated venue: its matching engines, its test account, its subscriptions.

A dialect reads `view_of` and changes state through the methods here, never through the engines:
the methods stamp the simulation's time and apply what a fault script has armed. The form of
anything on the wire must never be known here: `VenueProfile` is all that a venue sees of a dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

from msgspec import Struct

from bowline.core.model.instrument import InstrumentId, market_by_id, market_by_name
from bowline.core.sim.exchange import (
    BookUpdated,
    Fact,
    MarkUpdated,
    MatchingEngine,
    NewOrder,
    Rejection,
    RejectReason,
    Ticker,
    TradePublished,
    VenueOrder,
    VenueRules,
    VenueView,
)
from bowline.core.venue import Listing, MarginMode, PositionMode
from bowline.simex.credentials import ApiCredentials, account_credentials
from bowline.simex.delayed_view import DelayedView
from bowline.simex.depth_view import DepthView
from bowline.simex.request_quotas import QuotaCounter, RequestQuota
from bowline.simex.scheduler import Scheduler
from bowline.simex.stream_topics import Frame, StreamTopic
from bowline.simex.subscriptions import Subscriptions
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate

#: the one funded account of every venue
ACCOUNT = "main"
_INITIAL_QUOTE = Decimal(1_000_000)
_INITIAL_BASE = Decimal(100)
_State = TypeVar("_State")
_UNCHANGED = RejectReason.NOT_MODIFIED

#: what a fault script arms an engine with
EngineFault = Callable[[MatchingEngine], None]


class WalletSpec(Struct, frozen=True):
    """Markets (`spot`, `linear`) that share one account, and their rules."""

    kinds: tuple[str, ...]
    rules: VenueRules


class VenueProfile(Protocol):
    """The part of a dialect that a venue needs: its name, accounts, listings, quotas and frames."""

    @property
    def name(self) -> str:
        """The venue's name in this program, and the prefix of its paths."""

    @property
    def quotas(self) -> dict[str, RequestQuota]:
        """Rate limits, by bucket."""

    def wallets(self, listings: Sequence[Listing]) -> Sequence[WalletSpec]:
        """One wallet for both markets, or one each, with their rules."""

    def listing(self, kind: str, spec: SymbolSpec) -> Listing:
        """How the spot or the linear market lists a symbol."""

    def render_update(
        self, venue: SimulatedVenue, topic: StreamTopic, update: VenueUpdate
    ) -> Iterable[Frame]:
        """The frames that an update is for a topic; none is a valid answer."""


class SimulatedVenue:
    """`now_ns` is the venue's own time, skew included; the engines keep the simulation's."""

    def __init__(
        self,
        profile: VenueProfile,
        scheduler: Scheduler,
        specs: Sequence[SymbolSpec],
        seed: int,
        begin_ns: int,
    ) -> None:
        self._profile = profile
        self.scheduler = scheduler
        self.credentials: ApiCredentials = account_credentials(profile.name, seed)
        self.quota_counter = QuotaCounter(profile.quotas)
        self.clock_skew_ns = 0
        self.api_key_valid = True
        #: look-ups do not find orders and fills that are younger than this
        self.lookup_delay_ns = 0
        #: symbols whose next change of the book is sent crossed; "" is any symbol
        self.cross_next_book: set[str] = set()
        self.subscriptions = Subscriptions(
            lambda topic, update: profile.render_update(self, topic, update)
        )
        #: what a dialect keeps about this venue, by its type: see `dialect_state`
        self.dialect_states: dict[type, object] = {}
        #: of each perpetual the rate of the next funding, and when it is due
        self.funding: dict[InstrumentId, tuple[Decimal, int]] = {}
        self.funding_paid: dict[InstrumentId, list[tuple[Decimal, int]]] = {}
        #: applied to the engine of the next order or cancel, just before it
        self.armed_orders: list[EngineFault] = []
        self.armed_cancels: list[EngineFault] = []
        self._engines: dict[str, MatchingEngine] = {}
        self._views: dict[InstrumentId, dict[int, DepthView]] = {}
        self._open(specs, begin_ns)

    def _open(self, specs: Sequence[SymbolSpec], begin_ns: int) -> None:
        listings = {
            kind: [self._profile.listing(kind, spec) for spec in specs]
            for kind in ("spot", "linear")
        }
        for wallet in self._profile.wallets(listings["spot"] + listings["linear"]):
            listed = [each for kind in wallet.kinds for each in listings[kind]]
            engine = MatchingEngine(listed, wallet.rules)
            engine.open_account(ACCOUNT)
            money = {spec.quote: _INITIAL_QUOTE for spec in specs}
            if "spot" in wallet.kinds:
                money |= {spec.base: _INITIAL_BASE for spec in specs}
            for asset, amount in money.items():
                engine.deposit(begin_ns, ACCOUNT, asset, amount)
            engine.take_facts()
            self._engines |= dict.fromkeys(wallet.kinds, engine)

    @property
    def name(self) -> str:
        """The venue's name."""
        return self._profile.name

    @property
    def now_ns(self) -> int:
        """The venue's clock."""
        return self.scheduler.now_ns + self.clock_skew_ns

    # queries

    @property
    def engines(self) -> tuple[MatchingEngine, ...]:
        """The wallets' engines, each once."""
        return tuple(dict.fromkeys(self._engines.values()))

    def engine_of(self, instrument: InstrumentId) -> MatchingEngine:
        """The engine that trades it."""
        return self._engines[market_by_id(instrument.market_id).kind]

    def view(self, kind: str) -> VenueView:
        """Queries of the spot or the linear market; one and the same in a unified account."""
        view = self._engines[kind].view
        return (
            DelayedView(view, self.scheduler.now_ns - self.lookup_delay_ns)
            if self.lookup_delay_ns
            else view
        )

    def view_of(self, instrument: InstrumentId) -> VenueView:
        """Queries of the market that trades it."""
        return self.view(market_by_id(instrument.market_id).kind)

    def listings(self, kind: str) -> list[Listing]:
        """What this market lists now, in the order of listing."""
        market_id = market_by_name(f"{self.name}:{kind}").market_id
        return [
            each for each in self.view(kind).listings() if each.instrument.id.market_id == market_id
        ]

    def listing_by_symbol(self, kind: str, venue_symbol: str) -> Listing | None:
        """The listing with this name at the venue; None if there is none."""
        return next(
            (each for each in self.listings(kind) if each.venue_symbol == venue_symbol), None
        )

    def listing(self, instrument: InstrumentId) -> Listing:
        """How it is listed now."""
        return self.view_of(instrument).listing(instrument)

    def ticker(self, instrument: InstrumentId) -> Ticker:
        """Its ticker."""
        return self.view_of(instrument).ticker(instrument)

    def depth(self, instrument: InstrumentId, depth: int) -> DepthView:
        """The part of a book that topics of this depth show; kept up from the first call on."""
        views = self._views.setdefault(instrument, {})
        if depth not in views:
            # facts not yet published are in the book already, and must not be applied again
            self.publish()
            views[depth] = DepthView(self.view_of(instrument).book(instrument), depth)
        return views[depth]

    # trading

    def place(self, order: NewOrder) -> VenueOrder | Rejection:
        """Send an order to its engine, which is first armed with what a script has ready."""
        engine = self.engine_of(order.instrument)
        _apply_armed(self.armed_orders, engine)
        return engine.place(self.scheduler.now_ns, order)

    def cancel(
        self, account: str, instrument: InstrumentId, order: int | str
    ) -> VenueOrder | Rejection:
        """Cancel by order id (int) or client id (str)."""
        engine = self.engine_of(instrument)
        _apply_armed(self.armed_cancels, engine)
        return engine.cancel(self.scheduler.now_ns, account, order)

    def cancel_all(
        self, account: str, kind: str, instrument: InstrumentId | None = None
    ) -> list[VenueOrder]:
        """Cancel the open orders of a market, or of one of its instruments; those cancelled."""
        mine = [each.instrument.id for each in self.listings(kind)]
        chosen = mine if instrument is None else [instrument]
        engine, now_ns = self._engines[kind], self.scheduler.now_ns
        return [each for one in chosen for each in engine.cancel_all(now_ns, account, one)]

    def amend(
        self, account: str, instrument: InstrumentId, order: int | str, *,
        quantity: Decimal | None = None, price: Decimal | None = None,
    ) -> VenueOrder | Rejection:  # fmt: skip
        """Change an open limit order."""
        engine = self.engine_of(instrument)
        return engine.amend(self.scheduler.now_ns, account, order, quantity=quantity, price=price)

    def set_leverage(
        self, account: str, instrument: InstrumentId, leverage: Decimal
    ) -> Rejection | None:
        """Set the leverage of a perpetual."""
        engine = self.engine_of(instrument)
        return engine.set_leverage(self.scheduler.now_ns, account, instrument, leverage)

    def set_margin_mode(
        self, account: str, instrument: InstrumentId, mode: MarginMode
    ) -> Rejection | None:
        """Cross or isolated."""
        engine = self.engine_of(instrument)
        return engine.set_margin_mode(self.scheduler.now_ns, account, instrument, mode)

    def set_position_mode(
        self, account: str, mode: PositionMode, instrument: InstrumentId | None = None
    ) -> Rejection | None:
        """One-way or hedge, of one perpetual or all."""
        engine = self._engines["linear"]
        return engine.set_position_mode(self.scheduler.now_ns, account, mode, instrument)

    # updates

    def publish(self) -> None:
        """Send the subscribers what has happened since the last call."""
        for engine in self.engines:
            kinds = [kind for kind, each in self._engines.items() if each is engine]
            for update in self._news(engine.take_facts()):
                self.subscriptions.publish(update, kinds)

    def _news(self, facts: Iterable[Fact]) -> Iterable[VenueUpdate]:
        touched: dict[InstrumentId, int] = {}
        for fact in facts:
            if isinstance(fact, BookUpdated | TradePublished | MarkUpdated):
                touched[fact.instrument] = fact.now_ns
            if isinstance(fact, BookUpdated):
                yield from self._depths(fact)
            else:
                yield fact
        for instrument, event_ns in touched.items():
            yield TickerUpdated(instrument, event_ns)

    def _depths(self, moved: BookUpdated) -> Iterable[DepthUpdated]:
        for view in self._views.get(moved.instrument, {}).values():
            if (change := view.apply(moved)) is not None:
                if crossed := self.cross_next_book & {"", moved.instrument.symbol}:
                    self.cross_next_book -= crossed
                    change = view.crossed(change)
                yield DepthUpdated(view, change)


def _apply_armed(armed: list[EngineFault], engine: MatchingEngine) -> None:
    while armed:
        armed.pop(0)(engine)


def set_margin_terms(
    venue: SimulatedVenue,
    account: str,
    instrument: InstrumentId,
    mode: MarginMode,
    leverage: Decimal | None,
) -> Rejection | None:
    """Margin mode and leverage together, or neither; what is so already is no error."""
    before = venue.view_of(instrument).settings(account, instrument).margin_mode
    refused = venue.set_margin_mode(account, instrument, mode)
    if leverage is not None and (refused is None or refused.reason is _UNCHANGED):
        refused = venue.set_leverage(account, instrument, leverage)
        if refused is not None and refused.reason is not _UNCHANGED:
            venue.set_margin_mode(account, instrument, before)
    return None if refused is None or refused.reason is _UNCHANGED else refused


def dialect_state(venue: SimulatedVenue, kind: type[_State]) -> _State:
    """What a dialect keeps about this venue: one object of this type, made by the first call."""
    found = venue.dialect_states.setdefault(kind, kind())
    assert isinstance(found, kind)
    return found
