"""The thin shell around the engine: feeds, and the loop that is its only writer."""

from bowline.runtime.feed import Feed, ReplayFeed
from bowline.runtime.loop import Audited, Loop, audit, read_state

__all__ = ["Audited", "Feed", "Loop", "ReplayFeed", "audit", "read_state"]
