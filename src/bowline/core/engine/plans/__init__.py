"""Plans at work: what comes next for a wish, an order at a time. None has a rule about money."""

from bowline.core.engine.plans.carry import advance, begin
from bowline.core.engine.plans.guard import guard
from bowline.core.engine.plans.send import cancel, look_up_again, look_up_soon

__all__ = ["advance", "begin", "cancel", "guard", "look_up_again", "look_up_soon"]
