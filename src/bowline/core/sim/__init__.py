"""From orders to fills without a venue, and the driver that every life shares."""

from bowline.core.sim.close_fill import CloseFillSimulator
from bowline.core.sim.driver import Driver, Executor, Record
from bowline.core.sim.simulation import Opinions, Simulation

__all__ = ["CloseFillSimulator", "Driver", "Executor", "Opinions", "Record", "Simulation"]
