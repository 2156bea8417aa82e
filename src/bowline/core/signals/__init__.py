"""From market to opinion: the indicator catalogue, its rules, strategy specs and strategies."""

from __future__ import annotations

from bowline.core.signals.catalogue import Catalogue, Indicator, Parameter
from bowline.core.signals.indicators import compute, signal, warmup

__all__ = ["Catalogue", "Indicator", "Parameter", "compute", "signal", "warmup"]
