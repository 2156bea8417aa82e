"""From orders to fills without a venue."""

from bowline.core.sim.settle import settle
from bowline.core.sim.venue import SimVenue

__all__ = ["SimVenue", "settle"]
