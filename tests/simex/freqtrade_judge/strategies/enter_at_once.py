"""What freqtrade is told to do: be in every pair, with a stop, and leave when it is asked to.

It runs inside freqtrade's own environment. It must never depend on what prices do.
"""

from __future__ import annotations

from freqtrade.strategy import IStrategy
from pandas import DataFrame

#: the pair that is sold short where that can be done; all others are bought
_SHORT = "ETH"


class EnterAtOnce(IStrategy):
    """Every candle is a signal to enter, none is one to exit."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    process_only_new_candles = False
    startup_candle_count = 1
    stoploss = -0.06
    minimal_roi = {"0": 100}  # noqa: RUF012 - freqtrade reads it from the class

    def leverage(self, **words: object) -> float:
        """Whole, so that no venue has to round it."""
        return 3.0

    def populate_indicators(self, dataframe: DataFrame, metadata: dict[str, str]) -> DataFrame:
        """None."""
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict[str, str]) -> DataFrame:
        """Now."""
        short = self.can_short and metadata["pair"].startswith(_SHORT)
        dataframe["enter_short" if short else "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict[str, str]) -> DataFrame:
        """Never."""
        return dataframe


class EnterBothWays(EnterAtOnce):
    """The same for perpetuals."""

    can_short = True
