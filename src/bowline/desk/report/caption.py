"""What a report is about, in names and words that come from outside of the run."""

from __future__ import annotations

from msgspec import Struct

from bowline.core.signals import StrategySpec, strategy_name
from bowline.core.signals.spec import PluginUse


class Caption(Struct, frozen=True):
    """`strategy` is its name, `rules` a line each, `source` where the candles came from.

    `instrument` is how the market is called; empty is the name the instrument has itself. All of
    it may be hostile text: whoever prints it must escape it.
    """

    strategy: str
    rules: tuple[str, ...] = ()
    source: str = ""
    instrument: str = ""


def caption_of(spec: StrategySpec, source: str) -> Caption:
    """The words for a run of `spec`: its name, and its rules with their parameters."""
    uses = (spec.rules,) if isinstance(spec.rules, PluginUse) else spec.rules
    rules = tuple(
        f"{use.id} ({', '.join(f'{name} {value}' for name, value in use.params)})" for use in uses
    )
    return Caption(strategy_name(spec), rules, source)
