"""A fault script at work: what is set off when, from one seed, and a record of all that fired.

Request faults are asked for by the server, frame faults by the sessions; the rest is scheduled.
It must never know a venue: what a fault looks like on the wire is the dialect's and the server's.
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
from bowline.simex.fault_script import Fault, fault_of
from bowline.simex.stream_topics import StreamTopic
from bowline.simex.symbol_specs import reference_price
from bowline.simex.venue import ACCOUNT, SimulatedVenue

#: a report longer than this forgets its beginning
_REMEMBERED = 100_000
#: what the test account is given of an asset that pays fees
_FEE_MONEY = Decimal(1_000)


class Shaken(Enum):
    """What befalls a frame."""

    AS_IT_WAS = auto()
    LOST = auto()
    TWICE = auto()
    LATE = auto()


class Fired(Struct, frozen=True):
    """One fault that happened: `where` is the request or topic it befell."""

    event_ns: int
    fault: str
    venue: str
    where: str
    line: int


class _Armed:
    """A fault and how often it has been met and has fired, at one venue."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.met = 0
        self.fired = 0


class Faults:
    """`fired` is the report. Nothing happens at a venue that was not handed to `watch`."""

    def __init__(self, script: Iterable[Fault] = (), seed: int = 0) -> None:
        self.fired: deque[Fired] = deque(maxlen=_REMEMBERED)
        self._script = list(script)
        self._draw = random.Random(f"faults {seed}")  # noqa: S311 - a seeded world, no secret
        self._armed: dict[str, list[_Armed]] = {}
        self._venues: dict[str, SimulatedVenue] = {}
        self._muted: list[tuple[SimulatedVenue, Fault, int]] = []
        self._maintained_until: dict[str, int] = {}

    def watch(self, venue: SimulatedVenue) -> None:
        """From here on the script holds for this venue."""
        self._venues[venue.name] = venue
        self._armed[venue.name] = []
        for fault in self._script:
            if fault.venue in ("all", venue.name):
                self._arm(venue, fault)

    def add(self, **words: object) -> None:
        """One more fault, in the words of a script; BadInput if it is none."""
        fault = fault_of(words)
        self._script.append(fault)
        for venue in self._venues.values():
            if fault.venue in ("all", venue.name):
                self._arm(venue, fault)

    def on_request(self, venue: SimulatedVenue, request: str) -> Sequence[Fault]:
        """What befalls this request (`POST /v5/order/create`), apart from what is done here."""
        struck = self._set_off(venue, "request", request, "")
        for fault in struck:
            self._act(venue, fault)
        return struck

    def shaken(self, venue: SimulatedVenue, topic: StreamTopic) -> Shaken:
        """What befalls a frame of this topic."""
        symbol = topic.instrument.symbol if topic.instrument is not None else ""
        outcome = Shaken.AS_IT_WAS
        for fault in self._set_off(venue, "frame", topic.channel.value, symbol):
            match fault.fault:
                case "gap":
                    outcome = Shaken.LOST
                case "duplicate":
                    outcome = Shaken.TWICE
                case "reorder":
                    outcome = Shaken.LATE
                case _:
                    self._act(venue, fault)
        return Shaken.LOST if self._is_muted(venue, topic, symbol) else outcome

    def in_maintenance(self, venue: SimulatedVenue) -> bool:
        """Whether the venue takes nothing now."""
        return venue.scheduler.now_ns < self._maintained_until.get(venue.name, 0)

    def _arm(self, venue: SimulatedVenue, fault: Fault) -> None:
        armed = _Armed(fault)
        if fault.trigger != "time":
            self._armed[venue.name].append(armed)
            return
        first = fault.at_s if fault.at_s is not None else fault.every_s
        assert first is not None
        venue.scheduler.call_later(first, lambda: self._by_time(venue, armed))

    def _by_time(self, venue: SimulatedVenue, armed: _Armed) -> None:
        fault = armed.fault
        armed.fired += 1
        self._note(venue, fault, "time")
        self._act(venue, fault)
        venue.publish()
        if fault.every_s is not None and (not fault.most or armed.fired < fault.most):
            venue.scheduler.call_later(fault.every_s, lambda: self._by_time(venue, armed))

    def _set_off(
        self, venue: SimulatedVenue, trigger: str, where: str, symbol: str
    ) -> Sequence[Fault]:
        struck = []
        for armed in self._armed.get(venue.name, ()):
            fault = armed.fault
            pattern = fault.request if trigger == "request" else fault.channel
            if fault.trigger != trigger or not fnmatchcase(where, pattern):
                continue
            if trigger == "frame" and fault.symbol not in ("", symbol):
                continue
            armed.met += 1
            if self._strikes(armed):
                armed.fired += 1
                self._note(venue, fault, f"{where} {symbol}".strip())
                struck.append(fault)
        return struck

    def _strikes(self, armed: _Armed) -> bool:
        fault = armed.fault
        if fault.most and armed.fired >= fault.most * max(fault.count, 1):
            return False
        if fault.chance:
            return self._draw.random() < fault.chance
        if fault.every:
            return armed.met % fault.every == 0
        # `count` frames in a row are lost by one gap
        return armed.met >= (fault.nth or 1)

    def _note(self, venue: SimulatedVenue, fault: Fault, where: str) -> None:
        now_ns = venue.scheduler.now_ns
        self.fired.append(Fired(now_ns, fault.fault, venue.name, where, fault.line))

    def _act(self, venue: SimulatedVenue, fault: Fault) -> None:
        until_ns = venue.scheduler.now_ns + int(fault.seconds * SECOND_NS)
        match fault.fault:
            case "mute":
                self._muted.append((venue, fault, until_ns))
            case "freeze":
                venue.subscriptions.pause(until_ns)
            case "disconnect":
                venue.subscriptions.abort_all()
            case "maintenance":
                self._maintained_until[venue.name] = until_ns
            case "partial_fill" | "async_reject":
                venue.armed_orders.append(lambda engine: _arm_order(engine, fault))
            case "late_fill":
                venue.armed_cancels.append(lambda engine: _arm_cancel(venue, engine, fault))
            case _:
                _change(venue, fault)

    def _is_muted(self, venue: SimulatedVenue, topic: StreamTopic, symbol: str) -> bool:
        now_ns = venue.scheduler.now_ns
        self._muted = [each for each in self._muted if now_ns < each[2]]
        return any(
            muted is venue
            and fnmatchcase(topic.channel.value, fault.channel or "*")
            and fault.symbol in ("", symbol)
            for muted, fault, _ in self._muted
        )


