"""Simulated venues: servers that speak the exchanges' own REST and WebSocket.

It knows nothing of `venues/`: the two ends of a wire share no code, or they would share mistakes.
"""

from bowline.simex.credentials import ApiCredentials
from bowline.simex.dialects import DIALECTS
from bowline.simex.fault_injector import FaultInjector, FiredFault
from bowline.simex.fault_script import FaultRule, read_fault_script
from bowline.simex.markets import MarketSource, ReplayedCandles, ReplayedTape, SyntheticMarket
from bowline.simex.scheduler import AcceleratedClock, SimulationClock, VirtualClock, WallClock
from bowline.simex.server import Address, serve
from bowline.simex.simulator import VenueSimulator
from bowline.simex.symbol_specs import SymbolSpec, symbol_spec
from bowline.simex.venue import ACCOUNT

__all__ = [
    "ACCOUNT",
    "DIALECTS",
    "AcceleratedClock",
    "Address",
    "ApiCredentials",
    "FaultInjector",
    "FaultRule",
    "FiredFault",
    "MarketSource",
    "ReplayedCandles",
    "ReplayedTape",
    "SimulationClock",
    "SymbolSpec",
    "SyntheticMarket",
    "VenueSimulator",
    "VirtualClock",
    "WallClock",
    "read_fault_script",
    "serve",
    "symbol_spec",
]
