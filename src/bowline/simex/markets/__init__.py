"""Where the simulated world's prices come from: made up from a seed, or recorded."""

from bowline.simex.markets.replay import ReplayedCandles
from bowline.simex.markets.source import MarketSource
from bowline.simex.markets.synthetic import SyntheticMarket
from bowline.simex.markets.taped import ReplayedTape

__all__ = ["MarketSource", "ReplayedCandles", "ReplayedTape", "SyntheticMarket"]
