"""The thin shell around the engine: feeds, and the loop that is its only writer."""

from bowline.runtime.feed import Feed, ReplayFeed
from bowline.runtime.loop import Loop, Venue, read_state

__all__ = ["Feed", "Loop", "ReplayFeed", "Venue", "read_state"]
