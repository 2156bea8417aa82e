"""The thin shell around the engine: feeds, and the loop that is its only writer."""

from bowline.runtime.feed import Feed, ReplayFeed
from bowline.runtime.loop import Loop

__all__ = ["Feed", "Loop", "ReplayFeed"]
