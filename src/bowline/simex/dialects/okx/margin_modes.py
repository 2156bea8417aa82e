"""OKX's margin modes: every order names one, and each mode has its own leverage.

The simulated account has one mode an instrument at a time; it changes while flat.
"""

from __future__ import annotations

from decimal import Decimal

from bowline.core.model.instrument import InstrumentId
from bowline.core.sim.exchange import Rejection, RejectReason
from bowline.core.venue import Listing, MarginMode
from bowline.simex.dialects.okx.errors import error_for, wrong
from bowline.simex.dialects.okx.render import MARGIN_MODES, kind_of
from bowline.simex.venue import dialect_state
from bowline.simex.venue_api import ApiCall
from bowline.simex.wire_values import plain

_MODES = {word: mode for mode, word in MARGIN_MODES.items()}


class Leverages:
    """The leverage of each instrument in each margin mode that was ever set."""

    def __init__(self) -> None:
        self.of: dict[tuple[InstrumentId, str], Decimal] = {}


def mode_in(word: str) -> MarginMode:
    """Cross or isolated."""
    if word not in _MODES:
        raise wrong("mgnMode")
    return _MODES[word]


def use_mode(call: ApiCall, listing: Listing, word: str) -> None:
    """Trade the instrument in this mode from now on."""
    if kind_of(listing.instrument.id) == "spot":
        if word not in ("cash", *_MODES):
            raise wrong("tdMode")
        return
    if word not in _MODES:
        raise wrong("tdMode")
    instrument = listing.instrument.id
    settings = call.venue.view("linear").settings(call.account, instrument)
    if settings.margin_mode is _MODES[word]:
        return
    _order_or_raise(call.venue.set_margin_mode(call.account, instrument, _MODES[word]))
    kept = _kept(call).get((instrument, word), settings.leverage)
    _order_or_raise(call.venue.set_leverage(call.account, instrument, kept))


def set_leverage(call: ApiCall, listing: Listing, word: str, leverage: Decimal) -> None:
    """Of this mode; the other keeps its own."""
    instrument, mode = listing.instrument.id, mode_in(word)
    if leverage < 1 or leverage > (listing.max_leverage or leverage):
        raise error_for(Rejection(RejectReason.LEVERAGE_TOO_HIGH))
    settings = call.venue.view("linear").settings(call.account, instrument)
    other = MARGIN_MODES[settings.margin_mode]
    _kept(call).setdefault((instrument, other), settings.leverage)
    if settings.margin_mode is mode:
        _order_or_raise(call.venue.set_leverage(call.account, instrument, leverage))
    _kept(call)[instrument, word] = leverage


def leverage_of(call: ApiCall, listing: Listing, word: str) -> str:
    """The leverage of a mode."""
    settings = call.venue.view("linear").settings(call.account, listing.instrument.id)
    if settings.margin_mode is mode_in(word):
        return plain(settings.leverage)
    return plain(_kept(call).get((listing.instrument.id, word), settings.leverage))


def _kept(call: ApiCall) -> dict[tuple[InstrumentId, str], Decimal]:
    return dialect_state(call.venue, Leverages).of


def _order_or_raise(refused: Rejection | None) -> None:
    if refused is not None and refused.reason is not RejectReason.NOT_MODIFIED:
        raise error_for(refused)
