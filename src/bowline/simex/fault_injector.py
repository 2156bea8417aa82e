"""Fault injection: when the rules of a fault script fire, from one seed, and a record of each.

The server asks for the faults of a request, a session for those of a frame; the rest is scheduled.
It must never know a dialect: what a fault looks like on the wire is the dialect's and the server's.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum, auto
from fnmatch import fnmatchcase

from msgspec import Struct
from msgspec.structs import replace

from bowline.core.model.values import SECOND_NS
from bowline.core.sim.exchange import MatchingEngine, RejectReason
from bowline.core.venue import Listing, ListingStatus
from bowline.simex.fault_script import FaultRule, parse_fault
from bowline.simex.stream_topics import StreamTopic
from bowline.simex.symbol_specs import reference_price
from bowline.simex.venue import ACCOUNT, SimulatedVenue

#: beyond this many records the oldest are dropped
_MAX_RECORDS = 100_000
#: how much of an asset that pays fees the test account is given
_FEE_ASSET_AMOUNT = Decimal(1_000)


class FrameFault(Enum):
    """What happens to a frame."""

    UNCHANGED = auto()
    DROPPED = auto()
    DUPLICATED = auto()
    DELAYED = auto()


class FiredFault(Struct, frozen=True):
    """One fault that happened: `where` is the request or the topic it applied to."""

    event_ns: int
    fault: str
    venue: str
    where: str
    line: int


class _ArmedRule:
    """A rule at one venue, with how often it has matched and has fired."""

    def __init__(self, fault: FaultRule) -> None:
        self.fault = fault
        self.matches = 0
        self.fired = 0


class FaultInjector:
    """`fired` is the record. Venues that were not passed to `attach` have no faults."""

    def __init__(self, script: Iterable[FaultRule] = (), seed: int = 0) -> None:
        self.fired: deque[FiredFault] = deque(maxlen=_MAX_RECORDS)
        self._script = list(script)
        self._rng = random.Random(f"faults {seed}")  # noqa: S311 - a seeded simulation, no secret
        self._armed: dict[str, list[_ArmedRule]] = {}
        self._venues: dict[str, SimulatedVenue] = {}
        self._mutes: list[tuple[SimulatedVenue, FaultRule, int]] = []
        self._maintenance_until_ns: dict[str, int] = {}

    def attach(self, venue: SimulatedVenue) -> None:
        """Apply the script to this venue from now on."""
        self._venues[venue.name] = venue
        self._armed[venue.name] = []
        for fault in self._script:
            if fault.venue in ("all", venue.name):
                self._arm(venue, fault)

    def add(self, **words: object) -> None:
        """Add a rule, given by the fields of a script entry; BadInput if it is invalid."""
        fault = parse_fault(words)
        self._script.append(fault)
        for venue in self._venues.values():
            if fault.venue in ("all", venue.name):
                self._arm(venue, fault)

    def on_request(self, venue: SimulatedVenue, request: str) -> Sequence[FaultRule]:
        """The faults due for this request (`POST /v5/order/create`), the venue's own applied."""
        fired = self._fire_matching(venue, "request", request, "")
        for fault in fired:
            self._apply(venue, fault)
        return fired

    def on_frame(self, venue: SimulatedVenue, topic: StreamTopic) -> FrameFault:
        """What happens to a frame of this topic; the faults of the venue are applied."""
        symbol = topic.instrument.symbol if topic.instrument is not None else ""
        outcome = FrameFault.UNCHANGED
        for fault in self._fire_matching(venue, "frame", topic.channel.value, symbol):
            match fault.fault:
                case "gap":
                    outcome = FrameFault.DROPPED
                case "duplicate":
                    outcome = FrameFault.DUPLICATED
                case "reorder":
                    outcome = FrameFault.DELAYED
                case _:
                    self._apply(venue, fault)
        return FrameFault.DROPPED if self._is_muted(venue, topic, symbol) else outcome

    def in_maintenance(self, venue: SimulatedVenue) -> bool:
        """Whether the venue is in maintenance now."""
        return venue.scheduler.now_ns < self._maintenance_until_ns.get(venue.name, 0)

    def _arm(self, venue: SimulatedVenue, fault: FaultRule) -> None:
        armed = _ArmedRule(fault)
        if fault.trigger != "time":
            self._armed[venue.name].append(armed)
            return
        first = fault.at_s if fault.at_s is not None else fault.every_s
        assert first is not None
        venue.scheduler.call_later(first, lambda: self._fire_timed(venue, armed))

    def _fire_timed(self, venue: SimulatedVenue, armed: _ArmedRule) -> None:
        fault = armed.fault
        armed.fired += 1
        self._record(venue, fault, "time")
        self._apply(venue, fault)
        venue.publish()
        if fault.every_s is not None and (not fault.max_times or armed.fired < fault.max_times):
            venue.scheduler.call_later(fault.every_s, lambda: self._fire_timed(venue, armed))

    def _fire_matching(
        self, venue: SimulatedVenue, trigger: str, where: str, symbol: str
    ) -> Sequence[FaultRule]:
        fired = []
        for armed in self._armed.get(venue.name, ()):
            fault = armed.fault
            pattern = fault.request if trigger == "request" else fault.channel
            if fault.trigger != trigger or not fnmatchcase(where, pattern):
                continue
            if trigger == "frame" and fault.symbol not in ("", symbol):
                continue
            armed.matches += 1
            if self._is_due(armed):
                armed.fired += 1
                self._record(venue, fault, f"{where} {symbol}".strip())
                fired.append(fault)
        return fired

    def _is_due(self, armed: _ArmedRule) -> bool:
        fault = armed.fault
        if fault.max_times and armed.fired >= fault.max_times * max(fault.count, 1):
            return False
        if fault.chance:
            return self._rng.random() < fault.chance
        if fault.every:
            return armed.matches % fault.every == 0
        # one gap drops `count` frames in a row
        return armed.matches >= (fault.nth or 1)

    def _record(self, venue: SimulatedVenue, fault: FaultRule, where: str) -> None:
        now_ns = venue.scheduler.now_ns
        self.fired.append(FiredFault(now_ns, fault.fault, venue.name, where, fault.line))

    def _apply(self, venue: SimulatedVenue, fault: FaultRule) -> None:
        until_ns = venue.scheduler.now_ns + int(fault.seconds * SECOND_NS)
        match fault.fault:
            case "mute":
                self._mutes.append((venue, fault, until_ns))
            case "freeze":
                venue.subscriptions.pause(until_ns)
            case "disconnect":
                venue.subscriptions.abort_all()
            case "maintenance":
                self._maintenance_until_ns[venue.name] = until_ns
            case "partial_fill" | "async_reject":
                venue.armed_orders.append(lambda engine: _arm_order(engine, fault))
            case "late_fill":
                venue.armed_cancels.append(lambda engine: _arm_cancel(venue, engine, fault))
            case _:
                _change_venue(venue, fault)

    def _is_muted(self, venue: SimulatedVenue, topic: StreamTopic, symbol: str) -> bool:
        now_ns = venue.scheduler.now_ns
        self._mutes = [each for each in self._mutes if now_ns < each[2]]
        return any(
            muted_venue is venue
            and fnmatchcase(topic.channel.value, fault.channel or "*")
            and fault.symbol in ("", symbol)
            for muted_venue, fault, _ in self._mutes
        )


