"""freqtrade as a second judge of the simulated venues. It never runs as a part of the tests."""
