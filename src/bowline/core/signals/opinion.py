"""The signals of a spec: all of its rules must agree, or its plugin decides alone.

It must use no candles but those it is given, and keeps nothing between two calls.

1. For each candle and rule: does the long side hold, does the short side hold?
2. LONG where every rule is LONG, SHORT where every rule is SHORT, else NEUTRAL.
3. Where the long sides of all rules hold and the short sides of all do too, the signal is NEUTRAL
   and the candle is counted as conflicting.
4. The first signal is at the first candle by which every rule has had a value.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from bowline.core.model.market import CandleFrame
from bowline.core.model.values import Timeframe
from bowline.core.signals import indicators
from bowline.core.signals.catalogue import Catalogue, Indicator, Value
from bowline.core.signals.frame import Opinion, SignalFrame, frame_of
from bowline.core.signals.spec import PluginUse, StrategySpec
from bowline.core.signals.strategy import Strategies, plugin_opinion

#: fewest candles before the first decision of a run
MIN_WARMUP = 200
#: the rule for `Opinion.warmup`, recorded in the metadata of every run
WARMUP_RULE = "longest_rule_least_200_v1"


class Agreement(Struct, frozen=True):
    """The signals of indicators that must all agree, with their parameters."""

    rules: tuple[tuple[Indicator, Mapping[str, Value]], ...]
    timeframe: Timeframe

    @property
    def warmup(self) -> int:
        """The longest warm-up of any rule, at least `MIN_WARMUP`."""
        asked = [indicators.warmup(rule, params, self.timeframe) for rule, params in self.rules]
        return max(MIN_WARMUP, *asked)

    def signals(self, candles: CandleFrame) -> SignalFrame:
        """One row per candle."""
        all_long = np.ones(len(candles), dtype=np.bool_)
        all_short = all_long.copy()
        agreed_long, agreed_short = all_long.copy(), all_long.copy()
        first = 0
        for rule, params in self.rules:
            long, short, known = indicators.sides(rule, params, candles)
            first = max(first, indicators.first_row(known))
            agreed_long &= long & ~short
            agreed_short &= short & ~long
            all_long &= long
            all_short &= short
        direction = agreed_long.astype(np.int8) - agreed_short.astype(np.int8)
        return frame_of(direction, int(np.count_nonzero(all_long & all_short)), first)


def opinion_of(spec: StrategySpec, catalogue: Catalogue, strategies: Strategies) -> Opinion:
    """The signals of a spec that was parsed with this catalogue and these plugins."""
    if isinstance(spec.rules, PluginUse):
        entry = strategies.get(spec.rules.id)
        if entry.code != spec.rules.code:
            raise ValueError(f"the spec was made with different code of {spec.rules.id}")
        return plugin_opinion(entry, dict(spec.rules.params), MIN_WARMUP)
    rules = tuple((catalogue.get(use.id), dict(use.params)) for use in spec.rules)
    return Agreement(rules, spec.timeframe)
