"""Venues over REST: one adapter for all, a table for what each does its own way.

ccxt makes and signs the requests; nothing of it passes this room.
"""

from bowline.venues.rest.asking import least_notional
from bowline.venues.rest.client import TESTNET, Credentials
from bowline.venues.rest.venue import RestVenue

__all__ = ["TESTNET", "Credentials", "RestVenue", "least_notional"]