def _arm_order(engine: MatchingEngine, fault: Fault) -> None:
    if fault.fault == "partial_fill":
        engine.faults.fill_next_partly(ACCOUNT, Decimal(str(fault.ratio)))
    else:
        engine.faults.reject_next(ACCOUNT, RejectReason(fault.reason))


def _arm_cancel(venue: SimulatedVenue, engine: MatchingEngine, fault: Fault) -> None:
    engine.faults.hold_next_cancel(ACCOUNT)

    def finish() -> None:
        for order in engine.view.open_orders(ACCOUNT):
            if order.cancelling:
                ratio = Decimal(str(fault.ratio))
                engine.faults.finish_cancel(venue.scheduler.now_ns, order.order_id, ratio)
        venue.publish()

    venue.scheduler.call_later(fault.seconds, finish)


def _change(venue: SimulatedVenue, fault: Fault) -> None:
    """What stays as it was made."""
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
            _relist(venue, fault)
        case "fees":
            _charge(venue, fault)
        case "restart_numbers":
            _restart_numbers(venue, fault)


def _restart_numbers(venue: SimulatedVenue, fault: Fault) -> None:
    for engine in venue.engines:
        for listing in engine.view.listings():
            if fault.symbol in ("", listing.instrument.id.symbol):
                engine.faults.restart_numbers(listing.instrument.id)


def _charge(venue: SimulatedVenue, fault: Fault) -> None:
    """Other rates, and an asset that pays: the test account is given some of it."""
    maker, taker = (Decimal(each) if each else None for each in (fault.maker, fault.taker))
    for engine in venue.engines:
        if fault.asset:
            engine.deposit(venue.scheduler.now_ns, ACCOUNT, fault.asset, _FEE_MONEY)
            for quote in {each.quote for each in engine.view.listings()}:
                engine.set_asset_price(fault.asset, quote, reference_price(fault.asset))
        engine.faults.charge(fault.asset, maker, taker)


def _relist(venue: SimulatedVenue, fault: Fault) -> None:
    for engine in venue.engines:
        for listing in engine.view.listings():
            if fault.symbol in ("", listing.instrument.id.symbol):
                engine.change_listing(venue.scheduler.now_ns, _changed(listing, fault))


def _changed(listing: Listing, fault: Fault) -> Listing:
    instrument = listing.instrument
    if fault.tick:
        instrument = replace(instrument, tick_size=Decimal(fault.tick))
    if fault.lot:
        instrument = replace(instrument, lot_step=Decimal(fault.lot))
    return replace(listing, instrument=instrument, status=ListingStatus(fault.listing))
