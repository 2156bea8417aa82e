"""Signals: the indicator catalogue, its rules, strategy specs and strategy plugins."""

from __future__ import annotations

from bowline.core.signals.catalogue import Catalogue, Indicator, Kind, Parameter, Value
from bowline.core.signals.frame import History, Opinion, SignalFrame, frame_of
from bowline.core.signals.indicators import compute, signal, warmup
from bowline.core.signals.opinion import MIN_WARMUP, WARMUP_RULE, opinion_of
from bowline.core.signals.spec import (
    BUILTIN_DEFAULTS,
    SpecDefaults,
    StrategySpec,
    beyond_close_fills,
    canonical_json,
    content_of,
    document_of,
    instrument_of,
    policy_of,
    spec_json,
    strategy_id,
    strategy_name,
)
from bowline.core.signals.spec_reading import parse_spec
from bowline.core.signals.strategy import (
    PluginFailure,
    RegisteredStrategy,
    Strategies,
    Strategy,
    register,
)

__all__ = [
    "BUILTIN_DEFAULTS",
    "MIN_WARMUP",
    "WARMUP_RULE",
    "Catalogue",
    "History",
    "Indicator",
    "Kind",
    "Opinion",
    "Parameter",
    "PluginFailure",
    "RegisteredStrategy",
    "SignalFrame",
    "SpecDefaults",
    "Strategies",
    "Strategy",
    "StrategySpec",
    "Value",
    "beyond_close_fills",
    "canonical_json",
    "compute",
    "content_of",
    "document_of",
    "frame_of",
    "instrument_of",
    "opinion_of",
    "parse_spec",
    "policy_of",
    "register",
    "signal",
    "spec_json",
    "strategy_id",
    "strategy_name",
    "warmup",
]
