"""One venue of the simulated world: its engines, its test account, its sessions.

A dialect reads `view_of` and moves things through the methods here, never the engines themselves:
they stamp the world's time and carry out what a fault script has armed. It must never know how
anything is spelled on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

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
    VenueView,
)
from bowline.core.venue import Listing, MarginMode, PositionMode
from bowline.simex.credentials import ApiCredentials, account_credentials
from bowline.simex.delayed_view import DelayedView
from bowline.simex.depth import DepthView
from bowline.simex.dialect import Dialect
from bowline.simex.request_quotas import QuotaCounter
from bowline.simex.scheduler import Scheduler
from bowline.simex.subscriptions import Subscriptions
from bowline.simex.symbol_specs import SymbolSpec
from bowline.simex.venue_updates import DepthUpdated, TickerUpdated, VenueUpdate

#: the one funded account of every venue
ACCOUNT = "main"
_INITIAL_QUOTE = Decimal(1_000_000)
_INITIAL_BASE = Decimal(100)
_Memory = TypeVar("_Memory")
_SO_ALREADY = RejectReason.NOT_MODIFIED

#: what a fault script has ready for the engine that the next order or cancel goes to
Arm = Callable[[MatchingEngine], None]


class Floor:
    """`now_ns` is the venue's own time, skew included; the engines keep the world's."""

    def __init__(
        self,
        dialect: Dialect,
        scheduler: Scheduler,
        specs: Sequence[SymbolSpec],
        seed: int,
        begin_ns: int,
    ) -> None:
        self.dialect = dialect
        self.scheduler = scheduler
        self.credentials: ApiCredentials = account_credentials(dialect.venue, seed)
        self.quota_counter = QuotaCounter(dialect.quotas)
        self.skew_ns = 0
        self.key_works = True
        #: orders and fills younger than this are not found by anybody who asks
        self.hidden_ns = 0
        #: symbols whose next change of the book crosses it; an empty one means the next of any
        self.crossed_next: set[str] = set()
        self.subscriptions = Subscriptions(
            lambda topic, update: dialect.render_update(self, topic, update)
        )
        #: what a dialect keeps of this venue, by the type of it: see `remembered`
        self.memory: dict[type, object] = {}
        #: rate of the funding that comes next, and when, of each perpetual
        self.funding: dict[InstrumentId, tuple[Decimal, int]] = {}
        self.funding_paid: dict[InstrumentId, list[tuple[Decimal, int]]] = {}
        #: done to the engine of the next order or cancel, just before it
        self.armed_orders: list[Arm] = []
        self.armed_cancels: list[Arm] = []
        self._engines: dict[str, MatchingEngine] = {}
        self._views: dict[InstrumentId, dict[int, DepthView]] = {}
        self._open(specs, begin_ns)

    def _open(self, specs: Sequence[SymbolSpec], begin_ns: int) -> None:
        listings = {
            kind: [self.dialect.listing(kind, spec) for spec in specs]
            for kind in ("spot", "linear")
        }
        for wallet in self.dialect.wallets(listings["spot"] + listings["linear"]):
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
    def venue(self) -> str:
        """The venue's name."""
        return self.dialect.venue

    @property
    def now_ns(self) -> int:
        """What this venue's clock says."""
        return self.scheduler.now_ns + self.skew_ns

    # what may be asked

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
        return DelayedView(view, self.scheduler.now_ns - self.hidden_ns) if self.hidden_ns else view

    def view_of(self, instrument: InstrumentId) -> VenueView:
        """Queries of the market that trades it."""
        return self.view(market_by_id(instrument.market_id).kind)

    def listings(self, kind: str) -> list[Listing]:
        """What this market lists now, in the order of listing."""
        market_id = market_by_name(f"{self.venue}:{kind}").market_id
        return [
            each for each in self.view(kind).listings() if each.instrument.id.market_id == market_id
        ]

    def listing_at(self, kind: str, word: str) -> Listing | None:
        """What the venue calls `word` in this market."""
        return next((each for each in self.listings(kind) if each.venue_symbol == word), None)

    def listing(self, instrument: InstrumentId) -> Listing:
        """How it is listed now."""
        return self.view_of(instrument).listing(instrument)

    def ticker(self, instrument: InstrumentId) -> Ticker:
        """Its ticker."""
        return self.view_of(instrument).ticker(instrument)

    def depth(self, instrument: InstrumentId, depth: int) -> DepthView:
        """The part of a book that topics of this depth show, kept from the first request on."""
        views = self._views.setdefault(instrument, {})
        if depth not in views:
            # what has happened already must not be applied to it a second time
            self.publish()
            views[depth] = DepthView(self.view_of(instrument).book(instrument), depth)
        return views[depth]

    # what an account may do

    def place(self, order: NewOrder) -> VenueOrder | Rejection:
        """Send an order to its engine, with whatever a script has armed for it."""
        engine = self.engine_of(order.instrument)
        _spring(self.armed_orders, engine)
        return engine.place(self.scheduler.now_ns, order)

    def cancel(
        self, account: str, instrument: InstrumentId, order: int | str
    ) -> VenueOrder | Rejection:
        """Cancel by order id (int) or client id (str)."""
        engine = self.engine_of(instrument)
        _spring(self.armed_cancels, engine)
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

    # what the sessions hear

    def publish(self) -> None:
        """Tell the subscribers what has happened since the last time."""
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
                if crossed := self.crossed_next & {"", moved.instrument.symbol}:
                    self.crossed_next -= crossed
                    change = view.crossed(change)
                yield DepthUpdated(view, change)


def _spring(armed: list[Arm], engine: MatchingEngine) -> None:
    while armed:
        armed.pop(0)(engine)


def set_terms(
    floor: Floor,
    account: str,
    instrument: InstrumentId,
    mode: MarginMode,
    leverage: Decimal | None,
) -> Rejection | None:
    """Margin mode and leverage together, or neither; what is so already is no error."""
    before = floor.view_of(instrument).settings(account, instrument).margin_mode
    refused = floor.set_margin_mode(account, instrument, mode)
    if leverage is not None and (refused is None or refused.reason is _SO_ALREADY):
        refused = floor.set_leverage(account, instrument, leverage)
        if refused is not None and refused.reason is not _SO_ALREADY:
            floor.set_margin_mode(account, instrument, before)
    return None if refused is None or refused.reason is _SO_ALREADY else refused


def remembered(floor: Floor, kind: type[_Memory]) -> _Memory:
    """What a dialect keeps of this venue: one object of a type of its own, new when first asked."""
    found = floor.memory.setdefault(kind, kind())
    assert isinstance(found, kind)
    return found
