"""Our own formulas, for what TA-Lib lacks or defines differently.

Each takes columns of one length and then its parameters, and returns a tuple of columns of that
length. None may raise for a short or constant frame or one without volume, and none may look ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bowline.core.signals.formulas import averages, channels, days, flows, oscillators

FORMULAS: dict[str, Callable[..., tuple[Any, ...]]] = {
    formula.__name__: formula
    for formula in (
        averages.alligator,
        averages.alma,
        averages.line_end,
        averages.line_next,
        averages.mcginley,
        averages.simple,
        averages.super_smoother,
        averages.triangular,
        averages.vidya,
        averages.vwema,
        averages.vwma,
        channels.atr_stop,
        channels.bollinger_position,
        channels.chande_kroll,
        channels.chandelier,
        channels.deviation_channel,
        channels.donchian,
        channels.envelope,
        channels.ichimoku,
        channels.keltner,
        channels.keltner_typical,
        channels.squeeze,
        channels.starc,
        days.pivot_points,
        days.session_vwap,
        flows.anchored_vwap,
        flows.chaikin_flow,
        flows.ease_of_movement,
        flows.garman_klass,
        flows.historical_volatility,
        flows.klinger,
        flows.money_flow,
        flows.parkinson,
        flows.r_squared,
        flows.relative_volume,
        flows.rogers_satchell,
        flows.rolling_vwap,
        flows.volume_correlation,
        flows.z_score,
        oscillators.choppiness,
        oscillators.connors_rsi,
        oscillators.fisher,
        oscillators.kst,
        oscillators.momentum_rate,
        oscillators.pretty_good,
        oscillators.psychological,
        oscillators.relative_vigor,
        oscillators.schaff,
        oscillators.stochastic_rsi,
        oscillators.ulcer,
        oscillators.wave_trend,
    )
}
