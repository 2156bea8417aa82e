"""From opinion to orders: the step, the gate, the size, the plans and the state."""

from bowline.core.engine.levels import ExitLevels
from bowline.core.engine.state import AccountState, RunState, State, Wallet
from bowline.core.engine.step import STATE_FORM, Engine

__all__ = ["STATE_FORM", "AccountState", "Engine", "ExitLevels", "RunState", "State", "Wallet"]
