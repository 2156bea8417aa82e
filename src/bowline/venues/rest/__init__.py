"""Venues over REST: one adapter for all venues, and a table of differences per venue.

ccxt builds and signs the requests; none of its types leave this package.
"""

from bowline.venues.rest.client import TESTNET, Credentials
from bowline.venues.rest.venue import RestVenue

__all__ = ["TESTNET", "Credentials", "RestVenue"]
