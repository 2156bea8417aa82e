"""Gate API v4: a spot account and a futures account, REST, and a stream for each."""

from bowline.simex.dialects.gate.dialect import GateDialect

__all__ = ["GateDialect"]
