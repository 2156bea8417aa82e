"""The fields of requests to Binance: its parameters, its market, its symbol.

Parameters come in the query or in a form, over the WebSocket API as JSON; here they are one.
"""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import parse_qsl

from bowline.core.model.instrument import InstrumentId, market_by_id
from bowline.core.sim.exchange import Rejection, RejectReason
from bowline.core.venue import Listing
from bowline.simex.dialects.binance.errors import FIELDS, error_for, missing
from bowline.simex.venue_api import ApiCall

Fields = dict[str, str]


def fields_of(call: ApiCall) -> Fields:
    """Query and form together."""
    form = parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True)
    return call.query | dict(form)


def kind_of(call: ApiCall) -> str:
    """The market that a path belongs to."""
    return "spot" if call.path.startswith("/api/") else "linear"


def market_of(instrument: InstrumentId) -> str:
    """`spot` or `linear`."""
    return market_by_id(instrument.market_id).kind


def listing_in(call: ApiCall, fields: Fields) -> Listing:
    """The symbol that must be there."""
    if not fields.get("symbol"):
        raise missing("symbol")
    kind = kind_of(call)
    listing = call.venue.listing_by_symbol(kind, fields["symbol"])
    if listing is None:
        raise error_for(kind, Rejection(RejectReason.UNKNOWN_INSTRUMENT))
    return listing


def listings_in(call: ApiCall, fields: Fields) -> list[Listing]:
    """The one that is named, or all."""
    if fields.get("symbol"):
        return [listing_in(call, fields)]
    return call.venue.listings(kind_of(call))


def number_in(fields: Fields, name: str) -> Decimal:
    """A number above 0 that must be there."""
    number = FIELDS.decimal(fields, name)
    if number is None or number <= 0:
        raise missing(name)
    return number


def limit_in(fields: Fields, usual: int, most: int) -> int:
    """The length of a list."""
    return FIELDS.limit(fields, "limit", usual, most)


def window_in(fields: Fields) -> tuple[int, int]:
    """`startTime` and `endTime` in milliseconds, both included."""
    return FIELDS.window(fields, "startTime", "endTime")
