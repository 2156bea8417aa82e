"""Where the prices of a simulation come from: generated from a seed, or recorded."""

from bowline.simex.markets.candle_replay import ReplayedCandles
from bowline.simex.markets.source import MarketSource
from bowline.simex.markets.synthetic import SyntheticMarket
from bowline.simex.markets.tape_replay import ReplayedTape

__all__ = ["MarketSource", "ReplayedCandles", "ReplayedTape", "SyntheticMarket"]
