"""The grid engine: many variants of one strategy on one market, without one Python object each."""

from bowline.research.grid.kernel import evaluate, evaluate_daily, instruction_set
from bowline.research.grid.tape import Convention, Outcome, Rules, SignalBank, Tape

__all__ = [
    "Convention",
    "Outcome",
    "Rules",
    "SignalBank",
    "Tape",
    "evaluate",
    "evaluate_daily",
    "instruction_set",
]
