"""Plans at work: what comes next for a wish, an order at a time. None has a rule about money."""

from bowline.core.engine.plans.carry import advance, begin
from bowline.core.engine.plans.guard import guard

__all__ = ["advance", "begin", "guard"]
