"""The fields of requests to OKX: its parameters, its market, its instrument."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from bowline.core.sim.exchange import Rejection, RejectReason
from bowline.core.venue import Listing
from bowline.simex.dialects.okx.errors import FIELDS, error_for, wrong
from bowline.simex.dialects.okx.render import code_of
from bowline.simex.payload import read_json, text_fields
from bowline.simex.venue import SimulatedVenue
from bowline.simex.venue_api import ApiCall

Fields = dict[str, str]
_Each = TypeVar("_Each")
#: `instType` -> our kind; what is not here is not simulated
KINDS = {"SPOT": "spot", "SWAP": "linear"}


def rows_of(call: ApiCall) -> list[Fields]:
    """The objects of a body that is a list, or one object."""
    read = read_json(call.body or b"[]")
    rows = read if isinstance(read, list) else [read]
    return [text_fields(each) for each in rows if isinstance(each, dict)]


def listed(venue: SimulatedVenue) -> list[Listing]:
    """Both markets."""
    return venue.listings("spot") + venue.listings("linear")


def find(venue: SimulatedVenue, fields: Fields) -> Listing | None:
    """By `instId`, or over the socket by `instIdCode`."""
    code = fields.get("instIdCode", "")
    for listing in listed(venue):
        matches = listing.venue_symbol == fields.get("instId")
        if matches or (code and code == str(code_of(listing))):
            return listing
    return None


def listing_in(call: ApiCall, fields: Fields) -> Listing:
    """The instrument that must be there."""
    if not fields.get("instId") and not fields.get("instIdCode"):
        raise wrong("instId")
    listing = find(call.venue, fields)
    if listing is None:
        raise error_for(Rejection(RejectReason.UNKNOWN_INSTRUMENT))
    return listing


def requested_listings(call: ApiCall, fields: Fields) -> list[Listing]:
    """Those of `instType` and `instId`, of what is said; several may be named."""
    kind, names = KINDS.get(fields.get("instType", "")), fields.get("instId", "")
    if fields.get("instType") not in (None, "", "ANY", *KINDS):
        return []
    found = listed(call.venue) if kind is None else call.venue.listings(kind)
    wanted = set(filter(None, names.split(",")))
    return [each for each in found if not wanted or each.venue_symbol in wanted]


def page(
    rows: Iterable[tuple[int, _Each]], fields: Fields, most: int, usual: int | None = None
) -> list[_Each]:
    """The newest first: those numbered below `after` and above `before`."""
    before, after = FIELDS.integer(fields, "before", -1), FIELDS.integer(fields, "after", 1 << 63)
    limit = FIELDS.limit(fields, "limit", usual or most, most)
    found = [(number, each) for number, each in rows if before < number < after]
    found.sort(key=lambda row: row[0], reverse=True)
    return [each for _, each in found[:limit]]
