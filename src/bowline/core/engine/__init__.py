"""From opinion to orders: the step, the gate, the size, the plan and the ledger."""

from bowline.core.engine.ledger import ExitLevels, Ledger
from bowline.core.engine.step import Engine

__all__ = ["Engine", "ExitLevels", "Ledger"]