def _arm_order(engine: MatchingEngine, fault: FaultRule) -> None:
    if fault.fault == "partial_fill":
        engine.faults.fill_next_partly(ACCOUNT, Decimal(str(fault.ratio)))
    else:
        engine.faults.reject_next(ACCOUNT, RejectReason(fault.reason))


def _arm_cancel(venue: SimulatedVenue, engine: MatchingEngine, fault: FaultRule) -> None:
    engine.faults.hold_next_cancel(ACCOUNT)

    def finish() -> None:
        for order in engine.view.open_orders(ACCOUNT):
            if order.cancelling:
                ratio = Decimal(str(fault.ratio))
                engine.faults.finish_cancel(venue.scheduler.now_ns, order.order_id, ratio)
        venue.publish()

    venue.scheduler.call_later(fault.seconds, finish)


def _change_venue(venue: SimulatedVenue, fault: FaultRule) -> None:
    """The faults that change the venue until another one changes it back."""
    match fault.fault:
        case "cross":
            venue.cross_next_book.add(fault.symbol)
        case "hide":
            venue.lookup_delay_ns = int(fault.seconds * SECOND_NS)
        case "clock_skew":
            venue.clock_skew_ns = int(fault.seconds * SECOND_NS)
        case "revoke_key":
            venue.api_key_valid = False
        case "listing":
            _change_listings(venue, fault)
        case "fees":
            _set_fees(venue, fault)
        case "restart_numbers":
            _restart_numbers(venue, fault)


def _restart_numbers(venue: SimulatedVenue, fault: FaultRule) -> None:
    for engine in venue.engines:
        for listing in engine.view.listings():
            if fault.symbol in ("", listing.instrument.id.symbol):
                engine.faults.restart_numbers(listing.instrument.id)


def _set_fees(venue: SimulatedVenue, fault: FaultRule) -> None:
    """Set fee rates and the asset that pays fees, and give the test account some of it."""
    maker, taker = (Decimal(each) if each else None for each in (fault.maker, fault.taker))
    for engine in venue.engines:
        if fault.asset:
            engine.deposit(venue.scheduler.now_ns, ACCOUNT, fault.asset, _FEE_ASSET_AMOUNT)
            for quote in {each.quote for each in engine.view.listings()}:
                engine.set_asset_price(fault.asset, quote, reference_price(fault.asset))
        engine.faults.charge(fault.asset, maker, taker)


def _change_listings(venue: SimulatedVenue, fault: FaultRule) -> None:
    for engine in venue.engines:
        for listing in engine.view.listings():
            if fault.symbol in ("", listing.instrument.id.symbol):
                engine.change_listing(venue.scheduler.now_ns, _changed(listing, fault))


def _changed(listing: Listing, fault: FaultRule) -> Listing:
    instrument = listing.instrument
    if fault.tick:
        instrument = replace(instrument, tick_size=Decimal(fault.tick))
    if fault.lot:
        instrument = replace(instrument, lot_step=Decimal(fault.lot))
    return replace(listing, instrument=instrument, status=ListingStatus(fault.listing))
