"""A strategy spec as immutable content: its canonical text, its id and its name.

Nothing here may depend on when, where or by whom a spec was written: equal content has an equal id
for ever, and any change is another strategy. `spec_reading` reads a spec from a document.

1. A spec contains everything that decides: every parameter is written out, numbers are exact,
   plugin code is included by its hash. Costs and limits may be left open until a run is made.
2. Its canonical text is JSON with sorted keys, no blanks, and numbers without trailing zeros or
   exponents. Rules are sorted, because their order does not matter.
3. Its id is the SHA-256 of that text; its name is made of the content and the beginning of the id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from bowline.core.errors import BadInput
from bowline.core.model.instrument import (
    InstrumentId,
    Market,
    market_by_id,
    market_by_name,
)
from bowline.core.model.policy import (
    Costs,
    DirectionMode,
    Fills,
    FirstSignal,
    Limits,
    Margin,
    Policy,
    RiskPct,
    Sizing,
    Stops,
)
from bowline.core.model.values import StrategyId, Timeframe, to_decimals
from bowline.core.signals.catalogue import Value
from bowline.core.symbols import symbol_of

SPEC_VERSION = 1
#: characters of the id at the end of a name
NAME_HASH_CHARS = 8
#: most rules in a name
NAMED_RULES = 3
#: the only markets with leverage: perpetuals settled in the quote currency
LEVERAGED_KIND = "linear"

Number = TypeVar("Number", Decimal, int)
#: names and values, in the order of the catalogue or the plugin
Params = tuple[tuple[str, Value], ...]


class IndicatorUse(Struct, frozen=True):
    """An indicator of the catalogue at one version, every parameter written out."""

    id: str
    version: int
    params: Params


class PluginUse(Struct, frozen=True):
    """A strategy plugin with the SHA-256 of its code, every parameter written out."""

    id: str
    version: int
    code: str
    params: Params


class SpecCosts(Struct, frozen=True):
    """Costs in percent; None is decided when a run is made."""

    fee_pct: Decimal | None = None
    slippage_pct: Decimal | None = None


class SpecLimits(Struct, frozen=True):
    """Limits on entries, 0 is off; None is decided when a run is made."""

    daily_loss_pct: Decimal | None = None
    cooldown_candles: int | None = None


class SpecDefaults(Struct, frozen=True):
    """Values for what a spec leaves open; without a fee it is that of the run's market."""

    fee_pct: Decimal | None = None
    slippage_pct: Decimal = Decimal("0.01")
    limits: Limits = Limits()


#: defaults without any setting
BUILTIN_DEFAULTS = SpecDefaults()


class StrategySpec(Struct, frozen=True):
    """StrategySpec v1. `rules` are indicators that must all agree, or one plugin.

    A default of a field added later is its meaning in specs saved before.
    """

    timeframe: Timeframe
    direction: DirectionMode
    rules: tuple[IndicatorUse, ...] | PluginUse
    sizing: Sizing
    stops: Stops = Stops()
    costs: SpecCosts = SpecCosts()
    limits: SpecLimits = SpecLimits()
    instrument: InstrumentId | None = None
    fills: Fills = Fills.CLOSE
    funding: bool = False
    margin: Margin | None = None
    first_signal: FirstSignal = FirstSignal.ENTER


def document_of(spec: StrategySpec) -> dict[str, Any]:
    """The spec as a document for people, which reads back as the same spec.

    `first_signal` is always included: its default differs between new and saved specs.
    """
    return content_of(spec) | {"first_signal": spec.first_signal.value}


def content_of(spec: StrategySpec) -> dict[str, Any]:
    """The spec as plain values: what is saved, and what its id is computed from.

    Fields that were added later are left out if not used, so that ids never change.
    """
    document: dict[str, Any] = {
        "version": SPEC_VERSION,
        "timeframe": spec.timeframe.value,
        "direction": spec.direction.value,
    }
    if spec.instrument is not None:
        market = market_by_id(spec.instrument.market_id)
        document["instrument"] = {"market": market.name, "symbol": spec.instrument.symbol}
    if isinstance(spec.rules, PluginUse):
        document["strategy"] = _use(spec.rules) | {"code": spec.rules.code}
    else:
        document["indicators"] = [_use(rule) for rule in spec.rules]
    document["sizing"] = _written(msgspec.to_builtins(spec.sizing, builtin_types=(Decimal,)))
    for name in ("stops", "costs", "limits"):
        section = _written(msgspec.to_builtins(getattr(spec, name), builtin_types=(Decimal,)))
        if section:
            document[name] = section
    if spec.fills is not Fills.CLOSE:
        document["fills"] = spec.fills.value
    if spec.funding:
        document["funding"] = True
    if spec.margin is not None:
        margin = msgspec.to_builtins(spec.margin, builtin_types=(Decimal,))
        document["margin"] = _written(margin)
    if spec.first_signal is not FirstSignal.ENTER:
        document["first_signal"] = spec.first_signal.value
    return document


def canonical_json(spec: StrategySpec) -> bytes:
    """The canonical text of this content, in UTF-8."""
    return spec_json(content_of(spec))


def spec_json(document: Mapping[str, Any]) -> bytes:
    """Plain values as JSON with sorted keys, numbers without exponents, in UTF-8."""
    return msgspec.json.encode(_plain_numbers(document), order="sorted")


def strategy_id(spec: StrategySpec) -> StrategyId:
    """SHA-256 of the canonical text, in hex."""
    return StrategyId(hashlib.sha256(canonical_json(spec)).hexdigest())


