"""Simulated venues: servers that speak the exchanges' own REST and WebSocket.

It knows nothing of `venues/`: the two ends of a wire share no code, or they would share mistakes.
"""

from bowline.simex.coins import Coin, coin_of
from bowline.simex.dialects import DIALECTS
from bowline.simex.fault_script import Fault, read_script
from bowline.simex.faults import Faults, Fired
from bowline.simex.floor import ACCOUNT
from bowline.simex.keys import Keys
from bowline.simex.markets import MarketSource, ReplayedCandles, ReplayedTape, SyntheticMarket
from bowline.simex.scheduler import AcceleratedClock, SimulationClock, VirtualClock, WallClock
from bowline.simex.server import Address, serve
from bowline.simex.world import World

__all__ = [
    "ACCOUNT",
    "DIALECTS",
    "AcceleratedClock",
    "Address",
    "Coin",
    "Fault",
    "Faults",
    "Fired",
    "Keys",
    "MarketSource",
    "ReplayedCandles",
    "ReplayedTape",
    "SimulationClock",
    "SyntheticMarket",
    "VirtualClock",
    "WallClock",
    "World",
    "coin_of",
    "read_script",
    "serve",
]