def strategy_name(spec: StrategySpec) -> str:
    """A name for people: `sma_cross-10-50 1h long-short sl1.5 tp3 3f9a2c1b`."""
    uses = (spec.rules,) if isinstance(spec.rules, PluginUse) else spec.rules
    shown = "+".join(
        "-".join((use.id, *(_shown(value) for _, value in use.params)))
        for use in uses[:NAMED_RULES]
    )
    more = f"+{len(uses) - NAMED_RULES}more" if len(uses) > NAMED_RULES else ""
    parts = [f"{shown}{more}", spec.timeframe.value, spec.direction.value]
    if spec.stops.sl_pct is not None:
        parts.append(f"sl{_shown(spec.stops.sl_pct)}")
    if spec.stops.tp_pct is not None:
        parts.append(f"tp{_shown(spec.stops.tp_pct)}")
    if spec.fills is not Fills.CLOSE:
        parts.append(spec.fills.value)
    if spec.funding:
        parts.append("funding")
    if spec.margin is not None:
        parts.append(f"x{_shown(spec.margin.leverage)}")
    return " ".join((*parts, strategy_id(spec)[:NAME_HASH_CHARS]))


def beyond_close_fills(spec: StrategySpec) -> tuple[str, ...]:
    """The fields of the spec that a sweep's kernel does not support, as they are written."""
    asked = {
        f"fills: {spec.fills.value}": spec.fills is not Fills.CLOSE,
        "funding: true": spec.funding,
        "margin": spec.margin is not None,
        "sizing: {mode: risk_pct}": isinstance(spec.sizing, RiskPct),
    }
    return tuple(words for words, is_asked in asked.items() if is_asked)


def policy_of(
    spec: StrategySpec, market: Market, defaults: SpecDefaults = BUILTIN_DEFAULTS
) -> Policy:
    """The policy of a run of this spec on `market`, with costs and limits decided.

    BadInput for a margin on anything but perpetuals.
    """
    if spec.margin is not None and market.kind != LEVERAGED_KIND:
        raise BadInput(
            f"margin: {market.name} has no leverage: only perpetuals do",
            hint="name a linear market, such as binance:linear, or leave margin out of the spec",
        )
    fee = _first(spec.costs.fee_pct, defaults.fee_pct, market.taker_fee_pct)
    slippage = _first(spec.costs.slippage_pct, defaults.slippage_pct)
    limits = Limits(
        _first(spec.limits.daily_loss_pct, defaults.limits.daily_loss_pct),
        _first(spec.limits.cooldown_candles, defaults.limits.cooldown_candles),
    )
    costs = Costs(fee, slippage)
    stops, sizing = spec.stops, spec.sizing
    beyond = spec.fills, spec.funding, spec.margin
    return Policy(
        spec.direction, stops, sizing, costs, limits, *beyond, first_signal=spec.first_signal
    )


def instrument_of(
    spec: StrategySpec, market: str | None = None, symbol: str | None = None
) -> InstrumentId:
    """The instrument of a run of this spec: its own, or `market` (`venue:kind`) and `symbol`.

    BadInput if either is missing, or there is no such market.
    """
    own = spec.instrument
    missing = [f"--{name}" for name, asked in (("market", market), ("symbol", symbol)) if not asked]
    if own is None and missing:
        verb = "are" if len(missing) > 1 else "is"
        raise BadInput(
            f"the spec names no instrument, and {' and '.join(missing)} {verb} not given",
            hint="give --market binance:spot --symbol BTCUSDT, or write "
            "instrument: {market: binance:spot, symbol: BTCUSDT} in the spec",
        )
    try:
        asked_id = market_by_name(market).market_id if market else None
        symbol = symbol_of(symbol) if symbol else None
    except ValueError as error:
        raise BadInput(str(error)) from None
    market_id = asked_id or (own.market_id if own else None)
    name = symbol or (own.symbol if own else None)
    assert market_id is not None
    assert name is not None
    return InstrumentId(market_id, name)


def plain_decimal(value: Decimal) -> Decimal:
    """The same number without trailing zeros and exponent: 1.50 is 1.5, 1E+2 is 100."""
    reduced = value.normalize()
    exponent = reduced.as_tuple().exponent
    if isinstance(exponent, int) and exponent > 0:
        return reduced.quantize(Decimal(1))
    return abs(reduced) if reduced.is_zero() else reduced


def _plain_numbers(value: object) -> object:
    """The same document with its Decimals as JSON numbers without exponents."""
    match value:
        case dict():
            return {key: _plain_numbers(each) for key, each in value.items()}
        case list():
            return [_plain_numbers(each) for each in value]
        case Decimal():
            return msgspec.Raw(f"{value:f}".encode())
    return value


def _first(*said: Number | None) -> Number:
    """The first value that is not None; the last one never is."""
    return next(each for each in said if each is not None)


def _use(use: IndicatorUse | PluginUse) -> dict[str, Any]:
    params = {name: _exact(value) for name, value in use.params}
    return {"id": use.id, "version": use.version, "params": params}


def _exact(value: Value) -> int | str | Decimal:
    return plain_decimal(to_decimals((value,))[0]) if isinstance(value, float) else value


def _written(section: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are set, with numbers in their plain form."""
    return {
        name: plain_decimal(value) if isinstance(value, Decimal) else value
        for name, value in section.items()
        if value is not None
    }


def _shown(value: Value | Decimal) -> str:
    exact = _exact(value) if not isinstance(value, Decimal) else plain_decimal(value)
    return f"{exact:f}" if isinstance(exact, Decimal) else str(exact)
